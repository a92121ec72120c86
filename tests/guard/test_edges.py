"""The corners of the guard: its own faults, contracts that transform, clauses about many rows, odd callables."""

import asyncio
import functools

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

import guardrails as gr

from .conftest import WORKS, Request, codes, model

ANY = gr.Policy(uncalibrated="works")


class Broken:
    """A step that fails, whatever it is asked."""

    def one(self, *_):
        raise RuntimeError("secret")

    table = one


def test_a_fault_of_the_guards_own_steps_needs_review():
    """Record and table: an outcome, the exception on `.failure`, its message nowhere."""
    single = gr.guard(budget=None)(model)
    table = gr.guard(budget=None).batch(lambda rows: [1] * len(rows))
    for guarded in (single, table):
        guarded._engine.candidates[0].measure = Broken()
    one, (two, three) = single(WORKS), table([WORKS, WORKS])

    for decision in (one, two, three):
        assert (decision.route, codes(decision)) == ("needs_review", ["error", "review_not_stored"])
        assert "RuntimeError in the guard itself" in decision.caveats[0].message
        assert "secret" not in str(decision.caveats)
        assert isinstance(decision.failure, RuntimeError)


def test_a_transforming_contract_changes_what_the_function_gets():
    """Coercion and defaults reach the function only where the contract says so; record and table alike."""
    schema = pa.DataFrameSchema({"x": pa.Column(float), "n": pa.Column(int, default=3)}, coerce=True)
    seen = []
    decorate = gr.guard(budget=None, contract=gr.Contract(schema, transform=True), policy=ANY)
    decorate(lambda r: seen.append(r) or 1)({"x": "0.5", "n": None})
    decorate.batch(lambda f: seen.append(f.to_dict("records")) or [1] * len(f))(
        pd.DataFrame({"x": ["0.5", "a"], "n": [None, 1]})
    )
    gr.guard(budget=None, contract=schema, policy=ANY)(lambda r: seen.append(r) or 1)({"x": "0.5", "n": 1})

    assert seen == [{"x": 0.5, "n": 3}, [{"x": 0.5, "n": 3}], {"x": "0.5", "n": 1}]


def test_a_transformed_request_of_arguments():
    """Keyword arguments are replaced too, wherever the request came from."""
    contract = gr.Contract(pa.DataFrameSchema({"x": pa.Column(float, coerce=True)}), transform=True)
    decorate = gr.guard(budget=None, contract=contract, policy=ANY, request="arguments")
    first = gr.guard(budget=None, contract=contract, policy=ANY)

    assert decorate(lambda x: x)(x="0.5").value == 0.5
    assert decorate(lambda x: x)("0.5").value == 0.5
    assert first(lambda request: request["x"])(request={"x": "0.5"}).value == 0.5


def test_clauses_about_many_rows_are_a_caveat_of_the_table():
    """`unique` says nothing about a row."""
    schema = pa.DataFrameSchema({"x": pa.Column(float, unique=True)})
    decisions = gr.guard(budget=None, contract=schema, policy=ANY).batch(lambda f: [1] * len(f))(
        pd.DataFrame({"x": [1.0, 1.0]})
    )

    assert decisions.routes.tolist() == ["works", "works"]
    (caveat,) = decisions.caveats
    assert (caveat.code, caveat.fields) == ("drifted_schema", ("x",))


def test_a_drifted_row_of_a_table_degrades_alone():
    """A field retyped, though the clauses hold."""
    schema = pa.DataFrameSchema({"x": pa.Column(float), "y": pa.Column(float, required=False)})
    decisions = gr.guard(budget=None, contract=schema, policy=ANY).batch(lambda rows: [1] * len(rows))(
        [{"x": 1.0, "y": 1.0}, {"x": 1.0}, {"x": "a"}]
    )

    assert decisions.routes.tolist() == ["works", "degraded", "needs_review"]
    assert "drifted_schema" in codes(decisions[1])


def test_a_table_whose_arguments_do_not_fit_raises():
    """As for a record."""
    guarded = gr.guard(budget=None).batch(lambda frame, extra: frame)
    with pytest.raises(TypeError, match="extra"):
        guarded(pd.DataFrame({"x": [1.0]}))
    with pytest.raises(TypeError):
        guarded()


def test_a_table_that_returns_an_awaitable_is_a_mistake():
    """It says so on every row."""

    async def later(frame):
        return [1]

    decisions = gr.guard(budget=None).batch(lambda frame: later(list(frame)))([WORKS])

    assert "async def" in decisions[0].caveats[0].message


def test_an_output_check_of_a_table_blames_its_rows():
    """Row by row, as for a record."""
    decisions = gr.guard(budget=None, output=lambda v: v < 2, policy=ANY).batch(lambda rows: [1, 2, 3])(
        [{}, {}, {}]
    )

    assert decisions.routes.tolist() == ["works", "needs_review", "needs_review"]
    assert codes(decisions[1]) == ["output", "review_not_stored"]


def test_values_may_be_a_series_or_a_frame():
    """Whatever holds one output per row, whatever its index."""
    frame = pd.DataFrame({"x": [1.0, 2.0]}, index=[5, 5])
    for answer in (frame["x"], frame, frame["x"].to_numpy(), frame["x"].tolist()):
        decisions = gr.guard(budget=None, policy=ANY).batch(lambda f, answer=answer: answer)(frame)
        assert np.asarray(decisions[1].value).item() == 2.0


def test_a_switch_that_raises_changes_nothing(caplog):
    """The last good state stays in force."""

    def broken():
        raise ConnectionError("secret")

    assert gr.guard(budget=None, switch=broken, policy=ANY)(lambda r: 1)({}).route == "works"
    assert "the switch raised" in caplog.text
    assert "secret" not in caplog.text


def test_odd_callables():
    """A builtin without a signature, a partial, a partial of a coroutine function, a callable with async `__call__`."""

    class Async:
        async def __call__(self, request):
            return request

    async def afunction(scale, request):
        return request * scale

    decorate = gr.guard(budget=None, policy=ANY)
    assert decorate(max)([1, 3]).value == 3
    assert decorate(functools.partial(pow, 2))(3).value == 8
    assert asyncio.run(decorate(functools.partial(afunction, 2))(3)).value == 6
    assert asyncio.run(decorate(Async())(4)).value == 4
    with pytest.raises(TypeError):
        decorate(max)()


def test_an_async_budget_of_none_and_an_async_method_of_a_table():
    """Inline on the loop; `self` precedes the table."""

    class Service:
        rows = gr.guard(budget=None, policy=ANY).batch

        async def of_table(self, rows):
            return [1] * len(rows)

    service = Service()
    guarded = gr.guard(budget=5.0, policy=ANY).batch(service.of_table)
    assert asyncio.run(guarded([{}, {}])).counts()["works"] == 2

    class Decorated:
        @gr.guard(budget=5.0, policy=ANY).batch
        def table(self, rows):
            return [1] * len(rows)

        @gr.guard(budget=5.0, policy=ANY).batch
        async def atable(self, rows):
            return [1] * len(rows)

    assert Decorated().table([{}]).counts()["works"] == 1
    assert asyncio.run(Decorated().atable([{}])).counts()["works"] == 1


def test_a_coroutine_that_cancels_itself_is_an_error():
    """Not a cancellation of the caller."""

    async def gives_up(request):
        raise asyncio.CancelledError

    decision = asyncio.run(gr.guard(budget=5.0)(gives_up)({}))

    assert codes(decision) == ["error", "review_not_stored"]


def test_no_time_left_for_a_coroutine():
    """A deadline in the past is an outcome."""

    async def never(request):
        return 1

    async def main():
        with gr.deadline(0.0):
            return await gr.guard(budget=5.0, fallbacks=[lambda r: 2])(never)({})

    decision = asyncio.run(main())
    assert (decision.route, codes(decision)[0]) == ("needs_review", "deadline")


def test_two_fallbacks_asked_for_different_reasons(profile):
    """Rows reach a fallback for reasons of their own, and are measured by them."""
    fallback = gr.Fallback(lambda rows: [[0.01, 0.99]] * len(rows), profile=profile, contract=None, name="f")
    guarded = gr.guard(budget=None, contract=Request, profile=profile, fallbacks=[fallback])
    decisions = guarded.batch(lambda rows: [None if r["x"] == 0.5 else model(r) for r in rows])(
        [{"x": 7.0}, {"x": 0.5}, WORKS]
    )
    single = gr.Fallback(lambda row: [0.01, 0.99], profile=profile, contract=None, name="f")
    alone = gr.guard(budget=None, contract=Request, profile=profile, fallbacks=[single])(
        lambda r: None if r["x"] == 0.5 else model(r)
    )

    assert [d.caveats for d in decisions] == [alone(r).caveats for r in ({"x": 7.0}, {"x": 0.5}, WORKS)]
    assert [d.served_by for d in decisions] == ["f", "f", "primary"]


def test_repr_and_pickle_of_a_guard_configuration():
    """A guard shows its name; a guarded callable its function."""
    guard = gr.guard("g", budget=1.0)

    assert repr(guard) == "<Guard 'g'>"
    assert "Guarded 'g'" in repr(guard(model))
