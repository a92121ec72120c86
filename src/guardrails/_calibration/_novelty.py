"""Novelty's bins and thresholds: surprises made conformal p-values on rows that they were not fitted on."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import Any, Final

import numpy as np
from scipy.stats import beta

from guardrails._conformal import Bins, Bools, Floats, Ints, is_missing
from guardrails._errors import ConfigurationError
from guardrails._profile import Field, Label, Novelty

from ._surprise import Codes, Surprise

BOUND: Final = 0.01
_TERMS = 2
_BINS, _FREQUENT, _MOST_LABELS = 12, 15, 256
_MOST_FITTED = 20_000


def rows_needed(bound: float, terms: int = _TERMS) -> int:
    """Reference rows below which the bound can never be reached: terms / (n + 1) <= bound."""
    return math.ceil(terms / bound) - 1


def fields_of(columns: dict[Any, list[Any]]) -> tuple[Field, ...]:
    """Bins for each column, from its values.

    Ignored are columns that hold nothing, or values that are neither numbers nor text; too many different texts; and
    integers of which none comes twice, since they count or name the requests, and the next one is always new.
    """
    return tuple(_field(name, values) for name, values in columns.items())


def widened(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """The fields with two more bins of numbers: further from the range than it is wide, on either side.

    Among as many new rows again, about one lies outside the range of each field. Without a bin that tells far from near,
    the many fields of a small reference tie there, and nothing outside is ever rare enough.
    """
    return tuple(replace(field, cuts=_with_far(field.cuts)) for field in fields)


def _with_far(cuts: tuple[float, ...]) -> tuple[float, ...]:
    if not cuts:
        return cuts
    low, high = cuts[0] - (cuts[-1] - cuts[0]), cuts[-1] + (cuts[-1] - cuts[0])
    return (low, *cuts, high) if math.isfinite(low) and math.isfinite(high) else cuts


def _field(name: str | int, values: list[Any]) -> Field:
    seen = [value for value in values if not is_missing(value)]
    kinds = {type(value) for value in seen}
    if kinds and kinds <= {int, float}:
        if any(not math.isfinite(value) for value in seen):
            seen = [value for value in seen if math.isfinite(value)]
        distinct = len(set(seen))
        if kinds == {int} and distinct == len(seen) > _MOST_LABELS:
            return Field(name=name, kind="ignored")
        if distinct > _FREQUENT:
            return _numbers(name, np.array(seen, dtype=np.float64))
    if not kinds or not kinds <= {int, float, str, bool} or len(counts := Counter(seen)) > _MOST_LABELS:
        return Field(name=name, kind="ignored")
    order: list[Label] = sorted(counts, key=lambda label: (-counts[label], str(label)))
    return Field(name=name, kind="categories", labels=tuple(order[:_FREQUENT]), rare=tuple(order[_FREQUENT:]))


def _numbers(name: str | int, values: Floats) -> Field:
    inner = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1]))
    low = float(values.min())
    high = min(math.nextafter(float(values.max()), math.inf), sys.float_info.max)
    cuts = (low, *(cut for cut in inner.tolist() if low < cut < high), high)
    return Field(name=name, kind="numbers", cuts=cuts)


def counted_fields(bins: Bins, codes: Codes) -> tuple[Field, ...]:
    """The fields with their histograms."""
    columns = zip(bins.fields, codes.T, strict=True)
    return tuple(
        field
        if field.kind == "ignored"
        else replace(field, counts=tuple(np.bincount(column, minlength=field.size).tolist()))
        for field, column in columns
    )


def threshold_of(scores: Floats, bound: float) -> float:
    """The score above which the conformal p-value (1 + #{reference >= s}) / (n + 1) is at most the bound."""
    k = math.floor(round(bound * (len(scores) + 1), 9))
    return float(np.sort(scores)[-k]) if k else math.inf


def realised(flagged: int, n: int, terms: int) -> tuple[float, float]:
    """5 % and 95 % quantile of the share of false alarms that this reference realises.

    The k-th largest of n scores without ties is exceeded by a Beta(k, n + 1 - k) share of new ones, where k - 1 of the n
    exceed it. Tied scores exceed it less often than the bound allows; so k is counted and not taken from the bound.
    """
    low = float(beta.ppf(0.05, flagged, n + 1 - flagged)) if flagged else 0.0
    k = flagged + terms
    return low, float(beta.ppf(0.95, k, n + 1 - k)) if k <= n else 1.0


def flagged(surprise: Surprise, reference: Codes, fitted: int, bound: float) -> Novelty:
    """The bins and pairs of bins whose p-value is at most the bound; each score has half of it (Bonferroni)."""
    rare, strongest = surprise.scores(reference)
    first, second = (threshold_of(scores, bound / _TERMS) for scores in (rare, strongest))
    low, high = realised(int(((rare > first) | (strongest > second)).sum()), len(reference), _TERMS)
    return Novelty(
        bound=bound,
        terms=_TERMS,
        fitted=fitted,
        reference=len(reference),
        low=low,
        high=high,
        single=tuple(_hex(table > first) for table in surprise.single),
        pairs=tuple(_hex(table > second) for table in surprise.pairs),
    )


def _hex(flags: Bools) -> str:
    number = int.from_bytes(np.packbits(flags.ravel(), bitorder="little").tobytes(), "little")
    return f"{number:x}" if number else ""


def own_novelty(scores: Floats, bound: float) -> Novelty:
    """The threshold of a user's own score, from rows that it was not fitted on."""
    threshold, n = threshold_of(scores, bound), len(scores)
    low, high = realised(int((scores > threshold).sum()), n, 1)
    return Novelty(bound=bound, terms=1, fitted=0, reference=n, low=low, high=high, threshold=threshold)


def bound_of(novelty: Any) -> tuple[float | None, bool]:
    """The bound, None where novelty is off, and whether the caller named it.

    Raises:
        ConfigurationError: no share.
    """
    if novelty is None:
        return None, False
    if isinstance(novelty, str) and novelty == "auto":
        return BOUND, False
    if isinstance(novelty, bool) or not isinstance(novelty, Real) or not 0 < float(novelty) < 1:
        raise ConfigurationError.of("novelty", novelty, "must lie between 0 and 1, or be None for off")
    return float(novelty), True


def own_scores(score: Callable[[Any], Any], records: list[Any]) -> Floats:
    """The user's own score of each row.

    Raises:
        ConfigurationError: it is no finite number for some row.
    """
    found = np.full(len(records), np.nan)
    for at, record in enumerate(records):
        try:
            found[at] = float(score(record))
        except Exception as error:
            received = f"{type(error).__name__} at row {at} of those that pass the filters"
            raise ConfigurationError(
                f"novelty_score: must give a number for each request; received {received}"
            ) from error
    if not np.isfinite(found).all():
        at = int((~np.isfinite(found)).argmax())
        raise ConfigurationError(f"novelty_score: must be finite; received another number at row {at}")
    return found


def split(n: int, seed: int) -> tuple[Ints, Ints]:
    """Positions that the scores are fitted on, and of the reference: two random halves of the rows given, seeded.

    Of the rows given and not of those that pass the filters, so that a fallback's calibration on the same rows finds the
    half again that its primary was fitted on.
    """
    order = np.random.default_rng([seed, 1]).permutation(n)
    half = min(n // 2, _MOST_FITTED)
    return np.sort(order[:half]), np.sort(order[half:])
