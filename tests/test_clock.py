"""The deadline in force, and the clock for tests."""

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
