"""Hold the compiled clauses against pandera, once, where the contract is built.

The oracle is pandera's own check on a column of the values that were read, and `schema.validate` of whole rows.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile, zip_longest
from typing import Any, Final

import numpy as np

from guardrails._types import Violation

from ._cells import State
from ._judge import Findings, Judge, UnknownError, holds, judge_value
from ._options import all_clauses
from ._pandera import column_of, passes, record_violations, violations_of
from ._plan import Clause, Field, How, Plan
from ._samples import Allowance, Samples, hostile

_ROWS: Final = 12
_ENOUGH: Final = 5  # values of one field that count as a trial


@dataclass(frozen=True, slots=True)
class Held:
    """What holding found out.

    Attributes:
        demoted: the clauses whose compiled form is not what pandera says.
        untried: compiled clauses for which there was no time.
        rows: how many whole rows were held.
    """

    demoted: frozenset[Violation] = frozenset()
    untried: frozenset[Violation] = frozenset()
    rows: int = 0


def held(samples: Samples, schema: Any, together: Collection[Violation], seconds: float) -> Held:
    """Hold the compiled clauses against pandera, on values made from the schema and the user's own.

    Args:
        samples: of the schema, under record semantics.
        schema: pandera's.
        together: the clauses that were found to need many rows.
        seconds: how long, half of it for single columns and half for whole rows.
    """
    schema = copy.copy(schema)
    schema.index = None  # a record has none
    ignored = {
        *together,
        *(clause.violation for clause in all_clauses(samples.plan) if clause.how is How.batch),
    }
    found: set[Violation] = set()
    untried: set[Violation] = set()
    allowance = Allowance(seconds / 2)
    for field in samples.plan.fields:
        clauses = _comparable(field)
        if clauses and allowance.left():
            found |= _by_column(field, clauses, samples, allowance)
        else:
            untried |= {clause.violation for clause in clauses}
    judge = Judge(samples.plan, transform=False)
    rows = 0
    allowance = Allowance(seconds / 2)
    for row in _rows(samples):
        if not allowance.left():
            break
        disputed = _by_row(judge, schema, row, ignored)
        rows += disputed is not None
        found |= disputed or set()
    # a check that has answered with no bool is asked of pandera on each request: so it is said to be pandera's
    everything = all_clauses(samples.plan)
    found |= {clause.violation for clause in everything if getattr(clause.holds, "unsure", False)}
    return Held(frozenset(found), frozenset(untried), rows)


def _comparable(field: Field) -> list[Clause]:
    if field.matches is not None or field.kind.name == "other":
        return []
    return [clause for clause in field.clauses if clause.how is How.compiled and clause.builtin]


def read_values(field: Field, values: Iterable[Any]) -> list[Any]:
    """What reading gives for those values that are of the field's kind."""
    return [read for state, read in map(field.read, values) if state in {State.ok, State.retyped}]


def _by_column(
    field: Field, clauses: Sequence[Clause], samples: Samples, allowance: Allowance
) -> set[Violation]:
    values = read_values(field, samples.tried(field))
    dtype = field.kind.column
    return {clause.violation for clause in clauses if values and _differs(clause, values, dtype, allowance)}


def _differs(clause: Clause, values: Sequence[Any], dtype: Any, allowance: Allowance) -> bool:
    ours = [holds(clause, value) for value in values]
    try:
        theirs = np.asarray(clause.check(column_of(list(values), dtype)).check_output, dtype=bool).tolist()
    except Exception:  # one value can make a whole column fail
        some = takewhile(lambda _: allowance.left(), values)
        theirs = [_alone(clause.check, value, dtype) for value in some]
    return any(one != other for one, other in zip(ours, theirs, strict=False))


def _alone(check: Any, value: Any, dtype: Any) -> bool:
    try:
        return passes(check, column_of([value], dtype)) is not False
    except Exception:
        return False


def _rows(samples: Samples) -> Iterable[dict[Any, Any]]:
    """Plausible records, then ones with a single cell changed."""
    base = list(islice(samples.records(), _ROWS))
    yield from base
    for i, value in enumerate(hostile()):
        for field in samples.plan.fields if base else ():
            if field.kind.name != "other" and field.read(value)[0] is State.ok:
                yield base[i % len(base)] | {field.key: value}


def _by_row(
    judge: Judge, schema: Any, record: dict[Any, Any], ignored: Collection[Violation]
) -> set[Violation] | None:
    """The clauses on which one whole row is judged differently; None for a row that pandera cannot be asked about."""
    findings = Findings()
    row = judge.row(record, findings)
    if row is None or any(value is None for value in row.values()) or judge.plan.parsers:
        return None
    frame = judge.frame([row])
    ours = {v for v in judge.judge(record).violations if v.kind not in _OURS and v not in ignored}
    theirs = {v for v in violations_of(schema, frame) if v not in ignored}
    return set() if bool(ours) == bool(theirs) else (ours or theirs)


def one_row_held(plan: Plan, samples: Samples, schema: Any, seconds: float) -> Held:
    """Hold each field against `schema.validate` of a one-row frame; a field goes by its dtype's clause.

    Args:
        plan: the schema, as the one-row frame reads it.
        samples: of the schema.
        schema: pandera's.
        seconds: how long.
    """
    import pandera.pandas as pa

    fields = [field for field in plan.fields if field.dtype.how is How.compiled]
    columns = schema.columns
    alone = [pa.DataFrameSchema({field.key: columns[field.key]}, coerce=schema.coerce) for field in fields]
    pairs = list(zip(fields, alone, strict=True))
    trials = zip_longest(*map(samples.tried, fields), fillvalue=_NOTHING)  # one value of each field in turn
    found, tried = set(), Counter[Violation]()
    allowance = Allowance(seconds)
    for field, part, value in (
        (*each, value) for values in trials for each, value in zip(pairs, values, strict=True)
    ):
        if not allowance.left():
            break
        if value is not _NOTHING:
            tried[field.dtype.violation] += 1
            found |= set() if _agrees(field, value, part) else {field.dtype.violation}
    untried = (field.dtype.violation for field in fields if tried[field.dtype.violation] < _ENOUGH)
    return Held(frozenset(found), frozenset(untried), rows=tried.total())


def _agrees(field: Field, value: Any, schema: Any) -> bool:
    findings = Findings()
    try:
        judge_value(field, value, findings)
    except UnknownError:
        return True
    return bool(findings.violations) == bool(record_violations(schema, {field.key: value}))


_NOTHING: Final = object()
_OURS: Final = {"stale", "future", "unseen"}
