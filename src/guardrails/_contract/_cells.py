"""Read one raw value as its declared kind: record semantics, one rule per kind.

Missing is one thing (None, NaN, NaT, pandas.NA). Numpy scalars count by value. Nothing lossy is ever accepted.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import re
from collections.abc import Callable, Hashable
from enum import Enum, auto
from typing import Any, Final, TypeAlias

import numpy as np

from ._checks import EXACT


class State(Enum):
    """What a raw value is to its declared kind."""

    ok = auto()
    null = auto()
    wrong = auto()
    retyped = auto()  # another type, the same value: accepted, and said


Read: TypeAlias = tuple[State, Any]
Reader: TypeAlias = Callable[[Any], Read]

NULL: Final[Read] = (State.null, None)
WRONG: Final[Read] = (State.wrong, None)
_NUMBERS: Final = (int, float, np.integer, np.floating)
_TEXTUAL: Final = (
    int, float, np.integer, np.floating, np.bool_, decimal.Decimal, dt.date, dt.time, dt.timedelta, np.datetime64,
)  # fmt: skip
_DIGITS_OF_INT: Final = 20  # of the largest that any dtype holds
_DIGITS: Final = re.compile(r"\s*[+-]?\d+\s*\Z")
_BOOLEAN_WORDS: Final = {"true": 1, "false": 0, "1": 1, "0": 0}


def is_null(value: Any) -> bool:
    """Whether `value` is None, NaN, NaT or pandas.NA."""
    if value is None:
        return True
    if isinstance(value, float | np.floating | complex | np.complexfloating):
        return bool(value != value)  # noqa: PLR0124 - the definition of NaN
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    if isinstance(value, decimal.Decimal):
        return value.is_nan()
    return type(value).__name__ in {"NaTType", "NAType"} and type(value).__module__.startswith("pandas.")


def is_bool(value: Any) -> bool:
    """Whether `value` is a Python or numpy bool."""
    return isinstance(value, bool | np.bool_)


def _is_number(value: Any) -> bool:
    # numpy counts a timedelta64 among its integers
    return isinstance(value, _NUMBERS) and not isinstance(value, bool | np.timedelta64)


def int_reader(low: int, high: int, *, coerce: bool) -> Reader:
    """Integers of one width: `low <= value <= high`; with `coerce` also text, bool and decimals without a fraction."""

    def read(value: Any) -> Read:
        if is_null(value):
            return NULL
        state = State.ok
        if is_bool(value) or isinstance(value, str | decimal.Decimal):
            number = _whole(value) if coerce else None
        elif isinstance(value, int | np.integer) and _is_number(value):
            number = int.__int__(value) if isinstance(value, int) else int(value)
        elif isinstance(value, float | np.floating):
            # numpy floats are ints in disguise: a table with a missing int, or an array of one dtype, holds them so
            number = _whole(value)
            state = State.ok if coerce or isinstance(value, np.floating) else State.retyped
        else:
            number = None
        return (state, number) if number is not None and low <= number <= high else WRONG

    return read


def _whole(value: Any) -> int | None:
    try:
        if isinstance(value, decimal.Decimal) and value.adjusted() > _DIGITS_OF_INT:
            return None  # to write out its digits could take for ever
        number = int(value)
        return number if isinstance(value, str) or number == value else None
    except (ValueError, OverflowError, decimal.DecimalException):
        return None


def float_reader(single: type[Any] | None, *, coerce: bool) -> Reader:
    """Floats; an int counts where a float holds it exactly. `single` is the numpy type of a width below 64 bits."""

    def read(value: Any) -> Read:
        if is_null(value):
            return NULL
        if _is_number(value):
            number = _exact(value)
        elif coerce and (is_bool(value) or isinstance(value, str | decimal.Decimal)):
            number = _parsed(value)
        else:
            return WRONG
        if number is None:
            return WRONG
        if number != number:  # noqa: PLR0124 - text that says nan
            return NULL
        if single is None:
            return (State.ok, number)
        return _narrowed(number, single, whole=isinstance(value, int | np.integer))

    return read


def _narrowed(number: float, single: type[Any], *, whole: bool) -> Read:
    """The nearest float of a narrower width; a whole number exactly, and nothing that overflows or vanishes."""
    if not math.isinf(number) and abs(number) > float(np.finfo(single).max):
        return WRONG
    held = single(number)
    lost = (
        float(held) != number if whole else held == 0 and number != 0
    )  # numpy compares in the narrower width
    return WRONG if lost else (State.ok, held)


def _exact(value: Any) -> float | None:
    if isinstance(value, float):
        return float.__float__(value)  # and not what another kind of float says that it is
    if isinstance(value, int | np.integer):
        value = (
            int.__int__(value) if isinstance(value, int) else int(value)
        )  # numpy would compare it as a float
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if number == value else None


def _parsed(value: Any) -> float | None:
    """The nearest float of a decimal fraction, as everywhere; a whole number exactly, and nothing that overflows."""
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if abs(number) < EXACT or is_bool(value) or number != number:  # noqa: PLR0124 - text that says nan
        return number
    if math.isinf(number):
        endless = value.is_infinite() if isinstance(value, decimal.Decimal) else "inf" in value.lower()
        return number if endless else None
    whole = value.as_tuple().exponent == 0 if isinstance(value, decimal.Decimal) else _DIGITS.match(value)
    return number if not whole or int(value) == number else None


def bool_reader(*, coerce: bool) -> Reader:
    """Bools; with `coerce` also 0, 1 and the words true and false, and nothing else."""

    def read(value: Any) -> Read:
        if is_bool(value):
            return (State.ok, bool(value))
        if is_null(value):
            return NULL
        if coerce:
            if isinstance(value, str):
                value = _BOOLEAN_WORDS.get(value.strip().lower())
            if _is_number(value) and value in {0, 1}:
                return (State.ok, bool(value))
        return WRONG

    return read


def str_reader(*, coerce: bool) -> Reader:
    """Text; with `coerce` also numbers, bools, dates and times as `str()` writes them."""

    def read(value: Any) -> Read:
        if isinstance(value, str):
            return (State.ok, str.__str__(value))
        if is_null(value):
            return NULL
        return (State.ok, str(value)) if coerce and isinstance(value, _TEXTUAL) else WRONG

    return read


def category_reader(categories: frozenset[Hashable]) -> Reader:
    """Members of the declared categories, by value."""
    with_bool = any(is_bool(category) for category in categories)

    def read(value: Any) -> Read:
        if is_null(value):
            return NULL
        plain = value.item() if isinstance(value, np.generic) else value
        try:
            member = plain in categories and (with_bool or not isinstance(plain, bool))
        except TypeError:  # unhashable
            member = False
        return (State.ok, plain) if member else WRONG

    return read


def any_reader(*, hashable: bool = False) -> Reader:
    """Anything, as it is; `hashable` for categories that are not declared."""

    def read(value: Any) -> Read:
        if is_null(value):
            return NULL
        return WRONG if hashable and not isinstance(value, Hashable) else (State.ok, value)

    return read


_ISO: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?\Z"
)


_LONGEST_DATE: Final = 100
_TIME: Final = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?")
_PART: Final = re.compile(r"\d+|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec")
_YEAR: Final = 4  # digits of a year that is written in full
_PARTS: Final = 3  # of a date whose year is not


def _dated(text: str) -> bool:
    """Whether a text names a date of its own: pandas fills in today for what is not there, and reads `now`."""
    if len(text) > _LONGEST_DATE or is_null(text):
        return False
    parts = _PART.findall(_TIME.sub(" ", text.lower()))
    return len(parts) >= _PARTS or any(part.isdigit() and len(part) >= _YEAR for part in parts)


def datetime_reader(
    unit: str, zone: dt.tzinfo | None, *, coerce: bool, parse: Callable[[str], Any]
) -> Reader:
    """Instants as `pandas.Timestamp`; without `coerce`, aware where a zone is declared and naive where none is.

    Args:
        unit: resolution of the declared dtype; an instant that it cannot hold is wrong.
        zone: the declared time zone.
        coerce: also dates and text; naive values are read in `zone`, aware ones become UTC where none is declared.
        parse: reads text that is not ISO 8601 as pandera would.
    """
    import pandas as pd

    def read(value: Any) -> Read:
        if is_null(value):
            return NULL
        try:
            stamp = instant(value)
            if stamp is None:
                return WRONG
            return NULL if is_null(stamp) else _placed(stamp, unit, zone, coerce)
        except Exception:  # pandas' own are not all of one family
            return WRONG

    def instant(value: Any) -> Any:
        if isinstance(value, dt.datetime | np.datetime64) or (coerce and isinstance(value, dt.date)):
            return pd.Timestamp(value)
        if coerce and isinstance(value, str):
            if _ISO.match(value):
                return pd.Timestamp(value)
            return parse(value) if _dated(value) else None
        return None

    return read


def _placed(stamp: Any, unit: str, zone: dt.tzinfo | None, coerce: bool) -> Read:
    """An instant in the declared zone and resolution, where it can be had without loss."""
    if (stamp.tzinfo is None) != (zone is None):
        if not coerce:
            return WRONG
        stamp = stamp.tz_localize(zone) if zone is not None else stamp.tz_convert(None)
    elif zone is not None:
        stamp = stamp.tz_convert(zone)
    held = stamp.as_unit(unit)
    return (State.ok, held) if held == stamp else WRONG


def timedelta_reader(*, coerce: bool, parse: Callable[[str], Any]) -> Reader:
    """Durations as `pandas.Timedelta`; with `coerce` also text that pandas reads."""
    import pandas as pd

    def read(value: Any) -> Read:
        if is_null(value):
            return NULL
        try:
            if isinstance(value, dt.timedelta | np.timedelta64):
                return (State.ok, pd.Timedelta(value).as_unit("ns"))
            if coerce and isinstance(value, str):
                duration = parse(value)
                return NULL if is_null(duration) else (State.ok, duration)
        except (ValueError, OverflowError, TypeError):
            pass
        return WRONG

    return read
