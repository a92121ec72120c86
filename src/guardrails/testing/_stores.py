"""Review stores for tests: in memory, held up, and full."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from .._guard_ports import Done, ReviewItem
from ._release import FaultClock
from ._seam import alive, engine_of, reconfigured


class MemoryReviews:
    """A review store in memory.

    Pass it as `review=` where the guard is defined, or let it take the place of a guard's own store:
    `with reviews.receiving(guarded):`.
    """

    def __init__(self) -> None:
        self._items: dict[str, ReviewItem] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<MemoryReviews: {len(self)} items>"

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[ReviewItem]:
        return iter(self.items)

    @property
    def items(self) -> list[ReviewItem]:
        """The items, the oldest first."""
        with self._lock:
            return list(self._items.values())

    def read(self, decision_id: str) -> ReviewItem:
        """The item of one decision.

        Raises:
            KeyError: there is none.
        """
        return self._items[decision_id]

    def submit(self, items: Sequence[ReviewItem], done: Done) -> None:
        """Take the items; an id that is stored already changes nothing."""
        with self._lock:
            for item in items:
                self._items.setdefault(item.id, item)
        done(None)

    def commit_q99(self) -> float:
        """No time is kept back for it."""
        return 0.0

    @contextmanager
    def receiving(self, *guarded: Any) -> Iterator[MemoryReviews]:
        """Take the place of these guards' stores, whether they have one or not; without any, of every store there is."""
        engines = [engine_of(each) for each in guarded] or [
            engine for engine in alive() if engine.config.review is not None
        ]
        with ExitStack() as stack:
            for engine in engines:
                stack.enter_context(reconfigured(engine, review=self))
            yield self


class LockedReviews:
    """A store whose commit never comes, as when another program holds the database's lock."""

    def __init__(self, clock: FaultClock) -> None:
        self._clock = clock

    def submit(self, items: Sequence[ReviewItem], done: Done) -> None:  # noqa: ARG002 - nothing is ever done
        """Take nothing and say nothing."""
        self._clock.stall()

    def commit_q99(self) -> float:
        """No time is kept back for what never comes."""
        return 0.0


class FullReviews:
    """A store whose disk is full."""

    def submit(self, items: Sequence[ReviewItem], done: Done) -> None:  # noqa: ARG002 - there is no room for them
        """Say what SQLite says."""
        done(sqlite3.OperationalError("database or disk is full"))

    def commit_q99(self) -> float:
        """No time is kept back."""
        return 0.0
