"""Give a transformed request the kind it came in."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._checks import EXACT
from ._plan import Plan
from ._records import AMBIGUOUS, field_names, is_frame, rows_of
from ._typed import object_array, typed_column
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
        return _array(
            [row[name] for name in fields if name in row], request.dtype
        )  # a filter makes it shorter
    if isinstance(request, tuple):
        return request._replace(**{name: row[name] for name in request._fields if name in row})  # type: ignore[attr-defined]
    if field_names(request) is None:
        return _rebuilt_series(request, row)
    if dataclasses.is_dataclass(request) and not isinstance(request, type):
        return _changed(request, row)
    made = request.model_copy(update=row)
    for name in [name for name in made.__pydantic_extra__ or () if name not in row]:  # filtered
        del made.__pydantic_extra__[name]
    return made


def _changed(request: Any, row: dict[Any, Any]) -> Any:
    """A copy, and not made anew: what `__init__` takes besides fields, or does with them, has been done once."""
    made = copy.copy(request)
    for field in dataclasses.fields(request):
        if field.name in row:
            object.__setattr__(made, field.name, row[field.name])
    return made


def _rebuilt_series(series: Any, row: dict[Any, Any]) -> Any:
    """Labels that occur twice keep their values, since nobody can tell which of them was read."""
    values = {key: value for key, value in row.items() if value is not AMBIGUOUS}
    made = type(series)(values)
    if _shortened(values.values(), made.dtype):
        made = type(series)(values, dtype=object)
    if len(made) == len(row):
        return made
    import pandas as pd

    return pd.concat([made, series[series.index.duplicated(keep=False)]])


def rebuilt_table(table: Any, ok: NDArray[np.bool_], verdicts: Mapping[int, Verdict], plan: Plan) -> Any:
    """The transformed rows that are `ok`, in order, as a table of the same kind; a DataFrame keeps its index."""
    positions = np.flatnonzero(ok)
    kept = rows_of(table, positions)
    rows = [verdicts[int(i)].request if int(i) in verdicts else UNCHANGED for i in positions]
    if is_frame(table):
        return _rebuilt_frame(kept, rows, plan)
    merged = [old if new is UNCHANGED else new for old, new in zip(kept, rows, strict=True)]
    if not isinstance(table, np.ndarray):
        return type(table)(merged)
    if not merged:
        return kept
    return _array([cell for row in merged for cell in row], table.dtype).reshape(len(merged), -1)


def _shortened(values: Iterable[Any], dtype: Any) -> bool:
    """Whether one dtype for all has made a float of an int that it does not hold."""
    return getattr(dtype, "kind", "") == "f" and any(
        type(value) is int and abs(value) > EXACT for value in values
    )


def _array(values: list[Any], dtype: Any) -> Any:
    """Values as an array: of objects where the request was one, or where they are not of one kind."""
    if dtype.kind != "O":
        found = np.array(values, dtype=dtype if dtype.kind in "mM" else None)
        texts = found.dtype.kind != "U" or all(isinstance(value, str) for value in values)
        if texts and not _shortened(values, found.dtype):
            return found
    return object_array(values)


def _rebuilt_frame(kept: Any, rows: list[Any], plan: Plan) -> Any:
    """Column by column, of the declared dtypes; a column that no row changed stays as it is."""
    import pandas as pd

    if all(row is UNCHANGED for row in rows):
        return kept.loc[:, [plan.declares(key) for key in kept.columns]] if plan.filtered else kept
    kinds = {field.key: field.kind for field in plan.fields}
    twice = set(kept.columns[kept.columns.duplicated()])
    rows = [row if row is UNCHANGED else {k: v for k, v in row.items() if k not in twice} for row in rows]
    columns = {}
    for key in dict.fromkeys(key for row in rows if row is not UNCHANGED for key in row):
        cells = kept[key].array if key in kept.columns else [None] * len(rows)
        values = [cell if row is UNCHANGED else row.get(key) for cell, row in zip(cells, rows, strict=True)]
        columns[key] = typed_column(values, kinds.get(key)).array
    made = pd.DataFrame(columns, index=kept.index)
    if plan.filtered or not twice:
        return made
    return pd.concat([made, kept.loc[:, kept.columns.isin(twice)]], axis=1)
