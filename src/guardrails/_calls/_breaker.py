"""When a function that fails too often is left alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .._errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A circuit breaker on the rate of failures over a window of calls.

    A call fails that raised, was late, or whose answer broke the output check. A request that breaks the contract is no
    call. While the circuit is open the function is not called, `circuit_open`; after `open_for` seconds a few requests
    are also put to it in the shadow, one at a time, while something else answers them, and `probes` good answers in a
    row close the circuit. A call in the caller's own thread cannot run in the shadow: there the request itself probes.

    Attributes:
        failure_rate: share of failed calls at which the circuit opens; above 0, at most 1.
        slow_after: seconds after which an answer counts as slow; None: none does.
        slow_rate: share of slow or failed calls at which the circuit opens; above 0, at most 1.
        window: seconds that are looked back.
        calls: the most calls that are looked back.
        min_calls: calls in the window below which the circuit stays closed.
        open_for: seconds until the first probe.
        probes: good answers in a row that close the circuit.
        ignore: exceptions that are no failure, such as one that says that the request was bad.
        observe_only: count and report, but call the function all the same.

    Raises:
        ConfigurationError: a value that cannot work.
    """

    failure_rate: float = 0.5
    slow_after: float | None = None
    slow_rate: float = 0.8
    window: float = 30.0
    calls: int = 100
    min_calls: int = 20
    open_for: float = 2.0
    probes: int = 3
    ignore: tuple[type[Exception], ...] = ()
    observe_only: bool = False

    def __post_init__(self) -> None:
        _rate("failure_rate", self.failure_rate)
        _rate("slow_rate", self.slow_rate)
        if self.slow_after is not None:
            _seconds("slow_after", self.slow_after)
        _seconds("window", self.window)
        _seconds("open_for", self.open_for)
        for name in ("calls", "min_calls", "probes"):
            _count(name, getattr(self, name))
        if self.min_calls > self.calls:
            mend = f"must be at most calls, which is {self.calls}: a window of fewer calls would never open the circuit"
            raise ConfigurationError.of("Breaker(min_calls=)", self.min_calls, mend)
        self._check_ignore()

    def _check_ignore(self) -> None:
        received: Any = self.ignore
        given = received if isinstance(received, tuple) else (received,)
        if not all(isinstance(each, type) and issubclass(each, Exception) for each in given):
            raise ConfigurationError.of("Breaker(ignore=)", self.ignore, "must be exception classes")
        object.__setattr__(self, "ignore", given)


def _rate(name: str, value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 1:
        raise ConfigurationError.of(f"Breaker({name}=)", value, "must be a share above 0, at most 1")


def _seconds(name: str, value: object) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
    if not good:
        raise ConfigurationError.of(
            f"Breaker({name}=)", value, "must be a positive, finite number of seconds"
        )


def _count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError.of(f"Breaker({name}=)", value, "must be an int of at least 1")
