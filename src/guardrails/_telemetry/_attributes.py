"""The names and values that spans and metrics carry: bounded, and never an input value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from guardrails._types import Caveat, CaveatCode, Details, Route

Static: TypeAlias = str | float | int | bool
Value: TypeAlias = Static | tuple[str, ...]
Counts: TypeAlias = Mapping[tuple[Route, tuple[CaveatCode, ...]], int]

NAMESPACE = "inference_guardrails."
GUARD = NAMESPACE + "guard.name"
ROUTE = NAMESPACE + "route"
CAVEATS = NAMESPACE + "caveats"
CODE = NAMESPACE + "code"
SERVED_BY = NAMESPACE + "served_by"
SET_SIZE = NAMESPACE + "set_size"
INTERVAL_WIDTH = NAMESPACE + "interval_width"
BUDGET = NAMESPACE + "budget"
ELAPSED = NAMESPACE + "elapsed"
ENFORCEMENT = NAMESPACE + "enforcement"
MODEL_VERSION = NAMESPACE + "model.version"
PROFILE = NAMESPACE + "profile"
SWITCH = NAMESPACE + "switch"
CIRCUIT = NAMESPACE + "circuit"
DECISION = NAMESPACE + "decision.id"
ROWS = NAMESPACE + "rows.total"
ROWS_OF = {route: f"{NAMESPACE}rows.{route.value}" for route in Route}
CANDIDATE = NAMESPACE + "attempt.candidate"
NUMBER = NAMESPACE + "attempt.number"
ERROR_TYPE = "error.type"

NONE = "none"
LONGEST_STRING = 256
LONGEST_ARRAY = 16

_ORDER = {code: i for i, code in enumerate(CaveatCode)}
_SEVERITY = {route: i for i, route in enumerate(Route)}


def text(value: object) -> str:
    """`value` as text of at most 256 characters."""
    written = value if isinstance(value, str) else str(value)
    return written if len(written) <= LONGEST_STRING else written[: LONGEST_STRING - 1] + "…"


def given(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    """The attributes that say something."""
    return {name: value for name, value in attributes.items() if value or isinstance(value, int | float)}


def static(guard_name: str, named: Mapping[str, Static]) -> dict[str, Value]:
    """The attributes set when a span starts, under their full names."""
    full = {NAMESPACE + name.removeprefix(NAMESPACE): value for name, value in named.items()}
    shortened = {name: text(value) if isinstance(value, str) else value for name, value in full.items()}
    return given({**shortened, GUARD: guard_name})


_TEXT = {route: route.value for route in Route}


def array(codes: tuple[CaveatCode, ...]) -> tuple[str, ...]:
    """The codes as an array of at most 16 strings."""
    return tuple(code.value for code in codes[:LONGEST_ARRAY])


def of_decision(route: Route, caveats: tuple[Caveat, ...], details: Details) -> dict[str, Value]:
    """What a span says of one decision; what has nothing to say is left out."""
    made: dict[str, Value] = {
        ROUTE: _TEXT[route],
        ELAPSED: details.elapsed,
        DECISION: details.id,
    }
    if caveats:
        made[CAVEATS] = array(tuple(caveat.code for caveat in caveats))
    if by := details.served_by:
        made[SERVED_BY] = by if len(by) <= LONGEST_STRING else text(by)
    if details.prediction_set is not None:
        made[SET_SIZE] = len(details.prediction_set)
    if details.interval is not None:
        made[INTERVAL_WIDTH] = details.interval.width
    return made


def of_table(counts: Counts, rows: int, elapsed: float, decision_id: str) -> dict[str, Value]:
    """What a span says of a table."""
    return given({ROWS: rows, **of_rows(counts), ELAPSED: elapsed, DECISION: decision_id})


def of_rows(counts: Counts) -> dict[str, Value | None]:
    """Rows of a table per route, the worst route, and every code that some row has, in table order."""
    rows = dict.fromkeys(Route, 0)
    for (route, _), count in counts.items():
        rows[route] += count
    worst = worst_route(counts)
    seen = {code for _, codes in counts for code in codes}
    return {
        **{ROWS_OF[route]: count for route, count in rows.items()},
        ROUTE: None if worst is None else worst.value,
        CAVEATS: array(tuple(sorted(seen, key=_ORDER.__getitem__))),
    }


def worst_route(counts: Counts) -> Route | None:
    """The most severe route that some row has; None for a table without rows."""
    return max(
        (route for (route, _), count in counts.items() if count), key=_SEVERITY.__getitem__, default=None
    )


def by_first_code(counts: Counts) -> dict[tuple[Route, CaveatCode | None], int]:
    """Rows per route and first caveat code, as the decisions counter counts them."""
    sums: dict[tuple[Route, CaveatCode | None], int] = {}
    for (route, codes), count in counts.items():
        key = (route, codes[0] if codes else None)
        sums[key] = sums.get(key, 0) + count
    return sums
