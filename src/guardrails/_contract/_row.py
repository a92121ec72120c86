"""The row that a check across fields sees, made without pandas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from ._cells import is_null
from ._plan import Kind, Plan


@cache
def _own_of_series() -> frozenset[str]:
    import pandas as pd

    return frozenset(dir(pd.Series))


class Row:
    """The row that a check across fields sees: what users ask of a pandas row, without pandas.

    Whatever else is asked raises, and the check is given the pandas row.
    """

    __slots__ = ("_values",)

    def __init__(self, values: dict[Any, Any]) -> None:
        self._values = values

    def __getitem__(self, key: Any) -> Any:
        return self._values[key]

    def __getattr__(self, name: str) -> Any:
        if name == "_values" or name not in self._values or name in _own_of_series():
            raise AttributeError(name)  # what a row of pandas has itself, as `name`, comes before a field
        return self._values[name]

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values.values())

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Any, default: Any = None) -> Any:
        """As `Series.get`."""
        return self._values.get(key, default)

    def as_series(self) -> Any:
        """The row as pandas has it."""
        import pandas as pd

        return pd.Series(self._values)


def row_holds(function: Callable[[Any], Any], ignore_na: bool, row: Row) -> bool:
    """A user's check of one row: on the plain row, and where that raises on the row as pandas has it."""
    if not len(row):
        return True  # pandas calls no function on a row without columns
    try:
        found = bool(function(row))
    except Exception:
        found = bool(function(row.as_series()))
    return found or (ignore_na and all(map(is_null, row)))  # as pandera's `ignore_na` has it for a row


def row_of(values: dict[Any, Any], plan: Plan) -> Row:
    """The row of values that were read, with NaN or NaT where one is missing, as pandas has it."""
    missing = {
        field.key: missing_value(field.kind) for field in plan.fields if values.get(field.key, field) is None
    }
    return Row({**values, **missing})


def missing_value(kind: Kind) -> Any:
    """What pandas shows where a value of this kind is missing."""
    if kind.name in {"datetime", "timedelta"}:
        import pandas as pd

        return pd.NaT
    if kind.nullable:
        import pandas as pd

        return pd.NA
    return math.nan
