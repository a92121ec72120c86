"""The parts of a profile: certificates, the leaf they belong to, observed rates, filters and parity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

Label: TypeAlias = str | int | bool | float
CertificateName: TypeAlias = Literal["max_error", "max_degraded_error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """An observed error rate with its two-sided Clopper-Pearson bounds (Biometrika 26, 1934).

    Attributes:
        k: errors.
        n: rows.
        low: lower bound, a share.
        high: upper bound, a share.
        confidence: probability that the two bounds hold the true rate.
    """

    k: int
    n: int
    low: float
    high: float
    confidence: float

    def words(self) -> str:
        """The rate in words."""
        share = self.k / self.n if self.n else math.nan
        return (
            f"{self.k:,} of {self.n:,} ({percent(share)}; {percent(self.low)} to {percent(self.high)} "
            f"with probability {percent(self.confidence)})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certified threshold: the answers it accepts err at most at the rate `target`.

    Found by a fixed-sequence test of exact binomial tails (Angelopoulos et al., Learn then Test, 2021, section 4).

    Attributes:
        name: the promise, `max_error` or `max_degraded_error`.
        target: the promised error rate of the accepted answers.
        level: the share of delta this certificate used: its chance of being wrong over the calibration draw.
        threshold: smallest accepted score s: -log(sum of the non-top probabilities), the user's confidence, or
            tolerance / difficulty; None where every answer is accepted or it cannot be told as a finite number.
        bound: largest accepted r, the number the request path compares: exp(-s), minus the confidence, or the
            difficulty; None where every answer is accepted.
        n: calibration rows accepted.
        k: errors among them.
        upper: Clopper-Pearson upper bound of the accepted rows' error at `level`; observed, not itself a certificate.
        acceptance_rate: share of the calibration rows accepted.
    """

    name: CertificateName
    target: float
    level: float
    threshold: float | None
    bound: float | None
    n: int
    k: int
    upper: float
    acceptance_rate: float

    def words(self) -> str:
        """The promise, and what was observed, for people."""
        everything = self.bound is None or self.threshold is None or self.acceptance_rate == 1
        where = "all answers" if everything else f"answers with score s >= {self.threshold:.4g}"
        return (
            f"{self.name}: {where} are wrong in at most {percent(self.target)}, with probability "
            f"{percent(1 - self.level)} over the draw of the calibration rows (observed: {counted(self.k, 'error')} in "
            f"{counted(self.n, 'row')}, {percent(self.acceptance_rate)} of all, Clopper-Pearson bound {percent(self.upper)})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What was learnt for one kind of request: who answers, and why it was asked.

    Attributes:
        n: calibration rows of this kind of request.
        quantile: conformal quantile of their scores, such as 1 - p(truth), or |truth - prediction| over the difficulty.
        band_quantile: the quantile of the rows below the first threshold alone, 1.0 (every label) where they are too
            few; None where there is no band.
        band_open: whether the band had too few rows for a quantile: its answers have no interval (regressor).
        usable: largest r of an answer whose interval is not wider than `max_width`, None without it; below every r where
            none is.
        works: the certificate of `max_error`, or None.
        answered: the certificate of `max_degraded_error`, or None.
        works_reason: why there is no `works`, with the rows it would take; "" where there is one.
        answered_reason: the same for `answered`.
        works_asked: whether `max_error` was asked for.
        degraded_asked: whether `max_degraded_error` was asked for.
        covered: calibration rows whose set or interval, cut at `quantile`, holds the truth.
        band_n: calibration rows between the two thresholds (all below the first one where there is no second).
        band_k: errors among them; observed, not certified.
    """

    n: int
    quantile: float
    band_quantile: float | None = None
    band_open: bool = False
    usable: float | None = None
    works: Certificate | None = None
    answered: Certificate | None = None
    works_reason: str = ""
    answered_reason: str = ""
    works_asked: bool = False
    degraded_asked: bool = False
    covered: int = 0
    band_n: int = 0
    band_k: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The per-record filters that the calibration rows went through; they are part of the certificate.

    Attributes:
        contract: fingerprint of the contract, None where none was named.
        output: fingerprint of the output check, None where none was named.
        replayed: whether the rows were filtered here (inputs were given); else they count as already filtered.
    """

    contract: str | None = None
    output: str | None = None
    replayed: bool = False

    def differ(self, contract: str | None, output: str | None) -> str:
        """Why a guard with these fingerprints is not the one calibrated; "" when it is."""
        pairs = (("a contract", self.contract, contract), ("an output check", self.output, output))
        for what, own, guard in pairs:
            # rows that count as already filtered, with no filter named, vouch for any
            if own == guard or (own is None and not self.replayed):
                continue
            noun = what.partition(" ")[2]
            if own is None:
                return f"the guard has {what} and the profile was calibrated without one"
            if guard is None:
                return f"the guard has no {noun} and the profile was calibrated with one"
            return f"the guard's {noun} is not the one the profile was calibrated with"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The served form held against MAPIE on the calibration rows.

    Attributes:
        rows: rows compared.
        differing: rows whose set or interval differs.
        tolerance: differing rows where only MAPIE's tolerance of 1e-8 separates the two.
        largest: largest difference of an interval's bound, 0.0 for a classifier.
    """

    rows: int
    differing: int
    tolerance: int = 0
    largest: float = 0.0

    def words(self) -> str:
        """The comparison in words."""
        words = f"{self.differing:,} of {counted(self.rows, 'calibration row')} differ from MAPIE"
        return words + (f" ({self.tolerance:,} by its tolerance of 1e-8)" if self.tolerance else "")


def counted(n: int, noun: str) -> str:
    """A number of things, such as 1 error or 2,000 rows."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def percent(share: float) -> str:
    """A share as people read it, such as 5 % or 0.25 %."""
    return f"{100 * share:.3g} %"
