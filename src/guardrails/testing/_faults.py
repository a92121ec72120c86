"""Faults for guarded functions, each a context manager: the model's, the upstream's, the surroundings'."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

from .._errors import ConfigurationError
from . import _broken_answers as answers
from . import _broken_inputs as inputs
from ._clock import VirtualClock
from ._fault import (
    Behaviour,
    BrokenReader,
    Fault,
    abandoned,
    computing,
    faulty,
    settle,
    with_broken_request,
)
from ._release import FaultClock
from ._seam import (
    Engine,
    candidate_of,
    engine_of,
    in_a_thread,
    is_table,
    layered,
    recompiled,
    reconfigured,
    wrapped_of,
)
from ._skewed import SkewedClock
from ._stores import FullReviews, LockedReviews

_Block = AbstractContextManager[Fault]


class Faults:
    """Makes guarded functions fail, for the length of a `with` block.

    `faults.hang(guarded)` makes the primary hang, `faults.hang(guarded, fallback=0)` the first fallback;
    `fallback="scorecard"` names it. Blocks nest and combine. Inside a block the guard runs on a virtual clock, so a
    budget of ten seconds is over in about a millisecond; when the block ends, what hangs is let go, and the guarded
    function is what it was. What is exchanged is seen by every thread and every event loop of the process.

    Each block gives a `Fault` with `.calls`, `.struck` and `.clock`.

    Args:
        clock: the clock of the guarded functions inside the blocks. None takes the guard's own clock if it is a
            `VirtualClock`, else a new one for each block.
    """

    def __init__(self, clock: FaultClock | None = None) -> None:
        self._clock = clock

    # --- the model, or a fallback

    def hang(self, guarded: Any, *, fallback: int | str | None = None) -> _Block:
        """It never returns, until the block ends.

        Raises:
            ConfigurationError: the guard has no budget, so that nothing would end the call.
        """
        if engine_of(guarded).config.budget is None:
            mend = (
                "has no budget, so a call that hangs would hang for ever: give the guard one, or use slow()"
            )
            raise ConfigurationError.of("guarded", guarded, mend)
        return self._calls(guarded, fallback, Behaviour(stall=math.inf))

    def slow(self, guarded: Any, seconds: float, *, fallback: int | str | None = None) -> _Block:
        """It takes `seconds` longer, then answers."""
        if not 0 < seconds < math.inf:
            raise ConfigurationError.of("seconds", seconds, "must be positive and finite")
        return self._calls(guarded, fallback, Behaviour(stall=seconds))

    def error(
        self,
        guarded: Any,
        error: BaseException | type[BaseException] = RuntimeError,
        *,
        fallback: int | str | None = None,
    ) -> _Block:
        """It raises `error`, an exception or its class."""
        made = _exception(error)
        return self._calls(guarded, fallback, Behaviour(raises=lambda _: made, answers=False))

    def flaky(
        self,
        guarded: Any,
        every: int,
        error: BaseException | type[BaseException] = ConnectionError,
        *,
        fallback: int | str | None = None,
    ) -> _Block:
        """Every `every`-th call raises `error`; the others answer."""
        given: object = every
        if not isinstance(given, int) or isinstance(given, bool) or given < 1:
            raise ConfigurationError.of("every", every, "must be a whole number of at least 1")
        made = _exception(error)
        behaviour = Behaviour(raises=lambda number: None if number % every else made, sometimes=True)
        return self._calls(guarded, fallback, behaviour)

    def returns(self, guarded: Any, answer: Any, *, fallback: int | str | None = None) -> _Block:
        """It returns `answer`, without being called."""
        return self._calls(guarded, fallback, Behaviour(answers=False, spoil=lambda _: answer))

    def none(self, guarded: Any, *, fallback: int | str | None = None) -> _Block:
        """It returns None."""
        return self.returns(guarded, None, fallback=fallback)

    def garbage(self, guarded: Any, *, fallback: int | str | None = None) -> _Block:
        """It returns an object that is no answer at all."""
        return self.returns(guarded, answers.Garbage(), fallback=fallback)

    def nan(self, guarded: Any, *, fallback: int | str | None = None) -> _Block:
        """It returns what it would, with NaN in the place of every number."""
        return self._calls(guarded, fallback, Behaviour(spoil=answers.nan_like))

    def wrong_shape(self, guarded: Any, *, fallback: int | str | None = None) -> _Block:
        """It returns what it would without its last part; of a table, without the last row's output."""
        spoil = answers.shorter if is_table(guarded) else answers.misshapen
        return self._calls(guarded, fallback, Behaviour(spoil=spoil))

    @contextmanager
    def saturate(self, guarded: Any, *, fallback: int | str | None = None) -> Iterator[Fault]:
        """As many of its calls are abandoned and still run as the budget allows, so it is not called.

        Raises:
            ConfigurationError: the guard has no budget, so that no call is ever abandoned.
        """
        engine = engine_of(guarded)
        workers = candidate_of(engine, fallback).workers
        if workers is None:
            raise ConfigurationError.of("guarded", guarded, "has no budget, so no call is ever abandoned")
        with self._on_clock(engine) as clock, ExitStack() as stack:
            for _ in range(workers.max_abandoned):
                workers.tally.count(1)
                stack.callback(workers.tally.count, -1)
            yield Fault(clock)

    @contextmanager
    def open_circuit(self, guarded: Any, *, fallback: int | str | None = None) -> Iterator[Fault]:
        """It has failed so often that it is left alone: its circuit is open, until its time to be probed has come.

        Raises:
            ConfigurationError: the guard has no circuit breaker.
        """
        engine = engine_of(guarded)
        candidate = candidate_of(engine, fallback)
        with self._on_clock(engine) as clock:
            if candidate.circuit is None:
                raise ConfigurationError.of(
                    "guarded", guarded, "has no circuit breaker: breaker=gr.Breaker()"
                )
            candidate.circuit.trip()
            yield Fault(clock)

    # --- the upstream

    def drop(self, guarded: Any, field: str) -> _Block:
        """Each request arrives without the field."""
        return self._requests(guarded, field, lambda request, order: inputs.without(request, field, order))

    def rename(self, guarded: Any, field: str, to: str) -> _Block:
        """Each request arrives with the field under another name."""
        return self._requests(
            guarded, field, lambda request, order: inputs.renamed(request, field, to, order)
        )

    def retype(self, guarded: Any, field: str, to: Callable[[Any], Any] = inputs.retyped) -> _Block:
        """Each request arrives with the field as another type: a number as text, text as a number, or what `to` makes."""
        return self._values(guarded, field, to)

    def scale(self, guarded: Any, field: str, factor: float) -> _Block:
        """Each request arrives with the number multiplied, as when a unit changes upstream."""
        return self._values(guarded, field, lambda value: inputs.scaled(value, factor))

    def stale(self, guarded: Any, field: str, seconds: float) -> _Block:
        """Each request arrives with the timestamp `seconds` earlier: a datetime, ISO 8601 text, or seconds since the epoch."""
        return self._values(guarded, field, lambda value: inputs.aged(value, seconds))

    def unseen(self, guarded: Any, field: str, category: Any = "<unseen>") -> _Block:
        """Each request arrives with a category that no training row had."""
        return self._values(guarded, field, lambda _: category)

    # --- the surroundings

    @contextmanager
    def review_locked(self, guarded: Any) -> Iterator[Fault]:
        """The review store takes no item, and does not say so either: as when its database is locked."""
        engine = engine_of(guarded)
        with self._on_clock(engine) as clock, reconfigured(engine, review=LockedReviews(clock)):
            yield Fault(clock)

    @contextmanager
    def review_full(self, guarded: Any) -> Iterator[Fault]:
        """The review store's disk is full."""
        engine = engine_of(guarded)
        with self._on_clock(engine) as clock, reconfigured(engine, review=FullReviews()):
            yield Fault(clock)

    @contextmanager
    def skew(self, guarded: Any, seconds: float) -> Iterator[Fault]:
        """The wall clock of guard and contract goes ahead by `seconds`, or behind where they are negative."""
        engine = engine_of(guarded)
        with self._on_clock(engine) as clock, ExitStack() as stack:
            stack.enter_context(layered(engine, "clock", lambda below: SkewedClock(below, seconds)))
            for candidate in engine.candidates:
                if candidate.contract is not None:
                    ahead = recompiled(candidate.contract, lambda below: SkewedClock(below, seconds))
                    stack.enter_context(layered(candidate, "contract", partial(_instead, ahead)))
            yield Fault(clock)

    @contextmanager
    def switch_off(self, guarded: Any, state: str = "fallback_only") -> Iterator[Fault]:
        """A person has switched the primary off: `fallback_only`, or `review_all`."""
        if state not in {"fallback_only", "review_all"}:
            raise ConfigurationError.of("state", state, 'must be "fallback_only" or "review_all"')
        engine = engine_of(guarded)
        with self._on_clock(engine) as clock, reconfigured(engine, switch=lambda: state):
            yield Fault(clock)

    @contextmanager
    def on_clock(self, guarded: Any) -> Iterator[Fault]:
        """Nothing fails, but the guard runs on the clock of these faults."""
        with self._on_clock(engine_of(guarded)) as clock:
            yield Fault(clock)

    # --- how

    @contextmanager
    def _on_clock(self, engine: Engine) -> Iterator[FaultClock]:
        """The guard on the clock, and what it learns of durations meanwhile forgotten afterwards."""
        clock = self._clock
        if clock is None:
            clock = engine.clock if isinstance(engine.clock, VirtualClock) else VirtualClock()
        with ExitStack() as stack:
            for target, name in ((engine, "clock"), (engine.schedule, "clock")):
                stack.enter_context(layered(target, name, partial(_instead, clock)))
            for candidate in engine.candidates:
                stack.enter_context(layered(candidate, "latency", copy.deepcopy))
                if candidate.circuit is not None:  # what fails here is not held against it afterwards
                    twin = candidate.circuit.twin(clock)
                    stack.enter_context(layered(candidate, "circuit", partial(_instead, twin)))
                computes = partial(computing, clock=clock, is_async=candidate.is_async)
                stack.enter_context(layered(candidate, "fn", computes))
            yield clock

    @contextmanager
    def _calls(self, guarded: Any, fallback: int | str | None, behaviour: Behaviour) -> Iterator[Fault]:
        engine = engine_of(guarded)
        candidate = candidate_of(engine, fallback)
        with self._on_clock(engine) as clock:
            fault = Fault(clock)
            break_it = partial(faulty, fault=fault, behaviour=behaviour, is_async=candidate.is_async)
            running = abandoned(candidate)
            try:
                with layered(candidate, "fn", break_it), in_a_thread(candidate):
                    yield fault
            finally:
                fault.release.set()
                settle(candidate, fault, running)

    def _values(self, guarded: Any, field: str, change: Callable[[Any], Any]) -> _Block:
        return self._requests(
            guarded, field, lambda request, order: inputs.changed(request, field, change, order)
        )

    @contextmanager
    def _requests(self, guarded: Any, field: str, change: Callable[[Any, Any], Any]) -> Iterator[Fault]:
        engine = engine_of(guarded)
        contract = engine.config.contract
        order = () if contract is None else contract.order()
        with self._on_clock(engine) as clock, ExitStack() as stack:
            fault = Fault(clock)
            target = wrapped_of(guarded)
            one = (lambda request: change(request, order)), fault
            stack.enter_context(layered(target, "_reader", lambda below: BrokenReader.over(below, one)))
            for candidate in engine.candidates:
                stack.enter_context(layered(candidate, "fn", lambda fn: with_broken_request(fn, target)))
            yield fault
        if fault.missed and not fault.calls:
            mend = f"no request in the block had this field ({fault.missed} requests came): look for a typing mistake"
            raise ConfigurationError.of("field", field, mend)


def _instead(other: Any, _: Any) -> Any:
    return other


def _exception(error: BaseException | type[BaseException]) -> BaseException:
    made: object = error() if isinstance(error, type) else error
    if not isinstance(made, BaseException):
        raise ConfigurationError.of("error", error, "must be an exception, or a class of exceptions")
    return made
