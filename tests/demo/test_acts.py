"""What the acts do to requests and to the model."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from guardrails._demo.acts import (
    ACTS,
    ADR,
    DEPOSIT,
    DRIFT,
    HANGS,
    RENAMED,
    Down,
    Hang,
    Service,
    adr_times_ten,
    deposit_shifted,
    lead_time_renamed,
)
from guardrails._demo.contract import DEPOSITS, BookingContract

BOOKING = {"lead_time": 12, "adr": 80.5, "deposit_type": "No Deposit"}


def script(act, n=200, booking=BOOKING):
    return act.requests([dict(booking) for _ in range(n)], ["keeps"] * n, np.random.default_rng(0))


def test_adr_is_multiplied_and_nothing_else_changes():
    """The booking given is left as it is."""
    before = dict(BOOKING)
    assert adr_times_ten(BOOKING) == before | {"adr": 805.0}
    assert before == BOOKING


def test_the_deposit_shift_is_a_permutation_of_legal_values():
    """Every type becomes another one that the contract allows, and none is lost."""
    shifted = [deposit_shifted(BOOKING | {"deposit_type": deposit})["deposit_type"] for deposit in DEPOSITS]
    assert sorted(shifted) == sorted(DEPOSITS)
    assert all(before != after for before, after in zip(DEPOSITS, shifted, strict=True))


def test_the_renamed_field_is_gone_and_its_value_is_under_the_new_name():
    """As an upstream release would send it."""
    renamed = lead_time_renamed(BOOKING)
    assert "lead_time" not in renamed
    assert renamed["leadTime"] == 12
    assert "lead_time" in BOOKING
    assert "lead_time" in BookingContract.to_schema().columns


@pytest.mark.parametrize("act", [ADR, DEPOSIT, RENAMED], ids=lambda act: act.name)
def test_a_change_happens_to_its_share_of_the_requests(act):
    """Exactly, by count; the others arrive as they were."""
    requests = script(act)
    assert sum(request.changed for request in requests) == round(act.share * 200)
    assert all((request.booking != BOOKING) == request.changed for request in requests)


def test_a_change_without_effect_does_not_count():
    """Ten times nothing is nothing."""
    assert not any(request.changed for request in script(ADR, booking=BOOKING | {"adr": 0.0}))


def test_an_outage_holds_during_the_middle_two_fifths():
    """The act begins and ends healthy; acts without an outage have none."""
    down = [request.outage for request in script(HANGS, 100)]
    assert down == [False] * 30 + [True] * 40 + [False] * 30
    assert not any(request.outage for request in script(DRIFT))


def test_acts_have_names_of_their_own():
    """They name rows and sections."""
    assert len({act.name for act in ACTS}) == len(ACTS)


def test_a_model_that_is_down_raises_and_one_that_is_well_answers():
    """The outage is a state of the service."""
    service = Service(lambda booking: booking["lead_time"])
    assert service(BOOKING) == 12
    service.outage = Down()
    with pytest.raises(ConnectionError):
        service(BOOKING)
    service.outage.end()
    service.outage = None
    assert service(BOOKING) == 12


def test_a_hanging_call_goes_on_when_the_outage_ends():
    """So that nothing is left behind in the process."""
    service, answers, started = Service(lambda booking: booking["lead_time"]), [], threading.Event()

    class Observed(Hang):
        def strike(self):
            started.set()
            super().strike()

    service.outage = outage = Observed()
    caller = threading.Thread(target=lambda: answers.append(service(BOOKING)))
    caller.start()
    assert started.wait(10)
    assert answers == []
    outage.end()
    caller.join(10)
    assert answers == [12]
