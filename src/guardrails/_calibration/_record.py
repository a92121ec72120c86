"""What a profile says about its own making: who, when, with what, from which rows."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from numbers import Integral
from typing import Any, Literal

import numpy as np

from guardrails._errors import ConfigurationError
from guardrails._profile import Curve, Field, Label, Parity, Profile, Ranking, Rate, Score

from ._branches import Branches
from ._filters import Selection
from ._looks import look_of
from ._terms import Terms
from ._unlike import NOTHING, Fitted

_LIBRARIES = ("inference-guardrails", "mapie", "numpy", "scikit-learn", "scipy")


@dataclass(frozen=True, slots=True)
class Identity:
    """Which model a profile speaks of.

    Raises:
        ConfigurationError: no name, or a value of the wrong type.
    """

    name: str
    model_version: str
    owner: str
    created: str | None
    seed: int

    def __post_init__(self) -> None:
        for parameter in ("name", "model_version", "owner", "created"):
            value: object = getattr(self, parameter)
            if not isinstance(value, str) and not (parameter == "created" and value is None):
                raise ConfigurationError.of(parameter, value, "must be a str")
        if not self.name.strip():
            raise ConfigurationError.of("name", self.name, "must name the model")
        _day(self.created)
        _seed(self.seed)


def _day(created: str | None) -> None:
    if created is not None:
        try:
            date.fromisoformat(created)
        except ValueError as error:
            raise ConfigurationError.of(
                "created", created, "must be a day as in ISO 8601, 2026-11-01"
            ) from error


def _seed(seed: object) -> None:
    if isinstance(seed, bool) or not isinstance(seed, Integral) or int(seed) < 0:
        raise ConfigurationError.of("seed", seed, "must be an integer and not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a calibration found.

    Attributes:
        branches: quantiles and certificates.
        primary: digest of the primary's profile, "" where there is none.
        benchmark: error of all answers, None where no distance is called an error.
        parity: the served form held against MAPIE.
        rows_hash: SHA-256 of the rows used.
        truth_hash: SHA-256 of their truth alone.
        score: the conformal score.
        ranking: what tells answers apart.
        max_width: the widest interval of use.
        inputs: the inputs in bins, and what is novel.
        curve: error against share answered.
        outputs: histogram of the predictions.
        sizes: histogram of sizes or widths.
    """

    branches: Branches
    primary: str
    benchmark: Rate | None
    parity: Parity
    rows_hash: str
    truth_hash: str
    score: Score
    ranking: Ranking
    max_width: float | None = None
    inputs: Fitted = NOTHING
    curve: Curve | None = None
    outputs: Field | None = None
    sizes: Field | None = None


def profile_of(
    kind: Literal["classifier", "regressor"],
    identity: Identity,
    terms: Terms,
    selection: Selection,
    found: Findings,
    *,
    classes: tuple[Label, ...] = (),
    tolerance: float | None = None,
) -> Profile:
    """Freeze it all."""
    return Profile(
        kind=kind,
        name=identity.name,
        leaf=found.branches.all.leaf,
        cohorts=found.branches.all.cohorts,
        unanswerable=found.branches.unanswerable,
        unanswerable_reason=found.branches.reason,
        primary=found.primary,
        model_version=identity.model_version,
        owner=identity.owner,
        # a day and no finer, so that the same rows give the same file
        created=identity.created or datetime.now(UTC).date().isoformat(),
        libraries=_libraries(),
        seed=int(identity.seed),
        classes=classes,
        score=found.score,
        ranking=found.ranking,
        coverage=float(terms.coverage),
        delta=float(terms.delta),
        looks=int(terms.looks),
        look=_look(found, terms),
        max_error=_float(terms.max_error),
        max_degraded_error=_float(terms.max_degraded_error),
        tolerance=tolerance,
        max_width=found.max_width,
        benchmark=found.benchmark,
        rows=selection.given,
        filtered=selection.filtered,
        grouped=selection.grouped,
        fitted=selection.fitted,
        novel=selection.novel,
        curve=found.curve,
        outputs=found.outputs,
        sizes=found.sizes,
        inputs=found.inputs.fields,
        novelty=found.inputs.novelty,
        novelty_reason=found.inputs.reason,
        rows_hash=found.rows_hash,
        filters=selection.filters,
        parity=found.parity,
    )


def _look(found: Findings, terms: Terms) -> int:
    """Which look at these rows this is; a fallback's are counted apart, and what promises nothing is none."""
    if terms.works is None and terms.answered is None:
        return 1
    role = "behind" if found.primary else "first"
    return look_of(f"{role} {found.truth_hash}", f"{found.rows_hash} {terms.asked}")


def _float(number: float | None) -> float | None:
    return None if number is None else float(number)


def _libraries() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a source tree
            found[name] = "unknown"
    return found


def rows_hash(*arrays: np.ndarray[Any, Any]) -> str:
    """SHA-256 of the rows used."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
