"""What cannot be calibrated says which parameter, what was received and the mend, and never a value of a row."""

import numpy as np
import pandas as pd
import pytest

from guardrails._calibration import calibrate_classifier, calibrate_regressor
from guardrails._errors import ConfigurationError

CLASSES = ("a", "b", "c")


@pytest.fixture
def rows(draw):
    p, truth = draw(40, seed=5)
    return p, np.array(CLASSES)[truth]


def changed(array, position, value):
    array = array.copy()
    array[position] = value
    return array


def refuse(call, words):
    with pytest.raises(ConfigurationError) as caught:
        call()
    message = str(caught.value)
    assert words in message
    assert not any(secret in message for secret in ("123.456", "secret"))
    return message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p[:39], "truth: must have as many rows as probabilities, 39; received '40 rows'"),
        (
            lambda p: p[:, :2],
            "must be numbers of shape (n, 3), one column per class; received 'shape (40, 2) of float64'",
        ),
        (lambda p: p[:, 0], "must be numbers of shape (n, 3)"),
        (lambda p: p.astype(str), "must be numbers of shape (n, 3)"),
        (lambda p: 0.5, "probabilities: must hold one entry per row; received 'float'"),
        (lambda p: [[0.5, 0.5, 0.0]] * 39 + [[1.0]], "probabilities: must have rows of one length"),
        (
            lambda p: changed(p, (7, 0), np.nan),
            "received 1 row that hold NaN or an infinity (the first at position 7)",
        ),
        (lambda p: np.ma.array(p, mask=p < 0.01), "that hold NaN or an infinity"),
        (lambda p: changed(p, (7, 0), np.inf), "NaN or an infinity"),
        (
            lambda p: changed(p, 9, [-0.2, 0.6, 0.6]),
            "received 1 row that hold a negative number (the first at position 9)",
        ),
        (
            lambda p: changed(p, [3, 4], 123.456),
            "received 2 rows that do not sum to 1 within 0.001 (the first at position 3)",
        ),
        (np.log, "a negative number"),
        (lambda p: 100 * p, "do not sum to 1"),
    ],
)
def test_probabilities_that_are_none(rows, change, words):
    """Lengths, columns, types, NaN, signs and sums."""
    p, truth = rows
    refuse(lambda: calibrate_classifier(change(p), truth, classes=CLASSES, max_error=None, name="m"), words)


def test_one_column_for_two_classes_names_the_mend():
    """The commonest mistake with a binary model."""
    p, truth = np.full(40, 0.3), np.tile([0, 1], 20)
    message = refuse(
        lambda: calibrate_classifier(p, truth, classes=[0, 1], max_error=None, name="m"), "shape (n, 2)"
    )
    assert "numpy.column_stack([1 - p, p])" in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda y: changed(y.astype(object), 7, None),
            "received 1 row that have no truth (the first at position 7)",
        ),
        (lambda y: changed(y.astype(object), 7, np.nan), "have no truth"),
        (lambda y: pd.Series(y).mask(np.arange(40) == 7, pd.NA), "have no truth"),
        (
            lambda y: changed(y.astype("<U9"), 7, "secret"),
            "1 row that hold a label that is not in classes (the first at position 7)",
        ),
        (lambda y: [["secret"], *y[1:].tolist()], "truth: must have rows of one length"),
        (lambda y: np.full(40, "a"), "truth: must hold rows of at least two classes"),
        (lambda y: y[:, None], "truth: must be one column, shape (n,); received 'shape (40, 1)'"),
    ],
)
def test_truth_that_is_none(rows, change, words):
    """Missing, unknown, all the same, or a table."""
    p, truth = rows
    refuse(lambda: calibrate_classifier(p, change(truth), classes=CLASSES, max_error=None, name="m"), words)


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (["a"], "classes: must be at least two"),
        (["a", "b", "b"], "classes: must differ from each other"),
        ([1, True, 0], "must differ from each other"),
        (
            ["a", "b", None],
            "classes: must be str, int, bool or finite float; received 'a label of type NoneType'",
        ),
        (["a", "b", float("nan")], "a label of type float"),
        (["a", "b", float("inf")], "a label of type float"),
        (["a", "b", ("c",)], "a label of type tuple"),
        (["a", "b"], "shape (n, 2)"),
        (3, "classes: must be a sequence of labels"),
        ("abc", "classes: must be a sequence of labels"),
    ],
)
def test_classes_that_are_none(rows, classes, words):
    """Labels must be two or more, differ, and survive JSON."""
    p, truth = rows
    refuse(lambda: calibrate_classifier(p, truth, classes=classes, max_error=None, name="m"), words)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"coverage": 1.0}, "coverage: must lie between 0 and 1, both excluded; received 1.0"),
        ({"coverage": 90}, "coverage: must lie between"),
        ({"coverage": float("nan")}, "coverage: must lie between"),
        ({"coverage": None}, "coverage: must lie between"),
        (
            {"coverage": 0.99},
            "coverage: needs at least 100 rows that pass the filters; received '0.99 with 40 rows'",
        ),
        ({"max_error": 0}, "max_error: must lie between"),
        ({"max_error": "5%"}, "max_error: must lie between"),
        ({"delta": 1.5}, "delta: must lie between"),
        (
            {"max_error": 0.1, "max_degraded_error": 0.05},
            "max_degraded_error: must not be below max_error=0.1",
        ),
        ({"looks": 0}, "looks: must be an integer of at least 1"),
        ({"looks": True}, "looks: must be an integer of at least 1"),
        ({"looks": 1.5}, "looks: must be an integer of at least 1"),
        ({"seed": -1}, "seed: must be an integer and not negative"),
        ({"name": " "}, "name: must name the model"),
        ({"name": None}, "name: must be a str"),
        ({"model_version": 3}, "model_version: must be a str"),
        ({"owner": None}, "owner: must be a str"),
        ({"created": 2026}, "created: must be a str"),
        ({"groups": [1] * 39}, "groups: must have as many rows as probabilities, 40"),
        (
            {"groups": [None] + [1] * 39},
            "groups: must name a group for each row; received '1 row without a group'",
        ),
        ({"answered": [1] * 40}, "answered: must be 40 bools"),
        ({"answered": [False] * 40}, "nothing is left to calibrate on"),
        ({"inputs": [{"x": "secret"}] * 39}, "inputs: must have as many rows as probabilities, 40"),
        ({"inputs": 5}, "inputs: must hold one entry per row"),
        ({"contract": 5}, "contract: must be a pandera"),
        ({"output": 5}, "output: must be"),
    ],
)
def test_terms_that_cannot_work(rows, parameters, words):
    """Shares, counts, names and columns."""
    p, truth = rows
    arguments = {"classes": CLASSES, "max_error": None, "name": "m"} | parameters
    refuse(lambda: calibrate_classifier(p, truth, **arguments), words)


def test_max_error_and_name_have_no_default(rows):
    """Nobody gets a promise by accident."""
    p, truth = rows
    with pytest.raises(TypeError, match="max_error"):
        calibrate_classifier(p, truth, classes=CLASSES, name="m")
    with pytest.raises(TypeError, match="name"):
        calibrate_classifier(p, truth, classes=CLASSES, max_error=None)


@pytest.mark.parametrize(
    ("said", "truth", "parameters", "words"),
    [
        (
            np.zeros(39),
            np.zeros(40),
            {},
            "truth: must have as many rows as predictions, 39; received '40 rows'",
        ),
        (
            np.zeros((40, 4)),
            np.zeros(40),
            {},
            "predictions: must be one number per row, shape (n,); received 'shape (40, 4) of float64'",
        ),
        (np.full(40, "secret"), np.zeros(40), {}, "predictions: must be one number per row"),
        (np.full(40, None), np.zeros(40), {}, "predictions: must be one number per row"),
        (
            changed(np.zeros(40), 7, np.inf),
            np.zeros(40),
            {},
            "predictions: drop these rows, or say answered=; received 1 row that hold NaN",
        ),
        (np.zeros(40), changed(np.zeros(40), 7, np.nan), {}, "truth: drop these rows"),
        (np.full(40, -1.7e308), np.full(40, 1.7e308), {}, "predictions: must be comparable with the truth"),
        (np.zeros(40), np.zeros(40), {"max_error": 0.05}, "tolerance: must be given with max_error"),
        (np.zeros(40), np.zeros(40), {"max_degraded_error": 0.05}, "tolerance: must be given with max_error"),
        (np.zeros(40), np.zeros(40), {"tolerance": -1.0}, "tolerance: must be finite and not negative"),
        (
            np.zeros(40),
            np.zeros(40),
            {"tolerance": float("nan")},
            "tolerance: must be finite and not negative",
        ),
        (np.zeros(40), np.zeros(40), {"coverage": 0.99}, "coverage: needs at least 100 rows"),
        (np.zeros(0), np.zeros(0), {}, "nothing is left to calibrate on"),
    ],
)
def test_numbers_that_cannot_be_calibrated(said, truth, parameters, words):
    """Lengths, shapes, types, infinities, and an error without a distance that is one."""
    arguments = {"max_error": None, "name": "m"} | parameters
    refuse(lambda: calibrate_regressor(said, truth, **arguments), words)


def test_rows_that_got_no_answer_may_hold_anything(rows):
    """NaN where the model failed is no mistake once `answered` says so."""
    p, truth = rows
    answered = np.arange(40) >= 5
    broken, unknown = changed(p, slice(5), np.nan), changed(truth.astype(object), slice(5), None)
    profile = calibrate_classifier(
        broken, unknown, classes=CLASSES, max_error=None, answered=answered, name="m"
    )
    whole = calibrate_classifier(p[5:], truth[5:], classes=CLASSES, max_error=None, name="m")
    assert (profile.rows, profile.filtered) == (40, 5)
    assert (profile.leaf, profile.rows_hash) == (whole.leaf, whole.rows_hash)
