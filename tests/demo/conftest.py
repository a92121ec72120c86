"""The bookings, and one small run of the whole demonstration, made once."""

from __future__ import annotations

import os

import pandas as pd
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the command does; heard if scikit-learn is not loaded yet

from guardrails._demo import play as playing
from guardrails._demo import replay, stage
from guardrails._demo.bookings import CUT, load, split
from guardrails._demo.model import fit

SEED = 3
BUDGET = 0.5


@pytest.fixture(scope="session")
def frame():
    return load()


@pytest.fixture(scope="session")
def parts(frame):
    return split(frame, SEED)


@pytest.fixture(scope="session")
def model(parts):
    return fit(parts.train, SEED)


@pytest.fixture(scope="session")
def played(frame, tmp_path_factory):
    """60 requests an act, with 40 of each later month's bookings instead of thousands.

    The budget is wide and few calls may hang, so that a busy machine changes no outcome.
    """
    later = frame[frame["arrival"] >= CUT]
    few = later.groupby(later["arrival"].dt.strftime("%Y-%m")).sample(40, random_state=SEED)
    small = pd.concat([frame[frame["arrival"] < CUT], few.sort_index()])
    reviews = tmp_path_factory.mktemp("demo") / "reviews.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "load", lambda: small)
        patch.setattr(replay, "PATIENCE", 0.2)
        patch.setattr(stage, "BUDGET", BUDGET)
        patch.setattr(playing, "BUDGET", BUDGET)
        patch.setattr(stage, "MAX_ABANDONED", 2)
        return playing.play(60, SEED, reviews, lambda _: None)
