"""The populations that the guarantees are measured on: real tables, with the answers of models trained on other rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


@dataclass(frozen=True)
class Labels:
    """A classifier's answers on rows that it was not trained on; `when` orders them in time, where the data do."""

    name: str
    probabilities: np.ndarray
    truth: np.ndarray  # column of the true label
    max_error: float
    max_degraded_error: float
    when: np.ndarray | None = None


@dataclass(frozen=True)
class Numbers:
    """A regressor's answers, with a difficulty learnt on rows that trained neither model nor judge it."""

    name: str
    predictions: np.ndarray
    truth: np.ndarray
    difficulty: np.ndarray
    tolerance: float
    max_error: float
    max_degraded_error: float
    when: np.ndarray | None = None


def halves(n: int, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(seed).permutation(n)
    return order[: int(share * n)], order[int(share * n) :]


def bundled() -> list[Labels | Numbers]:
    """scikit-learn's own sets; small pools, drawn from with replacement."""
    found: list[Labels | Numbers] = []
    for name, load, target in (("digits", load_digits, 0.02), ("breast cancer", load_breast_cancer, 0.02)):
        x, y = load(return_X_y=True)
        train, rest = halves(len(x), 0.4)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(x[train], y[train])
        found.append(Labels(name, model.predict_proba(x[rest]), y[rest], target, 2 * target))
    x, y = load_diabetes(return_X_y=True)
    train, rest = halves(len(x), 0.5)
    found.append(
        numbers("diabetes", Ridge(1.0), Ridge(1.0), x[train], y[train], x[rest], y[rest], 120.0, 0.1)
    )
    return found


def numbers(name, model, spread, x, y, x_rest, y_rest, tolerance, max_error, when=None) -> Numbers:
    """Fit the model on one half of the training rows and the difficulty, its absolute error, on the other."""
    first, second = halves(len(x), 0.6)
    model.fit(x[first], y[first])
    errors = np.abs(y[second] - model.predict(x[second]))
    spread.fit(x[second], np.log(errors + 1e-3 * errors.mean()))
    hard = np.exp(spread.predict(x_rest))
    return Numbers(name, model.predict(x_rest), y_rest, hard, tolerance, max_error, 2 * max_error, when)


INPUTS = ["lead_time", "stays_in_weekend_nights", "stays_in_week_nights", "adults", "children", "babies", "is_repeated_guest",
          "previous_cancellations", "previous_bookings_not_canceled", "booking_changes", "days_in_waiting_list", "adr",
          "total_of_special_requests", "hotel", "meal", "market_segment", "distribution_channel", "reserved_room_type",
          "deposit_type", "customer_type"]  # fmt: skip


def hotel_table(folder: Path) -> pd.DataFrame:
    """Bookings without duplicates, categories as their alphabetical codes, ordered by arrival."""
    table = pd.read_csv(folder / "hotel_bookings.csv.zip")
    table["when"] = pd.to_datetime(
        table["arrival_date_year"].astype(str)
        + table["arrival_date_month"]
        + table["arrival_date_day_of_month"].astype(str),
        format="%Y%B%d",
    )
    table = table[[*INPUTS, "is_canceled", "when"]].drop_duplicates(INPUTS).sort_values("when", kind="stable")
    for name in INPUTS[13:]:
        table[name] = table[name].astype("category").cat.codes.astype(int)
    return table.reset_index(drop=True)


def fit_hotel(table: pd.DataFrame) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=150, random_state=0).fit(
        table[INPUTS].to_numpy(float), table["is_canceled"]
    )


def downloaded(folder: Path) -> list[Labels | Numbers]:
    """Hotel bookings, employment, bike hours; see `--help` of guarantees.py for where they can be had."""
    hotel = hotel_table(folder)
    early = hotel[hotel["when"] < "2016-07-01"]
    train, rest = halves(len(early), 0.5)
    model = fit_hotel(early.iloc[train])
    pool = pd.concat([early.iloc[rest], hotel[hotel["when"] >= "2016-07-01"]])
    quarter = np.where(pool["when"] < "2016-07-01", "calibrated", pool["when"].dt.to_period("Q").astype(str))
    p = model.predict_proba(pool[INPUTS].to_numpy(float))
    found: list[Labels | Numbers] = [
        Labels("hotel bookings", p, pool["is_canceled"].to_numpy(), 0.08, 0.15, quarter),
        employment(folder),
    ]
    bike = pd.read_csv(folder / "bike_hour.csv.zip")
    x = bike[
        ["season", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit", "temp", "hum", "windspeed"]
    ].to_numpy()
    y, first = bike["cnt"].to_numpy(float), (bike["yr"] == 0).to_numpy()
    train, rest = halves(int(first.sum()), 0.5)
    x_rest, y_rest = np.concatenate([x[first][rest], x[~first]]), np.concatenate([y[first][rest], y[~first]])
    season = np.concatenate(
        [np.full(len(rest), "calibrated"), "2012 Q" + ((bike["mnth"][~first] + 2) // 3).astype(str)]
    )
    models = (
        HistGradientBoostingRegressor(random_state=0),
        HistGradientBoostingRegressor(random_state=0, max_iter=60),
    )
    found.append(
        numbers("bike hours", *models, x[first][train], y[first][train], x_rest, y_rest, 40.0, 0.1, season)
    )
    return found


def employment(folder: Path) -> Labels:
    """The published model's own probabilities; of two classes only its answer's is known."""
    table = pd.read_parquet(folder / "employment_MA_2015_2018.parquet").sample(120_000, random_state=0)
    p = table["predicted_probability"].to_numpy()
    when = np.where(table["year"] == 2015, "calibrated", table["year"].astype(str))
    return Labels("employment", np.column_stack([1 - p, p]), table["employed"].to_numpy(), 0.1, 0.15, when)
