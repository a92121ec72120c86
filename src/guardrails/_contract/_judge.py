"""Judge one record against a plan, clause by clause: the form that explains, and the meaning of the fast one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guardrails._types import Violation

from ._cells import State, is_null
from ._plan import Clause, Field, How, Plan
from ._records import AMBIGUOUS
from ._row import row_of
from ._typed import typed_column
from ._verdict import HOLDS, UNCHANGED, Verdict


class UnknownError(Exception):
    """The compiled form does not know; pandera judges the record."""


class Findings:
    """What was found about one record, in schema order."""

    __slots__ = ("drifted", "violations")

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.drifted: list[Violation] = []

    @property
    def empty(self) -> bool:
        """Whether there is nothing to say."""
        return not self.violations and not self.drifted

    def broken(self, clause: Clause) -> None:
        """Note a broken clause, as its severity says."""
        (self.drifted if clause.caveat else self.violations).append(clause.violation)

    def verdict(self, request: Any = UNCHANGED) -> Verdict:
        """The verdict; `HOLDS` itself where nothing was found and nothing changed."""
        if self.empty and request is UNCHANGED:
            return HOLDS
        return Verdict(tuple(self.violations), tuple(self.drifted), UNCHANGED if self.violations else request)


class Absent:
    """Stands for the value of a field that cannot be used, since it is of the wrong kind."""


ABSENT = Absent()


def judge_value(field: Field, value: Any, findings: Findings) -> Any:
    """Judge one field's raw value.

    Returns:
        The value that was read, None for a missing one, `ABSENT` where it is of the wrong kind.
    """
    state, read = read_cell(field, value)
    if state is State.wrong:
        findings.broken(field.dtype)
        return ABSENT
    if state is State.null:
        _judge_null(field, findings)
        return None
    if state is State.retyped:
        findings.drifted.append(Violation(field.name, field.dtype.violation.clause, "retyped"))
    for clause in field.clauses:
        if clause.how is not How.batch and not holds(clause, read):
            findings.broken(clause)
    return read


def read_cell(field: Field, value: Any) -> tuple[State, Any]:
    """The value after parsers, reading and the default, in pandera's order."""
    if value is AMBIGUOUS:
        return State.wrong, None
    try:
        for parser in field.parsers:
            value = parser.apply(value)
        state, read = field.read(value)
    except UnknownError:
        raise
    except Exception:
        return State.wrong, None
    if state is State.null and field.default is not None:
        return State.ok, field.default
    return state, read


def _judge_null(field: Field, findings: Findings) -> None:
    if field.filled is not None:
        findings.broken(field.filled)
    for clause in field.clauses:
        if clause.how is not How.batch and not clause.on_null:
            findings.broken(clause)


def holds(clause: Clause, value: Any) -> bool:
    """Whether one clause holds; a check that raises does not hold, as in pandera."""
    try:
        return clause.holds is None or bool(clause.holds(value))
    except UnknownError:
        raise
    except Exception:
        return False


def judge_absence(plan: Plan, field: Field, findings: Findings) -> Any:
    """Judge one field that is not there; its default where `add_missing_columns` gives one, else `ABSENT`.

    An age that nobody can tell is no freshness, so an optional timestamp that is not there is stale as a missing one is.
    """
    if field.present is None:
        findings.drifted.append(Violation(field.name, "required=False", "missing"))
        for clause in field.clauses:
            if clause.vector is not None and not clause.on_null:
                findings.broken(clause)
    elif plan.added and (field.default is not None or field.filled is None):
        return judge_value(field, None, findings)
    else:
        findings.broken(field.present)
    return ABSENT


class Judge:
    """Judges records against one plan.

    Attributes:
        plan: the schema.
        transform: whether verdicts carry the record as it was read.
    """

    __slots__ = ("_kinds", "plan", "transform")

    def __init__(self, plan: Plan, *, transform: bool) -> None:
        self.plan = plan
        self.transform = transform
        self._kinds = {field.key: field.kind for field in plan.fields}

    def judge(self, record: dict[Any, Any]) -> Verdict:
        """The verdict on one record; under `transform` with the record that was read, a dict.

        Raises:
            UnknownError: only pandera can judge it.
        """
        if self.plan.opaque:
            raise UnknownError
        findings = Findings()
        findings.drifted.extend(self.plan.unchecked)
        for parser in self.plan.parsers:
            try:
                record = parser.apply(record)
            except Exception:
                return Verdict((Violation("", parser.text, "parser"),), tuple(findings.drifted))
        row = self.fields(record, findings)
        if self.plan.across and not findings.violations and usable(row):
            self._judge_row(row, findings)
        return findings.verdict(_kept(row, record) if self.transform else UNCHANGED)

    def row(self, record: dict[Any, Any], findings: Findings) -> dict[Any, Any] | None:
        """Judge every field; the row that was read, or None where a field cannot be used."""
        row = self.fields(record, findings)
        return row if usable(row) else None

    def fields(self, record: dict[Any, Any], findings: Findings) -> dict[Any, Any]:
        """Judge every field; the row that was read, with `ABSENT` where a field cannot be used."""
        row: dict[Any, Any] = {}
        for field in self.plan.fields:
            keys = (field.key,) if field.matches is None else tuple(filter(field.matches, record))
            for key in keys:
                if key in record:
                    row[key] = judge_value(field, record[key], findings)
            if not any(key in record for key in keys):
                self._judge_absent(field, row, findings)
        extra = [key for key in record if key not in row]
        if extra and self.plan.strict is not None:
            findings.broken(self.plan.strict)
        if not self.plan.filtered:
            row.update((key, record[key]) for key in extra)
        return row

    def _judge_absent(self, field: Field, row: dict[Any, Any], findings: Findings) -> None:
        value = judge_absence(self.plan, field, findings)
        if value is not ABSENT:
            row[field.key] = value

    def _judge_row(self, row: dict[Any, Any], findings: Findings) -> None:
        plain = row_of(row, self.plan)
        frame = None
        for clause in self.plan.across:
            if clause.how is How.pandera and frame is None:
                frame = self.frame([row])
            if clause.how is not How.batch and not holds(
                clause, frame if clause.how is How.pandera else plain
            ):
                findings.broken(clause)

    def has_undeclared(self, record: dict[Any, Any]) -> bool:
        """Whether the record has fields that are not declared."""
        return any(not self.plan.declares(key) for key in record.keys() - self.plan.keys)

    def missing_optional(self, record: dict[Any, Any]) -> tuple[Violation, ...]:
        """The optional fields that the record does not have."""
        optional = (f for f in self.plan.fields if f.present is None and f.matches is None)
        return tuple(Violation(f.name, "required=False", "missing") for f in optional if f.key not in record)

    def frame(self, rows: Sequence[dict[Any, Any]]) -> Any:
        """Rows that were read, as a frame of the declared dtypes: what pandera is asked about."""
        import pandas as pd

        keys = dict.fromkeys(key for row in rows for key in row)
        columns = {key: typed_column([row.get(key) for row in rows], self._kinds.get(key)) for key in keys}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))


def usable(row: dict[Any, Any]) -> bool:
    """Whether every field of a row could be read."""
    return not any(value is ABSENT for value in row.values())


def _kept(row: dict[Any, Any], record: dict[Any, Any]) -> dict[Any, Any]:
    """The row for the caller: what is missing, or tolerated though it could not be read, stays as it was sent."""
    return {
        key: record.get(key) if value is ABSENT or (value is None and is_null(record.get(key))) else value
        for key, value in row.items()
    }
