"""After a call: what it says of the function's circuit and of its time."""

from __future__ import annotations

from contextlib import suppress

from .._calls import Failure, Outcome
from .._types import CaveatCode
from ._candidate import Candidate
from ._course import REFUSED, Course


def settle(course: Course, candidate: Candidate, outcome: Outcome, bad: bool = False) -> None:
    """Take the outcome of a candidate into account: for its circuit, and for the time that is kept for it.

    Raises:
        SignatureError: the primary was not called, and the arguments would not have fitted.
    """
    if candidate.primary and type(outcome) is Failure and not outcome.made:
        course.reader.bind(
            course.args, course.kwargs
        )  # arguments that do not fit are a mistake, called or not
    course.now = now = course.engine.clock.monotonic()
    circuit = candidate.circuit
    if circuit is not None and outcome is not REFUSED:
        if type(outcome) is Failure and outcome.code is CaveatCode.deadline and course.hurried:
            circuit.unmade(course.generation)
        else:
            circuit.record(outcome, course.generation, bad=bad, now=now)
    if not candidate.primary:
        candidate.latency.learn(outcome)


def probe(course: Course) -> None:
    """Run a fallback in the shadow now and then, so that what is known of its time stays fresh."""
    if course.switch == "review_all":
        return
    now = course.engine.clock.monotonic()
    for position, candidate in enumerate(course.engine.candidates):
        if position >= course.started and candidate.probe_due(now):
            with suppress(Exception):  # the decision is made, and nobody waits for this call
                _probe(course, position, candidate)


def _probe(course: Course, position: int, candidate: Candidate) -> None:
    engine = course.engine
    course.end, course.limit = engine.schedule.times(engine.clock.monotonic())
    run = course.prepare(position)
    if run is not None and run.shadows:
        candidate.watch(run, candidate.latency.learn)
