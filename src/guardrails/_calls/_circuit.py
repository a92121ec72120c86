"""The state of one circuit breaker."""

from __future__ import annotations

import threading
from collections import deque
from enum import StrEnum
from typing import Any

from .._clock import Clock
from ._breaker import Breaker
from ._outcome import Failure, Outcome


class State(StrEnum):
    """What is done with a call."""

    closed = "closed"  # it is made
    open = "open"  # it is not made
    half_open = "half_open"  # one at a time is made, to see


class Admission(StrEnum):
    """Whether this call is made."""

    call = "call"
    probe = "probe"  # it is made, and what comes of it may close the circuit
    refused = "refused"


class Circuit:
    """One function's circuit: pure bookkeeping on a clock, for threads and event loops alike.

    Each change of state begins a new generation, and an outcome is recorded with the generation in which its call was
    admitted: a call from before a change can neither close the circuit nor open it again.

    Args:
        breaker: the rule.
        clock: for the window and the wait.
    """

    __slots__ = (
        "_recent",
        "_reopen",
        "breaker",
        "clock",
        "generation",
        "good",
        "lock",
        "opened",
        "probing",
        "state",
    )

    def __init__(self, breaker: Breaker, clock: Clock) -> None:
        self.breaker = breaker
        self.clock = clock
        self.reset()

    def reset(self) -> None:
        """Close it and forget."""
        self.lock = threading.Lock()
        self.state = State.closed
        self.generation = 0
        self.opened = 0  # how often it has opened
        self.good = 0  # good probes in a row
        self.probing: float | None = None  # the instant at which the probe under way has failed
        self._reopen = 0.0
        # (when, failed, slow): appending is atomic and drops the oldest, so that a good call takes no lock
        self._recent: deque[tuple[float, bool, bool]] = deque(maxlen=self.breaker.calls)

    def admit(self, patience: float) -> Admission:
        """Whether a call is made now; asked while the circuit is not closed.

        Args:
            patience: seconds after which a probe that has not ended has failed.
        """
        with self.lock:
            if self.state is State.closed:
                return Admission.call
            now = self.clock.monotonic()
            if self.state is State.open and now >= self._reopen:
                self._become(State.half_open)
            if self.probing is not None and now > self.probing:
                self._open(now)
            if self.breaker.observe_only:
                return Admission.call
            if self.state is State.open or self.probing is not None:
                return Admission.refused
            self.probing = now + patience
            return Admission.probe

    def record(
        self, outcome: Outcome, generation: int, *, bad: bool = False, now: float | None = None
    ) -> None:
        """Take the outcome of a call into account.

        Args:
            outcome: what came of it.
            generation: the circuit's, when the call was admitted.
            bad: whether the answer broke the output check.
            now: the instant, where the caller has just looked.
        """
        breaker = self.breaker
        if type(outcome) is Failure:
            if not outcome.made or issubclass(type(outcome.error), breaker.ignore):
                self.unmade(generation)
                return
            failed = slow = True
        else:
            failed = bad
            slow = bad or (breaker.slow_after is not None and outcome.seconds > breaker.slow_after)
        if now is None:
            now = self.clock.monotonic()
        if self.state is State.closed and generation == self.generation:
            self._recent.append((now, failed, slow))
            if not slow:
                return
        with self.lock:
            if generation == self.generation:
                self._judge(now, good=not slow)

    def unmade(self, generation: int) -> None:
        """A call that says nothing about the function; if it was a probe, it leaves its place to another."""
        if self.probing is not None:
            with self.lock:
                if generation == self.generation:
                    self.probing = None

    def _judge(self, now: float, *, good: bool) -> None:
        if self.state is State.closed:
            if self._too_many(now):
                self._open(now)
        elif self.state is State.half_open:
            self.probing = None
            if not good:
                self._open(now)
                return
            self.good += 1
            if self.good >= self.breaker.probes:
                self._become(State.closed)
                self._recent.clear()

    def _too_many(self, now: float) -> bool:
        breaker = self.breaker
        # a copy is atomic; another thread may append meanwhile
        seen = [(failed, slow) for at, failed, slow in self._recent.copy() if now - at <= breaker.window]
        n = len(seen)
        if n < breaker.min_calls:
            return False
        failures = sum(failed for failed, _ in seen)
        slow = sum(slow for _, slow in seen)
        if failures >= breaker.failure_rate * n:
            return True
        return breaker.slow_after is not None and slow >= breaker.slow_rate * n

    def _open(self, now: float) -> None:
        self.opened += 1
        self._become(State.open)
        self._reopen = now + self.breaker.open_for

    def _become(self, state: State) -> None:
        self.state = state
        self.generation += 1
        self.good = 0
        self.probing = None

    def twin(self, clock: Clock) -> Circuit:
        """A closed circuit under the same rule, on another clock."""
        return Circuit(self.breaker, clock)

    def trip(self) -> None:
        """Open it, as too many failures would."""
        with self.lock:
            self._open(self.clock.monotonic())

    def status(self) -> dict[str, Any]:
        """JSON-safe: its state, and how often it has opened."""
        return {
            "state": self.state.value,
            "opened": self.opened,
            "observe_only": self.breaker.observe_only,
        }

    def __getstate__(self) -> tuple[Any, ...]:
        return (self.breaker, self.clock)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.__init__(*state)  # type: ignore[misc]
