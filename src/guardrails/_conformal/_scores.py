"""The arithmetic of scores, in the one order of operations that the request path and calibration share.

A record and a row of a table must agree in the last bit, so sums run in column order, one term after the other:
`numpy.sum` adds in pairs and Python's `sum` compensates since 3.12; both can differ from a loop in the last place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._result import Bools, Floats, Ints

TOLERANCE = 1e-3  # of the sum of a row's probabilities: float16 rows pass, logits and percentages do not


def running_sum(matrix: Floats) -> Floats:
    """Sum of each row of (n, K), K >= 1, column after column, as a loop adds them."""
    total: Floats = np.add.accumulate(matrix, axis=1)[:, -1]
    return total


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Probabilities of n rows with what routing needs of them.

    Attributes:
        shares: (n, K) probabilities divided by their row's sum.
        top: (n,) position of the largest, the first of ties.
        r: (n,) sum of the others over the sum of all; the score s is -log(r).
        readable: (n,) whether the row is a probability vector; the other columns mean nothing where it is not.
    """

    shares: Floats
    top: Ints
    r: Floats
    readable: Bools


def score(matrix: Floats) -> Scored:
    """Score rows of probabilities, (n, K) float64.

    The sum runs over the non-top terms themselves: 1 - max(p) cancels to zero in a saturated softmax, where these
    terms still rank the rows.
    """
    with np.errstate(all="ignore"):  # unreadable rows divide by zero, overflow or hold NaN
        rows, top, others = np.arange(len(matrix)), matrix.argmax(axis=1), matrix.copy()
        others[rows, top] = 0.0
        rest = running_sum(others)
        total = rest + matrix[rows, top]
        readable = (total >= 1.0 - TOLERANCE) & (total <= 1.0 + TOLERANCE) & (matrix.min(axis=1) >= 0.0)
        return Scored(matrix / total[:, None], top, rest / total, readable)


def lac_sets(shares: Floats, quantile: float | Floats) -> Bools:
    """Labels whose conformal score 1 - p is at most the quantile, compared exactly.

    LAC: Sadinle, Lei, Wasserman, Least ambiguous set-valued classifiers, JASA 114, 2019.
    """
    sets: Bools = 1.0 - shares <= quantile
    return sets


def bounds(predictions: Floats, quantile: float) -> Floats:
    """Intervals prediction -/+ quantile, (n, 2).

    Split conformal with absolute residuals: Lei et al., Distribution-free predictive inference, JASA 113, 2018.
    """
    with np.errstate(over="ignore"):
        return np.stack([predictions - quantile, predictions + quantile], axis=1)
