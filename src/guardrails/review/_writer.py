"""The thread that commits review items: whatever waits goes into one transaction."""

from __future__ import annotations

import atexit
import logging
import math
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from weakref import WeakSet

from .._clock import Clock
from .._guard_ports import Done, ReviewItem
from ._database import Database
from ._errors import ReviewStoreError
from ._rows import insert, transaction

FIRST_GUESS = 0.02
"""Seconds kept back for a commit until enough were seen: twice the q99 of a synced commit on a busy disk."""
ENOUGH = 99  # the fewest commits whose longest bounds the next one at 99 %, by the conformal rank
RECENT = 256
LAST_WORDS = 5.0
"""Seconds that the end of the interpreter waits for what is not committed yet."""

_LOG = logging.getLogger("guardrails")


@dataclass(frozen=True, slots=True)
class _Submitted:
    items: tuple[ReviewItem, ...]
    done: Done
    at: float


class Writer:
    """The waiting items of one process and the daemon thread that commits them.

    Args:
        database: where they go; only this thread writes items to it.
        clock: measures from submit to commit.
        max_waiting: items that may wait.
    """

    def __init__(self, database: Database, clock: Clock, max_waiting: int) -> None:
        self.database = database
        self.pid = os.getpid()
        self.closed = False
        self.q99 = FIRST_GUESS
        self._clock = clock
        self._max_waiting = max_waiting
        self._changed = threading.Condition()
        self._queue: deque[_Submitted] = deque()
        self._submits = 0  # whose done() has not been called
        self._items = 0  # in them
        self._seconds: deque[float] = deque(maxlen=RECENT)
        self._complaint = ""
        self._thread: threading.Thread | None = None

    def put(self, items: Sequence[ReviewItem], done: Done) -> bool:
        """Take the items over; False when this writer has been stopped, and another one must be made.

        Raises:
            ReviewStoreError: too many wait already.
            RuntimeError: the interpreter is ending and starts no thread any more.
        """
        submitted = _Submitted(tuple(items), done, self._clock.monotonic())
        with self._changed:
            if self.closed:
                return False
            if self._items and self._items + len(submitted.items) > self._max_waiting:
                raise ReviewStoreError(
                    f"review queue {self.database.path!r}: more than {self._max_waiting} items wait for their "
                    "commit; look at the disk, or raise max_waiting="
                )
            self._start()
            self._submits += 1
            self._items += len(submitted.items)
            self._queue.append(submitted)
            self._changed.notify_all()
        return True

    def flush(self, timeout: float) -> bool:
        """Wait until nothing waits; False when `timeout` seconds have passed first."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._submits, timeout)

    def stop(self) -> None:
        """Let the thread end once it has committed what waits; waits for nothing itself."""
        if self.pid != os.getpid():  # the thread stayed in the parent process, and the lock perhaps with it
            return
        with self._changed:
            self.closed = True
            self._changed.notify_all()
        if self._thread is None:
            self.database.close()

    def close(self, timeout: float) -> bool:
        """Stop, and wait for the thread's end; False when `timeout` seconds have passed first."""
        self.stop()
        if self._thread is None or self._thread is threading.current_thread() or self.pid != os.getpid():
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _start(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="guardrails-review", daemon=True)
            thread.start()
            self._thread = thread
            _WRITERS.add(self)

    def _run(self) -> None:
        while batch := self._take():
            self._commit(batch)
        self.database.close()

    def _take(self) -> list[_Submitted]:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self.closed)
            batch = list(self._queue)
            self._queue.clear()
        return batch

    def _commit(self, batch: list[_Submitted]) -> None:
        opened = self.database.opened
        error = self._store(batch)
        if error is not None and len(batch) > 1 and _may_be_an_items_fault(error):
            for submitted in batch:  # so that one broken item fails alone
                self._finish(submitted, self._store([submitted]))
            return
        if (
            error is None and opened == self.database.opened
        ):  # a first commit also opens the file, and is no guide
            self._learn([submitted.at for submitted in batch])
        for submitted in batch:
            self._finish(submitted, error)

    def _store(self, batch: list[_Submitted]) -> Exception | None:
        try:
            with self.database.kept() as connection, transaction(connection):
                for submitted in batch:
                    insert(connection, submitted.items)
        except Exception as error:
            self._complain(error)
            return error
        self._complaint = ""
        return None

    def _learn(self, submitted_at: list[float]) -> None:
        now = self._clock.monotonic()
        self._seconds.extend(now - at for at in submitted_at)
        ordered = sorted(self._seconds)
        rank = min(math.ceil(0.99 * (len(ordered) + 1)), len(ordered))
        seen = ordered[rank - 1]
        self.q99 = seen if len(ordered) >= ENOUGH else max(seen, FIRST_GUESS)

    def _finish(self, submitted: _Submitted, error: Exception | None) -> None:
        tell(submitted.done, error)
        with self._changed:
            self._submits -= 1
            self._items -= len(submitted.items)
            self._changed.notify_all()

    def _complain(self, error: Exception) -> None:
        # other errors than our own may quote an item
        reason = str(error) if isinstance(error, ReviewStoreError) else type(error).__name__
        if reason != self._complaint:
            self._complaint = reason
            _warn("review items are not stored: %s", reason)


def tell(done: Done, error: Exception | None) -> None:
    """Call `done`; what it raises is its owner's bug and must not end the thread that tells others."""
    try:
        done(error)
    except Exception as bug:
        _warn("the callback of a review store raised %s", type(bug).__name__)


def _warn(message: str, reason: str) -> None:
    with suppress(Exception):  # a filter or handler that raises must not end the thread either
        _LOG.warning(message, reason)


def _may_be_an_items_fault(error: Exception) -> bool:
    if not isinstance(error, ReviewStoreError):
        return True
    cause = error.__cause__
    return isinstance(cause, sqlite3.Error) and not isinstance(cause, sqlite3.OperationalError)


def _commit_what_waits() -> None:
    """At the interpreter's end: daemon threads still run, for as long as this waits."""
    writers = list(_WRITERS)
    for writer in writers:
        writer.stop()
    end = time.monotonic() + LAST_WORDS
    for writer in writers:
        writer.close(max(end - time.monotonic(), 0.0))


_WRITERS: WeakSet[Writer] = WeakSet()
atexit.register(_commit_what_waits)
