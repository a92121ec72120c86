"""How many retries may be made, so that an outage is not multiplied."""

from __future__ import annotations

import threading


class Tokens:
    """A token bucket: each call adds a share of a retry, each retry takes a whole one.

    At a refill of 0.1, a full outage costs at most a tenth more calls than there are requests, beside the first few.
    The rule is that of Finagle's `RetryBudget` and of gRPC's retry throttling (gRFC A6).

    Args:
        most: the bucket's size, in retries; it begins full.
        refill: share of a retry that each call adds.
    """

    __slots__ = ("_lock", "_most", "_refill", "left")

    def __init__(self, most: float, refill: float) -> None:
        self._most = most
        self._refill = refill
        self.reset()

    def reset(self) -> None:
        """Fill it; with another lock, since after a fork the old one may be held by a thread that is not there."""
        self._lock = threading.Lock()
        self.left = self._most

    def called(self) -> None:
        """A call begins."""
        with self._lock:
            self.left = min(self._most, self.left + self._refill)

    def take(self) -> bool:
        """Take what one retry costs; False where it is not there."""
        with self._lock:
            if self.left < 1.0:
                return False
            self.left -= 1.0
            return True

    def __reduce__(self) -> tuple[type[Tokens], tuple[float, float]]:
        return Tokens, (self._most, self._refill)
