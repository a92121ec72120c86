"""What a guard makes of a function: the callable that gives decisions, and owns what has state."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Awaitable, Callable
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from .._calls import Cooperative, drive, drive_async, named, perform, perform_async
from .._types import Decision
from ._decisions import Decisions
from ._engine import Engine
from ._explain import explain
from ._record import OneRequest
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
        # its attributes stay its own: a model's `status` must not hide the guard's
        functools.update_wrapper(cast("Callable[..., Any]", self), fn, updated=())
        self.guard = guard
        self.undecorated = fn
        self._engine = Engine(guard.config, fn, guard.name_for(fn))
        self._reader = self._reads(skip)
        self._method: Any = None

    def _reads(self, skip: int) -> RequestReader:
        call = self._engine.candidates[0].fn
        supplied = call.how if isinstance(call, Cooperative) else ""
        return RequestReader(self.undecorated, self.guard.config.request, skip, supplied)

    def _bound(self, instance: Any) -> Any:
        """What attribute access on an instance or a class gives: as the function itself would be bound, or not."""
        fn = self.undecorated
        if isinstance(fn, MethodType) or not hasattr(type(fn), "__get__"):
            return self
        if self._method is None:
            self._method = copy.copy(self)  # the same state, asked with `self` before the request
            self._method._reader = self._reads(1)  # noqa: SLF001
        return self._method if instance is None else MethodType(self._method, instance)

    def __reduce__(self) -> str | tuple[Any, ...]:
        if _found_by_name(self):
            return str(self.__dict__["__qualname__"])
        return _rebuild, (type(self), self.guard, self.undecorated, self._reader.skip)

    def __copy__(self) -> Any:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

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

    def start(self, seconds: float = 30.0) -> bool:
        """Start what a first call would have to wait for: the processes of `enforcement="process"`.

        Args:
            seconds: how long to wait for them.

        Returns:
            Whether everything is ready.

        Raises:
            ConfigurationError: a process cannot find its function.
        """
        ready = [each.start(seconds) for each in self._engine.candidates]
        return all(ready)

    def reset(self) -> None:
        """Forget counters, workers, circuits and measured durations."""
        self._engine.reset()


def _found_by_name(wrapped: _Wrapped) -> bool:
    """Whether another process finds this very object under its function's name, as pickle asks."""
    module, name = wrapped.__dict__.get("__module__"), wrapped.__dict__.get("__qualname__")
    if module is None or name is None or module == "__main__":
        return False
    return named(module, name) is wrapped


def _rebuild(kind: type[_Wrapped], guard: Guard[Any], fn: Callable[..., Any], skip: int) -> _Wrapped:
    return kind(guard, fn, skip=skip)


class Guarded(_Wrapped, Generic[P, T, F]):
    """A guarded function: takes what the function takes, gives a `Decision`.

    Raises, when called:
        TypeError: the arguments do not fit the function's signature.
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Decision[T | F]:
        """Decide one request."""
        return perform(OneRequest(self._engine, self._reader, args, kwargs))

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Guarded[P, T, F]: ...
    @overload
    def __get__(
        self: Guarded[Concatenate[Any, P2], T, F], instance: object, owner: type | None = None
    ) -> Guarded[P2, T, F]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self._bound(instance)


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
        return await perform_async(OneRequest(self._engine, self._reader, args, kwargs))

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> AsyncGuarded[P, T, F]: ...
    @overload
    def __get__(
        self: AsyncGuarded[Concatenate[Any, P2], T, F], instance: object, owner: type | None = None
    ) -> AsyncGuarded[P2, T, F]: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self._bound(instance)


class GuardedTable(_Wrapped, Generic[P]):
    """A guarded function of a table: takes what the function takes, gives `Decisions`, one per row."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Decisions[Any]:
        """Decide every row of a table.

        Raises:
            TypeError: the first argument is no table, or the arguments do not fit the function's signature.
        """
        return drive(decide_table(self._engine, self._reader, args, kwargs))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self._bound(instance)


class AsyncGuardedTable(_Wrapped, Generic[P]):
    """A guarded coroutine function of a table: awaiting its call gives `Decisions`."""

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Decisions[Any]:
        """Decide every row of a table.

        Raises:
            TypeError: the first argument is no table, or the arguments do not fit the function's signature.
        """
        return await drive_async(decide_table(self._engine, self._reader, args, kwargs))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self._bound(instance)


AsyncCallable = Callable[P, Awaitable[T]]
