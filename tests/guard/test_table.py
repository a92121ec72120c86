"""A guarded table: in order, by position, and each row as if it were alone."""

import asyncio

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import guardrails as gr
from guardrails.testing import VirtualClock

from .conftest import UNANSWERABLE, UNCERTAIN, WORKS, Request, Reviews, calibrated, codes, model

HEALTHY = [WORKS, UNCERTAIN, UNANSWERABLE, {"x": 7.0}, {"x": None}, {}, {"x": "a"}, WORKS]


def batch(frame):
    x = frame["x"].to_numpy(dtype=float)
    return np.c_[1 - x, x]


def score_rows(rows):
    return [[0.7, 0.3] for _ in range(len(rows))]


def score_row(row):
    return [0.7, 0.3]


def guard(profile, **changes):
    return gr.guard(
        "g", **{"budget": 10.0, "contract": Request, "profile": profile, "clock": VirtualClock(), **changes}
    )


def shown(decision):
    return (
        decision.route,
        decision.caveats,
        decision.prediction,
        decision.prediction_set,
        decision.served_by,
        None if decision.route == "needs_review" else list(decision.value),
    )


def test_rows_keep_their_order_and_their_index(profile):
    """Duplicate labels and all; the function gets the rows that passed, columns unchanged."""
    sent = []

    def look(frame):
        sent.append(frame)
        return batch(frame)

    frame = pd.DataFrame({"x": [0.99, 7.0, 0.8, 0.55], "other": list("abcd")}, index=[3, 3, 1, 1])
    decisions = guard(profile).batch(look)(frame)

    assert decisions.routes.tolist() == ["works", "needs_review", "degraded", "needs_review"]
    pd.testing.assert_frame_equal(sent[0], frame.iloc[[0, 2, 3]])
    assert decisions.to_frame().index.tolist() == [3, 3, 1, 1]
    assert decisions.values.mask.tolist() == [False, True, False, True]
    assert decisions.values[0].tolist() == [1 - 0.99, 0.99]
    assert decisions.counts() == {"works": 1, "degraded": 1, "needs_review": 2}
    assert [each.route for each in decisions[1:3]] == ["needs_review", "degraded"]
    assert decisions[-1].id.endswith(".3")
    with pytest.raises(IndexError):
        decisions[4]


def test_a_bound_predict_proba_is_guarded_through_batch():
    """`guard.batch(model.predict_proba)(frame)`, also with an array."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 2))
    y = (rng.random(4000) < 1 / (1 + np.exp(-4 * x[:, 0]))).astype(int)
    fitted = LogisticRegression().fit(x[:2000], y[:2000])
    profile = gr.calibrate_classifier(
        fitted.predict_proba(x[2000:]), y[2000:], classes=fitted.classes_, max_error=0.05, name="p"
    )
    guarded = gr.guard(budget=10.0, profile=profile).batch(fitted.predict_proba)
    decisions = guarded(x[:100])

    certain = fitted.predict_proba(x[:100]).max(axis=1)
    assert set(decisions.routes) == {"works", "degraded"}
    assert certain[decisions.routes == "works"].min() > certain[decisions.routes == "degraded"].max()
    assert [d.prediction for d in decisions] == fitted.predict(x[:100]).tolist()


def test_an_empty_table_has_the_same_columns(profile):
    """No row, no call, the fixed columns and dtypes."""
    calls = []
    guarded = guard(profile).batch(calls.append)
    empty = guarded(pd.DataFrame({"x": []}))
    full = guard(profile).batch(batch)(pd.DataFrame({"x": [0.99]}))

    assert (len(empty), calls) == (0, [])
    assert empty.to_frame().dtypes.equals(full.to_frame().dtypes)
    assert empty.routes.shape == (0,)
    assert empty.values.shape == (0,)


@pytest.mark.parametrize(
    ("fallbacks", "one"),
    [([], []), ([score_rows], [score_row])],
    ids=["no fallback", "fallback"],
)
@pytest.mark.parametrize("contract", [Request, None], ids=["contract", "no contract"])
def test_a_record_equals_its_row(profile, fallbacks, one, contract):
    """The same verdict alone and as a row, whatever the neighbours."""
    more = {"contract": contract}
    names = [gr.Fallback(f, name="f", contract=None) for f in fallbacks]
    single = [gr.Fallback(f, name="f", contract=None) for f in one]
    rows = HEALTHY if contract else [WORKS, UNCERTAIN, UNANSWERABLE]
    table = guard(profile, fallbacks=names, **more).batch(lambda rows: [model(row) for row in rows])(rows)
    alone = [guard(profile, fallbacks=single, **more)(model)(row) for row in rows]

    assert [shown(each) for each in table] == [shown(each) for each in alone]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.floats(0, 1),
            st.floats(),
            st.none(),
            st.sampled_from([0.99, 0.8, 0.55, 7, "a", True, 2**70]),
        ),
        max_size=12,
    )
)
def test_a_record_equals_its_row_for_hostile_rows(xs):
    """Check, measure and route never depend on neighbours."""
    rows = [{"x": x} for x in xs]
    table = PROPERTY_TABLE(rows)
    assert [shown(d) for d in table] == [shown(PROPERTY_RECORD(row)) for row in rows]


PROPERTY_PROFILE = calibrated()
PROPERTY_TABLE = guard(PROPERTY_PROFILE, budget=None).batch(lambda rows: [model(row) for row in rows])
PROPERTY_RECORD = guard(PROPERTY_PROFILE, budget=None)(model)


def test_one_bad_answer_blames_one_row(profile):
    """NaN in one row of probabilities."""

    def spoilt(frame):
        p = batch(frame)
        p[1] = np.nan
        return p

    decisions = guard(profile).batch(spoilt)(pd.DataFrame({"x": [0.99, 0.99, 0.99]}))

    assert decisions.routes.tolist() == ["works", "needs_review", "works"]
    assert codes(decisions[1])[0] == "output"


@pytest.mark.parametrize(
    "answer",
    [None, "text", {"a": 1}, np.zeros((1, 2)), [], 3.0],
    ids=["None", "text", "dict", "1 row", "empty", "number"],
)
def test_a_wrong_number_of_outputs_blames_every_row_sent(profile, answer):
    """The function must return one output per row."""
    decisions = guard(profile).batch(lambda frame: answer)(pd.DataFrame({"x": [0.99, 7.0, 0.99]}))

    assert [codes(d)[0] for d in decisions] == ["output", "contract", "output"]


def test_an_error_goes_to_every_row_sent(profile):
    """And to the fallback, which gets the table of those rows."""
    sent = []

    def down(frame):
        raise ConnectionError

    def fallback(frame):
        sent.append(frame["x"].tolist())
        return batch(frame)

    decisions = guard(profile, fallbacks=[fallback]).batch(down)(pd.DataFrame({"x": [0.99, 7.0, 0.8]}))

    assert sent == [[0.99, 0.8]]
    assert [codes(d)[0] for d in decisions] == ["error", "contract", "error"]
    assert [d.served_by for d in decisions] == ["fallback", "", "fallback"] or decisions[
        0
    ].served_by.endswith("fallback")
    assert isinstance(decisions[0].failure, ConnectionError)


def test_a_hanging_table_is_decided_at_the_deadline(profile):
    """One deadline for the whole table."""
    clock = VirtualClock()

    def hangs(frame):
        clock.sleep(60)

    decisions = guard(profile, clock=clock).batch(hangs)(pd.DataFrame({"x": [0.99, 0.8]}))

    assert [codes(d)[0] for d in decisions] == ["deadline", "deadline"]
    assert clock.monotonic() == pytest.approx(10.0, abs=0.0011)  # the guard keeps a millisecond for itself
    assert clock.monotonic() <= 10.0


def test_reviews_of_a_table_are_committed_together(profile):
    """One item per row that needs review, in one submission."""
    submissions = []

    class Store(Reviews):
        def submit(self, items, done):
            submissions.append(list(items))
            super().submit(items, done)

    decisions = guard(profile, review=Store()).batch(batch)(pd.DataFrame({"x": [0.99, 7.0, 0.55]}))

    assert [[item.id for item in items] for items in submissions] == [[decisions[1].id, decisions[2].id]]
    assert [codes(d) for d in decisions] == [[], ["contract"], ["unanswerable"]]


def test_a_review_store_that_fails_is_said_on_every_row(profile):
    """`review_not_stored` for each row that needs review."""
    store = Reviews(error=OSError())
    decisions = guard(profile, review=store).batch(batch)(pd.DataFrame({"x": [0.99, 7.0]}))

    assert [codes(d) for d in decisions] == [[], ["contract", "review_not_stored"]]


@pytest.mark.parametrize("state", ["fallback_only", "review_all"])
def test_a_switched_off_table(profile, state):
    """The same states as for a record."""
    decisions = guard(profile, fallbacks=[score_rows], switch=lambda: state).batch(batch)(
        pd.DataFrame({"x": [0.99]})
    )

    assert "switched_off" in codes(decisions[0])
    assert decisions[0].route == ("degraded" if state == "fallback_only" else "needs_review")


@pytest.mark.parametrize("table", [{"x": 1.0}, "text", None, np.zeros(3), 5], ids=str)
def test_what_is_no_table_raises(profile, table):
    """A single record given to a table guard is the caller's mistake."""
    with pytest.raises(TypeError, match="batch takes"):
        guard(profile).batch(batch)(table)


def test_decisions_have_no_truth_value(profile):
    """`if decisions:` is a trap."""
    decisions = guard(profile).batch(batch)(pd.DataFrame({"x": [0.99]}))

    with pytest.raises(TypeError, match="routes"):
        bool(decisions)
    assert "rows 1, works 1" in repr(decisions)


def test_observers_get_each_row(profile):
    """One decision per row."""
    told = []
    guard(profile, observers=[told.append]).batch(batch)(pd.DataFrame({"x": [0.99, 7.0]}))

    assert [each.route for each in told] == ["works", "needs_review"]


def test_an_async_table(profile):
    """As the plain one."""

    async def later(frame):
        await asyncio.sleep(0)
        return batch(frame)

    frame = pd.DataFrame({"x": [0.99, 7.0, 0.55]})
    one = asyncio.run(guard(profile).batch(later)(frame))

    assert [shown(d) for d in one] == [shown(d) for d in guard(profile).batch(batch)(frame)]


def test_a_regressor_table_has_intervals():
    """`low` and `high` in the frame."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=2000)
    profile = gr.calibrate_regressor(truth + 0.1, truth, tolerance=0.5, max_error=0.05, name="near")
    decisions = gr.guard(budget=None, profile=profile).batch(lambda x: x[:, 0])(np.array([[1.0], [2.0]]))
    frame = decisions.to_frame()

    assert decisions.routes.tolist() == ["works", "works"]
    assert (frame.low < [1.0, 2.0]).all()
    assert (frame.high > [1.0, 2.0]).all()
    assert frame.prediction.tolist() == [1.0, 2.0]


def test_no_guard_for_a_table_of_arguments():
    """`request="arguments"` has no table."""
    with pytest.raises(gr.ConfigurationError, match="request"):
        gr.guard(budget=None, request="arguments").batch(batch)
