"""Reused daemon threads that run one function, so that its caller can stop waiting; bounded in number."""

from __future__ import annotations

import _thread
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeAlias

from .._clock import Clock

# a thread that nobody needed for this long ends; a guard that is dropped leaves no threads behind
_IDLE_SECONDS = 30.0
_LOG = logging.getLogger("guardrails")

Places: TypeAlias = deque[None]


class Tally:
    """Abandoned calls: running now, and ever. A reset replaces it, and calls abandoned before count in the old one."""

    __slots__ = ("_changed", "_lock", "now", "total")

    def __init__(self, changed: Callable[[int], None] | None) -> None:
        self.now = 0
        self.total = 0
        self._changed = changed
        self._lock = threading.Lock()

    def count(self, change: int) -> None:
        """+1 when a call is abandoned, -1 when it ends after all."""
        with self._lock:
            self.now += change
            self.total += max(change, 0)
        if self._changed is not None:
            self._changed(change)


class Job:
    """One call handed to a worker: what the worker needs of it, and what it came to.

    `claim` holds one token. Whoever pops it decides the call: the worker that has finished, or the caller that has
    stopped waiting. `list.pop` is atomic, so exactly one of them gets it.
    """

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    clock: Clock
    context: Context | None
    claim: list[None]
    tally: Tally
    notify: Callable[[], object] | None
    # on the class: what it came to costs nothing until it is known
    end = 0.0
    value: Any = None
    error: BaseException | None = None

    def call(self) -> None:
        """Call the function and keep what it came to."""
        context, self.context = self.context, None
        assert context is not None  # noqa: S101 - a job is done once
        try:
            self.value = context.run(self.fn, *self.args, **self.kwargs)
        except BaseException as error:  # re-raised, or turned into a failure, by the caller
            self.error = error
        self.end = self.clock.monotonic()


class _Worker:
    __slots__ = ("go", "idle", "job", "places")

    def __init__(self, places: Places, idle: deque[_Worker]) -> None:
        self.go = _thread.allocate_lock()
        self.go.acquire()
        self.job: Job | None = None
        # its own, whatever is reset meanwhile: its place among the calls, and where it waits for another
        self.places = places
        self.idle = idle


class Workers:
    """The threads of one function, and the places of its calls.

    Threads start when needed, are reused last in first out, and belong to the process: in a forked child, `reset`. A
    caller that stops waiting abandons its call, which is counted, and keeps its thread or its place, until the function
    returns.

    Args:
        name: names the threads.
        max_abandoned: at this many abandoned calls another is refused.
        changed: told +1 when a call is abandoned and -1 when it ends after all.
        max_concurrent: at this many calls at once, abandoned ones among them, another is refused.
    """

    def __init__(
        self,
        name: str,
        max_abandoned: int,
        changed: Callable[[int], None] | None = None,
        max_concurrent: int = 64,
    ) -> None:
        self.name = name
        self.max_abandoned = max_abandoned
        self.max_concurrent = max_concurrent
        self._changed = changed
        self.reset()

    def reset(self) -> None:
        """Forget every thread and every place; in a forked child there are none."""
        self._idle: deque[_Worker] = deque()
        # what is taken from the right and put back is atomic: no lock on the way of a call
        self._places: Places = deque([None] * self.max_concurrent)
        self.tally = Tally(self._changed)

    @property
    def abandoned(self) -> int:
        """Calls that their callers gave up and that still run."""
        return self.tally.now

    @property
    def abandoned_total(self) -> int:
        """Calls that their callers gave up, ever."""
        return self.tally.total

    @property
    def running(self) -> int:
        """Calls that run now, abandoned ones among them."""
        return self.max_concurrent - len(self._places) - len(self._idle)

    def __getstate__(self) -> tuple[str, int, Callable[[int], None] | None, int]:
        return (self.name, self.max_abandoned, self._changed, self.max_concurrent)

    def __setstate__(self, state: tuple[str, int, Callable[[int], None] | None, int]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def full(self) -> str:
        """Why no further call is made, for people."""
        if self.abandoned >= self.max_abandoned:
            return f"{self.abandoned} abandoned calls are still running, at most {self.max_abandoned} may"
        if self._places:
            return "the machine gave no thread for it"
        return f"{self.running} calls are running, at most {self.max_concurrent} may"

    def enter(self) -> Places | None:
        """Take the place of a call that needs no thread; None where there is none. It is given back by `append(None)`."""
        places = self._places  # a place goes back to where it came from, whatever was reset meanwhile
        if self.tally.now >= self.max_abandoned:
            return None
        try:
            places.pop()
        except IndexError:
            return None
        return places

    def submit(self, job: Job) -> bool:
        """Hand the job to a worker; False where too many calls are abandoned or running."""
        if self.tally.now >= self.max_abandoned:
            return False
        try:
            worker = self._idle.pop()
        except IndexError:
            started = self._start()
            if started is None:
                return False
            worker = started
        worker.job = job
        worker.go.release()
        return True

    def abandon(self, job: Job) -> bool:
        """Stop waiting for the job; False where it has just finished and its outcome can be taken."""
        try:
            job.claim.pop()
        except IndexError:
            return False
        job.tally.count(1)
        return True

    def _start(self) -> _Worker | None:
        """Another thread, in a place of its own while it lives; None where there is none to be had."""
        places = self.enter()
        if places is None:
            return None
        worker = _Worker(places, self._idle)
        thread = threading.Thread(
            target=_serve, args=(self, worker), name=f"guardrails {self.name}", daemon=True
        )
        try:
            thread.start()
        except Exception:  # the machine gives no more threads, or no more memory
            places.append(None)
            return None
        return worker

    def _finish(self, worker: _Worker, job: Job) -> None:
        # what tells its caller may hold the job, and an error holds it through its traceback: neither may outlast it
        notify, job.notify = job.notify, None
        assert notify is not None  # noqa: S101 - a job is done once
        try:
            job.claim.pop()
        except IndexError:
            job.error = None
            job.tally.count(-1)
            self._rest(worker)
            return
        self._rest(worker)  # before the caller wakes, so that its next call finds this worker
        try:
            notify()
        except (
            Exception
        ) as error:  # a report that nobody waits for; its worker must live, and its message stay here
            _LOG.warning("%s: what was told of a call raised %s", self.name, type(error).__name__)

    def _rest(self, worker: _Worker) -> None:
        if worker.places is self._places:  # a worker from before a reset ends
            self._idle.append(worker)

    def _retire(self, worker: _Worker) -> bool:
        try:
            worker.idle.remove(worker)
        except ValueError:  # a caller has taken it this instant
            return False
        worker.places.append(None)
        return True


def _serve(workers: Workers, worker: _Worker) -> None:
    while True:
        if not worker.go.acquire(True, _IDLE_SECONDS):
            if workers._retire(worker):  # noqa: SLF001 - the loop of the class above
                return
            worker.go.acquire()
        job, worker.job = worker.job, None
        assert job is not None  # noqa: S101 - submit sets it before it releases
        job.call()
        workers._finish(worker, job)  # noqa: SLF001
        if worker.places is not workers._places:  # noqa: SLF001
            return
        del job
