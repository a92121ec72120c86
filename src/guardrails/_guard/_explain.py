"""Says in sentences what a guard promises and what it does not."""

from __future__ import annotations

from collections.abc import Iterator

from .. import _routing
from .._contract import Contract
from .._profile import Profile
from ._candidate import Candidate, filters_mismatch
from ._engine import Engine
from ._request import name_of

_CANNOT_STOP = {
    "thread": "The caller goes on at its deadline; the call itself runs on in its thread, counted, and a C call that "
    "holds the interpreter lock delays the caller until it ends.",
    "process": "The call runs in a process of its own, which is killed and replaced when it is late; arguments and answers "
    "are pickled.",
    "cooperative": "The function is told its time and trusted: one that does not keep to it holds its caller, and its late "
    "answer is not used.",
    "async": "At its deadline the coroutine is cancelled; one that swallows the cancellation runs on, counted, and one "
    "that blocks the event loop delays every caller.",
    "inline": "Nothing bounds the call: there is no budget.",
}


_SHARES_LOST = (0.01, 0.05, 0.2)


def explain(engine: Engine) -> str:
    """The guard in sentences, one per line."""
    return "\n".join(_lines(engine))


def _lines(engine: Engine) -> Iterator[str]:
    config = engine.config
    yield f"guard {engine.name!r}" + (
        f", model version {engine.model_version!r}" if engine.model_version else ""
    )
    yield from _time(engine)
    yield from _contract("contract", config.contract)
    yield from _profile("primary", config.profile, engine.mismatch)
    yield from _late(engine)
    for candidate in engine.candidates[1:]:
        yield from _fallback(engine, candidate)
    yield _review(engine)
    yield "routing table in force:"
    yield from (f"  {line}" for line in _routing.explain(engine.policy))


def _time(engine: Engine) -> Iterator[str]:
    budget = engine.config.budget
    if budget is not None:
        kept = engine.schedule.kept_back(0)
        yield (
            f"budget: {budget.seconds:g} s for the whole call, enforced by {engine.enforcement}; "
            f"{kept:.3g} s of it are kept back for what comes after the primary; attempts: {budget.attempts}"
        )
    yield _CANNOT_STOP[engine.enforcement]
    if engine.schedule.hedged[0]:
        yield (
            "A fallback is started in time for the deadline while the primary runs on, and until then the primary's "
            "answer is preferred: both may run."
        )
    if budget is not None:
        yield (
            f"limits: {budget.calls_at_once(engine.enforcement)} calls of one function at once, {budget.max_abandoned} that "
            "nobody waits for; one more is `saturated`"
        )
    yield _circuit(engine)
    yield _switch(engine)


def _circuit(engine: Engine) -> str:
    breaker = engine.config.breaker
    if breaker is None:
        return "circuit breaker: none"
    what = "counts only, and refuses nothing" if breaker.observe_only else "leaves a function alone"
    slow = (
        ""
        if breaker.slow_after is None
        else f", or {breaker.slow_rate:.0%} took over {breaker.slow_after:g} s"
    )
    return (
        f"circuit breaker: {what} for {breaker.open_for:g} s once {breaker.failure_rate:.0%} of at least "
        f"{breaker.min_calls} calls in {breaker.window:g} s failed{slow}; {breaker.probes} good probes close it"
    )


def _switch(engine: Engine) -> str:
    if engine.config.switch is None:
        return "switch: none; nobody can turn the primary off while it runs"
    return f"switch: {name_of(engine.config.switch)}, now at {engine.switch_state()}"


def _contract(name: str, contract: Contract | None) -> Iterator[str]:
    if contract is None:
        yield f"{name}: none; no request is checked"
        return
    yield f"{name}: fields declared: {len(contract.fields)}"
    yield from (f"  {line}" for line in contract.explain())


def _profile(who: str, profile: Profile | None, mismatch: str) -> Iterator[str]:
    if profile is None:
        yield f"{who}: no profile; nothing is known about its error, so its answers are `uncalibrated`"
        return
    yield f"{who}: profile"
    yield from (f"  {line}" for line in profile.summary().splitlines())
    if mismatch:
        yield f"  its certificate does not hold for this guard: {mismatch}; its answers are `uncertified`"


def _late(engine: Engine) -> Iterator[str]:
    """What the promise is worth if answers that come late are not like the others."""
    profile = engine.config.profile
    if profile is None or engine.config.budget is None or engine.mismatch or profile.exploratory:
        return
    if profile.max_error is not None and any(leaf.works for _, leaf in profile.branch.leaves()):
        bounds = ", ".join(
            f"{100 * profile.max_error / (1 - q):.3g} % at q = {100 * q:g} %" for q in _SHARES_LOST
        )
        yield (
            "  answers lost to lateness, saturation or an open circuit: max_error holds if, given the score, being in time "
            "says nothing about being right; without that it is max_error / (1 - q), q = share lost of the requests at or "
            f"above the threshold: {bounds}"
        )


def _fallback(engine: Engine, candidate: Candidate) -> Iterator[str]:
    fallback = engine.config.fallbacks[engine.candidates.index(candidate) - 1]
    yield f"fallback {candidate.name!r}: answers are degraded, never works; held to the deadline: {candidate.enforcement}"
    if candidate.contract is not engine.candidates[0].contract:
        yield from _contract(f"contract of {candidate.name!r}", candidate.contract)
    mismatch = filters_mismatch(fallback.profile, candidate.contract, candidate.output)
    yield from _profile(f"fallback {candidate.name!r}", fallback.profile, mismatch)


def _review(engine: Engine) -> str:
    if engine.config.review is None:
        return "review: no queue; a request that needs review says `review_not_stored`"
    return "review: an item is committed before the caller has its NeedsReview, or the decision says `review_not_stored`"
