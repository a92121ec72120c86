"""A certificate belongs to a leaf: who answers, why it was asked, and for which cohort."""

import numpy as np
import pytest

import guardrails as gr
from guardrails._calibration import CalibrationWarning, calibrate_classifier, calibrate_regressor
from guardrails._conformal import Measure
from guardrails._types import CaveatCode, Finding

FIXED = {"created": "2026-11-01", "name": "m"}
RULE = Finding(CaveatCode.fallback, "'rule'")
UNANSWERABLE = frozenset({CaveatCode.unanswerable})
FAILED = frozenset({CaveatCode.error})


def codes(measure, values, asked=frozenset(), cohorts=None):
    table = measure.table(values, len(values), asked, cohorts)
    return np.array(
        [str(table.findings[i][-1].code) if i in table.findings else "works" for i in range(len(values))]
    )


@pytest.fixture(scope="module")
def chain(draw):
    """A primary and a fallback that is better where the primary is unsure."""
    p, truth = draw(20_000, scale=3.0, seed=5)
    rng = np.random.default_rng(5)
    right = rng.random(20_000) < 0.97
    sure = rng.beta(8, 1, size=20_000) * 0.6 + 0.4
    top = np.where(right, truth, (truth + 1) % 3)
    q = np.repeat(((1 - sure) / 2)[:, None], 3, axis=1)
    q[np.arange(20_000), top] = sure
    primary = calibrate_classifier(
        p, truth, classes=range(3), max_error=0.05, max_degraded_error=0.15, **FIXED
    )
    return primary, p, q, truth


def test_a_fallback_is_certified_for_both_reasons_it_is_asked(chain):
    """All rows, and those below the primary's second threshold; the latter pays for the choices of that threshold."""
    primary, p, q, truth = chain
    profile = calibrate_classifier(
        q, truth, classes=range(3), max_error=0.1, max_degraded_error=0.15, primary=(primary, p), **FIXED
    )
    asked = codes(Measure(primary), p) == "unanswerable"
    assert profile.unanswerable.leaf.n == asked.sum() > 1000
    assert profile.leaf.n == 20_000
    assert profile.answered.level == pytest.approx(0.1 / 2 / 2)
    assert profile.unanswerable.leaf.answered.level == pytest.approx(0.1 / 2 / 2 / 100)
    assert gr.Profile.from_json(profile.to_json()) == profile
    measure = Measure(profile, fallback=RULE, limit=0.15)
    served = codes(measure, q[asked], UNANSWERABLE) != "unanswerable"
    assert profile.unanswerable.leaf.answered.n == served.sum()
    found = measure.one(q[asked][served][0], UNANSWERABLE).findings[0]
    assert (found.code, found.lost) == (CaveatCode.fallback, "")
    assert "certified to err in at most 15 %" in found.detail


def test_a_fallback_certified_on_all_rows_is_not_for_the_selected_ones(draw):
    """It errs where the primary does: the leaf of the rows it would be asked for has no certificate, the other has."""
    p, truth = draw(8000, scale=2.0, seed=6)
    primary = calibrate_classifier(
        p, truth, classes=range(3), max_error=0.05, max_degraded_error=0.15, **FIXED
    )
    weaker = (p + 0.02) / 1.06
    with pytest.warns(CalibrationWarning, match="after `unanswerable`"):
        profile = calibrate_classifier(
            weaker, truth, classes=range(3), max_error=0.15, primary=(primary, p), **FIXED
        )
    assert profile.works is not None
    assert profile.unanswerable.leaf.works is None
    measure = Measure(profile, fallback=RULE)
    assert set(codes(measure, weaker, UNANSWERABLE)) == {"uncertified"}
    assert "fallback" in set(codes(measure, weaker, FAILED))


@pytest.mark.parametrize("more", [CaveatCode.novel, CaveatCode.contract, CaveatCode.fallback])
def test_no_certificate_holds_after_other_selections(chain, more):
    """After the contract, novelty, or an earlier fallback that declined by its own score."""
    primary, p, q, truth = chain
    profile = calibrate_classifier(q, truth, classes=range(3), max_error=0.15, primary=(primary, p), **FIXED)
    assert set(codes(Measure(profile, fallback=RULE), q[:200], UNANSWERABLE | {more})) == {"uncertified"}


def test_a_weaker_promise_than_the_guards_loses_the_guards(chain):
    """The fallback's certificate holds, but not at the guard's `max_degraded_error`."""
    primary, p, q, truth = chain
    profile = calibrate_classifier(q, truth, classes=range(3), max_error=0.15, primary=(primary, p), **FIXED)
    for limit, lost in ((0.15, ""), (0.1, None)):
        table = Measure(profile, fallback=RULE, limit=limit).table(q, len(q), FAILED)
        assert {f[0].lost for f in table.findings.values() if len(f) == 1} == {lost}


def test_too_few_unanswerable_rows_are_told(draw):
    """The branch is missing, with the reason, and every such answer is uncertified."""
    p, truth = draw(2000)
    primary = calibrate_classifier(p, truth, classes=range(3), max_error=0.1, max_degraded_error=0.3, **FIXED)
    with pytest.warns(CalibrationWarning, match="finds 0 of these rows unanswerable"):
        profile = calibrate_classifier(
            p, truth, classes=range(3), max_error=0.2, primary=(primary, p), **FIXED
        )
    assert profile.unanswerable is None


@pytest.mark.parametrize(
    ("primary", "words"),
    [(3, "primary: must be"), (("x", "y"), "primary: must be"), ("short", "one per row")],
)
def test_a_primary_that_cannot_be(chain, primary, words):
    """Not a pair, no profile, or answers of other rows."""
    profile, p, q, truth = chain
    given = (profile, p[:5]) if primary == "short" else primary
    with pytest.raises(gr.ConfigurationError, match=words):
        calibrate_classifier(q, truth, classes=range(3), max_error=0.1, primary=given, **FIXED)


def test_the_guard_lets_a_certified_fallback_answer_after_unanswerable(chain):
    """The caveat says that `max_degraded_error` still holds; another primary's fallback is refused."""
    primary, p, q, truth = chain
    fallback = calibrate_classifier(
        q, truth, classes=range(3), max_error=0.1, max_degraded_error=0.15, primary=(primary, p), **FIXED
    )
    low = p[codes(Measure(primary), p) == "unanswerable"][0]
    guarded = gr.guard(
        budget=None, profile=primary, fallbacks=[gr.Fallback(lambda _x: [0.98, 0.01, 0.01], profile=fallback)]
    )(lambda _x: low)
    decision = guarded({"x": 1})
    assert isinstance(decision, gr.Degraded)
    assert {str(c.code): c.lost for c in decision.caveats}["fallback"] == ""
    other = calibrate_classifier(p, truth, classes=range(3), max_error=0.05, **FIXED)
    with pytest.raises(gr.ConfigurationError, match="behind another primary"):
        gr.guard(
            budget=None, profile=other, fallbacks=[gr.Fallback(lambda _x: [1.0, 0, 0], profile=fallback)]
        )


@pytest.fixture(scope="module")
def mixed(draw):
    """Three cohorts: one right, one wrong more often, and many small ones."""
    p, truth = draw(8000, scale=8.0, seed=3)
    rng = np.random.default_rng(3)
    cohorts = rng.choice(["good", "bad", "s1", "s2", "s3"], p=[0.5, 0.4, 0.04, 0.03, 0.03], size=8000)
    flip = (cohorts == "bad") & (rng.random(8000) < 0.3)
    return p, np.where(flip, (truth + 1) % 3, truth), cohorts


def test_each_cohort_has_its_own_certificate_and_coverage(mixed):
    """The bad cohort has no `Works`, the good one has; the small ones share `rest` by row count alone."""
    p, truth, cohorts = mixed
    with pytest.warns(CalibrationWarning, match="in cohort 'bad'"):
        profile = calibrate_classifier(p, truth, classes=range(3), max_error=0.05, cohorts=cohorts, **FIXED)
    found = profile.cohorts
    assert ([each.label for each in found.own], found.small) == (["bad", "good"], ("s1", "s2", "s3"))
    assert found.rest.n == np.isin(cohorts, ["s1", "s2", "s3"]).sum()
    assert found.own[1].leaf.works.level == pytest.approx(0.1 / 3)
    measure = Measure(gr.Profile.from_json(profile.to_json()))
    seen = codes(measure, p, cohorts=list(cohorts))
    assert set(seen[cohorts == "bad"]) == {"cohort_uncertified"}
    assert (seen[cohorts == "good"] == "works").sum() == found.own[1].leaf.works.n
    table = measure.table(p, len(p), cohorts=list(cohorts))
    held = table.sets[np.arange(len(p)), truth]
    for each in found.own:
        assert held[cohorts == each.label].mean() >= 0.9


@pytest.mark.parametrize("cohort", ["never seen", None, ["unhashable"], float("nan")])
def test_an_unseen_cohort_has_no_works(mixed, cohort):
    """Nor has a request that does not say its cohort."""
    p, truth, cohorts = mixed
    keep = cohorts != "bad"
    profile = calibrate_classifier(
        p[keep], truth[keep], classes=range(3), max_error=0.1, cohorts=cohorts[keep], **FIXED
    )
    (finding,) = Measure(profile).one([1.0, 0.0, 0.0], cohort=cohort).findings
    assert finding.code is CaveatCode.cohort_uncertified
    assert Measure(profile).one([1.0, 0.0, 0.0], cohort="good").findings == ()


def test_small_cohorts_too_few_even_together(draw):
    """They have no quantile of their own, and no `Works`."""
    p, truth = draw(2000)
    cohorts = np.array(["a"] * 1996 + ["b", "c", "d", "e"])
    with pytest.warns(CalibrationWarning, match="4 cohorts have too few rows"):
        profile = calibrate_classifier(p, truth, classes=range(3), max_error=0.1, cohorts=cohorts, **FIXED)
    assert profile.cohorts.rest is None
    assert Measure(profile).one([1.0, 0, 0], cohort="b").findings[0].code is CaveatCode.cohort_uncertified


def test_the_predicted_class_as_the_cohort(draw):
    """A class whose predictions err has no `Works`; the others keep theirs; a table agrees with records."""
    p, truth = draw(9000, scale=8.0, seed=9)
    rng = np.random.default_rng(1)
    truth = np.where((p.argmax(axis=1) == 2) & (rng.random(9000) < 0.3), 0, truth)
    with pytest.warns(CalibrationWarning, match="in cohort '2'"):
        profile = calibrate_classifier(
            p, truth, classes=range(3), max_error=0.05, cohorts="prediction", **FIXED
        )
    measure = Measure(profile)
    seen = codes(measure, p)
    assert set(seen[p.argmax(axis=1) == 2]) == {"cohort_uncertified"}
    for k in (0, 1):
        assert (seen[p.argmax(axis=1) == k] == "works").sum() == profile.cohorts.own[k].leaf.works.n
    table = measure.table(p[:500], 500)
    assert all(table.at(i) == measure.one(p[i]) for i in range(500))


@pytest.mark.parametrize(
    ("cohorts", "words"),
    [
        ("class", "cohorts: must be"),
        ([None] * 100, "must name a cohort"),
        (["a"], "cohorts: must have as many rows"),
    ],
)
def test_cohorts_that_cannot_be(draw, cohorts, words):
    """Another word, missing labels, another length."""
    p, truth = draw(100)
    with pytest.raises(gr.ConfigurationError, match=words):
        calibrate_classifier(p, truth, classes=range(3), max_error=None, cohorts=cohorts, **FIXED)


def test_a_regressor_has_no_predicted_cohort(draw_numbers):
    """A number is no cohort."""
    with pytest.raises(gr.ConfigurationError, match="a number is no cohort"):
        calibrate_regressor(*draw_numbers(100), max_error=None, cohorts="prediction", **FIXED)


@pytest.mark.parametrize("cohort", ["region", lambda request: request["region"]])
def test_the_guard_reads_the_cohort_of_the_request(mixed, cohort):
    """By field name or callable; record and table agree, and a request without the field has no `Works`."""
    p, truth, cohorts = mixed
    keep = cohorts != "bad"
    profile = calibrate_classifier(
        p[keep], truth[keep], classes=range(3), max_error=0.1, cohorts=cohorts[keep], **FIXED
    )
    guard = gr.guard(budget=None, profile=profile, cohort=cohort)
    requests = [{"region": "good"}, {"region": "nowhere"}, {}]
    routes = [guard(lambda _r: [1.0, 0.0, 0.0])(request).route for request in requests]
    assert routes == ["works", "degraded", "degraded"]
    decisions = guard.batch(lambda table: [[1.0, 0.0, 0.0]] * len(table))(requests)
    assert decisions.routes.tolist() == routes
    assert decisions[1].caveats[0].code is CaveatCode.cohort_uncertified


def test_a_guard_without_the_cohort_its_profile_needs(mixed):
    """Said where the guard is defined."""
    p, truth, cohorts = mixed
    keep = cohorts != "bad"
    profile = calibrate_classifier(
        p[keep], truth[keep], classes=range(3), max_error=0.1, cohorts=cohorts[keep], **FIXED
    )
    with pytest.raises(gr.ConfigurationError, match="cohort: must name the field"):
        gr.guard(budget=None, profile=profile)
    with pytest.raises(gr.ConfigurationError, match="cohort: must be a field name"):
        gr.guard(budget=None, profile=profile, cohort=3)


@pytest.mark.statistical
def test_cohort_certificates_hold_together():
    """Three cohorts at risk .05 in the target's place, delta .1: any wrong certificate in at most 10 % of 300 draws
    (limit .152 = .1 + 3 standard errors, error rate .0013)."""
    from guardrails._calibration._branches import Labels, branch_of
    from guardrails._calibration._leaf import Rows
    from guardrails._calibration._terms import Terms

    terms, broken = Terms(0.9, 0.05, None, 0.1, 1), 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        r, wrong = rng.random(3000), rng.random(3000) < 0.05
        labels = Labels("labels", rng.choice(["a", "b", "c"], size=3000).tolist())
        branch = branch_of(Rows(r, wrong, r, every=1.0), labels, terms)
        broken += any(leaf.works is not None for _, leaf in branch.leaves())
    assert broken / 300 <= 0.152
