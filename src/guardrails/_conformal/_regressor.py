"""Measuring numbers: the prediction, its interval of constant width, and whether all of them are certified."""

from __future__ import annotations

from typing import Any

import numpy as np

from guardrails._profile import Profile
from guardrails._types import Finding, Interval

from ._read import UnreadableError, array_of, flat, number, plain, shape_of
from ._result import Floats, Measured, TableMeasured
from ._scores import bounds
from ._zones import BAND, WORKS, Zones

_PLAIN = frozenset({float, int, bool})
_INFINITY = float("inf")


class Regressor:
    """The served form of a regressor's profile; its score is constant, so one zone holds every answer."""

    __slots__ = ("_quantile",)

    def __init__(self, profile: Profile) -> None:
        self._quantile = profile.quantile

    def one(self, value: Any, zones: Zones) -> Measured:
        """One answer.

        Raises:
            UnreadableError: not a finite number.
        """
        y = float(value) if isinstance(value, float) else _single(value)
        if not -_INFINITY < y < _INFINITY:
            raise UnreadableError("the prediction is NaN" if y != y else "the prediction is infinite")  # noqa: PLR0124 - NaN test
        return Measured(y, None, Interval(y - self._quantile, y + self._quantile), _found(zones))

    def table(self, values: Any, n: int, zones: Zones) -> tuple[TableMeasured, list[int]] | None:
        """All rows at once, and the positions that cannot be read; None where they must be measured one by one."""
        predictions = _column(values, n)
        if predictions is None:
            return None
        readable = np.isfinite(predictions)
        predictions[~readable] = np.nan
        found = _found(zones)
        findings = dict.fromkeys(np.flatnonzero(readable).tolist(), found) if found else {}
        table = TableMeasured(predictions, findings, bounds=bounds(predictions, self._quantile))
        return table, np.flatnonzero(~readable).tolist()

    def gather(self, rows: list[Measured]) -> TableMeasured:
        """Rows measured one by one, as a table."""
        predictions = np.array(
            [np.nan if row.prediction is None else row.prediction for row in rows], dtype=np.float64
        )
        return TableMeasured(
            predictions=predictions,
            findings={i: row.findings for i, row in enumerate(rows) if row.findings},
            bounds=bounds(predictions, self._quantile),
        )


def _found(zones: Zones) -> tuple[Finding, ...]:
    # works is -1 or infinite: constant width means all answers or none
    return zones.findings[WORKS if zones.works > 0 else BAND]


def _single(value: Any) -> float:
    if isinstance(value, list | tuple):
        if len(value) != 1:
            raise UnreadableError(_mend(shape_of(value)))
        return number(value[0])
    if not hasattr(value, "__array__") or isinstance(value, np.generic):
        return number(value)
    array = array_of(value, "expected a number")
    if array.size != 1:
        raise UnreadableError(_mend(array.shape))
    return number(array.reshape(-1)[0])


def _mend(shape: tuple[int, ...] | str) -> str:
    return f"expected a number, got {shape}: return one number per request, or pass read="


def _column(values: Any, n: int) -> Floats | None:
    if isinstance(values, list | tuple):
        return flat(list(values)) if set(map(type, values)) <= _PLAIN else None
    array = values.to_numpy() if hasattr(values, "iloc") else values
    if type(array) is not np.ndarray or not plain(array) or array.shape not in {(n,), (n, 1)}:
        return None
    return array.reshape(n).astype(np.float64)
