"""Record semantics, value by value: what counts as the declared dtype, and what reading makes of it."""

from __future__ import annotations

import datetime as dt
import decimal
import enum

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from guardrails._contract import Contract
from guardrails._contract._cells import State
from guardrails._contract._schema import read_plan
from guardrails._errors import ConfigurationError

pytestmark = pytest.mark.usefixtures("quick")

UTC = dt.UTC
NAIVE = dt.datetime(2024, 1, 1, 10)  # noqa: DTZ001 - naive timestamps are part of the rules
AWARE = dt.datetime(2024, 1, 1, 10, tzinfo=UTC)
CATEGORY = pd.CategoricalDtype(["red", "green"])
BERLIN = pd.DatetimeTZDtype("ns", "Europe/Berlin")
IN_BERLIN = pd.Timestamp("2024-01-01 11:00", tz="Europe/Berlin")
NULLS = [None, float("nan"), np.float64("nan"), pd.NA, pd.NaT, np.datetime64("NaT"), decimal.Decimal("NaN")]
DTYPES = [
    "int64",
    "Int64",
    "float64",
    "float32",
    "bool",
    str,
    CATEGORY,
    "datetime64[ns]",
    BERLIN,
    "timedelta64[ns]",
    object,
    None,
]


class Level(enum.IntEnum):
    low = 1


class Meal(enum.StrEnum):
    bb = "BB"


def read(dtype, value, *, coerce=False):
    column = pa.Column(dtype, coerce=coerce, nullable=True)
    return read_plan(pa.DataFrameSchema({"a": column})).fields[0].read(value)


ACCEPTED = [
    ("int64", 5, 5), ("int64", np.int8(5), 5), ("int64", np.uint64(5), 5), ("int64", Level.low, 1), ("int64", np.float64(5.0), 5),
    ("int8", 127, 127), ("uint8", 255, 255), ("int64", 2**63 - 1, 2**63 - 1), ("Int64", 5, 5),
    ("float64", 1.5, 1.5), ("float64", 5, 5.0), ("float64", np.float32(1.5), 1.5), ("float64", np.int64(5), 5.0),
    ("float64", float("inf"), float("inf")), ("float64", 2**53, 2.0**53), ("float32", 1.5, 1.5), ("float32", 3, 3.0),
    ("bool", True, True), ("bool", np.False_, False), (str, "a", "a"), (str, np.str_("a"), "a"), (str, Meal.bb, "BB"),
    (CATEGORY, "red", "red"), ("datetime64[ns]", NAIVE, pd.Timestamp(NAIVE)), (BERLIN, AWARE, IN_BERLIN),
    ("datetime64[ns]", np.datetime64("2024-01-01T10"), pd.Timestamp(NAIVE)), (object, [1], [1]), (None, b"x", b"x"),
    ("timedelta64[ns]", dt.timedelta(days=1), pd.Timedelta(days=1)),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "value", "wanted"), ACCEPTED, ids=repr)
def test_without_coercion_the_same_value_of_another_width_counts(dtype, value, wanted):
    """Numpy scalars, enums and ints count by value."""
    assert read(dtype, value) == (State.ok, wanted)


REFUSED = [
    ("int64", True), ("int64", np.True_), ("int64", 1.5), ("int64", "5"), ("int64", 2**63), ("int8", 300), ("uint8", -1),
    ("int64", decimal.Decimal(5)), ("int64", dt.timedelta(1)), ("int64", np.timedelta64(1, "D")), ("int64", float("inf")),
    ("float64", True), ("float64", "1.5"), ("float64", 2**53 + 1), ("float64", np.int64(2**53 + 1)), ("float64", 10**400), ("float32", 1e300),
    ("float64", decimal.Decimal("1.5")), ("float64", np.timedelta64(1, "D")), ("bool", 1), ("bool", "true"), ("bool", 0.0),
    (str, 5), (str, b"a"), (CATEGORY, "mauve"), (CATEGORY, []), ("datetime64[ns]", AWARE), (BERLIN, NAIVE),
    ("datetime64[ns]", "2024-01-01"), ("datetime64[ns]", dt.date(2024, 1, 1)), ("datetime64[ns]", 0),
    ("datetime64[ns]", dt.datetime(1500, 1, 1)), ("timedelta64[ns]", 5), ("timedelta64[ns]", "1 day"),  # noqa: DTZ001
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "value"), REFUSED, ids=repr)
def test_without_coercion_another_type_is_wrong(dtype, value):
    """What the model would have to convert, or what the dtype cannot hold, is a violation."""
    assert read(dtype, value)[0] is State.wrong


COERCED = [
    ("int64", "5", 5), ("int64", " 5 ", 5), ("int64", True, 1), ("int64", 5.0, 5), ("int64", decimal.Decimal(5), 5),
    ("float64", "1.5", 1.5), ("float64", True, 1.0), ("float64", decimal.Decimal("1.5"), 1.5), ("bool", 1, True),
    ("bool", "False", False), ("bool", " true ", True), ("bool", 0.0, False), (str, 5, "5"), (str, 1.5, "1.5"),
    (str, True, "True"), (CATEGORY, "red", "red"), ("datetime64[ns]", "2024-01-01T10:00", pd.Timestamp(NAIVE)),
    ("datetime64[ns]", dt.date(2024, 1, 1), pd.Timestamp("2024-01-01")), ("datetime64[ns]", AWARE, pd.Timestamp(NAIVE)),
    ("datetime64[ns]", "Jan 5, 2024", pd.Timestamp("2024-01-05")), (BERLIN, "2024-01-01T10:00Z", IN_BERLIN),
    (BERLIN, pd.Timestamp("2024-01-01 11:00"), IN_BERLIN), ("timedelta64[ns]", "1 days", pd.Timedelta(days=1)),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Could not infer format")
@pytest.mark.parametrize(("dtype", "value", "wanted"), COERCED, ids=repr)
def test_coercion_without_loss_counts(dtype, value, wanted):
    """`coerce=True` reads other types where nothing is lost."""
    assert read(dtype, value, coerce=True) == (State.ok, wanted)


LOSSY = [
    ("int64", 1.5), ("int64", "1.5"), ("int64", "abc"), ("int8", 300), ("int8", 300.0), ("uint8", -1), ("int64", 1e300),
    ("int64", float("inf")), ("int64", AWARE), ("int64", decimal.Decimal("1.5")), ("float64", "abc"), ("float64", 2**53 + 1),
    ("float32", "1e300"), ("bool", "abc"), ("bool", 2), ("bool", ""), ("bool", "None"), (str, [1]), (str, {"k": 1}),
    (str, b"a"), (CATEGORY, "mauve"), (CATEGORY, 5), ("datetime64[ns]", 0), ("datetime64[ns]", "abc"),
    ("datetime64[ns]", "9999-01-01"), ("timedelta64[ns]", "abc"), ("timedelta64[ns]", 5),
    (BERLIN, pd.Timestamp("2024-10-27 02:30")),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Could not infer format")
@pytest.mark.parametrize(("dtype", "value"), LOSSY, ids=repr)
def test_lossy_coercion_is_a_violation(dtype, value):
    """What pandas truncates, wraps, stringifies or guesses is refused."""
    assert read(dtype, value, coerce=True)[0] is State.wrong


@pytest.mark.parametrize("coerce", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("value", NULLS, ids=repr)
def test_missing_is_one_thing(dtype, value, coerce):
    """None, NaN, NaT and NA are the same missing value for every dtype."""
    assert read(dtype, value, coerce=coerce)[0] is State.null


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_nullable_decides_about_missing_values(dtype):
    """A missing value breaks `nullable=False` and nothing else."""
    strict = Contract(pa.DataFrameSchema({"a": pa.Column(dtype)}))
    lenient = Contract(pa.DataFrameSchema({"a": pa.Column(dtype, nullable=True)}))
    for value in NULLS:
        assert [v.clause for v in strict.check({"a": value}).violations] == ["nullable=False"]
        assert lenient.check({"a": value}).violations == ()


@pytest.mark.parametrize("value", [5.0, -3.0])
def test_a_whole_float_in_an_int_field_is_retyped(value):
    """The clauses hold and the value is the same, so it is a drift and not a violation."""
    verdict = Contract(pa.DataFrameSchema({"a": pa.Column(int)})).check({"a": value})
    assert verdict.violations == ()
    assert [(v.field, v.kind) for v in verdict.drifted] == [("a", "retyped")]


def test_checks_see_missing_values_only_where_they_ask_to():
    """`ignore_na=False` has pandera's meaning: a comparison with a missing value does not hold."""
    checks = {
        "ignored": pa.Check.ge(0),
        "compared": pa.Check.ge(0, ignore_na=False),
        "other": pa.Check.ne(0, ignore_na=False),
    }
    contract = Contract(
        pa.DataFrameSchema({name: pa.Column(float, check, nullable=True) for name, check in checks.items()})
    )
    assert [v.field for v in contract.check(dict.fromkeys(checks)).violations] == ["compared"]


def test_a_default_replaces_a_missing_value():
    """As in pandera: then the clauses are about the default."""
    column = pa.Column(float, pa.Check.le(1), nullable=False, default=1.0)
    assert Contract(pa.DataFrameSchema({"a": column})).check({"a": None}).violations == ()
    column = pa.Column(float, pa.Check.le(1), nullable=False, default=2.0)
    assert [v.kind for v in Contract(pa.DataFrameSchema({"a": column})).check({"a": None}).violations] == [
        "range"
    ]


def test_a_default_of_another_dtype_is_a_mistake():
    """It would break the contract for every record that needs it."""
    with pytest.raises(ConfigurationError, match="default of column 'a'"):
        Contract(pa.DataFrameSchema({"a": pa.Column(int, default="x")}))


def test_add_missing_columns_fills_a_field_that_is_not_there():
    """With a default, or nullable, a required field may be left out."""
    columns = {
        "a": pa.Column(float, default=1.0),
        "b": pa.Column(float, nullable=True),
        "c": pa.Column(float),
    }
    contract = Contract(pa.DataFrameSchema(columns, add_missing_columns=True))
    assert [v.field for v in contract.check({}).violations] == ["c"]


def test_parsers_run_before_reading():
    """Element-wise ones are called on the value, the others through pandera on a column of one."""
    columns = {
        "a": pa.Column(int, pa.Check.ge(0), parsers=pa.Parser(abs, element_wise=True)),
        "b": pa.Column(str, pa.Check.eq("X"), parsers=pa.Parser(lambda s: s.str.upper(), name="upper")),
    }
    contract = Contract(pa.DataFrameSchema(columns))
    assert contract.check({"a": -5, "b": "x"}).violations == ()
    assert [v.field for v in contract.check({"a": "x", "b": "y"}).violations] == ["a", "b"]
    assert "b: parser upper: by pandera" in contract.explain()


def test_a_parser_of_the_whole_record():
    """It sees a frame of one row; where it raises, the record breaks the contract."""
    parser = pa.Parser(lambda d: d.assign(total=d["a"] + d["b"]), name="total")
    columns = {"a": pa.Column(int), "b": pa.Column(int), "total": pa.Column(int, pa.Check.le(10))}
    contract = Contract(pa.DataFrameSchema(columns, parsers=parser))
    assert contract.check({"a": 1, "b": 2}).violations == ()
    assert [v.field for v in contract.check({"a": 9, "b": 2}).violations] == ["total"]
    assert [v.kind for v in contract.check({"a": 9}).violations] == ["parser"]


def test_fields_by_pattern():
    """A regex column judges every field that matches, and needs one where it is required."""
    contract = Contract(
        pa.DataFrameSchema({r"f_\d+": pa.Column(float, pa.Check.ge(0), regex=True)}, strict=True)
    )
    assert contract.check({"f_1": 1.0, "f_22": 0.0}).violations == ()
    assert [(v.field, v.kind) for v in contract.check({"f_1": -1.0, "f_2": 1.0}).violations] == [
        (r"f_\d+", "range")
    ]
    assert [v.kind for v in contract.check({}).violations] == ["missing"]
    assert [v.kind for v in contract.check({"f_1": 1.0, "g": 1}).violations] == ["extra"]


def test_the_dtype_of_the_schema_rules_its_columns():
    """As in pandera, it replaces what the columns say."""
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(str)}, dtype=float))
    assert contract.check({"a": 1.5}).violations == ()
    assert [v.clause for v in contract.check({"a": "x"}).violations] == ["dtype=float64"]


def test_other_dtypes_are_read_by_pandera():
    """What has no rules here is asked of pandera, value by value."""
    columns = {"d": pa.Column(pa.Date), "m": pa.Column(pa.Decimal(10, 2)), "c": pa.Column(complex)}
    contract = Contract(pa.DataFrameSchema(columns))
    good = {"d": dt.date(2024, 1, 1), "m": decimal.Decimal("1.50"), "c": 1 + 2j}
    assert contract.check(good).violations == ()
    for field in columns:
        assert [(v.field, v.kind) for v in contract.check(good | {field: "x"}).violations] == [
            (field, "dtype")
        ]
    assert "c: dtype=complex128: by pandera" in contract.explain()
    assert contract.cost > 0
