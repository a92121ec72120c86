"""A leaf: quantiles and certificates of one kind of request, from the rows that stand for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from guardrails._conformal import Bools, Floats
from guardrails._profile import Certificate, Leaf

from ._answers import NONE_USABLE
from ._certify import PROBABILITIES, Promise, Scale, Verdict, certify, certify_all
from ._mapie import order_statistic
from ._terms import Terms


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The held-out rows of one leaf.

    Attributes:
        r: (n,) what tells answers apart, small is confident; None where nothing does.
        wrong: (n,) whether the answer is wrong; None where no distance is called an error.
        scores: (n,) conformal scores of the truth.
        scale: of r.
        every: the quantile whose set holds every label; None for a regressor, which has no such interval.
        cap: the largest r whose interval is not wider than `max_width`, by the quantile; None without `max_width`.
    """

    r: Floats | None
    wrong: Bools | None
    scores: Floats
    scale: Scale = PROBABILITIES
    every: float | None = None
    cap: Callable[[float], float] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def at(self, rows: Bools) -> Rows:
        """Some of them."""
        return replace(
            self,
            r=None if self.r is None else self.r[rows],
            wrong=None if self.wrong is None else self.wrong[rows],
            scores=self.scores[rows],
        )


def leaf_of(rows: Rows, terms: Terms, quantile: float | None = None) -> Leaf:
    """Certify both thresholds and measure the band between them.

    Args:
        rows: the rows.
        terms: what is asked for.
        quantile: the conformal quantile of their scores, where it is known already.
    """
    found = order_statistic(rows.scores, terms.coverage) if quantile is None else quantile
    works = Verdict(None, _NOT_ASKED) if terms.works is None else _verdict(rows, terms.works)
    answered = None if terms.answered is None else _verdict(rows, terms.answered)
    leaf = replace(_leaf(len(rows), found, terms, works, answered), covered=int((rows.scores <= found).sum()))
    return _narrowed(rows, leaf, terms) if rows.cap is not None else _banded(rows, leaf, terms)


_NOT_ASKED = "calibrated with max_error=None"


def _verdict(rows: Rows, promise: Promise, most: float = math.inf) -> Verdict:
    if rows.wrong is None:
        return Verdict(None, _NOT_ASKED)
    if rows.r is not None:
        return certify(rows.r, rows.wrong, promise, rows.scale, most)
    verdict = certify_all(rows.wrong, promise)
    if verdict.certificate is not None:
        return verdict
    return replace(
        verdict, reason=f"{verdict.reason}; intervals of constant width certify all answers or none"
    )


def _leaf(n: int, quantile: float, terms: Terms, works: Verdict, answered: Verdict | None) -> Leaf:
    second = None if answered is None else answered.certificate
    if answered is not None and works.certificate is not None and _smaller(second, works.certificate):
        second = _weakened(works.certificate, terms)
    return Leaf(
        n=n,
        quantile=quantile,
        works=works.certificate,
        answered=second,
        works_reason=works.reason,
        answered_reason="" if second is not None or answered is None else answered.reason,
        works_asked=terms.works is not None,
        degraded_asked=answered is not None,
    )


def _smaller(second: Certificate | None, first: Certificate) -> bool:
    return second is None or second.n < first.n


def _weakened(works: Certificate, terms: Terms) -> Certificate:
    # answers that err in at most max_error err in at most max_degraded_error: the first region serves as the second
    promise = terms.answered
    assert promise is not None  # noqa: S101 - the caller has a verdict of it
    return replace(works, name=promise.name, target=promise.target)


def _banded(rows: Rows, leaf: Leaf, terms: Terms) -> Leaf:
    """The leaf with what was seen between the thresholds, and a quantile of these rows alone."""
    if leaf.works is None and leaf.answered is None and leaf.usable is None:
        return leaf
    band = _band(rows, leaf)
    k = 0 if rows.wrong is None else int(rows.wrong[band].sum())
    leaf = replace(leaf, band_n=int(band.sum()), band_k=k)
    if rows.r is None:
        return leaf  # one zone holds all answers, and the leaf's own quantile is theirs
    found = order_statistic(rows.scores[band], terms.coverage) if band.any() else math.inf
    if math.isfinite(found):
        return replace(leaf, band_quantile=found)
    return replace(leaf, band_quantile=rows.every, band_open=rows.every is None)


def _band(rows: Rows, leaf: Leaf) -> Bools:
    r = np.zeros(len(rows)) if rows.r is None else rows.r
    first, second = _first(leaf), _second(leaf)
    below: Bools = (r > first) & (r <= second)
    return below


def _first(leaf: Leaf) -> float:
    if leaf.works is None:
        return -math.inf
    return math.inf if leaf.works.bound is None else leaf.works.bound


def _second(leaf: Leaf) -> float:
    if leaf.answered is None:
        return math.inf if leaf.usable is None else leaf.usable
    return math.inf if leaf.answered.bound is None else leaf.answered.bound


def _narrowed(rows: Rows, leaf: Leaf, terms: Terms) -> Leaf:
    """The leaf whose partial answers have intervals within `max_width`: the second bound shrinks until they do."""
    assert rows.cap is not None  # noqa: S101 - the caller asked for it
    second = _second(leaf)
    while True:
        leaf = _banded(rows, _up_to(rows, leaf, terms, second), terms)
        quantile = leaf.quantile if leaf.band_quantile is None else leaf.band_quantile
        cap = NONE_USABLE if leaf.band_open else rows.cap(quantile)
        widest = _second(leaf)
        if widest <= max(cap, _first(leaf)):
            return replace(leaf, usable=None) if leaf.usable == math.inf else leaf
        second = cap


def _up_to(rows: Rows, leaf: Leaf, terms: Terms, most: float) -> Leaf:
    if leaf.answered is None:
        return replace(leaf, usable=most)
    promise = terms.answered
    assert promise is not None  # noqa: S101 - the leaf has its certificate
    if rows.r is None and most < 0:
        return replace(leaf, answered=None, usable=most, answered_reason="intervals are wider than max_width")
    verdict = _verdict(rows, promise, most)
    second = verdict.certificate
    if leaf.works is not None and _smaller(second, leaf.works):
        second = _weakened(leaf.works, terms)
    if second is not None:
        return replace(leaf, answered=second, usable=None)
    return replace(leaf, answered=None, usable=NONE_USABLE, answered_reason=verdict.reason)
