"""A clock whose wall time is wrong."""

from __future__ import annotations

from typing import Any

from .._clock import Clock


class SkewedClock:
    """A clock whose wall time is ahead by `seconds`; its monotonic time is right, as a machine's would be."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)

    def time(self) -> float:
        """Seconds since the epoch, and the error."""
        return self._clock.time() + self._seconds
