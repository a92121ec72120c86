"""What a served set, interval and novelty cost beside bare numpy and beside MAPIE, all measured in one run.

    python benchmarks/uncertainty.py [--calls 5000] [--no-pin] [--markdown FILE]

*Bare* is what the comparison itself takes in numpy on the same answer, with nothing read, checked, routed or returned:
`1 - p <= quantile` for a set, `y - quantile, y + quantile` on an array of one number for an interval. *MAPIE* is
`predict_set` or `predict_interval` of one row, the model's answer at hand. Rows are counted that differ from MAPIE's.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import ResidualNormalisedScore
from mapie.regression import ConformalizedQuantileRegressor, SplitConformalRegressor
from overhead import ROWS, header, markdown, timed

import guardrails as gr
from guardrails._conformal import Measure, Novel, aps_sets, key_of, lac_sets, score, uniforms

CALIBRATED = 2000
INPUTS = 20


class Logged:
    """What MAPIE takes for a model: the logged answers themselves."""

    is_fitted = True

    def __init__(self, column: int = 0, classes: int = 0) -> None:
        self.column, self.classes_ = column, np.arange(classes)

    def fit(self, *_: Any) -> None:  # noqa: D102 - MAPIE asks that it exists
        raise RuntimeError

    def predict_proba(self, x: np.ndarray) -> np.ndarray:  # noqa: D102
        return x

    def predict(self, x: np.ndarray) -> np.ndarray:  # noqa: D102
        return x[:, self.column]


class Uniforms(np.random.RandomState):
    """MAPIE's source of uniforms, giving those of the served form."""

    def __init__(self, key: bytes) -> None:
        super().__init__(0)
        self.key, self.shares = key, np.empty((0, 0))

    def uniform(self, *_: Any, size: Any = None, **__: Any) -> np.ndarray:  # noqa: D102
        return uniforms(self.shares, self.key).reshape(size)


@dataclass(frozen=True)
class Case:
    """One score: its served form on a record and on a table, the bare comparison, and MAPIE on a record."""

    name: str
    answers: list[Any]
    table: Any
    one: Callable[[Any], Any]
    whole: Callable[[Any], Any]
    bare: Callable[[Any], Any]
    bare_answers: list[Any]
    mapie: Callable[[Any], Any]
    differing: str


def probabilities(n: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = np.exp(6 * rng.normal(size=(n, k)))
    p /= p.sum(axis=1, keepdims=True)
    return p, np.minimum((p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), k - 1)


def classifier(kind: str, k: int) -> Case:
    """LAC or randomised APS with k classes."""
    p, truth = probabilities(CALIBRATED, k, 0)
    test = score(probabilities(ROWS, k, 1)[0]).shares
    profile = gr.calibrate_classifier(p, truth, classes=range(k), max_error=0.1, score=kind, name="m")
    measure, key, quantile = Measure(profile), key_of(0), profile.quantile
    given = Uniforms(key)
    shares = score(p).shares
    mapie = SplitConformalClassifier(
        Logged(classes=k), conformity_score=kind, prefit=True, random_state=given if kind == "aps" else 0
    )
    given.shares = shares
    mapie.conformalize(shares, truth)
    how = {"include_last_label": "randomized"} if kind == "aps" else {}

    def theirs(rows: np.ndarray) -> np.ndarray:
        given.shares = rows
        return mapie.predict_set(rows, conformity_score_params=how)[1][:, :, 0]

    def bare(row: np.ndarray) -> Any:
        return 1.0 - row <= quantile

    def bare_aps(row: np.ndarray) -> Any:
        order = np.argsort(-row)
        return np.cumsum(row[order]) - 0.5 * row[order] <= quantile

    ours = lac_sets(test, quantile) if kind == "lac" else aps_sets(test, quantile, key)
    differing = int((ours != theirs(test)).any(axis=1).sum())
    return Case(
        f"{kind.upper()}, {k} classes",
        list(test),
        test,
        measure.one,
        lambda table: measure.table(table, len(table)),
        bare if kind == "lac" else bare_aps,
        list(test),
        lambda row: theirs(row[None]),
        f"{differing} of {ROWS:,}",
    )


def regressor(kind: str) -> Case:
    """An interval of constant width, in units of a difficulty, or around two quantile predictions."""
    said, hard, truth = numbers(CALIBRATED, 0)
    test, difficulties, _ = numbers(ROWS, 1)
    limits = {"max_error": 0.1, "tolerance": 3.0, "name": "m"}
    columns, served = np.column_stack([said, hard]), np.column_stack([test, difficulties])
    more: dict[str, Any] = {}
    if kind == "quantiles":
        columns, served = (
            np.column_stack([y - d, y + d, y]) for y, d in ((said, hard), (test, difficulties))
        )
        profile = gr.calibrate_regressor(columns[:, [0, 2, 1]], truth, **limits)
        mapie: Any = ConformalizedQuantileRegressor([Logged(j) for j in range(3)], prefit=True)
        more = {"symmetric_correction": True}
    elif kind == "normalised":
        profile = gr.calibrate_regressor(said, truth, difficulty=hard, **limits)
        method = ResidualNormalisedScore(residual_estimator=Logged(1), prefit=True)
        mapie = SplitConformalRegressor(Logged(), conformity_score=method, prefit=True)
    else:
        profile = gr.calibrate_regressor(said, truth, **limits)
        mapie = SplitConformalRegressor(Logged(), prefit=True)
    mapie.conformalize(columns, truth)
    measure, quantile = Measure(profile), profile.quantile
    facts = difficulties if kind == "normalised" else None

    def one(answer: Any) -> Any:
        value, difficulty = answer
        return measure.one(value, difficulty=difficulty)

    def bare(row: np.ndarray) -> Any:
        half = quantile * row[1:2] if kind == "normalised" else quantile
        return row[:1] - half, row[1:2] + half if kind == "quantiles" else row[:1] + half

    table = served[:, [0, 2, 1]] if kind == "quantiles" else test
    bounds = measure.table(table, ROWS, difficulties=facts).bounds
    theirs = mapie.predict_interval(served, **more)[1][:, :, 0]
    values = table.tolist() if kind == "quantiles" else list(test)
    return Case(
        {"absolute": "absolute interval", "normalised": "normalised interval", "quantiles": "CQR interval"}[
            kind
        ],
        list(zip(values, difficulties.tolist() if facts is not None else [None] * ROWS, strict=True)),
        table,
        one,
        lambda rows: measure.table(rows, len(rows), difficulties=facts),
        (lambda row: (row - quantile, row + quantile)) if kind == "absolute" else bare,
        list(test[:, None]) if kind == "absolute" else list(served),
        lambda answer: mapie.predict_interval(answer[None], **more),
        f"{int((bounds != theirs).any(axis=1).sum())} of {ROWS:,}, largest {np.abs(bounds - theirs).max():g}",
    )


def numbers(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    said, hard = 10 * rng.normal(size=n), np.exp(0.5 * rng.normal(size=n))
    return said, hard, said + hard * rng.normal(size=n)


def scores(calls: int) -> list[list[str]]:
    """One row per score."""
    rows = []
    cases = [*(classifier("lac", k) for k in (2, 10, 50)), classifier("aps", 10)]
    cases += [regressor(kind) for kind in ("absolute", "normalised", "quantiles")]
    for case in cases:
        ours, ours_99 = timed(case.one, case.answers, calls)
        bare, _ = timed(case.bare, case.bare_answers, calls)
        pairs = case.name.startswith(("absolute", "normalised"))
        theirs = [np.array(answer) for answer in case.answers] if pairs else case.bare_answers
        if case.name.startswith("absolute"):
            theirs = [np.array([answer[0], 0.0]) for answer in case.answers]
        mapie, _ = timed(case.mapie, theirs, max(calls // 10, 100))
        whole, _ = timed(case.whole, [case.table], max(calls // 200, 9))
        rows.append(
            [
                case.name,
                f"{bare:.2f}",
                f"{ours:.2f}",
                f"{ours_99:.2f}",
                f"{ours / bare:.2f}",
                f"{mapie:.0f}",
                f"1/{mapie / ours:.0f}",
                f"{whole / ROWS:.3f}",
                case.differing,
            ]
        )
    return rows


SCORES = ["score", "bare", "served, p50", "p99", "x bare", "MAPIE, one row", "of MAPIE", "table, per row", "rows that differ from MAPIE"]  # fmt: skip


def inputs(kind: str, n: int, seed: int) -> pd.DataFrame:
    """Twenty fields that go together: numbers, categories, or half of each."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 4))
    mixed = hidden @ np.random.default_rng(7).normal(size=(4, INPUTS)) + rng.normal(size=(n, INPUTS))
    frame = pd.DataFrame(mixed, columns=[f"x{j}" for j in range(INPUTS)])
    labels = {"numbers": 0, "categories": INPUTS, "both": INPUTS // 2}[kind]
    for name in frame.columns[:labels]:
        frame[name] = ("k" + np.clip(frame[name].round(), -6, 6).astype(int).astype(str)).astype(object)
    return frame


def novelties(calls: int) -> list[list[str]]:
    """Twenty inputs; a record and a table."""
    rows = []
    for kind in ("numbers", "categories", "both"):
        p, truth = probabilities(6000, 2, 0)
        profile = gr.calibrate_classifier(
            p, truth, classes=range(2), max_error=None, inputs=inputs(kind, 6000, 0), name="m"
        )
        novel, table = Novel(profile.inputs, profile.novelty), inputs(kind, ROWS, 1)
        requests = table.to_dict("records")
        columns = dict(table.items())
        one, one_99 = timed(lambda request, novel=novel: novel.one(request, request), requests, calls)
        whole, _ = timed(lambda it, novel=novel: novel.table(it, ROWS), [columns], max(calls // 200, 9))
        flagged = novel.table(columns, ROWS).mean()
        rows.append([kind, f"{one:.2f}", f"{one_99:.2f}", f"{whole / ROWS:.3f}", f"{100 * flagged:.2f} %"])
    return rows


NOVELTIES = [f"{INPUTS} inputs", "record, p50", "p99", "table, per row", "called novel (bound 1 %)"]


def report(calls: int, *, pinned: bool) -> str:
    """Both tables, with the machine and the versions."""
    parts = [
        header(pinned=pinned),
        f"One answer, and a table of {ROWS:,} per row, microseconds; {CALIBRATED:,} calibration rows:",
        markdown(SCORES, scores(calls)),
        "Novelty, microseconds:",
        markdown(NOVELTIES, novelties(calls)),
    ]
    return "\n\n".join(parts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=5000, help="calls per figure (default 5000)")
    parser.add_argument("--no-pin", action="store_true", help="do not pin the process to one core")
    parser.add_argument("--markdown", type=Path, help="also write the report to this file")
    options = parser.parse_args()
    pinned = not options.no_pin and hasattr(os, "sched_setaffinity")
    if pinned:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    warnings.simplefilter("ignore")
    text = report(options.calls, pinned=pinned)
    print(text)
    if options.markdown is not None:
        options.markdown.write_text(text + "\n")


if __name__ == "__main__":
    main()
