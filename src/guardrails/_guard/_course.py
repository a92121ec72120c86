"""The call step: asks one candidate, within the time there is, while the next one is started in time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from math import inf
from typing import Any, NamedTuple

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
    attempts,
)
from .._clock import Deadline
from .._types import CaveatCode
from ._candidate import Candidate
from ._engine import Engine

# makes the call of the candidate at a position; None where it is not to be asked
Prepare = Callable[[int], Run | None]
Seen = Callable[[int, Outcome], None]
Judge = Callable[[Any], bool]

_REFUSED = Failure(CaveatCode.circuit_open, "")


class _Ahead(NamedTuple):
    """A call that was started while an earlier candidate's runs on."""

    run: Run
    generation: int
    outcome: Outcome | None


class Course:
    """What the calls of one guarded call share.

    Attributes:
        engine: the guarded function's state.
        args: the caller's positional arguments.
        kwargs: the caller's keyword arguments.
        begin: when the call began.
        deadline: when the caller must have its decision.
        limit: until when candidates may answer.
        enter: makes the span current in a call's own context.
        ahead: calls under way whose turn has not come.
        started: the position of the first candidate that has not been started.
        generation: of the circuit, when the candidate being asked was admitted.
    """

    __slots__ = (
        "ahead",
        "args",
        "begin",
        "deadline",
        "engine",
        "enter",
        "generation",
        "kwargs",
        "limit",
        "started",
    )

    def __init__(self, engine: Engine, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.engine = engine
        self.args = args
        self.kwargs = kwargs
        self.begin = engine.clock.monotonic()
        self.deadline = engine.deadline(self.begin)
        self.limit = engine.schedule.limit(self.deadline)
        self.enter: Callable[[], object] | None = None
        self.ahead: dict[int, _Ahead] = {}
        self.started = 0
        self.generation = 0

    def run(self, position: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run:
        """A call of the candidate at a position, not started."""
        engine = self.engine
        return engine.candidates[position].run(
            args, kwargs, clock=engine.clock, deadline=self._until(position), enter=self.enter
        )

    def _until(self, position: int) -> Deadline | None:
        limit, schedule = self.limit, self.engine.schedule
        if limit is None or schedule.hedged[position] or not schedule.cuts:
            return limit
        at = self.start(position + 1)
        return limit if at == inf else Deadline(at, limit.clock)

    def start(self, position: int) -> float:
        """When the candidate at `position` must be started."""
        limit = self.limit
        left = 0.0 if limit is None else limit.at - self.begin
        return self.engine.schedule.start(limit, position, left)

    def release(self) -> None:
        """Nobody waits any more for calls whose turn has not come."""
        for each in self.ahead.values():
            each.run.give_up()
        self.ahead.clear()


def ask(
    course: Course, position: int, prepare: Prepare, seen: Seen, judge: Judge
) -> Generator[Effect, Any, Outcome]:
    """The outcome of the candidate at `position`: of its call under way, or of a new one.

    Args:
        course: the calls of this guarded call.
        position: the candidate's place.
        prepare: makes the call of a candidate.
        seen: told of failed and repeated attempts.
        judge: whether an answer is bad, for a call in the shadow.
    """
    engine = course.engine
    candidate = engine.candidates[position]
    ahead = course.ahead.pop(position, None) if course.ahead else None
    if ahead is not None:
        run, course.generation = ahead.run, ahead.generation
        if ahead.outcome is not None:
            seen(1, ahead.outcome)
            return ahead.outcome
    else:
        course.started = max(course.started, position + 1)
        made = prepare(position)
        assert made is not None  # noqa: S101 - the steps have seen that it is to be asked
        run, circuit = made, candidate.circuit
        if circuit is not None:
            if circuit.state is not State.closed and not _admitted(course, candidate, circuit, run, judge):
                return _REFUSED
            course.generation = circuit.generation
    pace = engine.pace if candidate.primary else None
    if pace is None and not engine.schedule.hedged[position]:
        run.until = inf if run.deadline is None else run.deadline.at
        outcome: Outcome = yield run
        if isinstance(outcome, Failure):
            seen(1, outcome)
        return outcome

    def wait(run: Run) -> Generator[Effect, Any, Outcome]:
        return _awaited(course, position, run, prepare)

    def rest(seconds: float) -> Generator[Effect, Any, None]:
        return _rest(course, position, seconds, prepare)

    return (yield from attempts(run, pace, seen, wait, rest))


def settle(course: Course, candidate: Candidate, outcome: Outcome, *, bad: bool = False) -> None:
    """Take the outcome of a candidate into account: for its circuit, and for the time that is kept for it."""
    if candidate.circuit is not None:
        candidate.circuit.record(outcome, course.generation, bad=bad)
    if not candidate.primary:
        candidate.latency.learn(outcome)


def _admitted(course: Course, candidate: Candidate, circuit: Circuit, run: Run, judge: Judge) -> bool:
    """Whether the call is made for its caller; a probe that can is made in the shadow."""
    limit = course.limit
    patience = inf if limit is None else limit.at - course.begin
    admission = circuit.admit(patience)
    if admission is Admission.call or (admission is Admission.probe and not run.shadows):
        return True
    if admission is Admission.probe:
        generation = circuit.generation

        def report(outcome: Outcome) -> None:
            bad = isinstance(outcome, Answer) and judge(outcome.value)
            circuit.record(outcome, generation, bad=bad)

        candidate.watch(run, report)
    return False


def _awaited(course: Course, position: int, run: Run, prepare: Prepare) -> Generator[Effect, Any, Outcome]:
    """Wait for a call until its deadline; what comes after it is started when its time has come."""
    end = inf if run.deadline is None else run.deadline.at
    hedged = course.engine.schedule.hedged[position]
    while True:
        at = course.start(course.started) if hedged else inf
        run.until = min(at, end)
        outcome: Outcome | None = yield run
        if outcome is not None:
            return outcome
        yield from _start_next(course, prepare)


def _rest(course: Course, position: int, seconds: float, prepare: Prepare) -> Generator[Effect, Any, None]:
    """Pause; what comes after is started when its time has come."""
    clock = course.engine.clock
    end = clock.monotonic() + seconds
    while (left := end - clock.monotonic()) > 0:
        at = course.start(course.started) if course.engine.schedule.hedged[position] else inf
        yield Pause(clock, min(left, max(at - clock.monotonic(), 0.0)))
        if clock.monotonic() >= at:
            yield from _start_next(course, prepare)


def _start_next(course: Course, prepare: Prepare) -> Generator[Effect, Any, None]:
    """Start the next candidate while those before it run on; one that cannot be asked is passed over."""
    position = course.started
    course.started += 1
    circuit = course.engine.candidates[position].circuit
    if circuit is not None and circuit.state is not State.closed:
        return
    try:
        run = prepare(position)
    except Exception:  # it will be raised again, and told, when its turn comes
        return
    if run is None:
        return
    run.until = -inf
    outcome: Outcome | None = yield run
    generation = 0 if circuit is None else circuit.generation
    course.ahead[position] = _Ahead(run, generation, outcome)
