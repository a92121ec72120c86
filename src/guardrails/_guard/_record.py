"""The five steps for one request, in order: check, call, measure, route, record."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

from .._calls import Effect, Failure, Outcome, Run
from .._contract import HOLDS, UNCHANGED, Contract, Verdict
from .._routing import Action, Evidence, route
from .._types import CaveatCode, Decision, Finding, Violation
from ._candidate import Candidate
from ._conclude import conclude, record
from ._course import ask, settle
from ._engine import Engine
from ._findings import (
    GRACE,
    TOO_LATE,
    attempted,
    attributed,
    bad_output,
    broken,
    drifted,
    failed,
    no_answer,
    own_fault,
    switched_off,
)
from ._request import RequestReader, SignatureError
from ._trial import Trial, Withheld


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
        trial.enter = partial(telemetry.attach, trial.context)
    try:
        action = yield from _guarded_chain(trial)
        decision = yield from conclude(trial, action)
    except BaseException as error:
        telemetry.aborted(trial.span, error)
        raise
    finally:
        if trial.ahead:
            trial.release()
    record(trial, decision)
    if engine.probed:
        probe(trial)
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
        evidence = yield from _contained(trial, candidate, position, more=position < last)
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
        if evidence.answered and trial.withheld is None:
            trial.withheld = Withheld(candidate.name, trial.value, trial.measured)
        if action is Action.review:
            return action
        trial.asked |= {finding.code for finding in said}
    return Action.review


def _contained(
    trial: Trial, candidate: Candidate, position: int, *, more: bool
) -> Generator[Effect, Any, Evidence]:
    """The evidence about one candidate; a fault of the steps themselves leaves the next candidate its turn."""
    try:
        return (yield from _evidence(trial, candidate, position, more=more))
    except SignatureError:
        raise
    except Exception as error:
        trial.failure = trial.failure or error
        return Evidence((own_fault(error),), answered=False, more=more, asked=trial.asked)


def _evidence(
    trial: Trial, candidate: Candidate, position: int, *, more: bool
) -> Generator[Effect, Any, Evidence]:
    """Check, call and measure one candidate."""
    asked = trial.asked
    if candidate.primary and (off := _switched_off(trial, more=more)) is not None:
        trial.reader.bind(trial.args, trial.kwargs)
        return off
    verdict = _check(trial, candidate.contract)
    if verdict.violations:
        trial.reader.bind(trial.args, trial.kwargs)
        return Evidence((broken(verdict.violations),), answered=False, more=more, asked=asked)
    findings = () if verdict is HOLDS else drifted(verdict)
    novelty = trial.engine.novelty
    if novelty is not None and candidate.primary and (novel := novelty.one(trial.request)):
        findings += novel
        if novelty.blocks:
            trial.reader.bind(trial.args, trial.kwargs)
            return Evidence(findings, answered=False, more=more, asked=asked)
    outcome = yield from ask(
        trial,
        position,
        partial(_prepare, trial),
        partial(_attempted, trial, candidate),
        partial(_bad, candidate),
    )
    if isinstance(outcome, Failure):
        settle(trial, candidate, outcome)
        return Evidence((*findings, failed(outcome)), answered=False, more=more, asked=asked)
    if candidate.primary:
        trial.failure = None  # an attempt before this one may have failed
    seen = _measure(trial, candidate, outcome.value)
    settle(trial, candidate, outcome, bad=bool(seen) and _breaks_output(seen))
    if trial.deadline is not None and trial.deadline.left() < -GRACE:
        findings += (TOO_LATE,)
    return Evidence(findings + seen, answered=True, more=more, asked=asked)


def _switched_off(trial: Trial, *, more: bool) -> Evidence | None:
    engine = trial.engine
    if engine.config.switch is None:
        return None
    state = trial.switch = engine.switch_state()
    if state == "normal":
        return None
    found = switched_off(state, engine.config.switch)
    return Evidence((found,), answered=False, more=more and state == "fallback_only")


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


def _prepare(trial: Trial, position: int) -> Run | None:
    """The call of a candidate; None where the request breaks its contract."""
    args, kwargs = trial.args, trial.kwargs
    verdict = _check(trial, trial.engine.candidates[position].contract)
    if verdict.violations:
        return None
    if verdict.request is not UNCHANGED:
        args, kwargs = trial.reader.replace(args, kwargs, verdict.request)
    return trial.run(position, args, kwargs)


def _bad(candidate: Candidate, value: Any) -> bool:
    """Whether an answer that nobody waits for breaks the output check, or cannot be read."""
    if no_answer(value) is not None or (candidate.output is not None and candidate.output.check(value)):
        return True
    return _breaks_output(candidate.measure.one(value).findings)


def _breaks_output(findings: tuple[Finding, ...]) -> bool:
    return any(finding.code is CaveatCode.output for finding in findings)


def probe(trial: Trial) -> None:
    """Run a fallback in the shadow now and then, so that what is known of its time stays fresh."""
    for position, candidate in enumerate(trial.engine.candidates):
        if position < trial.started or not candidate.probe_due():
            continue
        run = _prepare(trial, position)
        if run is not None and run.shadows:
            run.deadline = None if trial.deadline is None else trial.engine.fresh_deadline()
            candidate.watch(run, candidate.latency.learn)


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
    if (problem := no_answer(value)) is not None:
        trial.measured, trial.value = None, None
        return (*candidate.own, problem)
    if candidate.output is not None and (violations := candidate.output.check(value)):
        trial.measured = None
        return bad_output(violations, candidate)
    engine, request = trial.engine, trial.request
    measured = trial.measured = candidate.measure.one(
        value, trial.asked, engine.cohort.of(request), engine.difficulty.of(request)
    )
    return measured.findings
