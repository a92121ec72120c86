"""A count that any thread may raise without a lock."""

from __future__ import annotations

import itertools
import threading


class Count:
    """A number that is raised by one on the way of a request, and read seldom.

    Taking the next number of an iterator is atomic. A reader takes one too, and what readers have taken is subtracted.
    """

    __slots__ = ("_lock", "_more", "_numbers", "_taken", "one")

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._taken = 0
        self._more = 0
        self._lock = threading.Lock()
        #: counts one
        self.one = self._numbers.__next__

    def many(self, number: int) -> None:
        """Count several."""
        with self._lock:
            self._more += number

    def value(self) -> int:
        """What has been counted."""
        with self._lock:
            seen = next(self._numbers) - self._taken + self._more
            self._taken += 1
        return seen
