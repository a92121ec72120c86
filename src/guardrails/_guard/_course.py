"""The call step: asks one candidate, within the time there is, while the next one is started in time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from math import inf
from typing import Any, Literal, NamedTuple, cast

from .._calls import (
    Admission,
    Answer,
    Circuit,
    Effect,
    Failure,
    Outcome,
    Pause,
    Run,
    State,
    ThreadRun,
    attempts,
)
from .._clock import Deadline
from .._switch import SwitchState
from .._types import CaveatCode
from ._candidate import Candidate
from ._engine import Engine
from ._findings import attempted
from ._request import RequestReader

REFUSED = Failure(CaveatCode.circuit_open, "", made=False)
_FAIR_SHARE = 0.5


def _nothing() -> None:
    """Nobody is to be told."""


class _Ahead(NamedTuple):
    """A call that was started while an earlier candidate's runs on."""

    run: Run
    generation: int
    outcome: Outcome | None
    expected: Callable[[], object]


class Course:
    """One guarded call, of a request or of a table: what its steps share.

    Attributes:
        engine: the guarded function's state.
        reader: finds the request among the arguments.
        args: the caller's positional arguments.
        kwargs: the caller's keyword arguments.
        begin: when the call began.
        end: when the caller must have its decision; infinite where nothing bounds it.
        limit: until when candidates may answer.
        span: the span of this call.
        context: in which spans become children of it.
        enter: makes it current in a call's own context.
        switch: what the switch said, "" until it was asked.
        failure: the primary's exception.
        now: when the candidate last asked had been judged.
        ahead: calls under way whose turn has not come.
        started: the position of the first candidate that has not been started.
        generation: of the circuit, when the candidate being asked was admitted.
    """

    # defaults on the class: what a call seldom needs costs it nothing
    enter: Callable[[], object] | None = None
    switch: SwitchState | Literal[""] = ""
    failure: Exception | None = None
    ahead: dict[int, _Ahead] | None = None
    started = 0
    generation = 0
    now = 0.0

    def __init__(
        self, engine: Engine, reader: RequestReader, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.engine = engine
        self.reader = reader
        self.args = args
        self.kwargs = kwargs
        self.begin = begin = engine.clock.monotonic()
        self.end, self.limit = engine.schedule.times(begin)
        self.span, self.context = engine.telemetry.start()
        if self.context is not None:
            self.enter = partial(engine.telemetry.attach, self.context)

    def prepare(self, position: int) -> Run | None:
        """The call of the candidate at a position, not started; None where it is not to be asked."""
        raise NotImplementedError

    def bad(self, candidate: Candidate, value: Any) -> bool:
        """Whether an answer that nobody waits for is no good."""
        raise NotImplementedError

    def run(self, position: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run:
        """A call of the candidate at a position, not started."""
        engine, at = self.engine, self.limit
        if engine.schedule.cut[position]:
            at = min(at, self.start(position + 1))
        candidate = engine.candidates[position]
        kind = candidate.kind
        # a thread's caller stops waiting whatever the thread does; an event loop cannot interrupt what blocks it
        deadline = None if at == inf else Deadline(at, engine.clock, kind is ThreadRun)
        return kind(candidate.fn, args, kwargs, engine.clock, deadline, self.enter, candidate.workers)

    def ask_switch(self) -> SwitchState:
        """What the switch says; it is asked once, so that one call is made under one state."""
        self.switch = state = self.switch or self.engine.switch_state()
        return state

    def start(self, position: int) -> float:
        """When the candidate at `position` must be started."""
        return self.engine.schedule.start(self.begin, self.limit, position)

    def deadline(self) -> Deadline | None:
        """When the caller must have its decision."""
        return None if self.end == inf else Deadline(self.end, self.engine.clock)

    def tried(self, candidate: Candidate, number: int, outcome: Outcome) -> None:
        """Told of failed and repeated attempts: only these are worth a span of their own.

        Raises:
            SignatureError: the arguments do not fit the function: the caller's mistake, not the function's.
        """
        error = outcome.error if isinstance(outcome, Failure) else None
        if candidate.primary and error is not None:
            if issubclass(type(error), TypeError):
                self.reader.bind(self.args, self.kwargs)
            self.failure = error
        attempted(self.engine, self.span, candidate, number, outcome)

    def keep(
        self, position: int, run: Run, outcome: Outcome | None, expected: Callable[[], object] = _nothing
    ) -> None:
        """Keep a call until the turn of its candidate comes; `expected` is told when that is."""
        circuit = self.engine.candidates[position].circuit
        generation = 0 if circuit is None else circuit.generation
        self.ahead = {**(self.ahead or {}), position: _Ahead(run, generation, outcome, expected)}

    @property
    def hurried(self) -> bool:
        """Whether an enclosing deadline left less than half of the budget: what is late then may be quick enough."""
        budget = self.engine.config.budget
        return budget is not None and self.end - self.begin < budget.seconds * _FAIR_SHARE

    def release(self) -> None:
        """Nobody waits any more for calls whose turn has not come."""
        for each in (self.ahead or {}).values():
            each.run.give_up()
            each.expected()


def ask(course: Course, position: int) -> Generator[Effect, Any, Outcome]:
    """The outcome of the candidate at `position`: of its call under way, or of a new one."""
    engine = course.engine
    candidate = engine.candidates[position]
    run, outcome = _under_way(course, position)
    if outcome is not None:
        if isinstance(outcome, Failure):
            course.tried(candidate, 1, outcome)
        return outcome
    run = run or _new(course, position)
    if run is None:
        return REFUSED
    pace = engine.pace if candidate.primary else None
    tried = partial(course.tried, candidate)
    wait, rest = partial(_awaited, course, position), partial(_rest, course, position)
    try:
        return (yield from attempts(run, pace, tried, wait, rest))
    except BaseException:
        interrupted(course, candidate)
        raise


def interrupted(course: Course, candidate: Candidate) -> None:
    """An interrupt, a cancellation or a mistake of the caller says nothing about the function."""
    if candidate.circuit is not None:
        candidate.circuit.unmade(course.generation)


def _under_way(course: Course, position: int) -> tuple[Run | None, Outcome | None]:
    """A candidate's call that was started before its turn, and what came of it already."""
    if course.ahead is None or position not in course.ahead:
        return None, None
    run, course.generation, outcome, expected = course.ahead.pop(position)
    expected()
    return run, outcome


def _new(course: Course, position: int) -> Run | None:
    """A new call of a candidate; None where its circuit is open."""
    course.started = max(course.started, position + 1)
    run, circuit = course.prepare(position), course.engine.candidates[position].circuit
    assert run is not None  # noqa: S101 - the steps have seen that it is to be asked
    if circuit is not None:
        if circuit.state is not State.closed and not _admitted(course, position, run):
            return None
        course.generation = circuit.generation
    return run


def _admitted(course: Course, position: int, run: Run) -> bool:
    """Whether the call is made for its caller; a probe that can is made in the shadow."""
    engine = course.engine
    candidate = engine.candidates[position]
    circuit = candidate.circuit
    assert circuit is not None  # noqa: S101 - asked only with one
    if candidate.primary:
        course.reader.bind(course.args, course.kwargs)  # a mistake of the caller would speak against it
    bounded = course.limit != inf
    admission = circuit.admit(course.limit - course.begin if bounded else circuit.breaker.window)
    if candidate.primary:
        engine.telemetry.note(course.span, "circuit", circuit.state.value)
    if admission is Admission.probe and run.shadows and candidate.shadows:
        _watched(course, candidate, circuit, run)
        return False
    return admission is not Admission.refused


def _watched(course: Course, candidate: Candidate, circuit: Circuit, run: Run) -> None:
    """Make a probe in the shadow; what comes of it may close the circuit."""
    generation, patience = circuit.generation, course.limit - course.begin

    def report(outcome: Outcome) -> None:
        late = outcome.seconds > patience
        bad = isinstance(outcome, Answer) and (late or _bad(course, candidate, outcome.value))
        circuit.record(outcome, generation, bad=bad)
        # an event loop that ends with its request ends the shadow too: the next probe is made for its caller
        candidate.shadows = not isinstance(outcome, Failure) or outcome.made

    candidate.watch(run, report)


def _bad(course: Course, candidate: Candidate, value: Any) -> bool:
    try:
        return course.bad(candidate, value)
    except Exception:  # an answer that cannot even be looked at
        return True


def _awaited(course: Course, position: int, run: Run) -> Generator[Effect, Any, Outcome]:
    """Wait for a call until its deadline; what comes after it is started when its time has come."""
    end = inf if run.deadline is None else run.deadline.at
    hedged = course.engine.schedule.hedged[position]
    while True:
        run.until = min(course.start(course.started), end) if hedged else end
        outcome: Outcome | None = yield run
        if outcome is not None:
            return outcome
        yield from _start_next(course)


def _rest(course: Course, position: int, seconds: float) -> Generator[Effect, Any, None]:
    """Pause; what comes after is started when its time has come."""
    clock = course.engine.clock
    hedged = course.engine.schedule.hedged[position]
    end = clock.monotonic() + seconds
    while (left := end - clock.monotonic()) > 0:
        at = course.start(course.started) if hedged else inf
        yield Pause(clock, min(left, max(at - clock.monotonic(), 0.0)))
        if clock.monotonic() >= at:
            yield from _start_next(course)


def _start_next(course: Course) -> Generator[Effect, Any, None]:
    """Start the next candidate while those before it run on; one that cannot be asked is passed over."""
    position = course.started
    course.started += 1
    circuit = course.engine.candidates[position].circuit
    if circuit is not None and circuit.state is not State.closed:
        return
    try:
        run = course.prepare(position)
    except Exception:  # it will be raised again, and told, when its turn comes
        return
    if run is None:
        return
    run.until = -inf
    expected = _expecting(course.engine.clock, run)
    outcome: Outcome | None = yield run
    course.keep(position, run, outcome, expected)


def _expecting(clock: Any, run: Run) -> Callable[[], object]:
    """Tell a clock for tests of a call that nobody waits for yet: it lets no time pass before that has had its turn."""
    expecting = getattr(clock, "expecting", None)
    if expecting is None or not isinstance(run, ThreadRun):
        return _nothing
    run.fn, expected = expecting(run.fn)
    return cast("Callable[[], object]", expected)
