"""What a regressor said on the held-out rows: numbers, with a difficulty, or between two quantiles."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from guardrails._conformal import Bools, Floats, Ints, quantile_columns
from guardrails._errors import ConfigurationError
from guardrails._profile import Ranking, Score

from ._data import as_array, none_of, numbers_of

_COLUMNS = frozenset({2, 3})
NONE_USABLE: Final = -sys.float_info.max  # below every r: that of a confidence may be negative


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Predictions and what their intervals are built from.

    Attributes:
        point: (n,) the predictions.
        low: (n,) lower quantile predictions, or the predictions.
        high: (n,) upper quantile predictions, or the predictions.
        difficulty: (n,) or None.
        sure: (n,) the user's own confidence, or None.
        score: the conformal score.
    """

    point: Floats
    low: Floats
    high: Floats
    difficulty: Floats | None
    score: Score
    sure: Floats | None = None

    @property
    def ranking(self) -> Ranking:
        """What tells the answers apart."""
        if self.score == "quantiles":
            return "width"
        if self.sure is not None:
            return "confidence"
        return "constant" if self.difficulty is None else "difficulty"

    @property
    def r(self) -> Floats | None:
        """(n,) what tells answers apart, small is confident; None where nothing does."""
        if self.sure is not None:
            return -self.sure
        return self.high - self.low if self.score == "quantiles" else self.difficulty

    @property
    def arrays(self) -> tuple[Floats, ...]:
        """All columns that say something."""
        ends = (self.low, self.high) if self.score == "quantiles" else ()
        return tuple(each for each in (self.point, *ends, self.difficulty, self.sure) if each is not None)

    def at(self, rows: Ints) -> Answers:
        """Some rows."""
        difficulty = None if self.difficulty is None else self.difficulty[rows]
        sure = None if self.sure is None else self.sure[rows]
        return Answers(self.point[rows], self.low[rows], self.high[rows], difficulty, self.score, sure)

    def intervals(self, quantile: float) -> Floats:
        """(n, 2) as they are served."""
        with np.errstate(over="ignore"):
            half = quantile if self.difficulty is None else quantile * self.difficulty
            found = np.stack([self.low - half, self.high + half], axis=1)
        inverted = found[:, 0] > found[:, 1]
        found[inverted] = self.point[inverted, None]
        return found

    def widths(self, quantile: float) -> Floats:
        """(n,) of the intervals; a constant one is told without the rounding of its two ends."""
        if self.score == "absolute":
            return np.full(len(self.point), 2 * quantile)
        bounds = self.intervals(quantile)
        widths: Floats = bounds[:, 1] - bounds[:, 0]
        return widths

    def widest(self, width: float, quantile: float) -> float:
        """The largest r whose interval is not wider than `width`; below all of them where none is."""
        if self.score == "quantiles":
            return max(width - 2 * quantile, NONE_USABLE)
        if self.difficulty is None:
            return np.inf if 2 * quantile <= width else NONE_USABLE
        return np.inf if quantile == 0 else width / (2 * quantile)


def answers_of(predictions: Any, difficulty: Any, confidence: Any, used: Bools) -> Answers:
    """The answers, checked.

    Raises:
        ConfigurationError: neither one, two nor three numbers per row, not finite, or a difficulty that cannot be.
    """
    said = _answers(predictions, difficulty, used)
    if confidence is None:
        return said
    if said.score != "absolute":
        mend = (
            "must not be given with quantile predictions or difficulty=: they tell the answers apart already"
        )
        raise ConfigurationError.of("confidence", "a column", mend)
    return replace(said, sure=numbers_of("confidence", confidence, used))


def _answers(predictions: Any, difficulty: Any, used: Bools) -> Answers:
    columns = np.shape(as_array("predictions", predictions))[1:]
    if len(columns) == 1 and columns[0] in _COLUMNS:
        if difficulty is not None:
            mend = "must not be given with quantile predictions: their distance is the difficulty"
            raise ConfigurationError.of("difficulty", "a column", mend)
        return _quantiles(predictions, used)
    point = numbers_of("predictions", predictions, used)
    if difficulty is None:
        return Answers(point, point, point, None, "absolute")
    hard = numbers_of("difficulty", difficulty, used)
    none_of(
        "difficulty",
        used & (hard <= 0),
        "are not positive",
        "must be how far off a prediction is expected to be",
    )
    return Answers(point, point, point, hard, "normalised")


def _quantiles(predictions: Any, used: Bools) -> Answers:
    columns = quantile_columns(as_array("predictions", predictions), len(used))
    if columns is None:
        raise ConfigurationError.of("predictions", type(predictions).__name__, "must be numbers")
    low, point, high = columns
    with np.errstate(all="ignore"):
        bad = ~np.isfinite(low + point + high + (high - low))
    none_of("predictions", used & bad, "hold NaN or an infinity", "drop these rows, or say answered=")
    return Answers(point, low, high, None, "quantiles")
