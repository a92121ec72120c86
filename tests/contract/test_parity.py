"""The compiled form is the original: against pandera, against the judge, for schemas and rows that hypothesis makes."""

from __future__ import annotations

import datetime as dt
import decimal
import warnings

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails._contract import HOLDS, Contract, Verdict, record_at
from guardrails._contract import _compile as compile_module
from guardrails._contract import _contract as contract_module
from guardrails._contract._judge import Findings
from guardrails._contract._pandera import record_violations, violations_of

C = pa.Check
NUMBERS = st.sampled_from([0, 1.5, -3, 5, 100, 1e6, 2**53 + 1, float(2**60)])
NUMBER_CHECKS = st.one_of(
    NUMBERS.flatmap(lambda v: st.sampled_from([C.ge(v), C.gt(v), C.le(v), C.lt(v), C.eq(v), C.ne(v)])),
    st.builds(lambda a, b: C.in_range(0, 120, include_min=a, include_max=b), st.booleans(), st.booleans()),
    st.sampled_from(
        [
            C.isin([1, 5, 2.0]),
            C.isin(["5"]),
            C.notin([7, 5]),
            C.ge(0, ignore_na=False),
            C.ne(0, ignore_na=False),
        ]
    ),
    st.just(C(lambda v: bool(v % 2 == 1), element_wise=True, name="odd")),
)
TEXT_CHECKS = st.sampled_from([
    C.isin(["red", "a", "b"]), C.notin(["x", "abc"]), C.str_matches(r"^[A-Z]{2}\d{4}$"), C.str_matches("a|b"), C.ge("b"), C.ge(5),
    C.str_contains(r"\d{2}"), C.str_startswith("AB"), C.str_endswith("d"), C.str_length(1, 20), C.str_length(min_value=2),
    C.str_length(exact_value=3), C.eq("abc"), C.ne("q", ignore_na=False), C(lambda v: len(v) > 1, element_wise=True, name="long"),
])  # fmt: skip
TIME_CHECKS = st.sampled_from([
    C.ge(pd.Timestamp("2020-01-01")), C.le("2024-06-01"), C.ne(pd.Timestamp("2024-01-01")), C.isin([pd.Timestamp("2024-01-01")]),
])  # fmt: skip
NAIVE = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - naive timestamps are part of the rules
DTYPES = [
    *(
        (dtype, NUMBER_CHECKS)
        for dtype in (
            "int64",
            "int8",
            "uint8",
            "uint64",
            "Int64",
            "float64",
            "float32",
            "Float64",
            None,
            object,
        )
    ),
    (str, TEXT_CHECKS),
    ("string", TEXT_CHECKS),
    ("bool", st.sampled_from([C.isin([True]), C.eq(True), C.ge(1)])),
    (
        pd.CategoricalDtype(["red", "a", "5"]),
        st.sampled_from([C.isin(["red"]), C.ne("a"), C.str_length(1, 2)]),
    ),
    (pd.CategoricalDtype([1, 2, 5]), st.sampled_from([C.isin([5])])),
    ("datetime64[ns]", TIME_CHECKS),
    (pd.DatetimeTZDtype("ns", "UTC"), st.just(C.ge(pd.Timestamp("2020-01-01", tz="UTC")))),
    ("timedelta64[ns]", None),
    (pa.Date, None),
    (pa.Decimal(10, 2), None),
]
POOL = [
    0, 5, -1, 1, 121, 300, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, True, False, 1.0, 1.5, -0.0, 0.1, 5.0,
    float("nan"), float("inf"), 1e300, "5", " 5 ", "1.5", "abc", "a", "", "nan", "None", "1_000", "true", "False", "red", "AB1234",
    "AB1234\n", "\uff11\uff12", "x" * 21, "é", "\U0001f600" * 3, None, pd.NA, pd.NaT, np.int8(5), np.int64(5), np.uint8(5),
    np.uint64(2**63), np.float32(0.1), np.float64(5.0), np.float64("nan"), np.bool_(True), np.str_("red"), decimal.Decimal("1.5"),
    decimal.Decimal("NaN"), 1 + 2j, NAIVE, NAIVE.replace(tzinfo=dt.UTC), NAIVE.replace(year=1500), dt.date(2024, 1, 1),
    pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01", tz="Europe/Berlin"), np.datetime64("2024-01-01"), dt.timedelta(days=1),
    np.timedelta64(1, "D"), [1], {"k": 1}, b"red", (1, 2), "2024-01-01", "2024-01-01T10:00:00+02:00",
]  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(POOL),
    st.integers(-5, 130),
    st.floats(width=32),
    st.integers(),
    st.text(max_size=6),
    st.booleans(),
    st.datetimes(),
)
ROWS = 40
FEW = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
SLOW = settings(FEW, max_examples=3)
MANY = settings(FEW, max_examples=500, derandomize=False)


@st.composite
def columns(draw):
    dtype, checks = draw(st.sampled_from(DTYPES))
    flags = {name: draw(st.booleans()) for name in ("nullable", "coerce")}
    drawn = [] if checks is None else draw(st.lists(checks, max_size=2))
    return pa.Column(dtype, drawn, required=draw(st.integers(0, 5)) > 0, **flags)


OF_ROWS = [
    [],
    [],
    [C(lambda row: row["c0"] != 5, element_wise=True, name="not five")],
    [C(lambda row: len(row) < 4 or str(row["c0"]) != "a", element_wise=True, name="short or not a")],
    [C(lambda frame: frame["c0"].astype(str) != "abc", name="not abc")],
]
OPAQUE = C(lambda values: values.astype(str) != "red", name="not red")


@st.composite
def schemas(draw):
    """Some with checks of the row, few with one that only pandera can judge, which is slow."""
    made = draw(st.lists(columns(), min_size=1, max_size=3))
    strict = draw(st.sampled_from([False, False, True, "filter"]))
    checks = draw(st.sampled_from(OF_ROWS))
    if draw(st.integers(0, 9)) == 9:
        made[-1].checks = [*made[-1].checks, OPAQUE]
    return pa.DataFrameSchema(
        {f"c{i}": column for i, column in enumerate(made)}, checks=checks, strict=strict
    )


@st.composite
def cases(draw):
    """A schema and rows, most of whose fields are there."""
    schema = draw(schemas())
    optional = {"extra": VALUES} if draw(st.booleans()) else {}
    row = st.fixed_dictionaries(dict.fromkeys(schema.columns, VALUES), optional=optional)
    rows = draw(st.lists(row, min_size=ROWS, max_size=ROWS))
    if draw(st.booleans()):
        rows[0].pop("c0")
    return schema, rows


@pytest.fixture(autouse=True)
def _quiet():
    """Pandas and pandera warn about the hostile values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def _unheld(monkeypatch):
    """Build without holding against pandera, so that nothing is mended before it is tested."""
    for name in ("held", "one_row_held"):
        monkeypatch.setattr(compile_module, name, lambda *_: compile_module.Held())


def one_row_parity(case):
    schema, rows = case
    contract = Contract(schema, semantics="pandera")
    for row in rows:
        assert bool(contract.check(row).violations) == bool(record_violations(schema, row)), row


def record_parity(case):
    """Against pandera on the row that was read, where the declared dtypes can hold it."""
    schema, rows = case
    contract = Contract(schema)
    judge = contract._compiled.judge
    for row in rows:
        read = judge.row(row, Findings())
        if read is None or any(value is None for value in read.values()):
            continue
        assert bool(contract.check(row).violations) == bool(violations_of(schema, judge.frame([read]))), row


def fast_is_judge(case):
    schema, rows = case
    contract = Contract(schema)
    for row in rows:
        assert same(contract.check(row), contract._compiled.judge.judge(row)), row


def same(one: Verdict, other: Verdict) -> bool:
    return one == other and (one is HOLDS) == (other is HOLDS)


def record_is_row(case):
    schema, rows = case
    contract = Contract(schema)
    frame = pd.DataFrame(rows)
    long = pd.concat([frame] * 13, ignore_index=True)  # long enough to be judged column by column
    columns = list(schema.columns)
    array = np.array([[row.get(name, 0) for name in columns] + [None] for row in rows], dtype=object)[:, :-1]
    for table in (rows, frame, frame.set_axis([0] * ROWS), long, array, np.vstack([array, array])):
        verdicts = contract.check_table(table)
        for i in range(len(table)):
            alone = contract.check(record_at(table, i))
            assert same(verdicts.rows.get(i, HOLDS), alone), record_at(table, i)
            assert verdicts.ok[i] == (not alone.violations)


ONE_ROW = {
    "int64": C.ge(0), "int8": C.le(100), "uint8": C.ne(3), "uint64": C.ge(1), "float64": C.gt(-1), "float32": C.lt(1e6),
    "bool": C.isin([True]), str: C.str_length(max_value=6), "datetime64[ns]": C.ge(pd.Timestamp("2020-01-01")),
    pd.CategoricalDtype(["red", "a", "5"]): C.isin(["red", "a"]),
}  # fmt: skip
BY_PANDERA = {("float32", True), ("datetime64[ns]", True), (pd.CategoricalDtype(["red", "a", "5"]), False)}
MODELLED = [
    (dtype, coerce) for dtype in ONE_ROW for coerce in (False, True) if (dtype, coerce) not in BY_PANDERA
]


@pytest.fixture
def asked(monkeypatch):
    """The records that pandera was asked about."""
    records = []

    def ask(schema, record):
        records.append(record)
        return record_violations(schema, record)

    monkeypatch.setattr(contract_module, "record_violations", ask)
    return records


@pytest.mark.usefixtures("_unheld")
@pytest.mark.parametrize(("dtype", "coerce"), MODELLED, ids=str)
def test_one_row_parity_of_every_value(dtype, coerce, asked):
    """`semantics="pandera"` says what `schema.validate` of the one-row frame says, mostly without asking it."""
    schema = pa.DataFrameSchema({"c0": pa.Column(dtype, ONE_ROW[dtype], nullable=True, coerce=coerce)})
    one_row_parity((schema, [{"c0": value} for value in POOL]))
    plain = [value for value in POOL if type(value) in {int, float, str, bool, type(None)}]
    undecided = [record for record in asked if type(record["c0"]) in {int, float, str, bool, type(None)}]
    assert len(undecided) < 0.6 * len(plain)


@st.composite
def one_row_cases(draw):
    """Like `cases`, of dtypes that are modelled."""
    pairs = draw(st.lists(st.sampled_from(MODELLED), min_size=1, max_size=3))
    checks = {dtype: checks for dtype, checks in DTYPES if checks is not None}
    made = {}
    for i, (dtype, coerce) in enumerate(pairs):
        drawn = draw(st.lists(checks[dtype], max_size=2)) if dtype in checks else []
        made[f"c{i}"] = pa.Column(dtype, drawn, nullable=draw(st.booleans()), coerce=coerce)
    row = st.fixed_dictionaries(dict.fromkeys(made, VALUES))
    return pa.DataFrameSchema(made, strict=draw(st.booleans())), draw(
        st.lists(row, min_size=ROWS, max_size=ROWS)
    )


@pytest.mark.usefixtures("_unheld")
@SLOW
@given(one_row_cases())
def test_one_row_parity(case):
    """The same for schemas and rows that hypothesis makes."""
    one_row_parity(case)


@pytest.mark.usefixtures("_unheld")
@pytest.mark.exhaustive
@MANY
@given(st.one_of(cases(), one_row_cases()))
def test_one_row_parity_in_full(case):
    """The same on 20,000 rows."""
    one_row_parity(case)


@pytest.mark.usefixtures("_unheld")
@FEW
@given(cases())
def test_record_parity(case):
    """`semantics="record"` says what pandera says of the row that was read."""
    record_parity(case)


@pytest.mark.usefixtures("_unheld")
@pytest.mark.exhaustive
@MANY
@given(cases())
def test_record_parity_in_full(case):
    """The same on 20,000 rows, most of them not readable as the declared dtypes."""
    record_parity(case)


@pytest.mark.usefixtures("_unheld")
@FEW
@given(cases())
def test_the_fast_form_is_the_judge(case):
    """The generated function never says that a record holds where the judge has something to say, nor the reverse."""
    fast_is_judge(case)


@pytest.mark.usefixtures("_unheld")
@FEW
@given(cases())
def test_a_record_is_a_row_of_a_table(case):
    """Each row gets the verdict it gets alone, with hostile and broken neighbours, whatever the index."""
    record_is_row(case)


@pytest.mark.usefixtures("_unheld")
@pytest.mark.exhaustive
@MANY
@given(cases())
def test_a_record_is_a_row_of_a_table_in_full(case):
    """The same on 20,000 rows and their tables."""
    fast_is_judge(case)
    record_is_row(case)


TYPED = [
    pd.Series([1, 5, 7, 300] * 150), pd.Series([1, 5, None] * 200), pd.Series([1.0, 5.0, 0.5, np.inf, np.nan] * 120),
    pd.Series(["red", "a", "abc", "5", None] * 120), pd.Series(["red", "a", None] * 200, dtype="category"),
    pd.Series([True, False] * 300), pd.Series([True, None] * 300), pd.Series([1, 5, None] * 200, dtype="Int64"),
    pd.Series(pd.to_datetime(["2024-01-01", "1999-01-01", None] * 200)), pd.Series([1, 5, 0.1] * 200, dtype="float32"),
    pd.Series(pd.to_datetime(["2024-01-01", "1999-01-01", None] * 200)).dt.tz_localize("Europe/Berlin"),
    pd.Series(np.array(["2024-01-01", "3000-01-01", "NaT"] * 200, dtype="datetime64[s]")),
    pd.Series([1, 5] * 300, dtype="uint8"), pd.Series(["a", 1, 1.0, True, None, 5.5] * 100, dtype=object),
]  # fmt: skip


PLAIN = [
    "int64",
    "int8",
    "float64",
    "float32",
    "bool",
    str,
    "datetime64[ns]",
    pd.DatetimeTZDtype("ns", "UTC"),
    pd.CategoricalDtype(["red", "a"]),
]


def typed_is_cells(column, cells):
    contract = Contract(pa.DataFrameSchema({"c0": column}))
    for table in (cells.to_frame("c0"), cells.to_numpy().reshape(-1, 1)):
        verdicts = contract.check_table(table)
        for i in range(20):
            assert same(verdicts.rows.get(i, HOLDS), contract.check(record_at(table, i))), record_at(table, i)


@pytest.mark.usefixtures("_unheld")
@pytest.mark.parametrize("nullable", [False, True])
@pytest.mark.parametrize("dtype", PLAIN, ids=str)
def test_typed_columns_are_their_cells(dtype, nullable):
    """A mask over a column of any dtype says what each of its cells says alone."""
    for cells in TYPED:
        typed_is_cells(pa.Column(dtype, nullable=nullable), cells)


@pytest.mark.usefixtures("_unheld")
@FEW
@given(columns(), st.sampled_from(TYPED))
def test_typed_columns_with_checks_are_their_cells(column, cells):
    """The same with checks."""
    typed_is_cells(column, cells)
