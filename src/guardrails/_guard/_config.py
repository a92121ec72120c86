"""What an owner says about a guard: frozen, checked where it is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._calls import Breaker, Budget
from .._clock import SYSTEM_CLOCK, Clock
from .._contract import Contract, OutputCheck, contract_of, output_of
from .._errors import ConfigurationError
from .._profile import Profile
from .._routing import DEFAULT_POLICY, Policy
from .._switch import SwitchState
from .._types import Decision
from ._checks import check_optional_callable, check_profile
from ._facts import Source, check_facts
from ._fallback import Fallback
from ._novel import Score, check_novelty
from ._request import Mode, is_coroutine_function

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from .._guard_ports import ReviewStore

Switch = Callable[[], SwitchState]
Observer = Callable[[Decision[Any]], object]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Config:
    """Every parameter of `gr.guard`, checked and in its final form."""

    name: str | None
    budget: Budget | None
    contract: Contract | None
    profile: Profile | None
    fallbacks: tuple[Fallback[Any], ...]
    review: ReviewStore | None
    policy: Policy
    output: OutputCheck | None
    read: Callable[[Any], Any] | None
    cohort: Source
    difficulty: Source
    novelty: Score | None
    model_version: str
    switch: Switch | None
    breaker: Breaker | None
    observers: tuple[Observer, ...]
    request: Mode
    clock: Clock
    tracer_provider: TracerProvider | None = field(repr=False)
    meter_provider: MeterProvider | None = field(repr=False)


def configure(
    *,
    name: object,
    budget: object,
    contract: object,
    profile: Profile | None,
    fallbacks: Sequence[Any],
    review: Any,
    policy: Policy | None,
    output: object,
    read: Callable[[Any], Any] | None,
    cohort: Source,
    difficulty: Source,
    novelty: Score | None,
    model_version: str | None,
    switch: Switch | None,
    breaker: Breaker | None,
    observers: Sequence[Observer],
    request: Mode,
    clock: Clock | None,
    tracer_provider: TracerProvider | None,
    meter_provider: MeterProvider | None,
) -> Config:
    """Check every parameter and put it into its final form.

    Raises:
        ConfigurationError: a parameter cannot work.
    """
    check_profile("profile", profile)
    check_optional_callable("read", read)
    check_optional_callable("switch", switch)
    chain = _fallbacks(fallbacks, profile)
    allowed = budget_of(budget)
    for each in (profile, *(fallback.profile for fallback in chain)):
        check_facts(each, cohort, difficulty)
    check_novelty(profile, novelty, _policy(policy))
    return Config(
        name=_name(name),
        budget=allowed,
        contract=_affordable(contract_of(contract, "contract"), allowed, chain),
        profile=profile,
        fallbacks=chain,
        review=_review(review),
        policy=_policy(policy),
        output=output_of(output, "output"),
        read=read,
        cohort=cohort,
        difficulty=difficulty,
        novelty=novelty,
        model_version=_model_version(model_version, profile),
        switch=switch,
        breaker=_breaker(breaker),
        observers=_observers(observers),
        request=_mode(request),
        clock=_clock(clock),
        tracer_provider=tracer_provider,
        meter_provider=meter_provider,
    )


def budget_of(budget: object) -> Budget | None:
    """Seconds, a `Budget`, or None."""
    if budget is None or isinstance(budget, Budget):
        return budget
    if isinstance(budget, int | float) and not isinstance(budget, bool):
        with suppress(ConfigurationError):
            return Budget(budget)
    mend = (
        "must be a positive, finite number of seconds, gr.Budget(...), or None for a call that nothing bounds"
    )
    raise ConfigurationError.of("budget", budget, mend)


def _affordable(
    contract: Contract | None, budget: Budget | None, fallbacks: Sequence[Fallback[Any]]
) -> Contract | None:
    """Refuse a contract whose clauses that pandera must judge take more than half of the budget."""
    own = [each.contract for each in fallbacks if isinstance(each.contract, Contract)]
    for each in (contract, *own):
        if each is not None and budget is not None and each.cost > budget.seconds / 2:
            mend = (
                f"pandera needs {each.cost:.2g} s for one record's clauses that are not compiled (see explain()), more "
                f"than half of the budget of {budget.seconds:g} s: raise the budget, rewrite those clauses, or say "
                'gr.Contract(schema, uncompiled="caveat")'
            )
            raise ConfigurationError.of("contract", f"{len(each.fields)} fields", mend)
    return contract


def _name(name: object) -> str | None:
    if name is None or (isinstance(name, str) and name):
        return name
    raise ConfigurationError.of("name", name, "must be a non-empty string, or None for the function's name")


def _fallbacks(fallbacks: object, profile: Profile | None) -> tuple[Fallback[Any], ...]:
    if not isinstance(fallbacks, Sequence) or isinstance(fallbacks, str):
        raise ConfigurationError.of("fallbacks", fallbacks, "must be a list of callables or gr.Fallback(...)")
    chain = tuple(each if isinstance(each, Fallback) else Fallback(each) for each in fallbacks)
    for each in chain:
        _same_task(each.profile, profile)
    names = [each.name for each in chain]
    if len(set(names)) < len(names):
        raise ConfigurationError.of(
            "fallbacks", names, "must have different names: gr.Fallback(fn, name=...)"
        )
    return chain


def _same_task(own: Profile | None, primary: Profile | None) -> None:
    if own is None or primary is None:
        return
    if own.kind != primary.kind:
        raise ConfigurationError.of(
            "Fallback(profile=)",
            f"a {own.kind}'s profile",
            f"must be a {primary.kind}'s, as the guard's profile is",
        )
    if set(own.classes) != set(primary.classes):
        raise ConfigurationError.of(
            "Fallback(profile=)",
            own.classes,
            "must have the classes of the guard's profile; calibrate it on them",
        )
    if own.primary and own.primary != primary.digest:
        mend = "was calibrated behind another primary: calibrate it with primary=(the guard's profile, ...)"
        raise ConfigurationError(f"Fallback(profile=): {mend}; received the profile {own.name!r}")


def _review(review: Any) -> ReviewStore | None:
    if review is None or (
        not isinstance(review, type) and hasattr(review, "submit") and hasattr(review, "commit_q99")
    ):
        store: ReviewStore | None = review
        return store
    raise ConfigurationError.of(
        "review", type(review), "must be gr.ReviewQueue(path) or another review store, or None"
    )


def _policy(policy: Policy | None) -> Policy:
    if policy is None:
        return DEFAULT_POLICY
    if not isinstance(policy, Policy):
        raise ConfigurationError.of("policy", type(policy), "must be gr.Policy(...), or None")
    return policy


def _breaker(breaker: object) -> Breaker | None:
    if breaker is None or isinstance(breaker, Breaker):
        return breaker
    raise ConfigurationError.of("breaker", breaker, "must be gr.Breaker(...), or None for no circuit breaker")


def _model_version(version: str | None, profile: Profile | None) -> str:
    calibrated = "" if profile is None else profile.model_version
    if version is None:
        return calibrated
    if not isinstance(version, str):
        raise ConfigurationError.of("model_version", version, "must be a string, or None")
    if profile is not None and version != calibrated:
        mend = (
            f"the profile was calibrated for model_version {calibrated!r}: calibrate this version anew, "
            "or serve the one that was calibrated"
        )
        raise ConfigurationError.of("model_version", version, mend)
    return version


def _observers(observers: object) -> tuple[Observer, ...]:
    listed = (
        tuple(observers) if isinstance(observers, Sequence) and not isinstance(observers, str) else (None,)
    )
    if not all(callable(each) and not is_coroutine_function(each) for each in listed):
        mend = "must be a list of plain callables that take a decision"
        raise ConfigurationError.of("observers", observers, mend)
    return listed


def _mode(request: object) -> Mode:
    if request == "first":
        return "first"
    if request == "arguments":
        return "arguments"
    raise ConfigurationError.of("request", request, 'must be "first" or "arguments"')


def _clock(clock: Clock | None) -> Clock:
    if clock is None:
        return SYSTEM_CLOCK
    if isinstance(clock, type) or not isinstance(clock, Clock):
        raise ConfigurationError.of(
            "clock", type(clock), "must have monotonic, time, sleep, wait, asleep and call_later"
        )
    return clock
