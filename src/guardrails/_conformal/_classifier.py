"""Measuring probability vectors: the top label, its LAC set, and the zone its score lies in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from guardrails._profile import Profile
from guardrails._types import Finding

from ._read import Probabilities, UnreadableError
from ._result import Bools, Measured, TableMeasured
from ._scores import TOLERANCE, Scored, lac_sets, score
from ._zones import BAND, BELOW, WORKS, Zones

_KNOWN = 4096  # bounds the memory of results kept: K labels have up to 2**K sets


class Classifier:
    """The served form of a classifier's profile."""

    __slots__ = ("_classes", "_labels", "_read")

    def __init__(self, profile: Profile) -> None:
        self._classes = profile.classes
        self._read = Probabilities(profile.classes)
        self._labels = np.empty(len(profile.classes), dtype=object)
        self._labels[:] = profile.classes

    def one(self, value: Any, zones: Zones) -> Measured:
        """One answer.

        Raises:
            UnreadableError: not a probability vector.
        """
        p = self._read.row(value)
        total = 0.0
        for x in p:
            total += x
        if not (abs(total - 1.0) <= TOLERANCE and min(p) >= 0.0):
            raise UnreadableError(_fault(p, total))
        largest = max(p)
        top = p.index(largest)
        p[top] = 0.0
        rest = 0.0
        for x in p:
            rest += x
        p[top] = largest
        r = rest / total
        zone = WORKS if r <= zones.works else BAND if r <= zones.answered else BELOW
        quantile, floor = zones.band if zone else zones.whole
        members = 0
        for j, x in enumerate(p):
            if x >= floor and 1.0 - x / total <= quantile:
                members |= 1 << j
        key = (members * len(p) + top) * 3 + zone
        return zones.known.get(key) or self._result(key, zones)

    def _result(self, key: int, zones: Zones) -> Measured:
        rest, zone = divmod(key, 3)
        members, top = divmod(rest, len(self._classes))
        if zone:
            members |= 1 << top  # a partial answer always holds its prediction
        labels = frozenset(label for j, label in enumerate(self._classes) if members >> j & 1)
        result = Measured(self._classes[top], labels, None, zones.findings[zone])
        if len(zones.known) < _KNOWN:
            zones.known[key] = result
        return result

    def table(self, values: Any, n: int, zones: Zones) -> tuple[TableMeasured, list[int]] | None:
        """All rows at once, and the positions that cannot be read; None where they must be measured one by one."""
        matrix = self._read.table(values, n)
        if matrix is None:
            return None
        scored = score(matrix)
        zone = np.where(scored.r <= zones.works, WORKS, np.where(scored.r <= zones.answered, BAND, BELOW))
        predictions = self._labels[scored.top]
        predictions[~scored.readable] = None
        findings = _findings(zone, scored.readable, zones)
        table = TableMeasured(predictions, findings, sets=_sets(scored, zone, zones), classes=self._classes)
        return table, np.flatnonzero(~scored.readable).tolist()

    def gather(self, rows: list[Measured]) -> TableMeasured:
        """Rows measured one by one, as a table."""
        predictions = np.empty(len(rows), dtype=object)
        predictions[:] = [row.prediction for row in rows]
        held = [[label in (row.prediction_set or ()) for label in self._classes] for row in rows]
        return TableMeasured(
            predictions=predictions,
            findings={i: row.findings for i, row in enumerate(rows) if row.findings},
            sets=np.array(held, dtype=bool).reshape(len(rows), len(self._classes)),
            classes=self._classes,
        )


def _sets(scored: Scored, zone: np.ndarray[Any, Any], zones: Zones) -> Bools:
    quantile = np.where(zone == WORKS, zones.whole.quantile, zones.band.quantile)
    sets = lac_sets(scored.shares, quantile[:, None])
    partial = np.flatnonzero(zone != WORKS)
    sets[partial, scored.top[partial]] = True
    sets[~scored.readable] = False
    return sets


def _findings(zone: np.ndarray[Any, Any], readable: Bools, zones: Zones) -> dict[int, tuple[Finding, ...]]:
    found: dict[int, tuple[Finding, ...]] = {}
    for code, findings in enumerate(zones.findings):
        if findings:
            found |= dict.fromkeys(np.flatnonzero((zone == code) & readable).tolist(), findings)
    return found


def _fault(p: list[float], total: float) -> str:
    if math.isnan(total):
        return "the probabilities hold NaN"
    if min(p) < 0.0:
        return "a probability is negative; return probabilities, not scores or logits"
    return (
        f"the probabilities do not sum to 1 within {TOLERANCE:g}; return probabilities, not scores or logits"
    )
