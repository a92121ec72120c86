"""Measure: a model's answer and a profile become a prediction, a set or interval, and findings."""

from __future__ import annotations

from ._measure import Measure
from ._read import Probabilities
from ._result import Bools, Floats, Ints, Measured, TableMeasured
from ._scores import TOLERANCE, Scored, bounds, lac_sets, score

__all__ = [
    "TOLERANCE",
    "Bools",
    "Floats",
    "Ints",
    "Measure",
    "Measured",
    "Probabilities",
    "Scored",
    "TableMeasured",
    "bounds",
    "lac_sets",
    "score",
]
