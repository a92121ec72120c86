"""The whole demonstration, small."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import guardrails as gr
from guardrails._demo import run, terminal
from guardrails._demo.acts import ACTS, DEPOSIT, DOWN, HANGS, RENAMED, Service, deposit_shifted
from guardrails._demo.bookings import requests
from guardrails._demo.contract import BookingContract
from guardrails._demo.figures import catches
from guardrails._demo.model import fit_scorecard
from guardrails._demo.replay import guarded
from guardrails._demo.report import render
from guardrails._demo.stage import COVERAGE, DELTA, MAX_DEGRADED_ERROR, MAX_ERROR, calibrate, guard


def test_every_request_of_every_act_gets_exactly_one_outcome(played):
    """An answer where the outcome has one, none where a person must decide."""
    assert [result.act for result in played.results] == list(ACTS)
    for result in played.results:
        assert len(result.guarded) == len(result.bare) == 60
        for one in result.guarded:
            assert one.route in set(gr.Route)
            assert (one.answer is None) == (one.route is gr.Route.needs_review)
            assert bool(one.codes) == (one.route is not gr.Route.works)


@pytest.mark.parametrize("act", [HANGS, DOWN], ids=lambda act: act.name)
def test_the_scorecard_answers_while_the_model_does_not(played, act):
    """Each request of the outage is degraded with its caveat; the bare model answers none of them."""
    met = [one for one in played.result(act).guarded if one.request.outage]
    assert len(met) == 24
    assert {one.route for one in met} == {gr.Route.degraded}
    assert all("fallback" in one.codes for one in met)
    assert not any(one.answer for one in played.result(act).bare if one.request.outage)


def test_a_hang_does_not_hold_the_caller(played):
    """Two calls run into the deadline of half a second; with the tolerance of a busy machine, a quarter of one more."""
    result = played.result(HANGS)
    met = [one for one in result.guarded if one.request.outage]
    assert sum("deadline" in one.codes for one in met) == 2
    assert sum("saturated" in one.codes for one in met) == len(met) - 2
    assert max(one.seconds for one in met) < result.budget + 0.25


def test_the_model_answers_again_after_an_outage(played):
    """Nothing has to be restarted: the acts after it have answers of the model's own."""
    for result in played.results[2:]:
        assert gr.Route.works in {one.route for one in result.guarded if not one.request.outage}


def test_a_shifted_deposit_type_breaks_no_clause_and_novelty_sees_some_of_it(played):
    """The contract cannot see it, and the page says so; of all the healthy bookings so changed, a good part is novel."""
    assert "contract" not in {catch.step for catch in catches(played.result(DEPOSIT))}
    decide = gr.guard("booking", contract=BookingContract, profile=played.stage.profile, budget=None)
    bookings = requests(played.stage.split.healthy.head(1000))

    def novel(table):
        decisions = decide.batch(lambda rows: played.stage.model.predict_table(pd.DataFrame(rows)))(table)
        return sum(gr.CaveatCode.novel in {caveat.code for caveat in one.caveats} for one in decisions)

    assert novel(bookings) < 30
    assert novel([deposit_shifted(booking) for booking in bookings]) > 100


def test_the_renamed_field_never_reaches_the_model(parts, model):
    """The contract stops it before the call; without its lead time the scorecard has no answer either."""
    asked = []
    profile = calibrate(model, parts.train, parts.calibration, 3)
    decide = guard(profile, fit_scorecard(parts.train), 0.2, None)(
        lambda booking: asked.append(booking) or model.predict(booking)
    )
    bookings = requests(parts.healthy.head(60))
    script = RENAMED.requests(bookings, ["keeps"] * 60, np.random.default_rng(0))
    seen, examples = guarded(RENAMED, script, Service(model.predict), decide)
    assert len(asked) == 30
    assert all("lead_time" in booking for booking in asked)
    assert {one.route for one in seen if one.request.changed} == {gr.Route.needs_review}
    review = examples[gr.Route.needs_review]
    assert review.caveats[0].code is gr.CaveatCode.contract
    assert review.caveats[0].fields == ("lead_time",)


def test_the_guard_promises_what_the_report_says(played):
    """The profile holds the bounds asked for, both certified, and was replayed through the contract."""
    profile = played.stage.profile
    assert profile.leaf.works.target == MAX_ERROR
    assert profile.leaf.answered.target == MAX_DEGRADED_ERROR
    assert (profile.coverage, profile.delta) == (COVERAGE, DELTA)
    assert profile.matches_filters(gr.Contract(BookingContract).fingerprint, None) == ""
    assert (profile.novelty.bound, profile.fitted) == (0.01, 0)


def test_the_months_cover_every_later_booking(played):
    """20 months after the healthy traffic, each with its bookings counted once."""
    calendar = played.calendar
    assert [month.bookings for month in calendar.later] == [40] * 20
    assert calendar.later[0].name == "2016-01"
    assert calendar.later[-1].name == "2017-08"
    assert calendar.healthy.bookings == len(played.stage.split.healthy) > calendar.distinct.bookings


def test_a_person_has_every_request_that_was_sent_to_one(played):
    """Or the decision says that it was not committed in time; it may have been, later."""
    asked, late = played.reviews_asked()
    assert 0 < asked - late <= played.reviews <= asked


def test_examples_are_json_of_each_outcome(played):
    """Of the three outcomes, at least one example each over the acts."""
    shown = [decision for result in played.results for decision in result.examples.values()]
    assert {decision.route for decision in shown} == set(gr.Route)
    assert all(json.loads(json.dumps(decision.to_dict()))["guard"] == "booking" for decision in shown)


def test_the_command_prints_the_table_and_writes_the_page(played, monkeypatch, tmp_path, capsys):
    """Two lines an act, an example of each outcome, the report's place; progress goes to standard error."""
    monkeypatch.setattr(run, "play", lambda *_: played)
    out = tmp_path / "report.html"
    assert run.run(out, 60, 3) == 0
    printed = capsys.readouterr()
    assert printed.out.count("\n                      guarded ") == len(ACTS)
    for route in gr.Route:
        assert f"\n{route}, from the act" in printed.out
    assert str(out) in printed.out
    assert "writing the report" in printed.err
    assert out.read_text(encoding="utf-8") == render(played)


def test_the_table_is_aligned(played):
    """All lines have one width."""
    table = list(terminal.lines(played))[1 : 2 + 2 * len(ACTS)]
    assert len({len(line) for line in table}) == 1
