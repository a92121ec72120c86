"""A clock that moves only when it is told to, or when everybody waits for it."""

from __future__ import annotations

import asyncio
import math
import threading
import time as real
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from .._calls._waits import waker
from .._clock import Waitable
from ._marks import Expected, Mark, Watch
from ._release import Release, awaken

# real seconds between two looks at what is running, not sleeping, on virtual time
_LOOK = 0.0003
# real seconds for which a thread that has looked at the clock is taken to be on its way to its next wait
_ON_ITS_WAY = 0.05
# real seconds without a sign after which what runs is taken to hang
_PATIENCE = 0.5


class _Timer:
    """Something due on an event loop; until then it looks, in real time, whether virtual time may pass."""

    __slots__ = ("_callback", "_clock", "_loop", "_pulse", "_wait", "_watch")

    def __init__(
        self,
        clock: VirtualClock,
        loop: asyncio.AbstractEventLoop,
        wait: Mark,
        callback: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._loop = loop
        self._wait = wait
        self._watch = Watch()
        self._callback: Callable[[], object] | None = callback
        self._pulse = loop.call_later(_LOOK, self._look)

    def _look(self) -> None:
        self._pulse = self._loop.call_later(_LOOK, self._look)
        self._clock._look(self._watch)  # noqa: SLF001 - a part of the clock

    def due(self) -> None:
        """Its instant has come, as another thread may see first."""
        awaken(self._loop, self.fire)

    def fire(self) -> None:
        """Call back, once."""
        callback = self._callback
        self.cancel()
        if callback is not None:
            callback()

    def cancel(self) -> None:
        """Make it not happen; nothing where it has."""
        self._callback = None
        self._pulse.cancel()
        self._clock._forget(self._wait)  # noqa: SLF001


class VirtualClock:
    """Time for tests: nobody sleeps for real, and a budget of ten seconds runs out in a millisecond.

    A function under guard that calls `clock.sleep(60)` hangs for a minute of virtual time, and so does an `async def`
    that awaits `clock.asleep(60)`: the caller's deadline passes first, at once in real time, and the sleeper wakes when
    the test advances the clock that far. Time passes by itself only while everybody who is waited for sleeps on the
    clock: it then goes on to the next instant at which something is due. What computes takes no time, and what gives
    no sign for half a second of real time, since it blocks on something else, is taken to hang.

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
        self._sleepers: list[Mark] = []
        self._computing: list[Mark] = []
        self._waits: list[Mark] = []
        self._expected: list[Expected] = []
        self._timers: dict[Mark, _Timer] = {}
        self._awake: dict[int, float] = {}
        self._stalled = -math.inf
        self._signs = 0
        self._last_sign = 0.0

    def __reduce__(self) -> tuple[Any, ...]:
        return VirtualClock, (self._now, self.time())  # in another process it goes on from the same instant

    def monotonic(self) -> float:
        """Virtual seconds."""
        self._awake[threading.get_ident()] = real.monotonic()  # between two waits a call is nowhere else seen
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
            sleeper = Mark(self._now + seconds)
            if seconds < math.inf and not threading.current_thread().name.startswith("guardrails "):
                self._go_to(max(self._now, sleeper.at))
                return
            with self._noted(self._sleepers, sleeper):
                self._changed.wait_for(lambda: release.released or self._now >= sleeper.at)

    async def ahang(self, release: Release, seconds: float = math.inf, /) -> None:
        """As `asleep`, or until released."""
        loop = asyncio.get_running_loop()
        done, wake = waker(loop)
        release.then(partial(awaken, loop, wake))
        sleeper = Mark(self._now + seconds)
        timer = _Timer(self, loop, sleeper, wake)
        with self._noted(self._sleepers, sleeper):
            self._set(sleeper, timer)
            try:
                await done
            finally:
                timer.cancel()

    def stall(self) -> None:
        """Let time pass, once, for whoever waits now for something that will not come; returns at once."""
        with self._changed:
            self._stalled = self._now

    def computing(self) -> AbstractContextManager[None]:
        """Let no time pass meanwhile, unless this sleeps on the clock."""
        return self._noted(self._computing, Mark(math.inf))

    def expecting(self, fn: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[[], None]]:
        """Let no time pass until a call that is on its way to its thread has had its turn, unless it sleeps on the clock.

        Returns:
            The function to be called in the place of `fn`, and what is called once somebody waits for it.
        """
        mark = Expected()
        with self._changed:
            self._expected.append(mark)
            self._sign()

        def call(*args: Any, **kwargs: Any) -> Any:
            mark.begun = True
            try:
                return fn(*args, **kwargs)
            finally:
                forget()

        def forget() -> None:
            with self._changed:
                if mark in self._expected:
                    self._expected.remove(mark)
                    self._sign()

        return call, forget

    def wait(self, lock: Waitable, seconds: float, /) -> bool:
        """Acquire `lock` within `seconds` of virtual time."""
        if lock.acquire(True, _LOOK):
            return True
        wait, watch = Mark(self._now + seconds), Watch()
        with self._noted(self._waits, wait):
            while self._now < wait.at:
                self._look(watch)
                if lock.acquire(True, _LOOK):
                    return True
            self._awake[threading.get_ident()] = real.monotonic()
        return lock.acquire(True, _LOOK)

    def call_later(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], object], /
    ) -> _Timer:
        """Call `callback` on `loop` once `seconds` of virtual time have passed; called on the loop's own thread."""
        wait = Mark(self._now + seconds, loop=True)
        timer = _Timer(self, loop, wait, callback)
        with self._changed:
            self._waits.append(wait)
            self._set(wait, timer)
        return timer

    @contextmanager
    def _noted(self, marks: list[Mark], mark: Mark) -> Iterator[None]:
        with self._changed:
            marks.append(mark)
            self._sign()
            self._awake.pop(threading.get_ident(), None)
        try:
            yield
        finally:
            with self._changed:
                marks.remove(mark)
                self._sign()

    def _set(self, mark: Mark, timer: _Timer) -> None:
        with self._changed:
            self._timers[mark] = timer
            self._sign()
            if mark.at <= self._now:
                timer.due()

    def _forget(self, mark: Mark) -> None:
        with self._changed:
            if self._timers.pop(mark, None) is not None:
                self._sign()
            if mark in self._waits:
                self._waits.remove(mark)

    def _stir(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _sign(self) -> None:
        self._signs += 1
        self._last_sign = real.monotonic()

    def _look(self, watch: Watch) -> None:
        """Let time pass where nobody gives a sign and whoever is waited for sleeps."""
        self._awake.pop(threading.get_ident(), None)
        with self._changed:
            quiet = watch.is_quiet(self._signs)
            if quiet and (self._all_asleep() or real.monotonic() - self._last_sign > _PATIENCE):
                instants = {each.at for each in (*self._waits, *self._sleepers)}
                self._go_to(min((at for at in instants if self._now < at < math.inf), default=self._now))

    def _all_asleep(self) -> bool:
        """Whether each call that somebody waits for sleeps, or is itself waiting for one that does."""
        if any(real.monotonic() - seen < _ON_ITS_WAY for seen in list(self._awake.values())):
            return False
        now = self._now
        # one that is due and has not had its turn yet is not asleep any more
        asleep = sum(each.at > now and each.counts(self, now) for each in self._sleepers)
        asleep += self._stalled == now
        asleep += sum(each.nested(self, now) for each in self._waits)
        awake = max(
            sum(each.counts(self, now) for each in self._waits) + len(self._expected),
            sum(each.counts(self, now) for each in self._computing)
            + sum(not each.begun for each in self._expected),
        )
        return asleep > 0 and asleep >= awake

    def _go_to(self, now: float) -> None:
        self._now = now
        self._sign()
        self._changed.notify_all()
        for mark, timer in sorted(self._timers.items(), key=lambda each: each[0].at):
            if mark.at <= now:
                timer.due()
