"""The model month by month: every booking of the file through the guard, as tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

import guardrails as gr

from .bookings import CLASSES, INPUTS, truth
from .contract import BookingContract
from .figures import ratio
from .model import Model


@dataclass(frozen=True, slots=True)
class Month:
    """One month's bookings by arrival; a rate is None where there is nothing to divide by.

    Attributes:
        name: such as 2016-01.
        bookings: how many.
        error: share of wrong answers of the bare model.
        works: share of bookings that end in `Works`.
        works_error: share of wrong answers among them.
    """

    name: str
    bookings: int
    error: float
    works: float
    works_error: float | None


@dataclass(frozen=True, slots=True)
class Calendar:
    """The healthy traffic; one of each of its distinct bookings, which is what was certified; the later months."""

    healthy: Month
    distinct: Month
    later: list[Month]


def calendar(
    model: Model, profile: gr.Profile, healthy: pd.DataFrame, later: pd.DataFrame, seed: int
) -> Calendar:
    """Every booking of the healthy traffic and of the months after it, decided as tables."""
    decide = gr.guard("booking", contract=BookingContract, profile=profile, budget=None).batch(
        model.predict_table
    )

    def month(name: str, table: pd.DataFrame) -> Month:
        return _month(name, table, model, decide(table[list(INPUTS)]))

    distinct = healthy.groupby("group").sample(1, random_state=seed)
    by_month = later.groupby(later["arrival"].dt.strftime("%Y-%m"))
    return Calendar(
        month("healthy", healthy),
        month("healthy, distinct", distinct),
        [month(str(name), table) for name, table in by_month],
    )


def _month(name: str, table: pd.DataFrame, model: Model, decisions: gr.Decisions[object]) -> Month:
    answers = np.array(CLASSES)[model.predict_table(table).argmax(axis=1)]
    wrong, works = answers != truth(table), decisions.routes == gr.Route.works
    return Month(
        name,
        len(table),
        float(wrong.mean()),
        float(works.mean()),
        ratio(int(wrong[works].sum()), int(works.sum())),
    )
