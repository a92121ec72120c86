"""The five steps for a table of requests, in order: check, call, measure, route, record."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any

import numpy as np

from .._calls import Effect, Failure, Outcome, Run, attempts
from .._contract import UNCHANGED, Contract, TableVerdict, is_table, length_of, record_at, rows_of
from .._guard_ports import ReviewItem, make_json
from .._routing import caveats
from .._types import CaveatCode, Details, Finding, Route
from ._decisions import ROUTES, Answers, Decisions, row_id
from ._engine import IDS, Candidate, Engine
from ._findings import (
    attempted,
    broken,
    clauses,
    drifted,
    failed,
    fields,
    own_fault,
    store,
    switched_off,
    unawaited,
)
from ._outputs import findings_by_place, measure, wrong_length
from ._request import RequestReader, SignatureError
from ._rows import REVIEW, Positions, Rows, grouped


class TableTrial:
    """One table on its way down the chain."""

    def __init__(
        self, engine: Engine, reader: RequestReader, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.engine = engine
        self.reader = reader
        self.args = args
        self.kwargs = kwargs
        self.begin = engine.clock.monotonic()
        self.deadline = engine.deadline(self.begin)
        self.id = IDS.next()
        self.table: Any = None
        self.rows = Rows(0, engine.policy)
        self.answers: dict[int, Answers] = {}
        self.failure: Exception | None = None
        self.about_table: tuple[Finding, ...] = ()
        self.span: Any = engine.telemetry.start()
        self.context: Any = engine.telemetry.context(self.span)
        self.enter: Callable[[], object] | None = None
        if self.context is not None:
            self.enter = partial(engine.telemetry.attach, self.context)


def decide_table(
    engine: Engine, reader: RequestReader, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Generator[Effect, Any, Decisions[Any]]:
    """Decide a table: what the function wrapped by `guard.batch` does when it is called.

    Raises:
        SignatureError: the arguments do not fit the function, or the first is no table.
        BaseException: an interrupt, an exit or a cancellation; it passes through.
    """
    trial = TableTrial(engine, reader, args, kwargs)
    try:
        trial.table = _table(reader.read(args, kwargs))
        trial.rows = Rows(length_of(trial.table), engine.policy)
        yield from _guarded_chain(trial)
        yield from _reviews(trial)
    except BaseException as error:
        engine.telemetry.aborted(trial.span, error)
        raise
    return _record(trial)


def _table(table: Any) -> Any:
    if not is_table(table):
        kind = type(table).__name__
        raise SignatureError(f"a batch takes a DataFrame, a 2-d array or a list of records; received {kind}")
    return table


def _guarded_chain(trial: TableTrial) -> Generator[Effect, Any, None]:
    """Go down the chain; a fault of the guard itself is an outcome of every row still pending."""
    try:
        yield from _chain(trial)
        trial.rows.close()
    except SignatureError:
        raise
    except Exception as error:
        trial.failure = trial.failure or error
        trial.rows.give_up(own_fault(error))


def _chain(trial: TableTrial) -> Generator[Effect, Any, None]:
    candidates = trial.engine.candidates
    for position, candidate in enumerate(candidates):
        pending = trial.rows.pending()
        if not len(pending):
            return
        more = position < len(candidates) - 1
        if candidate.primary and (state := trial.engine.switch_state()) != "normal":
            more = more and state == "fallback_only"
            trial.rows.see(pending, (switched_off(state),), candidate, answered=False, more=more)
            continue
        yield from _ask(trial, candidate, position, pending, more=more)


def _ask(
    trial: TableTrial, candidate: Candidate, position: int, asked: Positions, *, more: bool
) -> Generator[Effect, Any, None]:
    """Check, call, measure and route the rows `asked` with one candidate."""
    table = trial.table if len(asked) == len(trial.rows) else rows_of(trial.table, asked)
    verdict = _check(trial, candidate.contract, table)
    notes = {} if verdict is None else verdict.rows
    good = np.arange(len(asked)) if verdict is None else np.flatnonzero(verdict.ok)
    if len(good) < len(asked):
        bad = {at: (broken(note.violations),) for at, note in notes.items() if note.violations}
        for findings, places in grouped(bad):
            trial.rows.see(asked[places], findings, candidate, answered=False, more=more)
    if not len(good):
        return
    rows = asked[good]
    outcome = yield from _call(trial, candidate, position, _sub_table(verdict, table, good))
    if isinstance(outcome, Failure):
        trial.rows.see(rows, (failed(outcome),), candidate, answered=False, more=more)
        return
    drift = {
        int(np.searchsorted(good, at)): drifted(note) for at, note in notes.items() if not note.violations
    }
    _answered(trial, candidate, position, rows, outcome.value, drift, more=more)


def _sub_table(verdict: TableVerdict | None, table: Any, good: Positions) -> Any:
    if verdict is not None and verdict.table is not UNCHANGED:
        return verdict.table  # the transformed rows that keep the contract
    return table if len(good) == length_of(table) else rows_of(table, good)


def _check(trial: TableTrial, contract: Contract | None, table: Any) -> TableVerdict | None:
    if contract is None:
        return None
    verdict = contract.check_table(table)
    if verdict.batch:
        detail = f"clauses about many rows do not hold: {clauses(verdict.batch)}"
        finding = Finding(CaveatCode.drifted_schema, detail, fields(verdict.batch))
        trial.about_table = (*trial.about_table, finding)
    return verdict


def _call(
    trial: TableTrial, candidate: Candidate, position: int, table: Any
) -> Generator[Effect, Any, Outcome]:
    engine = trial.engine
    args, kwargs = trial.reader.replace(trial.args, trial.kwargs, table)
    run = Run(
        candidate.fn,
        args,
        kwargs,
        clock=engine.clock,
        deadline=engine.cut(trial.deadline, position),
        workers=candidate.workers,
        enter=trial.enter,
        is_async=candidate.is_async,
    )
    controller = engine.controller if candidate.primary else None
    outcome = yield from attempts(run, controller, partial(_attempted, trial, candidate))
    if not candidate.primary:
        candidate.latency.record(outcome.seconds)
    return outcome


def _attempted(trial: TableTrial, candidate: Candidate, number: int, outcome: Outcome) -> None:
    if candidate.primary and isinstance(outcome, Failure) and outcome.error is not None:
        if isinstance(outcome.error, TypeError):
            trial.reader.bind(trial.args, trial.kwargs)  # a call that does not fit is the caller's mistake
        trial.failure = outcome.error
    attempted(trial.engine, trial.span, candidate, number, outcome)


def _answered(
    trial: TableTrial,
    candidate: Candidate,
    position: int,
    rows: Positions,
    values: Any,
    drift: Mapping[int, tuple[Finding, ...]],
    *,
    more: bool,
) -> None:
    """Measure and route the rows this candidate answered."""
    problem = unawaited(values) or wrong_length(values, len(rows))
    if problem is not None:
        trial.rows.see(rows, (problem,), candidate, answered=False, more=more)
        return
    measured = measure(candidate, trial.rows, rows, values)
    trial.answers[position] = Answers(candidate.name, values, measured)
    trial.rows.served[rows] = position
    trial.rows.place[rows] = np.arange(len(rows))
    own = () if candidate.finding is None else (candidate.finding,)
    seen = findings_by_place(candidate, measured, values, drift, own)
    for findings, places in grouped(seen):
        trial.rows.see(rows[places], findings, candidate, answered=True, more=more)
    rest = np.delete(rows, list(seen))
    if len(rest):
        trial.rows.see(rest, own, candidate, answered=True, more=more)


def _reviews(trial: TableTrial) -> Generator[Effect, Any, None]:
    """Commit one review item per row that a person must decide, all in one transaction."""
    rows = np.flatnonzero(trial.rows.routes == REVIEW)
    if not len(rows):
        return
    items = [] if trial.engine.config.review is None else [_item(trial, row) for row in rows.tolist()]
    problem = yield from store(trial.engine, items, trial.deadline)
    if problem is not None:
        trial.rows.add(rows, problem)


def _item(trial: TableTrial, row: int) -> ReviewItem:
    engine, rows = trial.engine, trial.rows
    answers, place = trial.answers.get(int(rows.served[row])), int(rows.place[row])
    measured = None if answers is None else answers.measure(place)
    reasons = caveats(rows.pasts[int(rows.past[row])].findings)
    return ReviewItem(
        id=row_id(trial.id, row),
        guard_name=engine.name,
        created=engine.clock.time(),
        model_version=engine.model_version,
        caveats=tuple(reason.to_dict() for reason in reasons),
        served_by="" if answers is None else answers.name,
        request=make_json(record_at(trial.table, row)),
        withheld=None if answers is None else make_json(answers.value(place)),
        prediction=None
        if measured is None or measured.prediction is None
        else make_json(measured.prediction),
    )


def _record(trial: TableTrial) -> Decisions[Any]:
    engine = trial.engine
    elapsed = engine.clock.monotonic() - trial.begin
    common = Details(
        id=trial.id,
        guard_name=engine.name,
        model_version=engine.model_version,
        elapsed=elapsed,
        failure=trial.failure,
    )
    index = trial.table.index if hasattr(trial.table, "iloc") else None
    decisions: Decisions[Any] = Decisions(
        trial.rows, trial.answers, common, index, caveats(trial.about_table)
    )
    for each, number in decisions.counts().items():
        engine.count(each, number)
    engine.telemetry.table_decided(
        trial.span,
        counts=_counts(trial.rows),
        rows=len(trial.rows),
        elapsed=elapsed,
        decision_id=trial.id,
        context=trial.context,
        **engine.about,
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
