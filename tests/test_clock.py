"""The deadline in force, and the clock for tests."""

import asyncio
import dataclasses
import pickle
import threading

import pytest

import guardrails._clock as c
from guardrails._errors import ConfigurationError
from guardrails.testing import VirtualClock


def test_without_a_deadline_there_is_no_time_left_to_read():
    """None, not infinity."""
    assert c.time_left() is None


def test_a_nested_deadline_can_only_be_earlier():
    """An inner block cannot give more time than the outer one left."""
    clock = VirtualClock()
    with c.deadline(2.0, clock=clock):
        with c.deadline(5.0, clock=clock):
            assert c.time_left() == 2.0
        with c.deadline(1.0, clock=clock):
            clock.advance(0.25)
            assert c.time_left() == 0.75
        assert c.time_left() == 1.75
    assert c.time_left() is None


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_a_deadline_must_be_finite(seconds):
    """A deadline that never comes, or has no order, is a mistake."""
    with pytest.raises(ConfigurationError, match="seconds"), c.deadline(seconds):
        pass


@dataclasses.dataclass(frozen=True)
class FrozenError(ConnectionError):
    code: int


def test_an_exception_passes_through_a_deadline_as_it_is():
    """Also one that cannot be changed."""
    with pytest.raises(FrozenError), c.deadline(1.0):
        raise FrozenError(1)
    assert c.time_left() is None


def test_a_deadline_is_set_once_and_decorates_as_often_as_called():
    """A block of its own for each call."""
    clock = VirtualClock()
    mine = c.deadline(2.0, clock=clock)
    with mine as inner, pytest.raises(RuntimeError, match="once"):
        mine.__enter__()
    assert inner.at == clock.monotonic() + 2.0
    decorated = c.deadline(2.0, clock=clock)(c.time_left)
    assert [decorated(), decorated()] == [2.0, 2.0]


def test_a_deadline_of_another_clock_is_not_compared():
    """Instants of two clocks have no order."""
    own, other = VirtualClock(), VirtualClock(monotonic=1e6)
    with c.deadline(1.0, clock=other):
        mine = c.Deadline(own.monotonic() + 5.0, own)
        assert c.earlier(mine) is mine


def test_a_virtual_clock_moves_when_told():
    """It knows both kinds of time, and time does not go back."""
    clock = VirtualClock(monotonic=10.0, time=100.0)
    clock.advance(2.5)
    clock.sleep(0.5)

    assert (clock.monotonic(), clock.time()) == (13.0, 103.0)
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)


def test_a_virtual_wait_ends_with_the_lock():
    """A free lock is taken at once, in no virtual time."""
    clock = VirtualClock()

    assert clock.wait(threading.Lock(), 5.0)
    assert clock.monotonic() == 0.0


# --- an event loop on virtual time -------------------------------------------------------------------------------


def test_a_coroutine_sleeps_on_the_clock():
    """An hour passes at once, for everybody, in the order of the instants."""
    clock, seen = VirtualClock(), []

    async def sleep(seconds):
        await clock.asleep(seconds)
        seen.append((seconds, clock.monotonic()))

    async def main():
        await asyncio.gather(sleep(3600), sleep(0.5), sleep(2), sleep(0))

    asyncio.run(main())

    assert seen == [(0, 0.0), (0.5, 0.5), (2, 2.0), (3600, 3600.0)]


def test_a_timer_is_called_when_told_or_not_at_all():
    """Advanced to its instant it is called once; cancelled, never."""
    clock, seen = VirtualClock(), []

    async def main():
        loop = asyncio.get_running_loop()
        clock.call_later(loop, 5.0, lambda: seen.append("five"))
        clock.call_later(loop, 4.0, lambda: seen.append("four")).cancel()
        clock.call_later(loop, 0.0, lambda: seen.append("now"))
        await asyncio.sleep(0)
        clock.advance(5.0)
        await asyncio.sleep(0)
        clock.advance(5.0)
        await asyncio.sleep(0)

    asyncio.run(main())

    assert seen == ["now", "five"]


def test_a_timer_of_a_closed_loop_harms_nobody():
    """It is never called, and the clock goes on."""
    clock = VirtualClock()

    async def main():
        clock.call_later(asyncio.get_running_loop(), 5.0, lambda: pytest.fail("the loop is closed"))

    asyncio.run(main())
    clock.advance(10.0)

    assert clock.monotonic() == 10.0


def test_time_does_not_pass_for_a_timer_while_nobody_sleeps():
    """What is computed, or read from elsewhere, takes no virtual time."""
    clock = VirtualClock()

    async def main():
        timer = clock.call_later(asyncio.get_running_loop(), 5.0, lambda: pytest.fail("time has passed"))
        for _ in range(20):
            await asyncio.sleep(0.0005)
        timer.cancel()

    asyncio.run(main())

    assert clock.monotonic() == 0.0


def test_what_blocks_on_something_else_is_taken_to_hang(monkeypatch):
    """After half a second of real time, which is shortened here."""
    monkeypatch.setattr("guardrails.testing._clock._PATIENCE", 0.01)
    clock = VirtualClock()

    async def main():
        never = asyncio.Event()
        clock.call_later(asyncio.get_running_loop(), 5.0, never.set)
        await never.wait()

    asyncio.run(main())

    assert clock.monotonic() == 5.0
    assert not clock.wait(locked(), 2.0)
    assert clock.monotonic() == 7.0


def locked():
    lock = threading.Lock()
    lock.acquire()
    return lock


def test_a_copy_in_another_process_goes_on_from_the_same_instant():
    """Pickled, it starts where it was."""
    clock = VirtualClock(monotonic=3.0, time=100.0)
    clock.advance(1.0)
    copy = pickle.loads(pickle.dumps(clock))

    assert (copy.monotonic(), copy.time()) == (4.0, 101.0)
