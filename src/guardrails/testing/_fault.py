"""One fault: what a function does in place of answering, and how often it did."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ._broken_inputs import NotThereError
from ._release import FaultClock, Release
from ._seam import Candidate, RequestReader


class Fault:
    """What a block of `Faults` gives: the clock it runs on, and how often the fault struck.

    Attributes:
        clock: the clock of the guarded function inside the block.
        calls: calls made of the function meanwhile; of a fault of the requests, requests that were broken.
        struck: those that the fault did something to; of a flaky function, not all.
        running: calls inside the function now.
    """

    def __init__(self, clock: FaultClock) -> None:
        self.clock = clock
        self.calls = 0
        self.struck = 0
        self.running = 0
        self.missed = 0
        self.release = Release()
        self._lock = threading.Lock()

    @contextmanager
    def called(self) -> Iterator[int]:
        """Count one call while it runs; gives its number, from 1."""
        with self._lock:
            self.calls += 1
            self.running += 1
            number = self.calls
        try:
            yield number
        finally:
            with self._lock:
                self.running -= 1

    def strike(self) -> None:
        """Count one call that the fault does something to."""
        with self._lock:
            self.struck += 1

    def touched(self, *, there: bool) -> None:
        """Count one request that was broken, or that had nothing to break."""
        with self._lock:
            self.calls += there
            self.struck += there
            self.missed += not there


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a function under a fault does.

    Attributes:
        stall: seconds before it goes on; infinity hangs until the block ends.
        raises: gives what is raised by the call of this number, or None.
        answers: whether the function itself is called then.
        sometimes: whether a call in which it raises nothing is one like any other.
        spoil: makes of its answer, or of None, the answer that is given.
    """

    stall: float = 0.0
    raises: Callable[[int], BaseException | None] = lambda _: None
    answers: bool = True
    sometimes: bool = False
    spoil: Callable[[Any], Any] = lambda answer: answer


def faulty(
    fn: Callable[..., Any], fault: Fault, behaviour: Behaviour, *, is_async: bool
) -> Callable[..., Any]:
    """The function under the fault; a coroutine function stays one."""
    return _faulty_async(fn, fault, behaviour) if is_async else _faulty(fn, fault, behaviour)


def _faulty(fn: Callable[..., Any], fault: Fault, behaviour: Behaviour) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with fault.called() as number:
            if behaviour.stall:
                fault.strike()
                fault.clock.hang(fault.release, behaviour.stall)
            _strike(behaviour, fault, number)
            return behaviour.spoil(fn(*args, **kwargs) if behaviour.answers else None)

    return call


def _faulty_async(fn: Callable[..., Any], fault: Fault, behaviour: Behaviour) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with fault.called() as number:
            if behaviour.stall:
                fault.strike()
                await fault.clock.ahang(fault.release, behaviour.stall)
            _strike(behaviour, fault, number)
            return behaviour.spoil(await fn(*args, **kwargs) if behaviour.answers else None)

    return call


def computing(fn: Callable[..., Any], clock: FaultClock, *, is_async: bool) -> Callable[..., Any]:
    """The function, which the clock knows to compute while it runs: on virtual time that takes none."""

    def call(*args: Any, **kwargs: Any) -> Any:
        with clock.computing():
            return fn(*args, **kwargs)

    async def call_async(*args: Any, **kwargs: Any) -> Any:
        with clock.computing():
            return await fn(*args, **kwargs)

    return call_async if is_async else call


def _strike(behaviour: Behaviour, fault: Fault, number: int) -> None:
    if behaviour.stall and fault.release.released:
        raise TimeoutError("the fault has ended, and nobody waits for this call any more")
    error = behaviour.raises(number)
    if error is not None or not (behaviour.sometimes or behaviour.stall):
        fault.strike()
    if error is not None:
        raise error.with_traceback(None)  # raised before, it would bring the frames of that time


Change = tuple[Callable[[Any], Any], Fault]


class BrokenReader:
    """Reads each request as a broken upstream sent it, and hands it so to whoever is called.

    The guard's steps see the broken request; the functions are called with the caller's own arguments, so the two are
    joined by the identity of what the caller gave.

    Args:
        reader: the guarded function's own.
        changes: what is broken, in order, each with the fault that counts it.
    """

    place = sys.maxsize  # no request is taken from its place, unread

    def __init__(self, reader: RequestReader, changes: tuple[Change, ...]) -> None:
        self._reader = reader
        self._changes = changes
        self._seen: dict[Any, tuple[Any, Any]] = {}  # with the original, so that its id stays its own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    @classmethod
    def over(cls, below: Any, change: Change) -> BrokenReader:
        """One more change over a reader, broken or not."""
        if isinstance(below, cls):
            return cls(below._reader, (*below._changes, change))  # noqa: SLF001 - another one of its own
        return cls(below, (change,))

    def read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The broken request of this call."""
        request = broken = self._reader.read(args, kwargs)
        for change, fault in self._changes:
            try:
                broken = change(broken)
            except NotThereError:
                fault.touched(there=False)
            else:
                fault.touched(there=True)
        self._seen[self._key(request)] = (request, broken)
        return broken

    def _key(self, request: Any) -> Any:
        # in this mode the mapping is made anew on each reading; its values are the caller's
        if self._reader.mode == "arguments":
            return tuple((name, id(value)) for name, value in request.items())
        return id(request)

    def call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the function with the broken request; gives what it gives, a coroutine too."""
        seen = self._seen.get(self._key(self._reader.read(args, kwargs)))
        if seen is None:  # what a contract has transformed is made of the broken request already
            return fn(*args, **kwargs)
        if self._reader.mode == "arguments":
            return fn(*args[: self._reader.skip], **seen[1])
        args, kwargs = self._reader.replace(args, kwargs, seen[1])
        return fn(*args, **kwargs)


def with_broken_request(fn: Callable[..., Any], target: Any) -> Callable[..., Any]:
    """The function, called with what the target's reader makes of the request at that moment."""

    def call(*args: Any, **kwargs: Any) -> Any:
        reader = target._reader  # noqa: SLF001 - the seam's
        return reader.call(fn, args, kwargs) if isinstance(reader, BrokenReader) else fn(*args, **kwargs)

    return call


# real seconds for calls that were let go to come to their end
_SETTLE = 1.0


def abandoned(candidate: Candidate) -> int:
    """Threads of it that nobody waits for."""
    return 0 if candidate.workers is None or candidate.is_async else candidate.workers.abandoned


def settle(candidate: Candidate, fault: Fault, running: int) -> None:
    """Wait until the calls that were let go have ended, so that no thread hangs on after the block."""
    end = time.monotonic() + _SETTLE
    while not candidate.is_async and (fault.running or abandoned(candidate) > running):
        if time.monotonic() > end:
            return
        time.sleep(0.0002)
