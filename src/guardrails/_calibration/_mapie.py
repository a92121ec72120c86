"""MAPIE, fed with logged predictions: it never sees the user's model, only what the model said."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import AbsoluteConformityScore
from mapie.regression import SplitConformalRegressor

from guardrails._conformal import Floats, Ints, bounds, lac_sets
from guardrails._errors import ConfigurationError
from guardrails._profile import Parity

_EPSILON = 1e-8  # MAPIE compares with this tolerance; the served form compares exactly


class _Logged:
    """The identity estimator: X is what the model said."""

    is_fitted = True

    def __init__(self, classes: int = 0) -> None:
        self.classes_ = np.arange(classes)

    def fit(self, _x: Any, _y: Any = None) -> NoReturn:
        raise RuntimeError(
            "logged predictions cannot be fitted"
        )  # pragma: no cover - MAPIE only asks that it exists

    @staticmethod
    def predict_proba(x: Floats) -> Floats:
        return x

    @staticmethod
    def predict(x: Floats) -> Floats:
        return x[:, 0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MAPIE's side effects in: it warns of labels without rows, and draws from numpy's global generator."""
    state = np.random.get_state()  # noqa: NPY002 - the generator that MAPIE draws from
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _exact(coverage: float) -> Fraction:
    return Fraction(repr(float(coverage)))  # .9 means nine tenths, not the double next to it


def rows_needed(coverage: float) -> int:
    """Fewest rows for which MAPIE gives a quantile at this coverage: 1 / (1 - coverage)."""
    return math.ceil(1 / (1 - _exact(coverage)))


def _enough(n: int, coverage: float) -> None:
    if n < rows_needed(coverage):
        mend = f"needs at least {rows_needed(coverage):,} rows that pass the filters"
        raise ConfigurationError.of("coverage", f"{coverage} with {n} rows", mend)


def order_statistic(scores: Floats, coverage: float) -> float:
    """The k-th smallest score, k = ceil((n + 1) coverage) in exact arithmetic; infinite where k > n.

    Split conformal prediction: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005, section 4.2.
    """
    k = math.ceil((len(scores) + 1) * _exact(coverage))
    return math.inf if k > len(scores) else float(np.partition(scores, k - 1)[k - 1])


def label_scores(shares: Floats, truth: Ints, coverage: float) -> tuple[Floats, float, Parity]:
    """LAC scores 1 - p(truth), their quantile, and the sets held against MAPIE's.

    Args:
        shares: (n, K) probabilities that sum to one.
        truth: (n,) column of the true label.
        coverage: promised share of sets that hold the truth.

    Raises:
        ConfigurationError: too few rows for the coverage.
    """
    _enough(len(truth), coverage)
    mapie = SplitConformalClassifier(
        _Logged(shares.shape[1]),
        confidence_level=coverage,
        conformity_score="lac",
        prefit=True,
        random_state=0,
    )
    with _quiet():
        mapie.conformalize(shares, truth)
        theirs = mapie.predict_set(shares)[1][:, :, 0]
    scores = np.asarray(mapie.conformity_scores, dtype=np.float64)[:, 0]
    quantile = order_statistic(scores, coverage)
    differs = theirs != lac_sets(shares, quantile)
    close = np.abs(1.0 - shares - quantile) <= _EPSILON
    rows = differs.any(axis=1)
    tolerated = rows & ~(differs & ~close).any(axis=1)
    return scores, quantile, Parity(rows=len(rows), differing=int(rows.sum()), tolerance=int(tolerated.sum()))


def residual_scores(predictions: Floats, truth: Floats, coverage: float) -> tuple[float, Parity]:
    """The quantile of |truth - prediction|, and the intervals held against MAPIE's.

    Args:
        predictions: (n,) what the model said.
        truth: (n,) what was true, in the same units.
        coverage: promised share of intervals that hold the truth.

    Raises:
        ConfigurationError: too few rows for the coverage.
    """
    _enough(len(truth), coverage)
    score = AbsoluteConformityScore(sym=True)
    # MAPIE checks its own arithmetic against an absolute 1e-8, which numbers beyond 1e7 cannot meet
    score.eps = _EPSILON * max(1.0, float(np.abs(truth).max()), float(np.abs(predictions).max()))
    mapie = SplitConformalRegressor(_Logged(), confidence_level=coverage, conformity_score=score, prefit=True)
    with _quiet():
        mapie.conformalize(predictions[:, None], truth)
        theirs = mapie.predict_interval(predictions[:, None])[1][:, :, 0]
    quantile = order_statistic(np.asarray(mapie.conformity_scores, dtype=np.float64).ravel(), coverage)
    gap = np.abs(theirs - bounds(predictions, quantile)).max(axis=1)
    return quantile, Parity(rows=len(gap), differing=int((gap > 0).sum()), largest=float(gap.max()))
