"""Calibration end to end: what the profile holds, and what it takes from which rows."""

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

import guardrails as gr
from guardrails._calibration import CalibrationWarning, calibrate_classifier, calibrate_regressor
from guardrails._conformal import Measure
from guardrails._profile import Profile
from guardrails._types import CaveatCode

FIXED = {"created": "2026-11-01", "name": "m"}


def codes(measure, values):
    table = measure.table(values, len(values))
    return np.array(
        [table.findings[i][0].code if i in table.findings else "works" for i in range(len(values))]
    )


def test_both_certificates_and_what_they_accept(draw):
    """Each region is as large as its certificate says, and the band is what lies between."""
    p, truth = draw(3000)
    profile = calibrate_classifier(
        p, truth, classes=range(3), max_error=0.05, max_degraded_error=0.15, **FIXED
    )
    seen = codes(Measure(profile), p)
    works, answered = seen == "works", seen != CaveatCode.unanswerable
    wrong = p.argmax(axis=1) != truth
    assert (profile.works.n, profile.works.k) == (works.sum(), wrong[works].sum())
    assert (profile.answered.n, profile.answered.k) == (answered.sum(), wrong[answered].sum())
    assert (profile.leaf.band_n, profile.leaf.band_k) == (
        (answered & ~works).sum(),
        wrong[answered & ~works].sum(),
    )
    assert (profile.works.level, profile.answered.level) == (0.05, 0.05)
    assert (profile.quantile, profile.band_quantile) == (profile.leaf.quantile, profile.leaf.band_quantile)
    assert (profile.benchmark.k, profile.benchmark.n) == (wrong.sum(), 3000)


def test_partial_answers_cover_their_band(draw):
    """The sets between the thresholds hold the truth at the promised rate on the rows they were computed from."""
    p, truth = draw(4000)
    profile = calibrate_classifier(
        p, truth, classes=range(3), max_error=0.05, max_degraded_error=0.2, **FIXED
    )
    table = Measure(profile).table(p, len(p))
    band = codes(Measure(profile), p) == CaveatCode.uncertain
    assert band.sum() > 400
    assert 0.9 <= table.sets[np.arange(len(p)), truth][band].mean() < 0.92


def test_a_band_of_too_few_rows_gives_every_label(draw):
    """No quantile can be computed from them."""
    p, truth = np.tile([[0.99, 0.01], [0.5, 0.5]], (1, 1)).repeat([995, 5], axis=0), np.zeros(1000, dtype=int)
    truth[:1], truth[-5:] = 1, 1
    profile = calibrate_classifier(p, truth, classes=[0, 1], max_error=0.003, delta=0.5, **FIXED)
    assert (profile.works.n, profile.leaf.band_n) == (995, 5)
    assert Measure(profile).one([0.6, 0.4]).prediction_set == {0, 1}


def test_delta_is_divided_by_looks_and_by_the_thresholds_asked_for(draw):
    """The best of five models on the same rows pays for five."""
    p, truth = draw(3000)
    one = calibrate_classifier(p, truth, classes=range(3), max_error=0.05, **FIXED)
    five = calibrate_classifier(p, truth, classes=range(3), max_error=0.05, looks=5, **FIXED)
    assert (one.works.level, five.works.level) == (0.1, 0.02)
    assert five.works.n < one.works.n
    assert five.looks == 5


def test_a_region_certified_for_max_error_serves_as_the_second_one():
    """Should the second sequence end before the first: what errs at most .05 errs at most .15 too."""
    from guardrails._calibration._certify import Promise, Verdict, certify
    from guardrails._calibration._leaf import _leaf
    from guardrails._calibration._terms import Terms

    works = certify(np.linspace(0, 0.5, 500), np.zeros(500, dtype=bool), Promise("max_error", 0.05, 0.05))
    leaf = _leaf(500, 0.5, Terms(0.9, 0.05, 0.15, 0.1, 1), works, Verdict(None, "unlucky"))
    assert (leaf.answered.name, leaf.answered.target, leaf.answered_reason) == (
        "max_degraded_error",
        0.15,
        "",
    )
    assert (leaf.answered.bound, leaf.answered.n) == (leaf.works.bound, leaf.works.n)


def test_what_cannot_be_certified_is_left_out_and_told(draw):
    """A warning at the caller's line, the reason in the profile, and no threshold under that name."""
    p, truth = draw(50)
    with pytest.warns(CalibrationWarning, match="threshold is certified") as caught:
        profile = calibrate_classifier(
            p, truth, classes=range(3), max_error=0.05, max_degraded_error=0.1, **FIXED
        )
    assert {warning.filename for warning in caught} == {__file__}
    assert len(caught) == 2
    assert (profile.works, profile.answered) == (None, None)
    assert "59 without a single error" in profile.summary()
    assert set(codes(Measure(profile), p)) == {CaveatCode.uncertified}


def test_max_error_none_asks_for_nothing(draw):
    """No certificate, no warning, no `Works`."""
    p, truth = draw(500)
    profile = calibrate_classifier(p, truth, classes=range(3), max_error=None, **FIXED)
    assert profile.works is None
    assert set(codes(Measure(profile), p)) == {CaveatCode.uncertified}


@pytest.mark.parametrize(
    "form", [np.asarray, np.ndarray.tolist, lambda p: p.astype(np.float32).astype(float), pd.DataFrame]
)
def test_the_forms_of_a_table_of_probabilities(draw, form):
    """Arrays, lists, frames."""
    p, truth = draw(500)
    profile = calibrate_classifier(form(p), truth.tolist(), classes=np.arange(3), max_error=None, **FIXED)
    assert profile.quantile == pytest.approx(
        calibrate_classifier(p, truth, classes=range(3), max_error=None, **FIXED).quantile
    )


def test_float32_is_calibrated_as_it_is_served(draw):
    """The served form agrees with MAPIE on the very numbers the model gives."""
    p, truth = draw(2000)
    profile = calibrate_classifier(p.astype(np.float32), truth, classes=range(3), max_error=0.1, **FIXED)
    assert profile.parity.differing == 0
    assert profile.works.n == (codes(Measure(profile), p.astype(np.float32)) == "works").sum()


def test_a_frame_is_read_by_its_labels(draw):
    """Columns in another order than `classes`."""
    p, truth = draw(500)
    names = np.array(["b", "a", "c"])
    frame = pd.DataFrame(p, columns=names)[["c", "b", "a"]]
    by_name = calibrate_classifier(frame, names[truth], classes=names, max_error=None, **FIXED)
    assert by_name == calibrate_classifier(p, names[truth], classes=names, max_error=None, **FIXED)


@pytest.mark.parametrize("classes", [("no", "yes"), (0, 1), (False, True), (0.5, 1.5)])
def test_labels_come_back_as_they_went_in(draw, classes):
    """str, int, bool, float: at calibration, in the file and as predictions."""
    p, truth = draw(200, 2)
    labels = np.array(classes)
    profile = calibrate_classifier(p, labels[truth], classes=labels, max_error=None, **FIXED)
    prediction = Measure(Profile.from_json(profile.to_json())).one(np.array([0.2, 0.8])).prediction
    assert (prediction, type(prediction)) == (classes[1], type(classes[1]))


def test_the_same_rows_give_the_same_file(draw):
    """Byte for byte."""
    p, truth = draw(500)
    arguments = {"classes": range(3), "max_error": 0.2, "name": "m"}
    assert (
        calibrate_classifier(p, truth, **arguments).to_json()
        == calibrate_classifier(p, truth, **arguments).to_json()
    )


def test_the_hash_is_of_the_rows_used(draw):
    """Another truth in one row changes it."""
    p, truth = draw(500)
    other = truth.copy()
    other[3] = (other[3] + 1) % 3
    first, second = (
        calibrate_classifier(p, y, classes=range(3), max_error=None, **FIXED) for y in (truth, other)
    )
    assert first.rows_hash != second.rows_hash
    assert len(first.rows_hash) == 64


def test_a_file_stays_small(draw):
    """It holds quantiles and thresholds, no rows."""
    p, truth = draw(20_000)
    profile = calibrate_classifier(p, truth, classes=range(3), max_error=0.05, **FIXED)
    assert len(profile.to_json()) < 4000


def test_a_regressor_is_certified_for_all_answers(draw_numbers):
    """Errors are answers further than the tolerance from the truth."""
    said, truth = draw_numbers(2000)
    profile = calibrate_regressor(said, truth, tolerance=2.5, max_error=0.05, **FIXED)
    wrong = np.abs(truth - said) > 2.5
    assert (profile.works.n, profile.works.k, profile.works.bound) == (2000, wrong.sum(), None)
    assert profile.quantile == np.sort(np.abs(truth - said))[1800]
    measured = Measure(profile).one(3)
    assert (measured.prediction, measured.findings, measured.interval.width) == (
        3.0,
        (),
        pytest.approx(2 * profile.quantile),
    )


def test_a_regressor_that_is_not_certified_says_why(draw_numbers):
    """All or nothing, for want of a difficulty."""
    said, truth = draw_numbers(2000)
    with pytest.warns(CalibrationWarning, match="constant width certify all answers or none"):
        profile = calibrate_regressor(said, truth, tolerance=1.0, max_error=0.05, **FIXED)
    (finding,) = Measure(profile).one(3.0).findings
    assert finding.code is CaveatCode.uncertified
    assert "constant width" in finding.detail


def test_a_regressor_certified_for_degraded_answers_alone(draw_numbers):
    """`max_error` cannot be certified, `max_degraded_error` can: every answer is uncertain."""
    said, truth = draw_numbers(2000)
    with pytest.warns(CalibrationWarning, match="no threshold is certified for Works"):
        profile = calibrate_regressor(
            said, truth, tolerance=1.5, max_error=0.05, max_degraded_error=0.2, **FIXED
        )
    (finding,) = Measure(profile).one(3.0).findings
    assert finding.code is CaveatCode.uncertain
    assert f"{profile.answered.k} errors in 2,000" in finding.detail


def test_a_regressor_without_tolerance_has_intervals_only(draw_numbers):
    """No distance is called an error, so no benchmark error either."""
    profile = calibrate_regressor(*draw_numbers(200), max_error=None, **FIXED)
    assert (profile.benchmark, profile.tolerance, profile.works) == (None, None, None)
    assert Profile.from_json(profile.to_json()) == profile


CONTRACT = pa.DataFrameSchema({"x": pa.Column(float, pa.Check.ge(0))})


@pytest.fixture
def traffic(draw):
    """3,000 rows of which one in ten breaks the contract and is always right."""
    p, truth = draw(3000)
    x = np.random.default_rng(0).random(3000)
    x[::10] *= -1
    truth[::10] = p[::10].argmax(axis=1)
    return p, truth, pd.DataFrame({"x": x})


def test_rows_that_break_the_contract_do_not_certify(traffic):
    """Neither for the thresholds nor for the quantile: as if they had not been given."""
    p, truth, inputs = traffic
    keep = inputs["x"].to_numpy() >= 0
    arguments = {"classes": range(3), "max_error": 0.05, "max_degraded_error": 0.15, **FIXED}
    profile = calibrate_classifier(p, truth, inputs=inputs, contract=CONTRACT, **arguments)
    alone = calibrate_classifier(p[keep], truth[keep], **arguments)
    assert profile.leaf == alone.leaf
    assert (profile.rows, profile.filtered, profile.leaf.n) == (3000, 300, 2700)
    assert (alone.filters.contract, profile.filters.replayed) == (None, True)


def test_rows_with_a_drifted_schema_do_not_certify(draw):
    """Such a request keeps the contract but never becomes `Works`."""
    p, truth = draw(300)
    schema = pa.DataFrameSchema({"x": pa.Column(float), "y": pa.Column(float, required=False)})
    inputs = [{"x": float(i)} | ({"y": 0.0} if i % 3 else {}) for i in range(300)]
    profile = calibrate_classifier(
        p, truth, classes=range(3), max_error=None, inputs=inputs, contract=schema, **FIXED
    )
    assert (profile.filtered, profile.leaf.n) == (100, 200)


def test_the_contract_becomes_part_of_the_certificate(traffic):
    """A guard with another contract, or none, is not the one calibrated."""
    from guardrails._contract import contract_of

    p, truth, inputs = traffic
    profile = calibrate_classifier(
        p, truth, classes=range(3), max_error=None, inputs=inputs, contract=CONTRACT, **FIXED
    )
    assert profile.matches_filters(contract_of(CONTRACT).fingerprint, None) == ""
    assert "no contract" in profile.matches_filters(None, None)


def test_without_inputs_a_contract_is_named_and_not_replayed(traffic):
    """The rows count as already filtered by it."""
    p, truth, _ = traffic
    profile = calibrate_classifier(p, truth, classes=range(3), max_error=None, contract=CONTRACT, **FIXED)
    assert (profile.filtered, profile.filters.replayed) == (0, False)
    assert profile.filters.contract is not None
    assert (
        "contract named, not replayed (no inputs were given); no output check; the rows count as already"
        in " ".join(profile.summary().split())
    )


def test_answers_that_break_the_output_check_do_not_certify(draw):
    """They would be withheld in service."""
    p, truth = draw(1000)
    profile = calibrate_classifier(
        p, truth, classes=range(3), max_error=None, output=lambda row: row[0] < 0.9, **FIXED
    )
    assert profile.filtered == (p[:, 0] >= 0.9).sum() > 0
    assert profile.filters.output is not None


def test_inputs_the_contract_cannot_take_are_a_mistake(draw):
    """Not an exception of the contract's."""
    from guardrails._errors import ConfigurationError

    p, truth = draw(100)
    with pytest.raises(ConfigurationError, match="inputs"):
        calibrate_classifier(
            p,
            truth,
            classes=range(3),
            max_error=None,
            inputs=np.zeros((100, 2, 2)),
            contract=CONTRACT,
            **FIXED,
        )


@pytest.mark.parametrize("form", [lambda f: f, pd.DataFrame.to_numpy, lambda f: f.to_dict("records")])
def test_repeated_inputs_warn(draw, form):
    """Duplicates are seldom independent."""
    p, truth = draw(500)
    inputs = pd.DataFrame({"x": np.arange(500) // 2, "y": 1.0})
    with pytest.warns(CalibrationWarning, match="50% of the inputs repeat another row"):
        calibrate_classifier(p, truth, classes=range(3), max_error=None, inputs=form(inputs), **FIXED)


def test_one_row_of_each_group_is_used(draw):
    """Seeded; duplicates are then no cause for a warning."""
    p, truth = draw(500)
    inputs = pd.DataFrame({"x": np.arange(500) // 5})
    arguments = {"classes": range(3), "max_error": None, "inputs": inputs, "groups": inputs["x"], **FIXED}
    first, again, other = (calibrate_classifier(p, truth, seed=seed, **arguments) for seed in (1, 1, 2))
    assert (first.leaf.n, first.grouped, first.rows) == (100, 400, 500)
    assert first == again
    assert first.rows_hash != other.rows_hash


def test_a_served_form_that_is_not_mapies_is_reported(draw):
    """Differences beyond MAPIE's tolerance would be a defect of ours."""
    from dataclasses import replace

    from guardrails._calibration._words import concerns
    from guardrails._profile import Parity

    profile = calibrate_classifier(*draw(100), classes=range(3), max_error=None, **FIXED)
    tolerated = replace(profile, parity=Parity(rows=9, differing=2, tolerance=2))
    assert concerns(tolerated, 0.0) == []
    (message,) = concerns(replace(profile, parity=Parity(rows=9, differing=2, tolerance=1)), 0.0)
    assert message.startswith(
        "the served form is not MAPIE's: 2 of 9 calibration rows differ from MAPIE (1 by its tolerance"
    )


def test_a_library_that_is_not_installed_as_a_distribution_has_no_version(draw, monkeypatch):
    """Such as this one, run from a source tree."""
    from importlib.metadata import PackageNotFoundError

    from guardrails._calibration import _record

    def version(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_record, "version", version)
    p, truth = draw(50)
    profile = calibrate_classifier(p, truth, classes=range(3), max_error=None, **FIXED)
    assert profile.libraries["mapie"] == "unknown"


def test_the_summary_counts_the_rows(traffic):
    """Given, filtered, left out, used."""
    p, truth, inputs = traffic
    summary = calibrate_classifier(
        p,
        truth,
        classes=range(3),
        max_error=None,
        inputs=inputs,
        contract=CONTRACT,
        groups=np.arange(3000) // 2,
        **FIXED,
    ).summary()
    assert "1,500 used of 3,000 given; 300 stopped by a filter; 1,200 left out" in " ".join(summary.split())


def test_groups_are_drawn_after_the_filters(traffic):
    """A group's row that is filtered does not use up its turn."""
    p, truth, inputs = traffic
    profile = calibrate_classifier(
        p,
        truth,
        classes=range(3),
        max_error=None,
        inputs=inputs,
        contract=CONTRACT,
        groups=np.arange(3000) // 2,
        **FIXED,
    )
    assert (profile.leaf.n, profile.filtered, profile.grouped) == (1500, 300, 1200)


def test_more_calibrations_on_the_same_rows_than_declared_are_exploratory(draw):
    """Another model or another promise counts; the same calibration again, other rows, or no promise do not."""
    p, truth = draw(2000)
    other = (p + 0.01) / 1.03
    arguments = {"classes": range(3), "max_error": 0.05, **FIXED}
    first = calibrate_classifier(p, truth, **arguments)
    again = calibrate_classifier(p, truth, coverage=0.8, **arguments)
    unasked = calibrate_classifier(other, truth, **arguments | {"max_error": None})
    assert (first.look, again.look, unasked.look) == (1, 1, 1)
    assert calibrate_classifier(*draw(2000, seed=1), **arguments).look == 1
    with pytest.warns(
        CalibrationWarning, match="exploratory, and no answer becomes Works: this was calibration 2"
    ):
        second = calibrate_classifier(other, truth, **arguments)
    assert "exploratory, not certified: max_error" in second.summary()
    assert "exploratory" not in first.summary()
    third = calibrate_classifier(other, truth, looks=2, **arguments)
    assert (third.look, third.exploratory) == (2, "")


def test_what_is_exploratory_never_works(draw):
    """The threshold stays in the file, to look at; no request becomes Works by it, and each says why."""
    p, truth = draw(2000)
    arguments = {"classes": range(3), "max_degraded_error": 0.1, **FIXED}
    calibrate_classifier(p, truth, max_error=0.05, **arguments)
    with pytest.warns(CalibrationWarning, match="exploratory"):
        profile = calibrate_classifier(p, truth, max_error=0.04, **arguments)
    assert profile.works is not None
    guarded = gr.guard(budget=None, profile=gr.Profile.from_json(profile.to_json()))(lambda row: row)
    decision = guarded([0.999, 0.0005, 0.0005])
    assert decision.route is gr.Route.degraded
    assert decision.caveats[0].code is gr.CaveatCode.uncertified
    assert "exploratory: this was calibration 2 on the same rows" in decision.caveats[0].message
    assert decision.caveats[0].lost == "max_error and max_degraded_error: neither is certified here"
    assert "no answer becomes Works: this was calibration 2" in guarded.explain()
    decisions = gr.guard(budget=None, profile=profile).batch(lambda table: table)(p)
    assert set(decisions.routes) == {gr.Route.degraded}


def test_a_fallbacks_looks_are_counted_apart(draw):
    """A chain is calibrated on the same rows by rule; the best of two fallbacks is still two looks."""
    p, truth = draw(3000)
    arguments = {"classes": range(3), "max_error": 0.05, **FIXED}
    primary = calibrate_classifier(p, truth, max_degraded_error=0.1, **arguments)

    def fallback(weight):
        with pytest.warns(CalibrationWarning) as caught:
            profile = calibrate_classifier(
                (p + weight) / (1 + 3 * weight), truth, primary=(primary, p), **arguments
            )
        return profile.look, any("exploratory" in str(warning.message) for warning in caught)

    assert (primary.look, fallback(0.01), fallback(0.02)) == (1, (1, False), (2, True))
