"""From what the callers saw to the figures of an act."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._types import Decision, Route
from .acts import Act
from .replay import Seen

TOLERANCE = 0.005
"""Seconds over the budget that still count as in time."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One side of one act; a rate is None where there is nothing to divide by.

    Attributes:
        requests: how many were sent.
        answered: how many got an answer, with or without a caveat.
        silent: answers without a caveat.
        silent_wrong: of these, the wrong ones.
        routes: requests by outcome; empty for the bare model.
        degraded_wrong: wrong answers that came with a caveat.
        in_time: requests answered within the budget and `TOLERANCE`.
        p50, p99, longest: seconds to the answer, exception or decision.
        gave_up: requests that had nothing within the caller's patience.
    """

    requests: int
    answered: int
    silent: int
    silent_wrong: int
    routes: dict[Route, int]
    degraded_wrong: int
    in_time: int
    p50: float
    p99: float
    longest: float
    gave_up: int

    @property
    def silent_rate(self) -> float | None:
        """Wrong answers without a caveat per request answered."""
        return ratio(self.silent_wrong, self.answered)

    @property
    def works_error(self) -> float | None:
        """Share of wrong ones among the answers without a caveat."""
        return ratio(self.silent_wrong, self.silent)

    @property
    def degraded_error(self) -> float | None:
        """Share of wrong ones among the answers with a caveat."""
        return ratio(self.degraded_wrong, self.answered - self.silent)

    def share(self, route: Route) -> float:
        """Share of the requests that ended in this outcome."""
        return self.routes.get(route, 0) / self.requests


def ratio(part: float, whole: float) -> float | None:
    """A share, or None where there is no whole."""
    return part / whole if whole else None


def figures(seen: Sequence[Seen], budget: float) -> Figures:
    """Count one side of an act."""
    seconds = np.array([one.seconds for one in seen])
    timely = [one for one in seen if one.seconds <= budget + TOLERANCE]
    return Figures(
        requests=len(seen),
        answered=_count(seen, lambda one: one.answer is not None),
        silent=_count(seen, lambda one: one.silent),
        silent_wrong=_count(seen, lambda one: one.silent and one.wrong),
        routes=dict(Counter(one.route for one in seen if one.route is not None)),
        degraded_wrong=_count(seen, lambda one: one.wrong and not one.silent),
        in_time=_count(timely, lambda one: one.answer is not None),
        p50=_quantile(seconds, 0.5),
        p99=_quantile(seconds, 0.99),
        longest=float(seconds.max()),
        gave_up=_count(seen, lambda one: one.gave_up),
    )


def _quantile(seconds: npt.NDArray[np.float64], share: float) -> float:
    # a time that was measured: between one that answered and one that gave up lies nothing
    return float(np.quantile(seconds, share, method="inverted_cdf"))


def _count(seen: Sequence[Seen], holds: Callable[[Seen], bool]) -> int:
    return sum(holds(one) for one in seen)


@dataclass(frozen=True, slots=True)
class Result:
    """One act, played on both sides."""

    act: Act
    bare: list[Seen]
    guarded: list[Seen]
    examples: dict[Route, Decision[Any]]
    budget: float

    def sides(self) -> tuple[Figures, Figures]:
        """The figures of the bare model and of the guarded one."""
        return figures(self.bare, self.budget), figures(self.guarded, self.budget)

    def outage(self) -> tuple[Figures, Figures]:
        """The same of the requests that met the act's outage."""
        bare, guarded = ([one for one in side if one.request.outage] for side in (self.bare, self.guarded))
        return figures(bare, self.budget), figures(guarded, self.budget)


@dataclass(frozen=True, slots=True)
class Catch:
    """What became of the changed requests: the step that stopped them, how many, how many the model had got wrong."""

    step: str
    requests: int
    model_wrong: int


def catches(result: Result) -> list[Catch]:
    """Changed requests by what the guard did; `model_wrong` counts those that the bare model answered wrong.

    The first caveat names the step, since caveats come in the order of the routing table.
    """
    rows = [
        (one.codes[0] if one.codes else Route.works.value, without.wrong)
        for one, without in zip(result.guarded, result.bare, strict=True)
        if one.request.changed
    ]
    steps = dict.fromkeys(step for step, _ in rows)
    return [Catch(s, sum(r[0] == s for r in rows), sum(r[1] for r in rows if r[0] == s)) for s in steps]
