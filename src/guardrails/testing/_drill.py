"""A drill: real requests through a real guard while something is made to fail."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from .._errors import ConfigurationError
from .._guard import Decisions
from .._types import Decision
from ._clock import VirtualClock
from ._drill_findings import judged
from ._drill_report import DrillReport, Outcome
from ._fault import Fault
from ._faults import Faults
from ._release import FaultClock, RealClock
from ._scenarios import Scenario, scenarios
from ._seam import engine_of, is_async, is_table, reconfigured
from ._spans import Spans
from ._stores import MemoryReviews


class Answered(NamedTuple):
    """What one call gave.

    Attributes:
        decisions: one, or one per row of a table; none where the call raised.
        seconds: from the call to its decision.
        struck: whether the fault struck it.
        raised: the name of the exception's class, "" where none was raised.
    """

    decisions: Sequence[Decision[Any]]
    seconds: float
    struck: bool
    raised: str


@dataclass(slots=True)
class Seen:
    """All that one scenario showed: the calls' answers, and what was exported meanwhile."""

    answers: list[Answered] = field(default_factory=list)
    spans: tuple[Any, ...] = ()
    metrics: dict[str, list[tuple[dict[str, Any], Any]]] = field(default_factory=dict)
    logs: Counter[str] = field(default_factory=Counter)
    stored: int = 0


def drill(
    guarded: Any,
    requests: Sequence[Any],
    names: Iterable[str] = (),
    *,
    real_time: bool = True,
    tolerance: float = 0.05,
    strict: bool = False,
) -> DrillReport:
    """Send requests through a guard while the model, its surroundings or the upstream fail.

    The guard's own spans, metrics, observers and review store see nothing of it: they are exchanged meanwhile.

    Args:
        guarded: the guarded function.
        requests: requests, one call each; of a table guard, tables.
        names: scenarios such as `primary_hangs` or `field_dropped=adr`; none means every fault of the model and of
            the surroundings that applies.
        real_time: whether a hanging call hangs in real time, as in service; else on a virtual clock.
        tolerance: seconds past the budget from which a decision is late.
        strict: whether a broken request that goes unseen is a finding.

    Raises:
        ConfigurationError: no guarded function, no requests, or no such scenario.
    """
    engine = engine_of(guarded)
    if not len(requests):
        raise ConfigurationError.of("requests", requests, "must hold at least one request")
    chosen = scenarios(engine, tuple(names))
    make_clock: Callable[[], FaultClock] = RealClock if real_time else VirtualClock
    healthy = _played(
        guarded, requests, lambda faults, target: faults.on_clock(target), make_clock(), counted=False
    )
    outcomes: list[Outcome] = [judged(_HEALTHY, healthy, healthy, engine, tolerance=tolerance, strict=strict)]
    for each in chosen:
        seen = _played(guarded, requests, each.block, make_clock(), counted=each.counted)
        outcomes.append(judged(each, seen, healthy, engine, tolerance=tolerance, strict=strict))
    return DrillReport.of(engine, len(requests), outcomes, real_time=real_time)


_HEALTHY = Scenario(
    "healthy", "nothing fails", lambda faults, guarded: faults.on_clock(guarded), counted=False, upstream=True
)


def _played(
    guarded: Any,
    requests: Sequence[Any],
    block: Callable[[Faults, Any], AbstractContextManager[Fault]],
    clock: FaultClock,
    *,
    counted: bool,
) -> Seen:
    """One scenario, on this clock."""
    seen, reviews, spans = Seen(), MemoryReviews(), Spans()
    with _aside(guarded, reviews, seen), spans.recording():
        try:
            with block(Faults(clock), guarded) as fault:
                _asked(guarded, requests, seen, fault if counted else None, clock)
        except ConfigurationError as error:
            if not seen.answers:
                raise
            seen.logs[f"the fault struck nothing: {error}"] += 1
    seen.spans, seen.metrics, seen.stored = spans.calls, spans.metrics(), len(reviews)
    return seen


@contextmanager
def _aside(guarded: Any, reviews: MemoryReviews, seen: Seen) -> Iterator[None]:
    """Observers and the review store exchanged, the library's warnings noted."""
    engine, logger, noted = engine_of(guarded), logging.getLogger("guardrails"), _Noted(seen.logs)
    logger.addHandler(noted)
    try:
        with ExitStack() as stack:
            stack.enter_context(reconfigured(engine, observers=()))
            if engine.config.review is not None:
                stack.enter_context(reviews.receiving(guarded))
            yield
    finally:
        logger.removeHandler(noted)


class _Noted(logging.Handler):
    def __init__(self, logs: Counter[str]) -> None:
        super().__init__(logging.WARNING)
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        self._logs[record.getMessage()] += 1


def _asked(guarded: Any, requests: Sequence[Any], seen: Seen, fault: Fault | None, clock: FaultClock) -> None:
    """Every request, one after the other; those of a coroutine function on one loop in a thread of its own."""
    if not is_async(guarded):
        for request in requests:
            _note(seen, fault, clock, partial(_call, guarded, request))
        return
    thread = threading.Thread(target=lambda: asyncio.run(_asked_async(guarded, requests, seen, fault, clock)))
    thread.start()
    thread.join()


def _note(seen: Seen, fault: Fault | None, clock: FaultClock, call: Callable[[], Any]) -> None:
    with _timed(seen, fault, clock) as given:
        given.append(call())


async def _asked_async(
    guarded: Any, requests: Sequence[Any], seen: Seen, fault: Fault | None, clock: FaultClock
) -> None:
    for request in requests:
        with _timed(seen, fault, clock) as given:
            given.append(await _call(guarded, request))


@contextmanager
def _timed(seen: Seen, fault: Fault | None, clock: FaultClock) -> Iterator[list[Any]]:
    """Note what the call inside gave, or raised, and how long it took: by the wall where time is real."""
    now = time.perf_counter if isinstance(clock, RealClock) else clock.monotonic
    given: list[Any] = []
    begin, before, raised = now(), 0 if fault is None else fault.struck, ""
    try:
        yield given
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raised = type(error).__name__
    struck = fault is None or fault.struck > before
    decisions = given[0] if given and isinstance(given[0], Decisions) else given
    seen.answers.append(Answered(decisions, now() - begin, struck, raised))


def _call(guarded: Any, request: Any) -> Any:
    if engine_of(guarded).config.request == "arguments" and not is_table(guarded):
        return guarded(**request)
    return guarded(request)
