"""Calibrating a classifier."""

from __future__ import annotations

from typing import Any

from guardrails._conformal import score
from guardrails._profile import Profile

from ._certify import rate
from ._data import labels_of, matrix_of, need_two, positions_of, same_length
from ._filters import Filtering, answered_rows
from ._leaf import classifier_leaf
from ._mapie import label_scores
from ._record import Findings, Identity, profile_of, rows_hash
from ._terms import Terms
from ._words import warn


def calibrate_classifier(
    probabilities: Any,
    truth: Any,
    *,
    classes: Any,
    max_error: float | None,
    name: str,
    coverage: float = 0.9,
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
    """Learn a profile from what a classifier said on held-out rows, and what was true.

    The rows must be independent draws of the traffic to come, and no part of them may have trained the model.

    Args:
        probabilities: (n, K) what the model said, one column per class; a DataFrame whose columns are the labels is
            read by name.
        truth: (n,) the true labels.
        classes: the K labels in the order of the columns (`model.classes_`); at serving time the same order is read.
        max_error: required; certified error of the primary's answers that become `Works`. None certifies nothing, and
            nothing becomes `Works`.
        name: the model's name.
        coverage: share of the prediction sets that hold the truth, over all calibrated traffic.
        max_degraded_error: certified error of all the primary's answers at or above the second threshold.
        delta: chance, over the draw of these rows, that any certificate is wrong.
        inputs: (n rows) the requests as the guard gets them; the contract is replayed on them.
        contract: the guard's contract; rows that break it do not certify.
        output: the guard's output check; rows whose probabilities break it do not certify.
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
    labels = labels_of(classes)
    n = same_length(probabilities=probabilities, truth=truth, inputs=inputs, answered=answered, groups=groups)
    used = answered_rows(answered, n)
    matrix = matrix_of(probabilities, labels, used)
    positions = positions_of(truth, labels, used)
    selection = Filtering(inputs, contract, output, groups, seed).select(probabilities, used)
    scored, known = score(matrix[selection.rows]), positions[selection.rows]
    need_two(known)
    wrong = scored.top != known
    scores, quantile, parity = label_scores(scored.shares, known, coverage)
    leaf = classifier_leaf(scored.r, wrong, scores, quantile, terms)
    warn(selection, leaf, parity)
    digest = rows_hash(matrix[selection.rows], known)
    found = Findings(leaf=leaf, benchmark=rate(wrong), parity=parity, rows_hash=digest)
    return profile_of("classifier", identity, terms, selection, found, classes=labels)
