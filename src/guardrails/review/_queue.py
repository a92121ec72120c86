"""The review queue of one file: submit, list, read, resolve."""

from __future__ import annotations

import builtins
import os
import threading
import weakref
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from .._clock import SYSTEM_CLOCK, Clock
from .._errors import ConfigurationError
from .._guard_ports import Done, ReviewItem, Status
from . import _rows
from ._database import MEMORY, Database
from ._resolution import Label, Resolution
from ._writer import FIRST_GUESS, Writer, tell


class ReviewQueue:
    """Requests that no guarded call could decide, in one SQLite file, until a person resolves them.

    **The file holds the requests' data and the withheld answers**, as the person needs them; it is the one place where
    `guardrails` stores inputs. It is made readable for its owner alone (mode 0600): choose its directory, its backups
    and its retention accordingly.

    A guard submits; a daemon thread of this process commits, everything that waits in one transaction, and an item is on
    the disk (write-ahead log, `synchronous=FULL`) before its decision is given out. The file is opened on first use, in
    each process anew, so a queue may be defined before a fork and travels by cloudpickle as its path. Several processes
    of one machine may share the file; it is not for network file systems. `list`, `read`, `resolve`, `resolutions` and
    `counts` read the disk in the caller's thread. What waits when the interpreter ends is committed, for at most
    five seconds.

    Args:
        path: the file; made when it is first used, in a directory that exists. `:memory:` keeps the items in this
            process, for tests.
        clock: the clock; tests inject theirs.
        max_waiting: items that may wait for their commit; beyond them `submit` reports an error at once.

    Raises:
        ConfigurationError: `path` is no path, or `max_waiting` is not positive.
    """

    def __init__(
        self, path: str | PathLike[str], *, clock: Clock = SYSTEM_CLOCK, max_waiting: int = 10_000
    ) -> None:
        self._given = _file_name(path)
        # a service that changes its directory must not change its queue
        self._path = self._given if self._given == MEMORY else str(Path(self._given).absolute())
        self._clock = clock
        self._max_waiting = _positive("max_waiting", max_waiting)
        self._writer: Writer | None = None
        self._dropped = weakref.finalize(self, lambda: None)

    def __repr__(self) -> str:
        return f"ReviewQueue({self._given!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self._given, "max_waiting": self._max_waiting}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def submit(self, items: Sequence[ReviewItem], done: Done) -> None:
        """Hand items to the writer thread; returns at once and raises nothing.

        Args:
            items: committed all or none; an id that is stored already changes nothing.
            done: called once: by the writer thread with None when the items are on the disk, or with the error; by
                the caller's thread with the error when `max_waiting` items wait already.
        """
        try:
            while not self._current().put(items, done):
                pass  # closed by another thread just now: the next one is new
        except Exception as error:
            tell(done, error)

    def commit_q99(self) -> float:
        """Seconds from submit to commit that 99 % of the last 256 submits of this process kept to.

        Until 99 were seen at least 0.02 s. A commit that also opened the file does not count.
        """
        writer = self._writer
        return FIRST_GUESS if writer is None else writer.q99

    def list(
        self, status: Status | None = "open", *, guard: str | None = None, limit: int = 100
    ) -> list[ReviewItem]:
        """Items, the oldest first.

        Args:
            status: `open`, `resolved`, or None for both.
            guard: a guard's name; None for all guards.
            limit: items at most.

        Raises:
            ConfigurationError: an unknown status, or a limit that is not positive.
            ReviewStoreError: the file cannot be read.
        """
        if status not in {"open", "resolved", None}:
            raise ConfigurationError.of("status", status, "must be 'open', 'resolved' or None")
        with self._current().database.once() as connection:
            return _rows.select(connection, status, guard, _positive("limit", limit))

    def read(self, decision_id: str) -> ReviewItem:
        """The item of one decision, open or resolved.

        Raises:
            ResolutionError: there is none.
            ReviewStoreError: the file cannot be read.
        """
        with self._current().database.once() as connection:
            return _rows.find(connection, decision_id)

    def resolve(self, decision_id: str, label: Label, *, reviewer: str = "", note: str = "") -> Resolution:
        """Answer in the model's place, once.

        Args:
            decision_id: the item's id.
            label: the right answer: text, a finite number or a boolean.
            reviewer: who decides.
            note: free text for the next reader.

        Raises:
            ResolutionError: no such item, an item that is resolved already, or another kind of label.
            ReviewStoreError: the file cannot be read or written.
        """
        decided = Resolution(
            decision_id=decision_id,
            guard_name="",
            label=label,
            reviewer=reviewer,
            note=note,
            resolved=self._clock.time(),
        )
        with self._current().database.once() as connection:
            return _rows.resolve(connection, decided)

    def resolutions(self, *, guard: str | None = None) -> builtins.list[Resolution]:
        """All resolutions, the oldest first; of one guard, or of all.

        Raises:
            ReviewStoreError: the file cannot be read.
        """
        with self._current().database.once() as connection:
            return _rows.resolutions(connection, guard)

    def counts(self) -> dict[Status, int]:
        """How many items are open, and how many are resolved.

        Raises:
            ReviewStoreError: the file cannot be read.
        """
        with self._current().database.once() as connection:
            return _rows.counts(connection)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything submitted so far in this process is committed or has failed.

        Returns:
            False when `timeout` seconds have passed first.
        """
        return self._current().flush(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Commit what waits and close the file; the next use opens it again.

        Returns:
            False when `timeout` seconds have passed first; the writer thread then goes on by itself.
        """
        writer, self._writer = self._writer, None
        return writer is None or writer.close(timeout)

    def _current(self) -> Writer:
        writer = self._writer
        if writer is None or writer.closed or writer.pid != os.getpid():
            return self._renew()
        return writer

    def _renew(self) -> Writer:
        with _RENEWING[0]:
            old = self._writer
            if old is not None and old.pid != os.getpid():
                # SQLite forbids to use or close a connection that was inherited through a fork
                _INHERITED.append(old)
            elif old is not None and not old.closed:  # another thread was faster
                return old
            self._writer = new = Writer(Database(self._path), self._clock, self._max_waiting)
            self._dropped.detach()
            self._dropped = weakref.finalize(self, new.stop)
            self._dropped.atexit = False  # the writers' own hook waits for what is not committed
            return new


def _file_name(path: object) -> str:
    name = os.fspath(path) if isinstance(path, str | PathLike) else None
    if not name or not isinstance(name, str):
        raise ConfigurationError.of("path", path, "must name a file, or be ':memory:'")
    return name


def _positive(parameter: str, number: object) -> int:
    if not isinstance(number, int) or number < 1:
        raise ConfigurationError.of(parameter, number, "must be a positive whole number")
    return number


def _after_fork() -> None:
    # another thread may have held the lock when the process was copied
    _RENEWING[0] = threading.Lock()


_RENEWING = [threading.Lock()]
_INHERITED: list[Writer] = []
os.register_at_fork(after_in_child=_after_fork)
