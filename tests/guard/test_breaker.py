"""The circuit breaker through the whole guard: what counts, what does not, and how it comes back."""

import asyncio
import threading

import pytest

import guardrails as gr
from guardrails.testing import VirtualClock

from .conftest import WORKS, Request, codes, model

QUICK = gr.Breaker(min_calls=3, probes=2)


def until(condition):
    """Wait in real time for what another thread is about to do."""
    for _ in range(5000):
        if condition():
            return
        threading.Event().wait(0.001)
    raise AssertionError("did not happen")


class Model:
    """Fails while it is told to; counts its calls."""

    def __init__(self):
        self.down, self.calls = True, 0

    def __call__(self, request):
        self.calls += 1
        if self.down:
            raise ConnectionError
        return 1


def rule(request):
    return 0


def circuit(guarded, name="primary"):
    return guarded.status()["circuit"][name]["state"]


def test_an_open_circuit_asks_the_fallback_without_calling_the_primary():
    """The row `circuit_open` of the routing table; without a fallback a person is asked."""
    fn = Model()
    guarded = gr.guard(budget=10.0, breaker=QUICK, fallbacks=[rule], clock=VirtualClock())(fn)
    first = [guarded({}) for _ in range(3)]
    decision = guarded({})

    assert {codes(each)[0] for each in first} == {"error"}
    assert (decision.route, decision.value, codes(decision)[0], fn.calls) == (
        "degraded",
        0,
        "circuit_open",
        3,
    )

    alone = gr.guard(budget=10.0, breaker=QUICK, clock=VirtualClock())(Model())
    assert [codes(alone({}))[0] for _ in range(4)] == ["error"] * 3 + ["circuit_open"]
    assert alone({}).route == "needs_review"


@pytest.mark.parametrize("is_async", [False, True], ids=["thread", "async"])
def test_a_circuit_closes_after_good_probes_in_the_shadow(is_async):
    """While it is half open every caller is answered by the fallback; the primary is asked beside it."""
    clock, fn = VirtualClock(), Model()

    async def afn(request):
        return fn(request)

    guarded = gr.guard(budget=10.0, breaker=QUICK, fallbacks=[rule], clock=clock)(afn if is_async else fn)

    async def main():
        async def call():
            decision = await guarded({}) if is_async else guarded({})
            await asyncio.sleep(0.001)
            return decision

        for _ in range(3):
            await call()
        fn.down = False
        clock.advance(3)
        for probes in (1, 2):
            calls = fn.calls
            assert (await call()).served_by == "rule"
            while fn.calls == calls:
                await asyncio.sleep(0.001)
            goal = {
                1: lambda: guarded._engine.candidates[0].circuit.good == 1,
                2: lambda: circuit(guarded) == "closed",
            }
            while not goal[probes]():
                await asyncio.sleep(0.001)
        return await call()

    assert asyncio.run(main()).served_by == "primary"
    assert fn.calls == 6


@pytest.mark.parametrize("enforced", ["cooperative", None])
def test_a_call_in_its_callers_thread_is_a_probe_itself(enforced):
    """Nothing can run in its shadow."""
    clock, fn = VirtualClock(), Model()
    budget = None if enforced is None else gr.Budget(10.0, enforcement="cooperative")

    def predict(request, timeout=None):
        return fn(request)

    guarded = gr.guard(budget=budget, breaker=QUICK, fallbacks=[rule], clock=clock)(predict)
    for _ in range(3):
        guarded({})
    assert codes(guarded({}))[0] == "circuit_open"
    clock.advance(3)
    assert codes(guarded({}))[0] == "error"  # the probe; it failed
    assert codes(guarded({}))[0] == "circuit_open"
    fn.down = False
    clock.advance(3)
    assert [guarded({}).served_by for _ in range(3)] == ["primary"] * 3
    assert circuit(guarded) == "closed"


@pytest.mark.parametrize("error", [KeyboardInterrupt, "signature"])
def test_an_interrupted_probe_leaves_its_place_to_another(error):
    """Neither an interrupt nor a mistake of the caller says anything about the function."""
    clock, fn = VirtualClock(), Model()

    def predict(request):
        if fn.down:
            return fn(request)
        if error == "signature":
            return request["missing"]["too"]
        raise error

    guarded = gr.guard(budget=None, breaker=QUICK, clock=clock)(predict)
    for _ in range(3):
        guarded({})
    clock.advance(3)
    fn.down = False
    if error == "signature":
        with pytest.raises(TypeError):
            guarded({}, 1, 2)
    else:
        with pytest.raises(KeyboardInterrupt):
            guarded({})

    assert guarded._engine.candidates[0].circuit.probing is None
    # the caller's mistake was seen before the circuit was asked
    assert circuit(guarded) == ("open" if error == "signature" else "half_open")


def test_broken_requests_and_ignored_exceptions_do_not_count(profile):
    """They are the caller's."""

    class BadRequestError(Exception):
        pass

    def refuses(request):
        raise BadRequestError

    breaker = gr.Breaker(min_calls=2, ignore=BadRequestError)
    broken = gr.guard(budget=10.0, contract=Request, breaker=breaker, clock=VirtualClock())(model)
    ignored = gr.guard(budget=10.0, breaker=breaker, clock=VirtualClock())(refuses)
    for _ in range(5):
        assert codes(broken({"x": 7.0}))[0] == "contract"
        assert codes(ignored({}))[0] == "error"

    assert (circuit(broken), circuit(ignored)) == ("closed", "closed")
    assert broken(WORKS).served_by == "primary"


def test_bad_output_counts():
    """An answer that breaks the output check is a failure, though nothing raised."""
    guarded = gr.guard(budget=10.0, breaker=QUICK, output=lambda answer: answer > 5, clock=VirtualClock())(
        rule
    )

    assert [codes(guarded({}))[0] for _ in range(4)] == ["output"] * 3 + ["circuit_open"]


def test_a_probe_with_bad_output_does_not_close_the_circuit():
    """Also where nobody waits for its answer."""
    clock, fn = VirtualClock(), Model()
    guarded = gr.guard(
        budget=10.0,
        breaker=QUICK,
        output=lambda answer: answer > 5,
        fallbacks=[gr.Fallback(rule, output=None)],
        clock=clock,
    )(fn)
    for _ in range(3):
        guarded({})
    fn.down = False
    clock.advance(3)
    guarded({})
    until(lambda: circuit(guarded) == "open")

    assert guarded.status()["circuit"]["primary"]["opened"] == 2


def test_slow_answers_open_it_where_they_are_said_to_be_slow():
    """The answers are used all the same."""
    clock = VirtualClock()

    def slow(request):
        clock.sleep(1.0)
        return 1

    guarded = gr.guard(budget=10.0, breaker=gr.Breaker(min_calls=3, slow_after=0.5), clock=clock)(slow)

    assert [guarded({}).served_by for _ in range(3)] == ["primary"] * 3
    assert codes(guarded({}))[0] == "circuit_open"


def test_late_calls_count():
    """A model that hangs is left alone, so that threads do not pile up."""
    clock = VirtualClock()
    guarded = gr.guard(budget=1.0, breaker=QUICK, fallbacks=[rule], clock=clock)(
        lambda request: clock.sleep(500)
    )

    assert [codes(guarded({}))[0] for _ in range(4)] == ["deadline"] * 3 + ["circuit_open"]
    assert guarded.status()["abandoned"]["primary"] == 3


def test_a_caller_in_a_hurry_does_not_open_the_circuit_for_others():
    """Late within a tenth of the budget says nothing about the model; no call at all even less."""
    clock = VirtualClock()

    def predict(request):
        clock.sleep(1.0)
        return 1

    guarded = gr.guard(budget=10.0, breaker=QUICK, clock=clock)(predict)
    for seconds in (0.5, 0.5, 0.5, 0.0, 0.0, 0.0):
        with gr.deadline(seconds, clock=clock):
            assert codes(guarded({}))[0] == "deadline"
        clock.advance(2)  # what was abandoned ends

    assert circuit(guarded) == "closed"
    assert guarded({}).served_by == "primary"


def test_observe_only_counts_and_calls_all_the_same():
    """To see what a breaker would do, before it does it."""
    fn = Model()
    breaker = gr.Breaker(min_calls=3, observe_only=True)
    guarded = gr.guard(budget=10.0, breaker=breaker, clock=VirtualClock())(fn)
    for _ in range(5):
        assert codes(guarded({}))[0] == "error"

    assert fn.calls == 5
    assert guarded.status()["circuit"]["primary"] == {"state": "open", "opened": 1, "observe_only": True}


def test_a_fallback_has_a_circuit_of_its_own():
    """The next one in the chain is asked without waiting for it."""
    broken, fine = Model(), Model()
    fine.down = False
    chain = [gr.Fallback(broken, name="broken"), gr.Fallback(fine, name="fine")]
    guarded = gr.guard(budget=10.0, breaker=QUICK, fallbacks=chain, clock=VirtualClock())(Model())
    for _ in range(4):
        decision = guarded({})

    assert (decision.served_by, broken.calls) == ("fine", 3)
    assert [circuit(guarded, name) for name in ("primary", "broken", "fine")] == ["open", "open", "closed"]


def test_one_guards_circuit_is_not_anothers():
    """Nor are its workers: eight hung calls of one leave the other its threads."""
    release = threading.Event()
    guard = gr.guard(budget=0.02, breaker=gr.Breaker(min_calls=100))
    stuck, fine = guard(lambda request: release.wait()), guard(lambda request: 1)
    for _ in range(9):
        decision = stuck({})

    assert codes(decision)[0] == "saturated"
    assert fine({}).value == 1
    assert circuit(fine) == "closed"
    release.set()


def test_a_guard_without_a_breaker_never_leaves_the_primary_alone():
    """`breaker=None`."""
    fn = Model()
    guarded = gr.guard(budget=10.0, breaker=None, clock=VirtualClock())(fn)
    for _ in range(50):
        guarded({})

    assert fn.calls == 50
    assert guarded.status()["circuit"] == {"primary": None}


def test_the_default_breaker_opens_after_twenty_failures():
    """Half of at least twenty calls in thirty seconds."""
    fn = Model()
    guarded = gr.guard(budget=10.0, clock=VirtualClock())(fn)
    for _ in range(30):
        guarded({})

    assert fn.calls == 20


def test_a_table_has_the_same_circuit():
    """A table is one call, and its rows say `circuit_open`."""
    fn = Model()
    table = gr.guard(budget=10.0, breaker=QUICK, clock=VirtualClock()).batch(fn)
    seen = [codes(table([{"x": 1}, {"x": 2}])[0])[0] for _ in range(4)]

    assert seen == ["error"] * 3 + ["circuit_open"]


def test_a_hung_probe_is_given_up_and_counted():
    """Each probe that hangs costs a thread until `max_abandoned`, and then none."""
    clock, fn, release = VirtualClock(), Model(), threading.Event()

    def predict(request):
        return fn(request) if fn.down else release.wait()

    budget = gr.Budget(1.0, max_abandoned=2)
    guarded = gr.guard(budget=budget, breaker=QUICK, fallbacks=[rule], clock=clock)(predict)
    for _ in range(3):
        guarded({})
    fn.down = False
    for _ in range(12):
        clock.advance(3)
        assert guarded({}).served_by == "rule"

    status = guarded.status()
    assert status["abandoned"]["primary"] == 2
    assert status["running"]["primary"] <= 3
    release.set()


def test_a_probe_of_another_event_loop_holds_nobody():
    """Each request of a command line has its own loop; what is left of a closed one is let go."""
    clock, fn = VirtualClock(), Model()

    async def predict(request):
        if fn.down:
            return fn(request)
        return await asyncio.Event().wait()

    guarded = gr.guard(budget=1.0, breaker=QUICK, fallbacks=[rule], clock=clock)(predict)
    loops = []

    def call():
        loop = asyncio.new_event_loop()
        loops.append(loop)
        return loop.run_until_complete(guarded({}))

    for _ in range(3):
        call()
    fn.down = False
    for _ in range(4):
        clock.advance(3)
        decision = call()
        assert (decision.served_by, codes(decision)[0]) == ("rule", "circuit_open")
    for loop in loops:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


# --- shadow probes of a fallback ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "runs"), [(0.1, 2), (0.5, 10), (0.7, 14), (1.0, 20), (0.0, 0)])
def test_a_fallback_runs_in_the_shadow_for_its_share_of_the_requests(share, runs):
    """So that the time that is kept for it stays fresh."""
    calls = []

    def fallback(request):
        calls.append(request)
        return 0

    chain = [gr.Fallback(fallback, probe=share)]
    guarded = gr.guard(budget=10.0, fallbacks=chain)(lambda request: 1)
    for _ in range(20):
        assert guarded({}).value == 1
        until(lambda: guarded._engine.candidates[1].shadow is None)

    assert len(calls) == runs
    if runs:
        assert guarded.status()["kept_back"] < 0.1  # first a fifth of the budget, then what was measured


def test_a_shadow_probe_harms_nobody():
    """A fallback that raises, a contract of its own that cannot be asked, and people who want nobody to be called."""

    class Contract(gr.Contract):
        def check(self, request):
            raise RuntimeError("secret")

    calls = []

    def fallback(request):
        calls.append(request)
        raise ValueError("secret")

    import pandera.pandas as pa

    schema = pa.DataFrameSchema({"x": pa.Column(float)})
    state = ["normal"]
    chain = [gr.Fallback(fallback, probe=1.0), gr.Fallback(rule, contract=Contract(schema), probe=1.0)]
    guarded = gr.guard(budget=10.0, fallbacks=chain, switch=lambda: state[0])(lambda request: 1)

    assert guarded({}).value == 1
    until(lambda: calls)
    state[0] = "review_all"
    assert guarded({}).route == "needs_review"
    threading.Event().wait(0.02)
    assert len(calls) == 1


def test_a_shadow_probe_under_way_is_not_cut_short():
    """That would say that it takes longer than it does, and leave threads behind; the next requests make none."""
    calls, release = [], threading.Event()

    def fallback(request):
        calls.append(request)
        release.wait()
        return 0

    chain = [gr.Fallback(fallback, name="fallback", probe=1.0)]
    guarded = gr.guard(budget=10.0, fallbacks=chain)(lambda request: 1)
    for _ in range(5):
        guarded({})
    assert guarded.status()["abandoned"]["fallback"] == 0
    assert guarded.status()["running"]["fallback"] == 1
    release.set()
    until(lambda: guarded._engine.candidates[1].shadow is None)
    assert len(calls) == 1
    guarded({})
    until(lambda: len(calls) == 2)


def test_a_fallback_that_is_left_alone_is_not_probed():
    calls = []

    def fallback(request):
        calls.append(request)
        return 0

    clock = VirtualClock()
    chain = [gr.Fallback(fallback, probe=1.0)]
    guarded = gr.guard(budget=10.0, fallbacks=chain, clock=clock)(lambda request: 1)
    guarded._engine.candidates[1].circuit.trip()
    for _ in range(3):
        guarded({})
    assert calls == []


def test_what_runs_in_its_callers_thread_cannot_be_probed():
    """So it is refused, and not passed over in silence."""

    def fallback(request, timeout):
        return 0

    chain = [gr.Fallback(fallback, enforcement="cooperative", probe=0.5)]
    with pytest.raises(gr.ConfigurationError, match=r"Fallback\(probe=\).*0\.5"):
        gr.guard(budget=10.0, fallbacks=chain)(lambda request: 1)


# --- probes of a circuit that say something else than they seem to ----------------------------------------------


def test_a_probe_that_ends_after_its_deadline_is_late():
    """Whatever it answers, and though nobody has waited for it."""
    clock, fn = VirtualClock(), Model()
    begun, release = threading.Event(), threading.Event()

    def predict(request):
        if not fn.down:
            begun.set()
            release.wait()
        return fn(request)

    breaker = gr.Breaker(min_calls=3, probes=1)
    guarded = gr.guard(budget=1.0, breaker=breaker, fallbacks=[rule], clock=clock)(predict)
    for _ in range(3):
        guarded({})
    fn.down = False
    clock.advance(3)
    guarded({})
    begun.wait()
    clock.advance(1.5)
    release.set()
    until(lambda: circuit(guarded) != "half_open")
    assert circuit(guarded) == "open"


def test_a_loop_that_ends_with_its_request_lets_a_circuit_close():
    """As under `asyncio.run` in a view: the shadow ends with the loop and says nothing; the next probe has a caller."""
    clock, fn, hangs = VirtualClock(), Model(), [True]

    async def predict(request):
        if not fn.down and hangs[0]:
            await asyncio.Event().wait()
        return fn(request)

    breaker = gr.Breaker(min_calls=3, probes=1)
    guarded = gr.guard(budget=1.0, breaker=breaker, fallbacks=[rule], clock=clock)(predict)
    for _ in range(3):
        asyncio.run(guarded({}))
    fn.down = False
    clock.advance(3)
    assert asyncio.run(guarded({})).served_by == "rule"
    assert (circuit(guarded), guarded.status()["circuit"]["primary"]["opened"]) == ("half_open", 1)

    hangs[0] = False
    assert asyncio.run(guarded({})).served_by == "primary"
    assert circuit(guarded) == "closed"
