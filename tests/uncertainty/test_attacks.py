"""What a statistician would try to break a promise with; every rate is exact or simulated in a world whose risk is known."""

import math
import warnings

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import guardrails as gr
from guardrails._calibration import CalibrationWarning, _looks, calibrate_classifier, calibrate_regressor
from guardrails._calibration._branches import Behind, Labels, branches_of
from guardrails._calibration._certify import Promise, certify
from guardrails._calibration._leaf import Rows, leaf_of
from guardrails._calibration._terms import Terms
from guardrails._conformal import Measure
from guardrails._profile import Leaf, Profile

FIXED = {"created": "2026-11-01", "name": "m"}


def limit(nominal, draws):
    return nominal + 3 * math.sqrt(nominal * (1 - nominal) / draws)


def quiet(calibrate, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        return calibrate(*args, **kwargs)


def found(profile, values, cohorts=None, difficulties=None):
    """(n,) code of each row: `works`, or that of its last finding."""
    table = Measure(profile).table(values, len(values), cohorts=cohorts, difficulties=difficulties)
    return np.array(
        [str(table.findings[i][-1].code) if i in table.findings else "works" for i in range(len(values))]
    )


def accepted(certificate, r):
    bound = math.inf if certificate.bound is None else certificate.bound
    return r <= bound


@pytest.mark.statistical
def test_a_fallback_keeps_its_promise_where_the_primary_gives_up():
    """The primary is unsure of half of the requests, and the fallback errs .01 for the others and .20 for these, out of the
    same noise. Certified at .15 on all rows, it breaks that among the unanswerable ones in every draw. Its own leaf, at a
    target of .20 that it does not keep with any room, has a certificate in at most delta / 2 of 200 draws (limit .096 = .05 + 3
    standard errors, error rate .0013)."""
    pooled = own = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        r, noise, theirs = rng.random((3, 3000))
        wrong, errs = noise < np.where(r < 0.5, 0.02, 0.5), noise < np.where(r < 0.5, 0.01, 0.2)
        primary = leaf_of(Rows(r, wrong, r, every=1.0), Terms(0.9, 0.05, 0.1, 0.1, 1), 0.5)
        assert primary.answered.bound > 0.5  # what it gives up lies in the unsure half
        behind = Behind(
            Profile(kind="classifier", name="m", classes=(0, 1), leaf=primary), r > primary.answered.bound
        )
        rows = Rows(theirs, errs, theirs, every=1.0)
        everywhere, here = (
            branches_of(rows, None, Terms(0.9, target, None, 0.1, 1), 0.5, behind, np.arange(3000))
            for target in (0.15, 0.2)
        )
        pooled += everywhere.all.leaf.works is not None
        own += here.unanswerable.leaf.works is not None
    assert pooled / 200 > 0.9
    assert own / 200 <= limit(0.05, 200)


@pytest.mark.statistical
def test_rows_that_are_filtered_later_do_not_certify():
    """Three rows in ten are always right and break the contract. Counted in, the others are certified at .05 though they err
    .06; filtered first, in at most 10 % of 100 draws (limit .19, error rate .0013)."""
    counted = filtered = 0
    promise = Promise("max_error", 0.05, 0.1)
    for seed in range(100):
        rng = np.random.default_rng(seed)
        r, legal = rng.random(6000), rng.random(6000) < 0.7
        wrong = (rng.random(6000) < 0.06) & legal
        counted += certify(r, wrong, promise).certificate is not None
        filtered += certify(r[legal], wrong[legal], promise).certificate is not None
    assert counted / 100 > 0.5
    assert filtered / 100 <= limit(0.1, 100)


@pytest.mark.statistical
def test_the_best_of_five_looks_better_than_it_is():
    """Five models of risk .05 at a target of .05: one of them is certified in far more than 5 % of 200 draws, and with
    looks=5 in at most 5 % (limit .096, error rate .0013)."""
    naive = divided = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        worlds = [(rng.random(1000), rng.random(1000) < 0.05) for _ in range(5)]
        for looks in (1, 5):
            promise = Terms(0.9, 0.05, None, 0.05, looks).works
            some = any(certify(r, wrong, promise).certificate is not None for r, wrong in worlds)
            naive += some and looks == 1
            divided += some and looks == 5
    assert naive / 200 > 0.096
    assert divided / 200 <= limit(0.05, 200)


@pytest.mark.statistical
def test_every_certificate_of_a_calibration_holds_with_its_delta():
    """Cohorts, two thresholds and a fallback's two branches, every true error at its target: any certificate at all, in any
    leaf, in at most delta = .1 of 150 draws for each of the two calibrations (limit .174, error rate .0013)."""
    first = second = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        r, cohort = rng.random(4000), Labels("labels", rng.choice(["a", "b"], size=4000).tolist())
        terms = Terms(0.9, 0.05, 0.05, 0.1, 1)
        for behind in (None, Behind(_profile(), rng.random(4000) < 0.5)):
            wrong = rng.random(4000) < 0.05
            made = branches_of(Rows(r, wrong, r, every=1.0), cohort, terms, 0.5, behind, np.arange(4000))
            leaves = [leaf for _, leaf in made.all.leaves()]
            leaves += [] if made.unanswerable is None else [leaf for _, leaf in made.unanswerable.leaves()]
            some = any(leaf.works or leaf.answered for leaf in leaves)
            first += some and behind is None
            second += some and behind is not None
    assert first / 150 <= limit(0.1, 150)
    assert second / 150 <= limit(0.1, 150)


def _profile(**more):
    leaf = Leaf(n=4000, quantile=0.5, degraded_asked=True)
    return Profile(kind="classifier", name="m", classes=(0, 1), leaf=leaf, **more)


@settings(deadline=None, max_examples=25)
@given(
    cohorts=st.integers(1, 4),
    degraded=st.booleans(),
    looks=st.integers(1, 3),
    behind=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_levels_never_sum_to_more_than_delta(cohorts, degraded, looks, behind, seed):
    """Over leaves, thresholds and branches, those of unanswerable rows times the sets of such rows there could be."""
    rng = np.random.default_rng(seed)
    terms = Terms(0.9, 0.05, 0.2 if degraded else None, 0.1, looks)
    r = rng.random(8000)
    rows = Rows(r, rng.random(8000) < 0.02, r, every=1.0)
    labels = None if cohorts == 1 else Labels("labels", rng.integers(0, cohorts, size=8000).tolist())
    primary = Behind(_profile(), r > 0.3) if behind else None
    made = branches_of(rows, labels, terms, 0.5, primary, np.arange(8000))
    spent = sum(_levels(made.all))
    if behind:
        spent += primary.choices * sum(_levels(made.unanswerable))
    assert 0 < spent <= 0.1 / looks + 1e-12


def _levels(branch):
    for _, leaf in branch.leaves():
        yield from (each.level for each in (leaf.works, leaf.answered) if each is not None)


def test_how_many_sets_of_unanswerable_rows_there_could_have_been():
    """A grid of 100 second thresholds; with cohorts all their combinations and those with none; under `max_width` any row."""
    from dataclasses import replace

    from guardrails._profile import Cohort, Cohorts

    profile = _profile()
    assert Behind(profile, np.zeros(1, dtype=bool)).choices == 100
    own = tuple(Cohort(label=label, leaf=profile.leaf) for label in "ab")
    two = replace(profile, cohorts=Cohorts(by="labels", own=own))
    assert Behind(two, np.zeros(1, dtype=bool)).choices == 101 * 101 - 1
    assert Behind(_profile(max_width=1.0), np.zeros(1, dtype=bool)).choices == 100 + 4000
    unasked = replace(profile, leaf=replace(profile.leaf, degraded_asked=False))
    assert Behind(unasked, np.zeros(1, dtype=bool)).choices == 1


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 999),
    k=st.integers(2, 4),
    decimals=st.sampled_from([1, 2, 16]),
    scale=st.sampled_from([2.0, 8.0, 60.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_serving_accepts_exactly_the_rows_that_certified(seed, k, decimals, scale, dtype):
    """Ties, saturated softmax, float32: the certificate's n and k are those of the rows that the served form lets through."""
    _looks.forget()  # each example is a calibration of its own
    rng = np.random.default_rng(seed)
    z = scale * rng.normal(size=(1200, k))
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p = np.round(p / p.sum(axis=1, keepdims=True), decimals)
    p = (p / p.sum(axis=1, keepdims=True)).astype(dtype)
    truth = np.where(rng.random(1200) < 0.9, p.argmax(axis=1), rng.integers(0, k, size=1200))
    truth[:k] = range(k)
    profile = quiet(
        calibrate_classifier, p, truth, classes=range(k), max_error=0.1, max_degraded_error=0.2, **FIXED
    )
    codes, wrong = found(gr.Profile.from_json(profile.to_json()), p), p.argmax(axis=1) != truth
    for certificate, where in (
        (profile.works, codes == "works"),
        (profile.answered, np.isin(codes, ["works", "uncertain"])),
    ):
        if certificate is not None:
            assert (certificate.n, certificate.k) == (where.sum(), wrong[where].sum())
    band = codes == "uncertain"
    if profile.answered is not None:
        assert (profile.leaf.band_n, profile.leaf.band_k) == (band.sum(), wrong[band].sum())


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 999), order=st.permutations([0, 1, 2]))
def test_neither_the_order_of_rows_nor_of_columns_counts(seed, order):
    """Another order of both gives the same certificates, quantile and decisions."""
    _looks.forget()
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.2] * 3, size=900)
    truth = np.where(rng.random(900) < 0.95, p.argmax(axis=1), rng.integers(0, 3, size=900))
    names, moved = np.array(["no", "yes", "maybe"]), rng.permutation(900)
    arguments = {"max_error": 0.1, "max_degraded_error": 0.15, **FIXED}
    plain = quiet(calibrate_classifier, p, names[truth], classes=names, **arguments)
    _looks.forget()
    mixed = quiet(
        calibrate_classifier, p[moved][:, order], names[truth][moved], classes=names[list(order)], **arguments
    )
    assert mixed.leaf.quantile == pytest.approx(plain.leaf.quantile, abs=1e-15)
    for ours, theirs in ((plain.works, mixed.works), (plain.answered, mixed.answered)):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert (ours.n, ours.k, ours.level) == (theirs.n, theirs.k, theirs.level)
    assert (found(plain, p) == found(mixed, p[:, order])).all()


def test_a_saturated_softmax_is_certified_by_its_small_terms_where_the_largest_one_is_not():
    """In float32, most of the largest probabilities round to 1.0, right and wrong ones alike."""
    rng = np.random.default_rng(0)
    z = 2 * rng.normal(size=(6000, 10))
    e = np.exp(z - z.max(axis=1, keepdims=True))
    truth = (e.cumsum(axis=1) / e.sum(axis=1, keepdims=True) < rng.random((6000, 1))).sum(axis=1)
    q = np.exp((30 * (z - z.max(axis=1, keepdims=True))).astype(np.float32))
    q /= q.sum(axis=1, keepdims=True)
    target = {"max_error": 0.25, "classes": range(10), **FIXED}
    profile = quiet(calibrate_classifier, q, truth, **target)
    largest = quiet(calibrate_classifier, q, truth, confidence=q.max(axis=1), looks=2, **target)
    assert (q.max(axis=1) == 1.0).mean() > 0.5
    assert profile.works.acceptance_rate > 0.1
    assert largest.works is None


def test_constant_predictions_are_one_answer(draw):
    """All rows tied: certified together or not at all, and served alike."""
    rng = np.random.default_rng(0)
    p = np.tile([0.1, 0.9], (2000, 1))
    good, bad = (rng.random(2000) < share for share in (0.97, 0.9))
    certified = calibrate_classifier(p, good.astype(int), classes=[0, 1], max_error=0.05, **FIXED)
    assert (certified.works.n, certified.works.bound) == (2000, 1.0)
    with pytest.warns(CalibrationWarning, match="is not met"):
        refused = calibrate_classifier(p, bad.astype(int), classes=[0, 1], max_error=0.05, **FIXED)
    assert refused.works is None
    constant = calibrate_regressor(
        np.zeros(2000), rng.normal(size=2000), tolerance=3.0, max_error=0.05, **FIXED
    )
    assert constant.works.acceptance_rate == 1.0


def test_cohorts_of_one_row(draw):
    """Every row its own cohort: they share `rest`, as row counts alone decide, and no unseen one becomes Works."""
    p, truth = draw(2000)
    profile = calibrate_classifier(
        p, truth, classes=range(3), max_error=0.1, cohorts=[f"c{i}" for i in range(2000)], **FIXED
    )
    assert (profile.cohorts.own, profile.cohorts.rest.n) == ((), 2000)
    sure = [0.999, 0.0005, 0.0005]
    assert set(found(profile, [sure] * 2, cohorts=["c7", "other"])) == {"works", "cohort_uncertified"}


class Legal(pa.DataFrameModel):
    """All bookings that the scorecard can take."""

    nights: int = pa.Field(ge=0)


class Short(pa.DataFrameModel):
    """The model knows short stays only."""

    nights: int = pa.Field(ge=0, le=5)


def test_a_fallback_says_which_rows_its_primarys_contract_lets_pass(draw):
    """It stands in for failures of requests that the primary was asked for; rows that never reach it do not certify."""
    p, truth = draw(3000)
    nights = pd.DataFrame({"nights": np.arange(3000) % 11})
    arguments = {"classes": range(3), "inputs": nights, "novelty": None, **FIXED}
    primary = quiet(calibrate_classifier, p, truth, max_error=0.1, contract=Short, **arguments)
    given = {"contract": Legal, "max_error": 0.2, "primary": (primary, p), **arguments}
    with pytest.raises(gr.ConfigurationError, match="answered: must say which rows the primary's contract"):
        calibrate_classifier(p, truth, **given)
    profile = quiet(calibrate_classifier, p, truth, answered=(nights["nights"] <= 5).to_numpy(), **given)
    assert profile.leaf.n == primary.leaf.n == (nights["nights"] <= 5).sum()


def test_old_rows_calibrate_a_contract_that_wants_fresh_ones(draw):
    """How old a request was when it was asked about cannot be replayed; a row without its time would have been stopped."""
    p, truth = draw(2000)
    times = pd.Series(pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(np.arange(2000), unit="min"))
    inputs = pd.DataFrame(
        {"x": np.where(np.arange(2000) < 50, -1.0, 1.0), "at": times.mask(np.arange(2000) >= 1900)}
    )
    schema = pa.DataFrameSchema(
        {"x": pa.Column(float, pa.Check.ge(0)), "at": pa.Column("datetime64[ns, UTC]", nullable=True)}
    )
    contract = gr.Contract(schema, max_age={"at": "1h"})
    profile = calibrate_classifier(
        p, truth, classes=range(3), max_error=0.1, inputs=inputs, contract=contract, novelty=None, **FIXED
    )
    assert (profile.filtered, profile.leaf.n) == (150, 1850)


def test_after_the_primarys_answer_broke_the_output_check_no_certificate_holds(draw):
    """Such answers come from requests of some kind, and on these a fallback may err more than on all."""
    from guardrails._types import CaveatCode, Finding

    p, truth = draw(2000)
    profile = calibrate_classifier(p, truth, classes=range(3), max_error=0.1, **FIXED)
    measure = Measure(profile, fallback=Finding(CaveatCode.fallback, "'rule'"))
    sure = [0.999, 0.0005, 0.0005]
    codes = {
        code: measure.one(sure, frozenset({code})).findings[-1].code
        for code in (CaveatCode.output, CaveatCode.error, CaveatCode.deadline, CaveatCode.saturated)
    }
    assert codes[CaveatCode.output] is CaveatCode.uncertified
    assert {codes[code] for code in codes if code is not CaveatCode.output} == {CaveatCode.fallback}


def test_explain_says_what_late_answers_may_cost(draw):
    """Rule: max_error if lateness has nothing to do with being right, max_error / (1 - q) if it has; where there is a
    certificate and a budget that can run out."""
    p, truth = draw(2000)
    profile = calibrate_classifier(p, truth, classes=range(3), max_error=0.05, **FIXED)
    told = gr.guard(budget=0.1, profile=profile)(lambda row: row).explain()
    assert "without that it is max_error / (1 - q)" in told
    assert "5.05 % at q = 1 %, 5.26 % at q = 5 %, 6.25 % at q = 20 %" in told
    for guard in (gr.guard(budget=None, profile=profile), gr.guard(budget=0.1)):
        assert "max_error / (1 - q)" not in guard(lambda row: row).explain()
