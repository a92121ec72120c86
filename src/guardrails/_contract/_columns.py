"""Judge a table column by column: masks for what surely holds, the judge for every other cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ._judge import Findings, Judge, holds, judge_absence, judge_value
from ._masks import only_text, rowwise, sure_cells
from ._plan import Clause, Field, How, Plan
from ._records import is_frame, names_differ
from ._rows import Rows, alike, rows_at
from ._source import cell_test
from ._tables import Positions, cells_of
from ._verdict import HOLDS, Verdict

FEW: Final = 500  # rows of a DataFrame; below, judging them one by one is faster
FEW_OF_ARRAY: Final = 50


@dataclass(frozen=True, slots=True)
class Found:
    """What one field adds to the verdicts: the same for every row, and more by position."""

    everywhere: Findings = field(default_factory=Findings)
    rows: Mapping[int, Findings] = field(default_factory=dict)


class Columns:
    """Judges tables against a plan.

    A mask is `True` only where the judge would find nothing, so a row's verdict is the judge's in every case.
    """

    __slots__ = ("_fields", "_judge", "_order", "_plan")

    def __init__(self, plan: Plan, judge: Judge, order: Sequence[Any]) -> None:
        self._plan = plan
        self._judge = judge
        self._order = order
        self._fields = [(declared, cell_test(declared)) for declared in plan.fields]

    @staticmethod
    def can_judge(plan: Plan) -> bool:
        """Whether the fields of the plan are the columns of a table."""
        return not (plan.parsers or any(declared.matches is not None for declared in plan.fields))

    def fits(self, table: Any) -> bool:
        """Whether this table is worth it, and has the columns that its records would have."""
        if is_frame(table):
            return len(table) > FEW and names_differ(table)
        return (
            type(table) is np.ndarray  # a masked array says of each cell whether it is one
            and len(table) > FEW_OF_ARRAY
            and table.shape[1] == len(self._order)
        )

    def judge(self, table: Any) -> tuple[NDArray[np.bool_], dict[int, Verdict]]:
        """Which rows hold, and the verdicts that are not `HOLDS`, for a table that `fits`."""
        places = {name: j for j, name in enumerate(table.columns if is_frame(table) else self._order)}
        unchecked = Findings()
        unchecked.drifted.extend(self._plan.unchecked)
        fields = [self._field(declared, test, table, places) for declared, test in self._fields]
        found = [Found(unchecked), *fields, Found(self._names(places))]
        ok, rows = _merged(found, len(table))
        across = [clause for clause in self._plan.across if clause.how is not How.batch]
        if across and ok.any():
            self._add_across(across, table, np.flatnonzero(ok), ok, rows)
            rows = dict(sorted(rows.items()))
        return ok, rows

    def _field(
        self, declared: Field, test: Callable[[Any], bool], table: Any, places: Mapping[Any, int]
    ) -> Found:
        if declared.key not in places:
            findings = Findings()
            judge_absence(self._plan, declared, findings)
            return Found(findings)
        place = places[declared.key]
        column = table.iloc[:, place] if is_frame(table) else table[:, place]
        unsure = np.flatnonzero(~sure_cells(declared, test, column))
        return Found(rows=_judged(declared, column, unsure))

    def _names(self, places: Mapping[Any, int]) -> Findings:
        findings = Findings()
        if self._plan.strict is not None and not self._plan.keys >= places.keys():
            findings.broken(self._plan.strict)
        return findings

    def _add_across(
        self,
        across: Sequence[Clause],
        table: Any,
        positions: Positions,
        ok: NDArray[np.bool_],
        rows: dict[int, Verdict],
    ) -> None:
        """Judge the clauses across fields on the rows whose fields hold."""
        broken: dict[int, list[Clause]] = {}
        for part in rows_at(table, self._plan, self._order, positions):
            for clause in across:
                for i in np.flatnonzero(~self._row_mask(clause, part)):
                    broken.setdefault(int(part.positions[i]), []).append(clause)
        for position, clauses in broken.items():
            findings = Findings()
            for clause in clauses:
                findings.broken(clause)
            rows[position] = _verdict([_as_findings(rows.get(position, HOLDS)), findings])
            ok[position] = not rows[position].violations

    def _row_mask(self, clause: Clause, rows: Rows) -> NDArray[np.bool_]:
        n = len(rows.read)
        if clause.how is How.compiled:
            return np.fromiter((holds(clause, row) for row in rows.shown), bool, n)
        if not clause.rowwise:
            return np.fromiter((holds(clause, self._judge.frame([row])) for row in rows.read), bool, n)
        mask = np.zeros(n, dtype=bool)
        columns = [[row[key] for row in rows.read] for key in (rows.read[0] if n else ())]
        for group in alike(columns, n):
            frame = self._judge.frame([rows.read[i] for i in group])
            mask[group] = rowwise(clause, frame, len(group))
        return mask


def _judged(declared: Field, column: Any, positions: Positions) -> dict[int, Findings]:
    """What the judge finds in some cells of one column; equal cells share their findings."""
    found: dict[int, Findings] = {}
    known: dict[Any, Findings] = {}
    # columns of objects and of categories hold equal cells of two types
    uniform = type(column.dtype).__name__ not in {"ObjectDType", "CategoricalDtype"}
    uniform = uniform or only_text(declared, column)
    for position, value in zip(positions.tolist(), cells_of(column, positions), strict=True):
        findings = _shared(declared, value, known) if uniform else _findings(declared, value)
        if findings.violations or findings.drifted:
            found[position] = findings
    return found


def _findings(declared: Field, value: Any) -> Findings:
    findings = Findings()
    judge_value(declared, value, findings)
    return findings


def _shared(declared: Field, value: Any, known: dict[Any, Findings]) -> Findings:
    try:
        if isinstance(value, str) and type(value) is not str:  # it may compare as it likes
            return _findings(declared, value)
        if isinstance(value, float | np.floating) and value == 0:  # there are two of it
            return _findings(declared, value)
        if value not in known:
            known[value] = _findings(declared, value)
        return known[value]
    except Exception:  # cells of pandas' and others' own types need not compare, nor have a hash
        return _findings(declared, value)


def _merged(found: Sequence[Found], n: int) -> tuple[NDArray[np.bool_], dict[int, Verdict]]:
    """One verdict per row, its findings in schema order; rows with the same findings share it."""
    common = _verdict(part.everywhere for part in found)
    rows = {} if common is HOLDS else dict.fromkeys(range(n), common)
    ok = np.full(n, not common.violations)
    told = [part for part in found if part.rows or not part.everywhere.empty]
    known: dict[tuple[int, ...], Verdict] = {}
    for position in sorted({position for part in told for position in part.rows}):
        parts = [part.rows.get(position, part.everywhere) for part in told]
        key = tuple(map(id, parts))
        verdict = known.get(key)
        if verdict is None:
            verdict = known[key] = _verdict(parts)
        rows[position] = verdict
        ok[position] = not verdict.violations
    return ok, dict(sorted(rows.items())) if known and common is not HOLDS else rows


def _verdict(parts: Iterable[Findings]) -> Verdict:
    merged = Findings()
    for part in parts:
        merged.violations += part.violations
        merged.drifted += part.drifted
    return merged.verdict()


def _as_findings(verdict: Verdict) -> Findings:
    findings = Findings()
    findings.violations += verdict.violations
    findings.drifted += verdict.drifted
    return findings
