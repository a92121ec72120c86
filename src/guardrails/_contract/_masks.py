"""Masks of one column: `True` where a cell surely holds, as numpy operations where its dtype allows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ._cells import is_null
from ._checks import COMPARISONS, EXACT, OPERATORS, constant
from ._kinds import WIDE, single_of
from ._pandera import column_of, constants_of
from ._plan import Clause, Field, How
from ._records import cells
from ._rows import alike
from ._source import cell_test
from ._tables import cells_of

Mask = NDArray[np.bool_]
Test = Callable[[Any], bool]


def sure_cells(field: Field, test: Test, column: Any) -> Mask:
    """Where the cells of one column surely hold; cautious, never wrong.

    Args:
        field: the declared field.
        test: its test of one raw value.
        column: a pandas Series or a 1-d array.
    """
    try:
        mask = _vectorised(field, test, column)
    except Exception:  # a column that numpy or pandas cannot compute with is judged cell by cell
        mask = None
    return _each(test, column) if mask is None else mask


def _each(test: Test, column: Any) -> Mask:
    return np.fromiter(map(test, cells(column)), bool, len(column))


def _vectorised(field: Field, test: Test, column: Any) -> Mask | None:
    """The mask by whole-column operations; None where this column needs them cell by cell."""
    if field.parsers or field.default is not None:
        return None
    if any(clause.how is How.pandera for clause in field.clauses):
        return _asked(field, column)
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return _plain(field, test, column, dtype.kind)
    if type(dtype).__name__ == "DatetimeTZDtype":
        return _instants(field, column)
    if type(dtype).__name__ == "CategoricalDtype":
        return _coded(test, column.cat.codes.to_numpy(), dtype.categories)
    return _texts(test, column) if type(dtype).__name__ == "StringDtype" else None


def _plain(field: Field, test: Test, column: Any, kind: str) -> Mask | None:
    """A column of one of numpy's dtypes."""
    if kind in "iuf" and field.kind.name in {"int", "float"}:
        return _numbers(field, np.asarray(column))
    if kind == "O" and only_text(field, column):
        return _texts(test, column)
    if kind == "b" and field.kind.name == "bool":
        return np.where(np.asarray(column), test(True), test(False))
    return _instants(field, column) if kind == "M" and hasattr(column, "dt") else None


_OF_TEXT: Final = frozenset({"str", "category", "datetime", "timedelta"})  # read a text by its letters alone


def only_text(field: Field, column: Any) -> bool:
    """Whether the cells of a column of objects are text or missing, so that equal ones are read alike."""
    if field.kind.name not in _OF_TEXT or field.parsers:
        return False
    import pandas as pd

    if pd.api.types.infer_dtype(column, skipna=True) != "string":
        return False
    own = {kind for kind in set(map(type, column)) if issubclass(kind, str)}
    return own <= {str}  # another kind of text may compare as it likes


def _texts(test: Test, column: Any) -> Mask:
    import pandas as pd

    codes, distinct = pd.factorize(column)
    known = np.asarray(distinct, dtype=object)
    return _each(test, column) if _mistaken(known) else _coded(test, codes, known)


def _mistaken(distinct: NDArray[Any]) -> bool:
    """Whether pandas may have taken two texts for one: it gives a lone surrogate the code of its `repr`."""
    together = "".join(distinct)
    if together.isascii():
        return "\\ud" in together
    try:
        together.encode()
    except UnicodeEncodeError:
        return True
    return "\\ud" in together


def _asked(field: Field, column: Any) -> Mask | None:
    """One question to pandera for the whole column, where the user says that each value is judged by itself."""
    asked = [clause for clause in field.clauses if clause.how is How.pandera]
    if field.kind.name == "other" or not all(clause.rowwise for clause in asked):
        return None
    rest = replace(field, clauses=tuple(clause for clause in field.clauses if clause.how is not How.pandera))
    mask = sure_cells(rest, cell_test(rest), column)
    missing = np.array([is_null(value) for value in cells_of(column, np.arange(len(column)))], dtype=bool)
    positions = np.flatnonzero(mask & ~missing)
    values = [field.read(value)[1] for value in cells_of(column, positions)]
    for clause in asked:
        for group in alike([values], len(values)):
            data = column_of([values[i] for i in group], field.kind.column)
            mask[positions[group]] &= rowwise(clause, data, len(group))
        mask &= ~missing | clause.on_null
    return mask


def rowwise(clause: Clause, data: Any, n: int) -> Mask:
    """A check that the user says judges each row by itself, asked once about all of them."""
    try:
        output = np.asarray(clause.check(data).check_output, dtype=bool)
    except Exception:
        return np.zeros(n, dtype=bool)
    return output if output.shape == (n,) else np.zeros(n, dtype=bool)


def _coded(test: Test, codes: NDArray[Any], values: Any) -> Mask:
    """By distinct value; the code -1 is a missing one."""
    verdicts = np.array([*map(test, values), test(None)], dtype=bool)
    found: Mask = verdicts[codes]
    return found


def _numbers(field: Field, values: NDArray[Any]) -> Mask | None:
    """Numbers of any width against bounds and sets."""
    checks = [clause for clause in field.clauses if clause.how is not How.batch]
    single = None if field.kind.name == "int" else single_of(field.kind)
    if any(not _numeric(clause) for clause in checks) or (single is not None and values.dtype != single):
        return None
    if values.dtype.itemsize > WIDE:
        return None
    if single is None and values.dtype.kind == "f":
        values = values.astype(np.float64, copy=False)  # a narrower float compares in its own width
    mask = _of_kind(field, values)
    for clause in checks:
        mask &= _clause_mask(clause, field.kind.name, values)
    if values.dtype.kind != "f":
        return mask
    missing = np.isnan(values)
    nullable = field.filled is None and all(clause.on_null for clause in checks)
    found: Mask = mask | missing if nullable else mask & ~missing
    return found


def _of_kind(field: Field, values: NDArray[Any]) -> Mask:
    """Where the values are of the declared kind, whatever the column's width."""
    if field.kind.name == "int":
        mask = (values >= field.kind.low) & (values <= field.kind.high)
        return (
            mask & (values == np.floor(values)) & (np.abs(values) < EXACT)
            if values.dtype.kind == "f"
            else mask
        )
    if values.dtype.kind == "f":
        return np.ones(len(values), dtype=bool)
    return (values >= -EXACT) & (values <= EXACT)


def _numeric(clause: Clause) -> bool:
    """Whether numpy compares this clause's constants with numbers as Python does."""
    if clause.vector is not None:
        return True
    if clause.how is not How.compiled or not clause.builtin:
        return False
    given = constants_of(clause.check).values()
    if clause.builtin in {"isin", "notin"}:
        # numpy compares through one dtype for all, which may be float
        return all(
            type(value) in {int, float, bool} and not abs(value) >= EXACT for value in next(iter(given))
        )
    return all(type(value) in {int, float, bool} for value in given)


def _clause_mask(clause: Clause, kind: str, values: NDArray[Any]) -> Mask:
    if clause.vector is not None:
        return clause.vector(values.astype(float))  # type: ignore[no-any-return]
    given = {key: constant(value, kind) for key, value in constants_of(clause.check).items()}
    if clause.builtin in COMPARISONS:
        sign, key = COMPARISONS[clause.builtin]
        return np.asarray(OPERATORS[sign](values, given[key]), dtype=bool)
    if clause.builtin == "in_range":
        above = OPERATORS[">=" if given.get("include_min", True) else ">"](values, given["min_value"])
        below = OPERATORS["<=" if given.get("include_max", True) else "<"](values, given["max_value"])
        return np.asarray(above & below, dtype=bool)
    if clause.builtin in {"isin", "notin"}:
        members = np.isin(values, np.array(sorted(next(iter(given.values())))))
        return members if clause.builtin == "isin" else ~members
    raise TypeError(clause.builtin)


def _instants(field: Field, column: Any) -> Mask | None:
    """Timestamps against comparisons and freshness."""
    import pandas as pd

    checks = [clause for clause in field.clauses if clause.how is not How.batch]
    simple = all(clause.vector is not None or clause.builtin in COMPARISONS for clause in checks)
    zone, unit = getattr(field.kind.dtype, "tz", None), getattr(field.kind.dtype, "unit", "ns")
    own_zone = getattr(column.dtype, "tz", None)
    if field.kind.name != "datetime" or not simple or unit != "ns" or (zone is None) != (own_zone is None):
        return None
    missing = column.isna().to_numpy()
    years = column.dt.year.to_numpy()
    mask = (years > 1700) & (years < 2200)  # noqa: PLR2004 - well inside what 64 bits of nanoseconds hold
    plain = column if own_zone is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
    seconds = (plain - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
    for clause in checks:
        found = clause.vector(seconds.to_numpy()) if clause.vector is not None else _compared(clause, column)
        mask &= np.asarray(found, dtype=bool)
    nullable = field.filled is None and all(clause.on_null for clause in checks)
    verdicts: Mask = mask | missing if nullable else mask & ~missing
    return verdicts


def _compared(clause: Clause, column: Any) -> Any:
    sign, key = COMPARISONS[clause.builtin]
    return OPERATORS[sign](column, constant(constants_of(clause.check)[key], "datetime")).to_numpy()
