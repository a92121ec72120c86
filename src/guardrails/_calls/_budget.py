"""The time and the attempts a guarded call may spend."""

from __future__ import annotations

import os
from _thread import TIMEOUT_MAX
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .._errors import ConfigurationError

Enforcement = Literal["thread", "process", "cooperative", "async"]
_MOST_CALLS = 64


@dataclass(frozen=True, slots=True)
class Budget:
    """What one guarded call may spend: the whole call, with retries, fallbacks and the guard's own work.

    Attributes:
        seconds: from the call to the decision; positive and finite.
        attempts: tries of the primary; 1 means no retry. Attempts are paced by tenacity and end with the budget.
        retry_on: exceptions worth another attempt; required where `attempts` is more than 1.
        backoff: seconds, the scale of the random exponential pause between attempts.
        backoff_max: seconds, the longest pause.
        max_abandoned: calls that are still running after their caller went on; at this bound the function is not
            called any more until one of them ends.
        max_concurrent: calls of the function at once, abandoned ones among them; one more is refused at once as
            `saturated`. None: 64, and as many as there are processors where each needs a process.
        enforcement: how the primary is held to the deadline. `"thread"`: its caller stops waiting. `"process"`: it runs
            in a process of its own, which is killed. `"cooperative"`: it takes `timeout=` (seconds) or `deadline=` (an
            instant of the guard's clock) and keeps to it. `"async"`: it is cancelled. None: `"async"` for an `async
            def`, else `"thread"`.
        retry_tokens: retries that may be made in a row without a call in between, so that an outage is not multiplied.
        retry_refill: share of a retry that each call adds to them.

    Raises:
        ConfigurationError: a value that cannot work, or `attempts` without `retry_on`.
    """

    seconds: float
    attempts: int = 1
    retry_on: tuple[type[Exception], ...] = ()
    backoff: float = 0.01
    backoff_max: float = 0.2
    max_abandoned: int = 8
    max_concurrent: int | None = None
    enforcement: Enforcement | None = None
    retry_tokens: float = 10.0
    retry_refill: float = 0.1

    def __post_init__(self) -> None:
        _positive("seconds", self.seconds)
        _positive("backoff", self.backoff)
        _positive("backoff_max", self.backoff_max)
        _count("attempts", self.attempts)
        _count("max_abandoned", self.max_abandoned)
        if self.max_concurrent is not None:
            _count("max_concurrent", self.max_concurrent)
        _positive("retry_tokens", self.retry_tokens)
        _positive("retry_refill", self.retry_refill)
        if self.enforcement is not None and self.enforcement not in get_args(Enforcement):
            mend = 'must be "thread", "process", "cooperative" or "async", or None for what fits the function'
            raise ConfigurationError.of("Budget(enforcement=)", self.enforcement, mend)
        self._check_retry_on()

    def calls_at_once(self, enforcement: str) -> int:
        """How many calls of one function may run at once."""
        if self.max_concurrent is not None:
            return self.max_concurrent
        return (os.cpu_count() or 1) if enforcement == "process" else _MOST_CALLS

    def _check_retry_on(self) -> None:
        received: Any = self.retry_on
        given = received if isinstance(received, tuple) else (received,)
        if not all(isinstance(e, type) and issubclass(e, Exception) for e in given):
            raise ConfigurationError.of("Budget(retry_on=)", self.retry_on, "must be exception classes")
        if self.attempts > 1 and not given:
            mend = "name the exceptions worth another attempt, such as (ConnectionError,), where attempts is more than 1"
            raise ConfigurationError.of("Budget(retry_on=)", self.retry_on, mend)
        object.__setattr__(self, "retry_on", given)


def _positive(name: str, value: object) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= TIMEOUT_MAX
    if not good:
        mend = f"must be a positive number of seconds, at most {TIMEOUT_MAX:.0f}"
        raise ConfigurationError.of(f"Budget({name}=)", value, mend)


def _count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError.of(f"Budget({name}=)", value, "must be an int of at least 1")
