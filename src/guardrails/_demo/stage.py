"""Set the stage: train the model, calibrate its profile on held-out bookings, and put the guard around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

import guardrails as gr

from .acts import Service
from .bookings import CLASSES, INPUTS, Booking, Split, load, requests, split, truth
from .contract import BookingContract, ScorecardContract
from .model import Model, Scorecard, fit, fit_scorecard
from .replay import label

BUDGET: Final = 0.1
"""Seconds for the whole guarded call; the model alone needs less than a hundredth of it."""

MAX_ABANDONED: Final = 32
MAX_ERROR: Final = 0.08
MAX_DEGRADED_ERROR: Final = 0.12
COVERAGE: Final = 0.9
DELTA: Final = 0.1


@dataclass(frozen=True, slots=True)
class Stage:
    """All that the acts need.

    Attributes:
        split: the bookings.
        model: the trained model.
        scorecard_error: share of the calibration bookings on which the scorecard is wrong.
        profile: what was calibrated.
        service: the model behind its call; an act can make it fail.
        decide: the guarded service.
        queue: where the review items go.
    """

    split: Split
    model: Model
    scorecard_error: float
    profile: gr.Profile
    service: Service
    decide: Callable[[Booking], gr.Decision[Any]]
    queue: gr.ReviewQueue


def build(seed: int, reviews: Path, say: Callable[[str], object]) -> Stage:
    """Load, train, calibrate, guard.

    Args:
        seed: of the split, the training and the calibration.
        reviews: the file of the review queue.
        say: told what is being done.
    """
    say("loading the bookings")
    parts = split(load(), seed)
    say(f"training on {len(parts.train):,} bookings")
    model, scorecard = fit(parts.train, seed), fit_scorecard(parts.train)
    say(f"calibrating on {parts.calibration['group'].nunique():,} distinct bookings")
    profile = calibrate(model, parts.train, parts.calibration, seed)
    error = _error(scorecard, parts.calibration)
    service, queue = Service(model.predict), gr.ReviewQueue(reviews)
    return Stage(
        parts, model, error, profile, service, guard(profile, scorecard, error, queue)(service), queue
    )


def calibrate(model: Model, train: pd.DataFrame, held_out: pd.DataFrame, seed: int) -> gr.Profile:
    """Learn the profile from what the model says of held-out bookings, one row for each group of identical ones.

    Novelty is fitted on the training bookings, so that all held-out ones certify.
    """
    return gr.calibrate_classifier(
        model.predict_table(held_out),
        truth(held_out),
        classes=CLASSES,
        coverage=COVERAGE,
        max_error=MAX_ERROR,
        max_degraded_error=MAX_DEGRADED_ERROR,
        delta=DELTA,
        inputs=held_out[list(INPUTS)],
        contract=BookingContract,
        groups=held_out["group"].to_numpy(),
        novelty_rows=train.drop_duplicates("group")[list(INPUTS)],
        seed=seed,
        name="booking",
        model_version="2016-01-01",
        owner="demonstration",
    )


def guard(profile: gr.Profile, scorecard: Scorecard, error: float, queue: gr.ReviewQueue) -> gr.Guard[Any]:
    """The guard of the demonstration."""
    stand_in = gr.Fallback(
        scorecard,
        contract=ScorecardContract,
        caveat=f"a table of deposit type and lead time answered; it was wrong on {error:.0%} of the held-out bookings",
        name="scorecard",
    )
    return gr.guard(
        "booking",
        contract=BookingContract,
        profile=profile,
        fallbacks=[stand_in],
        budget=gr.Budget(BUDGET, max_abandoned=MAX_ABANDONED),
        review=queue,
        model_version="2016-01-01",
    )


def _error(scorecard: Scorecard, frame: pd.DataFrame) -> float:
    outcomes = zip(requests(frame), truth(frame), strict=True)
    return sum(label(scorecard(booking)) != str(outcome) for booking, outcome in outcomes) / len(frame)
