"""A function in a process of its own, which is killed and replaced when it is late."""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from multiprocessing.spawn import get_executable
from types import FunctionType
from typing import Any

from .._clock import CURRENT
from .._errors import ConfigurationError
from ._child import named
from ._outcome import KilledError, NotReadyError

# a child that is asked to end, or has been killed, is gone in a moment
_GONE = 5.0
# what the system takes as a timeout ends at some 24 days
_LONGEST_POLL = 1e6
# with the parent's path, so that it finds what the parent finds
_BOOT = "import sys; sys.path[:] = sys.argv[2:]; from guardrails._calls._child import main; main()"


class StartError(RuntimeError):
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
        # whether there is one; it is made when it is needed: a closure may not be complete yet, nor the module of a name
        ticket(fn, now=False)

    def reset(self) -> None:
        """Let go of every child that is idle; in a forked process they belong to the parent."""
        idle, self._idle = self._idle, deque()
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
            StartError: the child does not find the function.
            Exception: what the function raised; or what spoilt the sending.
        """
        child = self._take()
        try:
            return child.ask(args, kwargs)
        except KilledError:
            if not child.starting:
                child.kill()
                child = self._new()  # the next call need not wait for it as long
            raise
        finally:
            if child.usable:
                self._idle.append(child)
            else:
                child.kill()

    def start(self, seconds: float) -> bool:
        """Start a child, unless there is one, and wait until it is ready; False where it is not by then.

        Raises:
            ConfigurationError: it does not find the function.
        """
        child = self._take()
        try:
            return child.ready(seconds)
        except StartError as error:
            mend = f"cannot be found by another process ({error}): define it where that can import it"
            raise ConfigurationError.of("Budget(enforcement='process')", self.fn, mend) from None
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
        self._ticket = self._ticket or ticket(self.fn, now=True)
        return _Child(self._ticket)


def _left() -> float | None:
    deadline = CURRENT.get()
    return None if deadline is None else min(max(deadline.left(), 0.0), _LONGEST_POLL)


class _Child:
    """One child process and the line to it.

    Attributes:
        starting: whether it has yet to say that it has found the function.
        usable: whether it can be asked; not while it is: what an interrupted exchange left on the line would answer the
            next call.
    """

    def __init__(self, ticket: bytes) -> None:
        # the line twice: timeouts are set on the socket, and hold for both
        self._socket, there = socket.socketpair()
        self._line: Connection[Any, Any] = Connection(os.dup(self._socket.fileno()))
        with there:
            command = [os.fsdecode(get_executable()), "-c", _BOOT, str(there.fileno()), *map(str, sys.path)]
            # the child's own thread of life ends it when this line closes, whatever the function does
            self._process = subprocess.Popen(  # noqa: S603
                command, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._owner = os.getpid()
        self.starting = self.usable = True
        _CHILDREN.add(self)
        with suppress(OSError):  # it has ended already, as `ready` will find
            self._line.send_bytes(ticket)

    def __del__(self) -> None:
        if hasattr(self, "_owner"):
            self.kill()

    def alive(self) -> bool:
        return self._process.poll() is None

    def ready(self, seconds: float | None) -> bool:
        """Whether it has found the function, within `seconds`.

        Raises:
            StartError: it does not find it.
        """
        if not self.starting:
            return True
        if not self._line.poll(seconds):
            return False
        try:
            problem = self._line.recv()
        except (EOFError, OSError):
            problem = "the process ended"
        self.starting = False
        if problem:
            self.usable = False
            raise StartError(problem)
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

    def _exchange(self, request: Any) -> bytes:
        try:
            self._bound(_left())
            self._line.send_bytes(request)
            answer = self._line.recv_bytes() if self._line.poll(_left()) else b""
        except BlockingIOError:  # it has stopped reading, or writing, and the deadline has passed
            answer = b""
        except (EOFError, OSError) as error:
            raise EndedError("the process ended before it answered") from error
        if not answer:
            raise KilledError("killed at its deadline")
        self.usable = True
        return answer

    def _bound(self, seconds: float | None) -> None:
        """How long one piece of a request or an answer may take; None is for ever."""
        whole, part = divmod(max(seconds, 0.001), 1) if seconds is not None else (0, 0)
        timeout = struct.pack("ll", int(whole), int(part * 1e6))
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            self._socket.setsockopt(socket.SOL_SOCKET, option, timeout)

    def kill(self) -> None:
        """End it, and whatever it has started itself; in a forked process only forget it."""
        with suppress(OSError):
            self._line.close()
        self._socket.close()
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


def ticket(fn: Callable[..., Any], *, now: bool) -> bytes:
    """How a child finds the function: by the name under which it can be imported, else the function itself.

    Args:
        fn: the function.
        now: whether the child is to find it now; before that, its module may not have got to the name.

    Raises:
        ConfigurationError: neither is possible.
    """
    by_name = isinstance(fn, FunctionType) and fn.__module__ != "__main__" and "<" not in fn.__qualname__
    if by_name and (not now or _leads_back(fn)):
        return pickle.dumps((fn.__module__, fn.__qualname__))
    dumps = _dumps()
    if dumps is pickle.dumps and getattr(fn, "__module__", "") == "__main__":
        raise _unsendable(fn, "another process has another __main__")
    try:
        return pickle.dumps(dumps(fn))
    except Exception as error:
        raise _unsendable(fn, type(error).__name__) from error


def _leads_back(fn: Callable[..., Any]) -> bool:
    """Whether its name is still its own: a wrapper has the name of what it wraps, and a later definition takes it."""
    try:
        return named(sys.modules[fn.__module__], fn.__qualname__) is fn
    except (KeyError, AttributeError):
        return False


def _unsendable(fn: Callable[..., Any], why: str) -> ConfigurationError:
    mend = (
        f"cannot be sent to a process ({why}): define it at the top level of a module, or install cloudpickle (the "
        'extra "process"), which sends closures'
    )
    return ConfigurationError.of("Budget(enforcement='process')", fn, mend)


def _dumps() -> Callable[[Any], bytes]:
    try:
        from cloudpickle import dumps
    except ImportError:
        return pickle.dumps
    return dumps  # type: ignore[no-any-return]
