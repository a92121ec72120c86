"""A classifier and a regressor whose truth is known, and profiles made by hand."""

import numpy as np
import pytest

from guardrails._profile import Certificate, Leaf, Profile


def softmax(logits):
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


@pytest.fixture(scope="session")
def draw():
    """`draw(n, k, seed)`: probabilities of a calibrated model, (n, k), and labels 0..k-1 drawn from them."""

    def rows(n, k=3, seed=0, scale=6.0):
        rng = np.random.default_rng(seed)
        p = softmax(scale * rng.normal(size=(n, k)))
        truth = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
        return p, np.minimum(truth, k - 1)

    return rows


@pytest.fixture(scope="session")
def draw_numbers():
    """`draw_numbers(n, seed)`: predictions and truths one unit of normal noise apart."""

    def rows(n, seed=0):
        rng = np.random.default_rng(seed)
        said = 10 * rng.normal(size=n)
        return said, said + rng.normal(size=n)

    return rows


def certificate(name, bound, n=100):
    return Certificate(
        name=name,
        target=0.05,
        level=0.05,
        threshold=None if bound is None else -np.log(bound),
        bound=bound,
        n=n,
        k=1,
        upper=0.05,
        acceptance_rate=0.5,
    )


@pytest.fixture(scope="session")
def classifier():
    """`classifier(works=, answered=)`: a profile of labels no, maybe, yes with these bounds on r."""

    def profile(
        works=None, answered=None, classes=("no", "maybe", "yes"), quantile=0.6, band_quantile=0.8, **leaf
    ):
        leaf = Leaf(
            n=200,
            quantile=quantile,
            band_quantile=band_quantile,
            works=None if works is None else certificate("max_error", works),
            answered=None if answered is None else certificate("max_degraded_error", answered),
            works_reason="" if works else "too few rows",
            band_n=40,
            band_k=7,
            **leaf,
        )
        return Profile(kind="classifier", name="m", classes=tuple(classes), leaf=leaf)

    return profile


@pytest.fixture(scope="session")
def regressor():
    """`regressor(works=bool, answered=bool)`: a profile with quantile 2."""

    def profile(*, works=True, answered=False, quantile=2.0):
        leaf = Leaf(
            n=200,
            quantile=quantile,
            works=certificate("max_error", None) if works else None,
            answered=certificate("max_degraded_error", None) if answered else None,
            works_reason="" if works else "too few rows",
        )
        return Profile(kind="regressor", name="m", leaf=leaf, score="absolute", ranking="constant")

    return profile
