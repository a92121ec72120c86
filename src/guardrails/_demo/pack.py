"""Make the packaged copy of the bookings from the published file: `python -m guardrails._demo.pack SOURCE TARGET`."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pandas as pd

from .bookings import INPUTS


def pack(source: Path, target: Path) -> int:
    """Write the columns that the demonstration needs, compressed, and return the number of bookings.

    Left out are the leaks (`reservation_status` says the outcome, `assigned_room_type` is set at arrival), the fields that
    the hotels complete at arrival and that so give the outcome away (`country`, `required_car_parking_spaces`), and the
    identifiers `agent` and `company`. Bookings without a number of children (4) are left out.
    """
    frame = pd.read_csv(source, keep_default_na=False, na_values=["NA"], low_memory=False)
    frame = frame.dropna(subset=["children"]).astype({"children": int})
    dates = pd.DataFrame({"arrival": _arrival(frame), "label_known": frame["reservation_status_date"]})
    copy = dates.join(frame[[*INPUTS, "is_canceled"]])
    text = copy.to_csv(index=False, date_format="%Y-%m-%d", lineterminator="\n")
    target.write_bytes(gzip.compress(text.encode(), mtime=0))  # no time stamp: same source, same bytes
    return len(copy)


def _arrival(frame: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    year, month, day = (
        frame[f"arrival_date_{part}"].astype(str) for part in ("year", "month", "day_of_month")
    )
    return pd.to_datetime(year + " " + month + " " + day, format="%Y %B %d")


if __name__ == "__main__":
    print(pack(Path(sys.argv[1]), Path(sys.argv[2])), "bookings")
