"""Reused daemon threads that run one function, so that its caller can stop waiting."""

from __future__ import annotations

import _thread
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any

# a thread that nobody needed for this long ends; a guard that is dropped leaves no threads behind
_IDLE_SECONDS = 30.0


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
    """One call handed to a worker.

    `claim` holds one token. Whoever pops it decides the call: the worker that has finished, or the caller that has
    stopped waiting. `list.pop` is atomic, so exactly one of them gets it.
    """

    __slots__ = ("args", "claim", "context", "error", "fn", "kwargs", "notify", "tally", "value")

    def __init__(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        context: Context,
        notify: Callable[[], object],
        tally: Tally,
    ) -> None:
        self.fn: Callable[..., Any] | None = fn
        self.args = args
        self.kwargs = kwargs
        self.context: Context | None = context
        self.notify = notify
        self.claim = [None]
        self.tally = tally
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Call the function and keep what it came to; drop the arguments, which an abandoned job may hold for long."""
        fn, context = self.fn, self.context
        assert fn is not None and context is not None  # noqa: S101, PT018 - a job runs once
        try:
            self.value = context.run(fn, *self.args, **self.kwargs)
        except BaseException as error:  # re-raised, or turned into a failure, by the caller
            self.error = error
        self.fn = self.context = None
        self.args, self.kwargs = (), {}


class _Worker:
    __slots__ = ("go", "job")

    def __init__(self) -> None:
        self.go = _thread.allocate_lock()
        self.go.acquire()
        self.job: Job | None = None


class Workers:
    """The threads of one function.

    They start when needed, are reused last in first out, and belong to the process: in a forked child, `reset`. A caller
    that stops waiting abandons its worker, which is counted until the function returns.

    Args:
        name: names the threads.
        max_abandoned: at this many abandoned calls `submit` refuses another.
        changed: told +1 when a call is abandoned and -1 when it ends after all.
    """

    def __init__(self, name: str, max_abandoned: int, changed: Callable[[int], None] | None = None) -> None:
        self.name = name
        self.max_abandoned = max_abandoned
        self._changed = changed
        self.reset()

    def reset(self) -> None:
        """Forget every thread; in a forked child there are none."""
        self._idle: deque[_Worker] = deque()
        self.tally = Tally(self._changed)

    @property
    def abandoned(self) -> int:
        """Calls that their callers gave up and that still run."""
        return self.tally.now

    @property
    def abandoned_total(self) -> int:
        """Calls that their callers gave up, ever."""
        return self.tally.total

    def __getstate__(self) -> tuple[str, int, Callable[[int], None] | None]:
        return (self.name, self.max_abandoned, self._changed)

    def __setstate__(self, state: tuple[str, int, Callable[[int], None] | None]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def submit(self, job: Job) -> bool:
        """Hand the job to a worker; False where too many calls are abandoned."""
        if self.abandoned >= self.max_abandoned:
            return False
        try:
            worker = self._idle.pop()
        except IndexError:
            try:
                worker = self._start()
            except RuntimeError:  # the machine gives no more threads
                return False
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

    def _start(self) -> _Worker:
        worker = _Worker()
        threading.Thread(
            target=_serve, args=(self, worker), name=f"guardrails {self.name}", daemon=True
        ).start()
        return worker

    def _finish(self, worker: _Worker, job: Job) -> None:
        try:
            job.claim.pop()
        except IndexError:
            job.tally.count(-1)
            self._idle.append(worker)
            return
        self._idle.append(worker)  # before the caller wakes, so that its next call finds this worker
        job.notify()

    def _retire(self, worker: _Worker) -> bool:
        try:
            self._idle.remove(worker)
        except ValueError:  # a caller has taken it this instant
            return False
        return True


def _serve(workers: Workers, worker: _Worker) -> None:
    while True:
        if not worker.go.acquire(True, _IDLE_SECONDS):
            if workers._retire(worker):  # noqa: SLF001 - the loop of the class above
                return
            worker.go.acquire()
        job, worker.job = worker.job, None
        assert job is not None  # noqa: S101 - submit sets it before it releases
        job.run()
        workers._finish(worker, job)  # noqa: SLF001
        del job
