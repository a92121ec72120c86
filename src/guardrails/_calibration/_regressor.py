"""Calibrating a regressor."""

from __future__ import annotations

from typing import Any

import numpy as np

from guardrails._conformal import Floats
from guardrails._errors import ConfigurationError
from guardrails._profile import Profile, counted

from ._certify import rate
from ._data import numbers_of, same_length
from ._filters import Filtering, answered_rows
from ._leaf import regressor_leaf
from ._mapie import residual_scores
from ._record import Findings, Identity, profile_of, rows_hash
from ._terms import Terms
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
    groups: Any = None,
    looks: int = 1,
    seed: int = 0,
    model_version: str = "",
    owner: str = "",
    created: str | None = None,
) -> Profile:
    """Learn a profile from what a regressor said on held-out rows, and what was true.

    Intervals have constant width, prediction -/+ the conformal quantile of |truth - prediction|, so the answers cannot
    be told apart: one test over all rows certifies every answer or none.

    Args:
        predictions: (n,) what the model said.
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
        groups: (n,) what dependent rows share; one random row of each group is used.
        looks: models or settings tried on these rows; divides delta.
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
    identity = Identity(name=name, model_version=model_version, owner=owner, created=created, seed=seed)
    limit = tolerance_of(tolerance, terms)
    n = same_length(predictions=predictions, truth=truth, inputs=inputs, answered=answered, groups=groups)
    used = answered_rows(answered, n)
    said, known = numbers_of("predictions", predictions, used), numbers_of("truth", truth, used)
    selection = Filtering(inputs, contract, output, groups, seed).select(predictions, used)
    said, known = said[selection.rows], known[selection.rows]
    distance = distance_of(said, known)
    quantile, parity = residual_scores(said, known, coverage)
    wrong = None if limit is None else distance > limit
    leaf = regressor_leaf(len(said), wrong, quantile, terms)
    warn(selection, leaf, parity)
    benchmark = None if wrong is None else rate(wrong)
    found = Findings(leaf=leaf, benchmark=benchmark, parity=parity, rows_hash=rows_hash(said, known))
    return profile_of("regressor", identity, terms, selection, found, tolerance=limit)


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
        or not isinstance(tolerance, int | float)
        or not 0 <= tolerance < float("inf")
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
