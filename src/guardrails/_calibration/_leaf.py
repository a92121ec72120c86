"""A leaf: quantiles and certificates of one kind of request, from the rows that stand for it."""

from __future__ import annotations

import math
from dataclasses import replace

from guardrails._conformal import Bools, Floats
from guardrails._profile import Certificate, Leaf

from ._certify import Promise, Verdict, certify, certify_all
from ._mapie import order_statistic
from ._terms import Terms

_EVERY_LABEL = 1.0  # no LAC score 1 - p exceeds it


def classifier_leaf(r: Floats, wrong: Bools, scores: Floats, quantile: float, terms: Terms) -> Leaf:
    """Certify both thresholds on r and measure the band between them.

    Args:
        r: (n,) sum of the non-top probabilities over the sum of all.
        wrong: (n,) whether the top label is not the truth.
        scores: (n,) LAC scores of the truth.
        quantile: their conformal quantile.
        terms: what is asked for.
    """
    leaf = _leaf(
        len(r),
        quantile,
        terms,
        Verdict(None, _NOT_ASKED) if terms.works is None else certify(r, wrong, terms.works),
        None if terms.answered is None else certify(r, wrong, terms.answered),
    )
    if leaf.works is None and leaf.answered is None:
        return leaf
    band = _band(r, leaf)
    found = order_statistic(scores[band], terms.coverage) if band.any() else math.inf
    return replace(
        leaf,
        band_quantile=found if math.isfinite(found) else _EVERY_LABEL,
        band_n=int(band.sum()),
        band_k=int(wrong[band].sum()),
    )


def regressor_leaf(n: int, wrong: Bools | None, quantile: float, terms: Terms) -> Leaf:
    """Certify all answers or none: intervals of constant width do not tell them apart.

    Args:
        n: rows.
        wrong: (n,) whether the prediction is further from the truth than the tolerance; None without a tolerance.
        quantile: conformal quantile of |truth - prediction|.
        terms: what is asked for.
    """
    works = Verdict(None, _NOT_ASKED) if terms.works is None or wrong is None else _all(wrong, terms.works)
    answered = None if terms.answered is None or wrong is None else _all(wrong, terms.answered)
    leaf = _leaf(n, quantile, terms, works, answered)
    if leaf.works is not None or leaf.answered is None:
        return leaf
    return replace(leaf, band_n=leaf.answered.n, band_k=leaf.answered.k)


_NOT_ASKED = "calibrated with max_error=None"


def _all(wrong: Bools, promise: Promise) -> Verdict:
    verdict = certify_all(wrong, promise)
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


def _band(r: Floats, leaf: Leaf) -> Bools:
    below = r > leaf.works.bound if leaf.works is not None and leaf.works.bound is not None else r >= 0
    if leaf.answered is None or leaf.answered.bound is None:
        return below
    return below & (r <= leaf.answered.bound)
