"""Workers and effects: on time, counted, never a wrong result."""

import asyncio
import contextvars
import sys
import threading
import time

import pytest

from guardrails._calls import Answer, Failure, InlineRun, ThreadRun, Workers, drive
from guardrails._clock import CURRENT, SYSTEM_CLOCK, Deadline
from guardrails._types import CaveatCode
from guardrails.testing import VirtualClock


def run(fn, *args, seconds=10.0, workers=None, clock=SYSTEM_CLOCK, **more):
    workers = Workers("t", 8) if workers is None else workers
    deadline = None if seconds is None else Deadline(clock.monotonic() + seconds, clock, enforced=True)
    if deadline is None:
        return InlineRun(fn, args, {}, clock=clock, deadline=None, **more)
    return ThreadRun(fn, args, {}, clock=clock, deadline=deadline, workers=workers, **more)


def one(effect):
    """Drive a single effect."""

    def steps():
        return (yield effect)

    return drive(steps())


def test_a_call_answers():
    """The value comes back, with its duration."""
    outcome = one(run(lambda x: x + 1, 1))

    assert isinstance(outcome, Answer)
    assert outcome.value == 2
    assert outcome.seconds >= 0


def test_a_worker_is_reused():
    """Sequential calls share one thread."""
    workers = Workers("t", 8)

    threads = {one(run(threading.get_ident, workers=workers)).value for _ in range(20)}

    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_exception_becomes_a_failure_without_its_message():
    """Only the type is named: messages may hold values."""
    outcome = one(run(lambda: {}["secret"]))

    assert outcome.code is CaveatCode.error
    assert outcome.detail == "KeyError"
    assert isinstance(outcome.error, KeyError)


@pytest.mark.parametrize("seconds", [10.0, None], ids=["thread", "inline"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_a_base_exception_passes_through(error, seconds):
    """Interrupts and exits of the function reach the caller."""

    def stop():
        raise error

    with pytest.raises(error):
        one(run(stop, seconds=seconds))


def test_a_hanging_call_is_abandoned_counted_and_given_back():
    """The caller goes on at the deadline; the worker counts as abandoned until the function returns."""
    changes = []
    workers, release = Workers("t", 8, changes.append), threading.Event()

    outcome = one(run(release.wait, workers=workers, seconds=0.01))

    assert outcome.code is CaveatCode.deadline
    assert isinstance(outcome.error, TimeoutError)
    assert (workers.abandoned, changes) == (1, [1])
    release.set()
    _until(lambda: workers.abandoned == 0)
    assert changes == [1, -1]
    assert workers.abandoned_total == 1


def test_at_the_bound_the_function_is_not_called():
    """With too many abandoned calls the guard fails fast, and recovers by itself."""
    workers, release, calls = Workers("t", 2), threading.Event(), []
    for _ in range(2):
        one(run(release.wait, workers=workers, seconds=0.01))

    outcome = one(run(lambda: calls.append(1), workers=workers))

    assert (outcome.code, calls) == (CaveatCode.saturated, [])
    release.set()
    _until(lambda: workers.abandoned == 0)
    assert isinstance(one(run(lambda: calls.append(1), workers=workers)), Answer)


def test_without_time_left_the_function_is_not_called():
    """A deadline in the past is a failure at once."""
    calls = []

    outcome = one(run(lambda: calls.append(1), seconds=-1.0))

    assert (outcome.code, calls) == (CaveatCode.deadline, [])


def test_the_context_is_carried_over_with_the_deadline():
    """Context variables reach the worker, and so does the deadline."""
    var = contextvars.ContextVar("var", default=0)
    token = var.set(7)
    try:
        outcome = one(run(lambda: (var.get(), CURRENT.get().enforced)))
    finally:
        var.reset(token)

    assert outcome.value == (7, True)


def test_a_deadline_that_an_enclosing_call_enforces_needs_no_second_thread():
    """A nested call with a later deadline runs in the enclosing worker."""

    def outer():
        inner = one(run(threading.get_ident, seconds=60.0))
        return inner.value == threading.get_ident()

    assert one(run(outer, seconds=10.0)).value is True


def test_a_nested_call_with_an_earlier_deadline_is_enforced():
    """A nested call that must end sooner gets its own worker."""
    release = threading.Event()

    def outer():
        return one(run(release.wait, seconds=0.01)).code

    assert one(run(outer, seconds=10.0)).value is CaveatCode.deadline
    release.set()


def test_a_hang_of_a_minute_takes_no_real_time_on_a_virtual_clock():
    """Tests of budgets do not sleep."""
    clock = VirtualClock()

    begin = time.perf_counter()
    outcome = one(run(lambda: clock.sleep(60), clock=clock, seconds=10.0))

    assert outcome.code is CaveatCode.deadline
    assert clock.monotonic() == 10.0
    assert time.perf_counter() - begin < 5


def test_a_slow_call_in_time_takes_its_virtual_time():
    """Three virtual seconds of ten."""
    clock = VirtualClock()

    outcome = one(run(lambda: clock.sleep(3), clock=clock, seconds=10.0))

    assert isinstance(outcome, Answer)
    assert outcome.seconds == 3.0


def test_many_callers_around_the_deadline_never_get_anothers_result():
    """Every call gets its own result or a deadline; afterwards nothing is abandoned. 3,000 calls, 8 threads."""
    _stress(calls=375)


@pytest.mark.exhaustive
def test_a_hundred_thousand_callers_around_the_deadline():
    """The same with 100,000 calls."""
    _stress(calls=12_500)


def _stress(calls):
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads change places wherever they can
    try:
        _stressed(calls)
    finally:
        sys.setswitchinterval(interval)


def _stressed(calls):
    workers, wrong, outcomes = Workers("t", 64), [], []
    spin = (0.0, 0.0002, 0.0005, 0.001)

    def work(number):
        end = time.perf_counter() + spin[number % 4]
        while time.perf_counter() < end:
            pass
        return number

    def caller(base):
        for i in range(calls):
            number = base + i
            outcome = one(run(work, number, workers=workers, seconds=0.0006))
            outcomes.append(outcome)
            if isinstance(outcome, Answer) and outcome.value != number:
                wrong.append(number)

    threads = [threading.Thread(target=caller, args=(k * 10**6,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _until(lambda: workers.abandoned == 0)

    assert wrong == []
    assert len(outcomes) == 8 * calls
    late = sum(
        isinstance(o, Failure) and o.error is not None and o.code is CaveatCode.deadline for o in outcomes
    )
    assert workers.abandoned_total == late


def _until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        threading.Event().wait(0.001)
