"""Lets go what a fault holds up, and the clock on which it hangs in real time."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Protocol

from .._calls._waits import waker
from .._clock import Clock, SystemClock


class Release:
    """Whether what hangs may go on; once set, for good."""

    def __init__(self) -> None:
        self._set = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []

    @property
    def released(self) -> bool:
        """Whether it is set."""
        return self._set.is_set()

    def set(self) -> None:
        """Let everything go on."""
        with self._lock:
            self._set.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def then(self, callback: Callable[[], object]) -> None:
        """Call `callback` once it is set, from whichever thread sets it; at once where it is."""
        with self._lock:
            if not self._set.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def wait(self, seconds: float) -> None:
        """Block until it is set, or that many seconds of real time have passed."""
        self._set.wait(None if seconds == math.inf else seconds)


def awaken(loop: asyncio.AbstractEventLoop, wake: Callable[[], object]) -> None:
    """Call `wake` on the loop, from any thread; nothing where the loop has been closed since."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(wake)


class FaultClock(Clock, Protocol):
    """A clock on which a fault can hang; `VirtualClock` for tests, `RealClock` for drills."""

    def hang(self, release: Release, seconds: float = ..., /) -> None:
        """Block until released, or `seconds` have passed."""
        ...  # pragma: no cover

    async def ahang(self, release: Release, seconds: float = ..., /) -> None:
        """As `hang`, without blocking the event loop."""
        ...  # pragma: no cover

    def computing(self) -> AbstractContextManager[None]:
        """While a function computes."""
        ...  # pragma: no cover

    def stall(self) -> None:
        """Somebody waits now for something that will not come."""
        ...  # pragma: no cover


class RealClock(SystemClock):
    """The machine's clock, on which a fault hangs in real time: for drills."""

    __slots__ = ()

    @staticmethod
    def hang(release: Release, seconds: float = math.inf, /) -> None:
        """Block until released, or `seconds` have passed."""
        release.wait(seconds)

    @staticmethod
    async def ahang(release: Release, seconds: float = math.inf, /) -> None:
        """As `hang`, without blocking the event loop."""
        loop = asyncio.get_running_loop()
        done, wake = waker(loop)
        release.then(partial(awaken, loop, wake))
        with suppress(TimeoutError):
            await asyncio.wait_for(done, None if seconds == math.inf else seconds)

    @staticmethod
    def computing() -> AbstractContextManager[None]:
        """Real time passes meanwhile."""
        return nullcontext()

    @staticmethod
    def stall() -> None:
        """Real time passes by itself."""
