"""The one place that reaches into a guarded function: what is exchanged for the length of a block, and put back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import MethodType
from typing import Any

from .._calls import InlineRun, ThreadRun
from .._contract import Contract
from .._errors import ConfigurationError
from .._guard._candidate import Candidate
from .._guard._engine import _ALIVE, Engine
from .._guard._guarded import AsyncGuarded, AsyncGuardedTable, GuardedTable, _Wrapped
from .._guard._request import RequestReader
from .._telemetry import Telemetry

Layer = Callable[[Any], Any]

__all__ = [
    "Candidate", "Engine", "Layer", "RequestReader", "Telemetry", "alive", "candidate_of", "engine_of",
    "exchange_instruments", "in_a_thread", "is_async", "is_dated", "is_table", "layered", "make_here", "recompiled", "reconfigured", "wrapped_of",
]  # fmt: skip


def wrapped_of(guarded: Any) -> Any:
    """The guarded callable behind what attribute access or a wrapper gives.

    Raises:
        ConfigurationError: nothing is guarded there.
    """
    found = guarded.__func__ if isinstance(guarded, MethodType | classmethod | staticmethod) else guarded
    inside = getattr(found, "__wrapped__", None)
    if not isinstance(found, _Wrapped) and isinstance(inside, _Wrapped):
        found = inside  # a plain wrapper around a guarded function, as functools.wraps leaves it
    if not isinstance(found, _Wrapped):
        mend = "must be what a guard made of a function: @gr.guard(...) or gr.guard(...).batch(...)"
        raise ConfigurationError.of("guarded", guarded, mend)
    return found


def engine_of(guarded: Any) -> Engine:
    """The state of a guarded function.

    Raises:
        ConfigurationError: it is none.
    """
    engine: Engine = wrapped_of(guarded)._engine  # noqa: SLF001 - the seam
    return engine


def is_table(guarded: Any) -> bool:
    """Whether it takes a table."""
    return isinstance(wrapped_of(guarded), GuardedTable | AsyncGuardedTable)


def is_async(guarded: Any) -> bool:
    """Whether calling it gives a coroutine."""
    return isinstance(wrapped_of(guarded), AsyncGuarded | AsyncGuardedTable)


def alive() -> list[Engine]:
    """Every guarded function of this process."""
    return list(_ALIVE)


def candidate_of(engine: Engine, fallback: int | str | None) -> Candidate:
    """The primary, or a fallback by its place in the chain or its name.

    Raises:
        ConfigurationError: there is no such fallback.
    """
    if fallback is None:
        return engine.candidates[0]
    fallbacks = engine.candidates[1:]
    for place, candidate in enumerate(fallbacks):
        if fallback in {place, candidate.name} and not isinstance(fallback, bool):
            return candidate
    known = ", ".join(f"{place} ({each.name!r})" for place, each in enumerate(fallbacks)) or "it has none"
    raise ConfigurationError.of("fallback", fallback, f"names no fallback of guard {engine.name!r}: {known}")


class _Stack:
    """The layers over one attribute; each makes its value of the one below."""

    def __init__(self, target: Any, name: str) -> None:
        self.target = target  # kept alive, so that its id stays its own
        self.name = name
        self.base = getattr(target, name)
        self.layers: list[tuple[object, Layer]] = []

    def apply(self) -> None:
        value = self.base
        for _, layer in self.layers:
            value = layer(value)
        setattr(self.target, self.name, value)


_STACKS: dict[tuple[int, str], _Stack] = {}
_LOCK = threading.RLock()


@contextmanager
def layered(target: Any, name: str, layer: Layer) -> Iterator[None]:
    """Exchange an attribute for the length of the block, in every thread.

    Blocks may nest and may overlap in any order; when the last of them ends, the attribute is what it was before.
    """
    key, token = (id(target), name), object()
    with _LOCK:
        stack = _STACKS.setdefault(key, _Stack(target, name))
        stack.layers.append((token, layer))
        _apply(key, stack)
    try:
        yield
    finally:
        with _LOCK:
            stack.layers = [each for each in stack.layers if each[0] is not token]
            _apply(key, stack)


def _apply(key: tuple[int, str], stack: _Stack) -> None:
    try:
        stack.apply()
    except BaseException:
        stack.layers.pop()
        stack.apply()
        raise
    finally:
        if not stack.layers:
            _STACKS.pop(key, None)


def reconfigured(engine: Engine, **changes: Any) -> Any:
    """Change parameters of the guard's configuration that are read on each call, for the length of a block."""
    return layered(engine, "config", lambda config: replace(config, **changes))


def in_a_thread(candidate: Candidate) -> Any:
    """Run a cooperative function on a worker: broken, it would not keep to its time, and hold the test."""
    kind = ThreadRun if candidate.kind is InlineRun and candidate.workers is not None else candidate.kind
    return layered(candidate, "kind", lambda _: kind)


def recompiled(contract: Contract, change: Callable[[Any], Any]) -> Contract:
    """The contract with its clock exchanged."""
    schema, options, order, settled = contract.__getstate__()
    twin = Contract.__new__(Contract)
    twin.__setstate__((schema, replace(options, clock=change(options.clock)), order, settled))
    return twin


_make_instruments = Telemetry._make


def make_here(telemetry: Telemetry, tracer_provider: Any, meter_provider: Any) -> Any:
    """Make a guard's instruments from other providers than its own."""
    own = telemetry._tracer_provider, telemetry._meter_provider  # noqa: SLF001
    telemetry._tracer_provider, telemetry._meter_provider = tracer_provider, meter_provider  # noqa: SLF001
    try:
        return _make_instruments(telemetry)
    finally:
        telemetry._tracer_provider, telemetry._meter_provider = own  # noqa: SLF001


def exchange_instruments(telemetry: Telemetry, made: Any) -> Any:
    """Give a guard other instruments, None for those it makes when it needs them; returns what it had."""
    before, telemetry._made = telemetry._made, made  # noqa: SLF001
    return before


def is_dated(contract: Contract | None) -> bool:
    """Whether the contract asks how old a request is."""
    return contract is not None and bool(contract.__getstate__()[1].max_age)
