"""The workers against a plain model: places, abandoned calls, resets, and never a swapped result."""

import asyncio
import threading
import time

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from guardrails._calls import Answer, InlineRun, TaskRun, ThreadRun, Workers, drive, drive_async
from guardrails._clock import SYSTEM_CLOCK, Deadline
from guardrails._types import CaveatCode

MOST, ABANDONED = 4, 2


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        threading.Event().wait(0.0005)


class Call:
    """A call that ends when it is told to."""

    numbers = iter(range(10**9))

    def __init__(self, workers, era):
        self.number, self.era, self.abandoned = next(self.numbers), era, False
        self.go, self.entered = threading.Event(), threading.Event()
        deadline = Deadline(SYSTEM_CLOCK.monotonic() + 1000, SYSTEM_CLOCK)
        self.run = ThreadRun(self.work, (), {}, clock=SYSTEM_CLOCK, deadline=deadline, workers=workers)
        self.run.until = float("-inf")

    def work(self):
        self.entered.set()
        assert self.go.wait(30)
        return self.number


class Machine(RuleBasedStateMachine):
    """Calls begin, end, are given up and end later, in any order, with resets between."""

    kind, patience = Workers, 10.0

    def __init__(self):
        super().__init__()
        self.workers = self.kind("t", ABANDONED, None, MOST)
        self.calls, self.era, self.total = [], 0, 0

    def running(self):
        return [call for call in self.calls if call.era == self.era]

    def left(self):
        return [call for call in self.running() if call.abandoned]

    @rule()
    def begin(self):
        refused = len(self.running()) >= MOST or len(self.left()) >= ABANDONED
        call = Call(self.workers, self.era)
        outcome = call.run.block()
        if refused:
            assert getattr(outcome, "code", None) is CaveatCode.saturated
            return
        assert outcome is None
        assert call.entered.wait(10)
        self.calls.append(call)

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def end(self, data):
        call = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        call.go.set()
        if not call.abandoned:
            call.run.until = call.run.deadline.at
            outcome = call.run.block()
            assert isinstance(outcome, Answer)
            assert outcome.value == call.number

    @precondition(lambda self: any(not call.abandoned for call in self.calls))
    @rule(data=st.data())
    def give_up(self, data):
        call = data.draw(st.sampled_from([call for call in self.calls if not call.abandoned]))
        call.run.give_up()
        call.abandoned = True
        self.total += call.era == self.era

    @rule()
    def reset(self):
        self.workers.reset()
        self.era += 1
        self.total = 0

    @invariant()
    def counts(self):
        until(lambda: self.workers.running == len(self.running()), self.patience)
        until(lambda: self.workers.abandoned == len(self.left()), self.patience)
        assert self.workers.abandoned_total == self.total
        assert len(self.workers._idle) + len(self.workers._places) + len(self.running()) == MOST

    def teardown(self):
        for call in self.calls:
            call.go.set()
        self.workers.reset()


CHECKS = settings(
    max_examples=30, stateful_step_count=30, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck), print_blob=False,
)  # fmt: skip


def machine(kind, patience):
    return type("Machine", (Machine,), {"kind": kind, "patience": patience})


def test_the_workers_keep_their_books():
    """30 histories of 30 steps, on real threads."""
    run_state_machine_as_test(machine(Workers, 10.0), settings=CHECKS)


class Forgets(Workers):
    """The place of an abandoned call is given back at once."""

    def abandon(self, job):
        self._places.append(None)
        return super().abandon(job)


class Unbounded(Workers):
    def submit(self, job):
        self.max_abandoned = 99
        return super().submit(job)


class KeepsOld(Workers):
    """A worker from before a reset goes on working."""

    def _rest(self, worker):
        self._idle.append(worker)


@pytest.mark.parametrize("mutant", [Forgets, Unbounded, KeepsOld], ids=lambda mutant: mutant.__name__)
def test_workers_with_a_mistake_are_found_out(mutant):
    """The model can fail."""
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine(mutant, 0.3), settings=CHECKS)


def test_a_place_goes_back_to_where_it_came_from():
    """A reset while calls without a thread are running gives nobody more places than there are."""
    workers = Workers("t", 8, None, 2)
    soon = Deadline(SYSTEM_CLOCK.monotonic() + 1000, SYSTEM_CLOCK)

    def steps(run):
        return (yield run)

    drive(steps(InlineRun(workers.reset, (), {}, clock=SYSTEM_CLOCK, deadline=soon, workers=workers)))

    async def resets():
        workers.reset()

    async def raises():
        workers.reset()
        raise ValueError

    for fn in (resets, raises, lambda: workers.reset() or 1 / 0):
        asyncio.run(
            drive_async(steps(TaskRun(fn, (), {}, clock=SYSTEM_CLOCK, deadline=soon, workers=workers)))
        )

    assert (workers.running, len(workers._places)) == (0, 2)


def test_a_report_that_raises_leaves_the_worker_alive(caplog):
    """It is logged by its class alone, and the next call finds the worker."""
    workers = Workers("t", 8, None, 1)
    soon = Deadline(SYSTEM_CLOCK.monotonic() + 1000, SYSTEM_CLOCK)

    def report(outcome):
        raise ValueError("secret")

    ThreadRun(lambda: 1, (), {}, clock=SYSTEM_CLOCK, deadline=soon, workers=workers).watch(report)
    until(lambda: caplog.records)

    run = ThreadRun(lambda: 2, (), {}, clock=SYSTEM_CLOCK, deadline=soon, workers=workers)
    until(lambda: workers.running == 0)
    assert run.block().value == 2
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text
