"""The zones of the rows of a table, by column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from guardrails._types import Finding

from ._result import Bools, Floats, Ints
from ._zones import BAND, BELOW, WORKS, Zones


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What the rows of a table are measured by.

    Attributes:
        zones: the different zones.
        which: (n,) position of each row's zones; None where the prediction decides.
        difficulties: (n,) one per row, or None.
    """

    zones: tuple[Zones, ...]
    which: Ints | None
    difficulties: Any = None


def zone_of(r: Floats, zones: tuple[Zones, ...], which: Ints) -> Ints:
    """The zone of each row, (n,)."""
    works = np.array([each.works for each in zones])[which]
    answered = np.array([each.answered for each in zones])[which]
    return np.where(r <= works, WORKS, np.where(r <= answered, BAND, BELOW))


def quantiles(zone: Ints, which: Ints, zones: tuple[Zones, ...]) -> Floats:
    """The quantile that each row's set or interval is cut at, (n,)."""
    cuts = np.array([(each.whole.quantile, each.band.quantile) for each in zones])
    found: Floats = cuts[which, (zone != WORKS).astype(np.intp)]
    return found


def findings_of(
    zone: Ints, which: Ints, readable: Bools, zones: tuple[Zones, ...]
) -> dict[int, tuple[Finding, ...]]:
    """Row to findings, of the readable rows that have any."""
    found: dict[int, tuple[Finding, ...]] = {}
    for at, each in enumerate(zones):
        for code, findings in enumerate(each.findings):
            if findings:
                rows = np.flatnonzero((which == at) & (zone == code) & readable)
                found |= dict.fromkeys(rows.tolist(), findings)
    return found
