"""Values to try a schema with: plausible ones, made from its clauses, and hostile ones."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import product
from typing import Any, Final

import numpy as np

from ._checks import COMPARISONS, KINDS
from ._judge import Findings, UnknownError, judge_value
from ._pandera import constants_of
from ._plan import Field, Plan
from ._regex import witness

_AWARE: Final = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
_NAIVE: Final = _AWARE.replace(tzinfo=None)
_MOST: Final = 12  # plausible values per field
_TRIED: Final = 400


@cache
def hostile() -> tuple[Any, ...]:
    """Values of every common type, at the edges of every dtype."""
    import pandas as pd

    return (
        0, 5, -1, 1, 120, 300, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, True, False, 1.0, 1.5, -0.0, float("nan"), float("inf"),
        1e300, 0.1, "5", " 5 ", "1.5", "abc", "", "nan", "None", "1_000", "true", "False", "AB1234\n", "\uff11\uff12", "é" * 3, "x" * 300,
        "\U0001f600", "2024-01-01", "2024-01-01T10:00:00+02:00", None, pd.NA, pd.NaT, np.int8(5), np.int64(5), np.uint64(2**63),
        np.float32(0.1), np.float64(5.0), np.float64("nan"), np.bool_(True), np.str_("abc"), decimal.Decimal("1.5"), 1 + 2j,
        _NAIVE, _AWARE, dt.date(2024, 1, 1), pd.Timestamp("2024-01-01"),
        np.datetime64("2024-01-01"), dt.timedelta(days=1), [1], {"k": 1}, b"a",
    )  # fmt: skip


def constants(field: Field) -> list[Any]:
    """The constants of a field's clauses, strings of its patterns, and values just beside them."""
    found: list[Any] = []
    for clause in field.clauses:
        if clause.builtin in KINDS:
            found += _beside(clause.builtin, constants_of(clause.check))
    if field.kind.name == "category":
        found += list(field.kind.dtype.categories)
    if field.kind.name == "int":
        found += [field.kind.low, field.kind.high, field.kind.low - 1, field.kind.high + 1]
    return found


def _beside(builtin: str, given: dict[str, Any]) -> Iterable[Any]:
    if builtin in COMPARISONS or builtin == "in_range":
        ends = [value for key, value in given.items() if not key.startswith("include")]
        return (near for end in ends for near in _near(end))
    if builtin in {"isin", "notin"}:
        return sorted(next(iter(given.values())), key=repr)[:_MOST]
    if builtin in {"str_matches", "str_contains"}:
        return witness(given["pattern"])
    if builtin in {"str_startswith", "str_endswith"}:
        text = given["string"] if isinstance(given["string"], str) else given["string"][0]
        return (text, f"{text}x", f"x{text}", text[1:])
    lengths = [n + d for n in given.values() if n is not None for d in (-1, 0, 1)]
    return ("x" * n for n in lengths if 0 <= n < _TRIED)


def _near(end: Any) -> tuple[Any, ...]:
    if isinstance(end, int | float | np.integer | np.floating) and not isinstance(end, bool):
        return (end, end - 1, end + 1, end + 0.5, end * 2)
    if isinstance(end, dt.datetime):
        return (end, end - dt.timedelta(seconds=1), end + dt.timedelta(seconds=1))
    return (end,)


def _plain(field: Field) -> tuple[Any, ...]:
    """Ordinary values of the field's kind."""
    made: dict[str, tuple[Any, ...]] = {
        "int": (1, 0, 2, 5, 10, 50, 100, 1000, -1),
        "float": (0.5, 1.0, 0.0, 2.5, 10.0, 100.0, -1.0),
        "bool": (True, False),
        "str": ("a", "b", "abc", "A", "1", "AB12", ""),
        "datetime": (_NAIVE, _AWARE, _NAIVE + dt.timedelta(days=500)),
        "timedelta": (dt.timedelta(days=1), dt.timedelta(seconds=30)),
    }
    return made.get(
        field.kind.name, (1, 1.5, "a", True, dt.date(2024, 1, 1), decimal.Decimal(1), [1], {"k": 1})
    )


def plausible(field: Field) -> list[Any]:
    """Raw values of the field that hold, as many as are found; none for clauses nobody can guess."""
    tried = [*constants(field), *_plain(field)]
    texts = [text for text in tried if isinstance(text, str)][:_MOST]
    joined = (a + b for a, b in product(texts, texts))
    found = []
    for value in (*tried, *joined):
        findings = Findings()
        with suppress(UnknownError):
            judge_value(field, value, findings)
            found += [] if findings.violations or findings.drifted else [value]
        if len(found) == _MOST:
            break
    return found


def records(plan: Plan, examples: Iterable[dict[Any, Any]]) -> Iterator[dict[Any, Any]]:
    """Plausible records: the user's, then made ones; none where a field has no plausible value."""
    yield from examples
    values = {field.key: plausible(field) for field in plan.fields if field.matches is None}
    if all(values.values()):
        for i in range(_MOST):
            yield {key: found[i % len(found)] for key, found in values.items()}
