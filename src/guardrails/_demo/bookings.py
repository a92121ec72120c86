"""The bookings: load the packaged copy, split it in time, and give it out as requests."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Booking = dict[str, Any]
"""A request: field name to value, as a reservation system would send it."""

NUMBERS: Final = (
    "lead_time",
    "stays_in_weekend_nights",
    "stays_in_week_nights",
    "adults",
    "children",
    "babies",
    "is_repeated_guest",
    "previous_cancellations",
    "previous_bookings_not_canceled",
    "booking_changes",
    "days_in_waiting_list",
    "adr",
    "total_of_special_requests",
)
CATEGORIES: Final = (
    "hotel",
    "meal",
    "market_segment",
    "distribution_channel",
    "reserved_room_type",
    "deposit_type",
    "customer_type",
)
INPUTS: Final = NUMBERS + CATEGORIES
DATES: Final = ("arrival", "label_known")
CANCELS, KEEPS = "cancels", "keeps"
CLASSES: Final = (CANCELS, KEEPS)  # sorted, as scikit-learn orders them

CUT: Final = pd.Timestamp("2016-01-01")
"""The day on which the model is trained: what became known later cannot be learnt from."""

_TRAIN, _CALIBRATION = 0.5, 0.25


@dataclass(frozen=True, slots=True)
class Split:
    """Disjoint bookings, as tables with the columns `INPUTS`, `DATES`, `truth` and `group`.

    `train`, `calibration` and `healthy` are a random split, by distinct booking, of the arrivals before `CUT` whose
    outcome was known by `CUT`: calibration and healthy traffic are draws from one world, which is what a certificate
    speaks of. `later` are the arrivals from `CUT` on: another world.
    """

    train: pd.DataFrame
    calibration: pd.DataFrame
    healthy: pd.DataFrame
    later: pd.DataFrame


def load() -> pd.DataFrame:
    """All bookings of the packaged copy, in the order of the published file.

    Returns:
        One row a booking: the inputs, the arrival, the day on which the outcome became known (`label_known`), the
        outcome (`truth`, `cancels` or `keeps`), and `group`: the same number for identical bookings.
    """
    types: dict[str, Any] = (
        dict.fromkeys(NUMBERS, "int64") | dict.fromkeys(CATEGORIES, "str") | {"adr": "float64"}
    )
    with as_file(files(__package__) / "data" / "hotel_bookings.csv.gz") as path:
        frame = pd.read_csv(path, dtype=types, parse_dates=list(DATES), keep_default_na=False, na_values={})
    frame["truth"] = np.where(frame.pop("is_canceled") == 1, CANCELS, KEEPS)
    frame["group"] = frame.groupby([*INPUTS, "arrival"], sort=False).ngroup()
    return frame


def split(frame: pd.DataFrame, seed: int) -> Split:
    """Split by time at `CUT`, and what lies before it at random by group, so that no two parts share a booking.

    More than a quarter of the bookings are identical to another one (a tour operator's block, entered room by room) and
    share its fate: a split by row would let the model be tested on rows that it has seen.
    """
    known = frame[(frame["arrival"] < CUT) & (frame["label_known"] < CUT)]
    draw = np.random.default_rng(seed).random(int(frame["group"].max()) + 1)[known["group"].to_numpy()]
    part = np.digitize(draw, [_TRAIN, _TRAIN + _CALIBRATION])
    return Split(known[part == 0], known[part == 1], known[part == 2], frame[frame["arrival"] >= CUT])  # noqa: PLR2004 - the three parts


def requests(frame: pd.DataFrame) -> list[Booking]:
    """The rows as requests: plain dictionaries of the inputs with Python values."""
    records: list[Booking] = frame[list(INPUTS)].to_dict("records")  # type: ignore[assignment]
    return records


def truth(frame: pd.DataFrame) -> npt.NDArray[np.str_]:
    """The outcomes, (n,) of `CLASSES`."""
    return frame["truth"].to_numpy(dtype=np.str_)
