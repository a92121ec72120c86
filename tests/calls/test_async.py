"""The same effects on an event loop: on time, never blocking it, never held by a coroutine."""

import asyncio
import threading
from contextlib import suppress

import pytest

from guardrails._calls import Answer, Commit, Pause, TaskRun, ThreadRun, Workers, drive_async
from guardrails._clock import SYSTEM_CLOCK, Deadline
from guardrails._types import CaveatCode
from guardrails.testing import VirtualClock


def run(fn, *args, seconds=10.0, workers=None, is_async=True):
    workers = Workers("t", 8) if workers is None else workers
    deadline = None if seconds is None else Deadline(SYSTEM_CLOCK.monotonic() + seconds, SYSTEM_CLOCK)
    kind = TaskRun if is_async else ThreadRun
    return kind(fn, args, {}, clock=SYSTEM_CLOCK, deadline=deadline, workers=workers)


async def one(effect):
    def steps():
        return (yield effect)

    return await drive_async(steps())


def test_a_coroutine_answers():
    """The value comes back."""

    async def double(x):
        await asyncio.sleep(0)
        return 2 * x

    assert asyncio.run(one(run(double, 4))).value == 8


def test_a_coroutine_that_raises_is_a_failure():
    """As for a plain function."""

    async def down():
        raise ConnectionError("secret")

    outcome = asyncio.run(one(run(down)))

    assert (outcome.code, outcome.detail) == (CaveatCode.error, "ConnectionError")


def test_a_hanging_coroutine_is_cancelled_at_the_deadline():
    """The caller goes on and the coroutine is cancelled."""
    cancelled = []

    async def hang():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def main():
        outcome = await one(run(hang, seconds=0.01))
        await asyncio.sleep(0)
        return outcome

    assert asyncio.run(main()).code is CaveatCode.deadline
    assert cancelled == [True]


def test_a_coroutine_that_swallows_its_cancellation_holds_nobody():
    """It runs on, counted, and the caller goes on at the deadline."""
    workers = Workers("t", 1)

    async def stubborn(release):
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return 1

    async def main():
        release = asyncio.Event()
        late = await one(run(stubborn, release, seconds=0.01, workers=workers))
        counted = workers.abandoned
        saturated = await one(run(stubborn, release, seconds=0.01, workers=workers))
        release.set()
        while workers.abandoned:
            await asyncio.sleep(0)
        return late, counted, saturated

    late, counted, saturated = asyncio.run(main())

    assert (late.code, counted, saturated.code) == (CaveatCode.deadline, 1, CaveatCode.saturated)


def test_cancelling_the_caller_cancels_the_coroutine():
    """Cancellation is passed on, not turned into an outcome."""
    cancelled = []

    async def hang():
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    async def main():
        task = asyncio.create_task(one(run(hang)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    asyncio.run(main())
    assert cancelled == [True]


def test_a_plain_function_does_not_block_the_loop():
    """It runs on a worker while the loop goes on."""

    async def main():
        release = threading.Event()
        task = asyncio.create_task(one(run(release.wait, is_async=False)))
        await asyncio.sleep(0)
        release.set()  # the loop is free to do this
        return await task

    assert isinstance(asyncio.run(main()), Answer)


def test_a_hanging_plain_function_is_abandoned():
    """The caller goes on at the deadline; the thread counts until it ends."""
    workers, release = Workers("t", 8), threading.Event()

    outcome = asyncio.run(one(run(release.wait, seconds=0.01, workers=workers, is_async=False)))

    assert (outcome.code, workers.abandoned) == (CaveatCode.deadline, 1)
    release.set()


def test_cancelling_the_caller_abandons_a_plain_function():
    """Its thread cannot be stopped, so it is counted."""
    workers, release = Workers("t", 8), threading.Event()

    async def main():
        task = asyncio.create_task(one(run(release.wait, workers=workers, is_async=False)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert workers.abandoned == 1
    release.set()


def test_a_pause_and_a_commit_await():
    """The other two effects, and what spoils a commit."""
    error = OSError("disk")

    async def main():
        await one(Pause(SYSTEM_CLOCK, 0.0))
        deadline = Deadline(SYSTEM_CLOCK.monotonic() + 0.01, SYSTEM_CLOCK)
        done = await one(Commit(lambda call: call(None), clock=SYSTEM_CLOCK, deadline=None))
        spoilt = await one(Commit(lambda call: call(error), clock=SYSTEM_CLOCK, deadline=None))
        late = await one(Commit(lambda call: None, clock=SYSTEM_CLOCK, deadline=deadline))
        return done, spoilt, late

    done, spoilt, late = asyncio.run(main())

    assert done is None
    assert spoilt is error
    assert isinstance(late, TimeoutError)


# --- on virtual time ---------------------------------------------------------------------------------------------


def test_the_clock_keeps_the_time_of_every_wait():
    """A deadline of ten seconds, a pause of a minute, a commit that never comes: at once in real time."""
    clock = VirtualClock()

    async def hang():
        await clock.asleep(60)

    async def main():
        deadline = Deadline(10.0, clock)
        task = TaskRun(hang, (), {}, clock=clock, deadline=deadline, workers=Workers("t", 8))
        outcome = await one(task)
        at = [clock.monotonic()]
        thread = ThreadRun(
            clock.sleep, (60,), {}, clock=clock, deadline=Deadline(15.0, clock), workers=Workers("t", 8)
        )
        other = await one(thread)
        at.append(clock.monotonic())
        await one(Pause(clock, 60.0))
        at.append(clock.monotonic())
        clock.advance(60)
        return outcome, other, at

    outcome, other, at = asyncio.run(main())

    assert (outcome.code, other.code) == (CaveatCode.deadline, CaveatCode.deadline)
    assert at == [10.0, 15.0, 75.0]


def test_a_coroutine_that_swallows_its_cancellation_lets_no_time_pass_for_others():
    """Its caller has gone on; the next call waits for its own work alone."""
    clock, stop = VirtualClock(), []

    async def swallow():
        while not stop:
            with suppress(asyncio.CancelledError):
                await clock.asleep(3.0)

    async def work():
        for _ in range(10):
            await asyncio.sleep(0.0005)

    async def main():
        late = await one(TaskRun(swallow, (), {}, clock=clock, deadline=Deadline(10.0, clock), workers=None))
        begin = clock.monotonic()
        good = await one(TaskRun(work, (), {}, clock=clock, deadline=Deadline(20.0, clock), workers=None))
        stop.append(True)
        return late, good, begin, clock.monotonic()

    late, good, begin, end = asyncio.run(main())

    assert late.code is CaveatCode.deadline
    assert isinstance(good, Answer)
    assert (begin, end) == (10.0, 10.0)
