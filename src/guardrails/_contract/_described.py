"""All of a schema that its meaning depends on, for the fingerprint."""

from __future__ import annotations

from typing import Any

from ._kinds import is_row_model, kind_of
from ._pandera import builtin_name, constants_of, function_of

_SCHEMA = ("strict", "ordered", "coerce", "unique", "add_missing_columns", "unique_column_names")
_COLUMN = ("nullable", "coerce", "required", "unique", "regex", "default")


def described(schema: Any) -> dict[str, Any]:
    """A schema as plain values: clauses and constants, no descriptions, no host-dependent names."""
    found: dict[str, Any] = {name: getattr(schema, name) for name in _SCHEMA}
    columns = [[str(key), _column(column)] for key, column in schema.columns.items()]
    index = None if schema.index is None else repr(schema.index)
    return found | _common(schema) | {"columns": columns, "index": index}


def _column(column: Any) -> dict[str, Any]:
    return {name: getattr(column, name) for name in _COLUMN} | _common(column)


def _common(part: Any) -> dict[str, Any]:
    checks = [_check(check) for check in part.checks]
    return {
        "dtype": _dtype(part.dtype),
        "checks": checks,
        "parsers": [_parser(parser) for parser in part.parsers],
    }


def _dtype(dtype: Any) -> Any:
    if is_row_model(dtype):
        return ["model", dtype.type]
    kind = kind_of(dtype)
    if kind.name == "category":
        return [kind.label, list(kind.dtype.categories), bool(kind.dtype.ordered)]
    return [kind.name, kind.label]


def _check(check: Any) -> Any:
    flags = (check.ignore_na, check.element_wise, bool(check.raise_warning), check.groupby, check.groups)
    return [builtin_name(check) or function_of(check), constants_of(check), flags]


def _parser(parser: Any) -> Any:
    return [function_of(parser), constants_of(parser), parser.element_wise, parser.ignore_na]
