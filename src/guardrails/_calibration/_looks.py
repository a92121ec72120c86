"""Counts the calibrations on the same rows in this process: the best of many looks better than it is."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

_MOST: Final = 1000  # sets of rows remembered
_LOCK: Final = threading.Lock()
_SEEN: Final[OrderedDict[str, dict[str, int]]] = OrderedDict()


def look_of(rows: str, calibration: str) -> int:
    """Which different calibration on these rows this one is, from 1 on; the same one again keeps its number.

    Args:
        rows: hash of the truth of the rows: another model's answers leave it as it is.
        calibration: the answers and what was asked for.
    """
    with _LOCK:
        seen = _SEEN.setdefault(rows, {})
        _SEEN.move_to_end(rows)
        if len(_SEEN) > _MOST:
            _SEEN.popitem(last=False)
        return seen.setdefault(calibration, len(seen) + 1)


def forget() -> None:
    """Start counting anew, as in another process."""
    with _LOCK:
        _SEEN.clear()
