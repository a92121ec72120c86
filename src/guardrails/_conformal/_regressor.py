"""Measuring numbers: the prediction, its interval, and the zone its difficulty lies in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from guardrails._profile import Profile
from guardrails._types import Finding, Interval

from ._numbers import Predicted, difficulties_of, ends, number_column, one_number, quantile_columns, usable
from ._plan import Plan, findings_of, quantiles, zone_of
from ._read import with_confidence
from ._result import Bools, Floats, Ints, Measured, TableMeasured
from ._zones import BAND, BELOW, WORKS, Zones

_CONSTANT = 0.0  # intervals of constant width do not tell answers apart


class Regressor:
    """The served form of a regressor's profile."""

    __slots__ = ("_confident", "_quantiles", "_ranking", "_score")

    def __init__(self, profile: Profile) -> None:
        self._score = profile.score
        self._ranking = profile.ranking
        self._quantiles = profile.score == "quantiles"
        self._confident = profile.ranking == "confidence"

    def one(self, value: Any, given: tuple[Zones, ...], difficulty: Any = None) -> Measured:
        """One answer.

        Raises:
            UnreadableError: not a finite number, or not two or three quantile predictions, or no confidence with it.
        """
        zones = given[0]
        r: float | None
        if self._confident:
            value, confidence = with_confidence(value, "prediction")
            said, r = one_number(value), -confidence
        else:
            said = ends(value) if self._quantiles else one_number(value)
            r = self._r(said, difficulty)
        if r is None:
            return Measured(said.point, None, None, zones.unscored)
        zone = WORKS if r <= zones.works else BAND if r <= zones.answered else BELOW
        quantile = (zones.band if zone else zones.whole).quantile
        return Measured(said.point, None, self._interval(said, r, quantile), zones.findings[zone])

    def _r(self, said: Predicted, difficulty: Any) -> float | None:
        if self._ranking == "difficulty":
            return usable(difficulty)
        return said.high - said.low if self._ranking == "width" else _CONSTANT

    def _interval(self, said: Predicted, r: float, quantile: float) -> Interval | None:
        if quantile == math.inf:
            return None
        half = quantile * r if self._score == "normalised" else quantile
        low, high = said.low - half, said.high + half
        return Interval(low, high) if low <= high else Interval(said.point, said.point)

    def table(self, values: Any, n: int, plan: Plan) -> tuple[TableMeasured, list[int]] | None:
        """All rows at once, and the positions that cannot be read; None where they must be measured one by one."""
        columns = self._columns(values, n)
        if columns is None or plan.which is None:
            return None
        low, point, high = columns
        with np.errstate(all="ignore"):
            width = high - low
        readable = np.isfinite(low) & np.isfinite(high) & np.isfinite(point) & np.isfinite(width)
        r, scored = self._column(width, plan.difficulties, n)
        zone = zone_of(r, plan.zones, plan.which)
        findings = findings_of(zone, plan.which, readable & scored, plan.zones)
        findings |= _unscored(plan, readable & ~scored)
        bounds = self._bounds((low, point, high), r, quantiles(zone, plan.which, plan.zones))
        bounds[~(readable & scored)] = np.nan
        table = TableMeasured(np.where(readable, point, np.nan), findings, bounds=bounds)
        return table, np.flatnonzero(~readable).tolist()

    def _columns(self, values: Any, n: int) -> tuple[Floats, Floats, Floats] | None:
        if self._confident:
            return None
        return quantile_columns(values, n) if self._quantiles else number_column(values, n)

    def _column(self, width: Floats, difficulties: Any, n: int) -> tuple[Floats, Bools]:
        if self._ranking == "difficulty":
            r = difficulties_of(difficulties, n)
            return r, ~np.isnan(r)
        r = width if self._ranking == "width" else np.full(n, _CONSTANT)
        return r, np.ones(n, dtype=bool)

    def _bounds(self, said: tuple[Floats, Floats, Floats], r: Floats, quantile: Floats) -> Floats:
        low, point, high = said
        with np.errstate(all="ignore"):
            half = quantile * r if self._score == "normalised" else quantile
            found = np.stack([low - half, high + half], axis=1)
        inverted = found[:, 0] > found[:, 1]
        found[inverted] = point[inverted, None]
        found[quantile == np.inf] = np.nan
        return found

    def gather(self, rows: list[Measured]) -> TableMeasured:
        """Rows measured one by one, as a table."""
        predictions = [np.nan if row.prediction is None else row.prediction for row in rows]
        nothing = Interval(np.nan, np.nan)
        intervals = [nothing if row.interval is None else row.interval for row in rows]
        bounds = np.array([(each.low, each.high) for each in intervals], dtype=np.float64)
        return TableMeasured(
            predictions=np.array(predictions, dtype=np.float64),
            findings={i: row.findings for i, row in enumerate(rows) if row.findings},
            bounds=bounds.reshape(len(rows), 2),
        )


def _unscored(plan: Plan, rows: Bools) -> dict[int, tuple[Finding, ...]]:
    assert plan.which is not None  # noqa: S101 - only predicted classes leave it open
    which: Ints = plan.which
    return {i: plan.zones[which[i]].unscored for i in np.flatnonzero(rows).tolist()}
