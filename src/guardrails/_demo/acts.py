"""The acts: what happens to the requests, to the model, or to the world in each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np

from .bookings import Booking
from .contract import DEPOSITS

Change = Callable[[Booking], Booking]


class Outage(Protocol):
    """What the model does in place of answering."""

    def strike(self) -> None:
        """Called inside the model's call: block, or raise."""
        ...  # pragma: no cover

    def end(self) -> None:
        """The outage is over; calls that still hang go on."""
        ...  # pragma: no cover


class Hang:
    """Calls block until the outage ends; on an event, not asleep, so that the process can end as well."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def strike(self) -> None:
        """Block until the outage is over."""
        self._over.wait()

    def end(self) -> None:
        """Let every blocked call go on."""
        self._over.set()


class Down:
    """Calls are refused at once."""

    def strike(self) -> None:
        """Raise what a client of a dead server raises.

        Raises:
            ConnectionError: always.
        """
        raise ConnectionError("the model's server refuses connections")

    def end(self) -> None:
        """Nothing is left to end."""


class Service:
    """The model as its caller sees it: while there is an outage, it does not answer."""

    def __init__(self, predict: Callable[[Booking], object]) -> None:
        self._predict = predict
        self.outage: Outage | None = None

    def __call__(self, booking: Booking) -> object:
        """What the model answers."""
        outage = self.outage
        if outage is not None:
            outage.strike()
        return self._predict(booking)


@dataclass(frozen=True, slots=True)
class Request:
    """One booking on its way to the model.

    Attributes:
        booking: as it arrives, after what happened upstream.
        truth: the outcome of the real booking.
        changed: whether something happened to it upstream.
        outage: whether the model is in an outage when it arrives.
    """

    booking: Booking
    truth: str
    changed: bool = False
    outage: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens to a model in service.

    Attributes:
        name: short, for tables.
        story: what happens, in a sentence.
        traffic: which bookings arrive, of `Split`.
        change: what happens to a request upstream.
        share: share of the requests to which it happens.
        outage: makes the outage that holds during the middle two fifths of the act.
    """

    name: str
    story: str
    traffic: Literal["healthy", "later"] = "healthy"
    change: Change | None = None
    share: float = 0.0
    outage: Callable[[], Outage] | None = None

    def requests(
        self, bookings: Sequence[Booking], truths: Sequence[str], rng: np.random.Generator
    ) -> list[Request]:
        """The act's requests, in order of arrival."""
        chosen = set(rng.permutation(len(bookings))[: round(self.share * len(bookings))].tolist())
        begin, end = self._outage(len(bookings))
        return [
            self._request(booking, truth, changed=i in chosen, outage=begin <= i < end)
            for i, (booking, truth) in enumerate(zip(bookings, truths, strict=True))
        ]

    def _outage(self, n: int) -> tuple[int, int]:
        return (3 * n // 10, n - 3 * n // 10) if self.outage is not None else (0, 0)

    def _request(self, booking: Booking, truth: str, *, changed: bool, outage: bool) -> Request:
        arrived = self.change(booking) if changed and self.change is not None else booking
        return Request(arrived, truth, arrived != booking, outage)


def adr_times_ten(booking: Booking) -> Booking:
    """An upstream change of unit: the daily rate arrives ten times too high."""
    return booking | {"adr": booking["adr"] * 10}


def deposit_shifted(booking: Booking) -> Booking:
    """An upstream release counts the deposit types from the wrong end of a code table: each becomes the next one."""
    code = DEPOSITS.index(booking["deposit_type"])
    return booking | {"deposit_type": DEPOSITS[(code + 1) % len(DEPOSITS)]}


def lead_time_renamed(booking: Booking) -> Booking:
    """An upstream release spells a field differently."""
    return {("leadTime" if name == "lead_time" else name): value for name, value in booking.items()}


HEALTHY: Final = Act("healthy", "Nothing happens: bookings like those the profile was calibrated on.")
HANGS: Final = Act(
    "model hangs", "During the middle two fifths, calls of the model do not return.", outage=Hang
)
DOWN: Final = Act("model is down", "During the middle two fifths, calls raise ConnectionError.", outage=Down)
ADR: Final = Act(
    "adr x 10", "An upstream change multiplies adr by ten in 12 % of the requests.",
    change=adr_times_ten, share=0.12,
)  # fmt: skip
DEPOSIT: Final = Act(
    "deposit_type shifted",
    "An upstream release shifts the codes of deposit_type by one in 12 % of the requests; every value stays legal.",
    change=deposit_shifted, share=0.12,
)  # fmt: skip
RENAMED: Final = Act(
    "field renamed", "An upstream release, live at half of the clients, sends lead_time as leadTime.",
    change=lead_time_renamed, share=0.5,
)  # fmt: skip
DRIFT: Final = Act(
    "world drifts", "The bookings of the following 20 months, which the model was never trained for.", traffic="later"
)  # fmt: skip

ACTS: Final = (HEALTHY, HANGS, DOWN, ADR, DEPOSIT, RENAMED, DRIFT)
