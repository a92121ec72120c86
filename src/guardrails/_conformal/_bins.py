"""The bin of a field's value; the same for a record's value and for a cell of a table."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from guardrails._profile import Field

from ._read import UnreadableError, number, plain

ODD: Final = 0  # a value of another kind, or a category never seen
MISSING: Final = 1
FIRST: Final = 2  # below the smallest number, or a rare category

Codes = npt.NDArray[np.int64]


def is_missing(value: Any) -> bool:
    """None, NaN, or pandas' NA and NaT."""
    if value is None:
        return True
    if isinstance(value, float):
        return value != value  # noqa: PLR0124 - the NaN test that costs nothing
    return type(value).__name__ in {"NAType", "NaTType"}


def code_of(field: Field) -> Callable[[Any], int]:
    """A function that gives the bin of a value."""
    if field.kind == "ignored":
        return lambda _value: ODD
    return _numbers(field.cuts) if field.kind == "numbers" else _categories(field)


def _numbers(cuts: Sequence[float]) -> Callable[[Any], int]:
    def code(value: Any) -> int:
        if type(value) is not float:
            if type(value) is not int:
                if is_missing(value):
                    return MISSING
                if isinstance(value, str):
                    return ODD
            try:
                value = number(value)
            except (UnreadableError, OverflowError, ValueError):
                return ODD
        return bisect_right(cuts, value) + FIRST if value == value else MISSING  # noqa: PLR0124 - NaN test

    return code


def _categories(field: Field) -> Callable[[Any], int]:
    known: dict[Any, int] = dict.fromkeys(field.rare, FIRST)
    known |= {label: at + FIRST + 1 for at, label in enumerate(field.labels)}

    def code(value: Any) -> int:
        try:
            found = known.get(value)
        except TypeError:  # what cannot be hashed is no category
            return ODD
        if found is not None:
            return found
        return MISSING if is_missing(value) else ODD

    return code


class Bins:
    """The fields of a profile, ready to bin records and tables.

    Args:
        fields: the profile's.
    """

    __slots__ = ("coders", "fields", "names", "offsets", "sizes")

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields
        self.names = tuple(field.name for field in fields)
        self.coders = tuple(code_of(field) for field in fields)
        self.sizes = tuple(field.size for field in fields)
        self.offsets = (
            tuple(np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(int).tolist()) if fields else ()
        )

    def record(self, record: Mapping[Any, Any]) -> list[int]:
        """The bin of each field; an absent field is missing."""
        return [code(record.get(name)) for name, code in zip(self.names, self.coders, strict=True)]

    def columns(self, columns: Mapping[Any, Any], n: int) -> Codes:
        """(n, fields) the bins of n rows given by column; an absent column is missing."""
        found = np.full((n, len(self.fields)), MISSING, dtype=np.int64)
        for at, field in enumerate(self.fields):
            if field.name in columns:
                found[:, at] = self._column(field, self.coders[at], columns[field.name])
            elif field.kind == "ignored":
                found[:, at] = ODD
        return found

    @staticmethod
    def _column(field: Field, code: Callable[[Any], int], column: Any) -> Any:
        array = getattr(column, "array", column)
        array = (
            array.to_numpy()
            if hasattr(array, "to_numpy") and type(array).__name__ == "NumpyExtensionArray"
            else array
        )
        if field.kind == "numbers" and type(array) is np.ndarray and plain(array):
            values = array.astype(np.float64)
            codes = np.searchsorted(np.array(field.cuts), values, side="right") + FIRST
            return np.where(np.isnan(values), MISSING, codes)
        return [code(value) for value in (column.tolist() if hasattr(column, "tolist") else column)]
