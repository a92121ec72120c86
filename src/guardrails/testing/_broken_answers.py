"""Answers as a broken model gives them: the right container with the wrong thing in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


class Garbage:
    """An object that is no answer of any model."""

    def __repr__(self) -> str:
        return "<garbage>"


def nan_like(value: Any) -> Any:
    """The answer with NaN in the place of every number; what holds none becomes NaN."""
    if isinstance(value, np.ndarray):
        return np.full(value.shape, math.nan)
    if hasattr(value, "iloc"):
        return value.astype(float) * math.nan if _numeric(value) else value.map(lambda _: math.nan)
    if isinstance(value, Mapping):
        return {key: nan_like(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([nan_like(each) for each in value]) if type(value) in {list, tuple} else math.nan
    return math.nan


def _numeric(value: Any) -> bool:
    kinds = [value.dtype] if value.ndim == 1 else list(value.dtypes)
    return all(getattr(kind, "kind", "O") in "fiub" for kind in kinds)


def misshapen(value: Any) -> Any:
    """The answer without its last part, or where it has no parts, twice."""
    if isinstance(value, np.ndarray):
        return value[..., :-1] if value.ndim == 1 and len(value) else np.stack([value, value])
    if hasattr(value, "iloc"):
        return value.iloc[:-1]
    if isinstance(value, Mapping):
        return dict(list(value.items())[:-1])
    if isinstance(value, list | tuple):
        return list(value)[:-1]
    return [value, value]


def shorter(values: Any) -> Any:
    """The outputs of a table without the last row's."""
    return values.iloc[:-1] if hasattr(values, "iloc") else values[:-1]
