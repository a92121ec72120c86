"""The served form against MAPIE 1.6, its oracle: equal everywhere but where the difference is listed here, with its reason."""

import warnings

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from mapie.regression import SplitConformalRegressor
from mapie.risk_control import BinaryClassificationController, FWERFixedSequenceTesting, control_fwer
from scipy.stats import binom

from guardrails._calibration import calibrate_classifier, calibrate_regressor
from guardrails._calibration._certify import Promise, certify, first_size, sizes_of
from guardrails._calibration._mapie import order_statistic, rows_needed
from guardrails._conformal import Measure, lac_sets, score


class Logged:
    """MAPIE's view of a model: the logged predictions themselves."""

    is_fitted = True

    def __init__(self, classes=0):
        self.classes_ = np.arange(classes)

    def fit(self, x, y=None):
        raise AssertionError

    def predict_proba(self, x):
        return x

    def predict(self, x):
        return x[:, 0]


def mapie_sets(p, truth, test, coverage):
    mapie = SplitConformalClassifier(
        Logged(p.shape[1]), confidence_level=coverage, conformity_score="lac", prefit=True
    )
    return mapie.conformalize(p, truth).predict_set(test)[1][:, :, 0]


@pytest.mark.parametrize("k", [2, 3, 10, 50])
@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_sets_equal_mapies(draw, k, coverage):
    """5,000 rows with ties and zeros: 0 sets differ, save that an empty one becomes the prediction alone.

    Without a certificate every answer is degraded, and a degraded set always holds the top label.
    """
    p, truth = draw(1500, k, seed=1)
    test = draw(5000, k, seed=2)[0]
    test[:200] = np.round(test[:200], 2)
    test[:200] += np.eye(k)[0] * (1 - test[:200].sum(axis=1, keepdims=True))
    test[:200] = np.abs(test[:200]) / np.abs(test[:200]).sum(axis=1, keepdims=True)
    test[200:210] = 1 / k
    profile = calibrate_classifier(p, truth, classes=range(k), coverage=coverage, max_error=None, name="m")
    ours, theirs = Measure(profile).table(test, 5000).sets, mapie_sets(p, truth, test, coverage)
    empty = ~theirs.any(axis=1)
    assert (ours != theirs)[~empty].sum() == 0
    assert (ours[empty] == (np.arange(k) == test[empty].argmax(axis=1)[:, None])).all()
    assert (lac_sets(score(test).shares, profile.quantile) != theirs).sum() == 0


def test_sets_of_certified_answers_equal_mapies_as_they_are(draw):
    """In the certified region the set is MAPIE's, the empty ones too."""
    p, truth = draw(3000, 3, seed=3, scale=20.0)
    test = draw(3000, 3, seed=4, scale=20.0)[0]
    profile = calibrate_classifier(p, truth, classes=range(3), coverage=0.8, max_error=0.1, name="m")
    table = Measure(profile).table(test, 3000)
    works = np.array([i not in table.findings for i in range(3000)])
    theirs = mapie_sets(p, truth, test, 0.8)
    assert works.sum() > 1000
    assert (~theirs[works].any(axis=1)).sum() > 10
    assert (table.sets != theirs)[works].sum() == 0


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_bounds_equal_mapies(draw_numbers, coverage, scale):
    """5,000 intervals at three scales: the largest difference is 0.0."""
    said, truth = (scale * numbers for numbers in draw_numbers(1500))
    test = scale * draw_numbers(5000, seed=1)[0]
    profile = calibrate_regressor(said, truth, coverage=coverage, max_error=None, name="m")
    mapie = SplitConformalRegressor(Logged(), confidence_level=coverage, prefit=True).conformalize(
        said[:, None], truth
    )
    theirs = mapie.predict_interval(test[:, None])[1][:, :, 0]
    assert np.abs(Measure(profile).table(test, 5000).bounds - theirs).max() == 0.0


def test_exception_large_numbers(draw_numbers):
    """MAPIE checks its own arithmetic against an absolute 1e-8 and refuses numbers of 1e10; they are calibrated here."""
    said, truth = (1e10 * numbers for numbers in draw_numbers(1500))
    with pytest.raises(ValueError, match="not consistent"):
        SplitConformalRegressor(Logged(), prefit=True).conformalize(said[:, None], truth)
    profile = calibrate_regressor(said, truth, max_error=None, name="m")
    assert (profile.parity.differing, profile.parity.largest) == (0, 0.0)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_the_quantile_is_mapies_order_statistic(coverage):
    """For every n from the fewest rows up: decimal arithmetic and MAPIE's agree on k = ceil((n + 1) coverage)."""
    from mapie.utils import _compute_classification_quantile as quantile_of
    from mapie.utils import _transform_confidence_level_to_alpha as alpha_of

    least = rows_needed(coverage)
    scores = np.random.default_rng(0).random((least + 300, 1))
    for n in range(least, least + 300):
        assert (
            order_statistic(scores[:n, 0], coverage)
            == quantile_of(scores[:n], np.array([alpha_of(coverage)]))[0]
        )


def test_calibrating_leaves_the_global_random_state_alone(draw):
    """MAPIE draws from numpy's global generator."""
    before = str(np.random.get_state())  # noqa: NPY002 - the legacy state is what is checked
    p, truth = draw(100)
    calibrate_classifier(p, truth, classes=range(3), max_error=None, name="m")
    calibrate_regressor(p[:, 0], truth.astype(float), max_error=None, name="m")
    assert str(np.random.get_state()) == before  # noqa: NPY002


def saturated(n, seed, k=10):
    """An over-confident model: logits times nine through a float32 softmax."""
    rng = np.random.default_rng(seed)
    z = 2 * rng.normal(size=(n, k))
    p = np.exp(z - z.max(axis=1, keepdims=True))
    truth = np.minimum(
        (p.cumsum(axis=1) / p.sum(axis=1, keepdims=True) < rng.random((n, 1))).sum(axis=1), k - 1
    )
    q = np.exp((9 * (z - z.max(axis=1, keepdims=True))).astype(np.float32))
    return (q / q.sum(axis=1, keepdims=True)).astype(np.float32), truth


def test_exception_saturated_softmax():
    """MAPIE compares with a tolerance of 1e-8, within which a saturated softmax keeps most of its labels.

    At coverage .95 MAPIE gives every label to every row: right, and useless. The exact comparison keeps the promise
    with half as many. The profile says how many calibration rows differ, all of them by the tolerance.
    """
    (p, truth), (test, known) = saturated(4000, 0), saturated(20_000, 1)
    profile = calibrate_classifier(p, truth, classes=range(10), coverage=0.95, max_error=None, name="m")
    ours = Measure(profile).table(test, len(test)).sets
    shares = score(test.astype(np.float64)).shares
    theirs = mapie_sets(score(p.astype(np.float64)).shares, truth, shares, 0.95)
    assert theirs.all()
    assert ours.sum(axis=1).mean() < 6
    assert ours[np.arange(len(known)), known].mean() == pytest.approx(0.95, abs=0.012)
    assert profile.parity.differing == profile.parity.tolerance > 1000


def test_exception_unsorted_classes(draw):
    """MAPIE sorts the labels and not the columns, and goes wrong without a word; here columns keep their labels."""
    p, truth = draw(1500)
    names = np.array(["no", "yes", "maybe"])
    profile = calibrate_classifier(p, names[truth], classes=names, max_error=None, name="m")
    plain = calibrate_classifier(p, truth, classes=range(3), max_error=None, name="m")
    assert profile.classes == ("no", "yes", "maybe")
    assert (profile.quantile, profile.benchmark) == (plain.quantile, plain.benchmark)
    assert Measure(profile).one(np.array([0.1, 0.8, 0.1])).prediction == "yes"


def test_exception_a_label_without_rows(draw):
    """MAPIE warns of it; the set of such a row is the same, and calibration is silent about what is no fault."""
    p, truth = draw(1500, 4)
    kept = truth != 2
    profile = calibrate_classifier(p[kept], truth[kept], classes=range(4), max_error=None, name="m")
    assert profile.parity.differing == 0


def test_fewest_rows(draw):
    """1 / (1 - coverage): ten rows for .9; the theory's nine are refused because MAPIE cannot vouch for them."""
    p, truth = draw(10, seed=8)
    assert rows_needed(0.9) == 10
    assert rows_needed(0.95) == 20
    assert calibrate_classifier(p, truth, classes=range(3), max_error=None, name="m").parity.differing == 0


def sequence(seed, n=2000):
    """Scores, errors, and the thresholds of the sequence."""
    rng = np.random.default_rng(seed)
    r = rng.random(n)
    wrong = rng.random(n) < 0.01 + 0.12 * r
    sizes = sizes_of(np.sort(r))
    return r, wrong, sizes[sizes >= first_size(n, 0.05, 0.05)]


@pytest.mark.parametrize("seed", range(20))
def test_the_sequence_ends_where_mapies_fixed_sequence_ends(seed):
    """The same exact p-values through MAPIE's procedure reject the same hypotheses."""
    r, wrong, sizes = sequence(seed)
    k = np.cumsum(wrong[np.argsort(r)])[sizes - 1]
    rejected = control_fwer(binom.cdf(k, sizes, 0.05), 0.05, FWERFixedSequenceTesting(n_starts=1))
    certificate = certify(r, wrong, Promise("max_error", 0.05, 0.05)).certificate
    assert (certificate.n if certificate else 0) == (sizes[max(rejected)] if len(rejected) else 0)


def test_mapies_controller_accepts_no_more():
    """Its Hoeffding-Bentkus p-value is valid and never below the exact one: of 20 worlds it certifies a subset of each."""
    promise, ours, theirs = Promise("max_error", 0.05, 0.05), [], []
    for seed in range(20):
        r, wrong, sizes = sequence(seed)
        controller = BinaryClassificationController(
            lambda x: np.column_stack([x[:, 0], 1 - x[:, 0]]),
            "precision",
            target_level=0.95,
            confidence_level=0.95,
            list_predict_params=np.sort(1 - np.sort(r)[sizes - 1])[::-1],
            fwer_method="fixed_sequence",
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            controller.calibrate(r[:, None], (~wrong).astype(int))
        thresholds = controller.valid_predict_params
        certificate = certify(r, wrong, promise).certificate
        ours.append(0 if certificate is None else certificate.n)
        theirs.append(max(((1 - r >= t).sum() for t in thresholds), default=0))
    assert all(a >= b for a, b in zip(ours, theirs, strict=True))
    assert sum(ours) > sum(theirs) > 0
