"""Runs something in a forked child, as a web server's worker would."""

from __future__ import annotations

import os
import select
import signal
import warnings
from collections.abc import Callable
from contextlib import suppress

_PATIENCE = 20.0  # seconds


def in_child(work: Callable[[], str]) -> str:
    """What `work` says in a forked child; in words, what went wrong where it says nothing."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads is what is tried here
        pid = os.fork()
    if not pid:
        _be_child(work, writing)
    os.close(writing)
    try:
        return _heard(reading, pid)
    finally:
        os.close(reading)
        os.waitpid(pid, 0)


def _be_child(work: Callable[[], str], writing: int) -> None:
    said = "it died"
    try:
        said = work()
    except BaseException as error:
        said = f"it raised {type(error).__name__}"
    finally:
        os.write(writing, said.encode())
        os._exit(0)  # not through the parent's exit handlers


def _heard(reading: int, pid: int) -> str:
    ready, _, _ = select.select([reading], [], [], _PATIENCE)
    if not ready:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return f"nothing within {_PATIENCE:g} s"
    return os.read(reading, 65536).decode()
