"""A clock that moves only when it is told to, or when everybody waits for it."""

from __future__ import annotations

import asyncio
import math
import threading
import time as real
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from .._calls._waits import waker
from .._clock import CURRENT, Deadline, Waitable
from ._release import Release, awaken

# real seconds between two looks at what is running, not sleeping, on virtual time
_LOOK = 0.0005
# real seconds without a sign after which what runs is taken to hang
_PATIENCE = 0.5


class _Sleeper:
    """A thread or a coroutine asleep on the clock, with the deadline of whoever waits for it."""

    __slots__ = ("deadline", "wake")

    def __init__(self, wake: float) -> None:
        self.wake = wake
        self.deadline: Deadline | None = CURRENT.get()

    def awaited(self, clock: object, now: float) -> bool:
        """Whether its caller still waits; one that has gone on must not let time pass for others."""
        own = self.deadline
        return own is None or own.clock is not clock or now < own.at


class _End:
    """The instant at which a thread stops waiting."""

    __slots__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at


class _Timer:
    """Something due on an event loop; until then it looks, in real time, whether virtual time may pass."""

    __slots__ = ("at", "callback", "clock", "loop", "pulse", "seen")

    def __init__(
        self,
        clock: VirtualClock,
        loop: asyncio.AbstractEventLoop,
        at: float,
        callback: Callable[[], object],
    ) -> None:
        self.clock = clock
        self.loop = loop
        self.at = at
        self.callback: Callable[[], object] | None = callback
        self.seen = -1
        self.pulse = loop.call_later(_LOOK, self.look)

    def look(self) -> None:
        self.pulse = self.loop.call_later(_LOOK, self.look)
        self.seen = self.clock._look(self.seen)  # noqa: SLF001 - a part of the clock

    def fire(self) -> None:
        callback = self.callback
        self.cancel()
        if callback is not None:
            callback()

    def cancel(self) -> None:
        self.callback = None
        self.pulse.cancel()
        self.clock._forget(self)  # noqa: SLF001


class VirtualClock:
    """Time for tests: nobody sleeps for real, and a budget of ten seconds runs out in a millisecond.

    A function under guard that calls `clock.sleep(60)` hangs for a minute of virtual time, and so does an `async def`
    that awaits `clock.asleep(60)`: the caller's deadline passes first, at once in real time, and the sleeper wakes when
    the test advances the clock that far. Time passes by itself only while somebody whose caller still waits sleeps on
    the clock and nobody has given a sign for half a millisecond of real time: it then goes on to the next instant at
    which something is due. What gives no sign for half a second, since it blocks on something else, is taken to hang.

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
        self._due: list[_End | _Timer] = []
        self._stalled = -math.inf
        self._signs = 0
        self._last_sign = 0.0

    def __reduce__(self) -> tuple[Any, ...]:
        return VirtualClock, (self._now, self.time())  # in another process it goes on from the same instant

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
            self._go_to(self._now + seconds)

    def sleep(self, seconds: float, /) -> None:
        """Block until the clock has advanced by `seconds`; where nobody waits with a deadline, advance it at once."""
        self.hang(Release(), seconds)

    async def asleep(self, seconds: float, /) -> None:
        """As `sleep`, without blocking the event loop; time passes by itself."""
        await self.ahang(Release(), seconds)

    def hang(self, release: Release, seconds: float = math.inf, /) -> None:
        """As `sleep`, or until released."""
        release.then(self._stir)
        with self._changed:
            sleeper = _Sleeper(self._now + seconds)
            if seconds < math.inf and not threading.current_thread().name.startswith("guardrails "):
                self._go_to(max(self._now, sleeper.wake))
                return
            self._begin(sleeper)
            self._changed.wait_for(lambda: release.released or self._now >= sleeper.wake)
            self._end(sleeper)

    async def ahang(self, release: Release, seconds: float = math.inf, /) -> None:
        """As `asleep`, or until released."""
        loop = asyncio.get_running_loop()
        done, wake = waker(loop)
        release.then(partial(awaken, loop, wake))
        with self._changed:
            sleeper = _Sleeper(self._now + seconds)
            self._begin(sleeper)
        timer = self.call_later(loop, seconds, wake)
        try:
            await done
        finally:
            timer.cancel()
            with self._changed:
                self._end(sleeper)

    def stall(self) -> None:
        """Let time pass, once, for whoever waits now for something that will not come; returns at once."""
        with self._changed:
            self._stalled = self._now

    def wait(self, lock: Waitable, seconds: float, /) -> bool:
        """Acquire `lock` within `seconds` of virtual time."""
        if lock.acquire(True, _LOOK):
            return True
        end, seen = _End(self._now + seconds), -1
        self._expect(end)
        try:
            while self._now < end.at:
                seen = self._look(seen)
                if lock.acquire(True, _LOOK):
                    return True
        finally:
            self._forget(end)
        return lock.acquire(True, _LOOK)

    def call_later(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], object], /
    ) -> _Timer:
        """Call `callback` on `loop` once `seconds` of virtual time have passed; called on the loop's own thread."""
        timer = _Timer(self, loop, self._now + seconds, callback)
        self._expect(timer)
        if timer.at <= self._now:
            loop.call_soon(timer.fire)
        return timer

    def _expect(self, due: _End | _Timer) -> None:
        with self._changed:
            self._due.append(due)
            self._sign()

    def _forget(self, due: _End | _Timer) -> None:
        with self._changed:
            if due in self._due:
                self._due.remove(due)
                self._sign()

    def _begin(self, sleeper: _Sleeper) -> None:
        self._sleepers.append(sleeper)
        self._sign()

    def _end(self, sleeper: _Sleeper) -> None:
        self._sleepers.remove(sleeper)
        self._sign()

    def _stir(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _sign(self) -> None:
        self._signs += 1
        self._last_sign = real.monotonic()

    def _look(self, seen: int) -> int:
        """Let time pass where nobody has given a sign since the last look, at which there were `seen` of them."""
        with self._changed:
            if seen == self._signs and (self._asleep() or real.monotonic() - self._last_sign > _PATIENCE):
                instants = [each.at for each in self._due] + [each.wake for each in self._sleepers]
                self._go_to(min((at for at in instants if self._now < at < math.inf), default=self._now))
            return self._signs

    def _asleep(self) -> bool:
        return self._stalled == self._now or any(each.awaited(self, self._now) for each in self._sleepers)

    def _go_to(self, now: float) -> None:
        self._now = now
        self._sign()
        self._changed.notify_all()
        for due in sorted((each for each in self._due if each.at <= now), key=lambda each: each.at):
            if isinstance(due, _Timer):
                with suppress(RuntimeError):  # its loop has been closed since
                    due.loop.call_soon_threadsafe(due.fire)
