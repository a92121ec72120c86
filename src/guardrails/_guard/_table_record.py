"""The end of a table: its review items, its decisions, its record."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from .._calls import Effect
from .._contract import record_at
from .._errors import kind_of
from .._guard_ports import ReviewItem, make_json
from .._routing import caveats
from .._types import CaveatCode, Details, Finding, Route
from ._decisions import ROUTES, Decisions, row_id
from ._findings import store
from ._rows import REVIEW, Rows
from ._table_trial import TableTrial


def reviews(trial: TableTrial) -> Generator[Effect, Any, None]:
    """Commit one review item per row that a person must decide, all in one transaction."""
    rows = np.flatnonzero(trial.rows.routes == REVIEW)
    if not len(rows):
        return
    problem: Finding | None
    try:
        items = [] if trial.engine.config.review is None else [_item(trial, row) for row in rows.tolist()]
    except Exception as error:  # the function has changed the caller's table
        problem = Finding(CaveatCode.review_not_stored, f"{kind_of(error)} reading the rows")
    else:
        problem = yield from store(trial.engine, items, trial.deadline())
    if problem is not None:
        trial.rows.add(rows, problem)


def _item(trial: TableTrial, row: int) -> ReviewItem:
    engine, rows = trial.engine, trial.rows
    past = rows.pasts[int(rows.past[row])]
    answers, place = trial.answers.get(int(rows.withheld[row])), int(rows.withheld_place[row])
    unread = answers is None or CaveatCode.output in past.codes
    measured = None if answers is None or unread else answers.measure(place)
    return ReviewItem(
        id=row_id(trial.id, row),
        guard_name=engine.name,
        created=engine.clock.time(),
        model_version=engine.model_version,
        caveats=tuple(reason.to_dict() for reason in caveats(past.findings)),
        served_by="" if answers is None else answers.name,
        request=make_json(record_at(trial.table, row)),
        withheld=None if answers is None else make_json(answers.value(place)),
        prediction=None
        if measured is None or measured.prediction is None
        else make_json(measured.prediction),
    )


def record_table(trial: TableTrial) -> Decisions[Any]:
    """Make the decisions, count them, end the span, tell the observers."""
    engine = trial.engine
    elapsed = engine.clock.monotonic() - trial.begin
    common = Details(
        id=trial.id,
        guard_name=engine.name,
        model_version=engine.model_version,
        elapsed=elapsed,
        failure=trial.failure,
    )
    decisions: Decisions[Any] = Decisions(
        trial.rows, trial.answers, common, trial.index, caveats(trial.about_table)
    )
    for each, number in decisions.counts().items():
        engine.counts[each].many(number)
    engine.telemetry.table_decided(
        trial.span,
        counts=_counts(trial.rows),
        rows=len(trial.rows),
        elapsed=elapsed,
        decision_id=trial.id,
        context=trial.context,
    )
    if engine.config.observers:
        for decision in decisions:
            engine.tell(decision)
    return decisions


def _counts(rows: Rows) -> dict[tuple[Route, tuple[CaveatCode, ...]], int]:
    """Rows per route and codes, the codes in table order."""
    counts: dict[tuple[Route, tuple[CaveatCode, ...]], int] = {}
    pairs, numbers = np.unique(rows.past * len(ROUTES) + rows.routes, return_counts=True)
    for pair, number in zip(pairs.tolist(), numbers.tolist(), strict=True):
        past, route = divmod(pair, len(ROUTES))
        codes = tuple(code for code in CaveatCode if code in rows.pasts[past].codes)
        key = (ROUTES[route], codes)
        counts[key] = counts.get(key, 0) + number
    return counts
