"""Typed tables: the columns of a table as the declared dtypes hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._judge import Row, typed_column
from ._plan import Field, Plan
from ._records import as_dict, cells, is_frame, record_at

Positions = NDArray[np.intp]


def cells_of(column: Any, positions: Positions) -> Any:
    """The raw values of one column at some positions, as `record_at` gives them."""
    return cells(column.iloc[positions] if hasattr(column, "iloc") else column[positions])


def raw_columns(table: Any, order: Sequence[Any], positions: Positions) -> dict[Any, Any]:
    """Raw columns by field, at some positions; a list of records gives the fields that every record has."""
    if is_frame(table):
        return {name: table[name].iloc[positions] for name in table.columns}
    if isinstance(table, np.ndarray):
        return {name: table[positions, j] for j, name in enumerate(order)}
    rows = [as_dict(table[i], order) for i in positions]
    keys = [key for key in (rows[0] if rows else ()) if all(key in row for row in rows)]
    return {key: [row[key] for row in rows] for key in keys}


def typed_frame(table: Any, plan: Plan, order: Sequence[Any], positions: Positions) -> Any:
    """The rows at some positions as a frame of the declared dtypes; undeclared columns as they are."""
    import pandas as pd

    fields = {field.key: field for field in plan.fields}
    raw = raw_columns(table, order, positions)
    made = {key: _typed(fields.get(key), column) for key, column in raw.items()}
    return pd.DataFrame(made, index=pd.RangeIndex(len(positions)))


def _typed(field: Field | None, column: Any) -> Any:
    own = getattr(column, "dtype", None)
    if field is None or (
        hasattr(column, "array") and field.kind.column is not None and own == field.kind.column
    ):
        return column.array if hasattr(column, "array") else column
    values = [field.default if (read := field.read(value)[1]) is None else read for value in column]
    return typed_column(values, field.kind).array


def plain_rows(frame: Any) -> Iterator[Row]:
    """The rows of a typed frame as checks across fields see them."""
    names = list(frame.columns)
    for values in zip(*(frame[name].tolist() for name in names), strict=True):
        yield Row(dict(zip(names, values, strict=True)))


def records_at(table: Any, positions: Positions, order: Sequence[Any]) -> Iterator[Mapping[Any, Any]]:
    """The rows at some positions as dicts of raw values."""
    return (as_dict(record_at(table, int(i)), order) for i in positions)
