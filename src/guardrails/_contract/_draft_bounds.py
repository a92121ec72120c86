"""Widen an observed range: rounded outward, never across zero, never past what the type holds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

Number = int | float
Ends = tuple[Number | None, Number | None]

_WRITTEN_WHOLE: Final = 10**15  # a whole float below this is written without its .0
_STEPS: Final = (86_400 * 10**9, 3_600 * 10**9, 10**9, 1)  # nanoseconds in a day, an hour, a second, one


def _wider(low: Fraction, high: Fraction, room: Fraction) -> tuple[Fraction, Fraction]:
    """Both ends moved outward by `room` of the span; what is never negative stays so, and never positive alike."""
    more = room * (high - low)
    return (
        max(low - more, Fraction(0)) if low >= 0 else low - more,
        min(high + more, Fraction(0)) if high <= 0 else high + more,
    )


def whole_ends(low: int, high: int, room: Fraction, least: int, greatest: int) -> tuple[int, int]:
    """The range of integers, between the least and the greatest that the type holds."""
    down, up = _wider(Fraction(low), Fraction(high), room)
    return max(math.floor(down), least), min(math.ceil(up), greatest)


def float_ends(values: Iterable[float], room: Fraction, greatest: float) -> Ends:
    """The range of floats; None at an end where infinity was seen, or nothing finite.

    Args:
        values: not NaN.
        room: share of the span.
        greatest: the greatest finite number of the type.
    """
    seen = set(values)
    finite = [value for value in seen if math.isfinite(value)]
    if not finite:
        return None, None
    low, high = Fraction(min(finite)), Fraction(max(finite))
    unit = _unit(room * (high - low))
    down, up = _wider(low, high, room)
    if unit:
        # two digits of the room are enough: more would only spell out the sample
        down, up = math.floor(down / unit) * unit, math.ceil(up / unit) * unit
    return (
        None if -math.inf in seen else _written(max(down, Fraction(-greatest))),
        None if math.inf in seen else _written(min(up, Fraction(greatest))),
    )


def _unit(more: Fraction) -> Fraction:
    """The power of ten in which `more` has two digits before the point; 0 for 0."""
    if not more:
        return Fraction(0)
    return Fraction(10) ** ((Decimal(more.numerator) / Decimal(more.denominator)).adjusted() - 1)


def _written(end: Fraction) -> Number:
    # correctly rounded, hence monotone: an end outside the data stays outside, or becomes the datum itself
    number = float(end)
    return int(number) if number.is_integer() and abs(number) < _WRITTEN_WHOLE else number


def length_ends(lengths: Iterable[int], room: Fraction) -> tuple[int, int]:
    """The range of text lengths, in characters; where no text was empty, none may be."""
    seen = sorted(lengths)
    down, up = _wider(Fraction(seen[0]), Fraction(seen[-1]), room)
    return max(math.floor(down), min(seen[0], 1)), math.ceil(up)


def earliest(low: int, high: int, room: Fraction, zone: str | None) -> Any:
    """The lower end of a range of instants as a `pandas.Timestamp`; None where nanoseconds cannot hold it.

    Args:
        low: nanoseconds since the epoch.
        high: likewise.
        room: share of the span.
        zone: the zone in which it is written; None for naive instants.
    """
    import pandas as pd

    try:
        return pd.Timestamp(_floored(low, room * (high - low)), unit="ns", tz=zone)
    except (ValueError, OverflowError):
        return None


def duration_ends(low: int, high: int, room: Fraction) -> tuple[Any, Any]:
    """The range of durations as `pandas.Timedelta`, from nanoseconds; None where nanoseconds cannot hold an end."""
    more = room * (high - low)
    down, up = _floored(low, more), -_floored(-high, more)
    return _timedelta(max(down, 0) if low >= 0 else down), _timedelta(min(up, 0) if high <= 0 else up)


def _timedelta(nanoseconds: int) -> Any:
    import pandas as pd

    try:
        return pd.Timedelta(nanoseconds, unit="ns")
    except (ValueError, OverflowError):
        return None


def _floored(low: int, more: Fraction) -> int:
    """`low - more`, down to the whole day, hour or second that is no longer than `more`."""
    step = next((step for step in _STEPS if step <= more), 1)
    return math.floor((low - more) / step) * step
