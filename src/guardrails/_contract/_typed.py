"""Columns of the declared dtype, where such a column gives back what was put in; else columns of objects."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from ._cells import is_bool, is_null
from ._checks import EXACT
from ._plan import Kind

_NUMBERS: Final = (int, float, np.integer, np.floating)
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "int": (int, np.integer),
    "float": _NUMBERS,
    "bool": (bool, np.bool_),
    "str": (str,),
    "datetime": (dt.datetime, np.datetime64),
    "timedelta": (dt.timedelta, np.timedelta64),
}


def typed_column(values: Sequence[Any], kind: Kind | None) -> Any:
    """A pandas Series of the values; None is a missing one, and what the dtype cannot hold as it is makes it one of objects."""
    import pandas as pd

    try:
        if kind is None or kind.column is None:
            return pd.Series(values)
        dtype = _dtype(values, kind)
        made = None if dtype is None else pd.Series(values, dtype=dtype)
        if made is not None and (kind.column is object or _same(values, made)):
            return made
    except Exception:  # noqa: S110 - what no typed column holds, one of objects does
        pass
    return pd.Series(object_array(values), dtype=object)


def _dtype(values: Sequence[Any], kind: Kind) -> Any:
    """The dtype for these values; None where one of them is not of the kind, or missing where none may be."""
    types = _TYPES.get(kind.name)
    given = [value for value in values if not is_null(value)]
    if types is not None and not all(_is_one(value, types) for value in given):
        return None
    if len(given) == len(values) or kind.nullable or kind.name not in {"int", "bool"}:
        return kind.column
    # as pandas has a missing int: a number that can be computed with
    numbers = kind.name == "int" and given and all(abs(int(value)) <= EXACT for value in given)
    return np.dtype(np.float64) if numbers else None


def _is_one(value: Any, types: tuple[type, ...]) -> bool:
    return isinstance(value, types) and (types == _TYPES["bool"] or not is_bool(value))


def _same(values: Sequence[Any], made: Any) -> bool:
    return all(
        is_null(kept) if is_null(value) else not is_null(kept) and bool(kept == value)
        for value, kept in zip(values, made, strict=True)
    )


def object_array(values: Sequence[Any]) -> Any:
    """The values as they are, in an array."""
    made = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):  # a sequence among them would be spread
        made[i] = value
    return made
