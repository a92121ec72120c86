"""Read a pandera schema into a plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from guardrails._errors import ConfigurationError
from guardrails._types import Violation

from ._cells import Reader, State, is_null
from ._checks import EXACT, HOW, NotCompilableError, Predicate, predicate
from ._kinds import is_row_model, kind_of, reader_of
from ._pandera import (
    builtin_name,
    check_violation,
    clause_text,
    column_of,
    constants_of,
    function_of,
    passes,
    value_test,
)
from ._plan import Clause, Field, How, Kind, Parser, Plan
from ._regex import ExplodingPatternError, longest_text
from ._row import row_holds
from ._verdict import UNDECLARED


def read_plan(schema: Any) -> Plan:
    """The whole schema, under record semantics.

    Raises:
        ConfigurationError: a default is not of its column's dtype.
    """
    fields = tuple(_field(key, column, schema) for key, column in schema.columns.items())
    fields = fields or _every_field(schema)
    return Plan(
        fields=fields,
        strict=_own(UNDECLARED, "strict=True", "extra") if schema.strict is True else None,
        filtered=schema.strict == "filter",
        added=bool(schema.add_missing_columns),
        across=tuple(_across(check) for check in schema.checks if check.groupby is None),
        batch=_batch(schema),
        parsers=(*map(_record_parser, schema.parsers), *_row_model(schema.dtype)),
        keys=frozenset(field.key for field in fields if field.matches is None),
    )


def _field(key: Hashable, column: Any, schema: Any) -> Field:
    name = str(key)
    dtype = column.dtype if schema.dtype is None or is_row_model(schema.dtype) else schema.dtype
    coerce = bool(column.coerce or schema.coerce)
    kind = kind_of(dtype)
    read = reader_of(kind, dtype, coerce=coerce)
    how = How.pandera if kind.name == "other" else How.compiled
    return Field(
        key=key,
        name=name,
        kind=kind,
        read=read,
        present=_own(name, "required=True", "missing") if column.required else None,
        dtype=_own(name, f"dtype={kind.label}", "dtype", how),
        filled=None if column.nullable else _own(name, "nullable=False", "null"),
        clauses=tuple(_check(check, name, kind) for check in column.checks),
        parsers=tuple(_value_parser(parser) for parser in column.parsers),
        default=_default(column.default, name, read),
        coerce=coerce,
        matches=_matcher(name) if column.regex else None,
    )


def _every_field(schema: Any) -> tuple[Field, ...]:
    """The one rule of a schema that declares a dtype and no columns: pandera asks it of every column there is."""
    if schema.dtype is None or is_row_model(schema.dtype):
        return ()
    import pandera.pandas as pa

    declared = _field(".*", pa.Column(schema.dtype, required=False), schema)
    return (replace(declared, matches=lambda _key: True),)


def _default(default: Any, name: str, read: Reader) -> Any:
    state, value = read(default)
    if state is State.wrong:
        raise ConfigurationError.of("schema", default, f"the default of column {name!r} is not of its dtype")
    return None if state is State.null else value


def _own(field: str, text: str, kind: str, how: How = How.compiled) -> Clause:
    """A clause of the schema itself, not of one of its checks."""
    return Clause(Violation(field, text, kind), how)


def _matcher(pattern: str) -> Callable[[Hashable], bool]:
    """Whether a key of a request belongs to a regex field; one too long for the pattern is tried on does not."""
    try:
        match = re.compile(pattern).match
    except re.error as error:
        raise ConfigurationError.of(
            "schema", pattern, f"a regex column's name must be a pattern ({error})"
        ) from None
    longest = _longest(pattern, "match", f"column {pattern!r}")

    def matches(key: Hashable) -> bool:
        text = key if isinstance(key, str) else str(key)  # as pandas writes a name that is none
        return (longest is None or len(text) <= longest) and match(text) is not None

    return matches


def _longest(pattern: str | re.Pattern[str], how: str, what: str) -> int | None:
    """The longest text that a pattern of the schema is tried on.

    Raises:
        ConfigurationError: its time explodes.
    """
    try:
        return longest_text(pattern, how)
    except ExplodingPatternError:
        mend = "its time explodes on some short texts: rewrite it without nested or ambiguous repeats"
        raise ConfigurationError.of("schema", what, mend) from None


def _across(check: Any) -> Clause:
    """A check of the frame: of each row by itself where it is element-wise, else pandera's on a frame of one row."""
    violation = Violation("", clause_text(check), "custom")
    asked = partial(_row_passes, check)
    if check.element_wise:
        holds = partial(row_holds, partial(function_of(check), **constants_of(check)), bool(check.ignore_na))
        return Clause(violation, holds=holds, caveat=bool(check.raise_warning), check=check, asked=asked)
    return Clause(violation, How.pandera, asked, caveat=bool(check.raise_warning), check=check)


def _row_passes(check: Any, frame: Any) -> bool:
    return passes(check, frame) is not False


def _batch(schema: Any) -> tuple[Clause, ...]:
    """The clauses about many rows, other than column checks."""
    found = [
        _own(str(key), "unique=True", "unique", How.batch) for key, c in schema.columns.items() if c.unique
    ]
    found += [_joint(names) for names in joint_names(schema.unique)]
    found += [_own("", "ordered=True", "order", How.batch)] * bool(schema.ordered)
    found += [_own("", "index", "index", How.batch)] * (schema.index is not None)
    found += [_own("", "unique_column_names=True", "duplicate", How.batch)] * bool(schema.unique_column_names)
    groups = [check for check in schema.checks if check.groupby is not None]
    found += [Clause(Violation("", clause_text(check), "custom"), How.batch, check=check) for check in groups]
    return tuple(found)


def _joint(names: list[Hashable]) -> Clause:
    return Clause(Violation("", f"unique={names}", "unique"), How.batch, names=tuple(names))


def joint_names(unique: Any) -> list[list[Hashable]]:
    """The groups of columns that are unique together."""
    if not unique:
        return []
    return (
        [list(names) for names in unique]
        if all(isinstance(each, list | tuple) for each in unique)
        else [list(unique)]
    )


def _check(check: Any, field: str, kind: Kind) -> Clause:
    """One check of a column."""
    builtin = builtin_name(check)
    violation = check_violation(check, field)
    caveat = bool(check.raise_warning)
    if check.groupby is not None or builtin == "unique_values_eq":
        return Clause(violation, How.batch, caveat=caveat, check=check, builtin=builtin)
    asked = value_test(check, kind.column)
    if builtin in HOW:
        asked = _bounded(asked, _longest(constants_of(check)["pattern"], HOW[builtin], clause_text(check)))
    on_null = check.ignore_na or _on_null(check, kind)
    holds = _plain(check, builtin, kind, asked)
    how = How.pandera if holds is None else How.compiled
    return Clause(violation, how, holds or asked, on_null, caveat, check, builtin, asked=asked)


class Answering:
    """A user's function; what pandas makes of an answer that is no bool, only pandera knows.

    Attributes:
        unsure: whether there was such an answer.
    """

    __slots__ = ("_asked", "_function", "unsure")

    def __init__(self, function: Callable[[Any], Any], asked: Predicate) -> None:
        self._function = function
        self._asked = asked
        self.unsure = False

    def __call__(self, value: Any) -> bool:
        """Whether the check holds of the value."""
        answer = self._function(value)
        if isinstance(answer, bool | np.bool_):
            return bool(answer)
        self.unsure = True
        return self._asked(value)


def _plain(check: Any, builtin: str, kind: Kind, asked: Predicate) -> Callable[[Any], bool] | None:
    """The plain form of a check, None where it has none."""
    if check.element_wise and not builtin:
        return Answering(partial(function_of(check), **constants_of(check)), asked)
    if check.element_wise or not builtin or kind.name == "other":
        return None
    try:
        plain = predicate(builtin, constants_of(check), kind.name)
    except NotCompilableError:
        return None
    return plain if kind.name != "any" else partial(_of_any, plain, asked)


def _bounded(asked: Predicate, longest: int | None) -> Predicate:
    """Pandera's form of a pattern, for texts that the pattern is tried on."""
    if longest is None:
        return asked
    return lambda value: not (isinstance(value, str) and len(value) > longest) and asked(value)


def _of_any(plain: Predicate, asked: Predicate, value: Any) -> bool:
    """A check of a column without a dtype: plain for plain values, pandera's for the rest."""
    simple = type(value) in {float, str, bool} or (type(value) is int and abs(value) < EXACT)
    return plain(value) if simple else asked(value)


def _on_null(check: Any, kind: Kind) -> bool:
    """What a check that does not ignore missing values says of one: asked once, of pandera."""
    narrow = isinstance(kind.dtype, np.dtype) and kind.label == kind.dtype.name and kind.dtype.kind in "iub"
    try:
        return passes(check, column_of([None], "float64" if narrow else kind.column)) is not False
    except Exception:
        return False


def _record_parser(parser: Any) -> Parser:
    return Parser(parser.name, How.pandera, partial(_parsed_record, parser))


def _row_model(dtype: Any) -> tuple[Parser, ...]:
    """The step of a schema whose dtype is a pydantic model of the whole row."""
    if not is_row_model(dtype):
        return ()
    return (Parser(f"dtype={dtype.type.__name__}", How.compiled, partial(_modelled, dtype.type)),)


def _modelled(model: Any, record: dict[Any, Any]) -> dict[Any, Any]:
    # as pandera does it, without the frame
    return model.model_validate(record).model_dump(by_alias=True)  # type: ignore[no-any-return]


def _value_parser(parser: Any) -> Parser:
    if parser.element_wise:
        return Parser(parser.name, How.compiled, partial(_parsed_element, parser))
    return Parser(parser.name, How.pandera, partial(_parsed_column, parser))


def _parsed_element(parser: Any, value: Any) -> Any:
    if parser.ignore_na and is_null(value):
        return value
    return function_of(parser)(value, **constants_of(parser))


def _parsed_column(parser: Any, value: Any) -> Any:
    import pandas as pd

    return parser(pd.Series([value])).parser_output.iloc[0]


def _parsed_record(parser: Any, record: dict[Any, Any]) -> dict[Any, Any]:
    import pandas as pd

    frame = parser(pd.DataFrame([record])).parser_output
    return dict(zip(frame.columns, frame.to_numpy(dtype=object)[0], strict=True))
