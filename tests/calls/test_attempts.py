"""Attempts: tenacity paces them, the deadline ends them, success never pays."""

import gc
import random
import weakref

import pytest

from guardrails._calls import Answer, Budget, InlineRun, Pace, Pause, ThreadRun, Workers, attempts, drive
from guardrails._clock import Deadline
from guardrails._errors import ConfigurationError
from guardrails._types import CaveatCode
from guardrails.testing import VirtualClock


def try_(fn, clock, *, seconds=10.0, **budget):
    seen = []
    budget = Budget(seconds, **budget)
    run = ThreadRun(
        fn,
        (),
        {},
        clock=clock,
        deadline=Deadline(clock.monotonic() + seconds, clock),
        workers=Workers("t", 8),
    )
    pace = Pace(budget) if budget.attempts > 1 else None
    told = lambda n, o: seen.append((n, getattr(o, "code", "answer")))
    return drive(attempts(run, pace, told, wait, rest_on(clock))), seen


def wait(run):
    return (yield run)


def rest_on(clock):
    def rest(seconds):
        yield Pause(clock, seconds)

    return rest


class Flaky:
    def __init__(self, failures, error=ConnectionError):
        self.failures, self.error, self.calls = failures, error, 0

    def __call__(self):
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error("secret")
        return self.calls


def test_success_at_once_is_one_call_that_nobody_is_told_of():
    """Only failures and repeated attempts are worth a record."""
    outcome, seen = try_(Flaky(0), VirtualClock(), attempts=3, retry_on=ConnectionError)

    assert (outcome.value, seen) == (1, [])


def test_a_retryable_error_is_tried_again_after_a_pause():
    """The second attempt answers; both are reported."""
    clock = VirtualClock()
    outcome, seen = try_(Flaky(1), clock, attempts=3, retry_on=ConnectionError, backoff=1.0, backoff_max=1.0)

    assert outcome.value == 2
    assert seen == [(1, CaveatCode.error), (2, "answer")]
    assert 0 < clock.monotonic() <= 1.0


def test_attempts_end_at_their_number():
    """`attempts` counts the first one."""
    flaky = Flaky(9)
    outcome, seen = try_(flaky, VirtualClock(), attempts=3, retry_on=ConnectionError)

    assert (outcome.code, flaky.calls, len(seen)) == (CaveatCode.error, 3, 3)


def test_another_error_is_not_tried_again():
    """Only what `retry_on` names."""
    flaky = Flaky(9, ValueError)
    outcome, _ = try_(flaky, VirtualClock(), attempts=3, retry_on=ConnectionError)

    assert (outcome.detail, flaky.calls) == ("ValueError", 1)


def test_a_pause_that_does_not_fit_is_not_begun():
    """The deadline leaves no room for the pause: no further attempt, no waiting."""
    clock, flaky = VirtualClock(), Flaky(9)
    random.seed(3)
    outcome, _ = try_(
        flaky, clock, seconds=0.001, attempts=50, retry_on=ConnectionError, backoff=100.0, backoff_max=100.0
    )

    assert outcome.code is CaveatCode.error
    assert flaky.calls < 50
    assert clock.monotonic() <= 0.001


def test_no_run_outlives_its_deadline():
    """400 seeded virtual runs with lognormal attempts: the caller always has its outcome at the deadline."""
    rng = random.Random(0)
    random.seed(0)
    for _ in range(400):
        clock = VirtualClock()

        def attempt(clock=clock):
            clock.sleep(rng.lognormvariate(-4, 1.0))
            raise ConnectionError

        try_(attempt, clock, seconds=0.1, attempts=5, retry_on=ConnectionError)
        assert clock.monotonic() <= 0.1 + 1e-9


@pytest.mark.parametrize("threaded", [False, True])
def test_a_failed_call_leaves_no_reference_to_its_arguments(threaded):
    """A frame given to a failing call is freed with the last reference, not by a garbage collection."""

    class Payload:
        pass

    clock = VirtualClock()
    payload = Payload()
    freed = weakref.ref(payload)
    call = (lambda p: 1 / 0, (payload,), {})
    if threaded:
        run = ThreadRun(*call, clock=clock, deadline=Deadline(10.0, clock), workers=Workers("t", 8))
    else:
        run = InlineRun(*call, clock=clock, deadline=None)
    gc.disable()
    try:
        drive(attempts(run, None, lambda n, o: None, wait, rest_on(clock)))
        del run, payload, call
        assert freed() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("kwargs", "name"),
    [
        ({"seconds": 0}, "seconds"),
        ({"seconds": -1}, "seconds"),
        ({"seconds": float("inf")}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": "1"}, "seconds"),
        ({"seconds": True}, "seconds"),
        ({"seconds": 1, "attempts": 0}, "attempts"),
        ({"seconds": 1, "attempts": 1.5}, "attempts"),
        ({"seconds": 1, "attempts": 2}, "retry_on"),
        ({"seconds": 1, "retry_on": ValueError("x")}, "retry_on"),
        ({"seconds": 1, "retry_on": (KeyboardInterrupt,)}, "retry_on"),
        ({"seconds": 1, "max_abandoned": 0}, "max_abandoned"),
        ({"seconds": 1, "backoff": 0}, "backoff"),
    ],
)
def test_a_budget_that_cannot_work_is_refused(kwargs, name):
    """The message names the parameter, the value and the mend."""
    with pytest.raises(ConfigurationError, match=rf"Budget\({name}=\): .*(must|name).*received"):
        Budget(**kwargs)


def test_answer_has_no_secret():
    """A failure's words never hold the exception's message."""
    outcome, _ = try_(Flaky(1), VirtualClock())

    assert not isinstance(outcome, Answer)
    assert "secret" not in outcome.detail
