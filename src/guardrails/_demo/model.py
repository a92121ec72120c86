"""The model that gets guarded, and the scorecard that answers in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

from .bookings import CANCELS, CATEGORIES, CLASSES, NUMBERS, Booking, truth

Probabilities = npt.NDArray[np.float64]

_MISSING: Final = float("nan")


@dataclass(frozen=True, slots=True)
class Model:
    """Gradient boosting over one encoded row; `classes` orders the probabilities.

    An absent or unknown value becomes NaN, which this kind of model takes without a word: so does a
    `DataFrame.reindex` in front of it, and it is how a renamed field goes unnoticed.
    """

    estimator: Any
    codes: Mapping[str, Mapping[str, float]]
    classes: tuple[str, ...] = CLASSES

    def row(self, booking: Booking) -> npt.NDArray[np.float64]:
        """The booking as the estimator takes it, (1, number of inputs)."""
        numbers = [booking.get(name, _MISSING) for name in NUMBERS]
        codes = [self.codes[name].get(booking.get(name, ""), _MISSING) for name in CATEGORIES]
        return np.array([numbers + codes], dtype=np.float64)

    def predict(self, booking: Booking) -> Probabilities:
        """Probabilities of `classes` for one booking, (2,)."""
        probabilities: Probabilities = self.estimator.predict_proba(self.row(booking))[0]
        return probabilities

    def predict_table(self, frame: pd.DataFrame) -> Probabilities:
        """Probabilities of `classes` for each row, (n, 2)."""
        codes = {name: frame[name].map(self.codes[name]) for name in CATEGORIES}
        rows = frame[list(NUMBERS)].assign(**codes).to_numpy(dtype=np.float64)
        probabilities: Probabilities = self.estimator.predict_proba(rows)
        return probabilities


def fit(train: pd.DataFrame, seed: int) -> Model:
    """Train on the encoded rows; the codes of a category are its places in the alphabet, from the training rows.

    The codes are left ordinal: declaring the categories was no more accurate (three seeds) and made a call 3 times slower.
    """
    codes = {name: _alphabet(train[name]) for name in CATEGORIES}
    rows = train[list(NUMBERS)].assign(**{name: train[name].map(codes[name]) for name in CATEGORIES})
    estimator = HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.1,
        early_stopping=False,  # it would split the rows at random, across groups
        random_state=seed,
    )
    return Model(estimator.fit(rows.to_numpy(dtype=np.float64), truth(train)), codes)


def _alphabet(column: pd.Series[str]) -> dict[str, float]:
    return {value: float(code) for code, value in enumerate(sorted(column.unique()))}


LEAD_TIME_BANDS: Final = (7, 30, 90, 180)
"""Days: a booking belongs to the band whose upper end it does not pass; the last band has none."""


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A table of cancellation rates by deposit type and lead time: no model server, no features, microseconds.

    Attributes:
        rates: share of training bookings that cancelled, by deposit type and band of the lead time.
        base: the share over all training bookings, for a pair never seen.
    """

    rates: Mapping[tuple[str, int], float]
    base: float

    def __call__(self, booking: Booking) -> Probabilities:
        """Probabilities of `CLASSES` for one booking, (2,)."""
        rate = self.rates.get((booking["deposit_type"], band(booking["lead_time"])), self.base)
        return np.array([rate, 1.0 - rate])


def band(lead_time: float) -> int:
    """The band of a lead time in days."""
    return sum(lead_time > end for end in LEAD_TIME_BANDS)


def fit_scorecard(train: pd.DataFrame) -> Scorecard:
    """The rates in the training rows; each cell is drawn a little to the base rate, so that a rare one is not certain."""
    cancelled = (train["truth"] == CANCELS).astype(float)
    base = float(cancelled.mean())
    cells = cancelled.groupby([train["deposit_type"], train["lead_time"].map(band)]).agg(["sum", "size"])
    shrunk = (cells["sum"] + base) / (cells["size"] + 1)
    return Scorecard({_cell(key): float(rate) for key, rate in shrunk.items()}, base)


def _cell(key: Any) -> tuple[str, int]:
    deposit, days = key
    return str(deposit), int(days)
