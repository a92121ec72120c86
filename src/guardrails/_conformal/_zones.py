"""A leaf of a profile as the request path uses it: bounds to compare, and the findings each zone gives."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from guardrails._profile import Leaf, Profile, band_words
from guardrails._types import CaveatCode, Finding

from ._result import Measured
from ._scores import TOLERANCE

WORKS: Final = 0
BAND: Final = 1
BELOW: Final = 2

_NOWHERE = -math.inf
_EVERYWHERE = math.inf

_TOO_WIDE = "its interval is wider than max_width"

Findings = tuple[Finding, ...]


class Cut(NamedTuple):
    """Where a set ends.

    Attributes:
        quantile: the largest conformal score of a label in the set, or the factor of an interval's half width.
        floor: no probability below it can be in a LAC set, whatever its row's sum; spares most labels the exact test.
    """

    quantile: float
    floor: float


def cut(quantile: float) -> Cut:
    """The cut of a quantile; its floor allows for the tolerance of the sum and for rounding to the nearest float."""
    return Cut(quantile, (1.0 - quantile) * (1.0 - 2 * TOLERANCE) - math.ulp(1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """The three zones of one leaf: r <= `works`, r <= `answered`, and the rest.

    Attributes:
        works: bound of the first threshold; minus infinity where no answer reaches it.
        answered: bound of the second; infinite where there is none.
        whole: the cut of the sets in the first zone.
        band: the cut of the sets elsewhere.
        findings: by zone.
        unscored: the findings of an answer that has no r.
        known: results by prediction, set and zone. They are immutable and few, and making one costs more than the
            arithmetic.
    """

    works: float
    answered: float
    whole: Cut
    band: Cut
    findings: tuple[Findings, Findings, Findings]
    unscored: Findings = ()
    known: dict[int, Measured] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose answers the zones are for.

    Attributes:
        finding: what a fallback's mere answering means; None for the primary.
        limit: the guard's `max_degraded_error`, which a fallback's certificate must not exceed to keep it.
        cohort: whether the leaf is a cohort's own.
    """

    finding: Finding | None = None
    limit: float | None = None
    cohort: bool = False

    @property
    def own(self) -> Findings:
        """The caveat of a fallback that no certificate covers."""
        return () if self.finding is None else (self.finding,)

    def covered(self, target: float | None) -> Findings:
        """The caveat of a fallback's answer whose error is certified at `target`."""
        if self.finding is None:
            return ()
        if target is None or (self.limit is not None and target > self.limit):
            return (self.finding,)
        detail = (
            f"{self.finding.detail}; it is certified to err in at most {100 * target:.3g} % of such answers"
        )
        return (Finding(self.finding.code, detail, lost=""),)


PRIMARY: Final = Standing()
NO_ZONES = Zones(_NOWHERE, _EVERYWHERE, cut(0.0), cut(0.0), ((), (), ()))


def certified(profile: Profile, leaf: Leaf, standing: Standing = PRIMARY) -> Zones:
    """The zones that a leaf's certificates make."""
    if leaf.works is None and leaf.answered is None:
        return uncertified(profile, leaf, leaf.works_reason, standing)
    works, answered = leaf.works, leaf.answered
    target = None if answered is None else answered.target
    first = target if works is None or target is not None else works.target
    return Zones(
        works=_NOWHERE if works is None else _bound(works.bound),
        answered=_second(leaf),
        whole=cut(leaf.quantile),
        band=_band(leaf),
        findings=(
            standing.covered(first),
            (*standing.covered(target), _between(leaf, standing)),
            (*standing.own, Finding(CaveatCode.unanswerable, "" if leaf.usable is None else _TOO_WIDE)),
        ),
        unscored=(*standing.own, _unscored()),
    )


def uncertified(profile: Profile, leaf: Leaf, reason: str, standing: Standing = PRIMARY) -> Zones:
    """One zone, for whose answers nothing is certified."""
    lost = "max_error and max_degraded_error: neither is certified here" if _both(profile, leaf) else None
    code = CaveatCode.cohort_uncertified if standing.cohort else CaveatCode.uncertified
    found = (*standing.own, Finding(code, reason, lost=lost))
    whole = cut(leaf.quantile)
    below = (*standing.own, Finding(CaveatCode.unanswerable, _TOO_WIDE))
    partial = whole if leaf.usable is None else _band(leaf)
    return Zones(_NOWHERE, _usable(leaf), whole, partial, ((), found, below), (*standing.own, _unscored()))


def _both(profile: Profile, leaf: Leaf) -> bool:
    return leaf.degraded_asked or profile.max_degraded_error is not None


def _unscored() -> Finding:
    return Finding(CaveatCode.uncertified, "the answer has no score")


def _usable(leaf: Leaf) -> float:
    return _EVERYWHERE if leaf.usable is None else leaf.usable


def _second(leaf: Leaf) -> float:
    return _usable(leaf) if leaf.answered is None else _bound(leaf.answered.bound)


def _band(leaf: Leaf) -> Cut:
    if leaf.band_open:
        return cut(math.inf)
    return cut(leaf.quantile if leaf.band_quantile is None else leaf.band_quantile)


def _bound(bound: float | None) -> float:
    return _EVERYWHERE if bound is None else bound


def _between(leaf: Leaf, standing: Standing) -> Finding:
    """The finding between the thresholds; without a second one nothing is certified of a fallback there."""
    observed = f"such answers had {band_words(leaf)}" if leaf.band_n else ""
    missing = f"no threshold is certified for max_error ({leaf.works_reason})" if leaf.works is None else ""
    detail = "; ".join(part for part in (missing, observed) if part)
    uncovered = standing.finding is not None and leaf.answered is None
    return Finding(CaveatCode.uncertified if uncovered else CaveatCode.uncertain, detail)
