"""From what callers saw to figures: hand-counted cases."""

from __future__ import annotations

import pytest

from guardrails import Route
from guardrails._demo.acts import DEPOSIT, HANGS, Down, Hang, Request, Service
from guardrails._demo.bookings import CANCELS, KEEPS
from guardrails._demo.figures import Catch, Result, catches, figures
from guardrails._demo.replay import Seen, bare
from guardrails._demo.wording import duration, milliseconds

SURE = [0.1, 0.9]  # keeps


def seen(answer, truth=KEEPS, route=None, codes=(), seconds=0.001, *, changed=False, gave_up=False):
    return Seen(Request({}, truth, changed=changed), answer, seconds, route, codes, gave_up)


def test_every_answer_of_the_bare_model_is_silent():
    """Two answers, one wrong; no answer is neither."""
    side = figures([seen(KEEPS), seen(CANCELS), seen(None, gave_up=True, seconds=1.0)], budget=0.05)
    assert (side.answered, side.silent, side.silent_wrong, side.in_time, side.gave_up) == (2, 2, 1, 2, 1)
    assert side.silent_rate == 0.5
    assert side.routes == {}


def test_of_the_guarded_answers_only_works_is_silent():
    """A wrong degraded answer is wrong, but its caller was told; the rate is per request answered."""
    rows = [
        seen(KEEPS, route=Route.works),
        seen(CANCELS, route=Route.works),
        seen(CANCELS, route=Route.degraded),
        seen(KEEPS, route=Route.degraded),
        seen(None, route=Route.needs_review),
    ]
    side = figures(rows, budget=0.05)
    assert (side.answered, side.silent, side.silent_wrong, side.degraded_wrong) == (4, 2, 1, 1)
    assert (side.silent_rate, side.works_error, side.degraded_error) == (0.25, 0.5, 0.5)
    assert side.share(Route.needs_review) == 0.2


def test_a_rate_of_nothing_is_none():
    """Where nobody answered there is no rate, rather than a good one."""
    side = figures([seen(None, route=Route.needs_review)], budget=0.05)
    assert (side.silent_rate, side.works_error, side.degraded_error) == (None, None, None)


def test_an_answer_after_the_budget_and_tolerance_is_not_in_time():
    """Budget 50 ms, tolerance 5 ms."""
    rows = [seen(KEEPS, seconds=seconds) for seconds in (0.05, 0.0549, 0.0551)]
    assert figures(rows, budget=0.05).in_time == 2


def test_quantiles_are_times_that_were_measured():
    """No value between the ones that answered and the ones that gave up."""
    side = figures([seen(KEEPS, seconds=s) for s in (0.001, 0.002, 1.0, 1.0)], budget=0.05)
    assert (side.p50, side.p99, side.longest) == (0.002, 1.0, 1.0)


def test_changed_requests_are_counted_by_the_first_step_that_spoke_up():
    """With how many of them the bare model had got wrong; unchanged requests do not count."""
    without = [
        seen(CANCELS, changed=True),
        seen(KEEPS, changed=True),
        seen(CANCELS, changed=True),
        seen(CANCELS),
    ]
    within = [
        seen(CANCELS, route=Route.works, changed=True),
        seen(None, route=Route.needs_review, codes=("contract", "fallback"), changed=True),
        seen(CANCELS, route=Route.degraded, codes=("uncertain",), changed=True),
        seen(CANCELS, route=Route.works),
    ]
    found = catches(Result(DEPOSIT, without, within, {}, 0.05))
    assert sorted(found, key=lambda c: c.step) == [
        Catch("contract", 1, 0), Catch("uncertain", 1, 1), Catch("works", 1, 1),
    ]  # fmt: skip


def test_times_are_worded_for_people():
    """Finer under a millisecond; beyond the caller's patience nobody knows."""
    assert [milliseconds(s, 1.0) for s in (0.00004, 0.0123, 1.0)] == ["0.04", "12.3", "> 1000"]
    assert [duration(s) for s in (0.00001, 0.01, 1.0)] == ["10 µs", "10 ms", "1 s"]


def requests(*outages):
    return [Request({"i": i}, KEEPS, outage=outage) for i, outage in enumerate(outages)]


@pytest.mark.parametrize(("kind", "gave_up"), [(Hang, True), (Down, False)])
def test_the_bare_model_does_not_answer_during_an_outage_and_answers_after_it(monkeypatch, kind, gave_up):
    """A hang leaves its callers without a reply, a dead server with an exception; both end."""
    monkeypatch.setattr("guardrails._demo.replay.PATIENCE", 0.02)
    act = type(HANGS)("outage", "", outage=kind)
    service = Service(lambda _: SURE)
    answers = bare(act, requests(False, *[True] * 12, False), service)
    assert [one.answer for one in answers] == [KEEPS, *[None] * 12, KEEPS]
    assert [one.gave_up for one in answers] == [False, *[gave_up] * 12, False]
    assert service.outage is None
