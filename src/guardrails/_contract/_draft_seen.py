"""What a column of data holds, and what that shows of its field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from ._cells import is_null
from ._pandera import silenced
from ._plan import Kind

_NEVER_NULL: Final = frozenset({bool, int, str})  # a short cut past the questions that the others need


@dataclass(frozen=True, slots=True)
class Terms:
    """How to draft.

    Attributes:
        room: share of the span by which a range is widened at each end.
        categories: greatest number of distinct values that are listed.
    """

    room: Fraction
    categories: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What a column holds.

    Attributes:
        cells: plain values, row by row.
        values: those that are not missing.
        kind: what pandera infers of a typed column; None where only the values tell.
        labels: the declared labels of a pandas category, else None.
        terms: how to draft.
    """

    cells: Sequence[Any]
    values: Sequence[Any]
    kind: Kind | None
    labels: Sequence[Any] | None
    terms: Terms

    @property
    def missing(self) -> int:
        """Number of missing values."""
        return len(self.cells) - len(self.values)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the values show of a field.

    Attributes:
        annotation: its type, as source.
        arguments: of `pa.Field`.
        notes: what a reader should know.
        instant: gives a value's seconds since the epoch; None for what is no instant.
    """

    annotation: str
    arguments: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    instant: Callable[[Any], float] | None = None


def seen_in(series: Any, terms: Terms) -> Seen:
    """What a pandas column holds."""
    cells = series.tolist()
    values = [value for value in cells if type(value) in _NEVER_NULL or not is_null(value)]
    labels = getattr(series.dtype, "categories", None)
    return Seen(cells, values, _inferred(series), None if labels is None else labels.tolist(), terms)


def _inferred(series: Any) -> Kind | None:
    """What pandera infers for a typed column.

    Only the dtype is taken from pandera's inference. It takes bounds through `float`, which changes integers above
    2**53, has no room, lists no labels but those of a pandas category, and says `object` of text beside a missing value.
    """
    import pandera.pandas as pa
    from pandas.api import types

    from ._kinds import kind_of

    tests = (
        types.is_numeric_dtype,
        types.is_bool_dtype,
        types.is_datetime64_any_dtype,
        types.is_timedelta64_dtype,
    )
    if not any(test(series.dtype) for test in tests):
        return None
    with silenced():  # of complex numbers it warns
        kind = kind_of(pa.infer_schema(series.reset_index(drop=True)).dtype)
    return None if kind.name in {"any", "category", "other"} else kind


def scalar_annotation(kind: Kind) -> str:
    """The annotation of a number's or bool's dtype."""
    plain = {"bool": "bool", "int64": "int", "float64": "float", "boolean": "pd.BooleanDtype"}
    if kind.label in plain:
        return plain[kind.label]
    word = {"i": "Int", "u": "UInt", "f": "Float"}[kind.dtype.kind] + str(8 * kind.dtype.itemsize)
    return f"pa.{word}" if kind.label.islower() else f"pd.{word}Dtype"
