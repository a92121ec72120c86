"""Certified thresholds: exact-binomial fixed-sequence tests, most confident answers first.

Angelopoulos, Bates, Candes, Jordan, Lei: Learn then Test (2021), section 4 (selective classification); the exact
binomial tail is that of Geifman and El-Yaniv: Selective classification for deep neural networks (NeurIPS 2017), with
fixed-sequence testing in place of their union over a search.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, binom, norm

from guardrails._conformal import Bools, Floats, Ints
from guardrails._profile import Certificate, CertificateName, Rate, counted

GRID = 100  # thresholds tested: the most confident 1 %, 2 %, ... 100 % of the rows; fixed before any label is seen
START: Final = 0.4  # the largest share of the rows at which the sequence starts
_POWER = 0.8
_STEP = 10


@dataclass(frozen=True, slots=True)
class Promise:
    """What is to be certified.

    Attributes:
        name: `max_error` or `max_degraded_error`.
        target: the error rate promised.
        level: the chance of a wrong certificate that is allowed.
    """

    name: CertificateName
    target: float
    level: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A certificate, or why there is none, with the rows it would take."""

    certificate: Certificate | None
    reason: str = ""


def zero_error_rows(target: float, level: float) -> int:
    """Smallest n at which no error at all certifies `target`: (1 - target)**n <= level."""
    return math.ceil(math.log(level) / math.log1p(-target))


def power_rows(target: float, level: float) -> int:
    """Rows for which the test rejects with probability .8 where the true error is half of `target`.

    In steps of ten, from which on every further step keeps that power: the tail's steps make it a saw-tooth.
    """
    half = target / 2
    spread = norm.isf(level) * math.sqrt(target * (1 - target)) + norm.ppf(_POWER) * math.sqrt(
        half * (1 - half)
    )
    most = 2 * (spread / half) ** 2 + 40 * _STEP  # twice the normal approximation
    step = _STEP * math.ceil(most / 1e6)  # a target of one in a million needs no exact answer
    n = np.arange(step, most + step, step)
    power = binom.cdf(_critical(n, target, level), n, half)
    weak = np.flatnonzero(power < _POWER)
    return int(n[0] if weak.size == 0 else n[min(weak[-1] + 1, n.size - 1)])


def _critical(n: Floats, target: float, level: float) -> Floats:
    """The most errors in n rows that still certify `target`; -1 where even none does not."""
    k = np.asarray(binom.ppf(level, n, target), dtype=np.float64)
    return np.where(binom.cdf(k, n, target) > level, k - 1, k)


def first_size(n: int, target: float, level: float) -> int:
    """Accepted rows at which the sequence starts; it depends on counts alone, never on labels."""
    start = min(START * n, max(0.2 * n, power_rows(target, level)))
    return max(math.ceil(start), zero_error_rows(target, level))


def sizes_of(ranked: Floats) -> Ints:
    """Accepted rows at each threshold of the grid, ascending; tied rows are accepted together.

    Args:
        ranked: (n,) the scores r, ascending.
    """
    wanted = -(-len(ranked) * np.arange(1, GRID + 1) // GRID)
    return np.unique(np.searchsorted(ranked, ranked[wanted - 1], side="right"))


@dataclass(frozen=True, slots=True)
class Scale:
    """How a bound on r is told, and which bound accepts everything.

    Attributes:
        told: the score s of a bound, None where it has no finite one.
        everything: the largest r there is, None where r has no largest value.
    """

    told: Callable[[float], float | None]
    everything: float | None


def certify(
    r: Floats, wrong: Bools, promise: Promise, scale: Scale | None = None, most: float = math.inf
) -> Verdict:
    """The least confident threshold of the grid that is certified, or why there is none.

    H0 at a threshold: the accepted answers err in more than `target`. Given n accepted rows their errors are binomial,
    so P(Binomial(n, target) <= k) <= level rejects it. The first H0 that stands ends the sequence, which keeps the
    chance of any wrong rejection at `level` however many thresholds are tested.

    Args:
        r: (n,) such as the sum of the non-top probabilities over the sum of all; small is confident.
        wrong: (n,) whether the answer is wrong.
        promise: what to certify, at which level.
        scale: of r; default that of probabilities.
        most: no larger bound is of use; every threshold that the sequence passed is certified, so any may be taken.
    """
    scale = PROBABILITIES if scale is None else scale
    order = np.argsort(r, kind="stable")
    ranked, errors = r[order], np.cumsum(wrong[order], dtype=np.int64)
    sizes = sizes_of(ranked)
    sizes = sizes[sizes >= first_size(len(r), promise.target, promise.level)]
    stands = np.flatnonzero(binom.cdf(errors[sizes - 1], sizes, promise.target) > promise.level)
    passed = sizes[: stands[0]] if stands.size else sizes
    if passed.size == 0:
        return Verdict(None, _reason(errors, sizes, promise))
    for accepted in passed[::-1].tolist():
        bound = _between(ranked, accepted, scale.everything)
        if (math.inf if bound is None else bound) <= most:
            return Verdict(_certificate(promise, scale, bound, accepted, int(errors[accepted - 1]), len(r)))
    return Verdict(None, f"no certified answer of {promise.name} has an interval within max_width")


def certify_all(wrong: Bools, promise: Promise) -> Verdict:
    """One test over all rows, for scores that do not tell answers apart."""
    n, k = len(wrong), int(wrong.sum())
    if binom.cdf(k, n, promise.target) <= promise.level:
        return Verdict(_certificate(promise, PROBABILITIES, None, n, k, n))
    return Verdict(None, _reason(np.cumsum(wrong, dtype=np.int64), np.array([n]), promise))


def _between(ranked: Floats, accepted: int, everything: float | None) -> float | None:
    """A bound midway between the last accepted r and the next; the largest r there is accepts all."""
    if accepted == len(ranked):
        return everything
    last, following = float(ranked[accepted - 1]), float(ranked[accepted])
    middle = last + (following - last) / 2
    return middle if middle < following else last  # two neighbouring floats have no middle


def score_of(r: float) -> float:
    """S = -log(r), finite: a saturated softmax gives r = 0, told as the largest s that a float can have."""
    return abs(math.log(max(r, math.ulp(0.0))))


PROBABILITIES: Final = Scale(score_of, 1.0)
CONFIDENCE: Final = Scale(lambda r: -r, None)


def difficulty_scale(tolerance: float) -> Scale:
    """S = tolerance / difficulty."""
    return Scale(lambda r: tolerance / r if r > 0 and math.isfinite(tolerance / r) else None, None)


def _certificate(
    promise: Promise, scale: Scale, bound: float | None, accepted: int, errors: int, n: int
) -> Certificate:
    return Certificate(
        name=promise.name,
        target=promise.target,
        level=promise.level,
        threshold=None if bound is None else scale.told(bound),
        bound=bound,
        n=accepted,
        k=errors,
        upper=upper_bound(errors, accepted, promise.level),
        acceptance_rate=accepted / n,
    )


def _reason(errors: npt.NDArray[np.int64], sizes: Ints, promise: Promise) -> str:
    n, target = len(errors), f"{promise.name}={promise.target:g}"
    least = zero_error_rows(promise.target, promise.level)
    if sizes.size == 0:
        return f"{counted(n, 'row')} are too few for {target}: {least:,} without a single error are the least there can be"
    first = int(sizes[0])
    k = int(errors[first - 1])
    if k >= promise.target * first:
        return (
            f"{target} is not met by the {first / n:.0%} most confident answers ({counted(k, 'error')} in {counted(first, 'row')}); "
            "more rows will not mend that"
        )
    needed = math.ceil(power_rows(promise.target, promise.level) * n / first)
    return (
        f"{counted(n, 'row')} do not prove {target} ({counted(k, 'error')} in the {first:,} most confident); where the true error is "
        f"half of it, about {needed:,} rows would"
    )


def upper_bound(k: int, n: int, level: float) -> float:
    """Clopper-Pearson upper bound of a rate after k errors in n rows."""
    return 1.0 if k == n else float(beta.ppf(1 - level, k + 1, n - k))


def rate(wrong: Bools, confidence: float = 0.95) -> Rate:
    """The observed error rate with two-sided Clopper-Pearson bounds."""
    k, n = int(wrong.sum()), len(wrong)
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else float(beta.ppf(tail, k, n - k + 1))
    return Rate(k=k, n=n, low=low, high=upper_bound(k, n, tail), confidence=confidence)
