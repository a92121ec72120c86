"""Numbers as people read them."""

from __future__ import annotations

NONE = "-"

_MILLI = 1e-3


def percent(share: float | None, digits: int = 1) -> str:
    """A share in percent; a dash where there is none."""
    return NONE if share is None else f"{100 * share:.{digits}f} %"


def per_hundred(rate: float | None) -> str:
    """A rate per 100; a dash where there is none."""
    return NONE if rate is None else f"{100 * rate:.1f}"


def duration(seconds: float) -> str:
    """In the unit that suits it."""
    if seconds < _MILLI:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def milliseconds(seconds: float, patience: float) -> str:
    """In milliseconds, for columns that are compared; from `patience` seconds on nobody knows how long it would take."""
    if seconds >= patience:
        return f"> {patience * 1e3:.0f}"
    return f"{seconds * 1e3:.{1 if seconds >= _MILLI else 2}f}"
