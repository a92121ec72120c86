"""How long a function took of late, for keeping time back for it."""

from __future__ import annotations

import math
from collections import deque

from .._types import CaveatCode
from ._outcome import Answer, Outcome

_WINDOW = 256


class Latency:
    """The recent 99 % quantile of a duration, in seconds.

    The rank is the conformal one, ceil((n + 1) * 0.99) of the last 256 durations (their largest below n = 99), so that
    the next duration exceeds it with probability at most 1 % where durations are exchangeable.
    """

    __slots__ = ("_recent", "q99")

    def __init__(self, first_guess: float) -> None:
        self._recent: deque[float] = deque(maxlen=_WINDOW)
        self.q99 = first_guess

    def learn(self, outcome: Outcome) -> None:
        """Take an outcome into account: an answer's duration, or that a call would have needed more than it got.

        A call that was cut short has no duration: twice the wait stands for it, so that a slow function is given more
        time the next time. One that raised or never started says nothing about how long an answer takes.
        """
        if isinstance(outcome, Answer):
            self.record(outcome.seconds)
        elif outcome.code is CaveatCode.deadline and outcome.seconds > 0:
            self.record(2 * outcome.seconds)

    def record(self, seconds: float) -> None:
        """Take one more duration into account."""
        self._recent.append(seconds)
        ordered = sorted(
            self._recent.copy()
        )  # a copy is atomic; another thread may append while this one sorts
        rank = math.ceil((len(ordered) + 1) * 0.99)
        self.q99 = ordered[min(rank, len(ordered)) - 1]
