"""Measuring probability vectors: the top label, its LAC set, and the zone its score lies in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from guardrails._profile import Profile

from ._aps import aps_members, aps_sets, key_of
from ._plan import Plan, findings_of, quantiles, zone_of
from ._read import Probabilities, UnreadableError, with_confidence
from ._result import Bools, Floats, Ints, Measured, TableMeasured
from ._scores import TOLERANCE, Scored, lac_sets, score
from ._zones import BAND, BELOW, WORKS, Zones

_LEAST, _MOST = 1.0 - TOLERANCE, 1.0 + TOLERANCE
_KNOWN = 4096  # bounds the memory of results kept: K labels have up to 2**K sets


class Classifier:
    """The served form of a classifier's profile."""

    __slots__ = ("_classes", "_confident", "_k", "_key", "_labels", "_read", "_row")

    def __init__(self, profile: Profile) -> None:
        self._classes = profile.classes
        self._read = Probabilities(profile.classes)
        self._row = self._read.row
        self._k = len(profile.classes)
        self._labels = np.empty(len(profile.classes), dtype=object)
        self._labels[:] = profile.classes
        self._confident = profile.ranking == "confidence"
        self._key = key_of(profile.seed) if profile.score == "aps" else None

    def one(self, value: Any, given: tuple[Zones, ...], _difficulty: Any = None) -> Measured:
        """One answer; `given` is one zones, or one per class.

        Raises:
            UnreadableError: not a probability vector.
        """
        confidence = None
        if self._confident:
            value, confidence = with_confidence(value, "probabilities")
        p = self._row(value)
        largest = max(p)
        top = p.index(largest)
        p[top] = rest = 0.0
        for x in p:
            rest += x
        total = rest + largest
        if not (_LEAST <= total <= _MOST and min(p) >= 0.0):
            p[top] = largest
            raise UnreadableError(_fault(p, total))
        r = rest / total if confidence is None else -confidence
        zones = given[0] if len(given) == 1 else given[top]
        zone = WORKS if r <= zones.works else BAND if r <= zones.answered else BELOW
        quantile, floor = zones.band if zone else zones.whole
        if self._key is not None:
            p[top] = largest
            members = aps_members([x / total for x in p], quantile, self._key)
        else:
            members = 1 << top if 1.0 - largest / total <= quantile else 0
            if rest >= floor:  # else no other label reaches it, since none exceeds their sum
                for j, x in enumerate(p):
                    if x >= floor and 1.0 - x / total <= quantile:
                        members |= 1 << j
        key = (members * self._k + top) * 3 + zone
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

    def table(self, values: Any, n: int, plan: Plan) -> tuple[TableMeasured, list[int]] | None:
        """All rows at once, and the positions that cannot be read; None where they must be measured one by one."""
        matrix = None if self._confident else self._read.table(values, n)
        if matrix is None:
            return None
        scored = score(matrix)
        which = scored.top if plan.which is None else plan.which
        zone = zone_of(scored.r, plan.zones, which)
        predictions = self._labels[scored.top]
        predictions[~scored.readable] = None
        findings = findings_of(zone, which, scored.readable, plan.zones)
        sets = _sets(scored, zone, quantiles(zone, which, plan.zones), self._key)
        table = TableMeasured(predictions, findings, sets=sets, classes=self._classes)
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


def _sets(scored: Scored, zone: Ints, quantile: Floats, key: bytes | None) -> Bools:
    if key is None:
        sets = lac_sets(scored.shares, quantile[:, None])
    else:
        sets = aps_sets(scored.shares, quantile[:, None], key)
    partial = np.flatnonzero(zone != WORKS)
    sets[partial, scored.top[partial]] = True
    sets[~scored.readable] = False
    return sets


def _fault(p: list[float], total: float) -> str:
    if math.isnan(total):
        return "the probabilities hold NaN"
    if min(p) < 0.0:
        return "a probability is negative; return probabilities, not scores or logits"
    return (
        f"the probabilities do not sum to 1 within {TOLERANCE:g}; return probabilities, not scores or logits"
    )
