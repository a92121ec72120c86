"""Calibrating a regressor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any, Literal

import numpy as np

from guardrails._conformal import Floats
from guardrails._errors import ConfigurationError
from guardrails._profile import Profile, counted

from ._answers import Answers, answers_of
from ._branches import cohort_labels
from ._certify import CONFIDENCE, difficulty_scale, rate
from ._data import numbers_of
from ._filters import Filtering
from ._given import Given
from ._leaf import Rows
from ._mapie import interval_scores
from ._pictures import curve, histogram
from ._record import Findings, Identity, profile_of, rows_hash
from ._terms import Terms
from ._unlike import Asked
from ._words import warn


def calibrate_regressor(
    predictions: Any,
    truth: Any,
    *,
    max_error: float | None,
    name: str,
    coverage: float = 0.9,
    tolerance: float | None = None,
    max_degraded_error: float | None = None,
    delta: float = 0.1,
    inputs: Any = None,
    contract: Any = None,
    output: Any = None,
    answered: Any = None,
    cohorts: Any = None,
    groups: Any = None,
    looks: int = 1,
    difficulty: Any = None,
    confidence: Any = None,
    max_width: float | None = None,
    primary: Any = None,
    novelty: float | Literal["auto"] | None = "auto",
    novelty_score: Callable[[Any], float] | None = None,
    novelty_rows: Any = None,
    seed: int = 0,
    model_version: str = "",
    owner: str = "",
    created: str | None = None,
) -> Profile:
    """Learn a profile from what a regressor said on held-out rows, and what was true.

    Three kinds of interval: of constant width, prediction -/+ the conformal quantile of |truth - prediction|; in units
    of a `difficulty`, where the score is |truth - prediction| / difficulty; and around two quantile predictions (CQR:
    Romano, Patterson, Candes, NeurIPS 2019). Answers are told apart by s = tolerance / difficulty, where the difficulty
    of quantile predictions is their distance; constant width certifies every answer or none.

    Args:
        predictions: (n,) what the model said; (n, 2) lower and upper quantile predictions, whose middle is the
            prediction; or (n, 3) lower quantile, prediction, upper quantile.
        truth: (n,) what was true, in the same units.
        max_error: required; certified share of answers further than `tolerance` from the truth. None certifies nothing.
        name: the model's name.
        coverage: share of the intervals that hold the truth, over all calibrated traffic.
        tolerance: largest |truth - prediction| that is no error, in the units of the prediction.
        max_degraded_error: as `max_error`, for answers that are `Degraded` where `max_error` cannot be certified.
        delta: chance, over the draw of these rows, that any certificate is wrong.
        inputs: (n rows) the requests as the guard gets them; the contract is replayed on them.
        contract: the guard's contract; rows that break it do not certify.
        output: the guard's output check; rows whose prediction breaks it do not certify.
        answered: (n,) bool, which rows got an answer at all.
        cohorts: (n,) labels: coverage and certificates per cohort; small cohorts share one leaf, by row count alone.
        groups: (n,) what dependent rows share; one random row of each group is used.
        looks: models or settings tried on these rows; divides delta.
        difficulty: (n,) positive; how far off each prediction is expected to be, from a model fitted on other rows or a
            field of the request. At serving time `gr.guard(difficulty=)` names it.
        confidence: (n,) the model's own confidence that its answer is no error, larger is surer, fitted on other rows, such
            as a model of P(|truth - prediction| <= tolerance); intervals keep a constant width. At serving time the
            function, or `read=`, returns (prediction, confidence).
        max_width: widest interval that is of use as a partial answer, in the units of the prediction; a wider one is
            `unanswerable`.
        primary: for a fallback's profile: (the primary's profile, its answers on these rows), for a primary with a
            difficulty (profile, answers, difficulties).
        novelty: share of requests like these that may be called novel; "auto" is .01 where inputs are given and there
            are rows to spare; None is off. The built-in score is fitted on one half of the rows, and only the other half
            certifies.
        novelty_score: the user's own score of a request, larger is stranger, fitted on other rows; then all rows certify.
        novelty_rows: a table of other requests, such as the training rows, to fit the built-in score on; then all rows
            certify. Fields that it lacks, such as identifiers, are not looked at.
        seed: of the draw within groups.
        model_version: the version calibrated; a guard with another one is refused.
        owner: who answers for the model.
        created: day of calibration, ISO 8601; default today, UTC.

    Returns:
        The profile. Where a certificate cannot be given it is without it, with the rows that would be needed.

    Raises:
        ConfigurationError: an argument cannot work; the message names it, what was received and the mend.

    Warns:
        CalibrationWarning: a certificate asked for cannot be given, or inputs repeat.
    """
    terms = Terms(coverage, max_error, max_degraded_error, delta, looks)
    identity = Identity(name, model_version, owner, created, seed)
    filtering = Filtering.of(inputs, contract, output, groups, seed)
    given = Given(filtering, Asked(novelty, novelty_score, novelty_rows), answered, cohorts, primary)
    limits = _Limits(tolerance_of(tolerance, terms), width_of(max_width))
    profile, repeated = _calibrated(
        _Said(predictions, truth, difficulty, confidence), limits, given, terms, identity
    )
    warn(profile, repeated)
    return profile


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What the regressor said and what was true, as the caller gave them."""

    predictions: Any
    truth: Any
    difficulty: Any
    confidence: Any


@dataclass(frozen=True, slots=True)
class _Limits:
    """The largest distance that is no error, and the widest interval of use; None without."""

    tolerance: float | None
    width: float | None


def _calibrated(
    said: _Said, limits: _Limits, given: Given, terms: Terms, identity: Identity
) -> tuple[Profile, float]:
    used = given.used(
        predictions=said.predictions, truth=said.truth, difficulty=said.difficulty, confidence=said.confidence
    )
    everything = answers_of(said.predictions, said.difficulty, said.confidence, used)
    known = numbers_of("truth", said.truth, used)
    labels = cohort_labels(given.cohorts, None, used)
    kept = given.kept("regressor", said.predictions, used, terms)
    answers, known = everything.at(kept.rows), known[kept.rows]
    distance = distance_of(answers.point, known)
    scores, quantile, parity = interval_scores(answers, known, terms.coverage)
    rows = _rows(answers, distance, scores, limits)
    found = Findings(
        branches=kept.branches(rows, labels, terms, quantile),
        primary=kept.primary,
        benchmark=None if rows.wrong is None else rate(rows.wrong),
        parity=parity,
        rows_hash=rows_hash(*answers.arrays, known),
        truth_hash=rows_hash(known),
        score=answers.score,
        ranking=answers.ranking,
        max_width=limits.width,
        inputs=kept.inputs,
        curve=curve(rows.r, rows.wrong),
        outputs=histogram("prediction", answers.point),
        sizes=histogram("width of the interval", answers.widths(quantile)),
    )
    profile = profile_of("regressor", identity, terms, kept.selection, found, tolerance=limits.tolerance)
    return profile, kept.selection.repeated


def _rows(answers: Answers, distance: Floats, scores: Floats, limits: _Limits) -> Rows:
    limit, widest = limits.tolerance, limits.width
    return Rows(
        r=answers.r,
        wrong=None if limit is None else distance > limit,
        scores=scores,
        scale=CONFIDENCE if answers.sure is not None else difficulty_scale(0.0 if limit is None else limit),
        cap=None if widest is None else partial(answers.widest, widest),
    )


def width_of(max_width: Any) -> float | None:
    """The width, checked.

    Raises:
        ConfigurationError: not positive or not finite.
    """
    if max_width is None:
        return None
    if (
        isinstance(max_width, bool)
        or not isinstance(max_width, Real)
        or not 0 < float(max_width) < float("inf")
    ):
        raise ConfigurationError.of("max_width", max_width, "must be positive and finite")
    return float(max_width)


def tolerance_of(tolerance: Any, terms: Terms) -> float | None:
    """The tolerance, checked.

    Raises:
        ConfigurationError: negative or not finite, or none where errors are to be certified.
    """
    if tolerance is None:
        if terms.works is not None or terms.answered is not None:
            mend = "must be given with max_error: it says which distance from the truth is an error"
            raise ConfigurationError.of("tolerance", tolerance, mend)
        return None
    if (
        isinstance(tolerance, bool)
        or not isinstance(tolerance, Real)
        or not 0 <= float(tolerance) < float("inf")
    ):
        raise ConfigurationError.of("tolerance", tolerance, "must be finite and not negative")
    return float(tolerance)


def distance_of(said: Floats, known: Floats) -> Floats:
    """|truth - prediction|, (n,).

    Raises:
        ConfigurationError: it overflows.
    """
    with np.errstate(over="ignore"):
        distance: Floats = np.abs(known - said)
    if far := int((~np.isfinite(distance)).sum()):
        received = f"{counted(far, 'row')} whose distance from the truth is infinite"
        raise ConfigurationError.of("predictions", received, "must be comparable with the truth")
    return distance
