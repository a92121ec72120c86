"""A call on a worker thread: its caller stops waiting at the deadline, whatever the call does."""

from __future__ import annotations

import _thread
import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .._clock import CURRENT
from ._outcome import Answer, Outcome, late, raised, saturated
from ._run import Report, Run
from ._workers import Job, Workers

# what a guard may keep of its time for itself, and a little for rounding
_OWN = 0.0015


class ThreadRun(Run, Job):
    """One call on a worker of `workers`, whose deadline holds whatever the call does: `enforced`."""

    workers: Workers
    _begun = False
    _done: Any = None  # the lock, or the event loop, by which the worker wakes the caller
    _woken: asyncio.Future[None] | None = None

    def block(self) -> Outcome | None:
        """Hand it to a worker, unless that is done, and wait in this thread."""
        now = self.clock.monotonic()
        if not self._begun:
            self.begin = now
            deadline = self.deadline
            if deadline is not None and deadline.at <= now:
                return late(0.0, started=False)
            if CURRENT.get() is not None and self._enforced_outside():
                return self._here()
            done = self._done = _thread.allocate_lock()
            done.acquire()
            if not self._hand_over(done.release):
                return saturated(self.workers)
        try:
            in_time = self.clock.wait(self._done, max(self.until - now, 0.0))
        except BaseException:
            self.give_up()
            raise
        return self._outcome() if in_time else self._not_yet()

    async def wait(self) -> Outcome | None:
        """The same without blocking the event loop."""
        now = self.clock.monotonic()
        if not self._begun:
            self.begin = now
            if (refused := self._not_begun(now)) is not None:
                return refused
            self._done = asyncio.get_running_loop()
            if not self._hand_over(self._notify):
                return saturated(self.workers)
        if self.claim:
            await self._pause(now)
        return self._not_yet() if self.claim else self._outcome()

    def watch(self, report: Report) -> None:
        """Hand it over; the worker reports."""
        self.begin = self.clock.monotonic()
        if (refused := self._not_begun(self.begin)) is not None:
            report(refused)
            return
        self._done = _thread.allocate_lock()

        def ended() -> None:
            report(self._outcome(watched=True))

        if not self._hand_over(ended):
            report(saturated(self.workers))

    def give_up(self) -> None:
        """Its worker cannot be stopped: it is counted until the function returns."""
        if self._begun:
            self.workers.abandon(self)

    def _not_begun(self, now: float) -> Outcome | None:
        return late(0.0, started=False) if self.deadline is not None and self.deadline.at <= now else None

    def _enforced_outside(self) -> bool:
        # an enclosing guard stops waiting when this one would, and nothing is to be started before: a second thread would
        # bring nothing
        outer, own = CURRENT.get(), self.deadline
        return (
            outer is not None
            and own is not None
            and outer.enforced
            and outer.clock is self.clock
            and outer.at <= own.at + _OWN
            and self.until >= own.at
        )

    def _hand_over(self, notify: Callable[[], object]) -> bool:
        workers = self.workers
        self.context = self._context()
        self.notify = notify
        self.claim = [None]
        self.tally = workers.tally
        self._begun = workers.submit(self)
        return self._begun

    def _notify(self) -> None:
        with suppress(RuntimeError):  # the loop has been closed since
            self._done.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def _pause(self, now: float) -> None:
        """Until the worker notifies, or `until`."""
        loop = self._done
        self._woken = loop.create_future()
        timer = self.clock.call_later(loop, max(self.until - now, 0.0), self._wake)
        try:
            await self._woken
        except asyncio.CancelledError:
            self.give_up()
            raise
        finally:
            timer.cancel()

    def _not_yet(self) -> Outcome | None:
        if self.deadline is None or self.until < self.deadline.at:
            return None
        if self.workers.abandon(self):
            return late(self.deadline.at - self.begin, started=True)
        return self._outcome()  # it has finished this very instant

    def _outcome(self, *, watched: bool = False) -> Outcome:
        seconds = self.end - self.begin
        # a job that keeps its error keeps, through the traceback, itself and the arguments until a garbage collection
        error, self.error = self.error, None
        if error is None:
            return Answer(self.value, seconds)
        if issubclass(type(error), Exception) or watched:
            return raised(error, seconds)
        raise error
