"""The demonstration's model and scorecard."""

from __future__ import annotations

import numpy as np
import pytest

from guardrails._demo.bookings import CANCELS, CLASSES, requests, truth
from guardrails._demo.model import band, fit_scorecard


def test_a_booking_and_the_row_of_a_table_get_the_same_probabilities(model, parts):
    """The encoded row is the same by either way, unseen categories included."""
    few = parts.later.head(200).copy()
    few.loc[few.index[0], "market_segment"] = "Aviation"
    assert np.array_equal(model.predict_table(few), [model.predict(booking) for booking in requests(few)])


def test_the_classes_are_in_the_estimators_order(model):
    """Column i of the probabilities is class i."""
    assert tuple(model.estimator.classes_) == CLASSES


def test_an_absent_field_is_answered_without_a_word(model, parts):
    """The bare model takes a missing value, which is why a renamed field goes unnoticed."""
    booking = requests(parts.healthy.head(1))[0]
    del booking["lead_time"]
    assert np.isclose(model.predict(booking).sum(), 1)


def test_the_model_is_better_than_the_scorecard_on_held_out_bookings(model, parts):
    """Or there would be nothing to lose when the scorecard answers."""
    outcomes = truth(parts.calibration)
    scorecard = fit_scorecard(parts.train)
    by_model = np.array(CLASSES)[model.predict_table(parts.calibration).argmax(axis=1)]
    by_table = [CLASSES[int(np.argmax(scorecard(booking)))] for booking in requests(parts.calibration)]
    assert (by_model != outcomes).mean() < (np.array(by_table) != outcomes).mean() < 0.3


@pytest.mark.parametrize(
    ("days", "expected"), [(0, 0), (7, 0), (8, 1), (30, 1), (90, 2), (180, 3), (181, 4), (700, 4)]
)
def test_a_lead_time_belongs_to_the_band_it_does_not_pass(days, expected):
    """The upper ends belong to their band."""
    assert band(days) == expected


def test_the_scorecard_gives_the_shrunk_rate_of_its_cell(parts):
    """(cancelled + base rate) / (bookings + 1) of the training rows of that deposit type and band."""
    train = parts.train
    cell = train[(train["deposit_type"] == "No Deposit") & (train["lead_time"] <= 7)]
    base = (train["truth"] == CANCELS).mean()
    expected = ((cell["truth"] == CANCELS).sum() + base) / (len(cell) + 1)
    rates = fit_scorecard(train)({"deposit_type": "No Deposit", "lead_time": 3})
    assert np.allclose(rates, [expected, 1 - expected])


def test_the_scorecard_answers_a_pair_it_never_saw_with_the_base_rate(parts):
    """An unknown deposit type has no cell."""
    rates = fit_scorecard(parts.train)({"deposit_type": "Voucher", "lead_time": 3})
    assert rates[0] == pytest.approx((parts.train["truth"] == CANCELS).mean())
