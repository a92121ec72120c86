"""Find the timestamps that a contract may want to be recent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np

from ._draft_source import Column, literal

_UNITS: Final = (("s", 1), ("min", 60), ("h", 3600), ("d", 86400))
_UNKNOWN: Final = "1d"


def freshness(columns: Sequence[Column], room: Fraction, model: str) -> tuple[str, ...]:
    """Comment lines with the `max_age=` to pass; none where there is no candidate.

    A candidate is a timestamp whose newest value is within `room` of its span of the newest one of the whole table: it
    moves with time, as a date of birth does not. Its age in a row is taken against the newest timestamp of that row.
    """
    stamps = {column.key: column.seconds for column in columns if column.seconds is not None}
    if not stamps:
        return ()
    ages = _ages(stamps, float(room))
    written = literal({key: age or _UNKNOWN for key, age in ages.items()})
    lines = [
        "Freshness: these timestamps reach up to the newest one in the data. Keep those that",
        "must be recent when a request comes. An age is the greatest seen, with room, against",
        "the newest timestamp of the same row.",
    ]
    if None in ages.values():
        lines.append(f"{_UNKNOWN} stands where the data cannot say.")
    return (*lines, "", f"contract = gr.Contract({model}, max_age={written})")


def _ages(stamps: Mapping[str | int, Any], room: float) -> dict[str | int, str | None]:
    """The candidates, and what to allow; None where a column is the newest of each of its rows."""
    table = np.array(list(stamps.values()))
    newest = np.fmax.reduce(table)  # a missing timestamp is not the newest
    return {
        key: _duration((1 + room) * float(np.nanmax(newest - seconds)))
        for key, seconds in stamps.items()
        if np.nanmax(table) - np.nanmax(seconds) <= room * (np.nanmax(seconds) - np.nanmin(seconds))
    }


def _duration(seconds: float) -> str | None:
    """Rounded up to a whole number of the unit that is shorter; None for no time at all."""
    if seconds <= 0:
        return None
    unit, length = next((u for u in reversed(_UNITS) if seconds >= 2 * u[1]), _UNITS[0])
    return f"{math.ceil(seconds / length)}{unit}"
