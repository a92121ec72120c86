"""What a booking must look like: the contract of the model, and the smaller one of its fallback."""

from __future__ import annotations

import pandera.pandas as pa
from pandera.typing import Series

DEPOSITS = ["No Deposit", "Non Refund", "Refundable"]


class ScorecardContract(pa.DataFrameModel):  # type: ignore[misc] # pandera is untyped here
    """The two fields that the scorecard reads."""

    lead_time: Series[int] = pa.Field(ge=0, le=800)
    deposit_type: Series[str] = pa.Field(isin=DEPOSITS)


class BookingContract(ScorecardContract):
    """A booking as the reservation system sends it; the bounds are what one room of either hotel can plausibly have."""

    stays_in_weekend_nights: Series[int] = pa.Field(ge=0, le=20)
    stays_in_week_nights: Series[int] = pa.Field(ge=0, le=50)
    adults: Series[int] = pa.Field(ge=0, le=60)  # group blocks come as one booking
    children: Series[int] = pa.Field(ge=0, le=10)
    babies: Series[int] = pa.Field(ge=0, le=10)
    is_repeated_guest: Series[int] = pa.Field(isin=[0, 1])
    previous_cancellations: Series[int] = pa.Field(ge=0, le=100)
    previous_bookings_not_canceled: Series[int] = pa.Field(ge=0, le=100)
    booking_changes: Series[int] = pa.Field(ge=0, le=30)
    days_in_waiting_list: Series[int] = pa.Field(ge=0, le=400)
    adr: Series[float] = pa.Field(ge=0, le=500)  # euros a night
    total_of_special_requests: Series[int] = pa.Field(ge=0, le=5)
    hotel: Series[str] = pa.Field(isin=["City Hotel", "Resort Hotel"])
    meal: Series[str] = pa.Field(isin=["BB", "FB", "HB", "SC", "Undefined"])
    market_segment: Series[str] = pa.Field(
        isin=[
            "Aviation", "Complementary", "Corporate", "Direct", "Groups", "Offline TA/TO", "Online TA", "Undefined",
        ]
    )  # fmt: skip
    distribution_channel: Series[str] = pa.Field(isin=["Corporate", "Direct", "GDS", "TA/TO", "Undefined"])
    reserved_room_type: Series[str] = pa.Field(str_matches=r"^[A-Z]$")
    customer_type: Series[str] = pa.Field(isin=["Contract", "Group", "Transient", "Transient-Party"])
