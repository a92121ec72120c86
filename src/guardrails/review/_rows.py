"""The tables of a review queue, and every statement that reads or writes them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .._guard_ports import ReviewItem, Status, make_json
from ._errors import ResolutionError
from ._resolution import Resolution, read_label, write_label

TABLES = (
    """
    CREATE TABLE item (
        id            TEXT PRIMARY KEY,
        guard_name    TEXT NOT NULL,
        created       REAL NOT NULL,
        status        TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'resolved')),
        model_version TEXT NOT NULL,
        served_by     TEXT NOT NULL,
        caveats       TEXT NOT NULL,
        request       TEXT NOT NULL,
        withheld      TEXT,
        prediction    TEXT
    )
    """,
    "CREATE INDEX item_by_status ON item (status, created)",
    """
    CREATE TABLE resolution (
        item_id  TEXT PRIMARY KEY REFERENCES item (id),
        label    TEXT NOT NULL,
        reviewer TEXT NOT NULL,
        note     TEXT NOT NULL,
        resolved REAL NOT NULL
    )
    """,
)

_INSERT = """
    INSERT INTO item (id, guard_name, created, model_version, served_by, caveats, request, withheld, prediction)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
"""
_SELECT = """
    SELECT id, guard_name, created, status, model_version, served_by, caveats, request, withheld, prediction FROM item
"""
_OLDEST_FIRST = " AND guard_name = coalesce(?, guard_name) ORDER BY created, rowid LIMIT ?"
_RESOLUTIONS = """
    SELECT item_id, guard_name, label, reviewer, note, resolved FROM resolution JOIN item ON id = item_id
    WHERE guard_name = coalesce(?, guard_name) ORDER BY resolved, resolution.rowid
"""


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; the write lock is taken at the start, since a later upgrade cannot wait for it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled back already
            connection.execute("ROLLBACK")
        raise


def insert(connection: sqlite3.Connection, items: Sequence[ReviewItem]) -> None:
    """Add the items; one whose id is there already changes nothing."""
    connection.executemany(_INSERT, map(_row, items))


def select(
    connection: sqlite3.Connection, status: Status | None, guard: str | None, limit: int
) -> list[ReviewItem]:
    """Items of one status, or of any; of one guard, or of any; the oldest first."""
    if status is None:
        return _items(connection.execute(_SELECT + "WHERE TRUE" + _OLDEST_FIRST, (guard, limit)))
    return _items(connection.execute(_SELECT + "WHERE status = ?" + _OLDEST_FIRST, (status, guard, limit)))


def find(connection: sqlite3.Connection, decision_id: str) -> ReviewItem:
    """The item of one decision.

    Raises:
        ResolutionError: there is none.
    """
    found = _items(connection.execute(_SELECT + "WHERE id = ?", (decision_id,)))
    if not found:
        raise ResolutionError(
            f"no review item {decision_id!r} in this queue; list() shows the open ones, and only the items of "
            "decisions that need review are stored"
        )
    return found[0]


def resolve(connection: sqlite3.Connection, resolution: Resolution) -> Resolution:
    """Close an open item with its resolution.

    Raises:
        ResolutionError: there is no such item, or it is resolved already.
    """
    label = write_label(resolution.label)
    with transaction(connection):
        item = find(connection, resolution.decision_id)
        if item.status == "resolved":
            raise ResolutionError(
                f"review item {item.id!r} is resolved already, and a resolution is never overwritten; "
                "resolutions() shows who resolved it"
            )
        connection.execute("UPDATE item SET status = 'resolved' WHERE id = ?", (item.id,))
        row = (item.id, label, resolution.reviewer, resolution.note, resolution.resolved)
        connection.execute("INSERT INTO resolution VALUES (?, ?, ?, ?, ?)", row)
    return _resolution((item.id, item.guard_name, *row[1:]))


def resolutions(connection: sqlite3.Connection, guard: str | None) -> list[Resolution]:
    """All resolutions, of one guard or of any, the oldest first."""
    return [_resolution(row) for row in connection.execute(_RESOLUTIONS, (guard,))]


def counts(connection: sqlite3.Connection) -> dict[Status, int]:
    """Items per status."""
    found = dict(connection.execute("SELECT status, count(*) FROM item GROUP BY status"))
    return {"open": found.get("open", 0), "resolved": found.get("resolved", 0)}


def _row(item: ReviewItem) -> tuple[str | float | None, ...]:
    return (
        item.id,
        item.guard_name,
        item.created,
        item.model_version,
        item.served_by,
        make_json(item.caveats),
        item.request,
        item.withheld,
        item.prediction,
    )


def _items(cursor: sqlite3.Cursor) -> list[ReviewItem]:
    names = [column[0] for column in cursor.description]
    rows = (dict(zip(names, row, strict=True)) for row in cursor)
    return [ReviewItem(**{**row, "caveats": tuple(json.loads(row["caveats"]))}) for row in rows]


def _resolution(row: Sequence[str | float]) -> Resolution:
    decision_id, guard_name, label, reviewer, note, resolved = row
    return Resolution(
        decision_id=str(decision_id),
        guard_name=str(guard_name),
        label=read_label(str(label)),
        reviewer=str(reviewer),
        note=str(note),
        resolved=float(resolved),
    )
