"""Typed tables: the columns of a table as the declared dtypes hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._plan import Field, Plan
from ._records import as_dict, cells, is_frame
from ._typed import typed_column

Positions = NDArray[np.intp]


def cells_of(column: Any, positions: Positions) -> Any:
    """The raw values of one column at some positions, as `record_at` gives them."""
    return cells(column.iloc[positions] if hasattr(column, "iloc") else column[positions])


def raw_columns(table: Any, order: Sequence[Any], positions: Positions) -> dict[Any, Any]:
    """Raw columns by field, at some positions: of a DataFrame the names that occur once, of a list those in every record."""
    if is_frame(table):
        once = ~table.columns.duplicated(keep=False)
        return {table.columns[j]: table.iloc[positions, j] for j in np.flatnonzero(once)}
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
