"""One guarded request: every row of the routing table through the whole guard, and every bad input."""

import asyncio
import json
import logging
import threading

import numpy as np
import pandas as pd
import pytest

import guardrails as gr
from guardrails.testing import VirtualClock

from .conftest import UNANSWERABLE, UNCERTAIN, WORKS, Request, Reviews, calibrated, codes, model

SECRET = "secret-4711"


def scorecard(request):
    return [0.7, 0.3]


def guarded(profile, fn=model, **changes):
    given = {"budget": 10.0, "contract": Request, "profile": profile, "clock": VirtualClock()}
    return gr.guard("g", **{**given, **changes})(fn)


def hang(clock):
    def hangs(request):
        clock.sleep(60)

    return hangs


def down(request):
    raise ConnectionError(SECRET)


# --- the routing table, row by row -------------------------------------------------------------------------------


def test_a_certain_answer_works(profile):
    """The contract holds, in time, in the certified region."""
    decision = guarded(profile)(WORKS)

    assert isinstance(decision, gr.Works)
    assert decision.value == [1 - 0.99, 0.99]
    assert (decision.prediction, decision.prediction_set) == (1, frozenset({1}))
    assert (decision.served_by, decision.caveats, decision.failure) == ("primary", (), None)
    assert (decision.guard_name, decision.model_version) == ("g", "1")


def test_contract_without_fallback_needs_review_and_calls_nobody(profile):
    """The primary is not called."""
    calls = []
    decision = guarded(profile, calls.append)({"x": 7.0})

    assert decision.route is gr.Route.needs_review
    assert codes(decision)[0] == "contract"
    assert decision.caveats[0].fields == ("x",)
    assert calls == []


def test_contract_asks_the_first_fallback_whose_own_contract_holds(profile):
    """A fallback inherits the guard's contract unless it is given one."""
    chain = [gr.Fallback(down, name="inherits"), gr.Fallback(scorecard, contract=None)]
    decision = guarded(profile, fallbacks=chain)({"x": 7.0})

    assert (decision.route, decision.served_by) == ("degraded", "scorecard")
    assert codes(decision) == ["contract", "contract", "fallback", "uncalibrated"]
    assert decision.failure is None


def test_drifted_schema_degrades(profile):
    """The clauses hold, but an optional field is gone."""
    import pandera.pandas as pa

    schema = pa.DataFrameSchema({"x": pa.Column(float), "extra": pa.Column(float, required=False)})
    decision = guarded(None, contract=schema, policy=gr.Policy(uncalibrated="works"))(WORKS)

    assert (decision.route, codes(decision)) == ("degraded", ["drifted_schema", "uncalibrated"])
    assert decision.caveats[0].fields == ("extra",)


def test_deadline_asks_the_fallback(profile):
    """A hanging primary never holds the caller; the fallback has its time kept back."""
    clock = VirtualClock()
    guard = guarded(profile, hang(clock), clock=clock, fallbacks=[scorecard])
    decision = guard(WORKS)

    assert (decision.route, decision.served_by) == ("degraded", "scorecard")
    assert codes(decision) == ["deadline", "fallback", "uncalibrated"]
    assert clock.monotonic() < 10.0
    assert guard.status()["abandoned"] == {"primary": 1, "scorecard": 0}
    assert isinstance(decision.failure, TimeoutError)


def test_deadline_without_fallback_needs_review_at_the_deadline(profile):
    """The caller has its decision when the budget is spent."""
    clock = VirtualClock()
    decision = guarded(profile, hang(clock), clock=clock)(WORKS)

    assert (decision.route, codes(decision)) == ("needs_review", ["deadline", "review_not_stored"])
    assert clock.monotonic() == pytest.approx(10.0, abs=0.0011)  # the guard keeps a millisecond for itself
    assert clock.monotonic() <= 10.0
    assert decision.elapsed == clock.monotonic()


def test_both_hang(profile):
    """A fallback that hangs too ends in review, still at the deadline."""
    clock = VirtualClock()
    decision = guarded(profile, hang(clock), clock=clock, fallbacks=[hang(clock)])(WORKS)

    assert (decision.route, codes(decision)) == (
        "needs_review",
        ["deadline", "deadline", "review_not_stored"],
    )
    assert clock.monotonic() == pytest.approx(10.0, abs=0.0011)  # the guard keeps a millisecond for itself
    assert clock.monotonic() <= 10.0


def test_error_asks_the_fallback_and_keeps_the_exception(profile):
    """The exception is reachable for debugging, its message is nowhere else."""
    decision = guarded(profile, down, fallbacks=[scorecard])(WORKS)

    assert codes(decision) == ["error", "fallback", "uncalibrated"]
    assert isinstance(decision.failure, ConnectionError)
    assert "ConnectionError" in decision.caveats[0].message
    assert SECRET not in json.dumps(decision.to_dict()) + repr(decision) + str(decision.caveats)


def test_error_without_fallback_is_the_cause_of_unwrap(profile):
    """`unwrap` names the reasons and keeps the model's exception as its cause."""
    with pytest.raises(gr.ReviewRequiredError, match="error") as raised:
        guarded(profile, down)(WORKS).unwrap()

    assert isinstance(raised.value.__cause__, ConnectionError)


def test_saturated_fails_fast_and_recovers(profile):
    """At the bound of abandoned calls the primary is not called any more, until one of them ends."""
    clock = VirtualClock()
    guard = guarded(
        profile, hang(clock), clock=clock, fallbacks=[scorecard], budget=gr.Budget(10.0, max_abandoned=2)
    )
    found = [codes(guard(WORKS))[0] for _ in range(4)]

    assert found == ["deadline", "deadline", "saturated", "saturated"]
    assert guard.status()["abandoned"]["primary"] == 2


@pytest.mark.parametrize(
    "value",
    [
        None,
        float("nan"),
        [0.5, float("nan")],
        [0.2, 0.3, 0.5],
        [[0.1, 0.9]],
        [0.9, 0.9],
        [-0.1, 1.1],
        "text",
        object(),
        {"no": 1.0},
    ],
    ids=["None", "NaN", "NaN inside", "3 of 2", "(1, K)", "sum 1.8", "negative", "text", "object", "labels"],
)
def test_an_unusable_answer_is_output(profile, value):
    """None, NaN, wrong shape: the fallback answers, and without one a person."""
    assert codes(guarded(profile, lambda _: value, fallbacks=[scorecard])(WORKS))[0] == "output"
    decision = guarded(profile, lambda _: value)(WORKS)
    assert (decision.route, codes(decision)) == ("needs_review", ["output", "review_not_stored"])


def test_the_output_check_withholds_an_answer(profile):
    """A callable says whether the answer is good; one that raises says it is not."""
    assert codes(guarded(None, output=lambda v: v[0] > 0.5)(WORKS)) == ["output", "review_not_stored"]
    assert codes(guarded(None, output=lambda v: 1 / 0)(WORKS)) == ["output", "review_not_stored"]
    assert codes(guarded(None, output=lambda v: True)(WORKS)) == ["uncalibrated"]


def test_uncertain_degrades_to_a_partial_answer(profile):
    """Below the first threshold, above the second: a set instead of a point."""
    decision = guarded(profile)(UNCERTAIN)

    assert (decision.route, codes(decision)) == ("degraded", ["uncertain"])
    assert decision.prediction == 1
    assert 1 in decision.prediction_set


def test_unanswerable_needs_review_even_with_an_uncertified_fallback(profile):
    """Only a fallback that its own profile certifies may answer there."""
    decision = guarded(profile, fallbacks=[scorecard])(UNANSWERABLE)

    assert decision.route == "needs_review"
    assert codes(decision) == ["unanswerable", "uncalibrated", "review_not_stored"]
    assert "scorecard" in decision.caveats[1].message


def test_uncertified_degrades():
    """A profile without a certificate never gives Works."""
    plain = calibrated(max_error=None, max_degraded_error=None)

    assert codes(guarded(plain)(WORKS)) == ["uncertified"]
    assert guarded(plain, policy=gr.Policy(uncertified="works"))(WORKS).route == "works"


def test_another_contract_than_the_certificates_is_uncertified(profile):
    """The filters are part of the certificate."""
    decision = guarded(profile, contract=None)(WORKS)

    assert (decision.route, codes(decision)) == ("degraded", ["uncertified"])


def test_a_fallback_never_works(profile):
    """Not even a certain one."""
    decision = guarded(profile, down, fallbacks=[gr.Fallback(model, profile=profile)])(WORKS)

    assert decision.route == "degraded"
    assert "fallback" in codes(decision)


def test_uncalibrated_degrades_and_says_how_to_get_to_works():
    """The first five minutes: a guard with nothing but a budget."""

    @gr.guard(budget=0.2)
    def predict(request):
        return 1

    decision = predict({"a": 1})

    assert (decision.route, codes(decision), decision.value) == ("degraded", ["uncalibrated"], 1)
    assert "calibrate_classifier" in decision.caveats[0].message
    assert 'Policy(uncalibrated="works")' in decision.caveats[0].message


def test_the_policy_lets_an_uncalibrated_answer_work():
    """For models without scores; the caveat stays on the decision."""
    decision = gr.guard(budget=0.2, policy=gr.Policy(uncalibrated="works"))(lambda r: 1)({})

    assert (decision.route, codes(decision)) == ("works", ["uncalibrated"])


@pytest.mark.parametrize(("state", "route"), [("fallback_only", "degraded"), ("review_all", "needs_review")])
def test_switched_off(profile, state, route):
    """A person turned the primary off: fallback only, or a person for all."""
    calls = []
    guard = guarded(profile, calls.append, fallbacks=[scorecard], switch=lambda: state)
    decision = guard(WORKS)

    assert (decision.route, "switched_off" in codes(decision), calls) == (route, True, [])
    assert guard.status()["switch"] == state


def test_a_switch_that_fails_keeps_the_last_good_state(profile, caplog):
    """A broken switch takes nothing down and is said aloud."""
    states = iter(["fallback_only"])
    guard = guarded(profile, fallbacks=[scorecard], switch=lambda: next(states, "nonsense"))

    with caplog.at_level(logging.WARNING, "guardrails"):
        assert all("switched_off" in codes(guard(WORKS)) for _ in range(2))
    assert "unknown state" in caplog.text


# --- review -------------------------------------------------------------------------------------------------------


def test_a_review_is_committed_before_the_caller_has_it(profile, reviews):
    """The item holds the request, the reasons and the withheld answer."""
    decision = guarded(profile, review=reviews)(UNANSWERABLE)

    assert (decision.route, codes(decision)) == ("needs_review", ["unanswerable"])
    (item,) = reviews.items
    assert item.id == decision.id
    assert json.loads(item.request) == UNANSWERABLE
    assert json.loads(item.withheld) == pytest.approx([0.45, 0.55])
    assert [each["code"] for each in item.caveats] == ["unanswerable"]
    assert json.loads(item.prediction) == 1


@pytest.mark.parametrize(
    "store", [Reviews(error=OSError(SECRET)), Reviews(silent=True)], ids=["broken", "slow"]
)
def test_a_review_that_is_not_committed_says_so(profile, store):
    """`review_not_stored`, at the latest at the deadline, and still a decision."""
    clock = VirtualClock()
    decision = guarded(profile, review=store, clock=clock)(UNANSWERABLE)

    assert (decision.route, codes(decision)) == ("needs_review", ["unanswerable", "review_not_stored"])
    assert clock.monotonic() <= 10.0
    assert SECRET not in str(decision.caveats)


def test_only_needs_review_is_stored(profile, reviews):
    """Works and degraded make no items."""
    guard = guarded(profile, review=reviews, fallbacks=[scorecard])
    guard(WORKS)
    guard(UNCERTAIN)

    assert reviews.items == []


# --- requests, signatures, exceptions ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [{}, {"y": 1}, {"x": "a"}, {"x": float("nan")}, {"x": None}, None, "text", 3, [1, 2], object()],
)
def test_a_bad_request_has_an_outcome(profile, request_):
    """A missing key, a wrong type, NaN, or no record at all: an outcome with a caveat, never an exception."""
    decision = guarded(profile)(request_)

    assert (decision.route, codes(decision)[0]) == ("needs_review", "contract")


def test_no_input_value_reaches_a_message(profile):
    """Neither values nor undeclared names."""
    decision = guarded(profile)({"x": SECRET, SECRET: 1})

    assert SECRET not in str(decision.caveats) + repr(decision) + json.dumps(decision.to_dict())


def test_arguments_that_do_not_fit_raise_type_error(profile):
    """A call that does not fit the signature is the caller's mistake, on every path."""
    guard = guarded(profile)
    for args, kwargs in [((), {}), ((WORKS, 1), {}), ((WORKS,), {"z": 1}), (({"x": 7.0}, 1), {})]:
        with pytest.raises(TypeError):
            guard(*args, **kwargs)


def test_a_type_error_of_the_model_is_an_outcome(profile):
    """Only the call's own misfit raises."""

    def confused(request):
        return request + 1

    assert codes(guarded(profile, confused)(WORKS)) == ["error", "review_not_stored"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_base_exception_passes_through(profile, error):
    """A guard does not swallow interrupts."""

    def stop(request):
        raise error

    with pytest.raises(error):
        guarded(profile, stop)(WORKS)


def test_the_function_gets_the_callers_own_object():
    """No copy, no coercion, unless the contract transforms."""
    seen = []
    request = {"x": 0.99}
    guarded(None, seen.append)(request)

    assert seen[0] is request


def test_a_frame_given_to_a_record_guard_names_batch(profile):
    """With and without a contract."""
    frame = pd.DataFrame({"x": [0.1]})
    for guard in (guarded(profile), guarded(None, contract=None)):
        decision = guard(frame)
        assert codes(decision)[0] == "contract"
        assert "batch" in decision.caveats[0].message


def test_a_returned_awaitable_is_a_mistake_that_says_so():
    """A plain function that returns a coroutine."""

    async def later():
        return 1

    decision = guarded(None, lambda _: later())(WORKS)

    assert codes(decision)[0] == "output"
    assert "async def" in decision.caveats[0].message


def test_arguments_as_the_request(profile):
    """Keyword-argument functions: all arguments together are the request."""

    def predict(x, scale=1.0):
        return [1 - x, x]

    guard = guarded(profile, predict, request="arguments")

    assert guard(x=0.99).route == "works"
    assert guard(0.99).route == "works"
    assert guard(x=0.99, scale=2.0).route == "works"
    assert codes(guard(x=7.0))[0] == "contract"
    with pytest.raises(TypeError):
        guard(y=1)


@pytest.mark.parametrize("make", [dict, pd.Series], ids=["dict", "Series"])
def test_other_kinds_of_request(profile, make):
    """A Series is read by its labels."""
    assert guarded(profile)(make(WORKS)).route == "works"


def test_read_reads_a_structure(profile):
    """A function that returns its own structure."""
    guard = guarded(
        profile,
        lambda r: {"scores": {"0": 1 - r["x"], "1": r["x"]}},
        read=lambda v: list(v["scores"].values()),
    )
    decision = guard(WORKS)

    assert (decision.route, decision.prediction) == ("works", 1)
    assert decision.value == {"scores": {"0": 1 - 0.99, "1": 0.99}}


def test_a_read_that_raises_is_output(profile):
    """The answer cannot be read."""
    assert codes(guarded(profile, read=lambda v: v["nope"])(WORKS))[0] == "output"


def test_a_regressor_is_all_or_nothing():
    """A constant interval width: one test over all rows certifies all answers or none."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=2000)
    near = gr.calibrate_regressor(
        truth + rng.normal(scale=0.1, size=2000), truth, tolerance=0.5, max_error=0.05, name="near"
    )
    decision = gr.guard(budget=None, profile=near)(lambda r: 2.0)({})

    assert (decision.route, decision.prediction) == ("works", 2.0)
    assert 2.0 in decision.interval
    assert 0.1 < decision.interval.width < 0.5


def test_a_method_a_classmethod_a_staticmethod_and_a_callable_object(profile):
    """Whatever is callable, with one state per decorated function."""
    decorate = gr.guard(budget=None, contract=Request, profile=profile)

    class Service:
        @decorate
        def method(self, request):
            return model(request)

        @decorate
        @classmethod
        def of_class(cls, request):
            return model(request)

        @decorate
        @staticmethod
        def static(request):
            return model(request)

        def __call__(self, request):
            return model(request)

    service = Service()
    calls = [
        service.method,
        Service.of_class,
        service.of_class,
        Service.static,
        service.static,
        decorate(service),
    ]
    assert [call(WORKS).route.value for call in calls] == ["works"] * 6
    assert [codes(call({"x": 7.0}))[0] for call in calls] == ["contract"] * 6
    assert Service.method(service, WORKS).route == "works"
    assert service.method.status()["decisions"]["works"] == 2
    assert service.method(request=WORKS).route == "works"


def test_a_guarded_function_keeps_its_name_and_its_parts(profile):
    """It looks like the function, and gives it back."""
    guard = guarded(profile)

    assert guard.__name__ == "model"
    assert guard.__doc__ == model.__doc__
    assert guard.undecorated is model
    assert guard.guard.config.profile is profile


def test_the_default_name_is_the_functions():
    """Its qualified name."""
    assert gr.guard(budget=None)(model)({"x": 1}).guard_name == "model"


# --- observers, ids, deadlines, threads -------------------------------------------------------------------------


def test_observers_get_each_decision_and_labels(profile, caplog):
    """An observer that raises harms nobody; one with `feedback` gets labels."""

    class Labels(list):
        def __call__(self, decision):
            self.append(decision)

        def feedback(self, decision_id, truth):
            self.append((decision_id, truth))

    def broken(decision):
        raise ValueError(SECRET)

    labels = Labels()
    guard = guarded(profile, observers=[broken, labels])
    decision = guard(WORKS)

    assert labels == [decision]
    assert guard.feedback(decision.id, 1) == 1
    assert labels[1:] == [(decision.id, 1)]
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text


def test_ids_are_unique(profile):
    """Over threads."""
    guard, ids = guarded(profile), []

    def work():
        ids.extend(guard(WORKS).id for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(ids)) == 200


def test_an_enclosing_deadline_is_the_earlier_one(profile):
    """`gr.deadline` around the call shortens the budget; the function can read what is left."""
    clock, seen = VirtualClock(), []

    def look(request):
        seen.append(gr.time_left())
        return model(request)

    guard = guarded(profile, look, clock=clock)
    with gr.deadline(2.0, clock=clock):
        assert guard(WORKS).route == "works"
        hanging = guarded(profile, hang(clock), clock=clock)(WORKS)
    assert guard(WORKS).route == "works"

    assert seen == [pytest.approx(2.0, abs=0.0011), pytest.approx(10.0, abs=0.0011)]
    assert (hanging.elapsed, codes(hanging)[0]) == (pytest.approx(2.0, abs=0.0011), "deadline")


def test_retries_stay_inside_the_budget(profile):
    """A flaky primary is tried again, and works."""
    tries = []

    def flaky(request):
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError
        return model(request)

    budget = gr.Budget(10.0, attempts=3, retry_on=(ConnectionError,))
    decision = guarded(profile, flaky, budget=budget)(WORKS)

    assert (decision.route, len(tries)) == ("works", 3)


def test_a_budget_of_none_runs_inline(profile):
    """Nothing bounds the call, and nothing runs in another thread."""
    threads = []
    guard = guarded(profile, lambda r: threads.append(threading.get_ident()) or model(r), budget=None)

    assert guard(WORKS).route == "works"
    assert threads == [threading.get_ident()]
    assert guard.status()["enforcement"] == "inline"


def test_reset_forgets_counters(profile):
    """As after a fork."""
    guard = guarded(profile)
    guard(WORKS)
    guard.reset()

    assert guard.status()["decisions"] == {"works": 0, "degraded": 0, "needs_review": 0}


def test_explain_speaks_of_every_part(profile, reviews):
    """Contract, budget and its limits, profile, fallbacks, review, table."""
    text = guarded(profile, fallbacks=[gr.Fallback(scorecard, contract=None)], review=reviews).explain()

    for part in (
        "budget: 10 s",
        "thread",
        "kept back",
        "x",
        "max_error",
        "scorecard",
        "review:",
        "unanswerable",
    ):
        assert part in text
    assert "certificate does not hold" in guarded(profile, contract=None).explain()
    assert "no queue" in guarded(profile, budget=None).explain()


def test_a_fault_of_the_guard_itself_is_an_outcome(profile):
    """A hostile request that breaks the guard's own steps does not raise."""

    class Hostile(dict):
        def get(self, *_):
            raise RuntimeError(SECRET)

        __getitem__ = __contains__ = __iter__ = keys = get

    decision = guarded(profile)(Hostile(x=0.99))

    assert decision.route == "needs_review"
    assert SECRET not in str(decision.caveats)


# --- async --------------------------------------------------------------------------------------------------------


async def amodel(request):
    await asyncio.sleep(0)
    return model(request)


def test_sync_equals_async(profile, reviews):
    """The same requests have the same outcomes."""
    sync = guarded(profile, review=reviews, fallbacks=[scorecard])
    other = guarded(profile, amodel, review=reviews, fallbacks=[scorecard])
    requests = [WORKS, UNCERTAIN, UNANSWERABLE, {"x": 7.0}, {}, None]

    async def main():
        return [await other(request) for request in requests]

    for one, two in zip(map(sync, requests), asyncio.run(main()), strict=True):
        assert one.to_dict() | {"id": 0, "elapsed": 0} == two.to_dict() | {"id": 0, "elapsed": 0}
        assert one.caveats == two.caveats
        assert (one.prediction, one.prediction_set) == (two.prediction, two.prediction_set)
        assert getattr(one, "value", None) == getattr(two, "value", None)


def test_a_hanging_coroutine_degrades(profile):
    """At the deadline, through a plain or an async fallback."""

    async def hangs(request):
        await asyncio.Event().wait()

    async def afallback(request):
        return [0.5, 0.5]

    for fallback in (scorecard, afallback):
        guard = gr.guard(budget=0.2, fallbacks=[fallback])(hangs)
        decision = asyncio.run(guard({}))
        assert codes(decision) == ["deadline", "fallback", "uncalibrated"]
        assert decision.elapsed < 2


def test_cancelling_makes_no_decision(profile):
    """Cancellation passes through, and nobody is told of a decision."""
    told = []

    async def hangs(request):
        await asyncio.Event().wait()

    guard = gr.guard(budget=10.0, observers=[told.append])(hangs)

    async def main():
        task = asyncio.create_task(guard({}))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert told == []
    assert sum(guard.status()["decisions"].values()) == 0


def test_arguments_that_do_not_fit_a_coroutine_function_raise_type_error(profile):
    """As for a plain function."""
    guard = guarded(profile, amodel)
    for args, kwargs in [((), {}), ((WORKS, 1), {}), ((WORKS,), {"z": 1})]:
        with pytest.raises(TypeError):
            asyncio.run(guard(*args, **kwargs))


def test_an_async_method(profile):
    """`self` precedes the request there too."""

    class Service:
        @gr.guard(budget=None, contract=Request, profile=profile)
        async def predict(self, request):
            return model(request)

    assert asyncio.run(Service().predict(WORKS)).route == "works"
