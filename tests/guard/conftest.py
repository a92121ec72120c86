"""A small guarded world: a contract, a profile with two thresholds, a clock, spans in memory."""

import numpy as np
import pandera.pandas as pa
import pytest

import guardrails as gr
from guardrails._guard_ports import ReviewItem
from guardrails.testing import VirtualClock


class Model(pa.DataFrameModel):
    """One field: the model's own probability of 1, so that tests choose what the model says."""

    x: float = pa.Field(ge=0, le=1)


Request = gr.Contract(Model)  # built once: holding the compiled form against pandera takes its time


def model(request):
    """The classifier of this world."""
    return [1 - request["x"], request["x"]]


WORKS, UNCERTAIN, UNANSWERABLE = {"x": 0.99}, {"x": 0.80}, {"x": 0.55}


def calibrated(**changes):
    """3,000 rows whose probabilities are right: about 5 % errors above .88, 15 % above .65."""
    rng = np.random.default_rng(0)
    p = rng.beta(0.5, 0.5, 3000)
    truth = (rng.random(3000) < p).astype(int)
    given = {
        "classes": [0, 1],
        "max_error": 0.05,
        "max_degraded_error": 0.15,
        "inputs": [{"x": float(x)} for x in p],
        "contract": Request,
        "name": "world",
        "model_version": "1",
    }
    truth = np.asarray(changes.get("classes", [0, 1]))[truth]
    return gr.calibrate_classifier(np.c_[1 - p, p], truth, **{**given, **changes})


@pytest.fixture(scope="session")
def profile():
    return calibrated()


@pytest.fixture
def clock():
    return VirtualClock()


class Reviews:
    """A review store in memory, which can be told to fail or never to answer."""

    def __init__(self, error=None, silent=False):
        self.items: list[ReviewItem] = []
        self.error, self.silent = error, silent

    def submit(self, items, done):
        if self.error is None:
            self.items.extend(items)
        if not self.silent:
            done(self.error)

    def commit_q99(self):
        return 0.01


@pytest.fixture
def reviews():
    return Reviews()


def codes(decision):
    return [caveat.code.value for caveat in decision.caveats]
