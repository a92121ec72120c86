"""The rows of a table as the checks across their fields see them: each one made as the row of a lone record is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ._cells import State
from ._judge import ABSENT, Findings, judge_absence, read_cell
from ._plan import Field, Plan
from ._row import Row, missing_value
from ._tables import Positions, cells_of, raw_columns

_AT_ONCE: Final = 4096  # rows that are held as Python objects at one time
_WORD: Final = 2**63


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a table, read.

    Attributes:
        positions: where they stand in the table.
        read: the values that were read, None where one is missing.
        shown: what a plain check of each row sees.
    """

    positions: Positions
    read: Sequence[dict[Any, Any]]
    shown: Sequence[Row]


def rows_at(table: Any, plan: Plan, order: Sequence[Any], positions: Positions) -> Iterator[Rows]:
    """The rows at some positions, a few thousand at a time, without those that have a field of the wrong kind.

    Args:
        table: a DataFrame whose column names differ, or a 2-d array.
        plan: the schema.
        order: field names by position, for an array.
        positions: which rows.
    """
    for start in range(0, len(positions), _AT_ONCE):
        yield _read(table, plan, order, positions[start : start + _AT_ONCE])


def _read(table: Any, plan: Plan, order: Sequence[Any], positions: Positions) -> Rows:
    raw = raw_columns(table, order, positions)
    made = [(field, _column(field, raw, plan, len(positions))) for field in plan.fields]
    columns = {field.key: column for field, column in made if column is not None}
    kinds = {field.key: field.kind for field in plan.fields}
    if not plan.filtered:
        everything = np.arange(len(positions))
        columns.update((key, list(cells_of(raw[key], everything))) for key in raw if key not in kinds)
    shown = dict(columns)
    for key in columns.keys() & kinds.keys():
        shown[key] = [missing_value(kinds[key]) if value is None else value for value in columns[key]]
    read, seen = _zipped(columns, len(positions)), _zipped(shown, len(positions))
    usable = [i for i, row in enumerate(read) if not any(value is ABSENT for value in row)]
    return Rows(
        positions[usable],
        [dict(zip(columns, read[i], strict=True)) for i in usable],
        [Row(dict(zip(columns, seen[i], strict=True))) for i in usable],
    )


def _zipped(columns: Mapping[Any, Sequence[Any]], n: int) -> list[tuple[Any, ...]]:
    return list(zip(*columns.values(), strict=True)) if columns else [()] * n


def _column(field: Field, raw: Mapping[Any, Any], plan: Plan, n: int) -> list[Any] | None:
    """What reading gives for each cell; None for a field that is not there and has no default."""
    if field.key not in raw:
        value = judge_absence(plan, field, Findings())
        return None if value is ABSENT else [value] * n
    column = raw[field.key]
    if _as_it_is(field, column.dtype):
        return list(column.tolist())
    return [_value(field, cell) for cell in cells_of(column, np.arange(n))]


def _as_it_is(field: Field, dtype: Any) -> bool:
    """Whether reading a cell gives the number that the column holds."""
    if field.parsers or field.default is not None or not isinstance(dtype, np.dtype):
        return False
    return (field.kind.name, field.kind.label, dtype.name) in _SAME


_SAME: Final = {("int", "int64", "int64"), ("float", "float64", "float64"), ("bool", "bool", "bool")}


def _value(field: Field, cell: Any) -> Any:
    state, value = read_cell(field, cell)
    return ABSENT if state is State.wrong else value


def alike(columns: Iterable[Sequence[Any]], n: int) -> list[list[int]]:
    """The rows in groups whose cells are, column by column, of one type: as one pandas column they keep what they are."""
    kinds = [list(map(_type, column)) for column in columns]
    varied = [column for column in kinds if len(set(column)) > 1]
    groups: dict[Hashable, list[int]] = {}
    for i in range(n):
        groups.setdefault(tuple(column[i] for column in varied), []).append(i)
    return list(groups.values())


def _type(value: Any) -> Any:
    if type(value) is int:
        return (int, -_WORD <= value < _WORD)
    if isinstance(value, dt.datetime):
        return (type(value), str(value.tzinfo))
    return type(value)
