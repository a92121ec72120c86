"""When each candidate must have been started, so that the last one is still in time."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from .._clock import CURRENT
from .._routing import Action
from .._types import CaveatCode
from ._candidate import Candidate
from ._config import Config

# what follows may never take more than half of the time from who is asked now
_MOST = 0.5
# a waiting thread needs up to one switch interval of the interpreter to get its turn
_WAKE_UP = 0.005
# what the guard itself does after the last answer: measure it, route it, record it
_OWN = 0.001
_OWN_SHARE = 0.02


class Schedule:
    """The times of one guard's chain.

    Every candidate may answer until the *limit*: the deadline less what a commit to the review store takes and what the
    guard itself needs. A fallback is started at the limit less its own recent q99 and those of the fallbacks after it,
    while those before it run on (Dean and Barroso, "The Tail at Scale", CACM 2013, hedged requests; here with another
    callee, at the latest safe instant). Where one of the two runs in its caller's own thread, nothing can run on: the
    earlier one has to be over by then.

    Args:
        config: the guard's configuration.
        candidates: who can answer, in order.
    """

    __slots__ = ("_budget", "_candidates", "_review", "clock", "cut", "hedged", "own")

    def __init__(self, config: Config, candidates: Sequence[Candidate]) -> None:
        self._candidates = candidates
        self._review = config.review
        self.clock = config.clock
        self._budget = inf if config.budget is None else config.budget.seconds
        self.own = min(_OWN, self._budget * _OWN_SHARE)
        # where a late answer goes to a person, nobody is started after it
        chained = config.budget is not None and config.policy.action(CaveatCode.deadline) is Action.fallback
        together = chained and not any(each.inline for each in candidates)
        #: by position: whether the next candidate is started while this one runs on
        self.hedged = (*(together for _ in candidates[1:]), False)
        #: by position: whether this one has to be over when the next one must start
        self.cut = (*(chained and not together for _ in candidates[1:]), False)

    def times(self, begin: float) -> tuple[float, float]:
        """When a call that begins now must have its decision, and until when candidates may answer; infinite unbounded.

        The decision is due at the earlier of the own budget and an enclosing deadline.
        """
        end, outer = begin + self._budget, CURRENT.get()
        # a deadline of another clock cannot be compared
        if outer is not None and outer.clock is self.clock and outer.at < end:
            end = outer.at
        if self._review is None:
            return end, end - self.own
        # an enclosing deadline may have left less than the budget: half of what there is belongs to the candidates
        return end, end - min(self.own + self._commit(), max(end - begin, 0.0) * _MOST)

    def start(self, begin: float, limit: float, position: int) -> float:
        """The instant at which the candidate at `position` must be started; infinite past the last one.

        Args:
            begin: when the call began.
            limit: until when candidates may answer.
            position: its place in the chain.
        """
        if position >= len(self._candidates):
            return inf
        keep = sum(max(each.latency.q99, _WAKE_UP) for each in self._candidates[position:])
        return limit - min(keep, max(limit - begin, 0.0) * _MOST)

    def kept_back(self, position: int) -> float:
        """Seconds kept back after the candidate at `position`: for later fallbacks, a commit and the guard itself."""
        if self._budget == inf:
            return 0.0
        keep = self.own + sum(max(each.latency.q99, _WAKE_UP) for each in self._candidates[position + 1 :])
        return min(keep + self._commit(), self._budget * _MOST)

    def _commit(self) -> float:
        """What a commit to the review store takes; 0 without one, and where a store of the owner's says nothing useful."""
        try:
            seconds = 0.0 if self._review is None else float(self._review.commit_q99())
        except Exception:
            return 0.0
        return seconds if 0.0 <= seconds < inf else 0.0
