"""The law of tables: row i of a table says exactly what that row's answer says alone, whatever the answers are."""

import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from guardrails._conformal import Measure
from guardrails._profile import Certificate, Leaf, Profile
from guardrails._types import CaveatCode, Finding

CLASSES = ("a", "b", "c")
FALLBACK = Finding(CaveatCode.fallback, "rule")
ASKED = st.sampled_from([frozenset(), frozenset({CaveatCode.error}), frozenset({CaveatCode.unanswerable})])


def certificate(bound):
    return Certificate(
        name="max_error",
        target=0.05,
        level=0.05,
        threshold=1.0,
        bound=bound,
        n=9,
        k=0,
        upper=0.1,
        acceptance_rate=0.5,
    )


def classifier(works=0.1, answered=0.4, quantile=0.7, band_quantile=0.9, classes=CLASSES):
    leaf = Leaf(
        n=9,
        quantile=quantile,
        band_quantile=band_quantile,
        works=certificate(works),
        answered=certificate(answered),
    )
    return Profile(kind="classifier", name="m", classes=classes, leaf=leaf)


MEASURES = {
    "primary": Measure(classifier()),
    "fallback": Measure(classifier(), fallback=FALLBACK),
    "uncertified": Measure(classifier(), filters_match=False),
    "regressor": Measure(
        Profile(
            kind="regressor",
            name="m",
            score="absolute",
            ranking="constant",
            leaf=Leaf(n=9, quantile=1.5, works=certificate(None)),
        )
    ),
    "poor regressor": Measure(
        Profile(
            kind="regressor", name="m", score="absolute", ranking="constant", leaf=Leaf(n=9, quantile=1.5)
        )
    ),
    "none": Measure(None),
    "reading": Measure(None, read=lambda value: value),
}
measures = st.sampled_from(sorted(MEASURES)).map(MEASURES.get)


def agree(measure, values, n, asked=frozenset(), rows=None):
    table = measure.table(values, n, asked)
    rows = values if rows is None else rows
    assert len(table) == n
    for i in range(n):
        alone, row = measure.one(rows[i], asked), table.at(i)
        assert row == alone
        assert type(row.prediction) is type(alone.prediction)
        assert bool(alone.findings) == (i in table.findings)


@st.composite
def shares(draw, k=3):
    raw = draw(
        st.lists(
            st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1e-300, 5e-324, 1.0])), min_size=k, max_size=k
        )
    )
    total = math.fsum(raw)
    return [x / total for x in raw] if total > 1e-200 else [1.0] + [0.0] * (k - 1)


@given(shares(), st.floats(0.9991, 1.0009), st.sampled_from(range(3)), st.sampled_from([-1, 0, 1]))
@settings(max_examples=300, deadline=None)
def test_a_quantile_on_a_label_itself_agrees(row, scale, j, side):
    """Each label's own score as the quantile, or the float beside it, at every sum that counts as one."""
    scaled = [x * scale for x in row]
    top = scaled.index(max(scaled))
    first, second = (x for i, x in enumerate(scaled) if i != top)
    own = 1.0 - scaled[j] / (first + second + scaled[top])
    quantile = own if side == 0 else max(math.nextafter(own, side * math.inf), 0.0)
    measure = Measure(classifier(works=1.0, quantile=quantile))
    agree(measure, np.array([scaled]), 1)
    assert (CLASSES[j] in measure.one(scaled).prediction_set) is (own <= quantile)


HOSTILE = st.one_of(
    st.floats(),
    st.none(),
    st.integers(),
    st.booleans(),
    st.text(max_size=3),
    st.just(10**400),
    st.just(Decimal("0.5")),
    st.just(Decimal("sNaN")),
    st.just(np.timedelta64(1, "s")),
    st.just(np.ma.masked),
    st.just(pd.NA),
    st.just(object()),
)
ANSWER = st.one_of(
    HOSTILE,
    shares(),
    shares().map(tuple),
    shares().map(np.array),
    shares().map(lambda p: np.array(p, dtype=np.float32)),
    shares().map(lambda p: np.array(p, dtype=object)),
    shares().map(lambda p: np.array([p])),
    shares().map(lambda p: np.ma.array(p, mask=[True, False, False])),
    shares().map(lambda p: dict(zip(CLASSES, p, strict=True))),
    shares().map(lambda p: pd.Series(dict(zip(reversed(CLASSES), p, strict=True)))),
    st.lists(HOSTILE, max_size=4),
    st.dictionaries(st.sampled_from(CLASSES), HOSTILE),
)


@given(measures, st.lists(ANSWER, max_size=5), ASKED)
@settings(max_examples=300, deadline=None)
def test_lists_of_anything(measure, values, asked):
    """Rows of any type, mixed."""
    agree(measure, values, len(values), asked)


@given(
    measures,
    st.lists(shares(), min_size=1, max_size=30),
    ASKED,
    st.sampled_from(["f8", "f4", "f2", "g", ">f8", "O"]),
)
@settings(max_examples=200, deadline=None)
def test_arrays_of_probabilities(measure, rows, asked, dtype):
    """Every dtype, with zeros, subnormals and ties."""
    agree(measure, np.array(rows).astype(dtype), len(rows), asked)


@given(
    measures,
    hnp.arrays(
        dtype=st.one_of(
            hnp.floating_dtypes(),
            hnp.integer_dtypes(),
            hnp.boolean_dtypes(),
            hnp.complex_number_dtypes(),
            hnp.timedelta64_dtypes(),
        ),
        shape=st.one_of(
            st.tuples(st.integers(0, 6)),
            st.tuples(st.integers(0, 6), st.sampled_from([1, 2, 3])),
            st.just((2, 3, 1)),
        ),
    ),
)
@settings(max_examples=300, deadline=None)
def test_arrays_of_anything(measure, values):
    """Any number type and shape, NaN and infinities included."""
    with np.errstate(all="ignore"):
        agree(measure, values, len(values))


@given(measures, st.lists(shares(), min_size=1, max_size=8), st.permutations(CLASSES), st.booleans())
@settings(max_examples=60, deadline=None)
def test_data_frames(measure, rows, names, numbered):
    """Columns named by the labels in any order, or numbered."""
    frame = pd.DataFrame(rows) if numbered else pd.DataFrame(rows, columns=list(names))
    agree(measure, frame, len(rows), rows=frame.iloc)


@given(measures, st.lists(st.one_of(st.floats(), st.integers(-9, 9)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_series(measure, values):
    """A Series of numbers with an index that is not 0, 1, 2."""
    series = pd.Series(values, index=range(100, 100 + len(values)))
    agree(measure, series, len(values), rows=series.iloc)


@pytest.mark.parametrize("k", [3, 300])
def test_a_bound_on_the_row_itself_agrees(k):
    """Each row's own r as the bound: equality holds in both forms, and the next float below in neither.

    With 300 terms a pairwise or compensated sum differs from a loop in the last bit of most rows.
    """
    for row in np.random.default_rng(1).dirichlet(np.ones(k), size=100):
        top, rest = row.argmax(), 0.0
        for j, x in enumerate(row.tolist()):
            rest += 0.0 if j == top else x
        total = rest + float(row[top])
        for bound, works in ((rest / total, True), (math.nextafter(rest / total, 0), False)):
            measure = Measure(classifier(works=bound, answered=1.0, classes=tuple(range(k))))
            assert (measure.one(row).findings == ()) is works
            agree(measure, row[None], 1)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (None, "expected one answer per row, got a NoneType"),
        ("abc", "expected one answer per row, got a str"),
        ({"a": 1, "b": 2, "c": 3}, "expected one answer per row, got a dict"),
        (0.5, "expected one answer per row, got a float"),
        (np.array(0.5), "expected one answer per row, got a single one"),
        ([0.1, 0.9], "expected one answer per row: 3 rows, 2 answers"),
        ({1, 2, 3}, "the answers cannot be taken by position (TypeError)"),
    ],
)
@pytest.mark.parametrize("name", ["primary", "regressor", "none"])
def test_what_is_not_one_answer_per_row_is_an_output_finding_for_each(name, values, words):
    """All rows sent get the same finding."""
    table = MEASURES[name].table(values, 3)
    assert [table.at(i).findings[0].code for i in range(3)] == [CaveatCode.output] * 3
    assert {finding.detail for found in table.findings.values() for finding in found} == {words}


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_one_hopeless_row_does_not_spoil_the_others(name):
    """An integer beyond float64, or text that `float` would read, concerns its own row."""
    agree(MEASURES[name], [[10**400, 0.0, 0.0], [1.0, 0.0, 0.0], [0.2, 0.8, 0.0]], 3)
    agree(MEASURES[name], [["0.2", "0.8", "0.0"], [0.2, None, 0.8], [0.2, 0.8, 0.0]], 3)
    agree(MEASURES[name], [10**400, 1.0], 2)
    agree(MEASURES[name], ["1.0", 1.0], 2)


class Odd(list):
    """A list that looks like a frame and is none."""

    columns = CLASSES

    def to_numpy(self):
        raise RuntimeError("secret")


def test_an_odd_container_is_read_row_by_row():
    """What cannot be taken whole is taken by position."""
    table = MEASURES["primary"].table(Odd([[1.0, 0.0, 0.0]]), 1)
    assert table.at(0).prediction == "a"


def test_a_table_of_no_rows():
    """Empty in, empty out."""
    for measure in MEASURES.values():
        assert len(measure.table(np.empty((0, 3)), 0)) == len(measure.table([], 0)) == 0


def test_rows_are_counted_from_the_start():
    """A negative position is a mistake, not the last row."""
    table = MEASURES["primary"].table(np.array([[1.0, 0.0, 0.0]]), 1)
    for i in (-1, 1):
        with pytest.raises(IndexError):
            table.at(i)


def test_columns_of_a_table():
    """Sets and bounds are arrays in the order of the classes; unreadable rows are empty or NaN."""
    table = MEASURES["primary"].table(np.array([[0.95, 0.05, 0.0], [0.5, 0.3, 0.2], [0.5, 0.3, math.nan]]), 3)
    assert table.sets.tolist() == [[True, False, False], [True, True, True], [False, False, False]]
    assert table.predictions.tolist() == ["a", "a", None]
    assert sorted(table.findings) == [1, 2]
    table = MEASURES["regressor"].table(np.array([1.0, math.inf]), 2)
    assert table.bounds[0].tolist() == [-0.5, 2.5]
    assert np.isnan(table.bounds[1]).all()
    assert np.isnan(table.predictions[1])
