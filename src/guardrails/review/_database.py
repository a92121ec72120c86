"""One SQLite file of review items: made privately, checked before it is used, opened anew when it has gone."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from ._errors import ReviewStoreError
from ._rows import TABLES, transaction

MEMORY = ":memory:"
VERSION = 1
BUSY = 1.0
"""Seconds that a write lock held by another process is waited for."""

_APPLICATION = 0x67725251  # "grRQ": what `file` and a careful reader look at


class Database:
    """The connections of one process to one file; a database in memory has a single one, for everybody.

    Args:
        path: the file, or `:memory:`.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.opened = 0
        self._lock = threading.RLock()
        self._kept: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    @contextmanager
    def kept(self) -> Iterator[sqlite3.Connection]:
        """The connection that stays open, for the writer; after an error of SQLite's it is opened anew.

        Raises:
            ReviewStoreError: the file cannot be opened, read or written.
        """
        with self._lock, _worded(self.path):
            try:
                yield self._open()
            except (sqlite3.Error, OSError):
                if self.path != MEMORY:
                    self.close()
                raise

    @contextmanager
    def once(self) -> Iterator[sqlite3.Connection]:
        """A connection of the caller's own, so that readers never hold up the writer.

        Raises:
            ReviewStoreError: the file cannot be opened, read or written.
        """
        if self.path == MEMORY:
            with self.kept() as connection:
                yield connection
            return
        with _worded(self.path), closing(_connect(self.path)) as connection:
            yield connection

    def close(self) -> None:
        """Close the connection that stays open; the next use opens it again."""
        with self._lock:
            kept, self._kept = self._kept, None
            if kept is not None:
                kept.close()

    def _open(self) -> sqlite3.Connection:
        # a file that was moved or deleted under an open connection would still take commits, and lose them
        if self._kept is not None and self._identity != _identity(self.path):
            self.close()
        if self._kept is None:
            self._kept = _connect(self.path)
            self._identity = _identity(self.path)
            self.opened += 1
        return self._kept


@contextmanager
def _worded(path: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise ReviewStoreError.of(path, error) from error


def _identity(path: str) -> tuple[int, int] | None:
    if path == MEMORY:
        return None
    with suppress(FileNotFoundError):
        found = Path(path).stat()
        return found.st_dev, found.st_ino
    return 0, 0


def _connect(path: str) -> sqlite3.Connection:
    if path != MEMORY:
        _make_private(Path(path))
    # autocommit: transactions are begun by name, and checked from any thread under the database's lock
    connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_private(path: Path) -> None:
    """Make the file, for its owner alone; SQLite gives its companions (-wal, -shm) the same permissions."""
    # one thread at a time: closing a file that SQLite has open already would drop SQLite's locks on it
    with _MAKING[0], suppress(FileExistsError):
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    connection.execute(
        "PRAGMA synchronous = FULL"
    )  # in WAL mode: the log is on the disk when a commit returns
    if _is_ours(connection, path):
        return
    _use_log(connection)
    with transaction(connection):
        if _is_ours(connection, path):  # another process was faster
            return
        for statement in TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _is_ours(connection: sqlite3.Connection, path: str) -> bool:
    """Whether the tables are there; an empty file has none.

    Raises:
        ReviewStoreError: the tables are another program's, or those of a later version of this one.
    """
    if not _number(connection, "SELECT count(*) FROM sqlite_master"):
        return False
    if _number(connection, "PRAGMA application_id") != _APPLICATION:
        raise ReviewStoreError(f"review queue {path!r}: holds another program's tables; name another file")
    version = _number(connection, "PRAGMA user_version")
    if version > VERSION:
        raise ReviewStoreError(
            f"review queue {path!r}: written by a newer inference-guardrails (schema {version}, this one knows "
            f"{VERSION}); upgrade the distribution, or name another file"
        )
    return True


def _use_log(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log: readers and the writer do not wait for each other."""
    # SQLite waits for every lock but that of this one switch
    end = time.monotonic() + BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError:
            if time.monotonic() >= end:
                raise
            time.sleep(BUSY / 100)
        else:
            return


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _after_fork() -> None:
    # another thread may have held the lock when the process was copied
    _MAKING[0] = threading.Lock()


_MAKING = [threading.Lock()]
os.register_at_fork(after_in_child=_after_fork)
