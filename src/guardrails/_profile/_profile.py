"""The profile: what held-out rows taught about one model, frozen, with its file and its summary."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from guardrails._errors import ProfileError

from . import _codec, _file, _words
from ._branches import Branch, Cohorts
from ._inputs import Curve, Field, Novelty
from ._records import Certificate, Filters, Label, Leaf, Parity, Rate

Score: TypeAlias = Literal["lac", "aps", "absolute", "normalised", "quantiles"]
Ranking: TypeAlias = Literal["probabilities", "confidence", "constant", "difficulty", "width"]

_TWO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Everything learnt from held-out rows about one model; made by `calibrate_classifier` or `calibrate_regressor`.

    Attributes:
        kind: `classifier` or `regressor`.
        name: the model's name.
        leaf: quantiles and certificates of all the requests the rows stand for; where there are cohorts, it has no
            certificates, and its quantile serves what belongs to none of them.
        cohorts: quantiles and certificates per cohort, or None.
        unanswerable: for a fallback: what holds for the requests that its primary finds `unanswerable`.
        unanswerable_reason: why there is no such branch though `primary` was given.
        primary: for a fallback: `digest` of the primary's profile.
        model_version: the version of the model that was calibrated, "" where nobody named one.
        owner: who answers for it.
        created: the day of calibration, ISO 8601.
        libraries: name to version of what computed it.
        seed: of the random choices (one row per group).
        classes: the labels in the order of the model's probability columns, as calibration was given them; empty for a
            regressor.
        score: the conformal score of sets or intervals: `lac` or `aps`, `absolute`, `normalised` or `quantiles`.
        ranking: what tells answers apart: the `probabilities`, the user's own `confidence`, the request's `difficulty`,
            the `width` between two quantile predictions, or nothing (`constant`).
        coverage: promised share of sets or intervals that hold the truth, over all calibrated traffic.
        delta: chance, over the draw of the calibration rows, that any certificate is wrong.
        looks: calibrations on these rows that were declared; delta was divided by it.
        look: which different calibration on the same rows this was in its process; above `looks`, the certificates are
            `exploratory`, and nothing becomes `Works`.
        max_error: the promise asked for behind `Works`.
        max_degraded_error: the promise asked for behind all answers at or above the second threshold.
        tolerance: largest distance from the truth that is no error (regressor).
        max_width: widest interval of use as a partial answer (regressor).
        benchmark: error of all answers on the calibration rows; None for a regressor without `tolerance`.
        rows: calibration rows given.
        filtered: of these, rows that an `answered`, contract or output filter stopped.
        grouped: of these, rows left out because another row of their group was drawn.
        fitted: of these, rows that novelty was fitted on.
        novel: of these, rows left out as novel.
        rows_hash: SHA-256 of the calibration rows used: predictions and truth.
        curve: error against share answered.
        outputs: histogram of the predictions.
        sizes: histogram of the sizes of the sets, or of the widths of the intervals.
        inputs: the fields of the inputs in bins, with counts; empty where no inputs were given.
        novelty: which inputs are novel, or None.
        novelty_reason: why novelty is off.
        filters: the filters the rows went through.
        parity: the served form held against MAPIE.

    Raises:
        ProfileError: a classifier without two different labels, a regressor with labels, or a number out of range.
    """

    kind: Literal["classifier", "regressor"]
    name: str
    leaf: Leaf
    cohorts: Cohorts | None = None
    unanswerable: Branch | None = None
    unanswerable_reason: str = ""
    primary: str = ""
    model_version: str = ""
    owner: str = ""
    created: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict, hash=False)
    seed: int = 0
    classes: tuple[Label, ...] = ()
    score: Score = "lac"
    ranking: Ranking = "probabilities"
    coverage: float = 0.9
    delta: float = 0.1
    looks: int = 1
    look: int = 1
    max_error: float | None = None
    max_degraded_error: float | None = None
    tolerance: float | None = None
    max_width: float | None = None
    benchmark: Rate | None = None
    rows: int = 0
    filtered: int = 0
    grouped: int = 0
    fitted: int = 0
    novel: int = 0
    rows_hash: str = ""
    curve: Curve | None = None
    outputs: Field | None = None
    sizes: Field | None = None
    inputs: tuple[Field, ...] = ()
    novelty: Novelty | None = None
    novelty_reason: str = ""
    filters: Filters = field(default_factory=Filters)
    parity: Parity | None = None

    def __post_init__(self) -> None:
        labels = len(set(self.classes))
        if labels != len(self.classes) or (labels < _TWO if self.kind == "classifier" else labels > 0):
            raise ProfileError("a classifier's profile has two or more different classes, a regressor's none")
        least = -math.inf if self.score == "quantiles" else 0.0  # quantile predictions may be too far apart
        if not (least <= self.leaf.quantile < math.inf and 0 < self.coverage < 1 and self.leaf.n > 0):
            raise ProfileError(
                "a profile has rows, a finite quantile that is not negative, and a coverage below 1"
            )

    @property
    def quantile(self) -> float:
        """Conformal quantile of all calibrated traffic."""
        return self.leaf.quantile

    @property
    def band_quantile(self) -> float | None:
        """Conformal quantile of the rows below the first threshold; None where there is no band."""
        return self.leaf.band_quantile

    @property
    def works(self) -> Certificate | None:
        """The certificate behind `Works`, or None."""
        return self.leaf.works

    @property
    def answered(self) -> Certificate | None:
        """The certificate of `max_degraded_error`, or None."""
        return self.leaf.answered

    @property
    def exploratory(self) -> str:
        """Why the certificates are exploratory: more looks at the rows than delta was divided by; "" where they are not."""
        return _words.exploratory(self) if self.look > self.looks else ""

    @property
    def branch(self) -> Branch:
        """What holds for a candidate that is not asked for a reason that selects requests."""
        return Branch(leaf=self.leaf, cohorts=self.cohorts)

    @property
    def digest(self) -> str:
        """SHA-256 of the content; the same content has the same digest."""
        return _file.digest(_codec.encode(self))

    def matches_filters(self, contract_fingerprint: str | None, output_fingerprint: str | None) -> str:
        """Why a guard with these filters is not covered by the certificates; "" when it is."""
        return self.filters.differ(contract_fingerprint, output_fingerprint)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the profile as one JSON file, whole or not at all.

        Raises:
            OSError: the folder does not exist or cannot be written.
        """
        _file.write(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Profile:
        """Read a profile written by `save`.

        Raises:
            OSError: the file cannot be opened.
            ProfileError: the file is truncated, of an unknown version, changed by hand, or lacks a key.
        """
        return cls.from_json(_file.read(path))

    def to_json(self) -> str:
        """The profile as the text of its file."""
        return _file.dump(_codec.encode(self))

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """The profile in the text of a file.

        Raises:
            ProfileError: the text is truncated, of an unknown version, changed by hand, or lacks a key.
        """
        profile: Profile = _codec.decode(cls, _file.parse(text))
        return profile

    def summary(self) -> str:
        """What was learnt and what is promised, for a terminal."""
        return _words.summary(self)

    def plot(self) -> Any:
        """Error against share answered, coverage per cohort, sizes of sets or widths (extra `plot`: matplotlib).

        Returns:
            A matplotlib figure.

        Raises:
            ConfigurationError: matplotlib is not installed.
        """
        from ._plot import plot

        return plot(self)

    def _repr_html_(self) -> str:
        return _words.html(self)
