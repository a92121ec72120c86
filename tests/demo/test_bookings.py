"""The packaged bookings: what they hold, and how they are split."""

from __future__ import annotations

import gzip
from importlib.resources import files

import pandas as pd

from guardrails._demo.bookings import CLASSES, CUT, DATES, INPUTS, requests, split, truth
from guardrails._demo.contract import BookingContract
from guardrails._demo.pack import pack

DATA = files("guardrails._demo") / "data"
LEAKS = {"reservation_status", "assigned_room_type", "country", "required_car_parking_spaces"}


def test_the_copy_holds_all_bookings_and_no_field_that_gives_the_outcome_away(frame):
    """119,390 published bookings less the 4 without a number of children."""
    assert len(frame) == 119_386
    assert set(frame.columns) == {*INPUTS, *DATES, "truth", "group"}
    assert not LEAKS & set(frame.columns)
    assert not frame.isna().any(axis=None)


def test_the_copy_is_small_and_says_whose_it_is():
    """Under 2 MB, with authors, licence and changes beside it."""
    attribution = (DATA / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert len((DATA / "hotel_bookings.csv.gz").read_bytes()) < 2_000_000
    for needed in ("Antonio", "Almeida", "Nunes", "Data in Brief 22", "CC BY 4.0", "Changes made"):
        assert needed in attribution


def test_what_is_learnt_from_was_known_when_it_was_learnt(parts):
    """Training, calibration and healthy traffic hold outcomes known before the cut; the later part arrives after it."""
    for part in (parts.train, parts.calibration, parts.healthy):
        assert (part["label_known"] < CUT).all()
        assert (part["arrival"] < CUT).all()
    assert (parts.later["arrival"] >= CUT).all()


def test_no_two_parts_share_a_booking(parts):
    """Identical bookings stay together, so that nothing is tested on a copy of what was learnt."""
    groups = [set(part["group"]) for part in (parts.train, parts.calibration, parts.healthy)]
    assert all(groups)
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_identical_bookings_are_one_group(frame):
    """A group is what agrees in every input and in the day of arrival."""
    assert frame.groupby("group")[[*INPUTS, "arrival"]].nunique().max().max() == 1
    assert frame["group"].nunique() == len(frame.drop_duplicates([*INPUTS, "arrival"]))


def test_a_seed_fixes_the_split(frame, parts):
    """The same seed gives the same rows, another seed others."""
    assert split(frame, 3).train.index.equals(parts.train.index)
    assert not split(frame, 4).train.index.equals(parts.train.index)


def test_requests_are_plain_dictionaries_in_the_order_of_the_rows(parts):
    """Python values under the inputs' names; outcomes of the two classes."""
    few = parts.healthy.head(50)
    made = requests(few)
    assert [tuple(one) for one in made] == [INPUTS] * 50
    assert {type(value) for one in made for value in one.values()} == {int, float, str}
    assert [one["lead_time"] for one in made] == few["lead_time"].tolist()
    assert set(truth(few)) <= set(CLASSES)


def test_nearly_every_booking_of_the_period_keeps_the_contract(parts):
    """The contract describes bookings, not the training rows: one rate of 508 euros is outside it."""
    columns = BookingContract.to_schema().columns
    assert set(columns) == set(INPUTS)
    assert len(BookingContract.validate(parts.healthy[list(INPUTS)], lazy=True)) == len(parts.healthy)


def test_packing_keeps_the_columns_needed_and_is_reproducible(tmp_path, frame):
    """From a table in the published form: leaks gone, dates joined, and the same bytes each time."""
    row = frame.iloc[0]
    published = {name: [row[name], row[name]] for name in INPUTS} | {
        "is_canceled": [1, 0], "arrival_date_year": [2015, 2016], "arrival_date_month": ["July", "May"],
        "arrival_date_day_of_month": [1, 31], "reservation_status": ["Canceled", "Check-Out"],
        "reservation_status_date": ["2015-05-06", "2016-06-02"], "country": ["PRT", "NA"],
    }  # fmt: skip
    published["children"] = [2, "NA"]
    source, target = tmp_path / "published.csv", tmp_path / "packed.csv.gz"
    pd.DataFrame(published).to_csv(source, index=False)
    assert pack(source, target) == 1
    first = target.read_bytes()
    head, line = gzip.decompress(first).decode().splitlines()
    assert head.split(",") == [*DATES, *INPUTS, "is_canceled"]
    assert line.startswith("2015-07-01,2015-05-06,")
    pack(source, target)
    assert target.read_bytes() == first
