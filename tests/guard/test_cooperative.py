"""Cooperative enforcement: the function takes its time as an argument, and is held to it by checking."""

import functools
import threading

import pytest

import guardrails as gr
from guardrails.testing import VirtualClock

from .conftest import Request, codes


def guarded(fn, seconds=10.0, clock=None, **more):
    budget = gr.Budget(
        seconds, enforcement="cooperative", **{k: more.pop(k) for k in ("max_concurrent",) if k in more}
    )
    return gr.guard("g", budget=budget, clock=clock or VirtualClock(), **more)(fn)


def fallback(request, timeout=None):
    return "fallback"


def test_a_timeout_is_the_time_that_is_left():
    """In seconds, in the caller's own thread; the guard keeps a millisecond for itself."""
    seen = []

    def predict(request, timeout=None):
        seen.append((timeout, threading.get_ident()))
        return 1

    assert guarded(predict)({}).value == 1
    assert seen == [(pytest.approx(9.999), threading.get_ident())]


def test_a_deadline_is_an_instant_of_the_guards_clock():
    """So that it can be handed on."""
    clock, seen = VirtualClock(monotonic=100.0), []

    def predict(request, *, deadline):
        seen.append(deadline)
        return gr.time_left()

    assert guarded(predict, clock=clock)({}).value == pytest.approx(9.999)
    assert seen == [pytest.approx(109.999)]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda fn: fn({}), 10.0),
        (lambda fn: fn({}, 2.0), 2.0),
        (lambda fn: fn({}, timeout=2.0), 2.0),
        (lambda fn: fn({}, timeout=60.0), 10.0),
        (lambda fn: fn({}, 60), 10.0),
        (lambda fn: fn({}, None), 10.0),
        (lambda fn: fn(request={}, timeout=0.5), 0.5),
    ],
)
def test_the_callers_own_shorter_timeout_stays(call, expected):
    """By position or by name."""

    def predict(request, timeout):
        return timeout

    assert call(guarded(predict)).value == pytest.approx(expected, abs=0.002)


def test_the_functions_own_shorter_default_stays():
    """A guard never gives a client more time than its author did."""

    def predict(request, timeout=0.5):
        return timeout

    assert guarded(predict)({}).value == 0.5
    assert guarded(predict, seconds=0.25)({}).value == pytest.approx(0.25, abs=0.01)


def test_a_required_keyword_is_given_by_the_guard():
    """Nobody complains that the caller did not give it, whatever becomes of the request."""

    def predict(request, *, timeout):
        if request["x"] > 0.5:
            raise TypeError("the model's own")
        return timeout

    guard = guarded(predict, contract=Request, fallbacks=[fallback])

    assert guard({"x": 0.1}).served_by == "primary"
    assert codes(guard({"x": 7.0}))[0] == "contract"
    assert codes(guard({"x": 0.9}))[0] == "error"
    with pytest.raises(TypeError, match="too many"):
        guard({"x": 0.9}, 1, 2)
    with pytest.raises(TypeError, match="missing"):
        guard()


def test_the_timeout_is_no_field_of_the_request():
    """Where all arguments together are the request."""

    def predict(x, *, timeout):
        return x * 2

    guard = guarded(predict, request="arguments", contract=Request)

    decision = guard(x=0.25)
    assert (decision.value, codes(decision)) == (0.5, ["uncalibrated"])
    assert guard(x=0.25, timeout=1.0).value == 0.5


def test_methods_partials_callables_and_wrappers():
    """The parameter is found where the function has it."""

    class Client:
        scale = 3

        @gr.guard("m", budget=gr.Budget(10.0, enforcement="cooperative"))
        def predict(self, request, timeout):
            return self.scale, 0 < timeout <= 10

        def __call__(self, request, timeout=None):
            return timeout

    @functools.wraps(fallback)
    def wrapper(*args, **kwargs):
        return kwargs["timeout"]

    assert Client().predict({}).value == (3, True)
    assert Client().predict({}, 2.0).value == (3, True)
    assert guarded(Client())({}).value == pytest.approx(9.999)
    assert guarded(Client().__call__)({}).value == pytest.approx(9.999)
    assert guarded(functools.partial(fallback, timeout=1.0))({}).value == "fallback"
    assert guarded(wrapper)({}).value == pytest.approx(9.999)


@pytest.mark.parametrize("fn", [lambda request: 1, lambda request, **more: 1, len, lambda timeout, /: 1])
def test_a_function_that_takes_no_time_is_refused(fn):
    """Where it is defined; also as a fallback."""
    with pytest.raises(gr.ConfigurationError, match=r"must take timeout= .*received"):
        guarded(fn)
    with pytest.raises(gr.ConfigurationError, match="must take timeout="):
        gr.guard(budget=1.0, fallbacks=[gr.Fallback(fn, enforcement="cooperative")])(fallback)


def test_what_cannot_be_enforced_that_way_is_refused():
    """An `async def` is cancelled; a blocking fallback would stop the event loop."""

    async def predict(request, timeout=None):  # noqa: ASYNC109
        return 1

    for wanted in ("cooperative", "thread", "process"):
        with pytest.raises(gr.ConfigurationError, match='must be "async"'):
            gr.guard(budget=gr.Budget(1.0, enforcement=wanted))(predict)
    with pytest.raises(gr.ConfigurationError, match="plain function takes"):
        gr.guard(budget=gr.Budget(1.0, enforcement="async"))(fallback)
    with pytest.raises(gr.ConfigurationError, match="would block the event loop"):
        gr.guard(budget=1.0, fallbacks=[gr.Fallback(fallback, enforcement="cooperative")])(predict)
    with pytest.raises(gr.ConfigurationError, match=r"Budget\(enforcement=\).*received 'fibre'"):
        gr.Budget(1.0, enforcement="fibre")
    with pytest.raises(gr.ConfigurationError, match=r"Fallback\(enforcement=\).*received 'fibre'"):
        gr.Fallback(fallback, enforcement="fibre")


def test_an_overrun_is_found_out():
    """The caller was held, but the late answer is not given out as one in time."""
    clock = VirtualClock()

    def predict(request, timeout=None):
        clock.advance(12)
        return 1

    decision = guarded(predict, clock=clock)({})

    assert (decision.route, codes(decision)) == (
        "needs_review",
        ["deadline", "uncalibrated", "review_not_stored"],
    )
    assert decision.caveats[0].message.startswith(
        "there was no answer in time: the answer came after the deadline"
    )


def test_a_primary_with_a_fallback_is_given_less_time():
    """Nothing can run beside it: it has to be over when the fallback must start."""
    clock, seen = VirtualClock(), []

    def predict(request, timeout=None):
        seen.append(timeout)
        clock.advance(timeout)
        raise TimeoutError

    decision = guarded(predict, clock=clock, fallbacks=[gr.Fallback(fallback, enforcement="cooperative")])({})

    assert (decision.served_by, decision.value) == ("fallback", "fallback")
    assert seen == [
        pytest.approx(7.999)
    ]  # a fifth of the budget is kept for a fallback that was never measured
    assert decision.elapsed < 10


def test_the_limit_on_concurrent_calls_holds():
    """One more is refused at once; the places come back."""
    inside, go = threading.Event(), threading.Event()

    def predict(request, timeout=None):
        inside.set()
        go.wait(10)
        return 1

    guard = guarded(predict, max_concurrent=1)
    first = threading.Thread(target=guard, args=({},))
    first.start()
    assert inside.wait(10)
    assert codes(guard({}))[0] == "saturated"
    assert guard.status()["running"]["primary"] == 1
    go.set()
    first.join()
    assert guard({}).value == 1
