"""Certificates per branch: why a candidate is asked, and which cohort the request is of; delta split over all of them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from guardrails._conformal import Bools, Ints, Measure
from guardrails._errors import ConfigurationError
from guardrails._profile import Branch, Cohort, Cohorts, Label, Profile
from guardrails._types import CaveatCode

from ._certify import GRID, START, power_rows
from ._data import column_of, is_missing, length_of
from ._leaf import Rows, leaf_of
from ._mapie import rows_needed
from ._terms import Terms

_TUPLE = 2


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The cohort of each row.

    Attributes:
        by: what gives it.
        of: (n,) labels.
    """

    by: Literal["labels", "prediction"]
    of: list[Label]

    def at(self, rows: Ints) -> Labels:
        """Of some rows."""
        return Labels(self.by, [self.of[i] for i in rows.tolist()])


def cohort_labels(cohorts: Any, predicted: list[Label] | None, used: Bools) -> Labels | None:
    """The cohort of each row, checked.

    Args:
        cohorts: (n,) labels, "prediction", or None.
        predicted: (n,) the predicted labels, None for a regressor.
        used: (n,) rows that need one.

    Raises:
        ConfigurationError: not one label per row, or predicted numbers.
    """
    if cohorts is None:
        return None
    if isinstance(cohorts, str):
        if cohorts != "prediction" or predicted is None:
            mend = "must be (n,) labels" + (
                ', or "prediction"' if predicted is not None else "; a number is no cohort"
            )
            raise ConfigurationError.of("cohorts", cohorts, mend)
        return Labels("prediction", predicted)
    labels = [each.item() if isinstance(each, np.generic) else each for each in column_of("cohorts", cohorts)]
    bad = sum(not _is_label(labels[i]) for i in np.flatnonzero(used).tolist())
    if bad:
        mend = "must name a cohort (str, int, bool or finite float) for each row"
        raise ConfigurationError(f"cohorts: {mend}; received {bad:,} rows without one")
    return Labels("labels", labels)


def _is_label(label: Any) -> bool:
    return type(label) in {str, int, bool, float} and not is_missing(label) and label == label  # noqa: PLR0124 - NaN


def branch_of(rows: Rows, labels: Labels | None, terms: Terms, quantile: float | None = None) -> Branch:
    """The leaf of all rows, or leaves per cohort.

    Args:
        rows: the rows.
        labels: their cohorts, or None.
        terms: what is asked for, of everything in this branch together.
        quantile: of all rows, where it is known already.
    """
    if labels is None:
        return Branch(leaf=leaf_of(rows, terms, quantile))
    nothing = Terms(terms.coverage, None, None, terms.delta, terms.looks)
    return Branch(leaf=leaf_of(rows, nothing, quantile), cohorts=_cohorts(rows, labels, terms))


def _cohorts(rows: Rows, labels: Labels, terms: Terms) -> Cohorts:
    counts = Counter(labels.of)
    least = least_rows(terms.divided(len(counts)))
    order = sorted(counts, key=lambda label: (type(label).__name__, label))
    own = [label for label in order if counts[label] >= least]
    small = tuple(label for label in order if counts[label] < least)
    rest = sum(counts[label] for label in small) >= rows_needed(terms.coverage)
    share = terms.divided(max(len(own) + rest, 1))
    return Cohorts(
        by=labels.by,
        own=tuple(Cohort(label=label, leaf=leaf_of(_of(rows, labels, {label}), share)) for label in own),
        rest=leaf_of(_of(rows, labels, set(small)), share) if rest else None,
        small=small,
        least=least,
    )


def least_rows(terms: Terms) -> int:
    """Rows from which on a cohort has a leaf of its own: enough for power .8 where it errs half as often as promised."""
    promise = terms.works or terms.answered
    proof = 0 if promise is None else power_rows(promise.target, promise.level)
    return max(proof, rows_needed(terms.coverage))


def proof_rows(terms: Terms) -> int:
    """Rows from which on the sequence of tests starts with its full power, whatever is asked for."""
    promises = [promise for promise in (terms.works, terms.answered) if promise is not None]
    return max((math.ceil(power_rows(each.target, each.level) / START) for each in promises), default=0)


def _of(rows: Rows, labels: Labels, wanted: set[Label]) -> Rows:
    return rows.at(np.array([label in wanted for label in labels.of], dtype=bool))


@dataclass(frozen=True, slots=True, eq=False)
class Behind:
    """The primary that a fallback stands behind.

    Attributes:
        profile: the primary's profile.
        unanswerable: (n,) the rows that it finds `unanswerable`.
    """

    profile: Profile
    unanswerable: Bools

    @property
    def choices(self) -> int:
        """How many sets of unanswerable rows there could have been, the empty one aside.

        Each leaf of the primary chose one of a fixed grid of second thresholds, or none; under `max_width` the bound
        follows its rows, of which it leaves the least certain ones, however many.
        """
        widest = self.profile.max_width is not None
        options = [
            1 + (GRID if leaf.degraded_asked else 0) + (leaf.n if widest else 0)
            for _, leaf in self.profile.branch.leaves()
        ]
        return max(math.prod(options) - 1, 1)


def behind(primary: Any, kind: str, cohorts: Any, n: int) -> Behind | None:
    """Which rows a fallback is asked for since its primary finds them `unanswerable`.

    Args:
        primary: (its profile, its answers on these rows), or with (n,) difficulties as third.
        kind: the fallback's.
        cohorts: (n,) labels, where the primary's profile has cohorts.
        n: rows.

    Raises:
        ConfigurationError: no such pair, or of another kind or length.
    """
    if primary is None:
        return None
    if (
        not isinstance(primary, tuple)
        or len(primary) not in {_TUPLE, _TUPLE + 1}
        or not isinstance(primary[0], Profile)
    ):
        mend = "must be (the primary's profile, its answers on these rows), for difficulty= with the difficulties as third"
        raise ConfigurationError.of("primary", type(primary).__name__, mend)
    profile, answers = primary[0], primary[1]
    difficulties = primary[_TUPLE] if len(primary) > _TUPLE else None
    if profile.kind != kind:
        raise ConfigurationError.of("primary", f"a {profile.kind}'s profile", f"must be a {kind}'s")
    if length_of("primary", answers) != n:
        raise ConfigurationError.of("primary", f"{len(answers)} answers", f"must be one per row, {n}")
    by_label = profile.cohorts is not None and profile.cohorts.by == "labels"
    if by_label and (cohorts is None or isinstance(cohorts, str)):
        raise ConfigurationError.of("cohorts", cohorts, "must be given: the primary's profile has cohorts")
    labels = column_of("cohorts", cohorts) if by_label else None
    table = Measure(profile).table(answers, n, cohorts=labels, difficulties=difficulties)
    found = np.zeros(n, dtype=bool)
    for i, findings in table.findings.items():
        found[i] = any(finding.code is CaveatCode.unanswerable for finding in findings)
    return Behind(profile, found)


@dataclass(frozen=True, slots=True)
class Branches:
    """What was certified, by why the candidate is asked.

    Attributes:
        all: for requests that no reason selects.
        unanswerable: for those that the primary finds `unanswerable`, or None.
        reason: why there is no such branch though there is a primary.
    """

    all: Branch
    unanswerable: Branch | None = None
    reason: str = ""


def branches_of(
    rows: Rows, labels: Labels | None, terms: Terms, quantile: float, primary: Behind | None, kept: Ints
) -> Branches:
    """Every branch; delta is halved where there are two, and divided by the second thresholds possible in the second.

    Args:
        rows: the rows that certify.
        labels: their cohorts, or None.
        terms: what is asked for, of all branches together.
        quantile: of all rows.
        primary: the primary, for a fallback.
        kept: positions of the rows that certify.
    """
    if primary is None:
        return Branches(branch_of(rows, labels, terms, quantile))
    half = terms.divided(_TUPLE)
    whole = branch_of(rows, labels, half, quantile)
    asked = primary.unanswerable[kept]
    if (found := int(asked.sum())) < rows_needed(terms.coverage):
        reason = (
            f"the primary finds {found:,} of these rows unanswerable; a quantile alone takes "
            f"{rows_needed(terms.coverage):,}"
        )
        return Branches(whole, None, reason)
    some = None if labels is None else labels.at(np.flatnonzero(asked))
    return Branches(whole, branch_of(rows.at(asked), some, half.divided(primary.choices)))
