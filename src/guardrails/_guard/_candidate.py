"""Who can answer a request: the primary, or one fallback, with all that is its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from .._calls import (
    Breaker,
    Budget,
    Circuit,
    Cooperative,
    InlineRun,
    Latency,
    Outcome,
    Run,
    State,
    TaskRun,
    ThreadRun,
    Workers,
)
from .._clock import Clock
from .._conformal import Measure
from .._contract import Contract, OutputCheck
from .._errors import ConfigurationError
from .._profile import Profile
from .._types import CaveatCode, Finding
from ._config import Config
from ._fallback import INHERIT, Fallback
from ._request import is_coroutine_function

if TYPE_CHECKING:
    from .._calls._process import InProcess

# a fallback never measured gets this share of the budget
_FIRST_GUESS = 0.2

Changed = Callable[[int], None]


@dataclass(slots=True, eq=False)
class Candidate:
    """The primary or one fallback, ready to be asked."""

    name: str
    fn: Callable[..., Any]
    primary: bool
    kind: type[Run]  # how it is called
    enforcement: str
    contract: Contract | None
    output: OutputCheck | None
    measure: Measure
    workers: Workers | None
    latency: Latency
    circuit: Circuit | None
    finding: Finding | None  # what its mere answering means: the `fallback` caveat
    probe: float = 0.0  # share of the requests that it runs for in the shadow
    shadow: Run | None = None  # the last call that nobody waits for
    shadows: bool = True  # False where the last one could not come to its end
    process: InProcess | None = None
    _turns: count[int] = field(default_factory=lambda: count(1))

    @property
    def own(self) -> tuple[Finding, ...]:
        """The `fallback` caveat, for an answer that is not measured."""
        return () if self.finding is None else (self.finding,)

    @property
    def is_async(self) -> bool:
        """Whether it is a coroutine function."""
        return self.kind is TaskRun

    @property
    def inline(self) -> bool:
        """Whether it runs in its caller's own thread, so that nothing can be done meanwhile."""
        return self.kind is InlineRun

    def named(self, detail: str) -> str:
        """The detail, saying which fallback it is about."""
        if self.primary:
            return detail
        return f"fallback {self.name!r}: {detail}" if detail else f"fallback {self.name!r}"

    def probe_due(self, now: float) -> bool:
        """Whether it runs in the shadow for this request: that share of them, evenly spread."""
        if self.probe <= 0 or (self.circuit is not None and self.circuit.state is not State.closed):
            return False
        under_way = self.shadow
        if under_way is not None and under_way.deadline is not None and now < under_way.deadline.at:
            return False  # to cut it short would say that it takes longer than it does
        turn = next(self._turns)
        return int(turn * self.probe) > int((turn - 1) * self.probe)

    def watch(self, run: Run, report: Callable[[Outcome], object]) -> None:
        """Run it in the shadow; the one before, should it still run, is given up and counted."""
        if self.shadow is not None:
            self.shadow.give_up()
        self.shadow = run

        def ended(outcome: Outcome) -> None:
            if self.shadow is run:
                self.shadow = None  # it holds the request and the answer
            report(outcome)

        run.watch(ended)

    def start(self, seconds: float) -> bool:
        """Start its process, where it has one; False where that is not ready within `seconds`."""
        return True if self.process is None else self.process.start(seconds)

    def reset(self, first_guess: float) -> None:
        """Forget what was measured and counted, and every thread, process and circuit."""
        self.latency = Latency(0.0 if self.primary else first_guess)
        self.shadow = None
        self.shadows = True
        if self.workers is not None:
            self.workers.reset()
        if self.circuit is not None:
            self.circuit.reset()
        if self.process is not None:
            self.process.reset()


def candidates_of(
    config: Config, fn: Callable[..., Any], name: str, changed: Changed
) -> tuple[Candidate, ...]:
    """The primary and its fallbacks, in order.

    Raises:
        ConfigurationError: one of them cannot be called as it is to be enforced.
    """
    primary = _primary(config, fn, name, changed)
    fallbacks = (_fallback(config, each, primary, name, changed) for each in config.fallbacks)
    return (primary, *fallbacks)


def _primary(config: Config, fn: Callable[..., Any], name: str, changed: Changed) -> Candidate:
    enforcement = enforcement_of(config.budget, fn)
    process = _process(fn, enforcement)
    mismatch = filters_mismatch(config.profile, config.contract, config.output)
    return Candidate(
        name="primary",
        fn=process or (Cooperative(fn) if enforcement == "cooperative" else fn),
        primary=True,
        kind=_kind(config.budget, enforcement, fn),
        enforcement=enforcement,
        contract=config.contract,
        output=config.output,
        measure=Measure(config.profile, read=config.read, filters_match=not mismatch),
        workers=_workers(config.budget, enforcement, name, changed),
        latency=Latency(0.0),
        circuit=_circuit(config.breaker, config.clock),
        finding=None,
        process=process,
    )


def _fallback(
    config: Config, fallback: Fallback[Any], primary: Candidate, name: str, changed: Changed
) -> Candidate:
    contract = primary.contract if fallback.contract is INHERIT else fallback.contract
    mismatch = filters_mismatch(fallback.profile, contract, fallback.output)
    detail = f"{fallback.name!r}, {fallback.caveat}" if fallback.caveat else repr(fallback.name)
    finding = Finding(CaveatCode.fallback, detail)
    limit = None if config.profile is None else config.profile.max_degraded_error
    enforcement = _enforcement(config.budget, fallback.enforcement, fallback.fn)
    process, fn = _process(fallback.fn, enforcement), fallback.fn
    if fallback.probe and enforcement == "cooperative":
        mend = "0 for a function that runs in its caller's own thread, where there is no shadow"
        raise ConfigurationError.of("Fallback(probe=)", fallback.probe, mend)
    if primary.is_async and enforcement == "cooperative":
        mend = 'would block the event loop: leave it out, or say "thread"'
        raise ConfigurationError.of("Fallback(enforcement=)", enforcement, mend)
    return Candidate(
        name=fallback.name,
        fn=process or (Cooperative(fn) if enforcement == "cooperative" else fn),
        primary=False,
        kind=_kind(config.budget, enforcement, fallback.fn),
        enforcement=enforcement,
        contract=contract,
        output=fallback.output,
        measure=Measure(
            fallback.profile,
            read=fallback.read,
            filters_match=not mismatch,
            fallback=finding,
            limit=limit,
        ),
        workers=_workers(config.budget, enforcement, f"{name} fallback {fallback.name}", changed),
        latency=Latency(first_guess(config)),
        circuit=_circuit(config.breaker, config.clock),
        finding=finding,
        probe=0.0 if config.budget is None else fallback.probe,
        process=process,
    )


def first_guess(config: Config) -> float:
    """Seconds that a fallback is taken to need, until it has been measured."""
    budget, many = config.budget, max(len(config.fallbacks), 1)
    return 0.0 if budget is None else budget.seconds * _FIRST_GUESS / many


def enforcement_of(budget: Budget | None, fn: Callable[..., Any]) -> str:
    """How the primary is held to its budget.

    Raises:
        ConfigurationError: the function cannot be held that way.
    """
    return _enforcement(budget, None if budget is None else budget.enforcement, fn)


def _enforcement(budget: Budget | None, wanted: str | None, fn: Callable[..., Any]) -> str:
    if budget is None:
        return "inline"
    is_async = is_coroutine_function(fn)
    if wanted is None:
        return "async" if is_async else "thread"
    if is_async != (wanted == "async"):
        mend = (
            'must be "async" for an `async def`, or left out'
            if is_async
            else 'is for an `async def`; a plain function takes "thread", "process" or "cooperative"'
        )
        raise ConfigurationError.of("Budget(enforcement=)", wanted, mend)
    return wanted


def _process(fn: Callable[..., Any], enforcement: str) -> InProcess | None:
    if enforcement != "process":
        return None
    from .._calls._process import InProcess  # what starts processes is seldom wanted, and heavy

    return InProcess(fn)


def _kind(budget: Budget | None, enforcement: str, fn: Callable[..., Any]) -> type[Run]:
    if is_coroutine_function(fn):
        return TaskRun
    return InlineRun if budget is None or enforcement == "cooperative" else ThreadRun


def _workers(budget: Budget | None, enforcement: str, name: str, changed: Changed) -> Workers | None:
    if budget is None:
        return None
    return Workers(name, budget.max_abandoned, changed, budget.calls_at_once(enforcement))


def _circuit(breaker: Breaker | None, clock: Clock) -> Circuit | None:
    return None if breaker is None else Circuit(breaker, clock)


def filters_mismatch(profile: Profile | None, contract: Contract | None, output: OutputCheck | None) -> str:
    """Why the guard's filters are not those of its certificate; "" where they are."""
    if profile is None:
        return ""
    return profile.matches_filters(
        None if contract is None else contract.fingerprint, None if output is None else output.fingerprint
    )
