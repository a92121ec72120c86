"""Declared dtypes as kinds: which values a column holds, and how one of them is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from . import _cells
from ._cells import Read, Reader, State
from ._plan import Kind

_EXTENSION: Final = re.compile(r"(U?Int|Float)(8|16|32|64)\Z")
WIDE: Final = 8  # bytes of a 64-bit number


def is_row_model(dtype: Any) -> bool:
    """Whether a schema's dtype is a pydantic model of the whole row, not of each of its cells."""
    from pandera.engines import pandas_engine

    return isinstance(dtype, pandas_engine.PydanticModel)


def kind_of(dtype: Any) -> Kind:
    """The kind of a pandera dtype, None included."""
    from pandera.engines import numpy_engine, pandas_engine

    if dtype is None:
        return Kind("any", "any")
    if isinstance(dtype, pandas_engine.STRING | numpy_engine.String):
        return Kind("str", "str", column=dtype.type if isinstance(dtype, pandas_engine.STRING) else object)
    if isinstance(dtype, numpy_engine.Bool | pandas_engine.BOOL):
        return Kind("bool", str(dtype), np.dtype(bool), str(dtype))
    if isinstance(dtype, numpy_engine.Timedelta64):
        return Kind("timedelta", "timedelta64[ns]", dtype.type, dtype.type)
    if type(dtype) is numpy_engine.Object:
        return Kind("any", "object", column=object)
    return _parametrised(dtype) or _number(str(dtype)) or Kind("other", str(dtype), dtype)


def _parametrised(dtype: Any) -> Kind | None:
    from pandera.engines import pandas_engine

    if isinstance(dtype, pandas_engine.DateTime) and not (
        dtype.time_zone_agnostic or dtype.to_datetime_kwargs
    ):
        return Kind("datetime", str(dtype.type), dtype.type, dtype.type)
    if isinstance(dtype, pandas_engine.Category):
        open_ended = dtype.type.categories is None
        return Kind("any" if open_ended else "category", "category", dtype.type, dtype.type)
    return None


def _number(label: str) -> Kind | None:
    name = label.lower() if _EXTENSION.match(label) else label
    try:
        plain = np.dtype(name)
    except (TypeError, ValueError):
        return None
    if plain.name != name or plain.itemsize > WIDE:
        return None
    if plain.kind in "iu":
        info = np.iinfo(plain)
        return Kind("int", label, plain, label, int(info.min), int(info.max))
    return Kind("float", label, plain, label) if plain.kind == "f" else None


def reader_of(kind: Kind, dtype: Any, *, coerce: bool) -> Reader:
    """How raw values of this kind are read, under record semantics."""
    make: dict[str, Callable[[], Reader]] = {
        "int": lambda: _cells.int_reader(kind.low, kind.high, coerce=coerce),
        "float": lambda: _cells.float_reader(single_of(kind), coerce=coerce),
        "bool": lambda: _cells.bool_reader(coerce=coerce),
        "str": lambda: _cells.str_reader(coerce=coerce),
        "category": lambda: _cells.category_reader(frozenset(kind.dtype.categories)),
        "datetime": lambda: _datetime_reader(kind, dtype, coerce),
        "timedelta": lambda: _cells.timedelta_reader(coerce=coerce, parse=partial(_coerced, dtype)),
        "any": partial(_cells.any_reader, hashable=kind.label == "category"),
    }
    return make[kind.name]() if kind.name in make else partial(_read_by_pandera, dtype, coerce)


def single_of(kind: Kind) -> type[Any] | None:
    """The numpy type of a float narrower than 64 bits, None for 64."""
    return None if kind.dtype.itemsize == WIDE else kind.dtype.type


def _datetime_reader(kind: Kind, dtype: Any, coerce: bool) -> Reader:
    unit, zone = getattr(kind.dtype, "unit", "ns"), getattr(kind.dtype, "tz", None)
    return _cells.datetime_reader(unit, zone, coerce=coerce, parse=partial(_coerced, dtype))


def _coerced(dtype: Any, value: Any) -> Any:
    """What pandera's own coercion makes of one value."""
    import pandas as pd

    return dtype.coerce(pd.Series([value])).iloc[0]


def _read_by_pandera(dtype: Any, coerce: bool, value: Any) -> Read:
    import pandas as pd
    from pandera.engines.pandas_engine import Engine

    if _cells.is_null(value):
        return _cells.NULL
    try:
        series = pd.Series([value])
        if coerce:
            series = dtype.coerce(series)
        fits = bool(np.all(dtype.check(Engine.dtype(series.dtype), series)))
    except Exception:
        return _cells.WRONG
    if not fits:
        return _cells.WRONG
    read = series.iloc[0]
    return _cells.NULL if _cells.is_null(read) else (State.ok, read)
