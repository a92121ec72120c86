"""What the service answers in every row of the routing table, without a sleep."""

import asyncio
from pathlib import Path

import digit_service as service
import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from guardrails import CaveatCode
from guardrails.testing import check_guard

CERTAIN = next(
    service.request_of(row)
    for row in service.TODAY
    if service.read_digit(service.request_of(row)).route == "works"
)
WHITE_NOISE = {**CERTAIN, "ink_0": 16.0}  # no digit has ink in this corner


@pytest.fixture(scope="module")
def client():
    with TestClient(service.app) as client:
        yield client


@pytest.fixture
def post(client, guard_reviews):
    """Send a scan; gives the status, who answered, and the caveats."""

    def post(scan, path="/digits"):
        response = client.post(path, json=scan)
        said = response.json()
        return response.status_code, said.get("by"), said["caveats"]

    return post


def certain(probability):
    """An answer of ten probabilities, the highest of which is this one."""
    return np.array([probability, *[(1 - probability) / 9] * 9])


# --- every row of the routing table ------------------------------------------------------------------------------


def test_a_certain_answer_works(client):
    """The digit, and nothing to add."""
    said = client.post("/digits", json=CERTAIN).json()
    assert (said["caveats"], said["digit"]) == ([], int(service.read_digit(CERTAIN).prediction))


def contract(post, faults):
    with faults.drop(service.read_digit, "ink_7"):
        return post(CERTAIN)


def drifted_schema(post, faults):
    with faults.drop(service.read_digit, "operator"):
        return post(CERTAIN)


def novel(post, faults):
    return post(WHITE_NOISE)


def deadline(post, faults):
    with faults.hang(service.read_digit):
        return post(CERTAIN)


def error(post, faults):
    with faults.error(service.read_digit, ConnectionError("refused")):
        return post(CERTAIN)


def saturated(post, faults):
    with faults.saturate(service.read_digit):
        return post(CERTAIN)


def circuit_open(post, faults):
    with faults.open_circuit(service.read_digit):
        return post(CERTAIN)


def output(post, faults):
    with faults.nan(service.read_digit):
        return post(CERTAIN)


def uncertain(post, faults):
    with faults.returns(service.read_digit, certain(0.72)):
        return post(CERTAIN)


def unanswerable(post, faults):
    with faults.returns(service.read_digit, certain(0.3)):
        return post(CERTAIN)


def uncertified(post, faults):
    return post(CERTAIN, "/digits/trial")


def cohort_uncertified(post, faults):
    return post({**CERTAIN, "scanner": "mobile"})


def fallback(post, faults):
    with faults.error(service.read_digit):
        return post(CERTAIN)


def uncalibrated(post, faults):
    with faults.slow(service.read_digit, 9.999):
        return post(CERTAIN)


def switched_off(post, faults):
    with faults.switch_off(service.read_digit):
        return post(CERTAIN)


def review_not_stored(post, faults):
    with (
        faults.review_locked(service.read_digit),
        faults.error(service.read_digit),
        faults.error(service.read_digit, fallback="ink"),
    ):
        return post(CERTAIN)


INK = ["fallback", "uncalibrated"]
TABLE = {
    contract: (202, None, ["contract", "contract"]),
    drifted_schema: (200, "primary", ["drifted_schema"]),
    novel: (200, "ink", ["novel", *INK]),
    deadline: (200, "ink", ["deadline", *INK]),
    error: (200, "ink", ["error", *INK]),
    saturated: (200, "ink", ["saturated", *INK]),
    circuit_open: (200, "ink", ["circuit_open", *INK]),
    output: (200, "ink", ["output", *INK]),
    uncertain: (200, "primary", ["uncertain"]),
    unanswerable: (202, None, ["unanswerable", "uncalibrated"]),
    uncertified: (200, "primary", ["uncertified"]),
    cohort_uncertified: (200, "primary", ["cohort_uncertified"]),
    fallback: (200, "ink", ["error", *INK]),
    uncalibrated: (200, "ink", ["deadline", *INK]),
    switched_off: (200, "ink", [*INK, "switched_off"]),
    review_not_stored: (202, None, ["error", "error", "review_not_stored"]),
}


@pytest.mark.parametrize("seen", TABLE, ids=lambda seen: seen.__name__)
def test_a_row_of_the_routing_table(seen, post, guard_faults):
    """The client gets what the table says, and why; budgets of ten seconds pass on virtual time."""
    assert seen(post, guard_faults) == TABLE[seen]
    assert seen.__name__ in TABLE[seen][2]


def test_every_row_is_asserted():
    """By name."""
    assert {seen.__name__ for seen in TABLE} == set(CaveatCode)


# --- what else a service promises --------------------------------------------------------------------------------


def test_a_person_gets_what_nobody_can_answer(client, guard_faults, guard_reviews):
    """The client's decision id is the item's."""
    with guard_faults.returns(service.read_digit, certain(0.3)):
        said = client.post("/digits", json=CERTAIN)
    assert said.status_code == 202
    assert guard_reviews.read(said.json()["decision"]).guard_name == "digit"


def test_the_span_says_why_without_the_scan(client, guard_faults, guard_spans):
    """The caveats, and none of the ink."""
    with guard_faults.hang(service.read_digit):
        client.post("/digits", json=CERTAIN)
    (span,) = guard_spans.calls
    assert span.attributes["inference_guardrails.caveats"] == ("deadline", "fallback", "uncalibrated")
    assert not set(service.BLOCKS) & set(span.attributes)


@pytest.mark.anyio
async def test_the_endpoint_on_the_event_loop(guard_faults):
    """Sixteen requests at once, all in time, none holding up the loop."""
    transport = httpx.ASGITransport(app=service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        with guard_faults.hang(service.read_remote):
            replies = await asyncio.gather(*(client.post("/digits/remote", json=CERTAIN) for _ in range(16)))
    assert {tuple(reply.json()["caveats"]) for reply in replies} == {("deadline", "fallback", "uncalibrated")}


def test_every_promise_is_kept():
    """By each guard of the service."""
    for guarded in service.read_digit, service.read_trial, service.read_remote:
        assert check_guard(guarded, CERTAIN).broken == ()


def test_nothing_here_sleeps():
    """A clock is injected instead."""
    assert "sleep" + "(" not in Path(__file__).read_text(encoding="utf-8")
