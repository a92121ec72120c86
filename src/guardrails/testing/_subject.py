"""A guarded function under check: how it is asked, and what may be said of its answers."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from types import MethodType
from typing import Any

import numpy as np

from .._contract import is_frame, record_at
from .._errors import ConfigurationError
from .._guard import Decisions, Guard
from .._types import Decision, NeedsReview
from ._clock import VirtualClock
from ._faults import Faults
from ._seam import Engine, engine_of, is_async, is_table, wrapped_of
from ._stores import MemoryReviews


class NotJudgedError(Exception):
    """A promise that cannot be judged here; the message says why."""


class Subject:
    """One guarded function and one request (or table) that it answers in good health.

    Args:
        guarded: the guarded function.
        request: its first argument; of a guard with `request="arguments"`, a mapping of all of them.

    Raises:
        ConfigurationError: `guarded` is not guarded.
    """

    def __init__(self, guarded: Any, request: Any) -> None:
        self.guarded = guarded
        self.request = request
        self.engine: Engine = engine_of(guarded)
        self.wrapped = wrapped_of(guarded)
        self.table = is_table(guarded)
        self.is_async = is_async(guarded)
        self.clock = VirtualClock()
        self.faults = Faults(self.clock)

    @property
    def budget(self) -> float | None:
        """Seconds of the whole call."""
        budget = self.engine.config.budget
        return None if budget is None else budget.seconds

    def attempt(self, request: Any) -> Any:
        """Ask, and let through what is raised."""
        call = self._call if not self.is_async else self._awaited
        return call(request)

    def ask(self, request: Any = None) -> Any:
        """Ask with the healthy request, or another one.

        Raises:
            NotJudgedError: the call raised, which is another promise's finding.
        """
        try:
            return self.attempt(self.request if request is None else request)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise NotJudgedError(f"the call raised {type(error).__name__}") from error

    def decisions(self, request: Any = None) -> Sequence[Decision[Any]]:
        """Ask, and give the decision, or those of all rows, as a sequence."""
        given = self.ask(request)
        return given if isinstance(given, Decisions) else [given]

    def _call(self, request: Any) -> Any:
        if self.engine.config.request == "arguments":
            return self.guarded(**request)
        return self.guarded(request)

    def _awaited(self, request: Any) -> Any:
        """Run it on a loop of its own, in a thread of its own: the caller's may be running."""
        result: list[Any] = []
        errors: list[BaseException] = []

        async def ask() -> Any:
            return await self._call(request)

        def run() -> None:
            try:
                result.append(asyncio.run(ask()))
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return result[0]

    @contextmanager
    def surroundings(self) -> Iterator[None]:
        """Review items go to memory meanwhile, where the guard has a store."""
        if self.engine.config.review is None:
            yield
            return
        with MemoryReviews().receiving(self.guarded):
            yield

    @cached_property
    def rows(self) -> list[Any]:
        """The requests: the rows of the table, or the one there is."""
        if not self.table:
            return [self.request]
        return [record_at(self.request, row) for row in range(len(self.request))]

    def part(self, places: Sequence[int]) -> Any:
        """A table of these rows, in this order."""
        if is_frame(self.request):
            return self.request.iloc[list(places)]
        if isinstance(self.request, np.ndarray):
            return self.request[np.asarray(places, dtype=int)]
        return [self.request[place] for place in places]

    @cached_property
    def twin(self) -> Any:
        """The same guard around a function of a table, which asks the function row by row.

        Raises:
            NotJudgedError: there is none.
        """
        if self.engine.config.request == "arguments":
            raise NotJudgedError('a guard with request="arguments" takes no table')
        config = self.engine.config
        fallbacks = tuple(_each_row_fallback(each) for each in config.fallbacks)
        try:
            return Guard(replace(config, fallbacks=fallbacks)).batch(_each_row(self._function()))
        except ConfigurationError as error:
            raise NotJudgedError(f"there is no table form of it: {error}") from error

    def _function(self) -> Any:
        fn = self.wrapped.undecorated
        return MethodType(fn, self.guarded.__self__) if isinstance(self.guarded, MethodType) else fn


def _each_row_fallback(fallback: Any) -> Any:
    twin = copy.copy(fallback)
    object.__setattr__(twin, "fn", _each_row(fallback.fn))
    return twin


def _each_row(fn: Any) -> Any:
    from .._guard._request import is_coroutine_function

    if is_coroutine_function(fn):

        async def gather(table: Any) -> list[Any]:
            return [await fn(record) for record in table]

        return gather
    return lambda table: [fn(record) for record in table]


def same(one: Decision[Any], other: Decision[Any]) -> bool:
    """Whether two decisions say the same, their ids and durations apart."""
    return _said(one) == _said(other) and same_value(_value(one), _value(other))


def _said(decision: Decision[Any]) -> tuple[Any, ...]:
    codes = tuple(caveat.code for caveat in decision.caveats)
    return decision.route, codes, decision.served_by, decision.prediction_set, decision.interval


def _value(decision: Decision[Any]) -> Any:
    return None if isinstance(decision, NeedsReview) else decision.value


def same_value(one: Any, other: Any) -> bool:
    """Whether two answers are the same, up to the last digits that a matrix product may change."""
    with suppress(Exception):
        return bool(np.allclose(one, other, rtol=1e-6, atol=1e-9, equal_nan=True))
    with suppress(Exception):
        return bool(one == other)
    return False
