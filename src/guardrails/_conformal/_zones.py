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

_NOWHERE = -1.0  # r is never negative
_EVERYWHERE = math.inf


class Cut(NamedTuple):
    """Where a set ends.

    Attributes:
        quantile: the largest score 1 - p of a label in the set.
        floor: no probability below it can be in the set, whatever its row's sum; spares most labels the exact test.
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
        works: bound of the first threshold; -1 where no answer reaches it.
        answered: bound of the second; infinite where there is none.
        whole: the cut of the sets in the first zone.
        band: the cut of the sets elsewhere.
        findings: by zone.
        known: results by prediction, set and zone. They are immutable and few, and making one costs more than the
            arithmetic.
    """

    works: float
    answered: float
    whole: Cut
    band: Cut
    findings: tuple[tuple[Finding, ...], tuple[Finding, ...], tuple[Finding, ...]]
    known: dict[int, Measured] = field(default_factory=dict)


NO_ZONES = Zones(_NOWHERE, _EVERYWHERE, cut(0.0), cut(0.0), ((), (), ()))


def certified(profile: Profile) -> Zones:
    """The zones that the profile's certificates make."""
    leaf = profile.leaf
    if leaf.works is None and leaf.answered is None:
        return uncertified(profile, leaf.works_reason)
    return Zones(
        works=_NOWHERE if leaf.works is None else _bound(leaf.works.bound),
        answered=_EVERYWHERE if leaf.answered is None else _bound(leaf.answered.bound),
        whole=cut(leaf.quantile),
        band=cut(leaf.quantile if leaf.band_quantile is None else leaf.band_quantile),
        findings=((), (_uncertain(leaf),), (Finding(CaveatCode.unanswerable),)),
    )


def uncertified(profile: Profile, reason: str) -> Zones:
    """One zone, for whose answers nothing is certified."""
    lost = (
        "max_error and max_degraded_error: neither is certified here" if profile.leaf.degraded_asked else None
    )
    found = (Finding(CaveatCode.uncertified, reason, lost=lost),)
    whole = cut(profile.leaf.quantile)
    return Zones(_NOWHERE, _EVERYWHERE, whole, whole, (found, found, found))


def _bound(bound: float | None) -> float:
    return _EVERYWHERE if bound is None else bound


def _uncertain(leaf: Leaf) -> Finding:
    observed = f"such answers had {band_words(leaf)}" if leaf.band_n else ""
    missing = f"no threshold is certified for max_error ({leaf.works_reason})" if leaf.works is None else ""
    return Finding(CaveatCode.uncertain, "; ".join(part for part in (missing, observed) if part))
