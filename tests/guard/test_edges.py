"""The corners of the guard: its own faults, contracts that transform, clauses about many rows, odd callables."""

import asyncio
import functools
import gc
import pickle
import threading

import cloudpickle
import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

import guardrails as gr
from guardrails.testing import VirtualClock

from .conftest import WORKS, Request, Reviews, codes, model

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


def test_a_caveat_about_an_answer_degrades_it():
    """A clause of the output contract whose severity is `caveat`; alone and as a row of a table."""
    schema = pa.DataFrameSchema({"p": pa.Column(int, pa.Check.le(1, raise_warning=True))})
    guard = gr.guard(budget=None, output=schema, policy=ANY)
    decisions = [
        *guard.batch(lambda rows: [1, 2, 3])([{}, {}, {}]),
        *(guard(lambda r, v=v: v)({}) for v in (1, 2)),
    ]

    assert [d.route for d in decisions] == ["works", "degraded", "degraded", "works", "degraded"]
    assert codes(decisions[1]) == codes(decisions[4]) == ["drifted_schema", "uncalibrated"]
    assert decisions[1].caveats[0] == decisions[4].caveats[0]
    assert "in the answer, p: less_than_or_equal_to(1)" in decisions[1].caveats[0].message
    assert decisions[1].value == decisions[4].value == 2


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


# --- what a hostile user tried ------------------------------------------------------------------------------------


def test_a_slow_fallback_is_given_more_time_the_next_time():
    """A fallback that was cut short teaches the guard to keep more back, up to half of the budget."""
    clock = VirtualClock()
    guarded = gr.guard(budget=gr.Budget(1.0, max_abandoned=99), fallbacks=[Slow(clock, 0.3)], clock=clock)(
        Slow(clock, 60)
    )
    first, second, third = (guarded({}) for _ in range(3))

    assert (first.route, second.route, third.route) == ("needs_review", "degraded", "degraded")
    assert guarded.status()["kept_back"] == pytest.approx(
        0.401
    )  # twice the time it had, and a millisecond for the guard itself


def test_fast_failures_of_a_fallback_teach_nothing():
    """How long an error takes says nothing about an answer."""

    def down(request):
        raise ConnectionError

    guarded = gr.guard(budget=1.0, fallbacks=[down])(lambda r: 1 / 0)
    before = guarded.status()["kept_back"]
    for _ in range(20):
        guarded({})

    assert guarded.status()["kept_back"] == before


class Slow:
    """A function that takes its (virtual) time; named as a class, so that two of them may be in one guard."""

    def __init__(self, clock, seconds):
        self.clock, self.seconds = clock, seconds

    def __call__(self, request):
        self.clock.sleep(self.seconds)
        return 1


def test_an_enclosing_deadline_leaves_the_primary_its_half():
    """What is kept back is capped by the time there is, not only by the budget."""
    clock = VirtualClock()
    guarded = gr.guard(budget=10, fallbacks=[lambda r: 2], clock=clock)(lambda r: 1)
    with gr.deadline(1.0, clock=clock):
        decision = guarded({})

    assert decision.served_by == "primary"


def test_a_plain_guard_inside_an_async_one_is_enforced():
    """An event loop cannot interrupt what blocks it, so the inner guard uses its own worker."""
    release = threading.Event()
    inner = gr.guard(budget=0.05)(lambda request: release.wait())

    async def outer(request):
        return inner(request).route

    decision = asyncio.run(gr.guard(budget=0.05)(outer)({}))
    release.set()

    assert decision.elapsed < 1


def test_an_answer_that_comes_too_late_does_not_work():
    """The guard's own work, and the owner's callables, are part of the budget."""
    clock = VirtualClock()
    slow_read = gr.guard(budget=0.1, policy=ANY, read=lambda v: clock.advance(0.3) or v, clock=clock)(
        lambda r: 1
    )
    decision = slow_read({})

    assert (decision.route, codes(decision)) == (
        "needs_review",
        ["deadline", "uncalibrated", "review_not_stored"],
    )
    table = gr.guard(budget=0.1, policy=ANY, read=lambda v: clock.advance(0.3) or v, clock=clock).batch(
        lambda r: [1]
    )
    assert codes(table([{}])[0]) == codes(decision)


def test_a_guarded_function_is_neither_primary_nor_fallback():
    """A decision is no answer."""
    guarded = gr.guard(budget=None)(model)
    with pytest.raises(gr.ConfigurationError, match=r"guarded already.*undecorated"):
        gr.guard(budget=None)(guarded)
    with pytest.raises(gr.ConfigurationError, match=r"guarded already"):
        gr.guard(budget=None, fallbacks=[guarded])
    decision = gr.guard(budget=None, policy=ANY)(lambda r: guarded(dict(r)))(WORKS)
    assert codes(decision)[0] == "output"
    assert "unwrap" in decision.caveats[0].message


@pytest.mark.parametrize("value", [(i for i in ()), iter([])], ids=["generator", "iterator"])
def test_an_iterator_is_no_answer(value):
    """It could be read once only."""
    assert codes(gr.guard(budget=None, policy=ANY)(lambda r: value)({}))[0] == "output"


def test_a_decorator_that_supplies_an_argument():
    """What is called is the outermost wrapper, with its own signature."""

    def inject(fn):
        @functools.wraps(fn)
        def wrapper(request):
            return fn(request, db={})

        return wrapper

    @gr.guard(budget=None, contract=Request, policy=ANY)
    @inject
    def predict(request, db):
        raise TypeError("inside")

    assert codes(predict({"x": 7.0}))[0] == "contract"
    assert codes(predict(WORKS))[0] == "error"


def test_drift_is_said_of_rows_whose_call_failed():
    """A record and its row agree there too."""
    schema = pa.DataFrameSchema({"x": pa.Column(float), "y": pa.Column(float, required=False)})
    decorate = gr.guard(budget=None, contract=schema)

    def down(request):
        raise ConnectionError

    rows = [{"x": 1.0}, {"x": 1.0, "y": 1.0}]
    for broken in (down, lambda rows: None):
        table = decorate.batch(broken)(rows)
        assert ["drifted_schema" in codes(d) for d in table] == [True, False]
    assert [codes(d) for d in decorate.batch(down)(rows)] == [codes(decorate(down)(r)) for r in rows]


@pytest.mark.parametrize("answer", [{1, 2}, {}.keys(), np.array(3.0), 5, float], ids=str)
def test_an_odd_container_blames_every_row(answer):
    """Whatever cannot be taken by position, with a review store that works."""
    decisions = gr.guard(budget=None, review=Reviews()).batch(lambda rows: answer)([{}, {}])

    assert [codes(d) for d in decisions] == [["output"], ["output"]]


def test_a_model_that_changes_the_callers_table():
    """Rows that are gone cannot be stored; the decisions keep their number and their index."""
    frame = pd.DataFrame({"x": [1.0, 2.0]}, index=[7, 8])

    def drops(table):
        table.drop(index=[7, 8], inplace=True)
        raise ConnectionError

    decisions = gr.guard(budget=None, review=Reviews()).batch(drops)(frame)

    assert [codes(d)[0] for d in decisions] == ["error", "error"]
    assert decisions.to_frame().index.tolist() == [7, 8]


def test_a_fault_of_one_candidate_leaves_the_next_its_turn():
    """The fallback answers."""
    guarded = gr.guard(budget=None, fallbacks=[lambda r: 2])(model)
    guarded._engine.candidates[0].measure = Broken()
    decision = guarded(WORKS)

    assert (decision.route, decision.value, codes(decision)[0]) == ("degraded", 2, "error")
    table = gr.guard(budget=None, fallbacks=[lambda rows: [2] * len(rows)]).batch(
        lambda rows: [1] * len(rows)
    )
    table._engine.candidates[0].measure = Broken()
    assert [d.value for d in table([WORKS, WORKS])] == [2, 2]


def test_a_stop_iteration_is_an_error_like_any_other():
    """It cannot break out of the retries."""

    def stops(request):
        raise StopIteration

    budget = gr.Budget(10.0, attempts=3, retry_on=(Exception,))
    assert codes(gr.guard(budget=budget, fallbacks=[lambda r: 2])(stops)({}))[0] == "error"


def test_a_switch_that_returns_nonsense_of_another_type():
    """The last good state stays in force."""
    guarded = gr.guard(budget=None, switch=lambda: ["normal"], policy=ANY)(lambda r: 1)

    assert guarded({}).route == "works"
    assert guarded.status()["switch"] == "normal"


def test_a_guarded_function_binds_as_the_function_would():
    """Set on a class later it is a method; the function itself stays what it was; a bound method stays bound."""
    plain = gr.guard(budget=None, policy=ANY)(lambda *args: len(args))
    scorer = gr.guard(budget=None, policy=ANY)("abc".count)

    class Service:
        size = plain
        score = scorer

        def predict(self, request):
            return request

    Service.predict = gr.guard(budget=None, policy=ANY)(Service.predict)
    service = Service()

    assert service.predict(3).value == 3
    assert Service.predict(service, 3).value == 3
    assert plain(1).value == 1
    assert service.size(1).value == 2
    assert plain(1).value == 1
    assert service.score("a").value == 1
    assert Service.predict.status()["decisions"]["works"] == 2


def test_batch_of_a_classmethod_and_a_staticmethod():
    """As for one request."""
    batch = gr.guard(budget=None, policy=ANY).batch

    class Service:
        @batch
        @staticmethod
        def static(rows):
            return [1] * len(rows)

        @batch
        @classmethod
        def of_class(cls, rows):
            return [cls.__name__] * len(rows)

    assert Service.static([{}])[0].value == 1
    assert Service().of_class([{}])[0].value == "Service"


def test_a_reset_while_a_call_is_abandoned_never_counts_below_zero():
    """A call counts where it was begun."""
    release = threading.Event()
    guarded = gr.guard(budget=0.01)(lambda request: release.wait())
    guarded({})
    old = guarded._engine.candidates[0].workers.tally
    guarded.reset()
    release.set()
    while old.now:
        threading.Event().wait(0.001)

    assert guarded.status()["abandoned"]["primary"] == 0


def test_a_cancelled_coroutine_is_counted_and_its_exception_is_nobodys(caplog):
    """What it raises in its clean-up may hold values, and is not logged."""
    guarded = None

    async def leaks(request):
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("secret-4711")

    async def main():
        task = asyncio.create_task(guarded({}))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.01)

    guarded = gr.guard(budget=10.0)(leaks)
    asyncio.run(main())
    gc.collect()

    assert "secret-4711" not in caplog.text
    assert guarded.status()["abandoned_total"]["primary"] == 1


def test_a_copied_guard_still_obeys_an_enclosing_deadline():
    """Deadlines of two clocks are not compared, so a copy has the same clock."""
    release = threading.Event()
    guarded = cloudpickle.loads(cloudpickle.dumps(gr.guard(budget=60.0)(Waits())))
    with gr.deadline(0.02):
        decision = guarded(release)
    release.set()

    assert codes(decision)[0] == "deadline"


class Waits:
    """A function that waits for an event which does not come; made anew in the copy."""

    def __call__(self, event):
        event.wait()


def test_a_fallbacks_classes_are_held_against_its_profile(profile):
    """As the primary's are."""
    from sklearn.linear_model import LogisticRegression

    other = LogisticRegression().fit(np.zeros((4, 1)), ["a", "b", "a", "b"])
    fallback = gr.Fallback(other.predict_proba, profile=profile)
    with pytest.raises(gr.ConfigurationError, match=r"Fallback\(profile=\).*classes"):
        gr.guard(budget=None, fallbacks=[fallback]).batch(lambda rows: rows)


def test_arguments_with_defaults_and_more():
    """All arguments together, by name, with the defaults and what `**kwargs` takes."""
    seen = []
    contract = gr.Contract(
        pa.DataFrameSchema({"x": pa.Column(float), "scale": pa.Column(float, coerce=True)}), transform=True
    )
    guarded = gr.guard(budget=None, contract=contract, policy=ANY, request="arguments")(
        lambda x, /, scale="2", *rest, **more: seen.append((x, scale, rest, more)) or 1
    )

    assert guarded(0.5).route == "works"
    assert guarded(0.5, "3", 4, other=5).route == "works"
    assert seen == [(0.5, 2.0, (), {}), (0.5, 3.0, (4,), {"other": 5})]


async def acheck(value):
    return True


@pytest.mark.parametrize(
    "changes",
    [
        {"read": acheck},
        {"switch": acheck},
        {"observers": [acheck]},
        {"review": gr.ReviewQueue},
        {"clock": VirtualClock},
        {"fallbacks": [max, max]},
        {"budget": 10**400},
        {"budget": 1e12},
    ],
    ids=lambda c: next(iter(c)),
)
def test_more_that_cannot_work(changes):
    """Async callables, classes for instances, two fallbacks of one name, a budget no lock can wait for."""
    with pytest.raises(gr.ConfigurationError, match=next(iter(changes))):
        gr.guard(**{"budget": 1.0, **changes})


def test_functions_without_a_place_for_the_request():
    """No argument at all, or keyword-only ones with the request as the first."""
    with pytest.raises(gr.ConfigurationError, match="first argument"):
        gr.guard(budget=None)(lambda: 1)
    with pytest.raises(gr.ConfigurationError, match='request="arguments"'):
        gr.guard(budget=None)(lambda *, x: x)
    with pytest.raises(gr.ConfigurationError, match="name"):
        gr.Fallback(model, name="primary")
    with pytest.raises(gr.ConfigurationError, match="seconds"), gr.deadline("1"):
        pass


def test_a_retry_that_succeeds_leaves_no_failure():
    """`failure` speaks of a primary that did not answer."""
    tries = []

    def flaky(request):
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError
        return 1

    budget = gr.Budget(10.0, attempts=2, retry_on=ConnectionError)
    assert gr.guard(budget=budget, policy=ANY)(flaky)({}).failure is None


def test_a_callable_with_attributes_of_its_own_hides_nothing():
    """A model's `status` is not the guard's."""

    class Odd:
        def __init__(self):
            self.status = self.explain = self.guard_state = "mine"

        def __call__(self, request):
            return 1

    guarded = gr.guard(budget=None)(Odd())

    assert guarded.status()["enforcement"] == "inline"
    assert "contract: none" in guarded.explain()


def test_a_module_level_guarded_function_survives_plain_pickle():
    """It is found by its name, as a function is."""
    assert pickle.loads(pickle.dumps(MODULE_LEVEL)) is MODULE_LEVEL


@gr.guard(budget=None)
def MODULE_LEVEL(request):  # noqa: N802 - found by name
    return request
