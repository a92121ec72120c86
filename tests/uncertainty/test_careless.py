"""Arguments of any kind: a clear error that names the parameter, or a profile; never an exception of another type."""

import contextlib

import numpy as np
import pandas as pd
import pytest

import guardrails as gr
from guardrails._calibration import calibrate_classifier, calibrate_regressor

N = 120
RNG = np.random.default_rng(0)
P = RNG.dirichlet([0.3] * 3, size=N)
TRUTH = np.where(RNG.random(N) < 0.9, P.argmax(axis=1), RNG.integers(0, 3, size=N))
TABLE = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.integers(0, 5, size=N)})
SAID = RNG.normal(size=N)

JUNK = [
    None, 0, -1, 1.5, float("nan"), "x", b"x", [], {}, (), object(), int, True, iter([1]),
    [None] * N, [[1]] * N, [{}] * N, [set()] * N, [1j] * N, ["a"] * N, [True] * N,
    np.zeros(N), np.zeros((N, 3)), np.full(N, np.nan), np.arange(N)[:, None],
    np.ma.array(np.arange(N), mask=np.arange(N) % 7 == 0),
    pd.Series(np.arange(N), index=np.arange(N)[::-1]), pd.Series(pd.Categorical(["a", "b"] * (N // 2))),
    pd.array([1, None] * (N // 2)), pd.to_datetime(["2020-01-01"] * N),
    lambda _request: 1.0, lambda _request: "x", TABLE, TABLE.to_numpy(), TABLE.to_dict("records"),
]  # fmt: skip

COMMON = [
    "coverage", "max_error", "max_degraded_error", "delta", "inputs", "contract", "output", "answered", "cohorts", "groups",
    "looks", "confidence", "primary", "novelty", "novelty_score", "novelty_rows", "seed", "name", "model_version", "owner",
    "created",
]  # fmt: skip


def attempt(call):
    """Any other exception fails the test."""
    with contextlib.suppress(gr.ConfigurationError):
        call()


@pytest.mark.filterwarnings("ignore::guardrails.CalibrationWarning")
@pytest.mark.parametrize("parameter", [*COMMON, "classes", "score", "probabilities", "truth"])
def test_a_classifier_takes_or_refuses_anything(parameter):
    """Whatever is passed for whichever parameter."""
    for junk in JUNK:
        given = {"probabilities": P, "truth": TRUTH, "classes": range(3), "max_error": 0.2, "name": "m"}
        if parameter.startswith("novelty"):
            given["inputs"] = TABLE
        attempt(lambda given=given | {parameter: junk}: calibrate_classifier(**given))


@pytest.mark.filterwarnings("ignore::guardrails.CalibrationWarning")
@pytest.mark.parametrize(
    "parameter", [*COMMON, "tolerance", "difficulty", "max_width", "predictions", "truth"]
)
def test_a_regressor_takes_or_refuses_anything(parameter):
    """Whatever is passed for whichever parameter."""
    for junk in JUNK:
        given = {"predictions": SAID, "truth": SAID + 1, "tolerance": 2.0, "max_error": 0.2, "name": "m"}
        if parameter.startswith("novelty"):
            given["inputs"] = TABLE
        attempt(lambda given=given | {parameter: junk}: calibrate_regressor(**given))


def refuse(words, **more):
    given = {"classes": range(3), "max_error": None, "name": "m"} | more
    with pytest.raises(gr.ConfigurationError, match=words):
        calibrate_classifier(P, TRUTH, **given)


def test_rows_to_fit_novelty_on_have_the_fields_of_the_inputs():
    """No rows, or another table, would fit a novelty that sees nothing."""
    refuse(
        "novelty_rows: must be a table of requests with at least",
        inputs=TABLE,
        novelty=0.1,
        novelty_rows=[],
    )
    other = TABLE.rename(columns={"a": "z"})
    refuse("received 120 rows with 1 field of the inputs", inputs=TABLE, novelty=0.1, novelty_rows=other)
    refuse("novelty_rows: must be a DataFrame", inputs=TABLE, novelty=0.1, novelty_rows=5)
    refuse("inputs: must be given with novelty", novelty_rows=TABLE)
    refuse("novelty: the inputs have fewer than two fields", inputs=TABLE[["a"]], novelty=0.1)
    wider = TABLE.assign(label=1)
    profile = calibrate_classifier(
        P, TRUTH, classes=range(3), max_error=None, name="m", inputs=TABLE, novelty=0.1, novelty_rows=wider
    )
    assert [field.name for field in profile.inputs] == ["a", "b"]


def test_days_groups_and_words():
    """What a file could not hold, or could not be compared."""
    refuse("created: must be a day as in ISO 8601", created="yesterday")
    refuse("groups: must name a group for each row", groups=[{}] * N)
    refuse("score: must be", score=np.zeros(3))
    refuse("novelty: must lie between", inputs=TABLE, novelty=np.zeros(3))


def test_numpy_scalars_are_numbers():
    """A share, a count or a seed that came out of an array."""
    profile = calibrate_classifier(
        P, TRUTH, classes=np.arange(3), max_error=None, coverage=np.float64(0.9), delta=np.float32(0.5),
        looks=np.int64(2), seed=np.int64(3), name="m",
    )  # fmt: skip
    assert gr.Profile.from_json(profile.to_json()) == profile
    assert (profile.looks, profile.seed, profile.delta) == (2, 3, 0.5)
    near = calibrate_regressor(
        SAID, SAID + 1, tolerance=np.int64(2), max_width=np.float64(9), max_error=0.2, name="m"
    )
    assert (near.tolerance, near.max_width) == (2.0, 9.0)
