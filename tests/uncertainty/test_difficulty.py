"""Regressors whose answers can be told apart: a difficulty, two quantile predictions; and a classifier's confidence."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import ResidualNormalisedScore
from mapie.regression import ConformalizedQuantileRegressor, SplitConformalRegressor

import guardrails as gr
from guardrails._calibration import CalibrationWarning, calibrate_classifier, calibrate_regressor
from guardrails._conformal import Measure, aps_sets, key_of, score, uniforms
from guardrails._types import CaveatCode

FIXED = {"created": "2026-11-01", "name": "m"}


@pytest.fixture(scope="module")
def uneven():
    """`uneven(n, seed)`: predictions, difficulties, truths; the noise has the difficulty's size."""

    def rows(n, seed=0):
        rng = np.random.default_rng(seed)
        said, hard = 10 * rng.normal(size=n), np.exp(rng.normal(size=n))
        return said, hard, said + hard * rng.normal(size=n)

    return rows


class Column:
    """MAPIE's view of a logged column."""

    is_fitted = True

    def __init__(self, j):
        self.j = j

    def fit(self, x, y=None):
        raise AssertionError

    def predict(self, x):
        return x[:, self.j]


def works(measure, said, difficulties=None):
    table = measure.table(said, len(said), difficulties=difficulties)
    return np.array([i not in table.findings for i in range(len(said))])


def test_easy_answers_are_certified_and_hard_ones_are_not(uneven):
    """s = tolerance / difficulty; the certificate speaks of the rows it accepts, and they err at most as promised."""
    said, hard, truth = uneven(6000)
    profile = calibrate_regressor(
        said, truth, difficulty=hard, tolerance=2.0, max_error=0.05, max_degraded_error=0.15, **FIXED
    )
    seen = works(Measure(gr.Profile.from_json(profile.to_json())), said, hard)
    assert (profile.score, profile.ranking) == ("normalised", "difficulty")
    assert 0.4 < seen.mean() < 0.9
    assert (profile.works.n, profile.works.k) == (seen.sum(), (np.abs(truth - said) > 2)[seen].sum())
    assert profile.works.threshold == pytest.approx(2.0 / profile.works.bound)
    assert hard[seen].max() <= profile.works.bound < hard[~seen].min()


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e6])
def test_normalised_intervals_equal_mapies(uneven, coverage, scale):
    """5,000 intervals at three scales: the largest difference is 0.0."""
    said, hard, truth = (scale * column for column in uneven(1500))
    test, difficulties, _ = (scale * column for column in uneven(5000, seed=1))
    profile = calibrate_regressor(said, truth, difficulty=hard, coverage=coverage, max_error=None, **FIXED)
    score = ResidualNormalisedScore(residual_estimator=Column(1), prefit=True)
    score.eps = 5e-324
    mapie = SplitConformalRegressor(Column(0), confidence_level=coverage, conformity_score=score, prefit=True)
    mapie.conformalize(np.column_stack([said, hard]), truth)
    theirs = mapie.predict_interval(np.column_stack([test, difficulties]))[1][:, :, 0]
    assert np.abs(Measure(profile).table(test, 5000, difficulties=difficulties).bounds - theirs).max() == 0.0
    assert (profile.parity.differing, profile.parity.largest) == (0, 0.0)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_quantile_intervals_equal_mapies(uneven, coverage):
    """CQR with the symmetric correction; 5,000 intervals, the largest difference is 0.0."""
    said, hard, truth = uneven(1500)
    test, difficulties, _ = uneven(5000, seed=1)
    given = np.column_stack([said - hard, said + hard, said])
    mapie = ConformalizedQuantileRegressor(
        [Column(j) for j in range(3)], confidence_level=coverage, prefit=True
    )
    mapie.conformalize(given, truth)
    served = np.column_stack([test - difficulties, test, test + difficulties])
    theirs = mapie.predict_interval(served[:, [0, 2, 1]], symmetric_correction=True)[1][:, :, 0]
    profile = calibrate_regressor(given[:, [0, 2, 1]], truth, coverage=coverage, max_error=None, **FIXED)
    assert np.abs(Measure(profile).table(served, 5000).bounds - theirs).max() == 0.0
    assert profile.parity.differing == 0


def test_exception_crossed_and_too_wide_quantiles(uneven):
    """Crossed quantiles are put in order; where the correction leaves nothing, the prediction alone is the interval.

    MAPIE gives an interval that ends before it begins.
    """
    said, hard, truth = uneven(2000)
    wide = np.column_stack([said - 9 * hard, said + 9 * hard])
    profile = calibrate_regressor(wide, truth, max_error=None, **FIXED)
    assert profile.quantile < 0
    measure = Measure(gr.Profile.from_json(profile.to_json()))
    assert measure.one((3.0, 1.0)) == measure.one((1.0, 3.0))
    narrow = measure.one((1.0, 1.5))
    assert (narrow.prediction, narrow.interval) == (1.25, gr.Interval(1.25, 1.25))


def test_the_distance_of_the_quantiles_is_the_difficulty(uneven):
    """Narrow answers are certified."""
    said, hard, truth = uneven(6000)
    given = np.column_stack([said - hard, said + hard])
    profile = calibrate_regressor(given, truth, tolerance=2.0, max_error=0.05, **FIXED)
    seen = works(Measure(profile), given)
    assert profile.ranking == "width"
    assert profile.works.n == seen.sum() > 2000
    assert (given[:, 1] - given[:, 0])[seen].max() < (given[:, 1] - given[:, 0])[~seen].min()


@pytest.mark.parametrize("bad", [None, 0.0, -1.0, math.nan, math.inf, "hard", object(), 10**400])
def test_a_difficulty_that_is_none(uneven, bad):
    """No interval, no certificate: the point alone, degraded."""
    said, hard, truth = uneven(3000)
    profile = calibrate_regressor(said, truth, difficulty=hard, tolerance=2.0, max_error=0.1, **FIXED)
    measured = Measure(profile).one(1.0, difficulty=bad)
    assert (measured.prediction, measured.interval) == (1.0, None)
    assert [finding.code for finding in measured.findings] == [CaveatCode.uncertified]
    assert Measure(profile).table([1.0, 2.0], 2, difficulties=[bad, 0.1]).at(0) == measured


_NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(
    st.lists(st.tuples(_NUMBERS, st.one_of(_NUMBERS, st.none(), st.integers(-2, 9))), max_size=8),
    st.sampled_from([1.0, 3.0]),
)
@settings(max_examples=150, deadline=None)
def test_difficulties_of_a_record_and_of_a_row(rows, bound):
    """Any number or none: row i says what the record says."""
    measure = _measure("normalised", "difficulty", bound)
    said, hard = [row[0] for row in rows], [row[1] for row in rows]
    table = measure.table(np.array(said), len(rows), difficulties=hard)
    for i in range(len(rows)):
        assert table.at(i) == measure.one(said[i], difficulty=hard[i])


@given(
    st.lists(st.tuples(_NUMBERS, _NUMBERS, _NUMBERS), min_size=1, max_size=8),
    st.booleans(),
    st.sampled_from([1.0, -2.0]),
)
@settings(max_examples=150, deadline=None)
def test_quantiles_of_a_record_and_of_a_row(rows, pairs, quantile):
    """Two or three numbers of any kind, as an array, a frame and a list."""
    given = [row[:2] if pairs else row for row in rows]
    measure = _measure("quantiles", "width", 2.0, quantile)
    for values in (np.array(given), pd.DataFrame(given), given):
        table = measure.table(values, len(given))
        for i in range(len(given)):
            assert table.at(i) == measure.one(given[i])


def _measure(score, ranking, bound, quantile=1.5):
    from guardrails._profile import Certificate, Leaf, Profile

    certificate = Certificate(
        name="max_error",
        target=0.1,
        level=0.1,
        threshold=1.0,
        bound=bound,
        n=9,
        k=0,
        upper=0.1,
        acceptance_rate=0.5,
    )
    leaf = Leaf(n=9, quantile=quantile, works=certificate, band_quantile=quantile + 1, band_n=2)
    return Measure(Profile(kind="regressor", name="m", score=score, ranking=ranking, leaf=leaf))


def test_partial_answers_stay_within_max_width(uneven):
    """Without a promise: narrow intervals are uncertified answers, wide ones unanswerable."""
    said, hard, truth = uneven(4000)
    profile = calibrate_regressor(said, truth, difficulty=hard, max_width=4.0, max_error=None, **FIXED)
    measure = Measure(gr.Profile.from_json(profile.to_json()))
    table = measure.table(said, len(said), difficulties=hard)
    codes = np.array([str(table.findings[i][0].code) for i in range(len(said))])
    width = table.bounds[:, 1] - table.bounds[:, 0]
    assert set(codes) == {"uncertified", "unanswerable"}
    assert 3.5 < width[codes == "uncertified"].max() <= 4.0 + 1e-9
    held = (table.bounds[:, 0] <= truth) & (truth <= table.bounds[:, 1])
    assert held[codes == "uncertified"].mean() == pytest.approx(0.9, abs=0.01)


def test_max_width_keeps_to_certified_thresholds(uneven):
    """The second bound is the largest certified one whose band is narrow enough, and its rows are counted anew."""
    said, hard, truth = uneven(8000)
    terms = {"difficulty": hard, "tolerance": 2.0, "max_error": 0.05, "max_degraded_error": 0.3, **FIXED}
    free = calibrate_regressor(said, truth, **terms)
    profile = calibrate_regressor(said, truth, max_width=7.0, **terms)
    assert profile.works == free.works
    assert profile.works.n < profile.answered.n < free.answered.n
    table = Measure(profile).table(said, len(said), difficulties=hard)
    codes = np.array(
        [str(table.findings[i][0].code) if i in table.findings else "works" for i in range(len(said))]
    )
    assert (codes != "unanswerable").sum() == profile.answered.n
    band = codes == "uncertain"
    assert (table.bounds[:, 1] - table.bounds[:, 0])[band].max() <= 7.0 + 1e-9


@pytest.mark.parametrize(("width", "expected"), [(3.0, "unanswerable"), (4.0, "uncertified")])
def test_max_width_of_constant_intervals(draw_numbers, width, expected):
    """All of them are narrow enough, or none is."""
    profile = calibrate_regressor(*draw_numbers(2000), max_width=width, max_error=None, **FIXED)
    assert 3.0 < 2 * profile.quantile < 4.0
    assert [f.code for f in Measure(gr.Profile.from_json(profile.to_json())).one(1.0).findings] == [expected]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"difficulty": np.zeros(40)}, "difficulty: must be how far off"),
        ({"difficulty": np.full(40, np.nan)}, "difficulty: drop these rows"),
        ({"difficulty": np.ones(3)}, "difficulty: must have as many rows"),
        ({"max_width": 0.0}, "max_width: must be positive"),
        ({"max_width": "wide"}, "max_width: must be positive"),
    ],
)
def test_parameters_that_cannot_be(parameters, words):
    """Zeros, NaN, another length, no width."""
    with pytest.raises(gr.ConfigurationError, match=words):
        calibrate_regressor(np.zeros(40), np.zeros(40), max_error=None, **parameters, **FIXED)


def test_quantiles_with_a_difficulty():
    """One of the two."""
    with pytest.raises(gr.ConfigurationError, match="difficulty: must not be given with quantile"):
        calibrate_regressor(np.zeros((40, 2)), np.zeros(40), difficulty=np.ones(40), max_error=None, **FIXED)
    with pytest.raises(gr.ConfigurationError, match="predictions: drop these rows"):
        calibrate_regressor(np.full((40, 2), np.inf), np.zeros(40), max_error=None, **FIXED)


@pytest.mark.parametrize("difficulty", ["d", lambda request: request["d"]])
def test_the_guard_reads_the_difficulty_of_the_request(uneven, difficulty):
    """By field name or callable; record and table agree; a guard that does not know it is refused."""
    said, hard, truth = uneven(4000)
    profile = calibrate_regressor(said, truth, difficulty=hard, tolerance=2.0, max_error=0.05, **FIXED)
    guard = gr.guard(budget=None, profile=profile, difficulty=difficulty)
    requests = [{"d": 0.1}, {"d": 50.0}, {"d": None}, {}]
    found = [guard(lambda _r: 1.0)(request) for request in requests]
    assert [decision.route for decision in found] == ["works", "degraded", "degraded", "degraded"]
    for table in (requests, pd.DataFrame({"d": [0.1, 50.0, None, None]})):
        decisions = guard.batch(lambda t: np.ones(len(t)))(table)
        assert [d.route for d in decisions] == [d.route for d in found]
        assert [d.interval for d in decisions] == [d.interval for d in found]
    with pytest.raises(gr.ConfigurationError, match="difficulty: must name the field"):
        gr.guard(budget=None, profile=profile)


def test_a_users_own_confidence_ranks_the_answers(draw):
    """Where the probabilities say nothing of the error and the confidence does."""
    p, truth = draw(4000, scale=9.0)
    rng = np.random.default_rng(0)
    sure = rng.normal(size=4000)
    truth = np.where(sure < 0, rng.integers(0, 3, size=4000), p.argmax(axis=1))
    with pytest.warns(CalibrationWarning, match="no threshold is certified"):
        calibrate_classifier(p, truth, classes=range(3), max_error=0.05, **FIXED)
    profile = calibrate_classifier(
        p, truth, classes=range(3), max_error=0.05, confidence=sure, looks=2, **FIXED
    )
    measure = Measure(gr.Profile.from_json(profile.to_json()))
    pairs = list(zip(p.tolist(), sure.tolist(), strict=True))
    seen = works(measure, pairs)
    assert profile.works.n == seen.sum() > 1900
    assert profile.works.threshold == -profile.works.bound
    assert sure[seen].min() >= profile.works.threshold > sure[~seen].max()
    assert all(measure.one(pair) == measure.table(pairs[:50], 50).at(i) for i, pair in enumerate(pairs[:50]))


@pytest.mark.parametrize(
    "value", [[0.5, 0.3, 0.2], ([0.5, 0.3, 0.2], math.nan), ([0.5, 0.3, 0.2], "sure"), ([1.0], 1.0), None]
)
def test_an_answer_without_its_confidence_cannot_be_read(draw, value):
    """It is an `output` finding."""
    p, truth = draw(200)
    profile = calibrate_classifier(
        p, truth, classes=range(3), max_error=None, confidence=p.max(axis=1), **FIXED
    )
    assert [f.code for f in Measure(profile).one(value).findings] == [CaveatCode.output]


def test_a_regressors_own_confidence_ranks_its_answers(draw_numbers):
    """Intervals of constant width, MAPIE's own; the confidence alone tells answers apart. Arrays of pairs are read too."""
    said, truth = draw_numbers(4000)
    sure = np.random.default_rng(0).normal(size=4000)
    truth = np.where(sure < 0, truth + 50, truth)
    profile = calibrate_regressor(said, truth, max_error=0.05, tolerance=3.0, confidence=sure, name="m")
    measure, pairs = Measure(gr.Profile.from_json(profile.to_json())), np.column_stack([said, sure])
    seen = works(measure, pairs)
    assert (profile.ranking, profile.score, profile.parity.differing) == ("confidence", "absolute", 0)
    assert profile.works.n == seen.sum() > 1900
    assert sure[seen].min() >= profile.works.threshold > sure[~seen].max()
    table = measure.table(pairs, 4000)
    assert all(
        measure.one(tuple(pair)) == measure.one(pair) == table.at(i) for i, pair in enumerate(pairs[:50])
    )
    assert measure.one((3.0, math.nan)).findings[0].code is CaveatCode.output


def test_a_regressors_confidence_with_max_width(draw_numbers):
    """Intervals too wide to be of use leave nothing but certified answers; a confidence may be as negative as it likes."""
    said, truth = draw_numbers(4000)
    sure = np.random.default_rng(0).normal(size=4000) - 1000
    truth = np.where(sure < -1000, truth + 50, truth)
    arguments = {"max_error": 0.05, "tolerance": 3.0, "confidence": sure, "name": "m"}
    profile = calibrate_regressor(said, truth, max_width=5.0, **arguments)
    measure = Measure(gr.Profile.from_json(profile.to_json()))
    assert measure.one((0.0, -998.0)).findings == ()
    assert measure.one((0.0, -1002.0)).findings[0].code is CaveatCode.unanswerable
    with pytest.raises(gr.ConfigurationError, match="confidence: must not be given with"):
        calibrate_regressor(said, truth, difficulty=np.ones(4000), **arguments)


class Given(np.random.RandomState):
    def __init__(self, u):
        super().__init__(0)
        self.u = u

    def uniform(self, *args, size=None, **kwargs):
        return self.u[size if isinstance(size, int) else size[0]].reshape(size)


class Logged(Column):
    def __init__(self, k):
        self.classes_ = np.arange(k)

    def predict_proba(self, x):
        return x


@pytest.mark.parametrize("k", [3, 10, 50])
@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_aps_sets_equal_mapies_with_the_same_uniforms(draw, k, coverage):
    """5,000 rows: 0 sets differ."""
    p, truth = draw(1500, k, seed=1, scale=2.0)
    test = score(draw(5000, k, seed=2, scale=2.0)[0]).shares
    profile = calibrate_classifier(
        p, truth, classes=range(k), coverage=coverage, max_error=None, score="aps", seed=7, **FIXED
    )
    key, p = key_of(7), score(p).shares
    given = Given({1500: uniforms(p, key), 5000: uniforms(test, key)})
    mapie = SplitConformalClassifier(
        Logged(k), confidence_level=coverage, conformity_score="aps", prefit=True, random_state=given
    ).conformalize(p, truth)
    theirs = mapie.predict_set(test, conformity_score_params={"include_last_label": "randomized"})[1][:, :, 0]
    assert (aps_sets(test, profile.quantile, key) != theirs).sum() == 0
    assert profile.parity.differing == 0


def test_aps_sets_cover_and_a_record_agrees_with_its_row(draw):
    """Coverage .9 on fresh rows within .015 (three standard errors of both draws); the set is a function of the
    answer and the seed."""
    p, truth = draw(4000, 10, seed=1, scale=2.0)
    test, known = draw(8000, 10, seed=2, scale=2.0)
    arguments = {"classes": range(10), "max_error": None, "score": "aps", **FIXED}
    measure = Measure(gr.Profile.from_json(calibrate_classifier(p, truth, **arguments).to_json()))
    sets = measure.table(test, 8000).sets
    assert sets[np.arange(8000), known].mean() == pytest.approx(0.9, abs=0.015)
    assert all(measure.one(test[i]) == measure.table(test[:300], 300).at(i) for i in range(300))
    other = Measure(calibrate_classifier(p, truth, seed=1, **arguments)).table(test, 8000).sets
    assert (sets != other).any(axis=1).mean() > 0.2


def test_exception_saturated_softmax_under_aps():
    """MAPIE's APS covers .85 of a saturated model's rows; the exact form keeps .9 (within .02)."""
    rng = np.random.default_rng(0)

    def saturated(n):
        z = 2 * rng.normal(size=(n, 10))
        e = np.exp(z - z.max(axis=1, keepdims=True))
        truth = np.minimum(
            (e.cumsum(axis=1) / e.sum(axis=1, keepdims=True) < rng.random((n, 1))).sum(axis=1), 9
        )
        q = np.exp((9 * (z - z.max(axis=1, keepdims=True))).astype(np.float32))
        return q / q.sum(axis=1, keepdims=True), truth

    (p, truth), (test, known) = saturated(4000), saturated(8000)
    with pytest.warns(CalibrationWarning, match="served form"):
        profile = calibrate_classifier(p, truth, classes=range(10), max_error=None, score="aps", **FIXED)
    sets = Measure(profile).table(test, 8000).sets
    assert sets[np.arange(8000), known].mean() == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize(
    ("score", "words"), [("raps", 'score: must be "lac" or "aps"'), ("aps", 'must be "lac" for two')]
)
def test_scores_that_cannot_be(draw, score, words):
    """No RAPS; and MAPIE has no APS for two classes."""
    p, truth = draw(100, 2)
    with pytest.raises(gr.ConfigurationError, match=words):
        calibrate_classifier(p, truth, classes=range(2), max_error=None, score=score, **FIXED)
