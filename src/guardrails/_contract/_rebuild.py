"""Give a transformed request the kind it came in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._judge import typed_column
from ._plan import Plan
from ._records import field_names, is_frame, rows_of
from ._verdict import UNCHANGED, Verdict


def rebuilt(request: Any, row: dict[Any, Any], fields: Sequence[Any]) -> Any:
    """The request with the values of `row`, of the same kind; a Mapping becomes a dict.

    Args:
        request: the record as it came.
        row: the values that were read, by field.
        fields: names by position, for a 1-d array.
    """
    if isinstance(request, Mapping):
        return row
    if isinstance(request, np.ndarray):
        return np.array([row[name] for name in fields])
    if isinstance(request, tuple):
        return request._replace(**{name: row[name] for name in request._fields if name in row})  # type: ignore[attr-defined]
    if field_names(request) is None:  # a Series
        return type(request)(row)
    if dataclasses.is_dataclass(request) and not isinstance(request, type):
        own = {field.name for field in dataclasses.fields(request) if field.init}
        return dataclasses.replace(request, **{name: value for name, value in row.items() if name in own})
    return request.model_copy(update=row)


def rebuilt_table(table: Any, ok: NDArray[np.bool_], verdicts: Mapping[int, Verdict], plan: Plan) -> Any:
    """The transformed rows that are `ok`, in order, as a table of the same kind; a DataFrame keeps its index."""
    positions = np.flatnonzero(ok)
    kept = rows_of(table, positions)
    rows = [verdicts[int(i)].request if int(i) in verdicts else UNCHANGED for i in positions]
    if is_frame(table):
        return _rebuilt_frame(kept, rows, plan)
    merged = [old if new is UNCHANGED else new for old, new in zip(kept, rows, strict=True)]
    return np.array(merged) if isinstance(table, np.ndarray) else type(table)(merged)


def _rebuilt_frame(kept: Any, rows: list[Any], plan: Plan) -> Any:
    """Column by column, of the declared dtypes; a column that no row changed stays as it is."""
    import pandas as pd

    changed = [row for row in rows if row is not UNCHANGED]
    if not changed:
        return kept
    kinds = {field.key: field.kind for field in plan.fields}
    columns = {}
    for key in dict.fromkeys(key for row in changed for key in row):
        cells = kept[key].array if key in kept.columns else [None] * len(rows)
        values = [cell if row is UNCHANGED else row.get(key) for cell, row in zip(cells, rows, strict=True)]
        columns[key] = typed_column(values, kinds.get(key)).array
    return pd.DataFrame(columns, index=kept.index)
