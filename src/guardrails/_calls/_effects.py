"""What the guard's steps ask for and cannot do themselves: to run a call, to pause, to commit.

The steps are generators that yield these. Each says once how it is done by a thread that may block, and once how by
an event loop that may not; the steps themselves are the same for both.
"""

from __future__ import annotations

import _thread
import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any, Protocol

from .._clock import CURRENT, Clock, Deadline
from .._types import CaveatCode
from ._outcome import Answer, Failure, Outcome, late, raised
from ._waits import waker
from ._workers import Job, Workers


class Effect(Protocol):
    """Something to be done between two steps."""

    def block(self) -> Any:
        """Do it in the calling thread."""
        ...  # pragma: no cover

    async def wait(self) -> Any:
        """Do it without blocking the event loop."""
        ...  # pragma: no cover


class Run:
    """One call of one function, at most until its deadline.

    Args:
        fn: the function; a coroutine function only where `is_async`.
        args: its positional arguments.
        kwargs: its keyword arguments.
        clock: measures the call.
        deadline: when the caller stops waiting; None runs inline and waits for ever.
        workers: the threads of the function; None for a coroutine function.
        enter: run in the call's own context first, such as making a span current.
        is_async: whether `fn` is a coroutine function.
    """

    __slots__ = ("args", "clock", "deadline", "enter", "fn", "is_async", "kwargs", "workers")

    def __init__(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        clock: Clock,
        deadline: Deadline | None,
        workers: Workers | None,
        enter: Callable[[], object] | None = None,
        is_async: bool = False,
    ) -> None:
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.clock = clock
        self.deadline = deadline
        self.workers = workers
        self.enter = enter
        self.is_async = is_async

    def block(self) -> Outcome:
        """Run it and wait at most until the deadline.

        Raises:
            BaseException: what the function raised, if it is no `Exception`; or an interrupt of the waiting thread.
        """
        begin = self.clock.monotonic()
        deadline, workers = self.deadline, self.workers
        if deadline is None or workers is None:
            return self._inline(begin)
        left = deadline.at - begin
        if left <= 0:
            return late(0.0, started=False)
        if self._enforced_outside():
            return self._inline(begin)
        done = _thread.allocate_lock()
        done.acquire()
        job = Job(self.fn, self.args, self.kwargs, self._context(), done.release, workers.tally)
        if not workers.submit(job):
            return self._saturated(workers)
        try:
            in_time = self.clock.wait(done, left)
        except BaseException:
            workers.abandon(job)
            raise
        if not in_time:
            if workers.abandon(job):
                return late(left, started=True)
            done.acquire()  # it has finished this very instant: take its outcome
        return self._outcome(job, begin)

    async def wait(self) -> Outcome:
        """Run it as a task, or on a worker, and wait at most until the deadline."""
        if self.is_async:
            return await self._task()
        if self.deadline is None or self.workers is None:
            return self._inline(self.clock.monotonic())
        return await self._on_worker(self.workers, self.deadline)

    def _enforced_outside(self) -> bool:
        # an enclosing guard stops waiting no later than this one would: a second thread would bring nothing
        outer = CURRENT.get()
        assert self.deadline is not None  # noqa: S101 - asked only with a deadline
        return (
            outer is not None
            and outer.enforced
            and outer.clock is self.clock
            and outer.at <= self.deadline.at
        )

    def _context(self) -> Context:
        context = copy_context()
        deadline = self.deadline
        if deadline is not None:
            # a thread's caller stops waiting whatever the thread does; an event loop cannot interrupt what blocks it
            context.run(CURRENT.set, Deadline(deadline.at, deadline.clock, enforced=not self.is_async))
        if self.enter is not None:
            context.run(self.enter)
        return context

    def _inline(self, begin: float) -> Outcome:
        try:
            if self.enter is None:
                value = self.fn(*self.args, **self.kwargs)
            else:
                value = copy_context().run(self._entered)
        except Exception as error:
            return raised(error, self.clock.monotonic() - begin)
        return Answer(value, self.clock.monotonic() - begin)

    def _entered(self) -> Any:
        assert self.enter is not None  # noqa: S101 - asked only with one
        self.enter()
        return self.fn(*self.args, **self.kwargs)

    def _outcome(self, job: Job, begin: float) -> Outcome:
        seconds = self.clock.monotonic() - begin
        # a job that keeps its error keeps, through the traceback, itself and the arguments until a garbage collection
        error, job.error = job.error, None
        if error is None:
            return Answer(job.value, seconds)
        if isinstance(error, Exception):
            return raised(error, seconds)
        raise error

    def _saturated(self, workers: Workers) -> Failure:
        detail = f"{workers.abandoned} abandoned calls are still running, at most {workers.max_abandoned} may"
        return Failure(CaveatCode.saturated, detail)

    async def _on_worker(self, workers: Workers, deadline: Deadline) -> Outcome:
        begin = self.clock.monotonic()
        left = deadline.at - begin
        if left <= 0:
            return late(0.0, started=False)
        loop = asyncio.get_running_loop()
        done, wake = waker(loop)

        def notify() -> None:
            with suppress(RuntimeError):  # the loop has been closed since
                loop.call_soon_threadsafe(wake)

        job = Job(self.fn, self.args, self.kwargs, self._context(), notify, workers.tally)
        if not workers.submit(job):
            return self._saturated(workers)
        timer = self.clock.call_later(loop, left, wake)
        try:
            await done
        except asyncio.CancelledError:
            workers.abandon(job)
            raise
        finally:
            timer.cancel()
        if workers.abandon(job):
            return late(left, started=True)
        return self._outcome(job, begin)

    async def _task(self) -> Outcome:
        begin = self.clock.monotonic()
        left = None if self.deadline is None else self.deadline.at - begin
        if left is not None and left <= 0:
            return late(0.0, started=False)
        if self.workers is not None and self.workers.abandoned >= self.workers.max_abandoned:
            return self._saturated(self.workers)
        try:
            call: Coroutine[Any, Any, Any] = self.fn(*self.args, **self.kwargs)
        except Exception as error:  # such as arguments that do not fit
            return raised(error, 0.0)
        task = asyncio.get_running_loop().create_task(call, context=self._context())
        try:
            await _done(task, self.clock, left)
        except asyncio.CancelledError:
            self._give_up(task)
            raise
        if not task.done():
            self._give_up(task)
            assert left is not None  # noqa: S101 - without a timeout the task is done
            return late(left, started=True)
        return self._task_outcome(task, begin)

    def _give_up(self, task: asyncio.Task[Any]) -> None:
        # cancellation is a request: a coroutine that swallows it runs on, counted, while its caller goes on
        if self.workers is not None:
            tally = self.workers.tally
            tally.count(1)
            task.add_done_callback(lambda _: tally.count(-1))
        task.add_done_callback(_retrieve)
        task.cancel()

    def _task_outcome(self, task: asyncio.Task[Any], begin: float) -> Outcome:
        seconds = self.clock.monotonic() - begin
        if task.cancelled():
            error: Exception = asyncio.InvalidStateError("the coroutine cancelled itself")
            return raised(error, seconds)
        failure = task.exception()
        if failure is None:
            return Answer(task.result(), seconds)
        if isinstance(failure, Exception):
            return raised(failure, seconds)
        raise failure


async def _done(task: asyncio.Task[Any], clock: Clock, seconds: float | None) -> None:
    """Wait until the task is done, or `seconds` have passed."""
    loop = asyncio.get_running_loop()
    done, wake = waker(loop)
    task.add_done_callback(lambda _: wake())
    timer = None if seconds is None else clock.call_later(loop, seconds, wake)
    try:
        await done
    finally:
        if timer is not None:
            timer.cancel()


def _retrieve(task: asyncio.Task[Any]) -> None:
    # an abandoned task's exception is nobody's business any more; unread, asyncio would log it with its values
    if not task.cancelled():
        task.exception()
