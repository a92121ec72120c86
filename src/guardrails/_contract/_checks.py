"""The built-in checks that judge one value, as plain predicates of the value that was read."""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np

from ._regex import longest_text

Predicate: TypeAlias = Callable[[Any], bool]

KINDS: Final[Mapping[str, str]] = {
    "equal_to": "set",
    "not_equal_to": "set",
    "greater_than": "range",
    "greater_than_or_equal_to": "range",
    "less_than": "range",
    "less_than_or_equal_to": "range",
    "in_range": "range",
    "isin": "set",
    "notin": "set",
    "str_matches": "pattern",
    "str_contains": "pattern",
    "str_startswith": "pattern",
    "str_endswith": "pattern",
    "str_length": "length",
}
"""Name of a built-in check that judges one value, and the kind of its violation."""

COMPARISONS: Final[Mapping[str, tuple[str, str]]] = {
    "equal_to": ("==", "value"),
    "not_equal_to": ("!=", "value"),
    "greater_than": (">", "min_value"),
    "greater_than_or_equal_to": (">=", "min_value"),
    "less_than": ("<", "max_value"),
    "less_than_or_equal_to": ("<=", "max_value"),
}
OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
HOW: Final[Mapping[str, str]] = {"str_matches": "match", "str_contains": "search"}
EXACT: Final = 2**53  # the integers up to here are floats exactly, so comparing them is the same in both


class NotCompilableError(Exception):
    """The check has no plain form; pandera judges it."""


def predicate(name: str, constants: Mapping[str, Any], kind: str) -> Predicate:
    """The plain form of one built-in check.

    Args:
        name: the built-in's registered name.
        constants: its arguments.
        kind: name of the declared kind of the values.

    Raises:
        NotCompilableError: the check is unknown, or these constants are beyond its plain form.
    """
    try:
        return _predicate(name, {key: constant(value, kind) for key, value in constants.items()})
    except (KeyError, TypeError, ValueError, re.error) as error:
        raise NotCompilableError(name) from error


def constant(value: Any, kind: str) -> Any:
    """A constant as plain Python where that means the same.

    Raises:
        ValueError: comparing it with plain values would not be what pandas does.
    """
    if isinstance(value, np.bool_ | np.integer | np.floating):
        value = value.item()  # a narrower float too: beside a Python float numpy would compare in its width
    mixed = (kind == "int" and isinstance(value, float)) or (kind == "float" and isinstance(value, int))
    if mixed and abs(value) >= EXACT:
        raise ValueError("pandas compares as floats")
    if kind == "datetime" and isinstance(value, str | dt.datetime | np.datetime64):
        import pandas as pd

        return pd.Timestamp(value)
    return value


def _predicate(name: str, constants: Mapping[str, Any]) -> Predicate:
    if name in COMPARISONS:
        sign, key = COMPARISONS[name]
        return _compared(OPERATORS[sign], constants[key])
    if name == "in_range":
        return _between(**constants)
    if name in {"isin", "notin"}:
        return _member(
            constants["allowed_values" if name == "isin" else "forbidden_values"], wanted=name == "isin"
        )
    if name in {"str_matches", "str_contains"}:
        return _matched(constants["pattern"], HOW[name])
    if name in {"str_startswith", "str_endswith"}:
        return _affixed(constants["string"], str.startswith if name == "str_startswith" else str.endswith)
    if name == "str_length":
        return _long(**constants)
    raise KeyError(name)


def _compared(compare: Callable[[Any, Any], Any], other: Any) -> Predicate:
    return lambda value: bool(compare(value, other))


def _between(
    min_value: Any, max_value: Any, *, include_min: bool = True, include_max: bool = True
) -> Predicate:
    above = operator.le if include_min else operator.lt
    below = operator.le if include_max else operator.lt
    return lambda value: bool(above(min_value, value) and below(value, max_value))


def _member(values: Any, *, wanted: bool) -> Predicate:
    members = frozenset(values)
    if any(isinstance(member, np.floating) and not isinstance(member, float) for member in members):
        raise ValueError("pandas looks them up as 64-bit floats")
    return lambda value: (value in members) is wanted


def _matched(pattern: str | re.Pattern[str], how: str) -> Predicate:
    find = getattr(re.compile(pattern), how)
    longest = longest_text(pattern, how)
    if longest is None:
        return lambda value: find(value) is not None
    return lambda value: len(value) <= longest and find(value) is not None


def _affixed(affix: str | tuple[str, ...], test: Callable[[str, Any], bool]) -> Predicate:
    return lambda value: test(value, affix)


def _long(
    min_value: int | None = None, max_value: int | None = None, exact_value: int | None = None
) -> Predicate:
    if exact_value is not None:
        return lambda value: len(value) == exact_value
    low = 0 if min_value is None else min_value
    if max_value is None:
        return lambda value: len(value) >= low
    return lambda value: low <= len(value) <= max_value
