"""One call of one function: what every way to make it has in common, and the plain way, in the caller's own thread."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context
from math import inf
from typing import Any

from .._clock import CURRENT, Clock, Deadline
from ._outcome import Answer, Outcome, late, raised, saturated
from ._workers import Workers

Report = Callable[[Outcome], object]


class Run:
    """One call of one function, at most until its deadline; its caller may look in between.

    An effect that can be asked more than once: each time it waits until `until` at most, and gives the outcome, or None
    while the call runs on. At the deadline it gives the call up.

    Args:
        fn: the function.
        args: its positional arguments.
        kwargs: its keyword arguments.
        clock: measures the call.
        deadline: when the caller stops waiting, as the call itself is told; None waits for ever.
        enter: run in the call's own context first, such as making a span current.
        workers: the threads and the places of the function's calls; None bounds nothing.
    """

    # a class with a dictionary: what a call seldom needs costs nothing to set
    begin = 0.0

    def __init__(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        clock: Clock,
        deadline: Deadline | None,
        enter: Callable[[], object] | None = None,
        workers: Workers | None = None,
    ) -> None:
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.clock = clock
        self.deadline = deadline
        self.enter = enter
        self.workers = workers
        self.until = inf if deadline is None else deadline.at

    @property
    def shadows(self) -> bool:
        """Whether it can run without anybody waiting for it."""
        return True

    def block(self) -> Outcome | None:
        """Start it, unless it has been started, and wait in this thread.

        Raises:
            BaseException: what the function raised, if it is no `Exception`; or an interrupt of the waiting thread.
        """
        raise NotImplementedError

    async def wait(self) -> Outcome | None:
        """The same without blocking the event loop."""
        raise NotImplementedError

    def watch(self, report: Report) -> None:
        """Have the outcome reported that nobody waits for; by any thread, and never if the call never ends."""
        raise NotImplementedError

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        raise NotImplementedError

    def again(self) -> Run:
        """The same call, not started."""
        return type(self)(
            self.fn, self.args, self.kwargs, self.clock, self.deadline, self.enter, self.workers
        )

    def _context(self) -> Context:
        """The call's own context: where its deadline is in force, and its span current."""
        context = copy_context()
        if self.deadline is not None:
            context.run(CURRENT.set, self.deadline)
        if self.enter is not None:
            context.run(self.enter)
        return context

    def _here(self) -> Outcome:
        """Call it in this thread, in a context of its own as everywhere else: what it sets there is not its caller's."""
        workers, begin = self.workers, self.begin
        places = None if workers is None else workers.enter()
        if workers is not None and places is None:
            return saturated(workers)
        try:
            value = self._context().run(self.fn, *self.args, **self.kwargs)
        except Exception as error:
            return raised(error, self.clock.monotonic() - begin)
        finally:
            if places is not None:
                places.append(None)
        return Answer(value, self.clock.monotonic() - begin)


class InlineRun(Run):
    """In the caller's own thread: nothing stops it, so that it is over when its caller may look."""

    @property
    def shadows(self) -> bool:
        """Never: its caller is the one that runs it."""
        return False

    def block(self) -> Outcome:
        """Call it."""
        self.begin = begin = self.clock.monotonic()
        if self.deadline is not None and self.deadline.at <= begin:
            return late(0.0, started=False)
        return self._here()

    async def wait(self) -> Outcome:
        """Call it, on the event loop."""
        return self.block()

    def give_up(self) -> None:
        """It is over."""
