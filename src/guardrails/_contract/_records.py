"""Read records and tables of any accepted kind, without importing pandas."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ACCEPTED: Final = (
    "a record is a dict, Mapping, dataclass, pydantic model, NamedTuple, pandas Series or 1-d array"
)
TABLES: Final = "a table is a pandas DataFrame, a 2-d array or a list of records"


_VERY_FEW: Final = 6  # rows of a DataFrame; below, picking cells is faster than picking columns
_TABLE_AXES: Final = 2


class Ambiguous:
    """Stands for the value of a field whose name occurs twice in one record."""


AMBIGUOUS: Final = Ambiguous()


class UnreadableError(TypeError):
    """The object is no record: the message names what is accepted, and no value."""


def _pandas(name: str) -> Any:
    # whoever holds a pandas object has imported pandas, so looking is enough
    return getattr(sys.modules.get("pandas"), name, None)


def is_frame(obj: object) -> bool:
    """Whether `obj` is a pandas DataFrame."""
    kind = _pandas("DataFrame")
    return kind is not None and isinstance(obj, kind)


def _is_series(obj: object) -> bool:
    kind = _pandas("Series")
    return kind is not None and isinstance(obj, kind)


def _is_named_tuple(obj: object) -> bool:
    return isinstance(obj, tuple) and hasattr(type(obj), "_fields")


def is_table(obj: object) -> bool:
    """Whether `obj` is a table: a pandas DataFrame, a 2-d array, or a list or tuple of records."""
    if isinstance(obj, np.ndarray):
        return obj.ndim == _TABLE_AXES
    return is_frame(obj) or (isinstance(obj, list | tuple) and not _is_named_tuple(obj))


def field_names(value: Any) -> tuple[str, ...] | None:
    """Names of the fields of a dataclass instance or a pydantic model, None for anything else."""
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    fields = getattr(kind, "__pydantic_fields__", None)
    if isinstance(fields, Mapping):
        return (*fields, *(getattr(value, "__pydantic_extra__", None) or ()))
    return None


def as_dict(request: Any, fields: Sequence[Any] = ()) -> dict[Any, Any]:
    """The record as a dict from field to raw value; a dict comes back as it is.

    Args:
        request: one record of any accepted kind.
        fields: names by position, for a 1-d array.

    Raises:
        UnreadableError: `request` is no record.
    """
    if type(request) is dict:
        return request
    if isinstance(request, Mapping):
        return {key: request[key] for key in request}
    if _is_named_tuple(request):
        return dict(zip(request._fields, request, strict=True))
    if isinstance(request, np.ndarray):
        return _array_dict(request, fields)
    if _is_series(request):
        return _series_dict(request)
    names = field_names(request)
    if names is not None:
        return {name: getattr(request, name) for name in names}
    mend = "; for a table use .batch" if is_table(request) else ""
    raise UnreadableError(ACCEPTED + mend)


def _array_dict(array: NDArray[Any], fields: Sequence[Any]) -> dict[Any, Any]:
    if array.ndim == _TABLE_AXES:
        raise UnreadableError(f"{ACCEPTED}; for a table use .batch")
    if array.shape != (len(fields),):
        raise UnreadableError(f"a 1-d array of the {len(fields)} fields, by position")
    return dict(zip(fields, array, strict=True))


def _series_dict(series: Any) -> dict[Any, Any]:
    # to_numpy, not iteration: numpy scalars keep the width that iteration would lose
    found = dict(zip(series.index, series.to_numpy(), strict=True))
    if len(found) < len(series):
        found.update(dict.fromkeys(series.index[series.index.duplicated()], AMBIGUOUS))
    return found


def field_of(request: Any, name: Any, fields: Sequence[Any] = ()) -> Any:
    """The raw value of one field.

    Raises:
        LookupError: the record has no such field, or `request` is no record.
    """
    if isinstance(request, Mapping):
        if name in request:
            return request[name]
        raise LookupError(name)
    try:
        return as_dict(request, fields)[name]
    except UnreadableError as error:
        raise LookupError(name) from error


def length_of(table: Any) -> int:
    """Number of rows.

    Raises:
        TypeError: `table` is no table.
    """
    if not is_table(table):
        raise TypeError(TABLES)
    return len(table)


def names_differ(frame: Any) -> bool:
    """Whether each column name occurs once."""
    # pandas 2 lets a slice inherit that the whole repeated one, so only a yes is believed
    return bool(frame.columns.is_unique or not frame.columns.duplicated().any())


def record_at(table: Any, position: int) -> Any:
    """Row `position` of a table as one record; a DataFrame's row is a dict of its cells."""
    if not is_frame(table):
        return table[position]
    if not names_differ(table):
        return table.iloc[position]
    return {name: table.iat[position, j] for j, name in enumerate(table.columns)}


def record_of(request: Any, fields: Sequence[Any] = ()) -> dict[Any, Any] | None:
    """The record as a dict; None where `request` is no record. A 1-d array without field names has positions."""
    if isinstance(request, np.ndarray) and request.ndim == 1 and not fields:
        fields = range(len(request))
    try:
        return as_dict(request, fields)
    except UnreadableError:
        return None


def columns_of(table: Any, fields: Sequence[Any] = ()) -> dict[Any, Any] | None:
    """The columns of a DataFrame or a 2-d array; None for a list of records, which has none."""
    if is_frame(table):
        names = list(table.columns)
        if names_differ(table):
            return {name: table[name] for name in names}
        alone = {name: table[name] for name in names if names.count(name) == 1}
        return dict.fromkeys(names, [AMBIGUOUS] * len(table)) | alone
    if isinstance(table, np.ndarray):
        return {name: table[:, at] for at, name in enumerate(fields or range(table.shape[1]))}
    return None


def records_of(table: Any) -> Iterable[Any]:
    """All rows of a table as records, in order: what `record_at` gives, faster."""
    if not is_frame(table) or len(table) <= _VERY_FEW or not names_differ(table):
        return (record_at(table, i) for i in range(length_of(table)))
    names = list(table.columns)
    columns = [cells(table.iloc[:, j]) for j in range(len(names))]
    return (dict(zip(names, row, strict=True)) for row in _rows(columns, len(table)))


def _rows(columns: Sequence[Any], n: int) -> Iterable[tuple[Any, ...]]:
    return zip(*columns, strict=True) if columns else (() for _ in range(n))


def cells(column: Any) -> Any:
    """The raw values of a pandas Series or a 1-d array, as `record_at` gives them: numpy scalars keep their width."""
    dtype = column.dtype
    if type(dtype).__name__ == "StringDtype":
        return np.asarray(column.array, dtype=object)  # much faster than iterating over Arrow's
    if isinstance(dtype, np.dtype) and dtype.kind not in "mM":
        return np.asarray(column)
    return column.array if hasattr(column, "array") else column


def rows_of(table: Any, positions: NDArray[np.intp]) -> Any:
    """The rows at `positions`, as a table of the same kind; a DataFrame keeps its index."""
    if is_frame(table):
        return table.iloc[positions]
    if isinstance(table, np.ndarray):
        return table[positions]
    return type(table)(table[i] for i in positions)
