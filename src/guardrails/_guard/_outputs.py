"""Reads a function's outputs for the rows of a table, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._conformal import TableMeasured
from .._types import CaveatCode, Finding
from ._candidate import Candidate
from ._decisions import take
from ._findings import bad_output, drifted_answer
from ._rows import Positions, Rows

Fact = Sequence[Any] | None  # one per row, None where nobody asks for it


def wrong_length(values: Any, n: int) -> Finding | None:
    """The `output` finding of what is not one output per row."""
    container = hasattr(type(values), "__len__") and hasattr(type(values), "__getitem__")
    if not container or isinstance(values, str | bytes | Mapping) or getattr(values, "ndim", 1) == 0:
        got = type(values).__name__
        return Finding(
            CaveatCode.output, f"one output per row is needed, as an array, list or DataFrame; got {got}"
        )
    if len(values) != n:
        return Finding(CaveatCode.output, f"{len(values)} outputs for {n} rows")
    return None


def measure(
    candidate: Candidate, state: Rows, rows: Positions, values: Any, cohorts: Fact, difficulties: Fact
) -> Sequence[tuple[Positions, TableMeasured]]:
    """Measure all rows at once; a fallback's rows in groups that were asked for the same reasons."""
    groups: dict[frozenset[CaveatCode], list[Positions]] = {}
    for past in np.unique(state.past[rows]).tolist():
        groups.setdefault(state.pasts[past].codes, []).append(np.flatnonzero(state.past[rows] == past))
    if len(groups) == 1:
        table = candidate.measure.table(values, len(rows), next(iter(groups)), cohorts, difficulties)
        return [(np.arange(len(rows)), table)]
    measured = []
    for asked, members in groups.items():
        places = np.sort(np.concatenate(members))
        facts = _at(cohorts, places), _at(difficulties, places)
        table = candidate.measure.table(take(values, places), len(places), asked, *facts)
        measured.append((places, table))
    return measured


def _at(facts: Fact, places: Positions) -> Fact:
    return None if facts is None else [facts[i] for i in places.tolist()]


def findings_by_place(
    candidate: Candidate,
    groups: Sequence[tuple[Positions, TableMeasured]],
    values: Any,
    drift: Mapping[int, tuple[Finding, ...]],
    own: tuple[Finding, ...],
) -> dict[int, tuple[Finding, ...]]:
    """What is to be said of each row that something is said of, by its place, in the order of one record's steps."""
    seen: dict[int, tuple[Finding, ...]] = {}
    for places, measured in groups:
        seen.update((int(places[at]), findings) for at, findings in measured.findings.items())
    if candidate.output is not None:
        for at, noted in candidate.output.check_table(values, len(values)).items():
            seen[at] = (
                bad_output(noted.violations, candidate)
                if noted.violations
                else (*drifted_answer(noted), *seen.get(at, ()))
            )
    return joined(seen, drift, own) if drift or own else seen


def joined(
    seen: Mapping[int, tuple[Finding, ...]],
    drift: Mapping[int, tuple[Finding, ...]],
    own: tuple[Finding, ...],
) -> dict[int, tuple[Finding, ...]]:
    """Findings by place, where there are any: of the schema, of the candidate itself, of its answer."""
    shared: dict[tuple[int, int], tuple[Finding, ...]] = {}
    result = {}
    for at in {**seen, **drift}:
        before, after = drift.get(at, ()), seen.get(at, ())
        key = (id(before), id(after))
        if key not in shared:
            shared[key] = before + own + after
        result[at] = shared[key]
    return result
