"""The clauses that need many rows: judged on the rows of a table that hold, and never a verdict on one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guardrails._types import Violation

from ._options import all_clauses
from ._pandera import forced_on
from ._plan import Clause, How, Plan
from ._records import is_frame, names_differ
from ._tables import typed_frame


def batch_clauses(plan: Plan) -> tuple[Clause, ...]:
    """The clauses of a plan that need many rows."""
    return tuple(clause for clause in all_clauses(plan) if clause.how is How.batch)


def broken_batch(
    table: Any, ok: NDArray[np.bool_], plan: Plan, schema: Any, order: Sequence[Any]
) -> tuple[Violation, ...]:
    """The clauses over many rows that do not hold on the rows that are `ok`."""
    clauses = batch_clauses(plan)
    positions = np.flatnonzero(ok)
    if not clauses or not len(positions):
        return ()
    with forced_on():
        try:
            typed = typed_frame(table, plan, order, positions)
        except Exception:  # what no frame can hold, nobody can judge
            return tuple(clause.violation for clause in clauses)
        rows = table.iloc[positions] if is_frame(table) else typed
        return tuple(c.violation for c in clauses if not _holds(c, typed, rows, schema, plan))


def _holds(clause: Clause, typed: Any, rows: Any, schema: Any, plan: Plan) -> bool:
    try:
        if clause.check is not None:
            field = clause.violation.field
            columns = _named(field, plan, typed) if field else [None]
            return all(bool(clause.check(typed, column).check_passed) for column in columns)
        return _own_holds(clause, typed, rows, schema, plan)
    except Exception:
        return False


def _own_holds(clause: Clause, typed: Any, rows: Any, schema: Any, plan: Plan) -> bool:
    """A clause of the schema itself: names and order of columns, index, values that occur once."""
    kind, field = clause.violation.kind, clause.violation.field
    if kind == "duplicate":
        return names_differ(rows)
    if kind == "order":
        declared = [key for key in schema.columns if key in typed.columns]
        return [key for key in typed.columns if key in schema.columns] == declared
    if kind == "index":
        return rows is typed or schema.index.validate(typed.set_index(rows.index)) is not None
    if field:
        return not any(typed.duplicated([column]).any() for column in _named(field, plan, typed))
    return not typed.duplicated([name for name in clause.names if name in typed.columns]).any()


def _named(name: str, plan: Plan, typed: Any) -> list[Any]:
    """The columns that a declared field is, by the name it is told by: one, or those that its pattern matches."""
    field = next(field for field in plan.fields if field.name == name)
    if field.matches is None:
        return [field.key] if field.key in typed.columns else []
    return [column for column in typed.columns if field.matches(column)]
