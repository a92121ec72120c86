"""`check_guard`: sound guards pass, each planted defect breaks one promise and no other."""

import asyncio
import os
import threading
import time

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from opentelemetry import trace

import guardrails as gr
from guardrails.testing import GuardCheckError, check_guard, parametrize_with_guard_checks
from guardrails.testing._promises import PROMISES

BOOKING = {"lead_time": 42, "adr": 98.25, "deposit": "No Deposit"}
FRAME = pd.DataFrame([BOOKING, {**BOOKING, "adr": 12.5}, {**BOOKING, "adr": 77.75, "lead_time": 7}])


class Booking(pa.DataFrameModel):
    lead_time: int = pa.Field(ge=0, le=800)
    adr: float = pa.Field(ge=0, le=500)
    deposit: str = pa.Field(isin=["No Deposit", "Refundable"])


def price(booking):
    return booking["adr"] * 2


async def price_async(booking):
    return booking["adr"] * 2


def price_table(bookings):
    return bookings["adr"].to_numpy() * 2


def scorecard(booking):
    return 1.0


def guard(**changes):
    given = {"contract": Booking, "budget": 1.0, "fallbacks": [gr.Fallback(scorecard, contract=None)]}
    return gr.guard("price", **{**given, **changes})


def table_guard(**changes):
    many = gr.Fallback(lambda rows: [1.0] * len(rows), contract=None, name="scorecard")
    return guard(**{"fallbacks": [many], **changes}).batch


def verdicts(report):
    return {result.promise: result.verdict for result in report.results}


# --- sound guards ------------------------------------------------------------------------------------------------


@parametrize_with_guard_checks(guard(review=gr.ReviewQueue(":memory:"))(price), BOOKING)
def test_every_promise_of_a_record_guard(guard_check):
    """One test for each, as users write it."""
    guard_check()


@pytest.mark.parametrize(
    ("target", "request_", "not_judged"),
    [
        (guard()(price), BOOKING, ["rows_keep_their_order"]),
        (guard()(price_async), BOOKING, ["rows_keep_their_order"]),
        (table_guard()(price_table), FRAME, []),
        (table_guard()(lambda rows: [row["adr"] for row in rows]), FRAME.to_dict("records"), []),
        (guard(budget=None)(price), BOOKING, ["rows_keep_their_order", "in_time"]),
    ],
    ids=["record", "async", "frame", "records", "no budget"],
)
def test_a_sound_guard_passes(target, request_, not_judged):
    """What cannot be judged says why, and is no defect."""
    report = check_guard(target, request_)
    assert report.broken == ()
    assert sorted(each.promise for each in report.of("not judged")) == sorted(not_judged)
    assert all(each.detail for each in report.of("not judged"))


def test_a_sound_method_and_a_function_of_keywords_pass():
    """The instance and the argument names are kept."""

    class Service:
        @gr.guard("method", budget=1.0)
        def predict(self, booking):
            return booking["adr"]

    by_name = gr.guard("keywords", budget=1.0, request="arguments")(lambda *, adr, deposit: adr)
    assert check_guard(Service().predict, BOOKING, only=["never_raises", "record_equals_row"]).broken == ()
    report = check_guard(by_name, {"adr": 98.25, "deposit": "No Deposit"})
    assert report.broken == ()
    assert verdicts(report)["record_equals_row"] == "not judged"


def test_an_array_and_a_table_of_arrays_pass():
    """By position."""
    schema = pa.DataFrameSchema({"a": pa.Column(float), "b": pa.Column(float)})
    config = gr.guard("array", contract=schema, budget=1.0)
    assert check_guard(config(lambda row: row.sum()), np.array([1.25, 2.5])).broken == ()
    rows = np.array([[1.25, 2.5], [3.75, 4.5]])
    report = check_guard(config.batch(lambda rows: rows.sum(axis=1)), rows)
    assert (report.broken, report.of("not judged")) == ((), ())


def test_it_works_inside_a_running_event_loop():
    """As from an async test."""

    async def main():
        return check_guard(guard()(price_async), BOOKING, only=["never_raises", "in_time"])

    assert asyncio.run(main()).broken == ()


# --- planted defects: each is caught by one check ----------------------------------------------------------------


def exits(booking):
    raise SystemExit(3)  # what a command-line model does where it finds no licence


def slow_observer(decision):
    if decision.served_by == "primary" and decision.elapsed:  # after the decision, where time is not virtual
        time.sleep(0.2)


def reorders(bookings):
    return np.sort(bookings["adr"].to_numpy())


def leaks_a_value(booking):
    trace.get_current_span().set_attribute("adr", booking["adr"])
    return booking["adr"]


def unlike_alone(bookings):
    return np.full(len(bookings), bookings["adr"].mean())


def locked_closure():
    lock = threading.Lock()

    def inside(booking):
        with lock:
            return booking["adr"]

    return inside


DEFECTS = {
    "raises": (lambda: guard(fallbacks=[gr.Fallback(exits, contract=None)])(price), BOOKING, "never_raises"),
    "is late": (lambda: guard(budget=0.05, observers=[slow_observer])(price), BOOKING, "in_time"),
    "reorders rows": (lambda: table_guard()(reorders), FRAME, "rows_keep_their_order"),
    "leaks a value": (lambda: guard()(leaks_a_value), BOOKING, "no_values_leave"),
    "leaks in a type's name": (lambda: guard()(leaks_in_a_name), BOOKING, "no_values_leave"),
    "depends on neighbours": (lambda: table_guard()(unlike_alone), FRAME, "record_equals_row"),
    "cannot be copied": (lambda: guard()(locked_closure()), BOOKING, "survives_cloudpickle"),
    "lets garbage work": (
        lambda: guard(policy=gr.Policy(uncalibrated="works"))(lambda booking: "a label"),
        BOOKING,
        "no_bad_answer_works",
    ),
}


def leaks_in_a_name(booking):
    if booking["adr"] == 98.25:
        raise type(f"Unexpected{booking['adr']}", (Exception,), {})
    return 1.0


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_breaks_one_promise(defect):
    """It is named, with how it broke, and no other promise is."""
    make, request_, promise = DEFECTS[defect]
    with pytest.raises(GuardCheckError) as caught:
        check_guard(make(), request_)
    assert caught.value.report.broken == (promise,)
    assert f"broken      {promise}: " in str(caught.value)


def test_a_coroutine_that_blocks_the_loop_is_late():
    """Nothing can interrupt it."""

    async def blocks(booking):
        time.sleep(0.2)  # noqa: ASYNC251 - the defect
        return booking["adr"]

    with pytest.raises(GuardCheckError) as caught:
        check_guard(guard(budget=0.05)(blocks), BOOKING, only=["in_time", "record_equals_row"])
    assert caught.value.report.broken == ("in_time",)


def test_a_forked_child_that_gets_no_decision_is_found():
    """The model leaves the process it was forked into."""
    parent = os.getpid()

    def leaves(booking):
        if os.getpid() != parent:
            os._exit(1)
        return booking["adr"]

    with pytest.raises(GuardCheckError) as caught:
        check_guard(guard()(leaves), BOOKING, only=["survives_fork"])
    assert caught.value.report.broken == ("survives_fork",)


def test_a_request_that_the_primary_is_not_asked_for_judges_nothing():
    """The report says what is needed."""
    report = check_guard(guard()(price), {**BOOKING, "adr": -1.0}, only=["one_outcome_per_fault"])
    (result,) = report.results
    assert result.verdict == "not judged"
    assert "caveats: contract, fallback, uncalibrated" in result.detail


# --- the report --------------------------------------------------------------------------------------------------


def test_the_report_names_every_promise():
    """Broken ones first."""
    with pytest.raises(GuardCheckError) as caught:
        check_guard(guard()(leaks_a_value), BOOKING, only=["never_raises", "no_values_leave"])
    assert str(caught.value).splitlines() == [
        "guard 'price', 2 promises: 1 broken, 1 kept",
        "  broken      no_values_leave: span 'guard price' 'adr' holds the value of field 'adr'",
        "  kept        never_raises",
    ]


def test_every_promise_is_a_sentence():
    """Its docstring, which the failing test shows."""
    assert all((promise.__doc__ or "").endswith(".") for promise in PROMISES)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: check_guard(price, BOOKING), "guarded"),
        (lambda: check_guard(guard()(price), BOOKING, only=["nothing"]), "never_raises"),
        (lambda: parametrize_with_guard_checks(guard()(price), BOOKING, only=["nothing"]), "never_raises"),
    ],
)
def test_mistakes_are_named(call, match):
    """With what there is."""
    with pytest.raises(gr.ConfigurationError, match=match):
        call()


def test_one_check_fails_and_another_skips():
    """As pytest shows them."""
    mark = parametrize_with_guard_checks(guard(budget=None)(leaks_a_value), BOOKING)
    checks = {param.id: param.values[0] for param in mark.args[1]}
    assert repr(checks["in_time"]) == "<GuardCheck in_time>"
    with pytest.raises(pytest.skip.Exception, match="no budget"):
        checks["in_time"]()
    with pytest.raises(AssertionError, match="No value of a request"):
        checks["no_values_leave"]()
