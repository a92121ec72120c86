"""Draft a contract from a table of data: a pandera model as Python source, for a person to read and change."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from guardrails._errors import ConfigurationError

from ._contract import Contract
from ._draft_columns import column_of
from ._draft_freshness import freshness
from ._draft_seen import Terms
from ._draft_source import WIDTH, is_name, is_unicode, source_of
from ._records import is_frame

_LONGEST_CLASS: Final = 60
_IMPORTED: Final = frozenset({"pa", "pd"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted contract.

    It shows labels and ranges of the data that it was drafted from, and it says what those rows looked like, not what is
    right: read it before it is used or passed on.

    Attributes:
        source: a complete Python module.
        name: of the pandera model in it.
    """

    source: str = field(repr=False)
    name: str = "Request"

    def __str__(self) -> str:
        """The source."""
        return self.source

    def model(self) -> type[Any]:
        """The pandera `DataFrameModel` that the source defines."""
        namespace: dict[str, Any] = {"__name__": "guardrails_draft"}
        exec(compile(self.source, "<drafted contract>", "exec", dont_inherit=True), namespace)  # noqa: S102 - the source is our own writing
        model: type[Any] = namespace[self.name]
        return model

    def contract(self) -> Contract:
        """The contract of that model; for freshness and other options, `gr.Contract(draft.model(), ...)`."""
        return Contract(self.model())


def draft(frame: Any, *, name: str = "Request", room: float = 0.1, categories: int = 20) -> Draft:
    """Draft a contract that every row of a table keeps.

    Types, bounds of numbers, text lengths and durations, earliest timestamps, labels and whether values may be missing
    come from the data; what is only worth knowing (constant columns, mixed types, missing shares, likely identifiers,
    freshness) stands in comments.

    Args:
        frame: a pandas DataFrame with at least one row; its index is not looked at.
        name: of the drafted class.
        room: share of the observed span, at least 0, by which a range is widened at each end. Integers are rounded
            outward, floats to two digits of the room; zero is never crossed.
        categories: columns of text or integers with at most so many distinct values get the list of them; text only
            where a value occurs twice on average, integers only where each occurs twice.

    Raises:
        ConfigurationError: the frame is no DataFrame, has no rows or columns, or a name twice; or another parameter is out
            of range.
    """
    terms = _terms(room, categories)
    _check_name(name)
    keys = _keys(frame)
    columns = [column_of(key, frame.iloc[:, j], terms) for j, key in enumerate(keys)]
    tail = freshness(columns, terms.room, name)
    return Draft(source_of(name, columns, _head(len(frame), room, categories), tail), name)


def _terms(room: Any, categories: Any) -> Terms:
    if isinstance(room, bool) or not isinstance(room, int | float) or not 0 <= room < float("inf"):
        raise ConfigurationError.of("room", room, "must be a share of the span, finite and not negative")
    if isinstance(categories, bool) or not isinstance(categories, int) or categories < 0:
        raise ConfigurationError.of("categories", categories, "must be a whole number, 0 for no lists")
    return Terms(Fraction(repr(float(room))), categories)  # a tenth, not the float nearest to it


def _check_name(name: Any) -> None:
    good = isinstance(name, str) and is_name(name) and name not in _IMPORTED and len(name) <= _LONGEST_CLASS
    if not good:
        mend = (
            f"must be a Python identifier of at most {_LONGEST_CLASS} characters, not of {sorted(_IMPORTED)}"
        )
        raise ConfigurationError.of("name", name, mend)


def _keys(frame: Any) -> list[str | int]:
    """The column names, as plain text and integers."""
    if not is_frame(frame):
        raise ConfigurationError.of("frame", type(frame).__name__, "must be a pandas DataFrame")
    if not frame.shape[0] or not frame.shape[1]:
        raise ConfigurationError.of("frame", frame.shape, "must have rows and columns to draft from")
    keys = [_key(key) for key in frame.columns.tolist()]
    refuse_duplicates(keys)
    return keys


def _key(key: Hashable) -> str | int:
    if isinstance(key, str) and is_unicode(key):
        return str.__str__(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return int.__int__(key)
    mend = "columns must be named by text (of Unicode) or integers, as the fields of a request are"
    raise ConfigurationError.of("frame", f"a name of type {type(key).__name__}", mend)


def refuse_duplicates(keys: Iterable[str | int]) -> None:
    """Refuse a table in which a record's field could mean two columns.

    Raises:
        ConfigurationError: two columns have one name.
    """
    twice = [name for name, count in Counter(map(str, keys)).items() if count > 1]
    if twice:
        raise ConfigurationError.of("frame", twice, "each column name must occur once: rename these")


def _head(rows: int, room: float, categories: int) -> str:
    """The module's docstring."""
    said = (
        f"It says what those rows looked like, not what is right. A range is the observed one, widened at each end by "
        f"{100 * room:g} % of its span and never across zero; at most {categories} labels are listed. Labels and ranges "
        "are taken from the data: read this before you use it or pass it on."
    )
    first = f"A contract drafted by guardrails from {rows:,} row{'s' * (rows != 1)}; it is yours to change."
    return f"{first}\n\n{textwrap.fill(said, WIDTH)}"
