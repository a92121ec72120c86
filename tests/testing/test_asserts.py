"""Assertions: they hold, or say why not, from pytest, unittest and plain code."""

import unittest

import pytest

import guardrails as gr
from guardrails.testing import assert_degraded, assert_review, assert_works, faults


def guarded(answer=lambda request: 1, **changes):
    given = {"budget": 1.0, "policy": gr.Policy(uncalibrated="works"), "fallbacks": [scorecard]}
    return gr.guard("fraud", **{**given, **changes})(answer)


def scorecard(request):
    return 0


def down(request):
    raise ConnectionError("refused")


def decisions_of_nothing():
    return gr.guard("t", budget=1.0).batch(lambda rows: rows)([])


WORKS, DEGRADED, REVIEW = guarded()({}), guarded(down)({}), guarded(down, fallbacks=[])({})


def test_each_gives_the_decision_back():
    """So that more can be asked of it in the same line."""
    assert assert_works(WORKS, served_by="primary").value == 1
    assert assert_degraded(DEGRADED, code="error", served_by="scorecard").value == 0
    assert assert_degraded(DEGRADED, code=["error", gr.CaveatCode.fallback]) is DEGRADED
    assert assert_degraded(DEGRADED, only=["error", "fallback", "uncalibrated"]) is DEGRADED
    assert assert_review(REVIEW, only=["error", "review_not_stored"]) is REVIEW


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (lambda: assert_works(DEGRADED), "route: expected works, got degraded"),
        (lambda: assert_works(REVIEW), "route: expected works, got needs_review"),
        (lambda: assert_degraded(WORKS), "route: expected degraded, got works"),
        (
            lambda: assert_review(WORKS, code="deadline"),
            "caveats: expected deadline among them, got uncalibrated",
        ),
        (lambda: assert_degraded(DEGRADED, only=["error"]), "expected exactly error, got error, fallback"),
        (lambda: assert_degraded(DEGRADED, served_by="primary"), "expected 'primary', got 'scorecard'"),
        (lambda: assert_works(REVIEW, served_by="primary"), "expected 'primary', got nobody"),
        (lambda: assert_works(1), "a int is no decision of a guarded function"),
        (lambda: assert_works(decisions_of_nothing()), r"use decisions.assert_all\(...\)"),
    ],
)
def test_what_does_not_hold_is_said(check, said):
    """A line for each."""
    with pytest.raises(AssertionError, match=said):
        check()


def test_a_coroutine_is_no_decision_yet():
    """The usual mistake."""

    async def answer(request):
        return 1

    pending = guarded(answer, fallbacks=[])({})
    with pytest.raises(AssertionError, match="await it"):
        assert_works(pending)
    pending.close()


def test_the_whole_story_is_told():
    """Every caveat with its message, who answered, and the model's exception."""
    with pytest.raises(AssertionError) as caught:
        assert_works(DEGRADED)
    story = str(caught.value)
    assert "error: the call raised an exception" in story
    assert "fallback: a fallback answered" in story
    assert "served by scorecard" in story
    assert "failure: ConnectionError('refused')" in story


@pytest.mark.parametrize(
    "check",
    [
        lambda: assert_degraded(DEGRADED, code="dedline"),
        lambda: assert_degraded(DEGRADED, only=["eror"]),
        lambda: decisions_of_nothing().assert_all("work"),
    ],
)
def test_a_code_that_does_not_exist_is_a_mistake_of_the_test(check):
    """Else a test of what must not be would hold for ever."""
    with pytest.raises(gr.ConfigurationError, match="must be one of"):
        check()


def test_all_rows_of_a_table():
    """The rows that are not as expected are named, the first of them in full."""
    target = gr.guard("t", budget=1.0, output=lambda row: row >= 0, policy=gr.Policy(uncalibrated="works"))
    decisions = target.batch(lambda rows: rows)([3, -1, 4, -1])

    decisions.assert_all("works", served_by="primary", rows=[0, 2])
    decisions.assert_all(["works", "needs_review"])
    decisions.assert_all("needs_review", code="output", rows=[1, 3])
    decisions.assert_all("needs_review", only=["output", "review_not_stored"], rows=[1, 3])
    with pytest.raises(AssertionError) as caught:
        decisions.assert_all("works", served_by="primary")
    story = str(caught.value)
    assert story.startswith("2 of 4 rows are not as expected")
    assert "row 1: " in story
    assert "route: expected works, got needs_review" in story


def test_only_the_first_rows_are_told_in_full():
    """A table of a thousand wrong rows is no page of a thousand stories."""
    decisions = gr.guard("t", budget=1.0).batch(lambda rows: rows)(list(range(1000)))
    with pytest.raises(AssertionError) as caught:
        decisions.assert_all("works")
    story = str(caught.value)
    assert story.count("what it says") == 5
    assert "and rows 5, 6, 7" in story
    assert len(story) < 5000


class PlainUnittest(unittest.TestCase):
    """The same helpers, without pytest."""

    def test_a_fault_and_an_assertion(self):
        """The model hangs; the scorecard answers."""
        target = guarded(budget=10.0)
        with faults.hang(target):
            decision = target({})
        assert_degraded(decision, code="deadline", served_by="scorecard")
        with pytest.raises(AssertionError):
            assert_works(decision)
