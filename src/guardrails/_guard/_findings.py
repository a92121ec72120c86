"""Words for what the steps see: findings shared by one request and by the rows of a table."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from .._calls import Commit, Effect, Failure, Outcome
from .._clock import Deadline
from .._contract import Verdict
from .._errors import kind_of
from .._guard_ports import ReviewItem
from .._switch import Flip
from .._types import CaveatCode, Degraded, Finding, NeedsReview, Violation, Works
from ._candidate import Candidate
from ._engine import Engine

_SHOWN = 5

# a waiting thread may get its turn this much after its deadline: the interpreter's switch interval
GRACE = 0.005
TOO_LATE = Finding(CaveatCode.deadline, "the answer came after the deadline")


# these speak of the request or of the chain, whichever candidate is asked
_NOBODYS = frozenset({CaveatCode.drifted_schema, CaveatCode.fallback, CaveatCode.switched_off})


def attributed(findings: tuple[Finding, ...], candidate: Candidate, *, served: bool) -> tuple[Finding, ...]:
    """The findings about one candidate, saying which fallback they are about; one set aside has answered nothing."""
    if candidate.primary:
        return findings
    return tuple(
        each if each.code in _NOBODYS else replace(each, detail=candidate.named(each.detail))
        for each in findings
        if served or each.code is not CaveatCode.fallback
    )


def broken(violations: Sequence[Violation]) -> Finding:
    """The `contract` finding of the clauses that do not hold."""
    return Finding(CaveatCode.contract, clauses(violations), fields(violations))


def drifted(verdict: Verdict) -> tuple[Finding, ...]:
    """The `drifted_schema` finding, where the schema has drifted though the clauses hold."""
    if not verdict.drifted:
        return ()
    return (Finding(CaveatCode.drifted_schema, clauses(verdict.drifted), fields(verdict.drifted)),)


def drifted_answer(verdict: Verdict) -> tuple[Finding, ...]:
    """The `drifted_schema` finding of an answer that breaks only clauses of severity `caveat`."""
    return tuple(replace(each, detail=f"in the answer, {each.detail}") for each in drifted(verdict))


def bad_output(violations: Sequence[Violation], candidate: Candidate) -> tuple[Finding, ...]:
    """The `output` finding of an answer that breaks the output check."""
    return (*candidate.own, Finding(CaveatCode.output, clauses(violations), fields(violations)))


def failed(failure: Failure) -> Finding:
    """The finding of a candidate that gave no answer."""
    return Finding(failure.code, failure.detail)


def own_fault(error: Exception) -> Finding:
    """The finding of a fault of the guard's own steps, or of what the owner plugged into them."""
    return Finding(CaveatCode.error, f"{kind_of(error)} in the guard itself")


def switched_off(state: str, switch: object) -> Finding:
    """The finding of a primary that a person turned off."""
    flip = getattr(switch, "flip", None)
    who = f", by {flip.owner} until {flip.until}: {flip.reason}" if isinstance(flip, Flip) else ""
    return Finding(CaveatCode.switched_off, f"the switch says {state}{who}")


def breaks_output(findings: tuple[Finding, ...]) -> bool:
    """Whether an answer broke the output check, or could not be read."""
    return any(finding.code is CaveatCode.output for finding in findings)


# what most functions return, and what is no mistake
ANSWERS = frozenset({bool, dict, float, int, list, np.ndarray, np.float64, str, tuple})


def no_answer(value: object) -> Finding | None:
    """What a function may return by mistake: an awaitable, a generator, or the decision of another guard."""
    kind = type(value)
    if kind in ANSWERS:
        return None
    if hasattr(kind, "__await__"):
        close = getattr(value, "close", None)
        if close is not None:
            close()
        return Finding(
            CaveatCode.output, "a plain function returned an awaitable; guard an `async def` instead"
        )
    if hasattr(kind, "__next__"):
        return Finding(CaveatCode.output, "an iterator is no answer; collect what it yields")
    if isinstance(value, Works | Degraded | NeedsReview):
        return Finding(
            CaveatCode.output, "the function returned another guard's decision; return decision.unwrap()"
        )
    return None


def clauses(violations: Sequence[Violation]) -> str:
    """The broken clauses in words, the first few of them."""
    shown = [f"{v.field}: {v.clause}" if v.field else v.clause for v in violations[:_SHOWN]]
    rest = len(violations) - len(shown)
    return "; ".join(shown) + (f"; and {rest} more" if rest else "")


def fields(violations: Sequence[Violation]) -> tuple[str, ...]:
    """The fields concerned, once each."""
    return tuple(dict.fromkeys(v.field for v in violations if v.field))


def attempted(engine: Engine, span: Any, candidate: Candidate, number: int, outcome: Outcome) -> None:
    """Record one attempt as a child span with its own start and end."""
    failure = outcome if isinstance(outcome, Failure) else None
    now = time.time_ns()
    engine.telemetry.attempt(
        span,
        candidate=candidate.name,
        number=number,
        code=None if failure is None else failure.code,
        error_type=None if failure is None or failure.error is None else kind_of(failure.error),
        start_time_ns=now - int(outcome.seconds * 1e9),
        end_time_ns=now,
    )


def store(
    engine: Engine, items: list[ReviewItem], deadline: Deadline | None
) -> Generator[Effect, Any, Finding | None]:
    """Commit review items before the caller has its decision, or say why they are not."""
    review = engine.config.review
    if review is None:
        return Finding(CaveatCode.review_not_stored, "the guard has no review queue")
    try:
        error = yield Commit(partial(review.submit, items), clock=engine.clock, deadline=deadline)
    except Exception as raised:
        error = raised
    if error is None:
        return None
    return Finding(CaveatCode.review_not_stored, f"{kind_of(error)} at the review store")
