"""Reading a regressor's answers: one number, or quantile predictions around it; and a request's difficulty."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ._read import UnreadableError, array_of, flat, number, numbers, plain, shape_of, stacked
from ._result import Floats

_PLAIN = frozenset({float, int, bool})
_INFINITY = math.inf
_PAIR, _TRIPLE = 2, 3


class Predicted(NamedTuple):
    """A prediction and the ends that the interval is built around; all three are one where only it is predicted."""

    low: float
    point: float
    high: float


Columns = tuple[Floats, Floats, Floats]


def one_number(value: Any) -> Predicted:
    """One number.

    Raises:
        UnreadableError: not a finite number.
    """
    y = _finite(float(value) if isinstance(value, float) else _single(value))
    return Predicted(y, y, y)


def ends(value: Any) -> Predicted:
    """Two quantile predictions, or three numbers: lower quantile, prediction, upper quantile.

    The lower end is the smaller one: crossed quantiles are put in order, at calibration and here alike (Chernozhukov,
    Fernandez-Val, Galichon, Econometrica 78, 2010).

    Raises:
        UnreadableError: not two or three finite numbers.
    """
    found = [_finite(x) for x in _several(value)]
    low, high = min(found[0], found[-1]), max(found[0], found[-1])
    if high - low == _INFINITY:
        raise UnreadableError("the quantile predictions are infinitely far apart")
    return Predicted(low, found[1] if len(found) == _TRIPLE else low + (high - low) / 2, high)


def _several(value: Any) -> list[float]:
    if isinstance(value, list | tuple):
        found = [number(x) for x in value] if len(value) in {_PAIR, _TRIPLE} else []
    else:
        array = array_of(value, "expected quantile predictions")
        found = numbers(array) if array.shape in {(_PAIR,), (_TRIPLE,)} else []
    if not found:
        raise UnreadableError(
            f"expected (lower, upper) or (lower, prediction, upper), got {shape_of(value)}: pass read="
        )
    return found


def _finite(y: float) -> float:
    if not -_INFINITY < y < _INFINITY:
        raise UnreadableError("the prediction is NaN" if y != y else "the prediction is infinite")  # noqa: PLR0124 - NaN test
    return y


def usable(difficulty: Any) -> float | None:
    """A difficulty, None where it is no positive finite number."""
    if type(difficulty) is not float:
        try:
            difficulty = number(difficulty)
        except (UnreadableError, OverflowError, ValueError):
            return None
    return difficulty if 0.0 < difficulty < _INFINITY else None


def difficulties_of(given: Any, n: int) -> Floats:
    """Difficulties as (n,) float64, NaN where one is not usable."""
    if type(given) is np.ndarray and plain(given) and given.shape == (n,):
        found = given.astype(np.float64)
        found[~((found > 0) & (found < _INFINITY))] = np.nan
        return found
    each = [None] * n if given is None else [usable(value) for value in given]
    return np.array([np.nan if value is None else value for value in each], dtype=np.float64)


def number_column(values: Any, n: int) -> Columns | None:
    """One number per row; None where they must be read one by one."""
    column = _column(values, n)
    return None if column is None else (column, column, column)


def quantile_columns(values: Any, n: int) -> Columns | None:
    """Two or three numbers per row, as `ends` reads them; None where they must be read one by one."""
    values = values.to_numpy() if hasattr(values, "iloc") else values
    matrix = stacked(values, _PAIR)
    if matrix is None or matrix.shape != (n, _PAIR):
        matrix = stacked(values, _TRIPLE)
    if matrix is None or matrix.shape not in {(n, _PAIR), (n, _TRIPLE)}:
        return None
    matrix = matrix.astype(np.float64)
    first, last = matrix[:, 0], matrix[:, -1]
    with np.errstate(all="ignore"):
        low, high = np.minimum(first, last), np.maximum(first, last)
        point = matrix[:, 1] if matrix.shape[1] == _TRIPLE else low + (high - low) / 2
    return low, point, high


def _single(value: Any) -> float:
    if isinstance(value, list | tuple):
        if len(value) != 1:
            raise UnreadableError(_mend(shape_of(value)))
        return number(value[0])
    if not hasattr(value, "__array__") or isinstance(value, np.generic):
        return number(value)
    array = array_of(value, "expected a number")
    if array.size != 1:
        raise UnreadableError(_mend(array.shape))
    return number(array.reshape(-1)[0])


def _mend(shape: tuple[int, ...] | str) -> str:
    return f"expected a number, got {shape}: return one number per request, or pass read="


def _column(values: Any, n: int) -> Floats | None:
    if isinstance(values, list | tuple):
        return flat(list(values)) if set(map(type, values)) <= _PLAIN else None
    array = values.to_numpy() if hasattr(values, "iloc") else values
    if type(array) is not np.ndarray or not plain(array) or array.shape not in {(n,), (n, 1)}:
        return None
    return array.reshape(n).astype(np.float64)
