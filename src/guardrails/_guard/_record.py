"""The five steps for one request, in order: check, call, measure, route, record."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from .._calls import Answer, Effect, Failure, Outcome, Run, State
from .._contract import HOLDS
from .._routing import Action, Evidence, route
from .._types import Decision, Finding
from ._candidate import Candidate
from ._conclude import conclude, record, works
from ._course import ask, interrupted
from ._findings import (
    ANSWERS,
    GRACE,
    TOO_LATE,
    attributed,
    bad_output,
    breaks_output,
    broken,
    drifted,
    drifted_answer,
    failed,
    no_answer,
    own_fault,
    switched_off,
)
from ._request import SignatureError
from ._settle import settle
from ._trial import Trial, Withheld, no_contract

# an answer of which nothing is to be said: what most requests come to
_WORKS = Evidence((), answered=True)


class OneRequest(Trial):
    """The steps for one request: what the guarded function does when it is called.

    Most requests need no more than one call of the primary, and the steps around it: `initial` and `concluded`. Whatever has to
    be looked at more closely goes down the chain, in `remaining`.

    Raises:
        SignatureError: the arguments do not fit the function.
        BaseException: an interrupt, an exit or a cancellation; it passes through.
    """

    plain: Run | None = None  # the primary's call, where nothing stood against it
    known: Evidence | None = None  # what is known of the primary when the chain begins

    def initial(self) -> Run | None:
        """The primary's call, where nothing stands against it; None where the chain has to look closer."""
        engine, args = self.engine, self.args
        primary = engine.candidates[0]
        contract, circuit = primary.contract, primary.circuit
        try:
            place = self.reader.place
            request = self.request = args[place] if len(args) > place else self.reader.read(args, self.kwargs)
            if not engine.plain:
                return None
            verdict = self.verdict = no_contract(request) if contract is None else contract.check(request)
            self.checked = contract
            if verdict is not HOLDS:
                return None
            if (engine.config.switch is not None or engine.novelty is not None) and _stopped(self):
                return None
            if circuit is not None:
                if circuit.state is not State.closed:
                    return None
                self.generation = circuit.generation
            run = self.run(0, args, self.kwargs)
            if engine.schedule.hedged[0]:
                run.until = min(run.until, self.start(1))
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, SignatureError):
                return None  # it is raised again, and told, where the chain looks closer
            self._aborted(error)
            raise
        self.started = 1
        self.plain = run
        return run

    def concluded(self, outcome: Outcome | None) -> Decision[Any] | None:
        """The decision, where nothing is to be said of the outcome; None where the chain has to look closer."""
        try:
            if isinstance(outcome, Answer):
                self.known = _answered(self, self.engine.candidates[0], 0, (), outcome)
            else:
                self.known = _first(self, outcome)
            if self.known is not _WORKS:
                return None
            decision = works(self)
        except Exception as error:  # of the steps themselves
            self._refused(error)
            return None
        except BaseException as error:
            self._aborted(error)
            raise
        record(self, decision)
        return decision

    def missed(self, error: BaseException) -> None:
        """What makes the call has raised, such as an injected clock; an interrupt passes through."""
        if not isinstance(error, Exception):
            self._aborted(error)
            raise error
        self._refused(error)

    def remaining(self) -> Generator[Effect, Any, Decision[Any]]:
        """Go down the chain, and conclude."""
        try:
            action = yield from _chain(self, self.known)
            decision = works(self) if action is Action.works else (yield from conclude(self, action))
        except BaseException as error:
            self._aborted(error)
            raise
        finally:
            if self.ahead:
                self.release()
        record(self, decision)
        return decision

    def _refused(self, error: Exception) -> None:
        if isinstance(error, SignatureError):
            self._aborted(error)
            raise error
        self.known = _fault(self, 0, error)

    def _aborted(self, error: BaseException) -> None:
        self.engine.telemetry.aborted(self.span, error)


def _stopped(trial: Trial) -> bool:
    engine = trial.engine
    if engine.config.switch is not None and trial.ask_switch() != "normal":
        return True
    return engine.novelty is not None and bool(engine.novelty.one(trial.request))


def _first(trial: OneRequest, outcome: Failure | None) -> Evidence | None:
    """The evidence about the primary that has not answered; None where it runs on."""
    primary = trial.engine.candidates[0]
    if outcome is None:
        assert trial.plain is not None  # noqa: S101 - it was waited for
        trial.keep(0, trial.plain, None)
        return None
    trial.tried(primary, 1, outcome)
    return _unanswered(trial, primary, 0, (), outcome)


def _chain(trial: Trial, first: Evidence | None) -> Generator[Effect, Any, Action]:
    """Go down the chain, from what is known of the primary; a fault of the guard itself is an outcome too."""
    try:
        if trial.request is None:
            trial.request = trial.reader.read(trial.args, trial.kwargs)
        for position, candidate in enumerate(trial.engine.candidates):
            evidence, first = first, None
            if evidence is None:
                evidence = yield from _contained(trial, candidate, position)
            action = _routed(trial, candidate, evidence)
            if action is not Action.fallback:
                return action
    except SignatureError:
        raise
    except Exception as error:
        trial.failure = trial.failure or error
        trial.findings += (own_fault(error),)
    return Action.review


def _contained(trial: Trial, candidate: Candidate, position: int) -> Generator[Effect, Any, Evidence]:
    """The evidence about one candidate; a fault of the steps themselves leaves the next candidate its turn."""
    try:
        return (yield from _evidence(trial, candidate, position))
    except SignatureError:
        raise
    except Exception as error:
        return _fault(trial, position, error)


def _fault(trial: Trial, position: int, error: Exception) -> Evidence:
    interrupted(trial, trial.engine.candidates[position])
    trial.failure = trial.failure or error
    return _no(trial, position, own_fault(error))


def _routed(trial: Trial, candidate: Candidate, evidence: Evidence) -> Action:
    """What the table says of one candidate, and what that leaves behind."""
    if evidence is _WORKS:
        trial.served = candidate
        return Action.works
    action = route(evidence, trial.engine.policy)
    answers = action <= Action.degraded
    said = attributed(evidence.findings, candidate, served=answers)
    trial.findings += said
    if answers:
        trial.served = candidate
    elif evidence.answered and trial.withheld is None:
        trial.withheld = Withheld(candidate.name, trial.value, trial.measured)
    trial.asked |= {finding.code for finding in said}
    return action


def _no(trial: Trial, position: int, *findings: Finding) -> Evidence:
    """The evidence about a candidate without an answer."""
    more = position < len(trial.engine.candidates) - 1
    return Evidence(findings, answered=False, more=more, asked=trial.asked)


def _unasked(trial: Trial, position: int, *findings: Finding) -> Evidence:
    """The same for one that is not called; arguments that would not have fitted are still the caller's mistake."""
    trial.reader.bind(trial.args, trial.kwargs)
    return _no(trial, position, *findings)


def _evidence(trial: Trial, candidate: Candidate, position: int) -> Generator[Effect, Any, Evidence]:
    """Check, call and measure one candidate."""
    engine = trial.engine
    if candidate.primary and engine.config.switch is not None and (off := _switched_off(trial)) is not None:
        return off
    verdict = trial.check(candidate.contract)
    findings: tuple[Finding, ...] = ()
    if verdict is not HOLDS:
        if verdict.violations:
            return _unasked(trial, position, broken(verdict.violations))
        findings = drifted(verdict)
    novelty = engine.novelty
    if novelty is not None and candidate.primary and (novel := novelty.one(trial.request)):
        findings += novel
        if novelty.blocks:
            return _unasked(trial, position, *findings)
    outcome = yield from ask(trial, position)
    if isinstance(outcome, Answer):
        return _answered(trial, candidate, position, findings, outcome)
    return _unanswered(trial, candidate, position, findings, outcome)


def _unanswered(
    trial: Trial, candidate: Candidate, position: int, findings: tuple[Finding, ...], outcome: Failure
) -> Evidence:
    """The evidence about a candidate that was asked and did not answer."""
    settle(trial, candidate, outcome)
    return _no(trial, position, *findings, failed(outcome))


def _answered(
    trial: Trial, candidate: Candidate, position: int, findings: tuple[Finding, ...], outcome: Answer
) -> Evidence:
    """The evidence about a candidate that answered."""
    seen = _measure(trial, candidate, outcome.value)
    trial.now = now = trial.engine.clock.monotonic()  # from here as in `settle`, without its call
    late = now > trial.end + GRACE
    if candidate.circuit is not None:
        bad = (late and not trial.hurried) or (bool(seen) and breaks_output(seen))
        candidate.circuit.record(outcome, trial.generation, bad=bad, now=now)
    if candidate.primary:
        trial.failure = None  # an attempt before this one may have failed
    else:
        candidate.latency.learn(outcome)
    if late:
        findings += (TOO_LATE,)
    if not seen and not findings:
        trial.served = candidate
        return _WORKS
    more = position < len(trial.engine.candidates) - 1
    return Evidence(findings + seen, answered=True, more=more, asked=trial.asked)


def _switched_off(trial: Trial) -> Evidence | None:
    state = trial.ask_switch()
    if state == "normal":
        return None
    trial.engine.telemetry.note(trial.span, "switch", state)
    evidence = _unasked(trial, 0, switched_off(state, trial.engine.config.switch))
    return evidence if state == "fallback_only" else Evidence(evidence.findings, answered=False)


def _measure(trial: Trial, candidate: Candidate, value: Any) -> tuple[Finding, ...]:
    trial.value = value
    if type(value) not in ANSWERS and (problem := no_answer(value)) is not None:
        trial.measured = trial.value = None
        return (*candidate.own, problem)
    noted = HOLDS if candidate.output is None else candidate.output.check(value)
    if noted.violations:
        trial.measured = None
        return bad_output(noted.violations, candidate)
    engine, request = trial.engine, trial.request
    if engine.has_facts:
        facts = engine.cohort.of(request), engine.difficulty.of(request)
        measured = candidate.measure.one(value, trial.asked, *facts)
    else:
        measured = candidate.measure.one(value, trial.asked)
    trial.measured = measured
    return measured.findings if noted is HOLDS else (*drifted_answer(noted), *measured.findings)
