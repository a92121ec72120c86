"""The fixed-sequence test: where it starts, which thresholds it tries, where it ends."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from guardrails._calibration._certify import (
    Promise,
    certify,
    certify_all,
    first_size,
    power_rows,
    rate,
    sizes_of,
    zero_error_rows,
)

FIVE = Promise("max_error", 0.05, 0.05)


def ranked(n, wrong_at=()):
    wrong = np.zeros(n, dtype=bool)
    wrong[list(wrong_at)] = True
    return np.linspace(0.0, 0.5, n), wrong


@pytest.mark.parametrize(("target", "level", "rows"), [(0.05, 0.05, 59), (0.05, 0.1, 45), (0.01, 0.05, 299)])
def test_the_fewest_rows_that_can_certify_anything(target, level, rows):
    """Without an error: (1 - target)**n <= level holds from that row on and not before."""
    assert zero_error_rows(target, level) == rows
    assert binom.cdf(0, rows, target) <= level < binom.cdf(0, rows - 1, target)


def test_rows_for_power():
    """410 for a target and a level of 5 %."""
    assert power_rows(0.05, 0.05) == 410


@pytest.mark.parametrize(
    ("target", "level"), [(0.05, 0.1), (0.15, 0.05), (0.01, 0.05), (0.4, 0.01), (1e-4, 0.05)]
)
def test_rows_for_power_have_that_power(target, level):
    """The exact test of n rows rejects in at least 80 % of draws at half the target, and much fewer rows do not."""

    def power(n):
        critical = max(
            (k for k in range(int(n * target) + 2) if binom.cdf(k, n, target) <= level), default=-1
        )
        return binom.cdf(critical, n, target / 2)

    n = power_rows(target, level)
    assert power(n) >= 0.8
    assert power(int(0.75 * n)) < 0.8


@pytest.mark.parametrize(
    ("n", "start"),
    [(59, 59), (100, 59), (500, 200), (1_000, 400), (1_500, 410), (3_000, 600), (10_000, 2_000)],
)
def test_the_sequence_starts_where_the_test_has_power(n, start):
    """min(.4 n, max(.2 n, 410)), and not below the 59 rows that could certify at all."""
    assert first_size(n, 0.05, 0.05) == start


def test_the_grid_is_of_fixed_shares():
    """The most confident 1 %, 2 %, ... of the rows, whatever their scores."""
    assert sizes_of(np.linspace(0, 1, 1000)).tolist() == list(range(10, 1001, 10))
    assert sizes_of(np.linspace(0, 1, 30)).tolist() == list(range(1, 31))


def test_tied_rows_are_accepted_together():
    """No threshold can tell them apart."""
    scores = np.repeat([0.1, 0.2, 0.3], [250, 500, 250])
    assert sizes_of(scores).tolist() == [250, 750, 1000]
    certificate = certify(scores, np.arange(1000) >= 750, FIVE).certificate
    assert (certificate.n, certificate.k) == (750, 0)
    assert 0.2 <= certificate.bound < 0.3


def test_the_bound_lies_midway_between_two_scores():
    """A score like the last accepted one is accepted, a score like the first rejected one is not."""
    r, wrong = ranked(1000, range(600, 1000))
    certificate = certify(r, wrong, FIVE).certificate
    assert certificate.bound == (r[certificate.n - 1] + r[certificate.n]) / 2
    assert certificate.threshold == -math.log(certificate.bound)
    assert (r <= certificate.bound).sum() == certificate.n


def test_neighbouring_floats_have_no_middle():
    """Then the bound is the accepted one itself."""
    last = 0.3
    r = np.repeat([last, math.nextafter(last, 1)], 500)
    assert certify(r, np.arange(1000) >= 500, FIVE).certificate.bound == last


def test_a_bound_of_zero_has_a_finite_score():
    """A saturated softmax: r is zero in the accepted rows and the smallest float in the next."""
    certificate = certify(np.repeat([0.0, 5e-324], 500), np.arange(1000) >= 500, FIVE).certificate
    assert (certificate.bound, certificate.n) == (0.0, 500)
    assert certificate.threshold == pytest.approx(744.44, abs=0.01)


def test_a_faultless_model_accepts_everything():
    """The bound is the largest r there is."""
    certificate = certify(*ranked(400), FIVE).certificate
    assert (certificate.bound, certificate.threshold, certificate.acceptance_rate) == (1.0, 0.0, 1.0)


def test_the_first_threshold_that_fails_ends_the_sequence():
    """30 errors in a row stop it at 420, although all 1,000 rows together would pass the test."""
    r, wrong = ranked(1000, range(405, 435))
    assert certify(r, wrong, FIVE).certificate.n == 410
    assert certify_all(wrong, FIVE).certificate is not None


def test_a_threshold_before_the_start_is_never_tried():
    """Ten errors among the most confident rows do not end a sequence that starts at 400."""
    r, wrong = ranked(1000, range(10))
    assert certify(r, wrong, FIVE).certificate.n == 1000


@given(st.integers(1, 600), st.floats(0, 0.3), st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_what_is_certified_passes_its_own_test(n, risk, seed):
    """The binomial tail is at most the level, and the Clopper-Pearson bound at most the target."""
    rng = np.random.default_rng(seed)
    r, wrong = np.round(rng.random(n), 2), rng.random(n) < risk
    certificate = certify(r, wrong, FIVE).certificate
    if certificate is not None:
        accepted = r <= certificate.bound
        assert (certificate.n, certificate.k) == (accepted.sum(), wrong[accepted].sum())
        assert binom.cdf(certificate.k, certificate.n, 0.05) <= 0.05
        assert certificate.upper <= 0.05


def test_too_few_rows_are_told_with_the_least_there_can_be():
    """58 rows cannot certify 5 % at level 5 %."""
    verdict = certify(*ranked(58), FIVE)
    assert verdict.certificate is None
    assert (
        verdict.reason
        == "58 rows are too few for max_error=0.05: 59 without a single error are the least there can be"
    )


def test_a_bad_model_is_told_that_rows_do_not_help():
    """Its most confident answers already err too often."""
    r, wrong = ranked(1000, range(0, 1000, 10))
    assert certify(r, wrong, FIVE).reason == (
        "max_error=0.05 is not met by the 40% most confident answers (40 errors in 400 rows); more rows will not mend that"
    )


def test_too_little_proof_is_told_with_the_rows_that_would_do():
    """n80 over the share accepted: 410 / .4."""
    r, wrong = ranked(1000, range(0, 400, 25))
    assert certify(r, wrong, FIVE).reason == (
        "1,000 rows do not prove max_error=0.05 (16 errors in the 400 most confident); where the true error is half of "
        "it, about 1,025 rows would"
    )


def test_one_test_over_all_rows():
    """Accept all or none."""
    certificate = certify_all(np.arange(200) < 3, FIVE).certificate
    assert (certificate.bound, certificate.n, certificate.k) == (None, 200, 3)
    assert certify_all(np.arange(200) < 8, FIVE).certificate is None


@pytest.mark.parametrize(("k", "n"), [(0, 50), (50, 50), (3, 200)])
def test_clopper_pearson(k, n):
    """The bounds hold 2.5 % of the binomial on each side."""
    observed = rate(np.arange(n) < k)
    assert (observed.k, observed.n) == (k, n)
    if k:
        assert binom.sf(k - 1, n, observed.low) == pytest.approx(0.025)
    if k < n:
        assert binom.cdf(k, n, observed.high) == pytest.approx(0.025)
    assert observed.high == (1.0 if k == n else beta.ppf(0.975, k + 1, n - k))
