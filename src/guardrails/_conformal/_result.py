"""What measuring gives: for one answer, and for one answer per row of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from guardrails._profile import Label
from guardrails._types import CaveatCode, Finding, Interval

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Ints: TypeAlias = npt.NDArray[np.intp]


class Measured(NamedTuple):
    """What one answer says, and how far it can be trusted.

    Attributes:
        prediction: the top label or the number, None where the answer cannot be read.
        prediction_set: labels that hold the truth at the profile's coverage, None for a regressor or where unread.
        interval: interval that holds the truth at the profile's coverage, None for a classifier or where unread.
        findings: rows of the routing table that apply; empty for an answer in the certified region.
    """

    prediction: Any
    prediction_set: frozenset[Label] | None
    interval: Interval | None
    findings: tuple[Finding, ...]


def unread(detail: str, own: tuple[Finding, ...] = ()) -> Measured:
    """An answer that cannot be read; `detail` holds no value of it."""
    return Measured(None, None, None, (*own, Finding(CaveatCode.output, detail)))


@dataclass(frozen=True, slots=True, eq=False)
class TableMeasured:
    """One answer per row, by columns; row i says what `Measure.one` says of that row's answer alone.

    Attributes:
        predictions: (n,) labels or None (object), or numbers with NaN where a row cannot be read (float64).
        findings: row to findings, only for rows that have any.
        sets: (n, K) bool in the order of `classes`, all False where a row cannot be read; None for a regressor.
        bounds: (n, 2) lower and upper ends, NaN where a row cannot be read; None for a classifier.
        classes: the labels of the columns of `sets`.
    """

    predictions: npt.NDArray[Any]
    findings: Mapping[int, tuple[Finding, ...]]
    sets: Bools | None = None
    bounds: Floats | None = None
    classes: tuple[Label, ...] = ()

    def __len__(self) -> int:
        return len(self.predictions)

    def at(self, i: int) -> Measured:
        """Row `i` as one answer.

        Raises:
            IndexError: no such row; negative positions do not count from the end.
        """
        if not 0 <= i < len(self.predictions):
            raise IndexError(f"row {i} of {len(self.predictions)}")
        findings = self.findings.get(i, ())
        if any(finding.code is CaveatCode.output for finding in findings):
            return Measured(None, None, None, findings)
        return Measured(self._prediction(i), self._set(i), self._interval(i), findings)

    def _prediction(self, i: int) -> Any:
        return self.predictions[i] if self.bounds is None else float(self.predictions[i])

    def _set(self, i: int) -> frozenset[Label] | None:
        if self.sets is None:
            return None
        return frozenset(self.classes[j] for j in np.flatnonzero(self.sets[i]).tolist())

    def _interval(self, i: int) -> Interval | None:
        if self.bounds is None:
            return None
        low, high = self.bounds[i].tolist()
        return None if math.isnan(low) else Interval(low, high)
