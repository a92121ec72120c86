"""Checking what calibration is given: probabilities, numbers, labels. Messages name rows, never their values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from guardrails._conformal import TOLERANCE, Bools, Floats, Ints, Probabilities, score
from guardrails._errors import ConfigurationError
from guardrails._profile import Label, counted

_LABEL_TYPES = (str, int, bool, float)
_PAIR = 2


def length_of(parameter: str, values: Any) -> int:
    """Rows in a table or column.

    Raises:
        ConfigurationError: it has no rows to count.
    """
    try:
        return len(values)
    except TypeError as error:
        raise ConfigurationError.of(
            parameter, type(values).__name__, "must hold one entry per row"
        ) from error


def same_length(**columns: Any) -> int:
    """The common number of rows; columns that are None do not count.

    Raises:
        ConfigurationError: the lengths differ.
    """
    lengths = {name: length_of(name, values) for name, values in columns.items() if values is not None}
    (first, n), *others = lengths.items()
    for name, length in others:
        if length != n:
            raise ConfigurationError.of(name, f"{length} rows", f"must have as many rows as {first}, {n}")
    return n


def as_array(parameter: str, values: Any) -> np.ndarray[Any, Any]:
    """Array-likes and nested sequences as a plain array; masked entries become NaN.

    Raises:
        ConfigurationError: rows of unequal lengths.
    """
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.filled(values.astype(np.float64), np.nan)
    try:
        return np.asarray(values)
    except ValueError as error:
        mend = "must have rows of one length"
        raise ConfigurationError.of(parameter, "rows of unequal lengths", mend) from error


def labels_of(classes: Any) -> tuple[Label, ...]:
    """The labels as plain Python values, in the order given.

    Raises:
        ConfigurationError: fewer than two, one twice, or of a type that JSON would change.
    """
    if isinstance(classes, str) or not hasattr(classes, "__iter__"):
        raise ConfigurationError.of("classes", type(classes).__name__, "must be a sequence of labels")
    items = classes.tolist() if hasattr(classes, "tolist") else list(classes)
    labels = tuple(item.item() if isinstance(item, np.generic) else item for item in items)
    odd = [type(label).__name__ for label in labels if not _is_label(label)]
    if odd:
        raise ConfigurationError.of(
            "classes", f"a label of type {odd[0]}", "must be str, int, bool or finite float"
        )
    if len(labels) < _PAIR:
        raise ConfigurationError.of(
            "classes", f"{len(labels)} label(s)", "must be at least two; a constant needs no model"
        )
    if len(set(labels)) < len(labels):
        raise ConfigurationError.of(
            "classes", f"{len(labels)} labels, some equal", "must differ from each other"
        )
    return labels


def matrix_of(probabilities: Any, labels: tuple[Label, ...], used: Bools) -> Floats:
    """Probabilities as (n, K) float64 in the order of `labels`.

    Raises:
        ConfigurationError: the wrong shape, or a used row that is no probability vector.
    """
    n, k = len(used), len(labels)
    if not hasattr(probabilities, "columns"):
        probabilities = as_array("probabilities", probabilities)
    matrix = Probabilities(labels).table(probabilities, n)
    if matrix is None:
        received = f"shape {np.shape(probabilities)} of {getattr(probabilities, 'dtype', type(probabilities).__name__)}"
        mend = f"must be numbers of shape (n, {k}), one column per class"
        if np.shape(probabilities) == (n,) and k == _PAIR:
            mend += "; for two classes, numpy.column_stack([1 - p, p])"
        raise ConfigurationError.of("probabilities", received, mend)
    _vectors(matrix, used)
    return matrix


def _vectors(matrix: Floats, used: Bools) -> None:
    finite = np.isfinite(matrix).all(axis=1)
    none_of("probabilities", used & ~finite, "hold NaN or an infinity", "drop these rows, or say answered=")
    with np.errstate(invalid="ignore"):
        negative = (matrix < 0).any(axis=1)
    none_of(
        "probabilities", used & negative, "hold a negative number", "pass probabilities, not scores or logits"
    )
    mend = "pass predict_proba's rows, not scores or logits"
    none_of("probabilities", used & ~score(matrix).readable, f"do not sum to 1 within {TOLERANCE:g}", mend)


def none_of(parameter: str, bad: Bools, fault: str, mend: str) -> None:
    """Refuse bad rows, by number and first position.

    Raises:
        ConfigurationError: there is one.
    """
    if bad.any():
        received = (
            f"{counted(int(bad.sum()), 'row')} that {fault} (the first at position {int(bad.argmax())})"
        )
        raise ConfigurationError(f"{parameter}: {mend}; received {received}")


def positions_of(truth: Any, labels: tuple[Label, ...], used: Bools) -> Ints:
    """Column of each true label, (n,); -1 in rows that are not used.

    Raises:
        ConfigurationError: a used row without a truth, or with a label that is not in `labels`.
    """
    items = column_of("truth", truth)
    known = {label: j for j, label in enumerate(labels)}
    found = np.array([known.get(item, -1) if _hashable(item) else -1 for item in items], dtype=np.intp)
    absent = np.array([is_missing(item) for item in items], dtype=bool)
    none_of("truth", used & absent, "have no truth", "drop these rows")
    none_of(
        "truth",
        used & (found < 0),
        "hold a label that is not in classes",
        "add it to classes, or drop these rows",
    )
    return np.where(used, found, -1)


def need_two(positions: Ints) -> None:
    """Refuse rows that all have one true label.

    Raises:
        ConfigurationError: fewer than two different labels.
    """
    if len(np.unique(positions)) < _PAIR:
        mend = "must hold rows of at least two classes that pass the filters"
        raise ConfigurationError.of("truth", f"one label in all {len(positions)} rows", mend)


def numbers_of(parameter: str, values: Any, used: Bools) -> Floats:
    """Numbers as (n,) float64.

    Raises:
        ConfigurationError: not one number per row, or a used row that is not finite.
    """
    array = as_array(parameter, values)
    if array.shape not in {(len(used),), (len(used), 1)} or array.dtype.kind not in "fiub":
        received = f"shape {array.shape} of {array.dtype.name}"
        raise ConfigurationError.of(parameter, received, "must be one number per row, shape (n,)")
    column = array.reshape(len(used)).astype(np.float64)
    none_of(
        parameter, used & ~np.isfinite(column), "hold NaN or an infinity", "drop these rows, or say answered="
    )
    return column


def column_of(parameter: str, values: Any) -> list[Any]:
    """One entry per row, as Python values.

    Raises:
        ConfigurationError: more than one column.
    """
    shape = getattr(values, "shape", None) or np.shape(as_array(parameter, values))
    if len(shape) != 1:
        raise ConfigurationError.of(parameter, f"shape {shape}", "must be one column, shape (n,)")
    return list(values.tolist()) if hasattr(values, "tolist") else list(values)


def is_missing(item: Any) -> bool:
    """None, NaN, or pandas' NA and NaT."""
    return (
        item is None
        or type(item).__name__ in {"NAType", "NaTType"}
        or (isinstance(item, float) and math.isnan(item))
    )


def _is_label(item: Any) -> bool:
    return type(item) in _LABEL_TYPES and not (isinstance(item, float) and not math.isfinite(item))


def _hashable(item: Any) -> bool:
    return type(item).__hash__ is not None
