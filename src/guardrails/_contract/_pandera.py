"""Ask pandera itself: about one value, one row, or one record, with its switches forced on and its values kept out."""

from __future__ import annotations

import copy
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, Final

from guardrails._errors import ConfigurationError
from guardrails._types import Violation

from ._checks import KINDS
from ._verdict import UNDECLARED

_REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "COLUMN_NOT_IN_DATAFRAME": ("required=True", "missing"),
    "COLUMN_NOT_IN_SCHEMA": ("strict=True", "extra"),
    "COLUMN_NOT_ORDERED": ("ordered=True", "order"),
    "DUPLICATE_COLUMN_LABELS": ("unique_column_names=True", "duplicate"),
    "SERIES_CONTAINS_NULLS": ("nullable=False", "null"),
    "SERIES_CONTAINS_DUPLICATES": ("unique=True", "unique"),
    "DUPLICATES": ("unique", "unique"),
    "INVALID_COLUMN_NAME": ("regex=True", "missing"),
    "ADD_MISSING_COLUMN_NO_DEFAULT": ("required=True", "missing"),
    "MISMATCH_INDEX": ("index", "index"),
}
LONGEST_CLAUSE: Final = 120


@contextmanager
def forced_on() -> Iterator[None]:
    """Pandera validates inside this block, whatever its environment variables and contexts say.

    A guard whose contract an operator's switch could turn off would say `works` about anything.
    """
    from pandera.config import ValidationDepth, config_context

    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        yield


_SILENCE: Final = Lock()


@contextmanager
def silenced() -> Iterator[None]:
    """No warnings inside this block; only where a contract is built, since Python's filters belong to all threads."""
    with _SILENCE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def warmed() -> None:
    """Ask pandera a first question, once in a process: it imports and registers then, which is no time of a check."""
    import pandas as pd
    import pandera.pandas as pa

    column = pa.Column(int, pa.Check.ge(0))
    for value in (0, -1):
        violations_of(pa.DataFrameSchema({"first": column}), pd.DataFrame({"first": [value]}))


def schema_of(value: object, parameter: str = "schema") -> Any:
    """The `DataFrameSchema` behind what the user gave, as a copy of its own.

    Raises:
        ConfigurationError: `value` is no pandera object for pandas.
    """
    import pandera.pandas as pa

    if isinstance(value, pa.DataFrameSchema):
        return _tamed(copy.deepcopy(value))
    if isinstance(value, type) and issubclass(value, pa.DataFrameModel):
        return _tamed(copy.deepcopy(value.to_schema()))  # type: ignore[attr-defined]
    mend = "must be a pandera DataFrameModel or DataFrameSchema for pandas, or a guardrails.Contract"
    raise ConfigurationError.of(parameter, value, mend)


def _tamed(schema: Any) -> Any:
    """Our copy without what would drop rows, or warn with data in the message."""
    schema.drop_invalid_rows = False
    schema.on_missing_columns = None
    for column in schema.columns.values():
        column.drop_invalid_rows = False
        column.on_missing = None
        _tell_apart(column.checks)
    _tell_apart(schema.checks)
    return schema


def _tell_apart(checks: Iterable[Any]) -> None:
    """Number checks that would be reported in the same words: two lambdas, or two checks with one message."""
    seen: Counter[str] = Counter()
    for check in checks:
        text = clause_text(check)
        seen[text] += 1
        if seen[text] > 1:
            check.error = f"{text[: LONGEST_CLAUSE - 8]} ({seen[text]})"


def warned(schema: Any) -> frozenset[Violation]:
    """What the checks say that only warn in pandera (`raise_warning`)."""
    found = {Violation("", clause_text(check), "custom") for check in schema.checks if check.raise_warning}
    for key, column in schema.columns.items():
        found |= {check_violation(check, str(key)) for check in column.checks if check.raise_warning}
    return frozenset(found)


def reporting(schema: Any) -> Any:
    """The schema with checks that report what they would only warn of: pandera's warnings hold the data."""
    if not warned(schema):
        return schema
    loud = copy.deepcopy(schema)
    for check in (*loud.checks, *(check for column in loud.columns.values() for check in column.checks)):
        check.raise_warning = False
    return loud


def check_violation(check: Any, field: str) -> Violation:
    """What to say when a check of one column is broken."""
    return Violation(field, clause_text(check), KINDS.get(builtin_name(check), "custom"))


def function_of(step: Any) -> Callable[..., Any]:
    """The user's function behind a pandera `Check` or `Parser`."""
    # pandera has no public name for it
    return step._parser_fn if hasattr(step, "_parser_fn") else step._check_fn  # type: ignore[no-any-return]  # noqa: SLF001


def constants_of(step: Any) -> dict[str, Any]:
    """The arguments of a check's or parser's function; unlike `statistics`, `isin` holds a set here."""
    return step._parser_kwargs if hasattr(step, "_parser_fn") else step._check_kwargs  # type: ignore[no-any-return]  # noqa: SLF001


def builtin_name(check: Any) -> str:
    """Registered name of a built-in check, whatever `name=` says; "" for the user's own."""
    from pandera.api.function_dispatch import Dispatcher

    function = function_of(check)
    name = getattr(function, "__name__", None)
    return name if isinstance(function, Dispatcher) and isinstance(name, str) else ""


def clause_text(check: Any) -> str:
    """A check as the schema's author wrote it; its constants are the schema's own."""
    text = str(check.error or check.name or "check")
    return text if len(text) <= LONGEST_CLAUSE else f"{text[: LONGEST_CLAUSE - 1]}…"


def column_of(values: list[Any], dtype: Any) -> Any:
    """A pandas Series of the values that were read, of the declared dtype."""
    import pandas as pd

    return pd.Series(values, dtype=dtype)


def passes(check: Any, data: Any) -> bool | None:
    """What pandera's own check says of one row; None where the answer is not about a row.

    Args:
        check: a pandera `Check`.
        data: a Series of one value, or a frame of one row.
    """
    output = check(data).check_output
    if getattr(output, "ndim", 0) == 0:
        return None
    return bool(output.all(axis=None))


def value_test(check: Any, dtype: Any) -> Callable[[Any], bool]:
    """Pandera's own check as a predicate of one value that was read."""
    return lambda value: passes(check, column_of([value], dtype)) is not False


def record_violations(schema: Any, record: Mapping[Any, Any]) -> tuple[Violation, ...]:
    """Every clause that `schema.validate` of the record's one-row frame reports, without values."""
    import pandas as pd

    try:
        frame = pd.DataFrame([dict(record)])
    except Exception:
        return (Violation("", "one pandas row", "type"),)
    return violations_of(schema, frame)


def violations_of(schema: Any, frame: Any) -> tuple[Violation, ...]:
    """Every clause that `schema.validate` of a frame reports, without values."""
    from pandera.errors import SchemaErrors

    with forced_on():
        try:
            schema.validate(frame, lazy=True)
        except SchemaErrors as errors:
            return tuple(dict.fromkeys(violation_of(error, schema) for error in errors.schema_errors))
        except Exception:
            return (Violation("", "schema.validate", "custom"),)
    return ()


def violation_of(error: Any, schema: Any) -> Violation:
    """One pandera error as a violation: declared names and the schema's constants, never a value or a foreign key."""
    reason = error.reason_code.name if error.reason_code is not None else ""
    field = UNDECLARED if reason == "COLUMN_NOT_IN_SCHEMA" else _declared_name(error, reason, schema)
    if reason in _REASONS:
        return Violation(field, *_REASONS[reason])
    if error.check is None:
        return Violation(field, "schema.validate", "custom")
    if isinstance(error.check, str):
        return Violation(field, error.check[:LONGEST_CLAUSE], "dtype")
    return check_violation(error.check, field)


def _declared_name(error: Any, reason: str, schema: Any) -> str:
    """The declared name of the column that an error is about; "" for one about the row or its index."""
    if reason in {"COLUMN_NOT_IN_DATAFRAME", "COLUMN_NOT_ORDERED", "ADD_MISSING_COLUMN_NO_DEFAULT"}:
        name = str(error.failure_cases)
    elif error.schema is schema or error.schema is schema.index:
        return ""
    else:
        name = str(error.column_name if error.column_name is not None else getattr(error.schema, "name", ""))
    for key, column in schema.columns.items():
        if str(key) == name or (column.regex and re.match(str(key), name)):
            return str(key)
    return UNDECLARED
