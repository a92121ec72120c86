"""The five steps for one request, in order: check, call, measure, route, record."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from typing import Any

from .._calls import Effect, Failure, Outcome, Run, attempts
from .._conformal import Measured
from .._contract import HOLDS, UNCHANGED, Contract, Verdict
from .._guard_ports import ReviewItem, make_json
from .._routing import Action, Evidence, caveats, route
from .._types import (
    Caveat,
    CaveatCode,
    Decision,
    Degraded,
    Details,
    Finding,
    NeedsReview,
    Violation,
    Works,
)
from ._engine import IDS, Candidate, Engine
from ._findings import (
    attempted,
    attributed,
    bad_output,
    broken,
    drifted,
    failed,
    own_fault,
    store,
    switched_off,
    unawaited,
)
from ._request import RequestReader, SignatureError

_NO_CODES: frozenset[CaveatCode] = frozenset()


class Trial:
    """One request on its way down the chain."""

    __slots__ = (
        "args", "asked", "begin", "checked", "context", "deadline", "engine", "enter", "failure", "findings", "id", "kwargs",
        "measured", "reader", "request", "served", "span", "value", "withheld",
    )  # fmt: skip

    def __init__(
        self, engine: Engine, reader: RequestReader, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.engine = engine
        self.reader = reader
        self.args = args
        self.kwargs = kwargs
        self.begin = engine.clock.monotonic()
        self.deadline = engine.deadline(self.begin)
        self.findings: tuple[Finding, ...] = ()
        self.asked = _NO_CODES
        self.checked: dict[int, Verdict] = {}
        self.failure: Exception | None = None
        self.measured: Measured | None = None
        self.served: Candidate | None = None
        self.value: Any = None
        self.withheld: Any = None
        self.request: Any = None
        self.id = ""
        self.span: Any = None
        self.context: Any = None
        self.enter: Callable[[], object] | None = None


def decide(
    engine: Engine, reader: RequestReader, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Generator[Effect, Any, Decision[Any]]:
    """Decide one request: what the guarded function does when it is called.

    Raises:
        SignatureError: the arguments do not fit the function.
        BaseException: an interrupt, an exit or a cancellation; it passes through.
    """
    trial = Trial(engine, reader, args, kwargs)
    telemetry = engine.telemetry
    trial.span = telemetry.start()
    trial.context = telemetry.context(trial.span)
    if trial.context is not None:
        trial.enter = functools.partial(telemetry.attach, trial.context)
    try:
        action = yield from _guarded_chain(trial)
        decision = yield from _conclude(trial, action)
    except BaseException as error:
        telemetry.aborted(trial.span, error)
        raise
    _record(trial, decision)
    return decision


def _guarded_chain(trial: Trial) -> Generator[Effect, Any, Action]:
    """Go down the chain; a fault of the guard itself is an outcome too."""
    try:
        trial.request = trial.reader.read(trial.args, trial.kwargs)
        return (yield from _chain(trial))
    except SignatureError:
        raise
    except Exception as error:
        trial.failure = trial.failure or error
        trial.findings += (own_fault(error),)
        return Action.review


def _chain(trial: Trial) -> Generator[Effect, Any, Action]:
    engine = trial.engine
    last = len(engine.candidates) - 1
    for position, candidate in enumerate(engine.candidates):
        evidence = yield from _evidence(trial, candidate, position, more=position < last)
        findings = evidence.findings
        if not findings and evidence.answered:
            trial.served = candidate
            return Action.works
        action = route(evidence, engine.policy)
        said = attributed(findings, candidate, served=action <= Action.degraded)
        trial.findings += said
        if action <= Action.degraded:
            trial.served = candidate
            return action
        if candidate.primary:
            trial.withheld = trial.value
        if action is Action.review:
            return action
        trial.asked |= {finding.code for finding in said}
    return Action.review


def _evidence(
    trial: Trial, candidate: Candidate, position: int, *, more: bool
) -> Generator[Effect, Any, Evidence]:
    """Check, call and measure one candidate."""
    asked = trial.asked
    if candidate.primary and (off := _switched_off(trial.engine, more=more)) is not None:
        trial.reader.bind(trial.args, trial.kwargs)
        return off
    verdict = _check(trial, candidate.contract)
    if verdict.violations:
        trial.reader.bind(trial.args, trial.kwargs)
        return Evidence((broken(verdict.violations),), answered=False, more=more, asked=asked)
    findings = () if verdict is HOLDS else drifted(verdict)
    outcome = yield from _call(trial, candidate, position, verdict)
    if isinstance(outcome, Failure):
        return Evidence((*findings, failed(outcome)), answered=False, more=more, asked=asked)
    seen = _measure(trial, candidate, outcome.value)
    if candidate.finding is not None:
        findings += (candidate.finding,)
    return Evidence(findings + seen, answered=True, more=more, asked=asked)


def _switched_off(engine: Engine, *, more: bool) -> Evidence | None:
    state = engine.switch_state()
    if state == "normal":
        return None
    return Evidence((switched_off(state),), answered=False, more=more and state == "fallback_only")


def _check(trial: Trial, contract: Contract | None) -> Verdict:
    if contract is None:
        return _no_contract(trial.request)
    verdict = trial.checked.get(id(contract))
    if verdict is None:
        verdict = trial.checked[id(contract)] = contract.check(trial.request)
    return verdict


def _no_contract(request: object) -> Verdict:
    """Without a contract nothing is checked, but a table is no request."""
    if type(request).__name__ != "DataFrame":
        return HOLDS
    return Verdict(
        (Violation("", "one request; for a table, wrap the function with guard.batch(fn)", "type"),)
    )


def _call(
    trial: Trial, candidate: Candidate, position: int, verdict: Verdict
) -> Generator[Effect, Any, Outcome]:
    engine, args, kwargs = trial.engine, trial.args, trial.kwargs
    if verdict.request is not UNCHANGED:
        args, kwargs = trial.reader.replace(args, kwargs, verdict.request)
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


def _attempted(trial: Trial, candidate: Candidate, number: int, outcome: Outcome) -> None:
    """Told of failed and repeated attempts: only these are worth a span of their own."""
    failure = outcome if isinstance(outcome, Failure) else None
    if failure is not None and candidate.primary and failure.error is not None:
        if isinstance(failure.error, TypeError):
            trial.reader.bind(trial.args, trial.kwargs)  # a call that does not fit is the caller's mistake
        trial.failure = failure.error
    attempted(trial.engine, trial.span, candidate, number, outcome)


def _measure(trial: Trial, candidate: Candidate, value: Any) -> tuple[Finding, ...]:
    trial.value = value
    if (awaitable := unawaited(value)) is not None:
        trial.measured, trial.value = None, None
        return (awaitable,)
    if candidate.output is not None and (violations := candidate.output.check(value)):
        trial.measured = None
        return bad_output(violations)
    measured = trial.measured = candidate.measure.one(value, trial.asked)
    return measured.findings


def _conclude(trial: Trial, action: Action) -> Generator[Effect, Any, Decision[Any]]:
    if action is Action.works:
        reasons = () if not trial.findings else caveats(trial.findings)
        return Works(trial.value, reasons, _details(trial))
    if action is Action.degraded:
        return Degraded(trial.value, caveats(trial.findings), _details(trial))
    trial.served = None
    trial.id = IDS.next()
    reasons = caveats(trial.findings)
    problem = yield from store(trial.engine, [_review_item(trial, reasons)], trial.deadline)
    if problem is not None:
        reasons = caveats((*trial.findings, problem))
    return NeedsReview(reasons, _details(trial))


def _review_item(trial: Trial, reasons: tuple[Caveat, ...]) -> ReviewItem:
    """What a person needs in order to decide in the model's place."""
    engine, measured = trial.engine, trial.measured
    return ReviewItem(
        id=trial.id,
        guard_name=engine.name,
        created=engine.clock.time(),
        model_version=engine.model_version,
        caveats=tuple(reason.to_dict() for reason in reasons),
        served_by="" if trial.withheld is None else trial.engine.candidates[0].name,
        request=make_json(trial.request),
        withheld=None if trial.withheld is None else make_json(trial.withheld),
        prediction=None
        if measured is None or measured.prediction is None
        else make_json(measured.prediction),
    )


def _details(trial: Trial) -> Details:
    engine, measured, served = trial.engine, trial.measured, trial.served
    shown = measured if served is not None else None
    return Details(
        id=trial.id or IDS.next(),
        guard_name=engine.name,
        model_version=engine.model_version,
        served_by="" if served is None else served.name,
        prediction=None if shown is None else shown.prediction,
        prediction_set=None if shown is None else shown.prediction_set,
        interval=None if shown is None else shown.interval,
        elapsed=engine.clock.monotonic() - trial.begin,
        failure=trial.failure,
    )


def _record(trial: Trial, decision: Decision[Any]) -> None:
    engine, details = trial.engine, decision.details
    engine.count(decision.route)
    engine.telemetry.decided(
        trial.span,
        route=decision.route,
        caveats=decision.caveats,
        served_by=details.served_by,
        elapsed=details.elapsed,
        decision_id=details.id,
        set_size=None if details.prediction_set is None else len(details.prediction_set),
        width=None if details.interval is None else details.interval.width,
        context=trial.context,
        **engine.about,
    )
    if engine.config.observers:
        engine.tell(decision)
