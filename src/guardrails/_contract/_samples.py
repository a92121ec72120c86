"""Values to try a schema with: plausible ones, made from its clauses, and hostile ones."""

from __future__ import annotations

import datetime as dt
import decimal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any, Final

import numpy as np

from ._checks import COMPARISONS, KINDS
from ._judge import Findings, UnknownError, judge_value
from ._pandera import column_of, constants_of
from ._plan import Clause, Field, How, Plan
from ._regex import witness

_AWARE: Final = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
_NAIVE: Final = _AWARE.replace(tzinfo=None)
_MOST: Final = 12  # plausible values per field
_TRIED: Final = 400
_LONGEST: Final = 256  # characters; longer texts may be beyond a pattern's bound


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
    return ("x" * int(n) for n in lengths if 0 <= n < _TRIED)


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


class Allowance:
    """Time to spend: the next step is taken where one like the longest of late would still end in time."""

    __slots__ = ("_end", "_last", "_longest")

    def __init__(self, seconds: float) -> None:
        self._last = time.monotonic()
        self._end = self._last + seconds
        self._longest = 0.0

    def left(self) -> bool:
        """Whether there is time for one more step; ask before each."""
        now = time.monotonic()
        self._longest = max(self._longest / 2, now - self._last)
        self._last = now
        return now + self._longest < self._end


class Samples:
    """Values and records to try one schema with, each made once.

    Attributes:
        plan: the schema.
        examples: the user's records.
    """

    __slots__ = ("_found", "_left", "examples", "plan")

    def __init__(self, plan: Plan, examples: Sequence[Mapping[Any, Any]], seconds: float) -> None:
        self.plan = plan
        self.examples = examples
        self._left = seconds  # of making values, whatever is done between
        self._found: dict[Any, list[Any]] = {}

    def given(self, field: Field) -> list[Any]:
        """The field's values in the user's records."""
        return [record[field.key] for record in self.examples if field.key in record]

    def plausible(self, field: Field) -> list[Any]:
        """Raw values of the field that hold, as many as are found; none for clauses nobody can guess."""
        if field.key not in self._found:
            start = time.monotonic()
            self._found[field.key] = self._guessed(field, Allowance(self._left))
            self._left -= time.monotonic() - start
        return self._found[field.key]

    def tried(self, field: Field) -> list[Any]:
        """Raw values to try the field with."""
        values = [*self.plausible(field), *constants(field), *self.given(field), *hostile()]
        return [value for value in values if not (isinstance(value, str) and len(value) > _LONGEST)]

    def records(self) -> Iterator[dict[Any, Any]]:
        """Plausible records: the user's, then made ones; none where a field has no plausible value."""
        yield from map(dict, self.examples)
        values = {field.key: self.plausible(field) for field in self.plan.fields if field.matches is None}
        if all(values.values()):
            for i in range(_MOST):
                yield {key: found[i % len(found)] for key, found in values.items()}

    def _guessed(self, field: Field, allowance: Allowance) -> list[Any]:
        tried = [*constants(field), *_plain(field)]
        texts = [text for text in tried if isinstance(text, str)][:_MOST]
        joined = (a + b for a, b in product(texts, texts))
        opaque = [clause for clause in field.clauses if clause.how is How.pandera]
        plain = replace(field, clauses=tuple(clause for clause in field.clauses if clause not in opaque))
        found: list[Any] = []
        for value in (*tried, *joined):
            if len(found) == (_MOST if not opaque else 2 * _MOST) or not allowance.left():
                break
            findings = Findings()
            with suppress(UnknownError):
                judge_value(plain, value, findings)
                found += [] if findings.violations or findings.drifted else [value]
        return _asked(field, opaque, found, allowance)[:_MOST]


def _asked(field: Field, opaque: Sequence[Clause], values: list[Any], allowance: Allowance) -> list[Any]:
    """The values for which pandera's clauses hold too, each clause asked once about all of them."""
    for clause in opaque:
        if not values or clause.check is None or not allowance.left():
            break
        with suppress(Exception):
            column = column_of([field.read(value)[1] for value in values], field.kind.column)
            output = np.asarray(clause.check(column).check_output, dtype=bool)
            if output.shape == (len(values),):
                values = [value for value, good in zip(values, output, strict=True) if good]
    return values
