"""Play the acts and keep what came of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .._types import CaveatCode, Route
from .acts import ACTS, Act
from .bookings import requests, truth
from .drift import Calendar, calendar
from .figures import Result
from .replay import bare, guarded
from .stage import BUDGET, Stage, build

WARM_UP = 100
"""Requests that go before the first act and count in no figure."""


@dataclass(frozen=True, slots=True)
class Play:
    """A whole run.

    Attributes:
        stage: what the acts ran on.
        results: one for each act.
        calendar: the model month by month.
        seed: of the run.
        reviews: review items that the acts put into the queue.
        seconds: how long it took.
    """

    stage: Stage
    results: list[Result]
    calendar: Calendar
    seed: int
    reviews: int
    seconds: float = field(compare=False)

    def reviews_asked(self) -> tuple[int, int]:
        """How many decisions went to a person, and how many of these say that their item was not committed in time."""
        asked = [one for result in self.results for one in result.guarded if one.route is Route.needs_review]
        return len(asked), sum(CaveatCode.review_not_stored in one.codes for one in asked)

    def result(self, act: Act) -> Result:
        """What came of an act."""
        return next(each for each in self.results if each.act is act)


def play(number: int, seed: int, reviews: Path, say: Callable[[str], object]) -> Play:
    """Set the stage and play every act with `number` requests, the same bookings in each act but the last.

    Args:
        number: of requests for each act.
        seed: of everything that is drawn.
        reviews: the file of the review queue.
        say: told what is being done.
    """
    begin = time.perf_counter()
    stage = build(seed, reviews, say)
    before = warm_up(stage)
    results = []
    for i, act in enumerate(ACTS):
        say(f"act {i + 1} of {len(ACTS)}: {act.name}")
        results.append(perform(act, stage, number, seed))
    say(f"every one of {len(stage.split.later):,} later bookings, month by month")
    by_month = calendar(stage.model, stage.profile, stage.split.healthy, stage.split.later, seed)
    items = sum(stage.queue.counts().values()) - before
    stage.queue.close()
    return Play(stage, results, by_month, seed, items, time.perf_counter() - begin)


def warm_up(stage: Stage) -> int:
    """Send a few calibration bookings first, as a server's readiness check would; return the items this put into review.

    The first call of all starts a thread, and the first review item makes the queue's file.
    """
    for booking in requests(stage.split.calibration.head(WARM_UP)):
        stage.service(booking)
        stage.decide(booking)
    stage.queue.flush()
    return sum(stage.queue.counts().values())


def perform(act: Act, stage: Stage, number: int, seed: int) -> Result:
    """Play one act on both sides, with the same requests."""
    traffic = getattr(stage.split, act.traffic)
    rng = np.random.default_rng(seed)  # anew in each act: the same bookings, so that acts compare
    chosen = traffic.iloc[rng.permutation(len(traffic))[:number]]
    script = act.requests(requests(chosen), truth(chosen).tolist(), rng)
    without = bare(act, script, stage.service)
    seen, examples = guarded(act, script, stage.service, stage.decide)
    return Result(act, without, seen, examples, BUDGET)
