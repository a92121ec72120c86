"""The report's last section: what was run, on what, and what it does not show."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

from .bookings import CUT
from .figures import TOLERANCE
from .markup import Markup, tag
from .play import WARM_UP, Play
from .replay import PATIENCE
from .stage import BUDGET, COVERAGE, DELTA, MAX_DEGRADED_ERROR, MAX_ERROR
from .wording import percent

_SHOWN = ("inference-guardrails", "scikit-learn", "mapie", "pandera", "pandas", "numpy")


def method(play: Play) -> Markup:
    """How the figures were made, and their limits."""
    return tag(
        "section",
        tag("h2", "How this was made"),
        tag("ul", *(tag("li", line) for line in _how(play))),
        tag("h3", "The profile"),
        tag("pre", play.stage.profile.summary()),
        tag("h3", "What this does not show"),
        tag("ul", *(tag("li", line) for line in _LIMITS)),
        tag("footer", _CREDIT),
    )


def _how(play: Play) -> list[str]:
    return [_data(play), _MODEL, _promise(), _stand_in(play), _replay(), _reviews(play), _machine(play)]


def _data(play: Play) -> str:
    parts = play.stage.split
    return (
        f"Bookings that arrived before {CUT:%Y-%m-%d} and whose outcome was known by then, split at random: {len(parts.train):,} to train, "
        f"{len(parts.calibration):,} to calibrate, {len(parts.healthy):,} as healthy traffic. Bookings with the same fields and the "
        f"same day of arrival stay together, so no part holds a copy of another's. The {len(parts.later):,} later arrivals are the traffic of the drift act. In each other "
        "act the same bookings arrive."
    )  # fmt: skip


_MODEL = (
    "The model is gradient boosting over 20 fields (scikit-learn). Left out are fields that the hotels complete at arrival, "
    "which would give the outcome away. A field that is absent becomes a missing value, as it does behind a "
    "DataFrame.reindex; code that indexes the field would raise instead."
)


def _promise() -> str:
    return (
        f"Asked of the profile: at most {percent(MAX_ERROR, 0)} wrong among Works, at most {percent(MAX_DEGRADED_ERROR, 0)} among all "
        f"its answers at or above the second threshold, both with probability {percent(1 - DELTA, 0)} over the draw of the calibration "
        f"rows; {percent(COVERAGE, 0)} coverage. Calibrated on one row for each distinct booking."
    )  # fmt: skip


def _stand_in(play: Play) -> str:
    return (
        "The fallback is a scorecard: a table of deposit type and lead time from the training rows, wrong on "
        f"{percent(play.stage.scorecard_error)} of the calibration rows. It has a contract of its two fields, and no profile."
    )


def _replay() -> str:
    return (
        f"One request after the other, from one thread, after {WARM_UP} that count in no figure. Budget {1e3 * BUDGET:g} ms for the whole guarded call; in time is an answer "
        f"within the budget and {1e3 * TOLERANCE:g} ms. The caller of the bare model gives up after {PATIENCE:g} s; during an outage its "
        "requests are sent to 8 server threads at once."
    )  # fmt: skip


def _reviews(play: Play) -> str:
    asked, lost = play.reviews_asked()
    return (
        f"{asked:,} decisions went to a person; {lost} of them said that their item was not committed in time. The review queue, "
        f"a SQLite file, held {play.reviews:,} at the end."
    )


def _machine(play: Play) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in _SHOWN)
    return (
        f"Seed {play.seed}; {play.seconds:.0f} s on {os.cpu_count()} processors ({platform.machine()}, {platform.system()}), "
        f"OpenMP threads: {os.environ.get('OMP_NUM_THREADS', 'not set')}. Python {platform.python_version()}, {versions}."
    )


_LIMITS = (
    "One run, one seed, one data set. Another seed gives other figures; the shares of rare outcomes move most.",
    "The bounds were chosen so that this model can keep them on about 3,000 distinct bookings. They are not a recommendation.",
    "The fields are a snapshot at arrival or cancellation. What a hotel knew on the day of booking is not in the data.",
    "The certified error speaks of one row for each distinct booking; the traffic keeps its repeated ones.",
    "A thread that hangs cannot be stopped, only left behind: that is why their number is bounded.",
    "The outages end. A model that hangs for good is answered for by the scorecard, degraded, for good.",
)

_CREDIT = (
    "Data: Nuno Antonio, Ana de Almeida, Luis Nunes, Hotel booking demand datasets, Data in Brief 22 (2019) 41-49, "
    "doi 10.1016/j.dib.2018.11.126, licence CC BY 4.0; adapted: columns and 4 rows left out, dates joined."
)
