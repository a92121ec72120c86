"""Send the requests of an act, one after the other, to the bare model and to the guarded one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np

from .._types import Decision, Route
from .acts import Act, Outage, Request, Service
from .bookings import CLASSES, Booking

PATIENCE: Final = 1.0
"""Seconds after which the caller of the bare model is taken to have given up."""

_SERVER_THREADS = 8  # of the bare model's server: as many calls can hang at once


@dataclass(frozen=True, slots=True)
class Seen:
    """What the caller saw of one request.

    Attributes:
        request: the request.
        answer: the label answered, None where there was no answer.
        seconds: until the caller had an answer, an exception or a decision; `PATIENCE` where it had given up.
        route: where a guarded request ended; None for the bare model.
        codes: the codes of the caveats.
        gave_up: whether nothing came within `PATIENCE`.
    """

    request: Request
    answer: str | None
    seconds: float
    route: Route | None = None
    codes: tuple[str, ...] = ()
    gave_up: bool = False

    @property
    def wrong(self) -> bool:
        """Whether an answer was given that is not what happened."""
        return self.answer is not None and self.answer != self.request.truth

    @property
    def silent(self) -> bool:
        """Whether the answer came without a caveat."""
        return self.answer is not None and self.route in {None, Route.works}


def label(probabilities: Any) -> str:
    """The class of the highest probability."""
    return CLASSES[int(np.argmax(probabilities))]


def bare(act: Act, requests: Sequence[Request], service: Service) -> list[Seen]:
    """The model without a guard: its caller takes every answer, and has only its own patience."""
    seen: list[Seen] = []
    for down, spell in _spells(requests):
        with _outage(act, service, down=down) as outage:
            if outage is None:
                seen += [_ask(service, request) for request in spell]
            else:
                seen += _ask_server(service, spell, outage)
    return seen


@contextmanager
def _outage(act: Act, service: Service, *, down: bool) -> Iterator[Outage | None]:
    """While inside, the act's outage, if this is its time; afterwards no call hangs any more."""
    outage = service.outage = act.outage() if down and act.outage is not None else None
    try:
        yield outage
    finally:
        service.outage = None
        if outage is not None:
            outage.end()


def _ask(service: Service, request: Request) -> Seen:
    begin = time.perf_counter()
    try:
        probabilities = service(request.booking)
    except Exception:
        return Seen(request, None, time.perf_counter() - begin)
    seconds = time.perf_counter() - begin
    return Seen(request, label(probabilities), seconds)


def _ask_server(service: Service, requests: Sequence[Request], outage: Outage) -> list[Seen]:
    """All at once at a server of a few threads: what hangs need not be waited for one by one."""
    server = ThreadPoolExecutor(_SERVER_THREADS)
    try:
        calls = [server.submit(_ask, service, request) for request in requests]
        done, _ = wait(calls, timeout=PATIENCE)
        return [_seen(call, request, done) for call, request in zip(calls, requests, strict=True)]
    finally:
        outage.end()  # first, or the threads would never end
        server.shutdown(cancel_futures=True)


def _seen(call: Future[Seen], request: Request, done: set[Future[Seen]]) -> Seen:
    return call.result() if call in done else Seen(request, None, PATIENCE, gave_up=True)


def guarded(
    act: Act, requests: Sequence[Request], service: Service, decide: Callable[[Booking], Decision[Any]]
) -> tuple[list[Seen], dict[Route, Decision[Any]]]:
    """The same requests through the guard, and an example decision of each outcome.

    Returns:
        What was seen, in order; and by route the first decision on a request to which something happened, or else the
        first one.
    """
    seen: list[Seen] = []
    examples: dict[Route, tuple[bool, Decision[Any]]] = {}
    for down, spell in _spells(requests):
        with _outage(act, service, down=down):
            for request in spell:
                one, decision = _decide(decide, request)
                seen.append(one)
                hit = request.changed or request.outage
                if decision.route not in examples or (hit and not examples[decision.route][0]):
                    examples[decision.route] = hit, decision
    return seen, {route: examples[route][1] for route in Route if route in examples}


def _decide(decide: Callable[[Booking], Decision[Any]], request: Request) -> tuple[Seen, Decision[Any]]:
    begin = time.perf_counter()
    decision = decide(request.booking)
    seconds = time.perf_counter() - begin
    answer = None if decision.route is Route.needs_review else label(decision.unwrap())
    codes = tuple(str(caveat.code) for caveat in decision.caveats)
    return Seen(request, answer, seconds, decision.route, codes), decision


def _spells(requests: Sequence[Request]) -> Iterable[tuple[bool, list[Request]]]:
    return ((down, list(spell)) for down, spell in groupby(requests, key=lambda request: request.outage))
