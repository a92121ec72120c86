"""The report's sentences; every figure in them comes from the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .._types import CaveatCode, Route
from . import charts
from .acts import DEPOSIT, DOWN, HANGS, HEALTHY
from .drift import Calendar
from .figures import Catch, Result, catches, ratio
from .markup import Markup, table, tag
from .play import Play
from .stage import BUDGET, MAX_ABANDONED, MAX_ERROR
from .wording import per_hundred, percent


def opening(play: Play) -> Markup:
    """The whole in one paragraph."""
    bare, guarded = play.result(HEALTHY).sides()
    return tag(
        "p",
        f"A model predicts which hotel bookings will be cancelled. On bookings like those it was made for, {per_hundred(bare.silent_rate)} "
        "of 100 answers are wrong, and it does not say which. Behind the guard every request ends in one of three ways: the answer "
        "works; it is degraded, and says what was lost; or a person must decide. Of 100 answers, "
        f"{per_hundred(guarded.silent_rate)} are then wrong without a caveat.",
        class_="lead",
    )  # fmt: skip


def facts(play: Play) -> Markup:
    """Four figures to take away."""
    hung = play.result(HANGS).outage()
    shares = [percent(side.in_time / side.requests, 0) for side in hung]
    longest = f"{1e3 * hung[1].longest:.1f} ms"
    return tag(
        "dl",
        _fact("healthy: wrong without a caveat, per 100 answered", *_rates(play.result(HEALTHY))),
        _fact(
            "deposit_type shifted: wrong without a caveat, per 100 answered", *_rates(play.result(DEPOSIT))
        ),
        _fact("model hangs: answered in time during the outage", *shares),
        _fact(f"model hangs: longest guarded call, of a budget of {1e3 * BUDGET:g} ms", longest),
        class_="facts",
    )


def _rates(result: Result) -> list[str]:
    return [per_hundred(side.silent_rate) for side in result.sides()]


def _fact(what: str, *figures: str) -> Markup:
    figure = " → ".join(figures)
    words = f"{what}; bare → guarded" if len(figures) > 1 else what
    return tag("div", tag("dt", words), tag("dd", figure))


def outage(play: Play) -> Iterator[str]:
    """What the caller gets while the model hangs or is down, and what the guard costs while it does neither."""
    hung, down = play.result(HANGS), play.result(DOWN)
    met = [one for one in hung.guarded if one.request.outage]
    timed_out = sum(CaveatCode.deadline in one.codes for one in met)
    saturated = sum(CaveatCode.saturated in one.codes for one in met)
    yield (
        f"While the model hangs, {sum(one.gave_up for one in hung.bare)} callers of the bare one waited until they gave up. The "
        f"guard let {timed_out} calls run into their deadline; with {MAX_ABANDONED} of them still hanging, which is its bound, "
        f"it stopped calling the model and asked the scorecard at once, for {saturated} requests. {over_budget(hung)}"
    )
    yield (
        f"While the model is down, {sum(one.request.outage for one in down.bare)} callers of the bare one have an exception to deal "
        f"with. Guarded, the scorecard answers {_answered(down)}. {_recovery(hung)}"
    )
    bare, guarded = play.result(HEALTHY).sides()
    yield (
        f"The price, in the healthy act: half of the guarded calls take at most {1e3 * guarded.p50:.2f} ms instead of "
        f"{1e3 * bare.p50:.2f} ms. The slowest ones are those that wait until their review item is committed."
    )


def over_budget(result: Result) -> str:
    """How the requests that met the outage stand to the budget."""
    bare, guarded = result.outage()
    return (
        f"Of the {guarded.requests} requests during the outage, {percent(guarded.in_time / guarded.requests, 0)} were answered in time "
        f"with the guard and {percent(bare.in_time / bare.requests, 0)} without. The guarded p99 is {1e3 * guarded.p99:.1f} ms, "
        f"{1e3 * (guarded.p99 - BUDGET):+.1f} ms from the budget; the longest call took {1e3 * guarded.longest:.1f} ms, "
        f"{1e3 * (guarded.longest - BUDGET):+.1f} ms from it."
    )  # fmt: skip


def _answered(result: Result) -> str:
    _, guarded = result.outage()
    share = percent(guarded.answered / guarded.requests, 0)
    return f"{share} of them, with its caveat, and is wrong on {percent(guarded.degraded_error)}"


def _recovery(result: Result) -> str:
    last = max(i for i, one in enumerate(result.guarded) if one.request.outage)
    after = result.guarded[last + 1 :]
    waited = next((i for i, one in enumerate(after) if one.route is Route.works), None)
    if waited is None:
        return "After the hang no answer of the model's own was Works any more."
    return (
        f"Request {waited + 1} after the hang is the first that the model's own answer serves as Works again."
    )


def changed(play: Play) -> Iterator[Markup]:
    """Of the requests to which something happened upstream: what stopped them, and what the bare model made of them."""
    yield tag(
        "p",
        "Only the requests that were changed. When a clause is broken nobody knows whether the answer would have been wrong; the "
        "second column tells it in hindsight. A broken contract and a novel booking mean that the model is not asked: the "
        "scorecard answers if its own two fields are in order, else a person must.",
    )  # fmt: skip
    head = [
        "act",
        "changed",
        "bare: wrong",
        "stopped by the contract",
        "stopped by novelty",
        "caveat from the certificate",
        "works",
        "wrong among works",
    ]
    results = [result for result in play.results if result.act.change is not None]
    yield table("The changed requests", head, [_changed_row(result) for result in results])


_CERTIFICATE = (CaveatCode.uncertain.value, CaveatCode.unanswerable.value)


def _changed_row(result: Result) -> list[object]:
    found = catches(result)
    total, wrong = sum(c.requests for c in found), sum(c.model_wrong for c in found)
    passed = _step(found, Route.works.value)
    held = sum(_step(found, code).requests for code in _CERTIFICATE)
    stopped, novel = (_step(found, code.value).requests for code in (CaveatCode.contract, CaveatCode.novel))
    shares = (percent(ratio(part, total)) for part in (wrong, stopped, novel, held, passed.requests))
    return [result.act.name, total, *shares, percent(ratio(passed.model_wrong, passed.requests))]


def deposit(result: Result) -> Iterator[Markup]:
    """What each step of the guard catches of a change that keeps every value legal."""
    found = catches(result)
    total, wrong = sum(c.requests for c in found), sum(c.model_wrong for c in found)
    passed, stopped = _step(found, Route.works.value), _step(found, CaveatCode.contract.value)
    novel = _step(found, CaveatCode.novel.value)
    held = sum(_step(found, code).requests for code in _CERTIFICATE)
    yield tag(
        "p",
        f"On the {total} changed requests the bare model is wrong in {percent(ratio(wrong, total))}. The contract stops {stopped.requests} "
        f"of them: it allows every value that the shift produces. Novelty stops {novel.requests}, on {novel.model_wrong} of which the "
        f"model is wrong: their deposit type contradicts another field. The certificate holds back {held}: it asks whether the "
        f"model is certain, and of many of these it is. {passed.requests} pass as Works, and {passed.model_wrong} of those are "
        "wrong.",
    )  # fmt: skip
    yield charts.caught(_parts(passed, total))
    yield _caught_table(found, total)
    yield tag("p", _UNCAUGHT)


_UNCAUGHT = (
    "A certificate is no protection against this, and the guard does not claim it: it speaks of bookings like those it was "
    "calibrated on, and these are unlike them. Novelty sees, request by request, two fields that hardly ever go together; a "
    "booking whose new deposit type is rare, but not with its other fields, passes. What still passes is left to monitoring, "
    "which this guard does not have: it sees that the mix of deposit types has moved, and, as bookings are "
    "resolved, that Works is wrong more often than was certified; it needs a number of requests before it can know."
)


def _step(found: Iterable[Catch], step: str) -> Catch:
    return next((c for c in found if c.step == step), Catch(step, 0, 0))


def _parts(passed: Catch, total: int) -> list[tuple[str, str, float]]:
    right = passed.requests - passed.model_wrong
    return [
        ("degraded", "stopped, or with a caveat", (total - passed.requests) / max(total, 1)),
        ("works", "works, and right", right / max(total, 1)),
        ("bare", "works, and wrong", passed.model_wrong / max(total, 1)),
    ]


_STEPS = {
    CaveatCode.contract.value: "contract: a clause is broken",
    CaveatCode.novel.value: "novelty: unlike the benchmark",
    CaveatCode.uncertain.value: "certificate: not certain enough for Works",
    CaveatCode.unanswerable.value: "certificate: not certain enough to answer",
    Route.works.value: "nobody: works",
}


def _caught_table(found: Sequence[Catch], total: int) -> Markup:
    seen = {c.step for c in found}
    always = {CaveatCode.contract.value, *_CERTIFICATE}
    steps = [s for s in _STEPS if s in seen | always] + sorted(seen - set(_STEPS))
    rows = [_caught_row(_step(found, step), total) for step in steps]
    head = ["first to speak up", "requests", "share", "of these the bare model was wrong on"]
    return table("The requests with a shifted deposit_type, by the first step that spoke up", head, rows)


def _caught_row(catch: Catch, total: int) -> list[object]:
    return [
        _STEPS.get(catch.step, catch.step),
        catch.requests,
        percent(ratio(catch.requests, total)),
        catch.model_wrong,
    ]


def drift(calendar: Calendar) -> str:
    """What the certificate is worth when the world moves."""
    healthy, distinct, later = calendar.healthy, calendar.distinct, calendar.later
    over = sum((m.works_error or 0.0) > MAX_ERROR for m in later)
    return (
        f"On the whole healthy traffic {percent(healthy.works_error)} of Works are wrong, and {percent(distinct.works_error)} with one "
        f"of each distinct booking, which is what the certificate of at most {percent(MAX_ERROR, 0)} speaks of. Then the world moves: the "
        f"bare model's error goes from {percent(healthy.error)} to {percent(later[0].error)} in {later[0].name} and "
        f"{percent(later[-1].error)} in {later[-1].name}. Works is wrong less often, yet in {over} of {len(later)} months more often than "
        "was certified: a certificate says nothing about another world. To see this takes monitoring of the gap between "
        "production and benchmark; to mend it, a new calibration or a new model."
    )  # fmt: skip
