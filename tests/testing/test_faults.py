"""Faults: each does what it says, in no time, for every kind of guarded function, and leaves nothing behind."""

import asyncio
import dataclasses
import math
import threading
import time
from typing import NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pydantic
import pytest

import guardrails as gr
from guardrails.testing import Faults, MemoryReviews, VirtualClock, assert_degraded, assert_review, faults
from guardrails.testing._broken_answers import misshapen, nan_like
from guardrails.testing._seam import engine_of

FINE = {"x": 3.0, "kind": "a", "at": 1_700_000_000.0}


class Request(pa.DataFrameModel):
    x: float = pa.Field(ge=0, le=10)
    kind: str = pa.Field(isin=["a", "b"])
    at: float


def scorecard(request):
    return 0.5


def double(request):
    return request["x"] * 2


def guarded(fn=double, **changes):
    given = {"contract": Request, "budget": 10.0, "fallbacks": [gr.Fallback(scorecard, contract=None)]}
    return gr.guard("m", **{**given, **changes})(fn)


async def double_async(request):
    return request["x"] * 2


def ask(target, request=FINE):
    given = target(request)
    return asyncio.run(_awaited(given)) if hasattr(given, "__await__") else given


async def _awaited(given):
    return await given


def state(target):
    engine = engine_of(target)
    parts = [(c.fn, c.latency, c.contract) for c in engine.candidates]
    return engine.clock, engine.config, parts, target._reader


KINDS = pytest.mark.parametrize("fn", [double, double_async], ids=["thread", "loop"])


# --- the model ---------------------------------------------------------------------------------------------------


@KINDS
def test_a_hanging_primary_is_over_at_its_deadline_and_let_go_at_the_end(fn):
    """Ten seconds of budget take no real time, and no thread hangs on."""
    target, begin = guarded(fn), time.perf_counter()
    with faults.hang(target) as fault:
        decision = assert_degraded(ask(target), code="deadline", served_by="scorecard")
        assert (fault.calls, fault.clock.monotonic()) == (
            1,
            pytest.approx(9.999, abs=0.002),
        )  # a fifth is kept back for the fallback
    assert time.perf_counter() - begin < 1.0
    assert isinstance(decision.failure, TimeoutError)
    assert target.status()["abandoned"] == {"primary": 0, "scorecard": 0}
    assert assert_degraded(ask(target), served_by="primary").value == 6.0


@KINDS
@pytest.mark.parametrize("which", [0, "scorecard"])
def test_a_fallback_fails_by_place_or_by_name(fn, which):
    """The primary hangs, the fallback too; a person is asked, exactly when the budget is spent."""
    target = guarded(fn)
    with faults.hang(target) as fault, faults.hang(target, fallback=which):
        assert_review(ask(target), code="deadline")
        assert 9.99 < fault.clock.monotonic() <= 10.0


@KINDS
def test_a_slow_primary_answers_while_there_is_time(fn):
    """Three seconds pass, then it answers; ten are too many."""
    target = guarded(fn)
    with faults.slow(target, 3.0):
        decision = assert_degraded(ask(target), served_by="primary")
    assert (decision.elapsed, decision.value) == (3.0, 6.0)
    with faults.slow(target, 10.0):
        assert_degraded(ask(target), code="deadline", served_by="scorecard")


@KINDS
def test_an_error_is_raised_as_it_was_given(fn):
    """An instance, which the decision then holds, or a class."""
    target, error = guarded(fn), ConnectionError("down")
    with faults.error(target, error):
        assert assert_degraded(ask(target), code="error").failure is error
    with faults.error(target, KeyError) as fault:
        assert isinstance(ask(target).failure, KeyError)
        assert isinstance(ask(target).failure, KeyError)
    assert fault.calls == 2


@KINDS
def test_every_third_call_fails(fn):
    """And the others answer."""
    target = guarded(fn)
    with faults.flaky(target, every=3):
        served = [ask(target).served_by for _ in range(6)]
    assert served == ["primary", "primary", "scorecard"] * 2


@KINDS
@pytest.mark.parametrize("fault", ["none", "garbage", "nan", "wrong_shape"])
def test_a_bad_answer_is_caught_by_the_output_check(fn, fault):
    """Each is no number, or no finite one."""
    target = guarded(fn, output=lambda answer: isinstance(answer, float) and math.isfinite(answer))
    with getattr(faults, fault)(target):
        assert_degraded(ask(target), code="output", served_by="scorecard")


def test_any_answer_can_be_given():
    """Without the model being called."""
    target = guarded(lambda request: pytest.fail("called"))
    with faults.returns(target, 7.0):
        assert ask(target).value == 7.0


@pytest.mark.parametrize(
    ("answer", "nan", "wrong"),
    [
        (np.array([0.1, 0.9]), np.array([math.nan] * 2), np.array([0.1])),
        ([0.1, 0.9], [math.nan] * 2, [0.1]),
        ((0.1, 0.9), (math.nan, math.nan), [0.1]),
        ({"a": 0.1, "b": 0.9}, {"a": math.nan, "b": math.nan}, {"a": 0.1}),
        (3, math.nan, [3, 3]),
        (pd.Series([1.0, 2.0]), pd.Series([math.nan] * 2), pd.Series([1.0])),
        (pd.Series(["a", "b"]), pd.Series([math.nan] * 2), pd.Series(["a"])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_bad_answers_keep_the_container(answer, nan, wrong):
    """An array stays an array, a mapping a mapping."""
    for spoil, expected in ((nan_like, nan), (misshapen, wrong)):
        got = spoil(answer)
        assert type(got) is type(expected)
        np.testing.assert_equal(pd.Series(got).to_dict(), pd.Series(expected).to_dict())


def test_a_table_under_a_fault():
    """The rows all get the fallback; the wrong shape is one row fewer."""
    frame = pd.DataFrame([FINE, FINE])
    table = gr.guard("t", budget=10.0, fallbacks=[gr.Fallback(lambda rows: [0.5] * len(rows), name="s")])
    target = table.batch(lambda rows: rows["x"].to_numpy() * 2)
    for fault, code in ((faults.hang, "deadline"), (faults.error, "error"), (faults.wrong_shape, "output")):
        with fault(target):
            target(frame).assert_all("degraded", code=code, served_by="s")
    with faults.nan(target):
        target(frame).assert_all("degraded", code="output", served_by="s")
    target(frame).assert_all("degraded", only=["uncalibrated"], served_by="primary")


@KINDS
def test_saturation_is_what_the_budget_says(fn):
    """The model is not called, and afterwards it is."""
    target = guarded(fn)
    with faults.saturate(target), faults.error(target) as never:
        assert_degraded(ask(target), code="saturated", served_by="scorecard")
    assert never.calls == 0
    assert target.status()["abandoned"]["primary"] == 0
    assert_degraded(ask(target), served_by="primary")


def test_retries_are_seen_by_a_flaky_fault():
    """The second attempt answers; the pauses take virtual time."""
    for fn in (double, double_async):
        target = guarded(fn, budget=gr.Budget(10.0, attempts=3, retry_on=ConnectionError, backoff=2.0))
        with Faults(VirtualClock()).error(target, ConnectionError()) as fault:
            assert_degraded(ask(target), code="error", served_by="scorecard")
        assert fault.calls >= 2


# --- the upstream ------------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize(
    ("name", "arguments", "field"),
    [
        ("drop", ["x"], "x"),
        ("rename", ["x", "X"], "x"),
        ("retype", ["x"], "x"),
        ("scale", ["x", 10], "x"),
        ("unseen", ["kind"], "kind"),
        ("retype", ["kind"], "kind"),
    ],
)
def test_a_broken_field_breaks_the_contract(fn, name, arguments, field):
    """The caveat names the field; the fallback gets the broken request too."""
    asked = []

    def note(request):
        asked.append(request)
        return 0.5

    target = guarded(fn, fallbacks=[gr.Fallback(note, contract=None)])
    with getattr(faults, name)(target, *arguments) as fault:
        decision = assert_degraded(ask(target), code="contract", served_by=note.__qualname__)
    assert decision.caveats[0].fields[0] == field
    assert fault.calls == 1
    assert asked != [FINE]
    assert FINE == {"x": 3.0, "kind": "a", "at": 1_700_000_000.0}


def test_what_keeps_the_contract_reaches_the_model():
    """Half of it, then a quarter: two faults combine."""
    target = guarded()
    with faults.scale(target, "x", 0.5):
        assert ask(target).value == 3.0
        with faults.scale(target, "x", 0.5) as inner:
            assert ask(target).value == 1.5
        assert inner.calls == 1
        assert ask(target).value == 3.0
    assert ask(target).value == 6.0


def test_a_stale_timestamp():
    """An hour older than the contract allows; the clock of the contract is the machine's."""
    schema = pa.DataFrameSchema({"at": pa.Column(float)})
    target = gr.guard("m", contract=gr.Contract(schema, max_age={"at": "1h"}), budget=1.0)(lambda request: 1)
    fresh = {"at": time.time()}
    assert_degraded(target(fresh), only=["uncalibrated"])
    with faults.stale(target, "at", 7200):
        assert_review(target(fresh), code="contract")
    with faults.skew(target, 7200):
        assert_review(target(fresh), code="contract")
    with faults.skew(target, -7200):
        assert_review(target(fresh), code="contract")  # it comes from the future
    assert_degraded(target(fresh), only=["uncalibrated"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-02T00:00:00", "2026-01-01T00:00:00"),
        (np.datetime64("2026-01-02"), np.datetime64("2026-01-01")),
        (pd.Timestamp("2026-01-02"), pd.Timestamp("2026-01-01")),
        (86_400.0, 0.0),
    ],
    ids=["text", "numpy", "pandas", "number"],
)
def test_timestamps_of_every_kind_age(value, expected):
    """A day less."""
    target = gr.guard("m", budget=1.0)(lambda request: request["at"])
    with faults.stale(target, "at", 86_400):
        assert target({"at": value}).value == expected


@dataclasses.dataclass(frozen=True)
class Row:
    x: float


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True)
    x: float


class Named(NamedTuple):
    x: float


@pytest.mark.parametrize("request_", [Row(3.0), Model(x=3.0), Named(3.0), pd.Series({"x": 3.0})])
def test_requests_of_every_kind_break(request_):
    """They stay what they are where that can be, and the caller's own is not touched."""
    target = gr.guard("m", budget=1.0)(lambda request: request)
    with faults.scale(target, "x", 10):
        broken = target(request_).value
    assert type(broken) is type(request_)
    assert (broken.x, request_.x) == (30.0, 3.0)
    with faults.drop(target, "x"):
        assert "x" not in target(request_).value
    with faults.rename(target, "x", "y"):
        assert target(request_).value["y"] == 3.0


def test_arrays_break_by_position():
    """The contract names the positions."""
    schema = pa.DataFrameSchema({"a": pa.Column(float), "b": pa.Column(float)})
    record = gr.guard("m", contract=schema, budget=1.0)(lambda row: row)
    table = gr.guard("t", contract=schema, budget=1.0).batch(lambda rows: rows)
    with faults.scale(record, "b", 10), faults.scale(table, "b", 10):
        assert record(np.array([1.0, 2.0])).value.tolist() == [1.0, 20.0]
        assert table(np.array([[1.0, 2.0], [3.0, 4.0]]))[1].value.tolist() == [3.0, 40.0]
    with faults.drop(record, "a"), faults.unseen(table, "a"):
        assert_review(record(np.array([1.0, 2.0])), code="contract")
        table(np.array([[1.0, 2.0]])).assert_all("needs_review", code="contract")


@pytest.mark.parametrize("make", [pd.DataFrame, list], ids=["frame", "records"])
def test_tables_break_in_every_row(make):
    """As one record does."""
    target = gr.guard("t", contract=Request, budget=1.0).batch(lambda rows: [1.0] * len(rows))
    table = make([FINE, FINE, FINE])
    for block in (faults.drop(target, "x"), faults.rename(target, "x", "X"), faults.scale(target, "x", 100)):
        with block:
            target(table).assert_all("needs_review", code="contract")
    target(table).assert_all("degraded")


def test_a_request_of_keyword_arguments_breaks():
    """The function gets the broken value too; one that is dropped is missing."""
    schema = pa.DataFrameSchema({"x": pa.Column(float, pa.Check.le(10)), "y": pa.Column(int)})
    target = gr.guard("m", contract=schema, budget=1.0, request="arguments")(lambda *, x, y=1: x)
    with faults.scale(target, "x", 2):
        assert target(x=3.0).value == 6.0
    with faults.drop(target, "x"):
        assert_review(target(x=3.0), code="contract")


def test_a_contract_that_transforms_is_broken_once():
    """What it has made of the broken request reaches the model as it is."""
    schema = pa.DataFrameSchema({"x": pa.Column(int, coerce=True)})
    target = gr.guard("m", contract=gr.Contract(schema, transform=True), budget=1.0)(lambda r: r["x"])
    with faults.scale(target, "x", 10):
        assert target({"x": "3"}).value == 3  # text is not scaled
        assert target({"x": 3.0}).value == 30


def test_a_field_that_no_request_has_is_a_typing_mistake():
    """A fault that broke nothing says so."""
    target = guarded()
    with pytest.raises(gr.ConfigurationError, match="kindd"), faults.drop(target, "kindd"):
        ask(target)


# --- the surroundings --------------------------------------------------------------------------------------------


def test_the_review_store_fails():
    """The decision says so; a store that says nothing holds the caller until the deadline, no longer."""
    reviews = MemoryReviews()
    for fn in (double, double_async):
        target = guarded(fn, review=reviews, fallbacks=[])
        with faults.review_locked(target) as fault, faults.error(target):
            assert_review(ask(target), code="review_not_stored")
            assert 9.99 < fault.clock.monotonic() <= 10.0
        with faults.review_full(target), faults.error(target):
            assert_review(ask(target), code="review_not_stored")
        assert len(reviews) == 0
        with faults.error(target):
            stored = assert_review(ask(target), only=["error"])
        assert reviews.read(stored.id).guard_name == "m"
        reviews.__init__()


@pytest.mark.parametrize("state", ["fallback_only", "review_all"])
def test_a_person_switches_the_primary_off(state):
    """Without a switch of its own."""
    target = guarded()
    with faults.switch_off(target, state):
        decision = ask(target)
    assert decision.route == ("degraded" if state == "fallback_only" else "needs_review")
    assert "switched_off" in [caveat.code for caveat in decision.caveats]


def test_the_clock_alone():
    """Nothing fails, and no time passes."""
    target, clock = guarded(), VirtualClock()
    with Faults(clock).on_clock(target) as fault:
        assert ask(target).elapsed == 0.0
    assert fault.clock is clock


# --- blocks ------------------------------------------------------------------------------------------------------


BLOCKS = [
    faults.hang, lambda t: faults.slow(t, 1), faults.error, lambda t: faults.flaky(t, 2), faults.nan, faults.saturate,
    lambda t: faults.drop(t, "x"), lambda t: faults.skew(t, 9), faults.review_locked, faults.review_full, faults.switch_off,
]  # fmt: skip


def test_everything_is_put_back():
    """After each block, after all of them nested, and after one that raised."""
    target = guarded(review=MemoryReviews())
    before = state(target)
    for block in BLOCKS:
        with block(target):
            ask(target)
        assert state(target) == before
        with pytest.raises(ZeroDivisionError), block(target):
            1 / 0  # noqa: B018
        assert state(target) == before


def test_blocks_that_overlap_are_put_back_in_any_order():
    """Each keeps its fault until its own end."""
    target = guarded()
    before = state(target)
    first, second = faults.error(target, KeyError), faults.scale(target, "x", 2)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert ask(target).value == 12.0
    second.__exit__(None, None, None)
    assert state(target) == before


def test_two_guards_of_one_configuration_fail_apart():
    """The fault is the function's, not the configuration's."""
    guard = gr.guard("g", budget=1.0, fallbacks=[scorecard], review=MemoryReviews())
    one, other = guard(double), guard(double)
    with faults.error(one), faults.review_full(one):
        assert ask(one).served_by == "scorecard"
        assert ask(other).served_by == "primary"
        assert engine_of(other).config.review is guard.config.review


def test_what_was_learnt_of_durations_is_forgotten():
    """A fallback that was slow in a test keeps no time back in the next one."""
    target = guarded()
    kept = target.status()["kept_back"]
    with faults.error(target), faults.slow(target, 4.0, fallback=0):
        ask(target)
        assert target.status()["kept_back"] != kept
    assert target.status()["kept_back"] == kept


def test_the_guards_own_virtual_clock_is_kept():
    """One that the test has injected goes on."""
    clock = VirtualClock(monotonic=100.0)
    target = guarded(clock=clock)
    with faults.hang(target) as fault:
        ask(target)
    assert fault.clock is clock
    assert 109.99 < clock.monotonic() <= 110.0


def test_many_threads_see_the_fault():
    """As the threads of a web server's pool do."""
    target, decisions = guarded(budget=gr.Budget(10.0, max_abandoned=64)), []
    with faults.hang(target) as fault:
        threads = [threading.Thread(target=lambda: decisions.append(ask(target))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert fault.calls == 16
    assert [decision.served_by for decision in decisions] == ["scorecard"] * 16
    assert target.status()["abandoned"]["primary"] == 0


def test_many_tasks_see_the_fault():
    """On one event loop, at once."""
    target = guarded(double_async)

    async def main():
        return await asyncio.gather(*(target(FINE) for _ in range(50)))

    with faults.hang(target) as fault:
        decisions = asyncio.run(main())
    assert [decision.served_by for decision in decisions] == ["scorecard"] * 50
    assert 9.99 < fault.clock.monotonic() <= 10.0


def test_methods_and_callable_objects():
    """The fault is on the method, for every instance."""

    class Service:
        @gr.guard("method", budget=1.0, fallbacks=[lambda self, request: 0])
        def predict(self, request):
            return request["x"]

        @classmethod
        def make(cls):
            return cls()

    service = Service()
    with faults.error(service.predict), faults.scale(service.predict, "x", 2) as scaled:
        assert service.predict(FINE).value == 0
    with faults.scale(service.predict, "x", 2):
        assert Service().predict(FINE).value == 6.0
    assert scaled.calls == 1
    assert service.predict(FINE).value == 3.0


@pytest.mark.parametrize(
    ("block", "match"),
    [
        (lambda: faults.hang(double), "guarded"),
        (lambda: faults.hang(gr.guard(budget=None)(double)), "no budget"),
        (lambda: faults.saturate(gr.guard(budget=None)(double)), "no budget"),
        (lambda: faults.error(guarded(), fallback=1), "names no fallback"),
        (lambda: faults.error(guarded(), fallback="card"), "'scorecard'"),
        (lambda: faults.error(guarded(fallbacks=[]), fallback=0), "it has none"),
        (lambda: faults.error(guarded(), "no error"), "exception"),
        (lambda: faults.flaky(guarded(), 0), "every"),
        (lambda: faults.slow(guarded(), math.inf), "seconds"),
        (lambda: faults.switch_off(guarded(), "off"), "state"),
    ],
)
def test_mistakes_are_named(block, match):
    """Before anything is changed."""
    with pytest.raises(gr.ConfigurationError, match=match), block():
        pass
