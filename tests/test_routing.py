"""The routing table: every row, every policy, and totality."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails import Caveat, CaveatCode, ConfigurationError, Policy, Route
from guardrails._routing import DEFAULT_POLICY, TABLE, Action, Evidence, caveats, explain, route
from guardrails._types import Finding

F, C = Finding, CaveatCode
ANSWERLESS = {C.contract, C.deadline, C.error, C.saturated, C.circuit_open, C.output, C.switched_off}

DEFAULTS = {
    C.contract: Action.fallback,
    C.drifted_schema: Action.degraded,
    C.novel: Action.fallback,
    C.deadline: Action.fallback,
    C.error: Action.fallback,
    C.saturated: Action.fallback,
    C.circuit_open: Action.fallback,
    C.output: Action.fallback,
    C.uncertain: Action.degraded,
    C.unanswerable: Action.fallback,
    C.uncertified: Action.degraded,
    C.cohort_uncertified: Action.degraded,
    C.fallback: Action.degraded,
    C.uncalibrated: Action.degraded,
    C.switched_off: Action.fallback,
    C.review_not_stored: Action.review,
}


def test_the_table_has_one_row_per_code_in_the_order_of_the_enum():
    """The enum's order is the table's order."""
    assert [row.code for row in TABLE] == list(CaveatCode)


def test_nothing_seen_works():
    """An answer without findings works."""
    assert route(Evidence((), answered=True)) is Action.works


@pytest.mark.parametrize(("code", "action"), DEFAULTS.items(), ids=lambda v: v.name)
def test_each_row_with_another_candidate_left(code, action):
    """Each row of the table, where a fallback can still be asked."""
    evidence = Evidence((F(code),), answered=code not in ANSWERLESS, more=True)

    assert route(evidence) is action


@pytest.mark.parametrize(("code", "action"), DEFAULTS.items(), ids=lambda v: v.name)
def test_each_row_without_another_candidate(code, action):
    """Where nobody else can be asked, `fallback` becomes a person's turn."""
    evidence = Evidence((F(code),), answered=code not in ANSWERLESS, more=False)

    assert route(evidence) is (Action.review if action is Action.fallback else action)


def test_no_answer_and_no_finding_is_not_works():
    """Evidence without an answer never works, whatever was not said."""
    assert route(Evidence((), answered=False)) is Action.review
    assert route(Evidence((), answered=False, more=True)) is Action.fallback


@pytest.mark.parametrize("code", [C.uncalibrated, C.uncertified, C.cohort_uncertified, C.unanswerable])
def test_after_unanswerable_a_fallback_without_certificate_does_not_answer(code):
    """`unanswerable` asks for a fallback that its own profile certifies."""
    asked = frozenset({C.unanswerable})

    assert route(Evidence((F(C.fallback), F(code)), answered=True, more=True, asked=asked)) is Action.fallback
    assert route(Evidence((F(C.fallback), F(code)), answered=True, more=False, asked=asked)) is Action.review


def test_after_unanswerable_a_certified_fallback_degrades():
    """A fallback with a certificate for such requests answers."""
    asked = frozenset({C.unanswerable})

    assert route(Evidence((F(C.fallback),), answered=True, asked=asked)) is Action.degraded


@given(
    codes=st.sets(st.sampled_from(list(CaveatCode))),
    asked=st.frozensets(st.sampled_from(list(CaveatCode))),
    answered=st.booleans(),
    more=st.booleans(),
)
def test_routing_is_total(codes, asked, answered, more):
    """Any evidence has exactly one outcome, the most severe; `fallback` only where another candidate is left."""
    evidence = Evidence(tuple(F(code) for code in codes), answered, more, asked)

    action = route(evidence)

    assert action in Action
    assert more or action is not Action.fallback
    assert answered or action in {Action.fallback, Action.review}
    single = [route(Evidence((F(code),), answered, more, asked)) for code in codes]
    assert action == max([*single, route(Evidence((), answered, more, asked))])


@given(st.permutations(list(CaveatCode)))
def test_caveats_come_in_table_order_and_once(codes):
    """All caveats are kept, in table order, without repetition."""
    found = caveats([F(code) for code in codes] + [F(code) for code in codes])

    assert [caveat.code for caveat in found] == list(CaveatCode)


def test_a_caveat_says_what_was_seen_what_was_lost_and_the_mend():
    """The message joins the row's words with the detail."""
    (caveat,) = caveats([F(C.contract, "lead_time: ge(0)", ("lead_time",))])

    assert isinstance(caveat, Caveat)
    assert "lead_time: ge(0)" in caveat.message
    assert "Mend" in caveat.message
    assert caveat.lost
    assert caveat.fields == ("lead_time",)


def test_a_finding_may_say_that_nothing_was_lost():
    """`lost` of a finding replaces the table's."""
    (caveat,) = caveats([F(C.fallback, "certified", lost="")])

    assert caveat.lost == ""


@pytest.mark.parametrize(
    ("code", "name"),
    list(itertools.product((r.code for r in TABLE), ("works", "degraded", "fallback", "review"))),
)
def test_a_policy_changes_only_what_it_may(code, name):
    """Each row takes the actions it allows and refuses the others, naming parameter, value and mend."""
    row = next(row for row in TABLE if row.code is code)
    if code is C.review_not_stored:
        with pytest.raises(TypeError):
            Policy(**{code.value: name})
        return
    if Action[name] in row.allowed:
        policy = Policy(**{code.value: name})
        evidence = Evidence((F(code),), answered=True, more=True)
        assert route(evidence, policy) is Action[name]
    else:
        with pytest.raises(ConfigurationError, match=rf"{code.value}.*must be.*received '{name}'"):
            Policy(**{code.value: name})


def test_no_failure_can_be_made_to_work():
    """A policy cannot turn a missing answer into an answer."""
    for row in TABLE:
        if row.code in ANSWERLESS:
            assert not row.allowed & {Action.works, Action.degraded}


def test_explain_prints_the_table_in_force():
    """One line a row, with the policy's action."""
    lines = explain(Policy(uncertified="works", error="review"))

    assert len(lines) == len(TABLE)
    assert any(line.startswith("uncertified") and "works" in line for line in lines)
    assert any(
        line.startswith("error") and "needs review" in line and "fallback" not in line for line in lines
    )
    assert explain(DEFAULT_POLICY) != lines


def test_routes_are_strings():
    """Route and CaveatCode are StrEnums, so that they serialise."""
    assert Route.needs_review == "needs_review"
    assert str(C.review_not_stored) == "review_not_stored"
