"""Calibrating a classifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from guardrails._conformal import Bools, Floats, Ints, Scored
from guardrails._conformal import score as rank
from guardrails._errors import ConfigurationError
from guardrails._profile import Label, Profile

from ._branches import cohort_labels
from ._certify import CONFIDENCE, PROBABILITIES, rate
from ._data import labels_of, matrix_of, need_two, numbers_of, positions_of
from ._filters import Filtering
from ._given import Given
from ._leaf import Rows
from ._mapie import set_scores, set_sizes
from ._pictures import curve, histogram
from ._record import Findings, Identity, profile_of, rows_hash
from ._terms import Terms
from ._unlike import Asked
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
            certify. Fields that it lacks, such as identifiers, are not looked at.
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
    identity = Identity(name, model_version, owner, created, seed)
    filtering = Filtering.of(inputs, contract, output, groups, seed)
    given = Given(filtering, Asked(novelty, novelty_score, novelty_rows), answered, cohorts, primary)
    said = _Said(probabilities, truth, labels_of(classes), confidence, _score(score))
    profile, repeated = _calibrated(said, given, terms, identity)
    warn(profile, repeated)
    return profile


_EVERY_LABEL = 2.0  # no score of a label exceeds 1, rounding aside


def _score(score: object) -> Literal["lac", "aps"]:
    if isinstance(score, str) and score in {"lac", "aps"}:
        return score  # type: ignore[return-value]  # it is one of the two
    raise ConfigurationError.of("score", score, 'must be "lac" or "aps"')


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What the classifier said and what was true, as the caller gave them."""

    probabilities: Any
    truth: Any
    labels: tuple[Label, ...]
    confidence: Any
    score: Literal["lac", "aps"]

    def read(self, used: Bools) -> _Read:
        """The rows as numbers, checked."""
        sure = None if self.confidence is None else numbers_of("confidence", self.confidence, used)
        matrix = matrix_of(self.probabilities, self.labels, used)
        return _Read(matrix, positions_of(self.truth, self.labels, used), sure)


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """Probabilities (n, K), the column of the true label (n,), and the user's own confidence (n,) or None."""

    matrix: Floats
    truth: Ints
    sure: Floats | None

    def at(self, rows: Ints) -> _Read:
        return _Read(self.matrix[rows], self.truth[rows], None if self.sure is None else self.sure[rows])

    def names(self, labels: tuple[Label, ...]) -> list[Label]:
        """The predicted labels."""
        return [labels[j] for j in rank(self.matrix).top.tolist()]

    @property
    def arrays(self) -> tuple[Any, ...]:
        """All columns that say something."""
        return (self.matrix, self.truth) if self.sure is None else (self.matrix, self.truth, self.sure)


def _calibrated(said: _Said, given: Given, terms: Terms, identity: Identity) -> tuple[Profile, float]:
    used = given.used(probabilities=said.probabilities, truth=said.truth, confidence=said.confidence)
    everything = said.read(used)
    labels = cohort_labels(given.cohorts, everything.names(said.labels), used)
    kept = given.kept("classifier", said.probabilities, used, terms)
    read = everything.at(kept.rows)
    need_two(read.truth)
    scored = rank(read.matrix)
    scores, quantile, parity = set_scores(
        said.score, scored.shares, read.truth, terms.coverage, identity.seed
    )
    rows = _rows(scored, read, scores)
    found = Findings(
        branches=kept.branches(rows, labels, terms, quantile),
        primary=kept.primary,
        benchmark=rate(scored.top != read.truth),
        parity=parity,
        rows_hash=rows_hash(*read.arrays),
        truth_hash=rows_hash(read.truth),
        score=said.score,
        ranking="probabilities" if read.sure is None else "confidence",
        inputs=kept.inputs,
        curve=curve(rows.r, rows.wrong),
        outputs=histogram("prediction", read.names(said.labels)),
        sizes=histogram("labels in the set", set_sizes(said.score, scored.shares, quantile, identity.seed)),
    )
    profile = profile_of("classifier", identity, terms, kept.selection, found, classes=said.labels)
    return profile, kept.selection.repeated


def _rows(scored: Scored, read: _Read, scores: Floats) -> Rows:
    return Rows(
        r=scored.r if read.sure is None else -read.sure,
        wrong=scored.top != read.truth,
        scores=scores,
        scale=PROBABILITIES if read.sure is None else CONFIDENCE,
        every=_EVERY_LABEL,
    )
