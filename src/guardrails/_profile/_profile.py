"""The profile: what held-out rows taught about one model, frozen, with its file and its summary."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from guardrails._errors import ProfileError

from . import _codec, _file, _words
from ._records import Certificate, Filters, Label, Leaf, Parity, Rate

_TWO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Everything learnt from held-out rows about one model; made by `calibrate_classifier` or `calibrate_regressor`.

    Attributes:
        kind: `classifier` or `regressor`.
        name: the model's name.
        leaf: quantiles and certificates of the requests the rows stand for.
        model_version: the version of the model that was calibrated, "" where nobody named one.
        owner: who answers for it.
        created: the day of calibration, ISO 8601.
        libraries: name to version of what computed it.
        seed: of the random choices (one row per group).
        classes: the labels in the order of the model's probability columns, as calibration was given them; empty for a
            regressor.
        coverage: promised share of sets or intervals that hold the truth, over all calibrated traffic.
        delta: chance, over the draw of the calibration rows, that any certificate is wrong.
        looks: calibrations on these rows that were declared; delta was divided by it.
        tolerance: largest distance from the truth that is no error (regressor).
        benchmark: error of all answers on the calibration rows; None for a regressor without `tolerance`.
        rows: calibration rows given.
        filtered: of these, rows that an `answered`, contract or output filter stopped.
        grouped: of these, rows left out because another row of their group was drawn.
        rows_hash: SHA-256 of the calibration rows used: predictions and truth.
        filters: the filters the rows went through.
        parity: the served form held against MAPIE.

    Raises:
        ProfileError: a classifier without two different labels, a regressor with labels, or a number out of range.
    """

    kind: Literal["classifier", "regressor"]
    name: str
    leaf: Leaf
    model_version: str = ""
    owner: str = ""
    created: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict, hash=False)
    seed: int = 0
    classes: tuple[Label, ...] = ()
    coverage: float = 0.9
    delta: float = 0.1
    looks: int = 1
    tolerance: float | None = None
    benchmark: Rate | None = None
    rows: int = 0
    filtered: int = 0
    grouped: int = 0
    rows_hash: str = ""
    filters: Filters = field(default_factory=Filters)
    parity: Parity | None = None

    def __post_init__(self) -> None:
        labels = len(set(self.classes))
        if labels != len(self.classes) or (labels < _TWO if self.kind == "classifier" else labels > 0):
            raise ProfileError("a classifier's profile has two or more different classes, a regressor's none")
        if not (0 <= self.leaf.quantile < math.inf and 0 < self.coverage < 1 and self.leaf.n > 0):
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
