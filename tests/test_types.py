"""Decisions: matching, truth value, unwrap, what they show and what they never show."""

import dataclasses
import json

import pytest

import guardrails as gr
from guardrails._types import Details

SECRET = "secret-4711"
ALL = (gr.Works(SECRET), gr.Degraded(SECRET), gr.NeedsReview())


def test_decisions_match_by_position():
    """`Works(value)`, `Degraded(value, caveats)`, `NeedsReview(caveats)`."""
    caveat = gr.Caveat(gr.CaveatCode.error, "m")
    match gr.Works(1):
        case gr.Works(value):
            assert value == 1
    match gr.Degraded(2, (caveat,)):
        case gr.Degraded(value, caveats):
            assert (value, caveats) == (2, (caveat,))
    match gr.NeedsReview((caveat,)):
        case gr.NeedsReview(caveats):
            assert caveats == (caveat,)


@pytest.mark.parametrize("decision", ALL, ids=lambda d: d.route)
def test_a_decision_has_no_truth_value(decision):
    """`if decision:` is a trap, so it raises and names the way out."""
    with pytest.raises(TypeError, match=r"decision\.route"):
        bool(decision)


@pytest.mark.parametrize("decision", ALL, ids=lambda d: d.route)
def test_a_decision_is_frozen_and_compares_by_identity(decision):
    """Decisions are values that nobody changes; two of them are never equal."""
    with pytest.raises((dataclasses.FrozenInstanceError, AttributeError)):
        decision.details = Details()
    assert decision != dataclasses.replace(decision)


@pytest.mark.parametrize("decision", ALL, ids=lambda d: d.route)
def test_neither_repr_nor_to_dict_shows_a_value(decision):
    """Values leave only through `.value`."""
    failure = ValueError(SECRET)
    details = Details(id="1", prediction=SECRET, prediction_set=frozenset({SECRET}), failure=failure)
    decision = dataclasses.replace(decision, details=details)

    assert SECRET not in repr(decision)
    assert SECRET not in json.dumps(decision.to_dict())


def test_unwrap_gives_the_value_or_names_the_reasons():
    """`unwrap` returns what there is, or raises with the codes and the model's exception as cause."""
    assert gr.Works(1).unwrap() == 1
    assert gr.Degraded(2).unwrap() == 2
    failure = ConnectionError("down")
    review = gr.NeedsReview(
        (gr.Caveat(gr.CaveatCode.error, "m"),), Details(id="7", guard_name="g", failure=failure)
    )
    with pytest.raises(gr.ReviewRequiredError, match=r"'g'.*\(error\)") as raised:
        review.unwrap()
    assert raised.value.__cause__ is failure
    assert raised.value.decision_id == "7"


def test_needs_review_has_no_value():
    """The withheld answer goes to the reviewer only."""
    assert not hasattr(gr.NeedsReview(), "value")


def test_an_interval_holds_its_ends():
    """Both ends belong to it."""
    interval = gr.Interval(1.0, 3.0)

    assert 1.0 in interval
    assert 3.0 in interval
    assert 3.1 not in interval
    assert interval.width == 2.0
