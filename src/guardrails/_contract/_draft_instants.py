"""Read a column of dates, times or durations into a drafted field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from ._draft_bounds import duration_ends, earliest
from ._draft_seen import Seen, Shown
from ._plan import Kind

_ISO: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
_SECOND: Final = 10**9  # nanoseconds


def written_dates(texts: Sequence[str], seen: Seen) -> Shown | None:
    """Dates and times written as ISO 8601, all with a zone or all without; None where the texts are something else."""
    if not all(map(_ISO.fullmatch, texts)):
        return None
    return _read(texts, seen, "dates as text, which coerce=True reads")


def dates(seen: Seen) -> Shown | None:
    """Dates without a time; None where nanoseconds cannot hold one."""
    return _read(seen.values, seen, "dates; coerce=True reads them, and text")


def _read(values: Iterable[Any], seen: Seen, note: str) -> Shown | None:
    shown = _placed(values, seen)
    if shown is None:
        return None
    return Shown(shown.annotation, {**shown.arguments, "coerce": True}, (note, *shown.notes), shown.instant)


def instants(seen: Seen) -> Shown | None:
    """Instants; None where some have a zone and some have none, or nanoseconds cannot hold one."""
    return _placed(seen.values, seen)


def _placed(values: Iterable[Any], seen: Seen) -> Shown | None:
    import pandas as pd

    try:
        stamps = [pd.Timestamp(value) for value in values]
        naive = {stamp.tzinfo is None for stamp in stamps}
        low, high = _nanoseconds(min(stamps)), _nanoseconds(max(stamps))
    except (ValueError, OverflowError, TypeError):  # comparing an aware one with a naive one is a TypeError
        return None
    note = ("no upper bound, since a request is newer than these rows",)
    if naive == {True}:
        return Shown("pd.Timestamp", _from(low, high, seen.terms.room, None), note, _since_epoch)
    unit = "ns" if any(stamp.nanosecond for stamp in stamps) else "us"
    arguments = _from(low, high, seen.terms.room, "UTC") | {"dtype_kwargs": zone_arguments(seen.kind, unit)}
    return Shown("pd.DatetimeTZDtype", arguments, note, _since_epoch)


def _from(low: int, high: int, room: Fraction, zone: str | None) -> dict[str, Any]:
    start = earliest(low, high, room, zone)
    return {} if start is None else {"ge": start}


def _nanoseconds(stamp: Any) -> int:
    return int(stamp.as_unit("ns").value)


def _since_epoch(value: Any) -> float:
    import pandas as pd

    # of a naive one pandas takes the wall clock as UTC, and so does freshness
    return _nanoseconds(pd.Timestamp(value)) / _SECOND


def zone_arguments(kind: Kind | None, unit: str) -> Mapping[str, str]:
    """Unit and zone of the dtype; UTC, which compares alike, where the zone's name does not make the zone again.

    Args:
        kind: what pandera infers of the column; None for UTC.
        unit: where the column has none, or one that would refuse a request's microseconds.
    """
    import pandas as pd

    if kind is None:
        return {"unit": unit, "tz": "UTC"}
    own = kind.dtype
    try:
        named = pd.DatetimeTZDtype(own.unit, str(own.tz)) == own
    except Exception:
        named = False
    return {"unit": own.unit if own.unit in {"us", "ns"} else unit, "tz": str(own.tz) if named else "UTC"}


def durations(seen: Seen) -> Shown | None:
    """Durations; None where nanoseconds cannot hold one."""
    import pandas as pd

    try:
        spans = [int(pd.Timedelta(value).as_unit("ns").value) for value in seen.values]  # noqa: PD011 - no frame
    except (ValueError, OverflowError):
        return None
    low, high = duration_ends(min(spans), max(spans), seen.terms.room)
    return Shown("pd.Timedelta", {key: end for key, end in (("ge", low), ("le", high)) if end is not None})
