"""The other end of a process worker: finds one function, and calls it as often as it is asked."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from .._clock import deadline

# seconds past its deadline after which a call ends its process, whoever is there to do it
_ORPHANED = 5.0


class RemoteError(RuntimeError):
    """An exception of the function that cannot be sent; it names its class."""


def main() -> None:
    """Serve until the line closes."""
    line: Connection[Any, Any] = Connection(int(sys.argv[1]))
    fn = _found(line)
    asked: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(line, asked), daemon=True).start()
    while True:
        args, kwargs, seconds = asked.get()
        _send(line, *_answer(fn, args, kwargs, seconds))


def _found(line: Connection[Any, Any]) -> Any:
    """The function that the parent names, once it is told so; a parent that has ended meanwhile ends this process."""
    try:
        ticket = line.recv()
    except (EOFError, OSError):
        os._exit(0)
    try:
        fn = find(ticket)
    except BaseException as error:
        traceback.print_exc()  # before the parent is told, which may end this process
        _tell(line, f"{type(error).__qualname__} while the process looked for the function")
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
    module, name = ticket
    return named(import_module(module), name)


def named(module: Any, name: str) -> Any:
    """What a name of a module stands for, without its guards."""
    found = module
    for part in name.split("."):
        found = getattr(found, part)
    while hasattr(found, "undecorated"):
        found = found.undecorated
    return found


def _listen(line: Connection[Any, Any], asked: SimpleQueue[Any]) -> None:
    """Ends the process when the line closes, also while the function runs; but for C code that holds the lock."""
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
        # where the parent is no more, nobody kills this process while C code holds the lock: so the system does
        signal.setitimer(signal.ITIMER_REAL, seconds + _ORPHANED)
        with deadline(seconds):
            return True, fn(*args, **kwargs)
    except BaseException as error:
        return False, _sendable(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _sendable(error: BaseException) -> BaseException:
    with suppress(Exception):  # one that is frozen takes no note
        error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:
        return RemoteError(type(error).__qualname__)
    return error


def _send(line: Connection[Any, Any], good: bool, value: Any) -> None:
    try:
        line.send((good, value))
    except OSError:
        os._exit(0)
    except Exception as error:  # an answer that cannot be pickled
        line.send((False, RemoteError(f"the answer cannot be sent back: {type(error).__qualname__}")))
