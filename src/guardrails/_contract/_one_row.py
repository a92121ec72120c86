"""Read one raw value as pandera's one-row frame does: the rules of `semantics="pandera"`.

pandas infers a column's dtype from its one value. What is not modelled here raises `UnknownError`, and pandera judges the
record itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Final

import numpy as np

from ._cells import NULL, WRONG, Read, Reader, State
from ._judge import UnknownError
from ._plan import Clause, Field, How, Kind, Plan
from ._regex import longest_text

_INTS: Final = frozenset({np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64})
_SIMPLE: Final = frozenset({int, float, bool, str, type(None), np.float64, np.float32, np.bool_}) | _INTS
_FARTHEST: Final = 9.2e18  # floats below it are 64-bit integers when truncated
_WORD: Final = 63  # bits of a signed 64-bit integer beside its sign
_UNMODELLED: Final = ("checks", "parsers", "dtype", "add_missing_columns", "ordered", "unique_column_names")


def modelled(schema: Any) -> bool:
    """Whether the clauses of the schema itself are modelled; if not, pandera judges every record."""
    if any(getattr(schema, name) for name in _UNMODELLED) or schema.index is not None:
        return False
    return all(_plain_column(key, column) for key, column in schema.columns.items())


def _plain_column(key: Any, column: Any) -> bool:
    if column.regex or column.parsers or column.default is not None or not isinstance(key, str):
        return False
    return not any(check.groupby is not None or check.raise_warning for check in column.checks)


def with_one_row_readers(plan: Plan) -> Plan:
    """The plan with every field read as the one-row frame would."""
    return replace(plan, fields=tuple(map(_field, plan.fields)))


def without_readers(plan: Plan, names: Collection[str] | None = None) -> Plan:
    """The plan with these fields, or all, left to pandera: a record that has one of them is pandera's."""
    mine = {field.name for field in plan.fields} if names is None else set(names)
    fields = tuple(_left(field) if field.name in mine else field for field in plan.fields)
    return replace(plan, fields=fields, opaque=names is None)


def _left(field: Field) -> Field:
    clauses = tuple(replace(clause, how=How.pandera) for clause in field.clauses)
    return replace(field, read=_unknown, dtype=replace(field.dtype, how=How.pandera), clauses=clauses)


def _field(field: Field) -> Field:
    read = _reader(field.kind, coerce=field.coerce)
    if read is _unknown or any(clause.how is How.pandera for clause in field.clauses):
        return _left(field)
    clauses = tuple(replace(clause, holds=_strictly(clause)) for clause in field.clauses)
    null_matters = any(not clause.check.ignore_na for clause in field.clauses)
    longest = _longest(field)

    def guarded(value: Any) -> Read:
        if type(value) is str and (not _ordinary(value, field.kind) or (longest or len(value)) < len(value)):
            raise UnknownError
        found = read(value)
        if found[0] is State.null and null_matters:
            raise UnknownError
        return found

    return replace(field, read=guarded, clauses=clauses)


def _ordinary(text: str, kind: Kind) -> bool:
    """Whether pandas takes this text as Python does: it reads digits of its own, and no lone surrogates."""
    if kind.name != "str":
        return text.isascii()
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _longest(field: Field) -> int | None:
    """The shortest bound of the field's patterns: pandera itself has none."""
    from ._checks import HOW
    from ._pandera import constants_of

    bounds = [
        longest_text(constants_of(c.check)["pattern"], HOW[c.builtin])
        for c in field.clauses
        if c.builtin in HOW
    ]
    return min((bound for bound in bounds if bound is not None), default=None)


def _strictly(clause: Clause) -> Callable[[Any], bool] | None:
    """The user's own functions must answer with a bool; what else pandas makes of an answer is not modelled."""
    if clause.builtin or clause.holds is None:
        return clause.holds
    function = clause.holds

    def holds(value: Any) -> bool:
        answer = function(value)
        if not isinstance(answer, bool | np.bool_):
            raise UnknownError
        return bool(answer)

    return holds


def _unknown(_value: Any) -> Read:
    raise UnknownError


def _reader(kind: Kind, *, coerce: bool) -> Reader:
    """The rules of one dtype; `_unknown` where there are none, as for pandas' own dtypes (Int64 and its like)."""
    make: dict[str, Callable[[], Reader]] = {
        "bool": lambda: _coerced_bool if coerce else _bool,
        "str": lambda: _coerced_str if coerce else _str(nan_is_null=kind.column is object),
        "float64": lambda: _coerced_float if coerce else _float(kind),
        "datetime64[ns]": lambda: _datetime(coerce=coerce),
    }
    if kind.name == "int" and kind.label.islower():
        return _coerced_int(kind) if coerce else _int(kind)
    if kind.name == "category" and coerce:
        return _category(frozenset(kind.dtype.categories))
    if kind.label in {"float32", "float16"} and not coerce:
        return _float(kind)
    return make[kind.label]() if kind.label in make else _unknown


def _wrong_if_simple(value: Any) -> Read:
    """The wrong dtype, for a value whose inferred dtype is known."""
    if type(value) in _SIMPLE:
        return WRONG
    raise UnknownError


def _int(kind: Kind) -> Reader:
    own = getattr(np, kind.label)
    low, high = (kind.low, kind.high) if kind.label == "int64" else (2**_WORD, kind.high)
    as_python = kind.label in {
        "int64",
        "uint64",
    }  # a lone Python int is int64, above that uint64, above that object

    def read(value: Any) -> Read:
        if type(value) is own or (as_python and type(value) is int and low <= value <= high):
            return (State.ok, int(value))
        return _wrong_if_simple(value)

    return read


def _coerced_int(kind: Kind) -> Reader:
    wraps = kind.label != "int64"  # numpy truncates a float, and wraps it for narrower dtypes

    def read(value: Any) -> Read:
        t = type(value)
        if t is float and not wraps and abs(value) < _FARTHEST:
            number = int(value)
        elif (t is float and not wraps and value != value) or value is None:  # noqa: PLR0124 - NaN
            return WRONG
        elif t is int or t is bool or t in _INTS:
            number = int(value)
        elif t is str:
            try:
                number = int(value)
            except ValueError:
                return WRONG
        else:
            raise UnknownError
        return (State.ok, number) if kind.low <= number <= kind.high else WRONG

    return read


def _float(kind: Kind) -> Reader:
    own = {"float64": (float, np.float64), "float32": (np.float32,), "float16": (np.float16,)}[kind.label]

    def read(value: Any) -> Read:
        if type(value) not in own:
            return _wrong_if_simple(value)
        if value != value:  # noqa: PLR0124 - NaN
            return NULL
        return (State.ok, float(value) if kind.label == "float64" else value)

    return read


def _coerced_float(value: Any) -> Read:
    t = type(value)
    if value is None:
        return NULL
    if t not in _SIMPLE:
        raise UnknownError
    try:
        number = float(value)
    except ValueError:
        return WRONG
    except OverflowError:
        raise UnknownError from None
    return NULL if number != number else (State.ok, number)  # noqa: PLR0124 - NaN


def _bool(value: Any) -> Read:
    return (State.ok, bool(value)) if type(value) in {bool, np.bool_} else _wrong_if_simple(value)


def _coerced_bool(value: Any) -> Read:
    if type(value) in _SIMPLE:
        return (State.ok, bool(value))
    raise UnknownError


def _str(*, nan_is_null: bool) -> Reader:
    def read(value: Any) -> Read:
        if type(value) is str:
            return (State.ok, value)
        if value is None:
            return NULL
        if nan_is_null and isinstance(value, float | np.float32) and value != value:  # noqa: PLR0124 - NaN
            raise UnknownError  # null for pandas 2, whose text checks then fail on a column of floats
        return _wrong_if_simple(value)

    return read


def _coerced_str(value: Any) -> Read:
    if type(value) is str:
        return (State.ok, value)
    if value is None or (type(value) is float and value != value):  # noqa: PLR0124 - NaN
        return NULL
    if type(value) in {int, bool, float}:
        return (State.ok, str(value))
    raise UnknownError


def _category(categories: frozenset[Any]) -> Reader:
    def read(value: Any) -> Read:
        if value is None or (type(value) is float and value != value):  # noqa: PLR0124 - NaN
            return NULL
        if type(value) in {str, int}:
            return (State.ok, value) if value in categories else WRONG
        raise UnknownError

    return read


def _datetime(*, coerce: bool) -> Reader:
    import pandas as pd

    def read(value: Any) -> Read:
        naive = type(value) in {dt.datetime, pd.Timestamp} and value.tzinfo is None
        if naive and 1700 < value.year < 2200:  # noqa: PLR2004 - well inside what 64 bits of nanoseconds hold
            return (State.ok, pd.Timestamp(value))
        if coerce:
            raise UnknownError
        return _wrong_if_simple(value)

    return read
