"""`gr.guard`: frozen configuration, used as a decorator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Never, ParamSpec, TypeVar, overload

from .._calls import Breaker, Budget
from .._clock import Clock
from .._errors import ConfigurationError
from .._profile import Profile
from .._routing import Policy
from ._config import Config, Observer, Switch, configure
from ._facts import Source
from ._fallback import Fallback
from ._fit import check_function
from ._guarded import AsyncGuarded, AsyncGuardedTable, Guarded, GuardedTable
from ._novel import Score
from ._request import Mode, check_request, is_coroutine_function, name_of

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from .._guard_ports import ReviewStore

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F")


class _Required:
    """Stands for a budget that was not given: there is no safe default."""

    def __repr__(self) -> str:
        return "nothing"


_REQUIRED: Any = _Required()
DEFAULT_BREAKER = Breaker()


class Guard(Generic[F]):
    """The frozen configuration of a guard; call it with a function, or use it as the outermost decorator.

    `.config` holds every parameter in its final form. Made by `guardrails.guard`.
    """

    __slots__ = ("config",)

    config: Config

    def __init__(self, config: Config) -> None:
        object.__setattr__(self, "config", config)

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(f"a guard is frozen; make another one with gr.guard(..., {name}=...)")

    def __reduce__(self) -> tuple[Any, ...]:
        return Guard, (self.config,)

    def __repr__(self) -> str:
        return f"<Guard {self.config.name!r}>"

    def name_for(self, fn: object) -> str:
        """The guard's name, else the function's qualified name."""
        return self.config.name or name_of(fn)

    @overload
    def __call__(self, fn: Callable[P, Awaitable[T]]) -> AsyncGuarded[P, T, F]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, fn: Callable[P, T]) -> Guarded[P, T, F]: ...
    def __call__(self, fn: Any) -> Any:
        """Guard a function of one request.

        Args:
            fn: a function, an `async def`, a method, a classmethod or staticmethod object, or any callable.

        Raises:
            ConfigurationError: `fn` cannot be guarded, or does not fit this configuration.
        """
        if isinstance(fn, classmethod):
            return classmethod(self._guarded(fn.__func__, 1))
        if isinstance(fn, staticmethod):
            return staticmethod(self._guarded(fn.__func__, 0))
        return self._guarded(fn, 0)

    def _guarded(self, fn: Callable[..., Any], skip: int) -> Any:
        check_function(self.config, fn, table=False)
        check_request(fn, self.config.request, skip)
        kind = AsyncGuarded if is_coroutine_function(fn) else Guarded
        return kind(self, fn, skip=skip)

    def _guarded_table(self, fn: Callable[..., Any], skip: int) -> Any:
        check_function(self.config, fn, table=True)
        check_request(fn, self.config.request, skip)
        kind = AsyncGuardedTable if is_coroutine_function(fn) else GuardedTable
        return kind(self, fn, skip=skip)

    @overload
    def batch(self, fn: Callable[P, Awaitable[Any]]) -> AsyncGuardedTable[P]: ...
    @overload
    def batch(self, fn: Callable[P, Any]) -> GuardedTable[P]: ...
    def batch(self, fn: Any) -> Any:
        """Guard a function of a table that returns one output per row.

        Args:
            fn: takes a DataFrame, a 2-d array or a list of records as its first argument; it gets the rows that keep
                the contract, columns unchanged. Fallbacks get the table of the rows they are asked for.

        Raises:
            ConfigurationError: `fn` cannot be guarded, or does not fit this configuration.
        """
        if self.config.request != "first":
            mend = 'must be "first" for a table, which is the function\'s first argument'
            raise ConfigurationError.of("request", self.config.request, mend)
        if isinstance(fn, classmethod):
            return classmethod(self._guarded_table(fn.__func__, 1))
        if isinstance(fn, staticmethod):
            return staticmethod(self._guarded_table(fn.__func__, 0))
        return self._guarded_table(fn, 0)


@overload
def guard(
    name: str | None = ...,
    *,
    budget: float | Budget | None,
    contract: Any = ...,
    profile: Profile | None = ...,
    fallbacks: tuple[()] = ...,
    review: ReviewStore | None = ...,
    policy: Policy | None = ...,
    output: Any = ...,
    read: Callable[[Any], Any] | None = ...,
    cohort: Source = ...,
    difficulty: Source = ...,
    novelty: Score | None = ...,
    model_version: str | None = ...,
    switch: Switch | None = ...,
    breaker: Breaker | None = ...,
    observers: Sequence[Observer] = ...,
    request: Mode = ...,
    clock: Clock | None = ...,
    tracer_provider: TracerProvider | None = ...,
    meter_provider: MeterProvider | None = ...,
) -> Guard[Never]: ...
@overload
def guard(
    name: str | None = ...,
    *,
    budget: float | Budget | None,
    contract: Any = ...,
    profile: Profile | None = ...,
    fallbacks: Sequence[Callable[..., F] | Fallback[F]],
    review: ReviewStore | None = ...,
    policy: Policy | None = ...,
    output: Any = ...,
    read: Callable[[Any], Any] | None = ...,
    cohort: Source = ...,
    difficulty: Source = ...,
    novelty: Score | None = ...,
    model_version: str | None = ...,
    switch: Switch | None = ...,
    breaker: Breaker | None = ...,
    observers: Sequence[Observer] = ...,
    request: Mode = ...,
    clock: Clock | None = ...,
    tracer_provider: TracerProvider | None = ...,
    meter_provider: MeterProvider | None = ...,
) -> Guard[F]: ...
def guard(
    name: Any = None,
    *,
    budget: Any = _REQUIRED,
    contract: Any = None,
    profile: Profile | None = None,
    fallbacks: Sequence[Any] = (),
    review: ReviewStore | None = None,
    policy: Policy | None = None,
    output: Any = None,
    read: Callable[[Any], Any] | None = None,
    cohort: Source = None,
    difficulty: Source = None,
    novelty: Score | None = None,
    model_version: str | None = None,
    switch: Switch | None = None,
    breaker: Breaker | None = DEFAULT_BREAKER,
    observers: Sequence[Observer] = (),
    request: Mode = "first",
    clock: Clock | None = None,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> Guard[Any]:
    """Configure a guard, to be used as the outermost decorator of a predict function.

    Args:
        name: the guard's name; default: the function's qualified name.
        budget: seconds for the whole call, `Budget(...)`, or None for a call that nothing bounds. Required.
        contract: what a request must satisfy: a pandera DataFrameModel or DataFrameSchema, or `Contract(...)`.
        profile: what is known about the primary's error; None makes every answer `uncalibrated`, hence degraded.
        fallbacks: what answers instead, in order: callables, or `Fallback(...)`.
        review: where a request that needs review is stored, such as `ReviewQueue(path)`.
        policy: changes rows of the routing table.
        output: check of the answer: a callable that says whether it is good, or a pandera schema.
        read: reads probabilities (an array, or label to probability) or a number out of what the function returns.
        cohort: the request's cohort, where the profile was calibrated with cohorts: a field name, or a callable of the
            request.
        difficulty: the request's difficulty, where the profile was calibrated with one: the same.
        novelty: the user's own score of a request, where the profile was calibrated with `novelty_score=`.
        model_version: the version being served; one that differs from the profile's is refused.
        switch: says `"normal"`, `"fallback_only"` or `"review_all"`; asked on each request: `Switch(file)`, or any quick
            callable.
        breaker: when a function that fails too often is left alone for a while; None never.
        observers: called with each decision; an observer with a method `feedback` gets labels too.
        request: `"first"`, the first argument is the request; or `"arguments"`, all arguments together are.
        clock: where time comes from; tests inject `guardrails.testing.VirtualClock()`.
        tracer_provider: OpenTelemetry's; default the global one.
        meter_provider: OpenTelemetry's; default the global one.

    Raises:
        ConfigurationError: a parameter cannot work; the message names it, the value received and the mend.
    """
    if callable(name):
        raise ConfigurationError.of(
            "guard", name, "takes parameters first: write @gr.guard(budget=0.2), not @gr.guard"
        )
    if isinstance(budget, _Required):
        mend = "is required: seconds, gr.Budget(...), or None for a call that nothing bounds"
        raise ConfigurationError.of("budget", budget, mend)
    return Guard(
        configure(
            name=name,
            budget=budget,
            contract=contract,
            profile=profile,
            fallbacks=fallbacks,
            review=review,
            policy=policy,
            output=output,
            read=read,
            cohort=cohort,
            difficulty=difficulty,
            novelty=novelty,
            model_version=model_version,
            switch=switch,
            breaker=breaker,
            observers=observers,
            request=request,
            clock=clock,
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
        )
    )
