"""Measure: a model's answer and a profile become a prediction, a set or interval, and findings."""

from __future__ import annotations

from ._aps import aps_scores, aps_sets, key_of, uniforms
from ._bins import FIRST, MISSING, ODD, Bins, code_of, is_missing
from ._measure import Measure
from ._novelty import UNLIKE, Novel
from ._numbers import quantile_columns
from ._read import Probabilities
from ._result import Bools, Floats, Ints, Measured, TableMeasured
from ._scores import TOLERANCE, Scored, bounds, lac_sets, score

__all__ = [
    "FIRST",
    "MISSING",
    "ODD",
    "TOLERANCE",
    "UNLIKE",
    "Bins",
    "Bools",
    "Floats",
    "Ints",
    "Measure",
    "Measured",
    "Novel",
    "Probabilities",
    "Scored",
    "TableMeasured",
    "aps_scores",
    "aps_sets",
    "bounds",
    "code_of",
    "is_missing",
    "key_of",
    "lac_sets",
    "quantile_columns",
    "score",
    "uniforms",
]
