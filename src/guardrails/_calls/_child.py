"""The other end of a process worker: finds one function, and calls it as often as it is asked."""

from __future__ import annotations

import fcntl
import os
import pickle
import select
import signal
import sys
import threading
import traceback
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from queue import SimpleQueue
from types import FunctionType
from typing import Any

from .._clock import deadline
from ._ticket import written


class RemoteError(RuntimeError):
    """An exception of the function that cannot be sent; it names its class."""


class OtherFunctionError(LookupError):
    """What has the function's name in this process is not what has it in the parent."""


def main() -> None:
    """Serve until the line closes."""
    _end_with(int(sys.argv[2]))
    line: Connection[Any, Any] = Connection(int(sys.argv[1]))
    fn = _found(line)
    asked: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(line, asked), daemon=True).start()
    while True:
        args, kwargs, seconds = asked.get()
        _send(line, *_answer(fn, args, kwargs, seconds))


def _end_with(held: int) -> None:
    """Have the kernel kill this process, and what it has started, once nobody holds the other end of the pipe."""
    with suppress(OSError):  # a kernel that does not: there is still the thread that listens
        if hasattr(fcntl, "F_SETSIG"):
            fcntl.fcntl(held, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(held, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(held, fcntl.F_SETFL, fcntl.fcntl(held, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([held], [], [], 0)[0]:
        os._exit(0)


def _found(line: Connection[Any, Any]) -> Any:
    """The function that the parent names on stdin; a parent that has ended meanwhile ends this process."""
    try:
        fn = find(pickle.load(sys.stdin.buffer))  # noqa: S301
    except BaseException as error:
        traceback.print_exc()  # before the parent is told, which may end this process
        own = isinstance(error, OtherFunctionError)  # whose words are names only
        _tell(
            line,
            str(error) if own else f"{type(error).__qualname__} while the process looked for the function",
        )
        sys.exit(1)
    _tell(line, "")
    return fn


def _tell(line: Connection[Any, Any], problem: str) -> None:
    try:
        line.send(problem)
    except OSError:
        os._exit(0)


def find(ticket: Any) -> Any:
    """The function: by module and name, without its guard; or out of its own pickle."""
    if isinstance(ticket, bytes):
        return pickle.loads(ticket)  # noqa: S301
    module, name, guarded, code = ticket
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    found = found.undecorated if guarded else found
    if not isinstance(found, FunctionType) or written(found) != code:
        raise OtherFunctionError(f"{module}.{name} is another function in a new process")
    return found


def _listen(line: Connection[Any, Any], asked: SimpleQueue[Any]) -> None:
    """Ends the process when the line closes, also while the function runs."""
    while True:
        try:
            request = line.recv()
        except (EOFError, OSError):
            os._exit(0)
        except Exception as error:
            line.send((False, _sendable(error)))
            continue
        asked.put(request)


def _answer(fn: Any, args: Any, kwargs: Any, seconds: float | None) -> tuple[bool, Any]:
    try:
        if seconds is None:
            return True, fn(*args, **kwargs)
        with deadline(seconds):
            return True, fn(*args, **kwargs)
    except BaseException as error:
        return False, _sendable(error)


def _sendable(error: BaseException) -> BaseException | Rebuilt:
    with suppress(Exception):  # one that cannot be changed
        error.add_note("".join(traceback.format_exception(error)))
    for sent in (error, Rebuilt(error)):
        with suppress(Exception):
            if type(pickle.loads(pickle.dumps(sent))) is type(error):  # noqa: S301
                return sent
    return RemoteError(type(error).__qualname__)


class Rebuilt:
    """Pickles an exception that its own class would not make again: one that is frozen, or whose `args` are not its own."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> tuple[Any, ...]:
        error = self._error
        return rebuilt, (type(error), error.args, vars(error))


def rebuilt(kind: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    """The exception, past its own `__init__` and `__setattr__`."""
    error = kind.__new__(kind, *args)
    vars(error).update(state)
    return error


def _send(line: Connection[Any, Any], good: bool, value: Any) -> None:
    try:
        line.send((good, value))
    except OSError:
        os._exit(0)
    except Exception as error:  # an answer that cannot be pickled
        line.send((False, RemoteError(f"the answer cannot be sent back: {type(error).__qualname__}")))
