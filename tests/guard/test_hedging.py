"""A fallback is started in time while the primary runs on, and the primary is preferred until the deadline."""

import asyncio
import threading

import numpy as np
import pandas as pd
import pytest

import guardrails as gr
from guardrails.testing import VirtualClock

from .conftest import UNANSWERABLE, UNCERTAIN, WORKS, Request, codes, model

LIMIT = 9.999  # of a budget of 10 s: the guard keeps a millisecond for itself
START = LIMIT - 2.0  # a fifth of the budget is kept for a fallback that was never measured


class Slow:
    """Answers `value(request)` after `seconds` of virtual time; notes when it was called, with what."""

    def __init__(self, clock, seconds=0.0, value=lambda request: "answer", error=None, name="slow"):
        self.clock, self.seconds, self.value, self.error = clock, seconds, value, error
        self.at, self.got, self.__qualname__ = [], [], name

    def __call__(self, request):
        self.at.append(self.clock.monotonic())
        self.got.append(request)
        if self.seconds:
            self.clock.sleep(self.seconds)
        if self.error:
            raise self.error
        return self.value(request)


def later(slow):
    """The same as a coroutine function."""

    async def fn(request):
        slow.at.append(slow.clock.monotonic())
        if slow.seconds:
            await slow.clock.asleep(slow.seconds)
        if slow.error:
            raise slow.error
        return slow.value(request)

    fn.__qualname__ = slow.__qualname__
    return fn


def decide(primary, *fallbacks, is_async=False, request=None, **more):
    """The decision, and the guarded function."""
    chain = [f if isinstance(f, gr.Fallback) else gr.Fallback(f, name=f.__qualname__) for f in fallbacks]
    if is_async:
        chain = [gr.Fallback(later(f.fn), name=f.name, profile=f.profile) for f in chain]
    guard = gr.guard("g", **{"budget": 10.0, "fallbacks": chain, "clock": primary.clock, **more})
    guarded = guard(later(primary) if is_async else primary)
    request = {} if request is None else request
    return (asyncio.run(guarded(request)) if is_async else guarded(request)), guarded


both = pytest.mark.parametrize("is_async", [False, True], ids=["thread", "async"])


@both
def test_the_fallback_starts_at_the_limit_less_its_time(is_async):
    """While the primary runs on; the caller has the fallback's answer at the limit, and no later."""
    clock = VirtualClock()
    primary, fallback = Slow(clock, 60.0), Slow(clock, 1.0, lambda request: "fallback", name="f")
    decision, _ = decide(primary, fallback, is_async=is_async)

    assert (decision.value, codes(decision)) == ("fallback", ["deadline", "fallback", "uncalibrated"])
    assert fallback.at == [pytest.approx(START)]
    assert decision.elapsed == pytest.approx(LIMIT)


@both
def test_the_primary_is_preferred_until_the_limit(is_async):
    """It answers after the fallback has, and is used."""
    clock = VirtualClock()
    primary, fallback = Slow(clock, 9.0, lambda request: "primary"), Slow(clock, name="f")
    decision, guarded = decide(primary, fallback, is_async=is_async)

    assert (decision.value, decision.served_by) == ("primary", "primary")
    assert len(fallback.at) == 1
    assert decision.elapsed == pytest.approx(9.0)
    assert guarded.status()["abandoned"] == {"primary": 0, "f": 0}


@both
def test_a_quick_primary_starts_nobody(is_async):
    """Its answer is there before the fallback is due."""
    clock = VirtualClock()
    fallback = Slow(clock, name="f")
    decision, _ = decide(Slow(clock, 7.9), fallback, is_async=is_async)

    assert (decision.served_by, fallback.at) == ("primary", [])


@both
def test_a_fallback_that_failed_ahead_is_not_asked_again(is_async):
    """Its failure is said when its turn comes."""
    clock = VirtualClock()
    fallback = Slow(clock, error=ValueError(), name="f")
    decision, _ = decide(Slow(clock, 60.0), fallback, is_async=is_async)

    assert (decision.route, codes(decision)) == ("needs_review", ["deadline", "error", "review_not_stored"])
    assert len(fallback.at) == 1


@both
def test_two_fallbacks_have_their_times_one_after_the_other(is_async):
    """Each is kept its own; the first that has an answer at the limit is used."""
    clock = VirtualClock()
    first, second = Slow(clock, 30.0, name="a"), Slow(clock, 0.1, lambda request: "second", name="b")
    decision, guarded = decide(Slow(clock, 60.0), first, second, is_async=is_async)

    assert (decision.value, codes(decision)) == (
        "second",
        ["deadline", "deadline", "fallback", "uncalibrated"],
    )
    assert (first.at, second.at) == ([pytest.approx(LIMIT - 2)], [pytest.approx(LIMIT - 1)])
    assert decision.elapsed == pytest.approx(LIMIT)
    assert guarded.status()["abandoned_total"]["b"] == 0


@both
def test_what_nobody_waits_for_is_given_up(is_async):
    """A fallback that hangs after the primary has answered counts until it ends."""
    clock = VirtualClock()
    decision, guarded = decide(Slow(clock, 9.0), Slow(clock, 60.0, name="f"), is_async=is_async)

    assert decision.served_by == "primary"
    assert guarded.status()["abandoned_total"] == {"primary": 0, "f": 1}


@both
def test_a_policy_that_sends_late_answers_to_a_person_starts_nobody(is_async):
    """The primary has all the time there is."""
    clock = VirtualClock()
    fallback = Slow(clock, name="f")
    decision, _ = decide(Slow(clock, 60.0), fallback, is_async=is_async, policy=gr.Policy(deadline="review"))

    assert (decision.route, fallback.at) == ("needs_review", [])
    assert decision.elapsed == pytest.approx(LIMIT)


def test_the_time_kept_follows_the_fallbacks_own():
    """Measured, it is started later."""
    clock = VirtualClock()
    fallback = Slow(clock, 0.5, name="f")
    primary = Slow(clock, 60.0, error=None)
    guard = gr.guard(
        budget=gr.Budget(10.0, max_abandoned=99), breaker=None, fallbacks=[fallback], clock=clock
    )
    guarded = guard(primary)
    begins = []
    for _ in range(2):
        begins.append(clock.monotonic())
        guarded({})

    assert [at - begin for at, begin in zip(fallback.at, begins, strict=True)] == [
        pytest.approx(START),
        pytest.approx(LIMIT - 0.5),
    ]


def test_a_fallback_whose_circuit_is_open_is_passed_over():
    """The next one is started in its place."""
    clock = VirtualClock()
    down = Slow(clock, error=ConnectionError(), name="down")
    fine = Slow(clock, value=lambda request: "fine", name="fine")
    breaker = gr.Breaker(min_calls=3, open_for=1000.0)
    budget = gr.Budget(10.0, max_abandoned=99)
    seconds = [1.0]
    primary = lambda request: clock.sleep(seconds[0]) or (None if seconds[0] == 1.0 else 1)
    guarded = gr.guard(budget=budget, breaker=breaker, fallbacks=[down, fine], clock=clock)(primary)
    for _ in range(3):
        assert guarded({}).value == "fine"  # the primary's None is no answer
    guarded._engine.candidates[0].circuit.reset()
    seconds[0] = 60.0
    decision = guarded({})

    assert (decision.value, len(down.at), len(fine.at)) == ("fine", 3, 4)
    assert "circuit_open" in codes(decision)
    assert fine.at[-1] < clock.monotonic()


@both
@pytest.mark.parametrize("request_", [WORKS, UNCERTAIN, UNANSWERABLE, {"x": 0.3}], ids=str)
@pytest.mark.parametrize("own", [True, False], ids=["own profile", "no profile"])
def test_a_fallback_started_ahead_gives_the_same_decision(profile, request_, own, is_async):
    """A primary that answers late and needs the fallback: reasons and certificates are those of its answer."""

    def shown(seconds):
        clock = VirtualClock()
        fallback = Slow(clock, 0.01, lambda request: [0.02, 0.98], name="f")
        chain = gr.Fallback(fallback, name="f", profile=profile if own else None)
        primary = Slow(clock, seconds, model)
        decision, _ = decide(
            primary, chain, is_async=is_async, request=request_, contract=Request, profile=profile
        )
        return (decision.route, decision.caveats, decision.served_by, decision.prediction_set), fallback

    quick, _ = shown(1.0)
    late, fallback = shown(9.0)
    assert late == quick
    assert len(fallback.at) == 1


# --- tables ------------------------------------------------------------------------------------------------------


def as_array(rows):
    return np.asarray([model(row) for row in records(rows)]).reshape(-1, 2)


def as_list(rows):
    return [model(row) for row in records(rows)]


def as_frame(rows):
    return pd.DataFrame(as_array(rows), columns=["no", "yes"])


def records(rows):
    return rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows


TABLE = [WORKS, {"x": 7.0}, UNANSWERABLE, {"x": 0.5}, UNCERTAIN, UNANSWERABLE]
READ = {"read": lambda row: [row["no"], row["yes"]] if isinstance(row, dict) else row}


def verdicts(decisions):
    return [(d.route, d.caveats, d.served_by, d.prediction_set) for d in decisions]


@pytest.mark.parametrize("answer", [as_array, as_list], ids=["array", "list"])
@pytest.mark.parametrize("make", [lambda rows: rows, pd.DataFrame], ids=["records", "frame"])
@pytest.mark.parametrize("seconds", [1.0, 9.0, 60.0], ids=["quick", "late", "hangs"])
def test_a_table_is_hedged_too(profile, answer, make, seconds):
    """The fallback is asked for every pending row; those that the primary answers after all are left out again."""
    clock = VirtualClock()
    fallback = Slow(clock, 0.1, answer, name="f")
    chain = [gr.Fallback(fallback, name="f", profile=profile, contract=None)]
    guard = gr.guard(budget=10.0, fallbacks=chain, clock=clock, contract=Request, profile=profile)
    table = guard.batch(Slow(clock, seconds, answer))(make(TABLE))

    single_clock = VirtualClock()
    single = [gr.Fallback(Slow(single_clock, 0.1, model), name="f", profile=profile, contract=None)]
    alone = [
        gr.guard(budget=10.0, fallbacks=single, clock=single_clock, contract=Request, profile=profile)(
            Slow(single_clock, seconds, model)
        )(row)
        for row in TABLE
    ]

    assert verdicts(table) == verdicts(alone)
    assert len(fallback.at) == 1
    for decision, row in zip(table, TABLE, strict=True):
        if decision.served_by:
            assert list(decision.value) == pytest.approx(model(row))


def test_an_async_table_is_hedged_as_a_sync_one(profile):
    """Sync equals async."""

    def run(is_async):
        clock = VirtualClock()
        primary, fallback = Slow(clock, 9.0, as_list), Slow(clock, 0.1, as_list, name="f")
        chain = [gr.Fallback(later(fallback) if is_async else fallback, name="f", contract=None)]
        guard = gr.guard(budget=10.0, fallbacks=chain, clock=clock, contract=Request, profile=profile)
        if not is_async:
            return verdicts(guard.batch(primary)(TABLE)), fallback.at
        return verdicts(asyncio.run(guard.batch(later(primary))(TABLE))), fallback.at

    assert run(False) == run(True)


def test_a_table_whose_fallback_was_asked_for_more_rows_than_are_left():
    """A DataFrame of answers is narrowed to the rows that still need one."""
    clock = VirtualClock()
    got = []

    def fallback(rows):
        got.append(len(rows))
        return pd.DataFrame({"y": [row["x"] * 10 for row in rows]})

    def primary(rows):
        clock.sleep(9.0)
        return [row["x"] if row["x"] % 2 else None for row in rows]

    guard = gr.guard(budget=10.0, fallbacks=[gr.Fallback(fallback, read=lambda row: row["y"])], clock=clock)
    table = guard.batch(primary)([{"x": x} for x in (1, 2, 3, 4)])

    assert got == [4]
    assert [d.served_by == "primary" for d in table] == [True, False, True, False]
    assert [d.prediction for d in table if d.served_by != "primary"] == [20, 40]


def test_callers_are_answered_while_fallbacks_are_started_ahead():
    """Eight threads at once, on the machine's clock: each gets its own answer."""
    release = threading.Event()

    def primary(request):
        release.wait()

    guarded = gr.guard(
        budget=gr.Budget(0.1, max_abandoned=99), breaker=None, fallbacks=[lambda request: request * 2]
    )(primary)
    got = {}
    threads = [threading.Thread(target=lambda n=n: got.update({n: guarded(n).value})) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    release.set()

    assert got == {n: 2 * n for n in range(8)}
