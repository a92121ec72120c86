"""Inputs unlike the calibration rows: what is caught, how often wrongly, and that a record and a row agree."""

import math
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

import guardrails as gr
from guardrails._calibration import CalibrationWarning, calibrate_classifier, calibrate_regressor
from guardrails._calibration._novelty import own_novelty, rows_needed, threshold_of
from guardrails._conformal import Novel
from guardrails._types import CaveatCode

FIXED = {"created": "2026-11-01", "name": "m", "classes": ["no", "yes"], "max_error": None}


def traffic(n, seed=0):
    """Two kinds of customers whose fields go together; every value is legal for both."""
    rng = np.random.default_rng(seed)
    firm = rng.random(n) < 0.4
    return pd.DataFrame(
        {
            "kind": np.where(firm, "firm", "person"),
            "size": np.where(firm, rng.normal(100, 9, size=n), rng.normal(10, 3, size=n)),
            "code": np.where(firm, rng.integers(0, 2, size=n), rng.integers(2, 5, size=n)),
            "note": pd.Series(np.where(rng.random(n) < 0.1, None, "x"), dtype=object),
        }
    )


def profile_of(n=4000, seed=0, **more):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.4, 0.4, size=n)
    truth = np.where(rng.random(n) < p, "yes", "no")
    return calibrate_classifier(
        np.column_stack([1 - p, p]), truth, **{"inputs": traffic(n, seed), **FIXED, **more}
    )


def novel(profile):
    return Novel(profile.inputs, profile.novelty)


def shifted(table):
    return table.assign(code=(table["code"] + 2) % 5)


@pytest.fixture(scope="module")
def profile():
    return profile_of()


def test_a_recode_within_range_is_caught(profile):
    """Shifted codes: every value is one that calibration saw, and the pair with the kind is not."""
    caught = novel(profile).table(shifted(traffic(2000, 1)), 2000)
    assert caught.mean() > 0.7
    assert novel(profile).table(traffic(2000, 1), 2000).mean() < 0.02


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "robot"},
        {"size": 1e6},
        {"size": -1e6},
        {"size": "many"},
        {"kind": None},
        {"code": 99},
        {"kind": ["a"]},
    ],
)
def test_values_never_seen_are_caught(profile, change):
    """A category, a magnitude, a type, a missing value."""
    record = {"kind": "firm", "size": 100.0, "code": 0, "note": "x"}
    assert novel(profile).one(record, record) == ()
    (finding,) = novel(profile).one(None, record | change)
    assert finding.code is CaveatCode.novel


@pytest.mark.statistical
def test_the_rate_of_false_alarms_is_the_bound_on_average():
    """30 draws of 1,000 rows, 20 inputs, bound .02: at most .02 + 3 standard errors of a draw's Beta(10, 491) rate over
    30 draws, .0034 (error rate .0013). Fitted and judged on the same rows it would be above .03."""
    rates = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        mix = rng.normal(size=(20, 20))
        inputs, fresh = rng.normal(size=(1000, 20)) @ mix, rng.normal(size=(4000, 20)) @ mix
        p = rng.random(1000)
        profile = calibrate_classifier(
            np.column_stack([1 - p, p]),
            np.where(rng.random(1000) < p, "yes", "no"),
            inputs=inputs,
            novelty=0.02,
            **FIXED,
        )
        rates.append(novel(profile).table({j: fresh[:, j] for j in range(20)}, 4000).mean())
    assert np.mean(rates) <= 0.0234


def test_only_rows_outside_the_fitting_half_certify(profile):
    """And of these, only those that are not novel."""
    assert (profile.fitted, profile.novelty.fitted, profile.novelty.reference) == (2000, 2000, 2000)
    assert profile.leaf.n == 2000 - profile.novel
    assert profile.novel <= 20


def test_other_rows_to_fit_on_let_all_rows_certify():
    """Such as the training inputs, which need no truth."""
    profile = profile_of(novelty_rows=traffic(9000, 7))
    assert (profile.fitted, profile.novelty.fitted, profile.novelty.reference) == (0, 9000, 4000)
    assert profile.leaf.n == 4000 - profile.novel
    assert novel(profile).table(shifted(traffic(500, 1)), 500).mean() > 0.7


def test_too_few_rows_turn_it_off_or_refuse_a_named_bound():
    """398 rows: the smallest p-value of 199 reference rows, twice 1/200, is the default bound; one row less is too few."""
    assert rows_needed(0.01) == 199
    assert profile_of(398).novelty is not None
    off = profile_of(396)
    assert (off.novelty, off.leaf.n) == (None, 396)
    assert "takes at least 398 rows" in off.novelty_reason
    assert "off: takes at least 398 rows" in gr.guard(budget=None, profile=off)(
        lambda _r: 0
    ).explain().replace("\n", " ")
    with pytest.raises(gr.ConfigurationError, match="novelty: takes at least 3,998 rows"):
        profile_of(396, novelty=0.001)
    with pytest.raises(gr.ConfigurationError, match="inputs: must be given with novelty"):
        profile_of(inputs=None, novelty=0.01)


@pytest.mark.parametrize("novelty", [0.0, 1.0, True, "on"])
def test_bounds_that_cannot_be(novelty):
    """No share."""
    with pytest.raises(gr.ConfigurationError, match="novelty: must lie between"):
        profile_of(400, novelty=novelty)


def test_the_band_of_the_realised_rate_is_told(profile):
    """From the reference rows that are flagged: tied scores flag fewer than the bound allows."""
    flagged = profile.novel
    assert profile.novelty.low == beta.ppf(0.05, flagged, 2001 - flagged)
    assert profile.novelty.high == beta.ppf(0.95, flagged + 2, 1999 - flagged)
    assert "(for this draw between" in profile.summary().replace("\n", " ")


@pytest.mark.statistical
@pytest.mark.parametrize("tied", [False, True])
def test_the_realised_rate_lies_in_its_band(tied):
    """400 references of 1,000 scores, bound .02: outside in at most 10 % + 3 standard errors, 4.5 % (error rate .0013);
    scores in 200 steps flag fewer rows than the bound allows, and the band says so."""
    outside = 0
    for seed in range(400):
        scores = np.random.default_rng(seed).random(1000)
        told = own_novelty(np.floor(200 * scores) if tied else scores, 0.02)
        steps = np.arange(200)
        rate = (steps > told.threshold).mean() if tied else 1 - told.threshold
        outside += not told.low <= rate <= told.high
    assert outside / 400 <= 0.145


def test_the_file_holds_it(profile):
    """Written and read, it judges alike."""
    again = gr.Profile.from_json(profile.to_json())
    assert again == profile
    table = shifted(traffic(300, 2))
    assert (novel(again).table(table, 300) == novel(profile).table(table, 300)).all()


def _numbers(rng, n):
    return rng.normal(size=(n, 30)) @ rng.normal(size=(30, 30))


def _labels(rng, n):
    """Thirty columns of up to 223 categories each, that go together."""
    hidden = rng.integers(0, 50, size=n)
    codes = [(hidden * (j + 3) + rng.integers(0, 9, size=n)) % (20 + 7 * j) for j in range(30)]
    return pd.DataFrame(
        {
            f"field_{j}": np.char.add("category_", code.astype(str)).astype(object)
            for j, code in enumerate(codes)
        }
    )


@pytest.mark.parametrize(
    ("inputs", "n", "most"),
    [
        (_numbers, 20_000, 100_000),
        pytest.param(_numbers, 100_000, 100_000, marks=pytest.mark.exhaustive),
        pytest.param(_labels, 100_000, 200_000, marks=pytest.mark.exhaustive),
    ],
)
def test_the_largest_file(inputs, n, most):
    """30 columns, both certificates of 20 cohorts and histograms: under 200 KB, whatever the number of rows."""
    rng = np.random.default_rng(0)
    p = rng.beta(0.2, 0.2, size=n)
    profile = calibrate_classifier(
        np.column_stack([1 - p, p]),
        np.where(rng.random(n) < p, "yes", "no"),
        inputs=inputs(rng, n),
        cohorts=rng.integers(0, 20, size=n) if n > 20_000 else None,
        **FIXED | {"max_error": 0.1, "max_degraded_error": 0.2},
    )
    assert profile.novelty is not None
    assert len(profile.to_json().encode()) < most


_VALUES = st.one_of(
    st.floats(),
    st.integers(-5, 200),
    st.none(),
    st.booleans(),
    st.sampled_from(
        ["firm", "person", "x", "", np.float32(3), np.int64(3), np.str_("firm"), pd.NA, pd.NaT, 10**400]
    ),
)


@given(
    st.lists(
        st.fixed_dictionaries(dict.fromkeys(("kind", "size", "code", "note"), _VALUES)),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=200, deadline=None)
def test_a_record_and_a_row_agree(rows):
    """Whatever the cells hold."""
    judge = novel(_PROFILE)
    frame = pd.DataFrame(rows, dtype=object)
    found = judge.table(dict(frame.items()), len(rows))
    assert found.tolist() == [bool(judge.one(None, record)) for record in rows]


@given(st.lists(st.tuples(st.floats(), st.integers(0, 6)), min_size=1, max_size=9))
@settings(max_examples=100, deadline=None)
def test_columns_of_plain_numbers_agree_with_their_records(rows):
    """The vectorised path: NaN, infinities, the cuts themselves."""
    judge = novel(_PROFILE)
    cuts = next(field for field in _PROFILE.inputs if field.name == "size").cuts
    rows = [*rows, *((cut, 1) for cut in cuts), *((math.nextafter(cut, -math.inf), 1) for cut in cuts)]
    frame = pd.DataFrame(
        {"size": [r[0] for r in rows], "code": [r[1] for r in rows], "kind": "firm", "note": "x"}
    )
    found = judge.table(dict(frame.items()), len(rows))
    records = [{"size": size, "code": code, "kind": "firm", "note": "x"} for size, code in rows]
    assert found.tolist() == [bool(judge.one(None, record)) for record in records]


_PROFILE = profile_of()


def test_p_values_count_ties_against_novelty():
    """(1 + number at least as strange) / (n + 1) <= bound holds above the threshold and not at it."""
    reference = np.repeat([1.0, 2.0, 3.0], [900, 90, 9])
    threshold = threshold_of(reference, 0.01)
    assert threshold == 2.0
    for score, alarm in ((2.0, False), (3.0, True)):
        p = (1 + int((reference >= score).sum())) / 1000
        assert (p <= 0.01, score > threshold) == (alarm, alarm)


REQUEST = {"kind": "firm", "size": 100.0, "code": 0, "note": "x"}
STRANGE = REQUEST | {"code": 4}


def answers(_request):
    return [0.001, 0.999]


def test_the_guard_does_not_call_the_primary_for_a_novel_request(profile):
    """It asks the fallback, whose certificate does not hold, else a person; the table agrees."""
    called = []

    def primary(request):
        called.append(request)
        return [0.001, 0.999]

    for fallbacks, route in (((), "needs_review"), ([lambda _r: [0.5, 0.5]], "degraded")):
        guard = gr.guard(budget=None, profile=profile, fallbacks=fallbacks)
        assert guard(primary)(STRANGE).route == route
        assert not called
        caveat = guard(primary)(STRANGE).caveats[0]
        assert (caveat.code, "max_error" in caveat.lost) == (CaveatCode.novel, True)
    guard = gr.guard(budget=None, profile=profile)
    assert CaveatCode.novel not in {c.code for c in guard(primary)(REQUEST).caveats}
    decisions = guard.batch(lambda table: [[0.001, 0.999]] * len(table))(
        pd.DataFrame([REQUEST, STRANGE, REQUEST])
    )
    assert decisions.routes.tolist() == ["degraded", "needs_review", "degraded"]
    assert [CaveatCode.novel in {c.code for c in d.caveats} for d in decisions] == [False, True, False]


def test_a_policy_may_degrade_instead(profile):
    """Then the primary is asked and the caveat says so; the table agrees."""
    guard = gr.guard(budget=None, profile=profile, policy=gr.Policy(novel="degraded", novelty=0.01))
    decision = guard(answers)(STRANGE)
    assert (decision.route, decision.prediction, decision.caveats[0].code) == (
        "degraded",
        "yes",
        CaveatCode.novel,
    )
    decisions = guard.batch(lambda table: [[0.001, 0.999]] * len(table))([STRANGE, REQUEST])
    assert [[c.code for c in d.caveats] for d in decisions] == [
        [c.code for c in guard(answers)(r).caveats] for r in (STRANGE, REQUEST)
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"policy": gr.Policy(novelty=0.05)}, "was calibrated for 0.01"),
        ({"novelty": lambda _r: 1.0}, "novelty: must be None"),
        ({"novelty": 3}, "novelty: must be the score"),
        ({"profile": None, "policy": gr.Policy(novelty=0.05)}, "the profile has none"),
    ],
)
def test_a_guard_that_does_not_fit_the_profiles_novelty(profile, arguments, words):
    """Another bound, a score nobody calibrated."""
    with pytest.raises(gr.ConfigurationError, match=words):
        gr.guard(**{"budget": None, "profile": profile, **arguments})


@pytest.mark.parametrize("bound", [0.0, 1, True, "x"])
def test_a_policy_whose_bound_is_none(bound):
    """No share."""
    with pytest.raises(gr.ConfigurationError, match=r"Policy\(novelty=\)"):
        gr.Policy(novelty=bound)


def test_a_request_that_is_no_record_is_novel(profile):
    """Nothing can be said of it."""
    decision = gr.guard(budget=None, profile=profile)(answers)(3)
    assert "cannot be read as a record" in decision.caveats[0].message


def strangeness(request):
    return abs(request["size"] - 55.0)


def test_a_users_own_score():
    """All rows are its reference; it is asked with the request; what it cannot judge is novel."""
    profile = profile_of(novelty_score=strangeness)
    assert (profile.fitted, profile.novelty.terms) == (0, 1)
    guard = gr.guard(budget=None, profile=profile, novelty=strangeness)
    requests = [REQUEST, REQUEST | {"size": 500.0}, REQUEST | {"size": None}, REQUEST | {"size": math.nan}]
    routes = ["degraded", "needs_review", "needs_review", "needs_review"]
    assert [guard(answers)(request).route for request in requests] == routes
    assert guard.batch(lambda table: [[0.001, 0.999]] * len(table))(requests).routes.tolist() == routes
    with pytest.raises(
        gr.ConfigurationError, match="must be the callable that the profile was calibrated with"
    ):
        gr.guard(budget=None, profile=profile)


@pytest.mark.parametrize("score", [3, lambda _r: "x", lambda _r: math.nan])
def test_scores_that_cannot_be(score):
    """Said at calibration."""
    with pytest.raises(gr.ConfigurationError, match="novelty_score: must"):
        profile_of(400, novelty_score=score)


def test_a_fallback_is_certified_on_what_its_primarys_novelty_lets_pass():
    """It has no novelty of its own."""
    primary = profile_of(max_error=0.2)
    rng = np.random.default_rng(0)
    p = rng.beta(0.4, 0.4, size=4000)
    strange = traffic(4000)
    strange.loc[:999] = shifted(strange.loc[:999])
    with pytest.warns(CalibrationWarning, match="unanswerable"):
        fallback = profile_of(inputs=strange, primary=(primary, np.column_stack([1 - p, p])))
    assert fallback.novelty is None
    assert (fallback.fitted, primary.fitted) == (2000, 2000)  # the rows its primary's scores were fitted on
    assert fallback.novel > 250
    assert fallback.leaf.n == 2000 - fallback.novel


def test_regressors_too():
    """The same filter."""
    rng = np.random.default_rng(0)
    said = rng.normal(size=3000)
    profile = calibrate_regressor(
        said, said + rng.normal(size=3000), inputs=traffic(3000), max_error=None, name="m"
    )
    assert novel(profile).table(shifted(traffic(500, 1)), 500).mean() > 0.7


def test_fields_without_use_are_ignored():
    """Dates, identifiers, objects: they say nothing, and are never a reason."""
    table = traffic(4000).assign(id=[f"id-{i}" for i in range(4000)], day=pd.Timestamp("2026-01-01"))
    profile = profile_of(inputs=table)
    assert {f.name: f.kind for f in profile.inputs}["id"] == "ignored"
    assert novel(profile).one(None, REQUEST | {"id": 7, "day": "never"}) == ()


def test_fields_that_name_a_request_are_not_looked_at():
    """The next number of a counter is always new. Other identifiers are left out by leaving them out of `novelty_rows`."""
    table = traffic(4000).assign(number=np.arange(4000), customer=np.arange(4000) // 2)
    fitted = table.drop(columns="customer")
    profile = profile_of(inputs=table, novelty_rows=fitted)
    assert [field.name for field in profile.inputs if field.kind == "ignored"] == ["number", "customer"]
    assert "fields it does not look at: number, customer" in profile.summary().replace("\n           ", " ")
    record = {"kind": "firm", "size": 100.0, "code": 0, "note": "x", "number": 9999, "customer": 9999}
    assert novel(profile).one(record, record) == ()


def test_numbers_at_the_end_of_the_floats():
    """Bins are finite, and so is the file."""
    rng = np.random.default_rng(0)
    table = traffic(4000)
    table["size"] = np.where(rng.random(4000) < 0.01, sys.float_info.max, table["size"])
    table["wide"] = 1e308 * rng.normal(size=4000).clip(-1, 1)
    table["open"] = np.where(rng.random(4000) < 0.01, np.inf, rng.random(4000))
    profile = profile_of(inputs=table)
    assert gr.Profile.from_json(profile.to_json()) == profile
    record = {"kind": "firm", "size": 100.0, "code": 0, "note": "x", "wide": 0.0, "open": 0.5}
    assert novel(profile).one(record, record) == ()


def test_records_are_inputs_too():
    """A list of dicts gives what the table gives."""
    table = traffic(1000)
    rows = [{k: v for k, v in record.items() if v is not None} for record in table.to_dict("records")]
    assert profile_of(1000, inputs=rows).novelty == profile_of(1000, inputs=table).novelty


def test_by_default_it_takes_no_rows_that_a_certificate_needs():
    """Off where half of the rows would start the test below its full power, with the count; a named bound insists."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        off, on = profile_of(600, max_error=0.1), profile_of(600, max_error=0.1, novelty=0.01)
    assert off.novelty is None
    assert "half of the rows from the certificates" in off.novelty_reason
    assert on.novelty is not None
