"""One bad model does not take the service down: limits, retries and copies, through the whole guard."""

import asyncio
import math
import threading

import cloudpickle
import pytest

import guardrails as gr

from .conftest import codes


def plain(request):
    return "plain"


def keeps_time(request, timeout=1.0):
    return "keeps"


async def awaited(request):
    return "awaited"


def test_an_outage_is_not_multiplied_by_retries():
    """500 requests of three attempts: ten retries to begin with, and a tenth of one for each request."""
    calls = []

    def down(request):
        calls.append(request)
        raise ConnectionError

    budget = gr.Budget(60.0, attempts=3, retry_on=ConnectionError, backoff=1e-6, backoff_max=1e-5)
    guarded = gr.guard(budget=budget, fallbacks=[plain], breaker=None)(down)

    assert {guarded(i).value for i in range(500)} == {"plain"}
    assert 550 <= len(calls) <= 560


@pytest.mark.parametrize("is_async", [False, True], ids=["threads", "tasks"])
def test_a_call_too_many_is_refused_at_once(is_async):
    """`saturated`, until one of the others has ended."""
    budget = gr.Budget(60.0, max_concurrent=2)
    if is_async:
        assert asyncio.run(_tasks(budget)) == ["saturated", "uncalibrated"]
        return
    begun, release = threading.Semaphore(0), threading.Event()

    def waits(request):
        begun.release()
        release.wait()
        return "waited"

    guarded = gr.guard(budget=budget)(waits)
    callers = [threading.Thread(target=guarded, args=(i,)) for i in range(2)]
    for each in callers:
        each.start()
        begun.acquire()
    assert codes(guarded(2))[0] == "saturated"
    assert guarded.status()["running"] == {"primary": 2}
    release.set()
    for each in callers:
        each.join()
    assert codes(guarded(3)) == ["uncalibrated"]


async def _tasks(budget):
    release = asyncio.Event()

    async def waits(request):
        await release.wait()
        return "waited"

    guarded = gr.guard(budget=budget)(waits)
    first = [asyncio.create_task(guarded(i)) for i in range(2)]
    await asyncio.sleep(0)
    refused = await guarded(2)
    release.set()
    await asyncio.gather(*first)
    return [codes(refused)[0], codes(await guarded(3))[0]]


def test_one_guards_stuck_calls_leave_another_its_own():
    """The threads of one function are no other function's."""
    release = threading.Event()
    stuck = gr.guard(budget=gr.Budget(0.02, max_abandoned=2), breaker=None)(lambda r: release.wait())
    free = gr.guard(budget=60.0)(plain)
    try:
        assert [codes(stuck(i))[0] for i in range(4)] == ["deadline", "deadline", "saturated", "saturated"]
        assert free(1).served_by == "primary"
    finally:
        release.set()


@pytest.mark.parametrize(
    ("enforcement", "fn"),
    [("thread", plain), ("process", math.sqrt), ("cooperative", keeps_time), ("async", awaited)],
)
def test_a_copy_works_under_every_enforcement(enforcement, fn):
    """Out of a pickle, with state of its own."""
    guard = gr.guard("copied", budget=gr.Budget(60.0, enforcement=enforcement), fallbacks=[plain])
    copy = cloudpickle.loads(cloudpickle.dumps(guard(fn)))
    decision = asyncio.run(copy(1)) if enforcement == "async" else copy(1)

    assert (decision.served_by, copy.status()["enforcement"]) == ("primary", enforcement)
    copy.reset()
