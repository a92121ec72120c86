"""What goes wrong around a call, and not in it, is an outcome too; and nothing of it is left behind."""

import asyncio
import contextvars
import gc
import logging
import threading

import numpy as np
import pandera.pandas as pa
import pytest

import guardrails as gr
from guardrails._calls import _workers
from guardrails.testing import VirtualClock

from .conftest import codes


class ElusiveError(Exception):
    """Does not say what it is."""

    @property
    def __class__(self):
        raise RuntimeError


class Nameless(type):
    """Keeps the names of its classes to itself."""

    def __getattribute__(cls, name):
        if name == "__qualname__":
            raise RuntimeError
        return super().__getattribute__(name)


class UnnamedError(Exception, metaclass=Nameless):
    """Has a class without a name."""


@pytest.mark.parametrize("budget", [None, 60.0, gr.Budget(60.0, attempts=2, retry_on=OSError)])
@pytest.mark.parametrize("error", [ElusiveError, UnnamedError])
def test_an_exception_that_hides_what_it_is(error, budget):
    """For a record, a coroutine and a table."""

    def fails(request):
        raise error

    async def fails_later(request):
        raise error

    guard = gr.guard(budget=budget, fallbacks=[lambda request: "fallback"])
    assert guard(fails)({}).value == "fallback"
    assert asyncio.run(guard(fails_later)({})).value == "fallback"
    assert guard.batch(fails)([{"a": 1}])[0].route == "needs_review"


def test_a_clock_that_raises_is_an_outcome():
    """And no place of a call is lost."""

    class Broken(VirtualClock):
        def wait(self, lock, seconds):
            raise OverflowError

    guarded = gr.guard(budget=1.0, clock=Broken(), fallbacks=[])(lambda request: 1)
    assert codes(guarded({})) == ["error", "review_not_stored"]


@pytest.mark.parametrize("q99", [lambda: 1 / 0, lambda: None, lambda: float("nan"), lambda: -1.0])
def test_a_review_store_that_does_not_know_its_time(q99):
    class Store:
        commit_q99 = staticmethod(q99)

        def submit(self, items, done):
            done(None)

    guarded = gr.guard(budget=60.0, review=Store())(lambda request: 1 / 0)
    assert codes(guarded({})) == ["error"]


def test_a_task_factory_of_two_parameters():
    """As many libraries set one; no place is lost to it."""

    async def answers(request):
        return 1

    guarded = gr.guard(budget=gr.Budget(60.0, max_concurrent=3))(answers)

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, coro: asyncio.Task(coro, loop=loop))
        return [(await guarded({})).served_by for _ in range(5)]

    assert asyncio.run(main()) == ["primary"] * 5


def test_a_task_factory_that_raises():
    """Every call is a failure, and none keeps its place."""

    async def answers(request):
        return 1

    guarded = gr.guard(budget=gr.Budget(60.0, max_concurrent=3), breaker=None)(answers)

    async def main():
        loop = asyncio.get_running_loop()
        before = loop.get_task_factory()
        loop.set_task_factory(lambda loop, coro, **kwargs: 1 / 0)
        try:
            return [codes(await guarded({}))[0] for _ in range(5)]
        finally:
            loop.set_task_factory(before)

    assert asyncio.run(main()) == ["error"] * 5


def test_what_a_hedge_raises_that_nobody_waits_for_is_not_logged(caplog):
    """asyncio would log an exception that nobody has read, with its message, and that may quote the request."""
    clock = VirtualClock()

    async def primary(request):
        await clock.asleep(0.18)
        return 1

    async def fallback(request):
        raise ValueError(request["card"])

    guarded = gr.guard(budget=0.2, fallbacks=[fallback], clock=clock)(primary)
    with caplog.at_level(logging.DEBUG):
        decision = asyncio.run(guarded({"card": "4111"}))
        gc.collect()
    assert decision.served_by == "primary"
    assert "4111" not in caplog.text


def test_what_the_model_raises_while_its_caller_is_cancelled_is_not_logged(caplog):
    async def main():
        me = asyncio.current_task()

        async def raises(request):
            me.cancel()
            raise ValueError(request["card"])

        with pytest.raises(asyncio.CancelledError):
            await gr.guard(budget=60.0)(raises)({"card": "4111"})

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
        gc.collect()
    assert "4111" not in caplog.text


@pytest.mark.parametrize("enforcement", [None, "thread", "cooperative"])
def test_what_the_model_sets_in_its_context_stays_there(enforcement):
    """With an SDK or without one."""
    seen = contextvars.ContextVar("seen", default="caller's")

    def sets(request, timeout=None):
        seen.set("model's")
        return 1

    budget = None if enforcement is None else gr.Budget(60.0, enforcement=enforcement)
    gr.guard(budget=budget)(sets)({})
    assert seen.get() == "caller's"


class Lead(pa.DataFrameModel):
    lead: int = pa.Field(ge=0, le=10)


def test_a_request_that_the_primary_has_changed_is_judged_again():
    """The fallback is asked only for a request that keeps its contract."""

    def spoils(request):
        request["lead"] = -99
        raise ValueError

    guarded = gr.guard(budget=60.0, contract=Lead, fallbacks=[lambda request: request["lead"]])(spoils)
    assert codes(guarded({"lead": 3})) == ["contract", "error", "review_not_stored"]


def test_arguments_that_do_not_fit_are_the_callers_mistake_called_or_not():
    """While the circuit is open, while too many calls run, and with no time left; the circuit does not count it."""
    clock = VirtualClock()

    def fails(request):
        raise ConnectionError

    breaker = gr.Breaker(min_calls=3, open_for=1.0, probes=1)
    guarded = gr.guard(budget=60.0, clock=clock, breaker=breaker, fallbacks=[lambda *args, **kwargs: 0])(
        fails
    )
    for _ in range(3):
        guarded({})
    assert guarded({}).caveats[0].code == "circuit_open"
    for wait in (0.0, 2.0):
        clock.advance(wait)
        with pytest.raises(TypeError, match="typo"):
            guarded({}, typo=1)
    assert guarded.status()["circuit"]["primary"]["opened"] == 1


def test_arguments_that_do_not_fit_a_call_without_time_or_place():
    def predict(request):
        return 1

    guarded = gr.guard(budget=60.0)(predict)
    with gr.deadline(0), pytest.raises(TypeError, match="typo"):
        guarded({}, typo=1)
    off = gr.guard(budget=60.0, switch=lambda: "review_all")
    with pytest.raises(TypeError, match="typo"):
        off.batch(predict)([{"a": 1}], typo=1)


def test_a_mistake_names_what_the_caller_gave():
    """And not the time that the guard itself gives."""

    def client(request, *, timeout):
        return 1

    guarded = gr.guard(budget=gr.Budget(60.0, enforcement="cooperative"))(client)
    with pytest.raises(TypeError, match="typo"):
        guarded({}, typo=1)


@pytest.mark.parametrize("answer", [-1.0, float("nan")])
def test_tables_whose_answers_are_bad_open_the_circuit(answer):
    """As records do."""
    breaker = gr.Breaker(min_calls=3)
    guard = gr.guard(budget=60.0, output=lambda value: value > 0, breaker=breaker)
    record, table = guard(lambda request: answer), guard.batch(lambda rows: np.full(len(rows), answer))

    one = [codes(record({"a": 1}))[0] for _ in range(4)]
    many = [codes(table([{"a": 1}] * 3)[0])[0] for _ in range(4)]
    assert one == many == ["output", "output", "output", "circuit_open"]


def test_a_table_of_which_few_answers_are_bad_does_not():
    guard = gr.guard(budget=60.0, output=lambda value: value > 0, breaker=gr.Breaker(min_calls=3))
    table = guard.batch(lambda rows: [-1.0, 1.0, 1.0])
    for _ in range(4):
        decisions = table([{"a": 1}] * 3)
    assert codes(decisions[0])[0] == "output"


def test_an_inner_guard_without_anything_to_start_takes_no_second_thread():
    """Its caller further out stops waiting when it would."""
    threads = []

    def inner(request):
        threads.append(threading.get_ident())
        return 1

    nested = gr.guard("inner", budget=5.0)(inner)

    def outer(request):
        threads.append(threading.get_ident())
        return nested(request).value

    assert gr.guard("outer", budget=1.0)(outer)({}).value == 1
    assert threads[0] == threads[1]
    threads.clear()
    shorter = gr.guard("inner", budget=0.5)(inner)
    gr.guard("outer", budget=60.0)(lambda request: (threads.append(threading.get_ident()), shorter(request)))(
        {}
    )
    assert threads[0] != threads[1]


def test_an_inner_guard_with_a_fallback_is_hedged_as_ever():
    """Its fallback is started in time, though the caller further out stops waiting no later."""
    clock, release = VirtualClock(), threading.Event()

    def hangs(request):
        release.wait()

    inner = gr.guard("inner", budget=5.0, clock=clock, fallbacks=[lambda request: "fallback"])(hangs)
    outer = gr.guard("outer", budget=1.0, clock=clock)(lambda request: inner(request).value)
    try:
        assert outer({}).value == "fallback"
    finally:
        release.set()


def test_without_a_budget_an_incoming_deadline_bounds_what_follows():
    """Nothing is started after it, and a commit is not waited for any longer."""
    clock, asked = VirtualClock(), []

    class Never:
        def submit(self, items, done):
            pass

        def commit_q99(self):
            return 0.001

    def slow(request):
        clock.advance(2)
        raise ValueError

    guarded = gr.guard(budget=None, clock=clock, review=Never(), fallbacks=[asked.append])(slow)
    with gr.deadline(1.0, clock=clock):
        decision = guarded({})
    assert codes(decision) == ["deadline", "error", "review_not_stored"]
    assert asked == []
    assert clock.monotonic() < 3 + VirtualClock().monotonic()


def test_threads_from_before_a_reset_end(monkeypatch):
    """They are not needed any more, whoever they served."""
    monkeypatch.setattr(_workers, "_IDLE_SECONDS", 0.01)
    guarded = gr.guard("reset often", budget=60.0)(lambda request: 1)
    for _ in range(5):
        guarded({})
        guarded.reset()

    left = [each for each in threading.enumerate() if each.name.startswith("guardrails reset often")]
    for each in left:
        each.join(10)
    assert not any(each.is_alive() for each in left)


def test_a_switch_is_asked_once_a_call():
    """So that one call is made under one state."""
    said = iter(["fallback_only", "normal", "fallback_only"])
    guard = gr.guard(budget=60.0, fallbacks=[lambda request: "fallback"], switch=lambda: next(said))
    assert guard(lambda request: "primary")({}).value == "fallback"
    assert next(said) == "normal"
