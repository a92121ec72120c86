"""The promises, by simulation in worlds whose risk is known; limits are the nominal rate plus three standard errors."""

import math

import numpy as np
import pytest

from guardrails._calibration._certify import Promise, certify
from guardrails._calibration._leaf import Rows, leaf_of
from guardrails._calibration._mapie import order_statistic
from guardrails._calibration._terms import Terms

DRAWS = [
    pytest.param(1000, marks=pytest.mark.statistical),
    pytest.param(4000, marks=[pytest.mark.statistical, pytest.mark.exhaustive]),
]


def limit(nominal, draws):
    return nominal + 3 * math.sqrt(nominal * (1 - nominal) / draws)


@pytest.mark.parametrize("draws", DRAWS)
def test_constant_risk_at_the_target_is_rarely_certified(draws):
    """Risk .05 everywhere, n = 1,000, level .05: any threshold at all in at most 5 % of draws (error rate .0013)."""
    promise, certified = Promise("max_error", 0.05, 0.05), 0
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        certified += certify(rng.random(1000), rng.random(1000) < 0.05, promise).certificate is not None
    assert certified / draws <= limit(0.05, draws)


def region_risk(certificate):
    """True error of s >= t where s is uniform and errs .05 above one half and .35 below, t = 1 - bound."""
    t = 1 - certificate.bound
    return 0.05 if t >= 0.5 else (0.5 * 0.05 + (0.5 - t) * 0.35) / (1 - t)


@pytest.mark.parametrize("draws", DRAWS)
def test_both_certificates_hold_together(draws):
    """Targets .05 and .15, delta .10: any violation in at most 10 % of draws (error rate .0013)."""
    terms, broken = Terms(0.9, 0.05, 0.15, 0.1, 1), 0
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        r = rng.random(1000)
        wrong = rng.random(1000) < np.where(r < 0.5, 0.05, 0.35)
        leaf = leaf_of(Rows(r, wrong, r, every=1.0), terms, 0.5)
        broken += any(region_risk(c) > c.target + 1e-12 for c in (leaf.works, leaf.answered) if c is not None)
    assert broken / draws <= limit(0.1, draws)


@pytest.mark.statistical
def test_a_good_model_is_certified_most_of_the_time():
    """True error .025 for a target of .05, n = 1,025: the start alone has power .8 (error rate .0013)."""
    promise, draws, certified = Promise("max_error", 0.05, 0.05), 400, 0
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        certified += certify(rng.random(1025), rng.random(1025) < 0.025, promise).certificate is not None
    assert certified / draws >= 0.8 - 3 * math.sqrt(0.8 * 0.2 / draws)


@pytest.mark.statistical
def test_mean_coverage_is_the_coverage_promised():
    """n = 99, coverage .9, 2,000 draws of uniform scores: .900 within .0021; off by one would be .890 (error rate .002)."""
    rng = np.random.default_rng(0)
    covered = [order_statistic(rng.random(99), 0.9) for _ in range(2000)]
    assert np.mean(covered) == pytest.approx(0.9, abs=0.0021)


@pytest.mark.statistical
def test_dependent_rows_break_the_promise_and_groups_keep_it():
    """Groups of 20 rows that err together: counted as rows they certify in over a quarter of draws, one per group
    in at most 5 % (error rate .0013)."""
    from guardrails._calibration._filters import one_per_group

    promise, draws = Promise("max_error", 0.05, 0.05), 300
    as_rows = as_groups = 0
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(200), 20)
        r, wrong = np.repeat(rng.random(200), 20), np.repeat(rng.random(200) < 0.05, 20)
        as_rows += certify(r, wrong, promise).certificate is not None
        kept = one_per_group(groups.tolist(), np.arange(4000), seed)
        as_groups += certify(r[kept], wrong[kept], promise).certificate is not None
    assert as_rows / draws > 0.25
    assert as_groups / draws <= limit(0.05, draws)
