"""What a guard makes of a function: the callable that gives decisions, and owns what has state."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from .._calls import drive, drive_async
from .._types import Decision
from ._decisions import Decisions
from ._engine import Engine
from ._explain import explain
from ._record import decide
from ._request import RequestReader
from ._table import decide_table

if TYPE_CHECKING:
    from ._guard import Guard

P = ParamSpec("P")
P2 = ParamSpec("P2")
T = TypeVar("T")
F = TypeVar("F")


class _Wrapped:
    """What every guarded callable has: its guard, its function, and their state."""

    def __init__(self, guard: Guard[Any], fn: Callable[..., Any], *, skip: int = 0) -> None:
        functools.update_wrapper(cast("Callable[..., Any]", self), fn)
        self.guard = guard
        self.undecorated = fn
        self._engine = Engine(guard.config, fn, guard.name_for(fn))
        self._reader = RequestReader(fn, guard.config.request, skip)

    def __set_name__(self, owner: type, name: str) -> None:
        # set on a class: calls come through an instance, whose `self` precedes the request
        self._reader = RequestReader(self.undecorated, self.guard.config.request, 1)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.guard, self.undecorated, self._reader.skip)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._engine.name!r} around {self.undecorated!r}>"

    def status(self) -> dict[str, Any]:
        """Counters of this process: decisions per route, abandoned calls, time kept back, the switch. JSON-safe."""
        return self._engine.status()

    def explain(self) -> str:
        """In sentences: what is checked, who answers in which time, what each outcome means, the table in force."""
        return explain(self._engine)

    def feedback(self, decision_id: str, truth: Any) -> int:
        """Tell the observers what turned out to be true.

        Args:
            decision_id: `decision.id`.
            truth: the label or number.

        Returns:
            The number of observers that took it: those with a method `feedback(decision_id, truth)`.
        """
        return self._engine.feedback(decision_id, truth)

    def reset(self) -> None:
        """Forget counters, workers and measured durations."""
        self._engine.reset()


def _rebuild(kind: type[_Wrapped], guard: Guard[Any], fn: Callable[..., Any], skip: int) -> _Wrapped:
    return kind(guard, fn, skip=skip)


class Guarded(_Wrapped, Generic[P, T, F]):
    """A guarded function: takes what the function takes, gives a `Decision`.

    Raises, when called:
        TypeError: the arguments do not fit the function's signature.
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Decision[T | F]:
        """Decide one request."""
        return drive(decide(self._engine, self._reader, args, kwargs))

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Guarded[P, T, F]: ...
    @overload
    def __get__(
        self: Guarded[Concatenate[Any, P2], T, F], instance: object, owner: type | None = None
    ) -> Guarded[P2, T, F]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)


class AsyncGuarded(_Wrapped, Generic[P, T, F]):
    """A guarded coroutine function: awaiting its call gives a `Decision`.

    Cancelling it cancels the primary and makes no decision.

    Raises, when awaited:
        TypeError: the arguments do not fit the function's signature.
    """

    def __init__(self, guard: Guard[Any], fn: Callable[..., Any], *, skip: int = 0) -> None:
        super().__init__(guard, fn, skip=skip)
        mark = getattr(inspect, "markcoroutinefunction", None)  # 3.12 and later
        if mark is not None:
            mark(self)

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Decision[T | F]:
        """Decide one request."""
        return await drive_async(decide(self._engine, self._reader, args, kwargs))

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> AsyncGuarded[P, T, F]: ...
    @overload
    def __get__(
        self: AsyncGuarded[Concatenate[Any, P2], T, F], instance: object, owner: type | None = None
    ) -> AsyncGuarded[P2, T, F]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)


class GuardedTable(_Wrapped, Generic[P]):
    """A guarded function of a table: takes what the function takes, gives `Decisions`, one per row."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Decisions[Any]:
        """Decide every row of a table.

        Raises:
            TypeError: the first argument is no table, or the arguments do not fit the function's signature.
        """
        return drive(decide_table(self._engine, self._reader, args, kwargs))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)


class AsyncGuardedTable(_Wrapped, Generic[P]):
    """A guarded coroutine function of a table: awaiting its call gives `Decisions`."""

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Decisions[Any]:
        """Decide every row of a table.

        Raises:
            TypeError: the first argument is no table, or the arguments do not fit the function's signature.
        """
        return await drive_async(decide_table(self._engine, self._reader, args, kwargs))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)


AsyncCallable = Callable[P, Awaitable[T]]
