"""A clock that moves only when it is told to, or when everybody waits for it."""

from __future__ import annotations

import threading

from .._clock import Waitable

# real seconds between two looks at a worker that is running, not sleeping, on virtual time
_LOOK = 0.0005
# looks without any progress after which the worker is taken to hang: about half a second
_LOOKS = 1000


class _Sleeper:
    """A thread asleep on the clock; left behind once its caller has gone on without it."""

    __slots__ = ("left_behind", "wake")

    def __init__(self, wake: float) -> None:
        self.wake = wake
        self.left_behind = False


class VirtualClock:
    """Time for tests: nobody sleeps for real, and a budget of ten seconds runs out in a millisecond.

    A function under guard that calls `clock.sleep(60)` hangs for a minute of virtual time: its caller's deadline
    passes first, at once in real time, and the sleeper wakes when the test advances the clock that far.
    It speaks for threads; an event loop keeps its own time, so give an `async def` under test a small real budget.

    Args:
        monotonic: where `monotonic()` starts, in seconds.
        time: where `time()` starts, in seconds since the epoch.

    Example:
        >>> clock = VirtualClock()
        >>> clock.advance(2.5)
        >>> clock.monotonic()
        2.5
    """

    def __init__(self, monotonic: float = 0.0, time: float = 1_700_000_000.0) -> None:
        self._now = monotonic
        self._epoch = time - monotonic
        self._changed = threading.Condition()
        self._sleepers: list[_Sleeper] = []

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._now

    def time(self) -> float:
        """Virtual seconds since the epoch."""
        return self._epoch + self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass; every sleeper whose time has come wakes.

        Raises:
            ValueError: `seconds` is negative: time does not go back.
        """
        if seconds < 0:
            raise ValueError(f"seconds: time does not go back; received {seconds!r}")
        with self._changed:
            self._now += seconds
            self._changed.notify_all()

    def sleep(self, seconds: float, /) -> None:
        """Block until the clock has advanced by `seconds`; where nobody waits with a deadline, advance it at once."""
        with self._changed:
            wake = self._now + seconds
            if not threading.current_thread().name.startswith("guardrails "):
                self._now = max(self._now, wake)
                self._changed.notify_all()
                return
            sleeper = _Sleeper(wake)
            self._sleepers.append(sleeper)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._now >= wake)
            self._sleepers.remove(sleeper)

    def wait(self, lock: Waitable, seconds: float, /) -> bool:
        """Acquire `lock` within `seconds` of virtual time.

        Time passes only while somebody sleeps on this clock; a function that gives no sign for half a second of real
        time is taken to hang.
        """
        end = self._now + seconds
        for look in range(_LOOKS):
            if lock.acquire(True, _LOOK):
                return True
            if self._pass_time(end, hangs=look == _LOOKS - 1):
                break
        return lock.acquire(True, _LOOK)

    def _pass_time(self, end: float, *, hangs: bool) -> bool:
        """Go on to the next moment at which something happens; True once that is `end`."""
        with self._changed:
            due = [each for each in self._sleepers if not each.left_behind and each.wake > self._now]
            if due or hangs:
                self._now = min([end, *(each.wake for each in due)])
                self._changed.notify_all()
            if self._now < end:
                return False
            for each in due:
                each.left_behind = each.wake > end
            return True
