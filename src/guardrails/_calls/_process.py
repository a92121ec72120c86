"""A function in a process of its own, which is killed and replaced when it is late."""

from __future__ import annotations

import atexit
import pickle
import socket
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from types import FunctionType
from typing import Any

from .._clock import CURRENT
from .._errors import ConfigurationError
from ._outcome import KilledError

# a child that is asked to end, or has been killed, is gone in a moment
_GONE = 5.0


class StartError(RuntimeError):
    """The child could not find the function; it names the exception that stopped it."""


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
        self._ticket = ticket(fn)
        self.reset()

    def reset(self) -> None:
        """Let go of every child; in a forked process they belong to the parent."""
        self._idle: deque[_Child] = deque()

    def __getstate__(self) -> Callable[..., Any]:
        return self.fn

    def __setstate__(self, fn: Callable[..., Any]) -> None:
        self.__init__(fn)  # type: ignore[misc]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function in a child.

        Raises:
            KilledError: there was no answer at the deadline.
            StartError: the child does not find the function.
            Exception: what the function raised; or what spoilt the sending.
        """
        child = self._take()
        try:
            answer = child.ask(args, kwargs, _left())
        except KilledError:
            if child.starting:  # it has not been asked, and another call will find it ready
                self._idle.append(child)
            else:
                self._replace(child)
            raise
        except BaseException:
            if child.broken:
                child.kill()
            else:
                self._idle.append(child)
            raise
        self._idle.append(child)
        return answer

    def start(self, seconds: float) -> bool:
        """Start a child, unless there is one, and wait until it is ready; False where it is not by then."""
        child = self._take()
        ready = child.ready(seconds)
        self._idle.append(child)
        return ready

    def _take(self) -> _Child:
        while True:
            try:
                child = self._idle.pop()
            except IndexError:
                return _Child(self._ticket)
            if child.alive():
                return child
            child.kill()

    def _replace(self, child: _Child) -> None:
        child.kill()
        self._idle.append(_Child(self._ticket))


def _left() -> float | None:
    deadline = CURRENT.get()
    return None if deadline is None else max(deadline.left(), 0.0)


class _Child:
    """One child process and the line to it."""

    def __init__(self, ticket: bytes) -> None:
        here, there = socket.socketpair()
        with there:
            command = [sys.executable, "-m", "guardrails._calls._child", str(there.fileno())]
            # the child's own thread of life ends it when this line closes, whatever the function does
            self._process = subprocess.Popen(  # noqa: S603
                command, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._line: Connection[Any, Any] = Connection(here.detach())
        self.starting = True
        self.broken = False
        _CHILDREN.add(self)
        self._line.send((sys.path, ticket))

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
            self.broken = True
            raise StartError(problem)
        return True

    def ask(self, args: tuple[Any, ...], kwargs: dict[str, Any], seconds: float | None) -> Any:
        if not self.ready(seconds):
            raise KilledError("its process was still starting")
        seconds = _left()
        try:
            self._line.send((args, kwargs, seconds))
            if not self._line.poll(seconds):
                raise KilledError("killed at its deadline")
            good, answer = self._line.recv()
        except (EOFError, OSError) as error:
            self.broken = True
            raise StartError("the process ended before it answered") from error
        if good:
            return answer
        raise answer

    def kill(self) -> None:
        self._process.kill()
        with suppress(OSError):
            self._line.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GONE)


_CHILDREN: weakref.WeakSet[_Child] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    for child in list(_CHILDREN):
        child.kill()


def ticket(fn: Callable[..., Any]) -> bytes:
    """How a child finds the function: by the name under which it can be imported, else the function itself.

    Raises:
        ConfigurationError: neither is possible.
    """
    if isinstance(fn, FunctionType) and fn.__module__ != "__main__" and "<" not in fn.__qualname__:
        return pickle.dumps((fn.__module__, fn.__qualname__))
    try:
        return pickle.dumps(_dumps()(fn))
    except Exception as error:
        mend = (
            f"cannot be sent to a process ({type(error).__name__}): define it at the top level of a module, or install "
            'cloudpickle (the extra "process"), which sends closures'
        )
        raise ConfigurationError.of("Budget(enforcement='process')", fn, mend) from error


def _dumps() -> Callable[[Any], bytes]:
    try:
        from cloudpickle import dumps
    except ImportError:
        return pickle.dumps
    return dumps  # type: ignore[no-any-return]
