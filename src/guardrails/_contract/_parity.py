"""Hold the compiled clauses against pandera, once, where the contract is built.

The oracle is pandera's own check on a column of the values that were read, and `schema.validate` of whole rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

import numpy as np

from guardrails._types import Violation

from ._cells import State
from ._judge import Findings, Judge, UnknownError, holds, judge_value
from ._pandera import column_of, passes, record_violations, violations_of
from ._plan import Clause, Field, How, Plan
from ._samples import constants, hostile, plausible, records

SECONDS = 0.15  # of trying; whoever builds a contract waits for it
_LONGEST: Final = 256  # characters; longer texts may be beyond a pattern's bound
_ROWS: Final = 12


def disagreements(plan: Plan, schema: Any, examples: Sequence[Mapping[Any, Any]]) -> frozenset[Violation]:
    """The clauses whose compiled form is not what pandera says, on values made from the schema and the user's own.

    Args:
        plan: the schema, under record semantics.
        schema: pandera's.
        examples: records the user gave.
    """
    end = time.monotonic() + SECONDS
    found: set[Violation] = set()
    for field in plan.fields:
        if time.monotonic() < end and field.matches is None and field.kind.name != "other":
            found |= _by_column(field, [record[field.key] for record in examples if field.key in record])
    rows = _rows(plan, examples)
    judge = Judge(plan, transform=False)
    for row in rows:
        if time.monotonic() >= end:
            break
        found |= _by_row(judge, schema, row)
    return frozenset(found)


def tried(field: Field, given: Iterable[Any] = ()) -> list[Any]:
    """Raw values to try one field with."""
    values = [*plausible(field), *constants(field), *given, *hostile()]
    return [value for value in values if not (isinstance(value, str) and len(value) > _LONGEST)]


def read_values(field: Field, values: Iterable[Any]) -> list[Any]:
    """What reading gives for those values that are of the field's kind."""
    return [read for state, read in map(field.read, values) if state in {State.ok, State.retyped}]


def _by_column(field: Field, given: Iterable[Any]) -> set[Violation]:
    values = read_values(field, tried(field, given))
    compiled = [clause for clause in field.clauses if clause.how is How.compiled and clause.builtin]
    return {clause.violation for clause in compiled if values and _differs(clause, values, field.kind.column)}


def _differs(clause: Clause, values: Sequence[Any], dtype: Any) -> bool:
    ours = np.array([holds(clause, value) for value in values])
    try:
        theirs = np.asarray(clause.check(column_of(list(values), dtype)).check_output, dtype=bool)
    except Exception:  # one value can make a whole column fail
        theirs = np.array([_alone(clause.check, value, dtype) for value in values])
    return not np.array_equal(ours, theirs)


def _alone(check: Any, value: Any, dtype: Any) -> bool:
    try:
        return passes(check, column_of([value], dtype)) is not False
    except Exception:
        return False


def _rows(plan: Plan, examples: Sequence[Mapping[Any, Any]]) -> Iterable[dict[Any, Any]]:
    """Plausible records, then ones with a single cell changed."""
    base = list(records(plan, map(dict, examples[:_ROWS])))
    yield from base[:_ROWS]
    for i, value in enumerate(hostile()):
        for field in plan.fields if base else ():
            if field.kind.name != "other" and field.read(value)[0] is State.ok:
                yield base[i % len(base)] | {field.key: value}


def _by_row(judge: Judge, schema: Any, record: dict[Any, Any]) -> set[Violation]:
    """The clauses on which one whole row is judged differently."""
    findings = Findings()
    row = judge.row(record, findings)
    if row is None or any(value is None for value in row.values()) or judge.plan.parsers:
        return set()
    frame = judge.frame([row])
    ours = {v for v in judge.judge(record).violations if v.kind not in _OURS}
    theirs = set(violations_of(schema, frame))
    return set() if bool(ours) == bool(theirs) else (ours or theirs)


def one_row_disagreements(
    plan: Plan, schema: Any, examples: Sequence[Mapping[Any, Any]]
) -> frozenset[Violation]:
    """The fields on which the compiled form is not `schema.validate` of the one-row frame, by their dtype's clause."""
    import pandera.pandas as pa

    end = time.monotonic() + SECONDS
    fields = [field for field in plan.fields if field.dtype.how is How.compiled]
    alone = [
        pa.DataFrameSchema({field.key: schema.columns[field.key]}, coerce=schema.coerce) for field in fields
    ]
    trials = [tried(field, [r[field.key] for r in examples if field.key in r]) for field in fields]
    found = set()
    for values in zip_longest(
        *trials, fillvalue=_NOTHING
    ):  # one value of each field in turn, while there is time
        for field, part, value in zip(fields, alone, values, strict=True):
            if time.monotonic() < end and value is not _NOTHING and not _agrees(field, value, part):
                found.add(field.dtype.violation)
    return frozenset(found)


def _agrees(field: Field, value: Any, schema: Any) -> bool:
    findings = Findings()
    try:
        judge_value(field, value, findings)
    except UnknownError:
        return True
    return bool(findings.violations) == bool(record_violations(schema, {field.key: value}))


_NOTHING: Final = object()
_OURS: Final = {"stale", "future", "unseen"}
