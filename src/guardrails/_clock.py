"""Time: the clock that tests replace, and the deadline that calls inherit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from time import monotonic, sleep, time
from typing import Protocol, runtime_checkable

from ._errors import ConfigurationError


class Waitable(Protocol):
    """What a caller waits on: a lock that the worker releases."""

    def acquire(self, blocking: bool = ..., timeout: float = ..., /) -> bool:
        """As `threading.Lock.acquire`."""
        ...  # pragma: no cover


class Timer(Protocol):
    """Something due on an event loop."""

    def cancel(self) -> None:
        """Make it not happen; nothing where it has."""
        ...  # pragma: no cover


@runtime_checkable
class Clock(Protocol):
    """Where time comes from. `guardrails.testing.VirtualClock` is the one for tests."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        ...  # pragma: no cover

    def time(self) -> float:
        """Seconds since the epoch, UTC."""
        ...  # pragma: no cover

    def sleep(self, seconds: float, /) -> None:
        """Block the calling thread."""
        ...  # pragma: no cover

    def wait(self, lock: Waitable, seconds: float, /) -> bool:
        """Acquire `lock` within `seconds`; False when they have passed first."""
        ...  # pragma: no cover

    def call_later(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], object], /
    ) -> Timer:
        """Call `callback` on `loop` once `seconds` have passed; called on the loop's own thread."""
        ...  # pragma: no cover

    async def asleep(self, seconds: float, /) -> None:
        """Sleep without blocking the event loop."""
        ...  # pragma: no cover


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def __reduce__(self) -> str:
        return (
            "SYSTEM_CLOCK"  # deadlines of two clocks are not compared, so that a copy must be the same clock
        )

    monotonic = staticmethod(monotonic)
    time = staticmethod(time)
    sleep = staticmethod(sleep)

    @staticmethod
    def wait(lock: Waitable, seconds: float, /) -> bool:
        """Acquire `lock` within `seconds`; False when they have passed first."""
        return lock.acquire(True, seconds)

    @staticmethod
    def call_later(
        loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], object], /
    ) -> Timer:
        """Call `callback` on `loop` once `seconds` have passed; called on the loop's own thread."""
        return loop.call_later(seconds, callback)

    @staticmethod
    async def asleep(seconds: float, /) -> None:
        """Sleep without blocking the event loop."""
        await asyncio.sleep(seconds)


SYSTEM_CLOCK = SystemClock()


class Deadline:
    """An instant on a clock by which the caller has its answer.

    Attributes:
        at: the instant, on `clock.monotonic()`.
        clock: the clock the instant belongs to.
        enforced: whether a caller further out already stops waiting at this instant.
    """

    __slots__ = ("at", "clock", "enforced")

    def __init__(self, at: float, clock: Clock, enforced: bool = False) -> None:
        self.at = at
        self.clock = clock
        self.enforced = enforced

    def left(self) -> float:
        """Seconds until the instant; negative once it has passed."""
        return self.at - self.clock.monotonic()


CURRENT: ContextVar[Deadline | None] = ContextVar("guardrails_deadline", default=None)


def earlier(own: Deadline | None) -> Deadline | None:
    """The earlier of `own` and the deadline in force; a deadline of another clock cannot be compared and yields."""
    outer = CURRENT.get()
    if outer is None:
        return own
    if own is None:
        return outer
    return outer if outer.clock is own.clock and outer.at <= own.at else own


class deadline(ContextDecorator):  # noqa: N801 - read as the block it begins
    """Set the deadline of everything called inside the block; a nested block can only make it earlier.

    Args:
        seconds: from the block's begin; at most what an enclosing block left.
        clock: the clock; tests inject theirs.

    Raises:
        ConfigurationError: `seconds` is negative or not finite.
    """

    # not a generator: `contextmanager` changes what passes through it, which a frozen exception does not let it

    def __init__(self, seconds: float, *, clock: Clock = SYSTEM_CLOCK) -> None:
        given: object = seconds
        if not isinstance(given, int | float) or not 0 <= given < float("inf"):
            raise ConfigurationError.of("seconds", seconds, "must be finite and not negative")
        self._seconds = seconds
        self._clock = clock
        self._token: Token[Deadline | None] | None = None

    def __enter__(self) -> Deadline:
        """Begin the block."""
        if self._token is not None:
            raise RuntimeError("a deadline is set once: call gr.deadline again")
        inner = earlier(Deadline(self._clock.monotonic() + self._seconds, self._clock))
        self._token = CURRENT.set(inner)
        return inner  # type: ignore[return-value]

    def __exit__(self, *_: object) -> None:
        """End it."""
        assert self._token is not None  # noqa: S101 - it has begun
        CURRENT.reset(self._token)

    def _recreate_cm(self) -> deadline:  # a decorator: each call has a block of its own
        return deadline(self._seconds, clock=self._clock)


def time_left() -> float | None:
    """Seconds until the deadline in force, None where there is none; negative once it has passed."""
    current = CURRENT.get()
    return None if current is None else current.left()
