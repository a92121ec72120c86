"""A call of a coroutine function: cancelled at the deadline, and its caller never held by it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from .._types import CaveatCode
from ._outcome import Answer, Failure, Outcome, late, raised, saturated
from ._run import Report, Run
from ._workers import Places


class TaskRun(Run):
    """One call as a task of the running event loop; `workers` counts it, and bounds how many there are."""

    _task: asyncio.Task[Any] | None = None
    _places: Places | None = None
    _end = 0.0
    _late = False  # nobody waited for it, and its deadline has passed

    async def wait(self) -> Outcome | None:
        """Start the task, unless it has been started, and await it."""
        if self._task is None and (refused := self._start()) is not None:
            return refused
        task = self._task
        assert task is not None  # noqa: S101 - it has been started
        if not task.done():
            await self._pause(task)
        if task.done():
            return self._outcome(task)
        if self.deadline is None or self.until < self.deadline.at:
            return None
        self.give_up()
        return late(self.deadline.at - self.begin, started=True)

    def watch(self, report: Report) -> None:
        """Start the task; it reports when it is done, or when it is cancelled at its deadline."""
        refused = self._start()
        task = self._task
        if refused is not None or task is None:
            report(refused or late(0.0, started=False))
            return
        loop = task.get_loop()
        task.add_done_callback(lambda _: report(self._outcome(task, watched=True)))
        if self.deadline is not None:
            timer = self.clock.call_later(loop, self.deadline.at - self.begin, self._overdue)
            task.add_done_callback(lambda _: timer.cancel())

    def _overdue(self) -> None:
        self._late = True
        self.give_up()

    def give_up(self) -> None:
        """Cancel it; cancellation is a request: a coroutine that swallows it runs on, counted, while its caller goes on."""
        task = self._task
        if task is None or task.done():
            return
        if self.workers is not None:
            tally = self.workers.tally
            tally.count(1)
            task.add_done_callback(lambda _: tally.count(-1))
        _cancel(task)

    def _start(self) -> Outcome | None:
        self.begin = self.clock.monotonic()
        workers = self.workers
        if self.deadline is not None and self.deadline.at <= self.begin:
            return late(0.0, started=False)
        self._places = None if workers is None else workers.enter()
        if workers is not None and self._places is None:
            return saturated(workers)
        try:
            call = self.fn(*self.args, **self.kwargs)
        except Exception as error:  # such as arguments that do not fit
            self._leave()
            return raised(error, 0.0)
        try:
            # not `create_task(context=)`, which a task factory of two parameters refuses
            task = self._context().run(asyncio.get_running_loop().create_task, call)
        except Exception as error:
            self._leave()
            call.close()
            return raised(error, 0.0)
        task.add_done_callback(self._ended)
        self._task = task
        return None

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._end = self.clock.monotonic()
        self._leave()
        # an exception that nobody waits for any more is nobody's business; unread, asyncio would log it with its values
        if not task.cancelled():
            task.exception()

    def _leave(self) -> None:
        if self._places is not None:
            self._places.append(None)

    async def _pause(self, task: asyncio.Task[Any]) -> None:
        """Until the task is done, or `until`."""
        loop = asyncio.get_running_loop()
        woken = loop.create_future()

        def wake(_: object = None) -> None:
            if not woken.done():
                woken.set_result(None)

        task.add_done_callback(wake)
        left = self.until - self.clock.monotonic()
        timer = None if self.deadline is None else self.clock.call_later(loop, max(left, 0.0), wake)
        try:
            await woken
        except asyncio.CancelledError:
            self.give_up()
            raise
        finally:
            task.remove_done_callback(wake)
            if timer is not None:
                timer.cancel()

    def _outcome(self, task: asyncio.Task[Any], *, watched: bool = False) -> Outcome:
        seconds = (self._end or self.clock.monotonic()) - self.begin
        if task.cancelled():
            if watched and self._late:
                return Failure(CaveatCode.deadline, "cancelled at its deadline", seconds=seconds)
            if watched:  # such as by the end of its event loop: that says nothing about it
                return Failure(CaveatCode.deadline, "cancelled before its deadline", made=False)
            return raised(asyncio.InvalidStateError("the coroutine cancelled itself"), seconds)
        failure = task.exception()
        if failure is None:
            return Answer(task.result(), seconds)
        if isinstance(failure, Exception) or watched:
            return raised(failure, seconds)
        raise failure


def _cancel(task: asyncio.Task[Any]) -> None:
    loop = task.get_loop()
    if asyncio._get_running_loop() is loop:  # noqa: SLF001 - the documented form raises where there is none
        task.cancel()
        return
    with suppress(RuntimeError):  # the loop has been closed since
        loop.call_soon_threadsafe(task.cancel)
