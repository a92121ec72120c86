"""Waiting that is no call: a pause between attempts, and a commit by another thread."""

from __future__ import annotations

import _thread
import asyncio
from collections.abc import Callable
from contextlib import suppress

from .._clock import Clock, Deadline


def waker(loop: asyncio.AbstractEventLoop) -> tuple[asyncio.Future[None], Callable[[], None]]:
    """A future, and what ends the waiting for it; ending it twice does nothing."""
    done: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not done.done():
            done.set_result(None)

    return done, wake


class Pause:
    """Wait before the next attempt."""

    __slots__ = ("clock", "seconds")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds

    def block(self) -> None:
        """Sleep on the clock."""
        self.clock.sleep(self.seconds)

    async def wait(self) -> None:
        """Sleep on the event loop."""
        await self.clock.asleep(self.seconds)


class Commit:
    """Wait for something another thread does and reports once, at most until the deadline.

    Args:
        start: called with a callback; the callback takes None, or the exception that spoilt it.
        clock: measures the wait.
        deadline: when to stop waiting; None waits at most `patience`.
        patience: seconds, where there is no deadline.
    """

    __slots__ = ("clock", "deadline", "patience", "start")

    def __init__(
        self,
        start: Callable[[Callable[[Exception | None], None]], None],
        *,
        clock: Clock,
        deadline: Deadline | None,
        patience: float = 5.0,
    ) -> None:
        self.start = start
        self.clock = clock
        self.deadline = deadline
        self.patience = patience

    def _left(self) -> float:
        return self.patience if self.deadline is None else self.deadline.at - self.clock.monotonic()

    def block(self) -> Exception | None:
        """None once it is done, or what spoilt it; TimeoutError at the deadline."""
        done = _thread.allocate_lock()
        done.acquire()
        errors: list[Exception | None] = []

        def callback(error: Exception | None) -> None:
            errors.append(error)
            done.release()

        self.start(callback)
        if not self.clock.wait(done, max(self._left(), 0.0)):
            return TimeoutError("not committed in time")
        return errors[0]

    async def wait(self) -> Exception | None:
        """As `block`, without blocking the event loop."""
        loop = asyncio.get_running_loop()
        done, wake = waker(loop)
        errors: list[Exception | None] = []

        def callback(error: Exception | None) -> None:
            errors.append(error)
            with suppress(RuntimeError):  # the loop has been closed since
                loop.call_soon_threadsafe(wake)

        self.start(callback)
        timer = self.clock.call_later(loop, max(self._left(), 0.0), wake)
        try:
            await done
        finally:
            timer.cancel()
        return errors[0] if errors else TimeoutError("not committed in time")
