"""The five steps for a table of requests, in order: check, call, measure, route, record."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import numpy as np

from .._calls import Effect, Failure, Outcome, Run, attempts
from .._conformal import TableMeasured
from .._contract import UNCHANGED, Contract, TableVerdict, is_table, length_of, record_at, rows_of
from .._guard_ports import ReviewItem, make_json
from .._routing import Action, Evidence, caveats, route
from .._types import Caveat, CaveatCode, Details, Finding, Route
from ._decisions import DEGRADED, NOBODY, REVIEW, ROUTES, WORKS, Answers, Columns, Decisions, row_id, take
from ._engine import IDS, Candidate, Engine
from ._record import attempted, broken, drifted, store, unawaited
from ._request import RequestReader, SignatureError

Positions = np.ndarray[Any, Any]
_OF_ACTION = {Action.works: WORKS, Action.degraded: DEGRADED, Action.review: REVIEW}


class TableTrial:
    """One table on its way down the chain; rows are known by position."""

    def __init__(
        self, engine: Engine, reader: RequestReader, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.engine = engine
        self.reader = reader
        self.args = args
        self.kwargs = kwargs
        self.begin = engine.clock.monotonic()
        self.deadline = engine.deadline(self.begin)
        self.span: Any = None
        self.context: Any = None
        self.enter: Callable[[], object] | None = None
        self.failure: Exception | None = None
        self.id = IDS.next()
        self.table: Any = None
        self.findings: dict[int, tuple[Finding, ...]] = {}
        self.asked: dict[int, frozenset[CaveatCode]] = {}
        self.answers: dict[int, Answers] = {}
        self.table_findings: tuple[Finding, ...] = ()
        self._actions: dict[Any, Action] = {}

    def open(self, table: Any) -> None:
        """Take the table; every row is pending."""
        self.table = table
        n = length_of(table)
        self.routes = np.full(n, REVIEW, dtype=np.int8)
        self.served = np.full(n, NOBODY, dtype=np.int16)
        self.at = np.zeros(n, dtype=np.int64)
        self.pending: Positions = np.arange(n)

    def add(self, row: int, findings: tuple[Finding, ...]) -> None:
        """Keep what was seen about a row."""
        self.findings[row] = self.findings.get(row, ()) + findings

    def action(self, row: int, findings: tuple[Finding, ...], *, answered: bool, more: bool) -> Action:
        """Route one row; rows with the same findings share the work."""
        asked = self.asked.get(row, frozenset())
        key = (findings, asked, answered, more)
        action = self._actions.get(key)
        if action is None:
            action = self._actions[key] = route(Evidence(findings, answered, more, asked), self.engine.policy)
        return action


def decide_table(
    engine: Engine, reader: RequestReader, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Generator[Effect, Any, Decisions[Any]]:
    """Decide a table: what the function wrapped by `guard.batch` does when it is called.

    Raises:
        SignatureError: the arguments do not fit the function, or the first is no table.
        BaseException: an interrupt, an exit or a cancellation; it passes through.
    """
    trial = TableTrial(engine, reader, args, kwargs)
    telemetry = engine.telemetry
    trial.span = telemetry.start()
    trial.context = telemetry.context(trial.span)
    if trial.context is not None:
        trial.enter = functools.partial(telemetry.attach, trial.context)
    try:
        trial.open(_table(reader.read(args, kwargs)))
        yield from _guarded_chain(trial)
        yield from _reviews(trial)
    except BaseException as error:
        telemetry.aborted(trial.span, error)
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
    except SignatureError:
        raise
    except Exception as error:
        trial.failure = trial.failure or error
        finding = Finding(CaveatCode.error, f"{type(error).__qualname__} in the guard itself")
        for row in trial.pending.tolist():
            trial.add(row, (finding,))


def _chain(trial: TableTrial) -> Generator[Effect, Any, None]:
    candidates = trial.engine.candidates
    last = len(candidates) - 1
    for position, candidate in enumerate(candidates):
        if not len(trial.pending):
            return
        more = position < last
        if candidate.primary and (state := trial.engine.switch_state()) != "normal":
            off = Finding(CaveatCode.switched_off, f"the switch says {state}")
            _unanswered(trial, trial.pending, _same(off), more=more and state == "fallback_only")
            continue
        yield from _ask(trial, candidate, position, more=more)


def _same(finding: Finding) -> Callable[[int], tuple[Finding, ...]]:
    """The same finding for every row."""
    return lambda _: (finding,)


def _ask(
    trial: TableTrial, candidate: Candidate, position: int, *, more: bool
) -> Generator[Effect, Any, None]:
    """Check, call, measure and route the pending rows with one candidate."""
    asked_rows = trial.pending
    everything = len(asked_rows) == len(trial.routes)
    table = trial.table if everything else rows_of(trial.table, asked_rows)
    verdict = _check(trial, candidate.contract, table)
    notes: Mapping[int, Any] = {} if verdict is None else verdict.rows
    good = np.arange(len(asked_rows)) if verdict is None else np.flatnonzero(verdict.ok)
    bad = _others(asked_rows, good)
    if len(bad):
        places = dict(zip(asked_rows.tolist(), range(len(asked_rows)), strict=True))
        _unanswered(trial, bad, lambda row: (broken(notes[places[row]].violations, candidate),), more=more)
    rows = asked_rows[good]
    if not len(rows):
        return
    drift = {i: found for i, at in enumerate(good.tolist()) if at in notes and (found := drifted(notes[at]))}
    outcome = yield from _call(trial, candidate, position, _sub_table(verdict, table, good))
    if isinstance(outcome, Failure):
        failed = Finding(outcome.code, candidate.named(outcome.detail))
        _unanswered(trial, rows, _same(failed), more=more)
        return
    _answered(trial, candidate, position, rows, outcome.value, drift, more=more)


def _others(rows: Positions, good: Positions) -> Positions:
    if len(good) == len(rows):
        return rows[:0]
    mask = np.ones(len(rows), dtype=bool)
    mask[good] = False
    return rows[mask]


def _sub_table(verdict: TableVerdict | None, table: Any, good: Positions) -> Any:
    if verdict is not None and verdict.table is not UNCHANGED:
        return verdict.table  # the transformed rows that keep the contract
    return table if len(good) == length_of(table) else rows_of(table, good)


def _check(trial: TableTrial, contract: Contract | None, table: Any) -> TableVerdict | None:
    if contract is None:
        return None
    verdict = contract.check_table(table)
    if verdict.batch:
        clauses = "; ".join(f"{v.field}: {v.clause}" for v in verdict.batch)
        fields = tuple(dict.fromkeys(v.field for v in verdict.batch if v.field))
        finding = Finding(
            CaveatCode.drifted_schema, f"clauses about many rows do not hold: {clauses}", fields
        )
        trial.table_findings = (*trial.table_findings, finding)
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
    outcome = yield from attempts(run, controller, functools.partial(_attempted, trial, candidate))
    if not candidate.primary:
        candidate.latency.record(outcome.seconds)
    return outcome


def _attempted(trial: TableTrial, candidate: Candidate, number: int, outcome: Outcome) -> None:
    if candidate.primary and isinstance(outcome, Failure) and outcome.error is not None:
        if isinstance(outcome.error, TypeError):
            trial.reader.bind(trial.args, trial.kwargs)
        trial.failure = outcome.error
    attempted(trial.engine, trial.span, candidate, number, outcome)


def _unanswered(
    trial: TableTrial, rows: Positions, found: Callable[[int], tuple[Finding, ...]], *, more: bool
) -> None:
    """Route rows without an answer of this candidate: to the next one, or to a person."""
    for row in rows.tolist():
        findings = found(row)
        action = trial.action(row, findings, answered=False, more=more)
        _settle(trial, row, findings, action)
    _still_pending(trial, rows)


def _settle(trial: TableTrial, row: int, findings: tuple[Finding, ...], action: Action) -> None:
    trial.add(row, findings)
    if action is Action.fallback:
        trial.asked[row] = trial.asked.get(row, frozenset()) | {finding.code for finding in findings}
        trial.routes[row] = _PENDING
    else:
        trial.routes[row] = _OF_ACTION[action]


_PENDING = len(ROUTES)


def _still_pending(trial: TableTrial, rows: Positions) -> None:
    settled = rows[trial.routes[rows] != _PENDING]
    trial.routes[rows[trial.routes[rows] == _PENDING]] = REVIEW
    if len(settled):
        trial.pending = np.setdiff1d(trial.pending, settled, assume_unique=True)


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
    problem = unawaited(values) or _wrong_length(values, len(rows))
    if problem is not None:
        finding = Finding(problem.code, candidate.named(problem.detail))
        _unanswered(trial, rows, _same(finding), more=more)
        return
    broken_outputs = {} if candidate.output is None else candidate.output.check_table(values, len(rows))
    groups = _measure(trial, candidate, rows, values)
    trial.answers[position] = Answers(candidate.name, values, groups)
    trial.served[rows] = position
    trial.at[rows] = np.arange(len(rows))
    seen = _findings(candidate, groups, broken_outputs, drift, len(rows))
    trial.routes[rows] = WORKS
    for at, findings in seen.items():
        row = int(rows[at])
        _settle(trial, row, findings, trial.action(row, findings, answered=True, more=more))
    _still_pending(trial, rows)


def _wrong_length(values: Any, n: int) -> Finding | None:
    if values is None or isinstance(values, str | bytes | Mapping) or not hasattr(values, "__len__"):
        got = type(values).__name__
        return Finding(
            CaveatCode.output, f"one output per row is needed, as an array, list or DataFrame; got {got}"
        )
    if len(values) != n:
        return Finding(CaveatCode.output, f"{len(values)} outputs for {n} rows")
    return None


def _measure(
    trial: TableTrial, candidate: Candidate, rows: Positions, values: Any
) -> Sequence[tuple[Positions, TableMeasured]]:
    """Measure all rows at once; a fallback's rows in groups that were asked for the same reasons."""
    everything = np.arange(len(rows))
    if candidate.primary or not trial.asked:
        return [(everything, candidate.measure.table(values, len(rows)))]
    groups: dict[frozenset[CaveatCode], list[int]] = {}
    for at, row in enumerate(rows.tolist()):
        groups.setdefault(trial.asked.get(row, frozenset()), []).append(at)
    if len(groups) == 1:
        return [(everything, candidate.measure.table(values, len(rows), next(iter(groups))))]
    measured = []
    for asked, members in groups.items():
        positions = np.asarray(members)
        measured.append((positions, candidate.measure.table(take(values, positions), len(members), asked)))
    return measured


def _findings(
    candidate: Candidate,
    groups: Sequence[tuple[Positions, TableMeasured]],
    broken_outputs: Mapping[int, Any],
    drift: Mapping[int, tuple[Finding, ...]],
    n: int,
) -> dict[int, tuple[Finding, ...]]:
    """What is to be said of each row, by its place among this candidate's rows, in the order of one record's steps."""
    own = () if candidate.finding is None else (candidate.finding,)
    seen: dict[int, tuple[Finding, ...]] = {}
    for positions, measured in groups:
        for at, findings in measured.findings.items():
            seen[int(positions[at])] = findings
    for at, violations in broken_outputs.items():
        detail = candidate.named("; ".join(v.clause for v in violations))
        seen[at] = (Finding(CaveatCode.output, detail, tuple(v.field for v in violations if v.field)),)
    places = range(n) if own else sorted({*seen, *drift})
    return {at: drift.get(at, ()) + own + seen.get(at, ()) for at in places}


def _reviews(trial: TableTrial) -> Generator[Effect, Any, None]:
    """Commit one review item per row that a person must decide, all in one transaction."""
    rows = np.flatnonzero(trial.routes == REVIEW).tolist()
    if not rows:
        return
    items = [] if trial.engine.config.review is None else [_item(trial, row) for row in rows]
    problem = yield from store(trial.engine, items, trial.deadline)
    if problem is not None:
        for row in rows:
            trial.add(row, (problem,))


def _item(trial: TableTrial, row: int) -> ReviewItem:
    engine = trial.engine
    answers = trial.answers.get(int(trial.served[row]))
    at = int(trial.at[row])
    measured = None if answers is None else answers.measure(at)
    return ReviewItem(
        id=row_id(trial.id, row),
        guard_name=engine.name,
        created=engine.clock.time(),
        model_version=engine.model_version,
        caveats=tuple(reason.to_dict() for reason in caveats(trial.findings.get(row, ()))),
        request=make_json(record_at(trial.table, row)),
        withheld=None if answers is None else make_json(answers.value(at)),
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
    columns = Columns(trial.routes, trial.served, trial.at, trial.answers, trial.findings)
    about: tuple[Caveat, ...] = caveats(trial.table_findings)
    decisions: Decisions[Any] = Decisions(columns, common, _index(trial.table), about)
    for each, number in decisions.counts().items():
        engine.count(each, number)
    engine.telemetry.table_decided(
        trial.span,
        counts=_counts(trial),
        rows=len(trial.routes),
        elapsed=elapsed,
        decision_id=trial.id,
        context=trial.context,
        **engine.about,
    )
    _tell(engine, decisions)
    return decisions


def _index(table: Any) -> Any:
    return table.index if hasattr(table, "iloc") else None


def _counts(trial: TableTrial) -> Mapping[tuple[Route, tuple[CaveatCode, ...]], int]:
    rows = trial.findings
    clean = int(np.count_nonzero(trial.routes == WORKS)) - sum(trial.routes[row] == WORKS for row in rows)
    counts: Counter[tuple[Route, tuple[CaveatCode, ...]]] = Counter()
    if clean:
        counts[Route.works, ()] = clean
    for row, findings in rows.items():
        codes = tuple(code for code in CaveatCode if any(finding.code is code for finding in findings))
        counts[ROUTES[int(trial.routes[row])], codes] += 1
    return counts


def _tell(engine: Engine, decisions: Decisions[Any]) -> None:
    if engine.config.observers:
        for decision in decisions:
            engine.tell(decision)
