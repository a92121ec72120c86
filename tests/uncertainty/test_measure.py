"""One answer: what is read, which set or interval it gets, which findings hold."""

import math
from collections import OrderedDict
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from guardrails._conformal import Measure
from guardrails._types import CaveatCode, Finding, Interval

OUTPUT, UNCERTAIN, UNANSWERABLE = CaveatCode.output, CaveatCode.uncertain, CaveatCode.unanswerable
UNCERTIFIED, UNCALIBRATED = CaveatCode.uncertified, CaveatCode.uncalibrated
FELL_BACK = CaveatCode.fallback
FALLBACK = Finding(CaveatCode.fallback, "'rule'")
FAILED = frozenset({CaveatCode.deadline, CaveatCode.error})


def codes(measured):
    return [finding.code for finding in measured.findings]


def detail(measured):
    (finding,) = measured.findings
    return finding.detail


@pytest.fixture
def measure(classifier):
    return Measure(classifier(works=0.1, answered=0.3))


@pytest.mark.parametrize(
    "value",
    [
        np.array([0.05, 0.05, 0.9]),
        np.array([0.05, 0.05, 0.9], dtype=np.float32),
        np.array([0.05, 0.05, 0.9], dtype=">f8"),
        np.array([0.05, 0.05, 0.9], dtype=object),
        [0.05, 0.05, 0.9],
        (0.05, 0.05, 0.9),
        [np.float32(0.05), Decimal("0.05"), Fraction(9, 10)],
        {"yes": 0.9, "no": 0.05, "maybe": 0.05},
        OrderedDict(yes=0.9, no=0.05, maybe=0.05),
        pd.Series({"yes": 0.9, "no": 0.05, "maybe": 0.05}),
        pd.Series([0.05, 0.05, 0.9]),
        pd.Series([0.05, 0.05, 0.9], index=["p0", "p1", "p2"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_forms_of_a_probability_vector_mean_the_same(measure, value):
    """Arrays, lists and tuples are read in the order of the columns, mappings and labelled Series by label."""
    assert measure.one(value).prediction == "yes"


@pytest.mark.parametrize(
    ("r", "expected"),
    [(0.05, []), (0.1, []), (0.100001, [UNCERTAIN]), (0.3, [UNCERTAIN]), (0.300001, [UNANSWERABLE])],
)
def test_zones_follow_the_bounds(measure, r, expected):
    """Up to the first bound nothing is found, up to the second `uncertain`, beyond it `unanswerable`."""
    assert codes(measure.one([1.0 - r, r, 0.0])) == expected


def test_without_a_second_threshold_everything_below_the_first_is_uncertain(classifier):
    """Nobody asked for `max_degraded_error`."""
    assert codes(Measure(classifier(works=0.1)).one([0.4, 0.3, 0.3])) == [UNCERTAIN]


def test_a_second_threshold_alone_gives_no_works(classifier):
    """The confident answers are `uncertain`, the others `unanswerable`; the caveat says what is missing."""
    measure = Measure(classifier(answered=0.3))
    assert codes(measure.one([0.99, 0.01, 0.0])) == [UNCERTAIN]
    assert "no threshold is certified for max_error (too few rows)" in detail(measure.one([0.99, 0.01, 0.0]))
    assert codes(measure.one([0.4, 0.3, 0.3])) == [UNANSWERABLE]


def test_the_band_is_told_as_observed_and_uncertified(measure):
    """The caveat prints k of n and does not call it a promise."""
    assert (
        detail(measure.one([0.8, 0.2, 0.0]))
        == "such answers had 7 errors in 40 calibration rows, observed, not certified"
    )


def test_without_a_certificate_every_answer_is_uncertified(classifier):
    """A confident answer is no promise; the reason is the profile's."""
    measured = Measure(classifier()).one([1.0, 0.0, 0.0])
    assert codes(measured) == [UNCERTIFIED]
    assert detail(measured) == "too few rows"


def test_a_promise_that_could_not_be_kept_is_named_as_lost(classifier):
    """Where both guarantees were asked for, both are lost."""
    (finding,) = Measure(classifier(degraded_asked=True)).one([1.0, 0.0, 0.0]).findings
    assert "max_degraded_error" in finding.lost


def test_other_filters_than_the_calibrated_ones_lose_the_certificate(classifier):
    """The filters are part of the certificate."""
    measured = Measure(classifier(works=0.1), filters_match=False).one([1.0, 0.0, 0.0])
    assert codes(measured) == [UNCERTIFIED]
    assert "contract or output check" in detail(measured)


@pytest.mark.parametrize(
    "asked",
    [
        CaveatCode.unanswerable,
        CaveatCode.contract,
        CaveatCode.novel,
        CaveatCode.uncertain,
        CaveatCode.drifted_schema,
    ],
)
def test_a_fallback_is_not_certified_for_requests_that_were_selected(classifier, asked):
    """Certified on all rows, it errs more on those the primary gave up: no `Works`, no band."""
    fallback = Measure(classifier(works=0.1, answered=0.3), fallback=FALLBACK)
    assert codes(fallback.one([1.0, 0.0, 0.0], frozenset({asked, CaveatCode.error}))) == [
        FELL_BACK,
        UNCERTIFIED,
    ]


def test_a_fallback_keeps_its_certificate_after_a_failure(classifier):
    """A failure says nothing of the request."""
    fallback = Measure(classifier(works=0.1, answered=0.3), fallback=FALLBACK)
    sure, unsure = (fallback.one(p, FAILED) for p in ([1.0, 0.0, 0.0], [0.8, 0.2, 0.0]))
    assert (codes(sure), codes(unsure)) == ([FELL_BACK], [FELL_BACK, UNCERTAIN])
    assert {measured.findings[0].lost for measured in (sure, unsure)} == {""}
    assert codes(fallback.one([0.4, 0.3, 0.3], FAILED)) == [FELL_BACK, UNANSWERABLE]
    assert fallback.one([0.4, 0.3, 0.3], FAILED).findings[0].lost is None


def test_the_primary_is_not_asked_for_a_reason(classifier):
    """`asked` changes fallbacks only."""
    assert codes(Measure(classifier(works=0.1)).one([1.0, 0.0, 0.0], frozenset({CaveatCode.novel}))) == []


def test_sets_are_lac_with_an_exact_comparison(classifier):
    """A label is in while 1 - p is at most the quantile; equality counts, the next float does not."""
    probabilities = [0.75, 0.25, 0.0]
    assert Measure(classifier(works=0.3, quantile=0.75)).one(probabilities).prediction_set == {"no", "maybe"}
    below = math.nextafter(0.75, 0.0)
    assert Measure(classifier(works=0.3, quantile=below)).one(probabilities).prediction_set == {"no"}


def test_partial_answers_use_the_bands_quantile_and_hold_the_prediction(classifier):
    """With a quantile below every label's score the set is still the top label, not empty."""
    measure = Measure(classifier(works=0.01, quantile=0.0, band_quantile=0.1))
    assert measure.one([0.5, 0.3, 0.2]).prediction_set == {"no"}
    assert Measure(classifier(works=0.01, band_quantile=0.7)).one([0.5, 0.3, 0.2]).prediction_set == {
        "no",
        "maybe",
    }
    assert Measure(classifier(works=0.01, band_quantile=1.0)).one([0.9, 0.1, 0.0]).prediction_set == {
        "no",
        "maybe",
        "yes",
    }


def test_works_uses_the_quantile_of_all_traffic(classifier):
    """The set of an answer in the certified region is MAPIE's, which may be empty."""
    assert Measure(classifier(works=0.1, quantile=0.01)).one([0.95, 0.05, 0.0]).prediction_set == frozenset()


def test_the_first_of_tied_labels_is_predicted(measure):
    """As `argmax` does."""
    assert measure.one([0.25, 0.5, 0.25]).prediction == "maybe"
    assert measure.one([0.5, 0.5, 0.0]).prediction == "no"


def test_a_saturated_softmax_still_ranks_answers(classifier):
    """1 - max(p) is zero for both; the sum of the other terms is not."""
    measure = Measure(classifier(works=1e-30))
    assert codes(measure.one([1.0, 1e-40, 0.0])) == []
    assert codes(measure.one([1.0, 1e-20, 0.0])) == [UNCERTAIN]


def test_probabilities_are_divided_by_their_sum(classifier):
    """A sum within a thousandth of one is rounding; the score and the set use shares."""
    exact, scaled = [0.8, 0.2, 0.0], [0.8004, 0.2001, 0.0]
    measure = Measure(classifier(works=0.2, quantile=0.8))
    assert measure.one(scaled).prediction_set == measure.one(exact).prediction_set == {"no", "maybe"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "expected probabilities of shape (3,) or a mapping from the labels, got a NoneType"),
        (0.123456, "got a float"),
        ("secret", "got a str"),
        (
            np.array([[0.123456, 0.3, 0.576544]]),
            "expected probabilities of shape (3,), got (1, 3): take row [0]",
        ),
        ([[0.123456, 0.3, 0.576544]], "got (1, 3): take row [0]"),
        (np.array([0.123456, 0.876544]), "got (2,)"),
        ([0.123456, 0.876544], "got (2,)"),
        ([[0.123456], [0.2, 0.3]], "lists of unequal lengths"),
        (np.array(0.123456), "got ()"),
        ([0.123456, math.nan, 0.1], "the probabilities hold NaN"),
        (np.ma.array([0.123456, 0.3, 0.576544], mask=[0, 1, 0]), "the probabilities hold NaN"),
        ([0.123456, -0.1, 0.976544], "a probability is negative"),
        ([0.123456, 12.3456, 3.0], "do not sum to 1"),
        ([0.123456, 0.3, 0.5], "do not sum to 1"),
        ([math.inf, 0.0, 0.0], "do not sum to 1"),
        ([0.123456, "0.3", 0.576544], "expected a number, got a str"),
        ([0.123456, None, 0.576544], "expected a number, got a NoneType"),
        (np.array(["0.1", "0.2", "0.7"]), "expected numbers, got an array of str"),
        (np.array([1, 0, 0], dtype="m8[s]"), "expected numbers, got an array of timedelta64"),
        (np.array([1, 0, 0j]), "expected numbers, got an array of complex128"),
        ({"yes": 1.0, "no": 0.0}, "the mapping's labels are not the profile's classes"),
        (
            {"yes": 1.0, "no": 0.0, "maybe": 0.0, "secret": 0.0},
            "the mapping's labels are not the profile's classes",
        ),
        ([10**400, 0.0, 0.0], "the answer cannot be read (OverflowError)"),
        (object(), "got a object"),
    ],
)
def test_what_is_no_probability_vector_is_an_output_finding(measure, value, words):
    """No exception; the message names the mend and holds no value of the answer."""
    measured = measure.one(value)
    assert codes(measured) == [OUTPUT]
    assert words in detail(measured)
    assert (measured.prediction, measured.prediction_set, measured.interval) == (None, None, None)
    assert not any(secret in detail(measured) for secret in ("123456", "12.3", "secret"))


def test_an_answer_that_fights_back_is_an_output_finding(measure):
    """An `__array__` that raises is caught; its message, which may hold values, is not repeated."""

    class Hostile:
        def __array__(self, *args, **kwargs):
            raise RuntimeError("secret")

    assert detail(measure.one(Hostile())) == "the answer cannot be read (RuntimeError)"


def test_read_that_raises_is_an_output_finding(classifier):
    """The exception's type is told, its message is not."""

    def read(answer):
        raise KeyError("secret")

    assert detail(Measure(classifier(), read=read).one({})) == "read= raised KeyError"


def test_read_that_is_interrupted_is_not_caught(classifier):
    """Only `Exception` becomes a finding."""

    def read(answer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Measure(classifier(), read=read).one({})


def test_read_takes_the_probabilities_out_of_the_answer(classifier):
    """The function's own structure stays its own."""
    measure = Measure(classifier(works=0.2), read=lambda answer: answer["scores"])
    assert measure.one({"scores": [0.05, 0.05, 0.9], "note": None}).prediction == "yes"


def test_a_series_with_default_index_is_read_by_position():
    """0, 1, 2 as index name nothing, even where labels are integers in another order."""
    from guardrails._profile import Leaf, Profile

    measure = Measure(Profile(kind="classifier", name="m", classes=(2, 0, 1), leaf=Leaf(n=9, quantile=0.5)))
    assert measure.one(pd.Series([0.8, 0.1, 0.1])).prediction == 2
    assert measure.one(pd.Series([0.8, 0.1, 0.1], index=[0, 1, 2][::-1])).prediction == 2


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        np.float64(1.5),
        np.float32(1.5),
        np.array(1.5),
        np.array([1.5]),
        np.array([[1.5]]),
        [1.5],
        (1.5,),
        Decimal("1.5"),
        Fraction(3, 2),
        pd.Series([1.5]),
    ],
    ids=repr,
)
def test_the_forms_of_a_number_mean_the_same(regressor, value):
    """Scalars and one-element arrays; prediction and interval are plain floats."""
    measured = Measure(regressor()).one(value)
    assert (measured.prediction, measured.interval, measured.findings) == (1.5, Interval(-0.5, 3.5), ())
    assert type(measured.prediction) is float


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "expected a number, got a NoneType"),
        ("123.456", "expected a number, got a str"),
        (np.str_("123.456"), "expected a number, got a str_"),
        (math.nan, "the prediction is NaN"),
        (math.inf, "the prediction is infinite"),
        (-math.inf, "the prediction is infinite"),
        (np.array([123.456, 2.0]), "expected a number, got (2,)"),
        ([123.456, 2.0], "expected a number, got (2,)"),
        ([], "expected a number, got (0,)"),
        (1j, "expected a number, got a complex"),
        (np.timedelta64(3, "s"), "expected a number, got a timedelta64"),
        ({"value": 123.456}, "expected a number, got a dict"),
        (10**400, "the answer cannot be read (OverflowError)"),
    ],
)
def test_what_is_no_finite_number_is_an_output_finding(regressor, value, words):
    """No exception, no value in the message."""
    measured = Measure(regressor()).one(value)
    assert codes(measured) == [OUTPUT]
    assert words in detail(measured)
    assert "123" not in detail(measured)


def test_a_regressor_is_certified_for_all_answers_or_none(regressor):
    """Constant width: `Works` everywhere, `uncertain` everywhere, or `uncertified` everywhere."""
    assert codes(Measure(regressor(works=True)).one(1.0)) == []
    assert codes(Measure(regressor(works=False, answered=True)).one(1.0)) == [UNCERTAIN]
    assert codes(Measure(regressor(works=False)).one(1.0)) == [UNCERTIFIED]


@pytest.mark.parametrize(
    "value", [0.5, [0.2, 0.8], {"a": 1}, "text", object(), np.array([1, 2]), [None, 1], ()]
)
def test_without_a_profile_every_answer_is_uncalibrated(value):
    """Nothing is known of it, not even how to read it."""
    measured = Measure(None).one(value)
    assert (measured.prediction, codes(measured)) == (None, [UNCALIBRATED])


@pytest.mark.parametrize(
    "value",
    [
        None,
        math.nan,
        np.float32("nan"),
        [0.1, math.nan],
        np.array([[1.0, math.nan]]),
        np.array([1, math.nan], dtype=object),
    ],
)
def test_without_a_profile_none_and_nan_are_no_answers(value):
    """The two that no caller can use."""
    assert codes(Measure(None).one(value)) == [OUTPUT]


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (2, 2),
        (2.5, 2.5),
        (np.float64(2.5), 2.5),
        ("yes", "yes"),
        ({"no": 0.2, "yes": 0.8}, "yes"),
        ([0.2, 0.8], None),
        ({}, None),
    ],
)
def test_without_a_profile_read_still_gives_the_prediction(read, expected):
    """A number or label itself, the top label of a mapping; positions without labels say nothing."""
    measured = Measure(None, read=lambda _: read).one(object())
    assert (measured.prediction, codes(measured)) == (expected, [UNCALIBRATED])


@pytest.mark.parametrize("read", [None, math.nan, {"a": math.nan, "b": 0.5}, {"a": "x", "b": "y"}])
def test_without_a_profile_what_read_gives_must_hold(read):
    """NaN or text in place of a probability is no answer."""
    assert codes(Measure(None, read=lambda _: read).one(object())) == [OUTPUT]


def test_results_kept_for_reuse_are_bounded(classifier):
    """Labels have up to 2**K sets; the memory of results stays small and the answers right."""
    classes = tuple(range(16))
    measure = Measure(classifier(works=None, classes=classes, quantile=0.99))
    rng = np.random.default_rng(0)
    for p in rng.dirichlet(np.full(16, 0.3), size=6000):
        expected = {c for c in classes if 1 - p[c] / measure_sum(p) <= 0.99} | {int(p.argmax())}
        assert measure.one(p).prediction_set == expected
    assert len(measure._all.zones[0].known) <= 4096


def measure_sum(p):
    total = 0.0
    for x in p.tolist():
        total += x
    return total
