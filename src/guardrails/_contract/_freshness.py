"""Freshness: how old a record may be, and how far ahead of the clock."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np

from guardrails._clock import Clock
from guardrails._errors import ConfigurationError
from guardrails._types import Violation

from ._plan import Clause

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*\Z")
DEFAULT_AHEAD: Final = 60.0


def seconds_of(duration: object, parameter: str) -> float:
    """A duration in seconds: a number of seconds, or text such as `15min`, `36h`, `7d`.

    Raises:
        ConfigurationError: it is no duration, or not positive.
    """
    seconds = math.nan
    if isinstance(duration, str):
        found = _DURATION.match(duration)
        if found is not None and found[2] in _SECONDS:
            seconds = float(found[1]) * _SECONDS[found[2]]
    elif isinstance(duration, int | float) and not isinstance(duration, bool):
        seconds = float(duration)
    if not 0 < seconds < math.inf:
        units = ", ".join(_SECONDS)
        raise ConfigurationError.of(
            parameter, duration, f"must be positive seconds, or a number and one of {units}"
        )
    return seconds


def ages(
    max_age: Mapping[str, str | float], max_ahead: Mapping[str, str | float], clock: Clock
) -> dict[str, tuple[Clause, ...]]:
    """The freshness clauses of each field; a missing timestamp is stale, since its age is unknown."""
    found = {}
    for name in dict.fromkeys((*max_age, *max_ahead)):
        clauses = []
        if name in max_age:
            limit = seconds_of(max_age[name], f"max_age[{name!r}]")
            clauses.append(
                _clause(name, f"max_age={max_age[name]}", "stale", partial(_young, limit, clock.time))
            )
        ahead = max_ahead.get(name, DEFAULT_AHEAD)
        limit = seconds_of(ahead, f"max_ahead[{name!r}]")
        clauses.append(_clause(name, f"max_ahead={ahead}", "future", partial(_past, limit, clock.time)))
        found[name] = tuple(clauses)
    return found


def _clause(name: str, text: str, kind: str, test: Callable[[Any], Any]) -> Clause:
    def holds(value: Any) -> bool:
        return bool(test(instant_of(value)))

    return Clause(Violation(name, text, kind), holds=holds, on_null=kind != "stale", vector=test)


def instant_of(value: Any) -> float:
    """Seconds since the epoch of a timestamp, a date, ISO 8601 text or a number of seconds; naive ones are read as UTC.

    Raises:
        ValueError: text that is no timestamp.
        TypeError: any other value.
    """
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if isinstance(value, dt.datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)).timestamp()
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC).timestamp()
    if isinstance(value, np.datetime64):
        return float((value - np.datetime64(0, "s")) / np.timedelta64(1, "s"))
    if isinstance(value, bool):
        raise TypeError("a bool is no timestamp")
    return float(value)


def _young(limit: float, now: Callable[[], float], seconds: Any) -> Any:
    return now() - seconds <= limit


def _past(limit: float, now: Callable[[], float], seconds: Any) -> Any:
    return seconds - now() <= limit
