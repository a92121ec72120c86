"""How surprising a request is: its rarest field, and the strongest contradiction of two of its fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from guardrails._conformal import FIRST, MISSING, ODD, Bins, Floats, is_missing
from guardrails._profile import Field

Codes = npt.NDArray[np.int64]

_ADDED: Final = 0.5  # rows to each bin, so that none has no probability
_SELDOM, _NEVER = 0.25, 0.05
_SHRUNK: Final = 0.1  # a pair seen never contradicts the more, the more often independence expects it
_NEIGHBOUR: Final = 0.5  # weight of a bin of numbers beside another


@dataclass(frozen=True, slots=True, eq=False)
class Surprise:
    """The two scores, as tables.

    Attributes:
        bins: of the fields.
        single: per field, -log P(bin).
        pairs: per pair of fields i < j, (size_i, size_j): log((E + a) / (N + a)), N the rows seen with both bins and E
            the rows that independence expects: minus the pointwise mutual information, shrunk where E is small.
    """

    bins: Bins
    single: tuple[Floats, ...]
    pairs: tuple[Floats, ...]

    def scores(self, codes: Codes) -> tuple[Floats, Floats]:
        """(n,) the rarest field, and the strongest contradiction."""
        rare = np.max([table[codes[:, i]] for i, table in enumerate(self.single)], axis=0)
        strongest = np.full(len(codes), -np.inf)
        for (i, j), table in zip(combinations(range(len(self.single)), 2), self.pairs, strict=True):
            np.maximum(strongest, table[codes[:, i], codes[:, j]], out=strongest)
        return rare, strongest


def surprise_of(bins: Bins, columns: Mapping[Any, list[Any]], n: int) -> Surprise:
    """Fit both tables on n rows, given by column."""
    codes, fields = bins.columns(columns, n), bins.fields
    counts = [np.bincount(codes[:, i], minlength=field.size) for i, field in enumerate(fields)]
    shares = [_shares(seen + _ADDED) for seen in counts]
    pairs = []
    for i, j in combinations(range(len(fields)), 2):
        together = np.bincount(
            codes[:, i] * fields[j].size + codes[:, j], minlength=fields[i].size * fields[j].size
        )
        seen = together.reshape(fields[i].size, fields[j].size)
        pairs.append(_contradiction(seen, n * np.outer(shares[i], shares[j]), fields[i], fields[j]))
    single = [
        -np.log(_shares(seen + _prior(field, columns))) for seen, field in zip(counts, fields, strict=True)
    ]
    return Surprise(bins, tuple(single), tuple(pairs))


def _shares(counts: npt.NDArray[np.floating[Any]]) -> Floats:
    found: Floats = counts / counts.sum()
    return found


def _prior(field: Field, columns: Mapping[Any, list[Any]]) -> Floats:
    """Rows of each bin that there may be although none was seen.

    Of n + 1 exchangeable numbers each is the largest with probability 1 / (n + 1): one row beyond either end. Categories
    never seen have as much probability as those seen once (Good, Biometrika 40, 1953). The others are a guess: they rank
    what was never seen, and the p-values hold whatever they are.
    """
    prior = np.full(field.size, _ADDED)
    if field.kind == "ignored":
        return prior
    prior[MISSING] = _SELDOM
    if field.kind == "numbers":
        prior[ODD] = prior[FIRST] = prior[-1] = _NEVER
        prior[FIRST + 1] = prior[-2] = 1.0
    else:
        prior[ODD] = max(_seen_once(columns[field.name]), _SELDOM)
    return prior


def _seen_once(values: list[Any]) -> int:
    return sum(n == 1 for n in Counter(value for value in values if not is_missing(value)).values())


def _contradiction(seen: Codes, expected: Floats, first: Field, second: Field) -> Floats:
    """Neighbouring bins of two numbers lend each other rows: one empty cell among full ones is chance, a region is not."""
    near, far = seen.astype(np.float64), expected
    if first.kind == second.kind == "numbers":
        left, right = _neighbours(first.size), _neighbours(second.size).T
        near, far = left @ near @ right, left @ far @ right
    ratio: Floats = np.log((far + _SHRUNK) / (near + _SHRUNK))
    return ratio


def _neighbours(size: int) -> Floats:
    """(size, size) weights that average a bin of numbers with those beside it; odd and missing values have none."""
    weights = np.eye(size)
    inside = np.arange(FIRST, size - 1)
    weights[inside, inside + 1] = weights[inside + 1, inside] = _NEIGHBOUR
    averaged: Floats = weights / weights.sum(axis=1, keepdims=True)
    return averaged
