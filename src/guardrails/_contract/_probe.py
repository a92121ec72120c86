"""Find out, where a contract is built, whether a user's check judges each row by itself.

A probe can show that it does not; it cannot prove that it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from guardrails._types import Violation

from ._judge import Findings, Judge
from ._pandera import column_of, passes
from ._parity import read_values, tried
from ._plan import Clause, Field, How, Plan
from ._samples import records

_CATEGORIES: Final = 50  # a field with more distinct values is no category
_ROWS_EACH: Final = 10  # examples per distinct value, so that one more is news


def needs_many_rows(plan: Plan, examples: Sequence[Mapping[Any, Any]]) -> frozenset[Violation]:
    """The opaque checks whose answer is one for the whole table, or depends on other rows."""
    found = set()
    for field in plan.fields:
        opaque = [clause for clause in field.clauses if clause.how is How.pandera]
        if opaque:
            given = [record[field.key] for record in examples if field.key in record]
            found |= {clause.violation for clause in opaque if _column_together(clause, field, given)}
    opaque = [clause for clause in plan.across if clause.how is How.pandera]
    if opaque:
        rows = _rows(plan, examples)
        found |= {
            clause.violation for clause in opaque if rows and _together(clause.check, rows, _framed(plan))
        }
    return frozenset(found)


def seen_categories(plan: Plan, examples: Sequence[Mapping[Any, Any]]) -> dict[str, frozenset[str]]:
    """The values of each text field without a set of its own, where the examples show that it has few."""
    found = {}
    for field in plan.fields:
        given = [record[field.key] for record in examples if field.key in record]
        values = read_values(field, given) if field.kind.name == "str" and not _has_set(field) else []
        distinct = frozenset(values)
        if 0 < len(distinct) <= _CATEGORIES and len(values) >= _ROWS_EACH * len(distinct):
            found[field.name] = distinct
    return found


def _has_set(field: Field) -> bool:
    return any(clause.builtin in {"isin", "equal_to"} for clause in field.clauses)


def _column_together(clause: Clause, field: Field, given: Sequence[Any]) -> bool:
    values = read_values(field, tried(field, given))
    return bool(values) and _together(
        clause.check, values, lambda some: column_of(list(some), field.kind.column)
    )


def _framed(plan: Plan) -> Callable[[Sequence[Any]], Any]:
    judge = Judge(plan, transform=False)
    return lambda rows: judge.frame(list(rows))


def _rows(plan: Plan, examples: Sequence[Mapping[Any, Any]]) -> list[dict[Any, Any]]:
    judge = Judge(plan, transform=False)
    read = (judge.row(record, Findings()) for record in records(plan, map(dict, examples)))
    return [row for row in read if row is not None]


def _together(check: Any, items: Sequence[Any], made: Callable[[Sequence[Any]], Any]) -> bool:
    """Whether the answers for all items at once are not the answers for each, or for all in reverse."""
    try:
        output = check(made(items)).check_output
        if getattr(output, "ndim", 0) == 0:
            return True
        forward = np.asarray(output, dtype=bool)
        backward = np.asarray(check(made(items[::-1])).check_output, dtype=bool)[::-1]
        alone = [passes(check, made([item])) for item in items]
    except Exception:
        return False
    return not np.array_equal(forward, backward) or list(map(bool, alone)) != _by_row(forward)


def _by_row(output: Any) -> list[bool]:
    return [bool(row.all()) for row in output]
