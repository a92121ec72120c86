"""Reading numbers and probability vectors out of what a function returned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from itertools import chain
from numbers import Real
from typing import Any

import numpy as np

from guardrails._profile import Label

from ._result import Floats

_NUMERIC = "fiub"
_FLOAT64 = np.dtype(np.float64)
_PAIR = 2
_PLAIN = frozenset({float, int, bool})


class UnreadableError(Exception):
    """The answer is not what the profile's kind expects; the message holds no value of it."""


def number(value: object) -> float:
    """A real number as float; text is none, though `float` would read it.

    Raises:
        UnreadableError: not a real number.
    """
    if isinstance(value, Real | Decimal | np.bool_) and not isinstance(value, np.timedelta64):
        return float(value)
    raise UnreadableError(f"expected a number, got a {type(value).__name__}")


def array_of(value: Any, expected: str) -> np.ndarray[Any, Any]:
    """An array-like as a plain array; masked entries become NaN; `expected` is for the message.

    Raises:
        UnreadableError: not array-like.
    """
    if isinstance(value, np.ma.MaskedArray):
        return np.ma.filled(value.astype(np.float64), np.nan)
    if not hasattr(value, "__array__"):
        raise UnreadableError(f"{expected}, got a {type(value).__name__}: pass read=")
    return np.asarray(value)


def numbers(array: np.ndarray[Any, Any]) -> list[float]:
    """The elements of a 1-d array.

    Raises:
        UnreadableError: an element is not a real number.
    """
    if array.dtype.kind not in _NUMERIC + "O":  # durations would become integers
        raise UnreadableError(f"expected numbers, got an array of {array.dtype.name}")
    return [number(x) for x in array.tolist()]


def shape_of(value: Any) -> tuple[int, ...] | str:
    """The shape of nested lists, for a message."""
    try:
        shape: tuple[int, ...] = np.shape(value)
    except ValueError:
        return "lists of unequal lengths"
    return shape


def with_confidence(value: Any, what: str) -> tuple[Any, float]:
    """An answer and the user's own confidence.

    Raises:
        UnreadableError: no pair, or a confidence that is no finite number.
    """
    if type(value) is np.ndarray and value.shape == (_PAIR,):
        value = value.tolist()
    if not isinstance(value, list | tuple) or len(value) != _PAIR:
        raise UnreadableError(f"the profile was calibrated with confidence=: expected ({what}, confidence)")
    confidence = number(value[1])
    if not math.isfinite(confidence):
        raise UnreadableError("the confidence is not finite")
    return value[0], confidence


def rows_of(values: Any, n: int) -> Any:
    """What to index for the answer of a row.

    Raises:
        UnreadableError: not one answer per row.
    """
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__len__"):
        raise UnreadableError(f"expected one answer per row, got a {type(values).__name__}")
    try:
        length = len(values)
    except TypeError as error:
        raise UnreadableError("expected one answer per row, got a single one") from error
    if length != n:
        raise UnreadableError(f"expected one answer per row: {n} rows, {length} answers")
    return getattr(values, "iloc", values)


class Probabilities:
    """Reads probability vectors in the order of `classes`."""

    __slots__ = ("_classes", "_k", "_labels", "_shape")

    def __init__(self, classes: tuple[Label, ...]) -> None:
        self._classes = classes
        self._labels = frozenset(classes)
        self._k = len(classes)
        self._shape = (len(classes),)

    def row(self, value: Any) -> list[float]:
        """A new list of K numbers, not yet checked to be probabilities.

        Raises:
            UnreadableError: neither K numbers nor a mapping from the labels.
        """
        kind = type(value)
        if kind is np.ndarray:
            if value.dtype is _FLOAT64 and value.shape == self._shape:
                listed: list[float] = value.tolist()
                return listed
        elif (kind is list or kind is tuple) and len(value) == self._k:
            for x in value:
                if type(x) is not float:
                    return [number(x) for x in value]
            return list(value)
        return self._other(value)

    def _other(self, value: Any) -> list[float]:
        if isinstance(value, Mapping):
            return self._mapping(value)
        if (order := self._order(getattr(value, "index", None))) is not None:
            entries = value.to_numpy().tolist()
            return [number(entries[j]) for j in order]
        if isinstance(value, list | tuple):
            raise UnreadableError(self._mend(shape_of(value)))
        array = array_of(value, f"expected probabilities of shape ({self._k},) or a mapping from the labels")
        if array.shape != self._shape:
            raise UnreadableError(self._mend(array.shape))
        return numbers(array)

    def _mapping(self, value: Mapping[Any, Any]) -> list[float]:
        if value.keys() != self._labels:
            raise UnreadableError("the mapping's labels are not the profile's classes")
        return [number(value[label]) for label in self._classes]

    def _order(self, index: Any) -> list[int] | None:
        # a pandas index that names the labels; a RangeIndex (it has a step) names nothing, even where labels are ints
        if index is None or callable(index) or hasattr(index, "step") or len(index) != self._k:
            return None
        names = list(index)
        return [names.index(label) for label in self._classes] if set(names) == self._labels else None

    def _mend(self, shape: tuple[int, ...] | str) -> str:
        mend = "take row [0], or pass read=" if shape == (1, self._k) else "pass read="
        return f"expected probabilities of shape ({self._k},), got {shape}: {mend}"

    def table(self, values: Any, n: int) -> Floats | None:
        """All rows at once, (n, K) float64; None where they must be read one by one."""
        order = self._order(getattr(values, "columns", None))
        matrix = stacked(values.to_numpy() if hasattr(values, "columns") else values, self._k)
        if matrix is None or matrix.shape != (n, self._k):
            return None
        matrix = matrix if order is None else matrix[:, order]
        return matrix.astype(np.float64)


def stacked(values: Any, k: int) -> np.ndarray[Any, Any] | None:
    """Rows of plain numbers as one array; None for anything that needs a closer look, row by row."""
    if type(values) is np.ndarray:
        return values if plain(values) else None
    if not isinstance(values, list | tuple):
        return None
    kinds = set(map(type, values))
    if kinds == {np.ndarray}:
        return np.stack(values) if all(v.shape == (k,) and plain(v) for v in values) else None
    if (
        kinds <= {list, tuple}
        and all(len(v) == k for v in values)
        and set(map(type, chain(*values))) <= _PLAIN
    ):
        array = flat(list(chain(*values)))
        return None if array is None else array.reshape(len(values), k)
    return None


def flat(values: list[Any]) -> Floats | None:
    """Plain numbers as float64; None where an integer is too large for one."""
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:
        return None


def plain(array: np.ndarray[Any, Any]) -> bool:
    """Whether the array holds numbers that float64 converts as `float` does."""
    return array.dtype.kind in _NUMERIC and array.dtype.itemsize <= _FLOAT64.itemsize
