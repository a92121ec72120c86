"""What the certificates promise beside what happens, on pools whose every error is known.

    python benchmarks/guarantees.py [--data FOLDER] [--draws 200] [--rows 2000] [--splits 20] [--markdown FILE]

A pool of rows that trained no model is taken as the population. Each draw calibrates on rows drawn from it with
replacement; the risk of what it then accepts is computed on the whole pool, exactly, so no test-set noise counts as a
violation. Without --data, scikit-learn's bundled sets are used. With it, FOLDER holds also:

    hotel_bookings.csv.zip             Antonio, de Almeida, Nunes, Data in Brief 22 (2019), CC BY 4.0
    bike_hour.csv.zip                  UCI Machine Learning Repository 275
    employment_MA_2015_2018.parquet    ACS PUMS Massachusetts with a model's predictions (nannyml's example data)
"""

from __future__ import annotations

import argparse
import platform
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
from populations import INPUTS, Labels, Numbers, bundled, downloaded, fit_hotel, halves, hotel_table

import guardrails as gr
from guardrails._conformal import Measure

DELTA = 0.1
WORKS, OUT = "works", {"unanswerable"}


def calibrated(world: Labels | Numbers, rows: np.ndarray, seed: int) -> gr.Profile:
    common = {
        "max_error": world.max_error,
        "max_degraded_error": world.max_degraded_error,
        "delta": DELTA,
        "seed": seed,
        "name": "m",
        "created": "2026-01-01",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gr.CalibrationWarning)
        if isinstance(world, Labels):
            classes = range(world.probabilities.shape[1])
            return gr.calibrate_classifier(
                world.probabilities[rows], world.truth[rows], classes=classes, **common
            )
        return gr.calibrate_regressor(
            world.predictions[rows],
            world.truth[rows],
            difficulty=world.difficulty[rows],
            tolerance=world.tolerance,
            **common,
        )


def answers(world: Labels | Numbers) -> tuple[np.ndarray, np.ndarray]:
    """(n,) r, small is confident; (n,) whether the answer is wrong."""
    if isinstance(world, Labels):
        ordered = np.sort(world.probabilities, axis=1)
        return ordered[:, :-1].sum(axis=1), world.probabilities.argmax(axis=1) != world.truth
    return world.difficulty, np.abs(world.truth - world.predictions) > world.tolerance


def zones(world: Labels | Numbers, profile: gr.Profile) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) route to works; (n,) answered by the primary with a certificate; (n,) whether set or interval holds the truth."""
    measure = Measure(profile)
    if isinstance(world, Labels):
        table = measure.table(world.probabilities, len(world.truth))
        held = 1 - world.probabilities[np.arange(len(world.truth)), world.truth] <= profile.quantile
    else:
        table = measure.table(world.predictions, len(world.truth), difficulties=world.difficulty)
        held = np.abs(world.truth - world.predictions) <= profile.quantile * world.difficulty
    codes = np.array(
        [str(table.findings[i][0].code) if i in table.findings else WORKS for i in range(len(held))]
    )
    answered = np.isin(codes, [WORKS, "uncertain"]) if profile.answered else np.zeros(len(held), dtype=bool)
    return codes == WORKS, answered, held


def risk(wrong: np.ndarray, where: np.ndarray) -> float:
    return float(wrong[where].mean()) if where.any() else 0.0


def oracle(r: np.ndarray, wrong: np.ndarray, target: float) -> float:
    """The largest share of the pool that a threshold on the same score can answer at the target."""
    errors = np.cumsum(wrong[np.argsort(r, kind="stable")]) / np.arange(1, len(r) + 1)
    good = np.flatnonzero(errors <= target)
    return 0.0 if not good.size else float(good[-1] + 1) / len(r)


def naive(r: np.ndarray, wrong: np.ndarray, rows: np.ndarray, target: float) -> float:
    """The threshold a careful user would tune: the most answers whose observed error on the draw is the target."""
    ranked = np.sort(r[rows])
    share = oracle(r[rows], wrong[rows], target)
    return -1.0 if share == 0 else float(ranked[round(share * len(rows)) - 1])


def population(world: Labels | Numbers) -> Labels | Numbers:
    """The rows of the time that is calibrated on."""
    if world.when is None:
        return world
    keep = world.when == "calibrated"
    parts = {name: value[keep] for name, value in vars(world).items() if isinstance(value, np.ndarray)}
    return type(world)(**{**vars(world), **parts})


def measured(world: Labels | Numbers, draws: int, rows: int) -> list[str]:
    """One line of the table of promises."""
    r, wrong = answers(world)
    coverage, works, broken, tuned, naive_broken = [], [], np.zeros(3), [], 0
    for seed in range(draws):
        chosen = np.random.default_rng(seed).integers(len(r), size=rows)
        first, second, held = zones(world, calibrated(world, chosen, seed))
        bad = risk(wrong, first) > world.max_error, risk(wrong, second) > world.max_degraded_error
        broken += [*bad, any(bad)]
        coverage.append(held.mean())
        works.append(first.mean())
        accepted = r <= naive(r, wrong, chosen, world.max_error)
        naive_broken += risk(wrong, accepted) > world.max_error
        tuned.append(accepted.mean())
    error = np.sqrt(DELTA * (1 - DELTA) / draws)
    return [
        world.name,
        f"{len(r):,}",
        f"{wrong.mean():.3f}",
        f"{world.max_error:g} / {world.max_degraded_error:g}",
        f"{np.mean(coverage):.4f} ± {np.std(coverage) / np.sqrt(draws):.4f}",
        " / ".join(f"{share:.3f}" for share in broken / draws) + f" (≤ {DELTA:g} ± {error:.3f})",
        f"{np.mean(works):.3f}",
        f"{oracle(r, wrong, world.max_error):.3f}",
        f"{naive_broken / draws:.3f}",
        f"{np.mean(tuned):.3f}",
    ]


HEAD = ["pool", "rows", "plain error", "max_error / max_degraded_error", "mean coverage (promised .9)",
        "draws broken: Works / answered / any", "Works, share", "oracle", "naive threshold: draws broken", "share"]  # fmt: skip


def forward(world: Labels | Numbers, rows: int) -> Iterator[list[str]]:
    """Error among what is answered, by the time that follows; nothing of it is promised."""
    if world.when is None:
        return
    whole = np.flatnonzero(world.when == "calibrated")
    profile = calibrated(
        world, np.random.default_rng(0).choice(whole, size=min(rows, len(whole)), replace=False), 0
    )
    _, wrong = answers(world)
    first, _, held = zones(world, profile)
    for period in ["calibrated", *sorted(set(world.when) - {"calibrated"})]:
        at = world.when == period
        yield [
            world.name,
            period,
            f"{int(at.sum()):,}",
            f"{wrong[at].mean():.3f}",
            f"{first[at].mean():.3f}",
            f"{risk(wrong, first & at):.3f} (max_error {world.max_error:g})",
            f"{held[at].mean():.3f}",
        ]


FORWARD = ["pool", "period", "rows", "plain error", "Works, share", "error of Works", "coverage"]

CHANGES = {
    "adr x 10": lambda t: t.assign(adr=t["adr"] * 10),
    "lead_time in hours": lambda t: t.assign(lead_time=t["lead_time"] * 24),
    "stays_in_week_nights x 24": lambda t: t.assign(stays_in_week_nights=t["stays_in_week_nights"] * 24),
    "deposit_type codes shifted by one": lambda t: t.assign(deposit_type=(t["deposit_type"] + 1) % 3),
}


MAX_ERROR = 0.08
WHO = ("bare model", "confidence threshold", "contract only", "and certificate", "and novelty")
WHERE = ("contract", "novelty", "certificate", "right", "wrong")


def ranges(known: pd.DataFrame) -> pa.DataFrameSchema:
    """What an owner would write: the range that was ever seen, for every field."""
    return pa.DataFrameSchema(
        {
            name: pa.Column(
                str(known[name].dtype), pa.Check.in_range(known[name].min(), known[name].max()), nullable=True
            )
            for name in INPUTS
        }
    )


def stopped_by(decision: gr.Decision) -> str:
    """What kept a changed request from Works, or that nothing did."""
    codes = {caveat.code.value for caveat in decision.caveats}
    if "contract" in codes:
        return "contract"
    if "novel" in codes:
        return "novelty"
    return "works" if decision.route is gr.Route.works else "certificate"


def one_split(table: pd.DataFrame, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Per change: per form of WHO (share of the changed that it answers, their error, error of all it answers), and WHERE."""
    train, rest = halves(len(table), 0.5, seed)
    held, live = np.array_split(rest, 2)
    model, known = fit_hotel(table.iloc[train]), table.iloc[train][INPUTS]
    schema = ranges(known)

    def probabilities(frame):
        return model.predict_proba(frame[INPUTS].to_numpy(float))

    inputs, truth = table.iloc[held][INPUTS], table.iloc[held]["is_canceled"].to_numpy()
    common = {
        "classes": [0, 1],
        "max_error": MAX_ERROR,
        "inputs": inputs,
        "contract": schema,
        "name": "booking",
    }
    p = probabilities(inputs)
    plain = gr.calibrate_classifier(p, truth, novelty=None, **common)
    fitted = gr.calibrate_classifier(p, truth, novelty_rows=known, **common)
    r = 1 - p.max(axis=1)
    threshold = naive(r, p.argmax(axis=1) != truth, np.arange(len(r)), MAX_ERROR)
    guards = {
        "contract only": gr.guard(budget=None, contract=schema, policy=gr.Policy(uncalibrated="works")),
        "and certificate": gr.guard(budget=None, contract=schema, profile=plain),
        "and novelty": gr.guard(budget=None, contract=schema, profile=fitted),
    }
    requests = table.iloc[live].reset_index(drop=True)
    changed = np.random.default_rng(seed).random(len(requests)) < 0.12
    outcome = requests["is_canceled"].to_numpy()
    found = {}
    for name, change in {"none": lambda t: t, **CHANGES}.items():
        frame = requests[INPUTS].copy()
        frame[changed] = change(frame[changed])
        said = probabilities(frame)
        wrong = said.argmax(axis=1) != outcome
        regions = {
            "bare model": np.ones(len(wrong), dtype=bool),
            "confidence threshold": 1 - said.max(axis=1) <= threshold,
        }
        for who, guard in guards.items():
            decisions = guard.batch(probabilities)(frame)
            regions[who] = np.asarray(decisions.routes == gr.Route.works)
        cells = [
            (regions[who][changed].mean(), risk(wrong, regions[who] & changed), risk(wrong, regions[who]))
            for who in WHO
        ]
        stops = np.array([stopped_by(decisions[i]) for i in np.flatnonzero(changed)])
        stops[stops == "works"] = np.where(wrong[changed][stops == "works"], "wrong", "right")
        found[name] = (np.array(cells), np.array([(stops == where).mean() for where in WHERE]))
    return found


def silent(folder: Path, splits: int) -> tuple[list[list[str]], list[list[str]]]:
    """A change upstream of 12 % of the requests, averaged over splits: errors by form of guard, and what stops the changed."""
    table = hotel_table(folder)
    table = table[table["when"] < "2016-07-01"].reset_index(drop=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gr.CalibrationWarning)
        runs = [one_split(table, seed) for seed in range(splits)]
    errors, stops = [], []
    for name in runs[0]:
        cells = np.mean([run[name][0] for run in runs], axis=0)
        errors.append([name, *(f"{whole:.3f} ({wrong:.3f} of {share:.2f})" for share, wrong, whole in cells)])
        each = np.array([run[name][1] for run in runs])
        stops.append(
            [
                name,
                *(
                    f"{mean:.2f} ({low:.2f} to {high:.2f})"
                    for mean, low, high in zip(
                        each.mean(axis=0), each.min(axis=0), each.max(axis=0), strict=True
                    )
                ),
            ]
        )
    return errors, stops


SILENT = ["change of 12 %", *WHO]
STOPS = ["change", "contract", "novelty", "certificate", "escapes, right", "escapes, wrong"]


def markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


_ERRORS = (
    "Share of wrong answers among all that are answered (bare, or above the threshold) or `Works`; in brackets, the error "
    "of the changed requests among them, and the share of the changed ones that this is."
)
_STOPS = (
    "What keeps the changed requests from `Works` in the last column's guard, in the order in which it is asked, as shares "
    "of the changed requests: mean (smallest to largest of the splits)."
)


def told_run(options: argparse.Namespace) -> str:
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, guardrails {gr.__version__}"
    data = "" if options.data is None else " --data FOLDER"
    return f"`python benchmarks/guarantees.py{data} --draws {options.draws} --rows {options.rows} --splits {options.splits}`; {versions}."


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with the downloaded sets")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--rows", type=int, default=2000, help="rows of one calibration")
    parser.add_argument("--splits", type=int, default=20, help="splits of the silent change")
    parser.add_argument("--markdown", type=Path, help="write the tables there as well")
    options = parser.parse_args()
    worlds = bundled() + ([] if options.data is None else downloaded(options.data))
    promised = [measured(population(world), options.draws, options.rows) for world in worlds]
    later = [row for world in worlds for row in forward(world, 4 * options.rows)]
    parts = [
        "# Measured guarantees",
        told_run(options),
        "## Promised",
        "Each pool is the population; a draw calibrates on rows drawn from it with replacement, and its risk is exact.",
        markdown(HEAD, promised),
    ]
    if later:
        parts += ["## Not promised: forward in time", markdown(FORWARD, later)]
    if options.data is not None:
        errors, stops = silent(options.data, options.splits)
        parts += [
            "## A silent change of hotel bookings",
            f"{options.splits} splits. {_ERRORS}",
            markdown(SILENT, errors),
            f"{_STOPS}",
            markdown(STOPS, stops),
        ]
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.markdown is not None:
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()
