"""The run as text: progress while it plays, and the table at its end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence

from .._types import Route
from .figures import Figures, Result
from .play import Play
from .replay import PATIENCE
from .story import over_budget
from .wording import NONE, milliseconds, per_hundred, percent

_HEAD = (
    "act", "side", "answered", "wrong*", "per 100", "works", "degraded", "wrong**", "review", "p50 ms", "p99 ms",
)  # fmt: skip
_NOTES = (
    "*  wrong answers given without a caveat, and how many that is per 100 requests answered",
    "** share of the degraded answers that are wrong: they came with a caveat",
)


class Progress:
    """Lines on standard error, with the seconds since the start."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    def __call__(self, what: str) -> None:
        """Say what is being done."""
        print(f"[{time.monotonic() - self._begin:5.1f} s] {what}", file=sys.stderr, flush=True)


def lines(play: Play) -> Iterator[str]:
    """The table, what to know beside it, and one decision of each outcome."""
    yield from ("", *_aligned([_HEAD, *rows(play.results)]), "", *_NOTES, "")
    for result in play.results:
        if result.act.outage is not None:
            yield f"{result.act.name}: {over_budget(result)}"
    for route in Route:
        yield from _example(play, route)


def rows(results: Sequence[Result]) -> list[tuple[str, ...]]:
    """Two rows for each act: bare, guarded."""
    found = []
    for result in results:
        bare, guarded = result.sides()
        found.append((result.act.name, "bare", *_figures(bare)))
        found.append(("", "guarded", *_figures(guarded)))
    return found


def _figures(side: Figures) -> tuple[str, ...]:
    answered = percent(side.answered / side.requests, 0)
    times = (milliseconds(seconds, PATIENCE) for seconds in (side.p50, side.p99))
    return (answered, str(side.silent_wrong), per_hundred(side.silent_rate), *_routes(side), *times)


def _routes(side: Figures) -> tuple[str, ...]:
    if not side.routes:
        return (NONE,) * 4
    works, degraded, review = (percent(side.share(route), 0) for route in Route)
    return works, degraded, percent(side.degraded_error, 0), review


def _aligned(table: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for name, side, *cells in table:
        words = [name.ljust(widths[0]), side.ljust(widths[1])]
        words += [cell.rjust(width) for cell, width in zip(cells, widths[2:], strict=True)]
        yield "  ".join(words)


def _example(play: Play, route: Route) -> Iterator[str]:
    for result in play.results:
        decision = result.examples.get(route)
        if decision is not None:
            yield f"\n{route}, from the act '{result.act.name}':"
            yield json.dumps(decision.to_dict(), indent=2)
            return
