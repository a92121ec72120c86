"""A schema as plain values: what the judges, the code generator and `explain()` read."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from guardrails._types import Violation

from ._cells import Reader
from ._checks import Predicate


class How(StrEnum):
    """Who judges a clause."""

    compiled = "compiled"
    pandera = "by pandera"
    batch = "batch only"


@dataclass(frozen=True, slots=True)
class Kind:
    """A declared dtype, by what values it holds.

    Attributes:
        name: `int`, `float`, `bool`, `str`, `category`, `datetime`, `timedelta`, `any`, or `other` (pandera reads it).
        label: the dtype as the schema's author would write it, the same on every host.
        dtype: what its rules are read from: a numpy dtype for numbers, pandas' own for the rest.
        column: what pandas builds typed columns of; None leaves it to pandas.
        low: least value of an integer dtype.
        high: greatest value of an integer dtype.
    """

    name: str
    label: str
    dtype: Any = None
    column: Any = None
    low: int = 0
    high: int = 0

    @property
    def nullable(self) -> bool:
        """Whether it is one of pandas' own dtypes of numbers and bools, which show a missing one as `pandas.NA`."""
        return self.name in {"int", "float", "bool"} and (self.label[:1].isupper() or self.label == "boolean")


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition.

    Attributes:
        violation: what to say when it is broken.
        how: who judges it.
        holds: its plain form, of the value that was read (of the row, for a clause across fields).
        on_null: what it says of a missing value.
        caveat: whether breaking it is only a caveat.
        check: pandera's own check; None for clauses of the schema itself.
        builtin: registered name of a built-in check, or "".
        why: why it is not compiled, for `explain()`.
        asked: pandera's own form of it, of the same value.
        rowwise: whether the user says that it judges each row by itself, so a table may be asked about at once.
        names: the fields it joins, for a joint `unique`.
        vector: its form for an array of numbers (of seconds since the epoch, for timestamps).
    """

    violation: Violation
    how: How = How.compiled
    holds: Predicate | None = None
    on_null: bool = True
    caveat: bool = False
    check: Any = None
    builtin: str = ""
    why: str = ""
    vector: Callable[[Any], Any] | None = None
    asked: Predicate | None = None
    rowwise: bool = False
    names: tuple[Hashable, ...] = ()


@dataclass(frozen=True, slots=True)
class Parser:
    """One step that changes a raw value, or a whole record, before it is judged.

    Attributes:
        text: its name, for `explain()`.
        how: whether the user's function is called on the value itself, or pandera on a column of one.
        apply: the step.
    """

    text: str
    how: How
    apply: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field.

    Attributes:
        key: as records hold it.
        name: `str(key)`; the pattern of a regex field.
        kind: the declared dtype.
        read: reads a raw value.
        present: the clause that the field is there; None for an optional one.
        dtype: the clause that the value is of the declared kind.
        filled: the clause that the value is not missing; None for a nullable field.
        clauses: the checks, in schema order.
        parsers: applied to the raw value first, in order.
        default: replaces a missing value; None where there is none.
        matches: whether a record's key belongs to this regex field; None for a plain field.
        coerce: whether other types are read where nothing is lost.
    """

    key: Hashable
    name: str
    kind: Kind
    read: Reader
    present: Clause | None
    dtype: Clause
    filled: Clause | None
    clauses: tuple[Clause, ...] = ()
    parsers: tuple[Parser, ...] = ()
    default: Any = None
    coerce: bool = False
    matches: Callable[[Hashable], bool] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole schema.

    Attributes:
        fields: the declared fields, in schema order.
        strict: the clause that there are no undeclared fields; None where they are allowed.
        filtered: whether undeclared fields are dropped (`strict="filter"`).
        added: whether a missing required field takes its default (`add_missing_columns`).
        across: clauses across the fields of one row.
        batch: clauses that need many rows.
        parsers: applied to the whole record first, in order.
        keys: the keys of the plain fields.
        unchecked: what is left unchecked, said with every verdict.
        opaque: whether only pandera can judge a record, whatever its fields.
    """

    fields: tuple[Field, ...]
    strict: Clause | None = None
    filtered: bool = False
    added: bool = False
    across: tuple[Clause, ...] = ()
    batch: tuple[Clause, ...] = ()
    parsers: tuple[Parser, ...] = ()
    keys: frozenset[Hashable] = frozenset()
    unchecked: tuple[Violation, ...] = ()
    opaque: bool = False

    def declares(self, key: Hashable) -> bool:
        """Whether a field of that name is declared, by name or by pattern."""
        return key in self.keys or any(
            field.matches(key) for field in self.fields if field.matches is not None
        )
