"""MAPIE, fed with logged predictions: it never sees the user's model, only what the model said."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, Literal, NoReturn

import numpy as np
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import AbsoluteConformityScore, ResidualNormalisedScore
from mapie.regression import ConformalizedQuantileRegressor, SplitConformalRegressor

from guardrails._conformal import Bools, Floats, Ints, aps_scores, aps_sets, key_of, lac_sets, uniforms
from guardrails._errors import ConfigurationError
from guardrails._profile import Parity, Score

from ._answers import Answers

_BINARY = 2
_SMALLEST = 5e-324
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


def set_scores(
    score: Literal["lac", "aps"], shares: Floats, truth: Ints, coverage: float, seed: int
) -> tuple[Floats, float, Parity]:
    """Scores of the truth, their quantile, and the sets held against MAPIE's.

    Args:
        score: `lac`, 1 - p(truth); or `aps`.
        shares: (n, K) probabilities that sum to one.
        truth: (n,) column of the true label.
        coverage: promised share of sets that hold the truth.
        seed: of the uniform of `aps`.

    Raises:
        ConfigurationError: too few rows for the coverage, or `aps` for two classes.
    """
    _enough(len(truth), coverage)
    key = key_of(seed)
    mapie = SplitConformalClassifier(
        _Logged(shares.shape[1]),
        confidence_level=coverage,
        conformity_score=score if shares.shape[1] > _BINARY else "lac",
        prefit=True,
        random_state=_Given(uniforms(shares, key)) if score == "aps" else 0,
    )
    if score == "aps" and len(np.unique(truth)) <= _BINARY:
        mend = (
            'must be "lac" for two classes, or rows of three; MAPIE, the oracle, has no other score for two'
        )
        raise ConfigurationError.of("score", score, mend)
    with _quiet():
        mapie.conformalize(shares, truth)
        how = {"include_last_label": "randomized"} if score == "aps" else {}
        theirs = mapie.predict_set(shares, conformity_score_params=how)[1][:, :, 0]
    if score == "lac":
        scores = np.asarray(mapie.conformity_scores, dtype=np.float64)[:, 0]
        every = 1.0 - shares
    else:
        scores, every = aps_scores(shares, truth, key), aps_scores(shares, None, key)
    quantile = order_statistic(scores, coverage)
    ours = lac_sets(shares, quantile) if score == "lac" else aps_sets(shares, quantile, key)
    return scores, quantile, _compared(ours, theirs, np.abs(every - quantile))


def set_sizes(score: Score, shares: Floats, quantile: float, seed: int) -> Ints:
    """(n,) labels in each set."""
    sets = lac_sets(shares, quantile) if score == "lac" else aps_sets(shares, quantile, key_of(seed))
    sizes: Ints = sets.sum(axis=1)
    return sizes


def _compared(ours: Bools, theirs: Bools, distance: Floats) -> Parity:
    differs = theirs != ours
    rows = differs.any(axis=1)
    tolerated = rows & ~(differs & ~(distance <= _EPSILON)).any(axis=1)
    return Parity(rows=len(rows), differing=int(rows.sum()), tolerance=int(tolerated.sum()))


class _Given(np.random.RandomState):
    """MAPIE's source of uniforms, giving the ones of the served form."""

    def __init__(self, uniforms: Floats) -> None:
        super().__init__(0)
        self._uniforms = uniforms

    def uniform(self, *_args: Any, size: Any = None, **_kwargs: Any) -> Any:
        return self._uniforms.reshape(size)


def interval_scores(said: Answers, truth: Floats, coverage: float) -> tuple[Floats, float, Parity]:
    """Scores of the truth, their quantile, and the intervals held against MAPIE's.

    Args:
        said: what the model said.
        truth: (n,) what was true, in the same units.
        coverage: promised share of intervals that hold the truth.

    Raises:
        ConfigurationError: too few rows for the coverage.
    """
    _enough(len(truth), coverage)
    with _quiet():
        scores, theirs = (
            _quantile_regression(said, truth, coverage)
            if said.score == "quantiles"
            else _residuals(said, truth, coverage)
        )
    quantile = order_statistic(scores, coverage)
    ours = said.intervals(quantile)
    inverted = theirs[:, 0] > theirs[:, 1]  # an empty interval: served as the prediction alone
    gap = np.where(inverted, 0.0, np.abs(theirs - ours).max(axis=1))
    return scores, quantile, Parity(rows=len(gap), differing=int((gap > 0).sum()), largest=float(gap.max()))


def _residuals(said: Answers, truth: Floats, coverage: float) -> tuple[Floats, Floats]:
    if said.difficulty is not None:
        x = np.column_stack([said.point, said.difficulty])
        score: Any = ResidualNormalisedScore(residual_estimator=_Second(), prefit=True)
        score.eps = _SMALLEST  # MAPIE lifts difficulties to 1e-8 at calibration and not at prediction
    else:
        x = said.point[:, None]
        score = AbsoluteConformityScore(sym=True)
        # MAPIE checks its own arithmetic against an absolute 1e-8, which numbers beyond 1e7 cannot meet
        score.eps = _EPSILON * max(1.0, float(np.abs(truth).max()), float(np.abs(said.point).max()))
    mapie = SplitConformalRegressor(_Logged(), confidence_level=coverage, conformity_score=score, prefit=True)
    mapie.conformalize(x, truth)
    theirs = mapie.predict_interval(x)[1][:, :, 0]
    return np.asarray(mapie.conformity_scores, dtype=np.float64).ravel(), theirs


def _quantile_regression(said: Answers, truth: Floats, coverage: float) -> tuple[Floats, Floats]:
    x = np.column_stack([said.low, said.high, said.point])
    mapie = ConformalizedQuantileRegressor(
        [_Column(j) for j in range(3)], confidence_level=coverage, prefit=True
    )
    mapie.conformalize(x, truth)
    theirs = mapie.predict_interval(x, symmetric_correction=True)[1][:, :, 0]
    return np.asarray(mapie.conformity_scores[2], dtype=np.float64), theirs


class _Column(_Logged):
    """The identity estimator of one column."""

    def __init__(self, column: int) -> None:
        super().__init__()
        self._column = column

    def predict(self, x: Floats) -> Floats:  # type: ignore[override]  # an instance knows its column
        return x[:, self._column]


class _Second(_Column):
    """The difficulties, as MAPIE's model of residuals."""

    def __init__(self) -> None:
        super().__init__(1)
