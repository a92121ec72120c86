"""A function in a process of its own, which is killed and replaced when it is late."""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import socket
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.reduction import ForkingPickler
from multiprocessing.spawn import get_executable
from tempfile import TemporaryFile
from typing import IO, Any

from .._clock import CURRENT
from .._errors import ConfigurationError
from ._line import Line
from ._outcome import KilledError, NotReadyError
from ._ticket import ticket

# a child that is asked to end, or has been killed, is gone in a moment
_GONE = 5.0
# with the parent's path, so that it finds what the parent finds
_BOOT = "import sys; sys.path[:] = sys.argv[3:]; from guardrails._calls._child import main; main()"


class StartError(ConfigurationError):
    """The child could not find the function; it names the exception that stopped it."""


class EndedError(RuntimeError):
    """The child ended before it answered: the function left it, crashed it, or somebody killed it."""


class InProcess:
    """Calls a function in a child process: the same arguments, the same answer or exception, sent as pickles.

    Each call has a child to itself; children are started when needed and reused. One that has not answered by the
    deadline in force is killed, and another is started in its place. One that is still starting is left to it.
    Context variables do not travel, but for the deadline.

    Args:
        fn: the function; found again by its name, or sent as it is.

    Raises:
        ConfigurationError: it cannot be sent.
    """

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        self._idle: deque[_Child] = deque()
        self._ticket = b""
        # whether there is one; it is made when it is needed, since a closure, or its module, may not be complete yet
        ticket(fn, defined=False)

    def reset(self) -> None:
        """Let go of every child that is idle; in a forked process they belong to the parent. The next has what is now."""
        idle, self._idle = self._idle, deque()
        self._ticket = b""
        for child in idle:
            child.kill()

    def __getstate__(self) -> Callable[..., Any]:
        return self.fn

    def __setstate__(self, fn: Callable[..., Any]) -> None:
        self.__init__(fn)  # type: ignore[misc]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function in a child.

        Raises:
            KilledError: there was no answer at the deadline.
            EndedError: the child ended before it answered.
            ConfigurationError: the child does not find the function.
            Exception: what the function raised; or what spoilt the sending.
        """
        child = self._take()
        try:
            return child.ask(args, kwargs)
        except KilledError:
            if not child.starting:
                child.kill()
                with suppress(OSError):  # the machine gives no more processes
                    child = self._new()  # the next call need not wait for it as long
            raise
        finally:
            if child.usable:
                self._idle.append(child)
            else:
                child.kill()

    def start(self, seconds: float) -> bool:
        """Start a child, unless there is one, and wait until it is ready; False where it is not by then, or ends.

        Raises:
            ConfigurationError: it does not find the function.
        """
        child = self._take()
        try:
            return child.ready(seconds)
        except EndedError:
            return False
        finally:
            if child.usable:
                self._idle.append(child)
            else:
                child.kill()

    def _take(self) -> _Child:
        while True:
            try:
                child = self._idle.pop()
            except IndexError:
                return self._new()
            if child.alive():
                return child
            child.kill()

    def _new(self) -> _Child:
        self._ticket = self._ticket or ticket(self.fn)
        return _Child(self._ticket)


def _left() -> float | None:
    deadline = CURRENT.get()
    return None if deadline is None else max(deadline.left(), 0.0)


class _Child:
    """One child process and the line to it.

    Attributes:
        starting: whether it has yet to say that it has found the function.
        usable: whether it can be asked; not while it is: what an interrupted exchange left on the line would answer the
            next call.
    """

    def __init__(self, ticket: bytes) -> None:
        here, there = socket.socketpair()
        kept, held = os.pipe()  # its other end closes with this process, whatever ends it
        self._line = Line(here)
        self._held: int | None = held
        with there, _file(ticket) as told:
            fds = (there.fileno(), kept)
            command = [os.fsdecode(get_executable()), "-c", _BOOT, *map(str, fds), *map(str, sys.path)]
            try:
                self._process = subprocess.Popen(  # noqa: S603
                    command, pass_fds=fds, stdin=told, start_new_session=True
                )
            except BaseException:
                here.close()
                os.close(held)
                raise
            finally:
                os.close(kept)
        self._owner = os.getpid()
        self.starting = self.usable = True
        _CHILDREN.add(self)

    def __del__(self) -> None:
        if hasattr(self, "_owner"):
            self.kill()

    def alive(self) -> bool:
        return self._process.poll() is None

    def ready(self, seconds: float | None) -> bool:
        """Whether it has found the function, within `seconds`.

        Raises:
            ConfigurationError: it does not find it.
            EndedError: it ended before it said so.
        """
        if not self.starting:
            return True
        self.usable = False
        try:
            problem = pickle.loads(self._line.receive(seconds))  # noqa: S301
        except TimeoutError:
            self.usable = True
            return False
        except (EOFError, OSError) as error:
            raise EndedError("the process ended before it was ready") from error
        self.starting = False
        if problem:
            raise _unfound(problem)
        self.usable = True
        return True

    def ask(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self.ready(_left()):
            raise NotReadyError("its process was still starting")
        # before anything is on the line; as bytes, since a view that an error's frames keep is more than 3.13 collects
        request = bytes(ForkingPickler.dumps((args, kwargs, _left())))
        self.usable = False
        good, answer = pickle.loads(self._exchange(request))  # noqa: S301
        if good:
            return answer
        raise answer

    def _exchange(self, request: bytes) -> bytearray:
        try:
            self._line.send(request, _left())
            answer = self._line.receive(_left())
        except TimeoutError as error:
            raise KilledError("killed at its deadline") from error
        except (EOFError, OSError) as error:
            raise EndedError("the process ended before it answered") from error
        self.usable = True
        return answer

    def kill(self) -> None:
        """End it, and whatever it has started itself; in a forked process only forget it."""
        with suppress(OSError):
            self._line.close()
        held, self._held = self._held, None
        if held is not None:
            os.close(held)
        if self._owner != os.getpid():
            self._process.returncode = 0  # it is another's child: not to be waited for
            return
        if self.alive():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GONE)


_CHILDREN: weakref.WeakSet[_Child] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """At the end of the interpreter; and in a forked process, where it only closes the lines that were copied."""
    for child in list(_CHILDREN):
        child.kill()


os.register_at_fork(after_in_child=_end_all)


def _file(content: bytes) -> IO[bytes]:
    """What a child reads as its stdin: a file in memory, which does not have to wait for it to read."""
    memory = hasattr(os, "memfd_create")
    file = os.fdopen(os.memfd_create("ticket"), "w+b") if memory else TemporaryFile()  # noqa: SIM115 - the caller does
    file.write(content)
    file.seek(0)
    return file


def _unfound(problem: str) -> StartError:
    mend = "define it at the top level of a module that another process can import; its stderr says more"
    return StartError(f"Budget(enforcement='process'): {problem}: {mend}")
