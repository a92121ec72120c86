"""What a scenario of a drill came to: outcomes, lateness, what telemetry showed, and what a person should look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .._types import CaveatCode, Decision, NeedsReview, Route
from ._drill_report import Outcome
from ._scenarios import Scenario
from ._seam import Engine

if TYPE_CHECKING:
    from ._drill import Seen

_CAVEATS = "inference_guardrails.caveats"
_DECISIONS = "inference_guardrails.decisions"
_CODE = "inference_guardrails.code"


def judged(
    scenario: Scenario, seen: Seen, healthy: Seen, engine: Engine, *, tolerance: float, strict: bool
) -> Outcome:
    """One scenario, beside the same requests in good health."""
    budget = None if engine.config.budget is None else engine.config.budget.seconds
    decisions = [decision for answer in seen.answers for decision in answer.decisions]
    codes = Counter(caveat.code.value for decision in decisions for caveat in decision.caveats)
    seconds = [answer.seconds for answer in seen.answers]
    silent = 0 if scenario.name == "healthy" else _silent(seen, healthy)
    visible, hidden = _telemetry(scenario, seen, decisions, silent)
    raised = Counter(answer.raised for answer in seen.answers if answer.raised)
    struck = sum(answer.struck for answer in seen.answers)
    outcome = Outcome(
        scenario=scenario.name,
        about=scenario.about,
        calls=len(seen.answers),
        struck=struck,
        outcomes={route.value: sum(decision.route is route for decision in decisions) for route in Route},
        raised=dict(raised),
        codes=dict(codes),
        served_by=dict(Counter(decision.served_by or "nobody" for decision in decisions)),
        seconds=_quantiles(seconds),
        budget=budget,
        silent=silent,
        visible=visible,
        not_visible=hidden,
    )
    findings = tuple(_findings(scenario, outcome, decisions, seen, tolerance=tolerance, strict=strict))
    return outcome.with_findings(findings)


def _quantiles(seconds: list[float]) -> dict[str, float]:
    p50, p99 = np.quantile(seconds, [0.5, 0.99]).tolist()
    return {"p50": p50, "p99": p99, "max": max(seconds)}


def _silent(seen: Seen, healthy: Seen) -> int:
    """Decisions about struck requests that say nothing they did not say in good health."""
    count = 0
    for answer, before in zip(seen.answers, healthy.answers, strict=True):
        if answer.struck and len(answer.decisions) == len(before.decisions):
            count += sum(
                _said(now) == _said(then)
                for now, then in zip(answer.decisions, before.decisions, strict=True)
            )
    return count


def _said(decision: Decision[Any]) -> tuple[Any, ...]:
    return decision.route, decision.served_by, tuple(caveat.code for caveat in decision.caveats)


def _telemetry(
    scenario: Scenario, seen: Seen, decisions: list[Decision[Any]], silent: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What spans, metrics and logs showed, and what of the expected they did not."""
    signals = list(_signals(scenario, seen, decisions))
    visible = [text for there, text in signals if there] + [
        f"log warning, {number} times: {text}" for text, number in seen.logs.items()
    ]
    hidden = [text for there, text in signals if not there]
    if silent:
        hidden.append(f"{silent} struck requests: neither decision nor span tells them from healthy ones")
    return tuple(visible), tuple(hidden)


def _signals(scenario: Scenario, seen: Seen, decisions: list[Decision[Any]]) -> Iterator[tuple[bool, str]]:
    answered = sum(not answer.raised for answer in seen.answers)
    yield len(seen.spans) >= answered, f"a span for each call: {len(seen.spans)} of {answered}"
    spoken = Counter(code for span in seen.spans for code in (span.attributes or {}).get(_CAVEATS, ()))
    counted = Counter[str]()
    for attributes, number in seen.metrics.get(_DECISIONS, ()):
        counted[attributes[_CODE]] += number
    told = {caveat.code.value for decision in decisions for caveat in decision.caveats}
    for code in sorted(
        {each.value for each in scenario.codes} & told or {each.value for each in scenario.codes}
    ):
        yield spoken[code] > 0, f"caveat {code!r} in the spans: {spoken[code]} of {len(seen.spans)}"
        yield (
            counted[code] > 0,
            f"counter of decisions by first caveat, {code!r}: {counted[code]} of {len(decisions)}",
        )
    reviews = sum(isinstance(decision, NeedsReview) for decision in decisions)
    unstored = sum(_unstored(decision) for decision in decisions)
    if reviews:
        yield (
            seen.stored + unstored >= reviews,
            f"a review item or a caveat for each of {reviews} reviews: {seen.stored} stored",
        )


def _unstored(decision: Decision[Any]) -> bool:
    return any(caveat.code is CaveatCode.review_not_stored for caveat in decision.caveats)


def _findings(
    scenario: Scenario,
    outcome: Outcome,
    decisions: list[Decision[Any]],
    seen: Seen,
    *,
    tolerance: float,
    strict: bool,
) -> Iterator[str]:
    """What must not be."""
    for name, number in outcome.raised.items():
        yield f"{number} calls raised {name}"
    late = outcome.late(tolerance)
    if late is not None:
        yield f"the latest decision came {late:.3g} s after its budget"
    if not outcome.struck:
        yield "the fault struck no request: give requests that the primary is asked for"
    told = [decision for answer in seen.answers if answer.struck for decision in answer.decisions]
    if scenario.codes and told and not any(scenario.codes & {c.code for c in d.caveats} for d in told):
        yield f"no decision tells of it: expected {' or '.join(sorted(scenario.codes))}"
    elif outcome.silent and (strict or not scenario.upstream):
        yield f"{outcome.silent} of {len(decisions)} decisions are as if nothing had happened"
    if any(text.startswith("a span for each call") for text in outcome.not_visible):
        yield "some calls left no span"
