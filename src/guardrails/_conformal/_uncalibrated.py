"""Measuring without a profile: nothing is known, save that None and NaN are no answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from guardrails._types import CaveatCode, Finding

from ._plan import Plan
from ._read import UnreadableError, number
from ._result import Measured, TableMeasured
from ._zones import Zones

_UNCALIBRATED = Finding(CaveatCode.uncalibrated)


class Uncalibrated:
    """The served form of no profile."""

    __slots__ = ("_found", "_known_nothing", "_reads")

    def __init__(self, own: tuple[Finding, ...], *, reads: bool) -> None:
        self._reads = reads
        self._found = (*own, _UNCALIBRATED)
        self._known_nothing = Measured(None, None, None, self._found)

    def one(self, value: Any, _zones: tuple[Zones, ...], _difficulty: Any = None) -> Measured:
        """One answer.

        Raises:
            UnreadableError: None, NaN, or an array that holds NaN.
        """
        if value is None:
            raise UnreadableError("the answer is None")
        if missing(list(value.values()) if self._reads and isinstance(value, Mapping) else value):
            raise UnreadableError("the answer is NaN, or holds NaN")
        return Measured(prediction(value), None, None, self._found) if self._reads else self._known_nothing

    def table(self, values: Any, n: int, _plan: Plan) -> tuple[TableMeasured, list[int]] | None:
        """All rows at once, and the positions that cannot be read; None where they must be measured one by one."""
        if self._reads or type(values) is not np.ndarray or values.dtype.kind not in "fiub":
            return None
        holes = np.isnan(values).any(axis=tuple(range(1, values.ndim)))
        findings = dict.fromkeys(np.flatnonzero(~holes).tolist(), self._found)
        return TableMeasured(np.full(n, None, dtype=object), findings), np.flatnonzero(holes).tolist()

    def gather(self, rows: list[Measured]) -> TableMeasured:
        """Rows measured one by one, as a table."""
        predictions = np.empty(len(rows), dtype=object)
        predictions[:] = [row.prediction for row in rows]
        return TableMeasured(predictions, {i: row.findings for i, row in enumerate(rows)})


def missing(value: Any) -> bool:
    """Whether a value is NaN, or a list or array that holds NaN."""
    if isinstance(value, float):
        return bool(value != value)  # noqa: PLR0124 - the NaN test that costs nothing
    if isinstance(value, list | tuple):
        return any(missing(item) for item in value)
    if not hasattr(value, "__array__"):
        return False
    array = np.asarray(value)
    if array.dtype.kind == "O":
        return any(isinstance(item, float) and missing(item) for item in array.ravel().tolist())
    return array.dtype.kind in "fc" and bool(np.isnan(array).any())


def prediction(value: Any) -> Any:
    """What `read` gave, as a prediction: a label or number itself, the top label of a mapping, else None."""
    if isinstance(value, Mapping):
        return max(value, key=lambda label: number(value[label]), default=None)
    if isinstance(value, str | bool | int):
        return value
    try:
        return number(value)
    except UnreadableError:
        return None
