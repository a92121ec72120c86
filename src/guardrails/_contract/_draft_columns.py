"""Read one column of a table into one field of a drafted contract."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np

from ._cells import is_null
from ._draft_bounds import float_ends, length_ends, whole_ends
from ._draft_instants import dates, durations, instants, written_dates, zone_arguments
from ._draft_seen import Seen, Shown, Terms, scalar_annotation, seen_in
from ._draft_source import Column, is_name, is_unicode

_INT64: Final = (-(2**63), 2**63 - 1)
_UINT64: Final = (0, 2**64 - 1)


def column_of(key: str | int, series: Any, terms: Terms) -> Column:
    """The field that a column of a pandas table shows."""
    seen = seen_in(series, terms)
    shown = _shown(seen)
    arguments = dict(shown.arguments)
    if seen.missing:
        arguments["nullable"] = True
    return Column(key, shown.annotation, arguments, _notes(seen, shown), _seconds(seen, shown))


def _shown(seen: Seen) -> Shown:
    if not seen.values:
        return _unseen(seen)
    kinds = set(map(type, seen.values))
    for belongs, drafted in _FAMILIES:
        if all(map(belongs, kinds)):
            return drafted(seen) or _anything(kinds)
    return _anything(kinds)


def _unseen(seen: Seen) -> Shown:
    note = ("no value seen: the type is a guess",)
    if seen.kind is None:
        return Shown("object", {}, note)
    if seen.kind.name == "timedelta":
        return Shown("pd.Timedelta", {}, note)
    if seen.kind.name == "datetime":
        if getattr(seen.kind.dtype, "tz", None) is None:
            return Shown("pd.Timestamp", {}, note)
        return Shown("pd.DatetimeTZDtype", {"dtype_kwargs": zone_arguments(seen.kind, "us")}, note)
    return Shown(scalar_annotation(seen.kind), {}, note)


def _anything(kinds: Iterable[type[Any]]) -> Shown:
    # a class can be called anything; only a plain name goes into a comment
    names = sorted({kind.__name__ if is_name(kind.__name__) else "?" for kind in kinds})
    words = "mixed types" if len(names) > 1 else "nothing is drafted for this type"
    return Shown("object", {}, (f"{words}: {', '.join(names)}",))


def _bools(seen: Seen) -> Shown:
    untyped = "pd.BooleanDtype" if seen.missing else "bool"
    return Shown(untyped if seen.kind is None else scalar_annotation(seen.kind), {})


def _ints(seen: Seen) -> Shown | None:
    values = [_plain_int(value) for value in seen.values]
    low, high = min(values), max(values)
    fit = _integer_type(seen, low, high)
    if fit is None:
        return None
    annotation, limits = fit
    counts = Counter(values)
    listed = _declared(seen, _is_int, _plain_int)
    # one seen once says that the next row may bring another: a count, not a code
    if listed is None and len(counts) <= seen.terms.categories and min(counts.values()) > 1:
        listed = sorted(counts)
    if listed is not None:
        return Shown(annotation, {"isin": listed}, _counted(listed, counts))
    least, greatest = whole_ends(low, high, seen.terms.room, *limits)
    return Shown(annotation, {"ge": least, "le": greatest}, _distinct(counts))


def _integer_type(seen: Seen, low: int, high: int) -> tuple[str, tuple[int, int]] | None:
    """Annotation and limits; None where 64 bits cannot hold the values."""
    if seen.kind is not None:
        return scalar_annotation(seen.kind), (seen.kind.low, seen.kind.high)
    if _INT64[0] <= low and high <= _INT64[1]:
        return ("pd.Int64Dtype" if seen.missing else "int"), _INT64
    if low >= 0 and high <= _UINT64[1]:
        return ("pd.UInt64Dtype" if seen.missing else "pa.UInt64"), _UINT64
    return None


def _floats(seen: Seen) -> Shown | None:
    try:
        values = [float(value) for value in seen.values]
    except OverflowError:
        return None
    if any(number != value for number, value in zip(values, seen.values, strict=True)):
        return None  # more digits than a float has
    listed = _declared(seen, _is_number, float)
    annotation = "float" if seen.kind is None else scalar_annotation(seen.kind)
    if listed is not None:
        return Shown(annotation, {"isin": listed}, _counted(listed, Counter(values)))
    greatest = np.finfo(float if seen.kind is None else seen.kind.dtype).max
    low, high = float_ends(values, seen.terms.room, float(greatest))
    ends = {key: end for key, end in (("ge", low), ("le", high)) if end is not None}
    return Shown(annotation, ends, _float_notes(values, low, high, missing=seen.missing > 0))


def _float_notes(values: Sequence[float], low: Any, high: Any, *, missing: bool) -> tuple[str, ...]:
    if low is None or high is None:
        ends = " and ".join(word for word, end in (("lower", low), ("upper", high)) if end is None)
        return (f"infinity seen: no {ends} bound",)
    if missing and all(value.is_integer() for value in values):
        return ("whole numbers, perhaps held as floats because some are missing",)
    return ()


def _texts(seen: Seen) -> Shown:
    counts = Counter(map(str.__str__, seen.values))
    if not all(is_unicode(text) for text in (*counts, *(seen.labels or ())) if isinstance(text, str)):
        return Shown("object", {}, ("text that UTF-8 cannot hold: nothing is drafted",))
    listed = _declared(seen, _is_text, str.__str__)
    written = written_dates(list(counts), seen) if listed is None else None
    if written is not None:
        return written
    if listed is None and len(counts) <= seen.terms.categories and 2 * len(counts) <= len(seen.values):
        listed = sorted(counts)
    if listed is not None:
        return Shown("str", {"isin": listed}, _counted(listed, counts))
    least, most = length_ends(map(len, counts), seen.terms.room)
    return Shown("str", {"str_length": {"min_value": least, "max_value": most}}, _distinct(counts))


def _declared(
    seen: Seen, belongs: Callable[[type[Any]], bool], plain: Callable[[Any], Any]
) -> list[Any] | None:
    """The labels of a pandas category; None where there are too many, or some are of another type."""
    labels = seen.labels
    if labels is None or len(labels) > seen.terms.categories or not all(map(belongs, map(type, labels))):
        return None
    return sorted(set(map(plain, labels)))


def _counted(listed: Sequence[Any], counts: Counter[Any]) -> tuple[str, ...]:
    once = sum(count == 1 for count in counts.values())
    never = sum(label not in counts for label in listed)
    said = f"{len(listed)} label" + "s" * (len(listed) != 1)
    return (said + f", {once} seen once" * bool(once) + f", {never} never seen" * bool(never),)


def _distinct(counts: Counter[Any]) -> tuple[str, ...]:
    alone = len(counts) > 1 and max(counts.values()) == 1
    return ("no two rows alike (uniqueness is no clause about one row)",) * alone


def _notes(seen: Seen, shown: Shown) -> tuple[str, ...]:
    n, missing = len(seen.cells), seen.missing
    constant = (f"the same in all {n:,} rows",) * _constant(seen)
    category = ("a pandas category",) * (seen.labels is not None)
    share = (f"missing in {missing:,} of {n:,} rows ({_percent(missing, n)})",) * bool(missing)
    return (*shown.notes, *category, *constant, *share)


def _constant(seen: Seen) -> bool:
    if len(seen.values) < max(2, len(seen.cells)):
        return False
    try:
        return all(bool(value == seen.values[0]) for value in seen.values)
    except Exception:
        return False  # arrays, and other values that do not compare


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    if share < 0.1:  # noqa: PLR2004 - one decimal is written
        return "under 0.1 %"
    return f"{share:.1f} %" if share <= 99.9 or part == whole else "over 99.9 %"  # noqa: PLR2004 - likewise


def _seconds(seen: Seen, shown: Shown) -> Any:
    if shown.instant is None:
        return None
    known = {value: shown.instant(value) for value in set(seen.values)}
    return np.array([np.nan if is_null(cell) else known[cell] for cell in seen.cells])


def _plain_int(value: Any) -> int:
    # a subclass may convert and print itself as it likes
    return int.__int__(value) if isinstance(value, int) else int(value)


def _is_bool(kind: type[Any]) -> bool:
    return issubclass(kind, bool | np.bool_)


def _is_duration(kind: type[Any]) -> bool:
    return issubclass(kind, dt.timedelta | np.timedelta64)


def _is_int(kind: type[Any]) -> bool:
    # numpy's durations are integers by class
    return issubclass(kind, int | np.integer) and not (_is_bool(kind) or _is_duration(kind))


def _is_number(kind: type[Any]) -> bool:
    return _is_int(kind) or issubclass(kind, float | np.floating)


def _is_text(kind: type[Any]) -> bool:
    return issubclass(kind, str)


def _is_instant(kind: type[Any]) -> bool:
    return issubclass(kind, dt.datetime | np.datetime64)


def _is_date(kind: type[Any]) -> bool:
    return issubclass(kind, dt.date)


_FAMILIES: Final[tuple[tuple[Callable[[type[Any]], bool], Callable[[Seen], Shown | None]], ...]] = (
    (_is_bool, _bools),
    (_is_int, _ints),
    (_is_number, _floats),
    (_is_text, _texts),
    (_is_instant, instants),
    (_is_date, dates),
    (_is_duration, durations),
)
"""The first family that all values belong to drafts the field."""
