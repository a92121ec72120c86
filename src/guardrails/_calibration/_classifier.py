"""Calibrating a classifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from guardrails._conformal import score as rank
from guardrails._errors import ConfigurationError
from guardrails._profile import Profile

from ._branches import behind, branches_of, cohort_labels, proof_rows
from ._certify import CONFIDENCE, PROBABILITIES, rate
from ._data import labels_of, matrix_of, need_two, numbers_of, positions_of, same_length
from ._filters import Filtering, answered_rows
from ._leaf import Rows
from ._mapie import set_scores, set_sizes
from ._pictures import curve, histogram
from ._record import Findings, Identity, profile_of, rows_hash
from ._terms import Terms
from ._unlike import Unlike
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
    cohorts: Any = None,
    groups: Any = None,
    looks: int = 1,
    confidence: Any = None,
    primary: Any = None,
    score: Literal["lac", "aps"] = "lac",
    novelty: float | Literal["auto"] | None = "auto",
    novelty_score: Callable[[Any], float] | None = None,
    novelty_rows: Any = None,
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
        cohorts: (n,) labels, or "prediction": coverage and certificates per cohort; small cohorts share one leaf, by
            row count alone. At serving time `gr.guard(cohort=)` names the cohort.
        groups: (n,) what dependent rows share; one random row of each group is used.
        looks: models or settings tried on these rows; divides delta.
        confidence: (n,) the model's own confidence, larger is surer, in place of the probabilities' score. At serving
            time the function, or `read=`, returns (probabilities, confidence).
        primary: for a fallback's profile: (the primary's profile, its answers on these rows). The fallback is then
            certified twice, on all rows and on those that the primary finds `unanswerable`.
        score: `lac`, least ambiguous sets; or `aps`, randomised adaptive sets, whose uniform is a keyed hash of the
            probabilities and `seed`.
        novelty: share of requests like these that may be called novel; "auto" is .01 where inputs are given and there
            are rows to spare; None is off. The built-in score is fitted on one half of the rows, and only the other half
            certifies.
        novelty_score: the user's own score of a request, larger is stranger, fitted on other rows; then all rows certify.
        novelty_rows: a table of other requests, such as the training rows, to fit the built-in score on; then all rows
            certify.
        seed: of the draw within groups, and of `aps`.
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
    n = same_length(
        probabilities=probabilities,
        truth=truth,
        inputs=inputs,
        answered=answered,
        groups=groups,
        cohorts=None if isinstance(cohorts, str) else cohorts,
        confidence=confidence,
    )
    used = answered_rows(answered, n)
    matrix = matrix_of(probabilities, labels, used)
    positions = positions_of(truth, labels, used)
    sure = None if confidence is None else numbers_of("confidence", confidence, used)
    fallback = behind(primary, "classifier", cohorts, n)
    selection = Filtering(inputs, contract, output, groups, seed).select(probabilities, used)
    unlike = Unlike(inputs, contract, novelty, novelty_score, novelty_rows, seed, proof_rows(terms))
    selection, seen = unlike.apply(selection, None if fallback is None else fallback.profile)
    kept = selection.rows
    scored, known = rank(matrix[kept]), positions[kept]
    need_two(known)
    predicted = cohort_labels(cohorts, [labels[j] for j in rank(matrix).top.tolist()], used)
    wrong = scored.top != known
    scores, quantile, parity = set_scores(_score(score), scored.shares, known, coverage, seed)
    rows = Rows(
        r=scored.r if sure is None else -sure[kept],
        wrong=wrong,
        scores=scores,
        scale=PROBABILITIES if sure is None else CONFIDENCE,
        every=_EVERY_LABEL,
    )
    cohort = None if predicted is None else predicted.at(kept)
    branches = branches_of(rows, cohort, terms, quantile, fallback, kept)
    warn(selection, branches, parity)
    arrays = (matrix[kept], known) if sure is None else (matrix[kept], known, sure[kept])
    found = Findings(
        branches=branches,
        primary="" if fallback is None else fallback.profile.digest,
        benchmark=rate(wrong),
        parity=parity,
        rows_hash=rows_hash(*arrays),
        truth_hash=rows_hash(known),
        score=score,
        ranking="probabilities" if sure is None else "confidence",
    )
    sizes = set_sizes(score, scored.shares, quantile, seed)
    found = replace(
        found,
        inputs=seen,
        curve=curve(rows.r, rows.wrong),
        outputs=histogram("prediction", [labels[j] for j in scored.top.tolist()]),
        sizes=histogram("labels in the set", sizes),
    )
    return profile_of("classifier", identity, terms, selection, found, classes=labels)


_EVERY_LABEL = 2.0  # no score of a label exceeds 1, rounding aside


def _score(score: object) -> Literal["lac", "aps"]:
    if score in ("lac", "aps"):
        return score
    raise ConfigurationError.of("score", score, 'must be "lac" or "aps"')
