"""Values and tables made to be believed where they should not be: a record's verdict is its row's, and nothing is invented."""

import dataclasses
import re
from decimal import Decimal

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

import guardrails as gr

Check, Column, Schema = pa.Check, pa.Column, pa.DataFrameSchema
MANY = 600  # rows of a table that is judged by whole columns
BIG = 2**53 + 1  # an integer that no float holds


def both(contract, column, *, of="x"):
    """The verdict on the first cell alone, and as a row of a table that is judged by whole columns."""
    frame = pd.DataFrame({of: column})
    assert len(frame) >= MANY
    one = not contract.check({of: frame[of].iloc[0]}).violations
    return one, bool(contract.check_table(frame).ok[0])


# --- missing is missing ------------------------------------------------------------------------------------------


def test_a_missing_bool_is_no_bool():
    """Neither for the model, which gets the transformed table, nor for a check across fields."""
    filtered = gr.Contract(Schema({"x": Column(bool, nullable=True)}, strict="filter"), transform=True)
    frame = pd.DataFrame({"x": pd.Series([True, None, False], dtype=object), "junk": 1})
    assert filtered.check_table(frame).table["x"].tolist() == [True, None, False]

    coerced = gr.Contract(Schema({"x": Column(bool, nullable=True, coerce=True)}), transform=True)
    made = coerced.check_table(pd.DataFrame({"x": [1.0, np.nan, 0.0]})).table["x"]
    assert made.isna().tolist() == [False, True, False]
    assert made.iloc[0] is True

    known = Check(lambda d: d["x"].notna() | (d["y"] > 5), name="known")
    across = Schema({"x": Column(bool, nullable=True), "y": Column(int)}, checks=known)
    assert gr.Contract(across).check({"x": None, "y": 1}).violations


def test_a_transformed_column_with_a_missing_int_keeps_every_digit():
    contract = gr.Contract(Schema({"x": Column(int, nullable=True, coerce=True)}), transform=True)
    made = contract.check_table(pd.DataFrame({"x": [str(BIG), None]})).table["x"]
    assert (made.iloc[0], pd.isna(made.iloc[1])) == (BIG, True)
    assert contract.check_table(pd.DataFrame({"x": ["3", None]})).table["x"].dtype == "float64"


@pytest.mark.parametrize(
    ("column", "cells", "kept"),
    [
        (Column("int8", coerce=True), ["1", 300], [1, 300]),
        (Column(bool), [True, "no"], [True, "no"]),
        (Column(pd.CategoricalDtype(["a", "b"])), ["a", "zz"], ["a", "zz"]),
        (Column(float, coerce=True), ["1.5", "x"], [1.5, "x"]),
    ],
)
def test_a_tolerated_value_stays_and_the_rest_is_transformed(column, cells, kept):
    """In a record as in a table."""
    severity = {("x", "dtype"): "caveat"}
    contract = gr.Contract(Schema({"x": column}, strict="filter"), transform=True, severity=severity)
    frame = pd.DataFrame({"x": pd.Series(cells, dtype=object), "junk": 1})
    records = [contract.check(row).request for row in frame.to_dict("records")]

    assert contract.check_table(frame).table["x"].tolist() == kept
    assert [record["x"] for record in records] == kept
    assert all("junk" not in record for record in records)


def test_an_empty_table_is_filtered_too():
    contract = gr.Contract(Schema({"x": Column(int)}, strict="filter"), transform=True)
    frame = pd.DataFrame({"x": pd.Series([], dtype=int), "junk": pd.Series([], dtype=int)})
    assert list(contract.check_table(frame).table.columns) == ["x"]


def test_digits_survive_next_to_a_float():
    """In a Series and an array, which have one dtype for all."""
    schema = Schema({"n": Column(int), "f": Column(float, coerce=True)})
    contract, sent = gr.Contract(schema, transform=True), [BIG, 2]
    assert contract.check(pd.Series(dict(zip("nf", sent, strict=True)))).request.tolist() == sent
    assert contract.check(np.array(sent)).request.tolist() == sent


# --- a record is its row ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "members", "value"),
    [
        ("uint64", [5, 2**63], 2**63 + 1),
        ("int64", [2**62, 5, 1.5], 2**62 + 1),
        ("int64", [float(2**53), 5.0], BIG),
        ("float64", [BIG, 5], float(2**53)),
    ],
)
def test_a_set_of_large_numbers(dtype, members, value):
    """numpy would look them up as floats."""
    contract = gr.Contract(Schema({"x": Column(dtype, Check.isin(members))}))
    assert both(contract, np.full(MANY, value, dtype=dtype)) == (False, False)


def test_a_masked_cell_is_no_value():
    """Of a request and of an answer."""
    rows = np.ma.masked_array(np.ones((MANY, 2)), mask=np.zeros((MANY, 2)))
    rows.mask[0, 0] = True
    contract = gr.Contract(Schema({"a": Column(int, Check.ge(0)), "b": Column(float)}))
    assert contract.check(rows[0]).violations
    assert contract.check_table(rows).ok.tolist() == [False, *[True] * (MANY - 1)]

    answers = np.ma.masked_array(np.ones(MANY), mask=np.zeros(MANY))
    answers.mask[0] = True
    guard = gr.guard(budget=None, output=Schema({"p": Column(float)}))
    assert guard.batch(lambda table: answers)([{}] * MANY)[0].caveats[0].code == "output"


def test_a_long_double_is_not_shortened():
    longer = np.longdouble(1) + np.finfo(np.longdouble).eps
    if longer == float(longer):
        pytest.skip("this machine has no longer float")
    contract = gr.Contract(Schema({"x": Column(float, Check.le(1))}))
    assert both(contract, np.full(MANY, longer)) == (False, False)


def test_texts_that_pandas_takes_for_one():
    """A lone surrogate, and the text of its `repr`."""
    frame = pd.DataFrame({"x": pd.Series(["'\\ud800'", "\ud800"] * MANY, dtype=object)})
    contract = gr.Contract(Schema({"x": Column(str, Check.str_length(8, 8))}))
    assert contract.check_table(frame).ok[:2].tolist() == [True, False]


def test_a_text_that_says_it_equals_another():
    class Liar(str):
        __slots__ = ()
        __eq__ = lambda self, other: True
        __hash__ = lambda self: hash("2024-01-01")

    column = pd.Series([*["2024-01-01"] * MANY, Liar("garbage")], dtype=object)
    contract = gr.Contract(Schema({"x": Column("datetime64[ns]", coerce=True)}))
    assert contract.check_table(pd.DataFrame({"x": column})).ok[-2:].tolist() == [True, False]


@pytest.mark.parametrize("digits", [30, 3_000_000])
def test_a_decimal_of_very_many_digits_is_not_written_out(digits):
    contract = gr.Contract(Schema({"x": Column(int, coerce=True)}))
    assert contract.check({"x": Decimal(f"1e{digits}")}).violations
    assert not contract.check({"x": Decimal("1e3")}).violations


class LyingFloat(float):
    __slots__ = ()
    __float__ = lambda self: 0.5
    __eq__ = lambda self, other: True
    __hash__ = float.__hash__


def test_a_number_that_says_it_is_another():
    contract = gr.Contract(Schema({"x": Column(float, Check.le(1))}))
    assert contract.check({"x": LyingFloat(7.0)}).violations


# --- what reading loses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [BIG, str(BIG), Decimal(BIG), "1e400", Decimal("1e400"), f" -{BIG} "])
def test_a_number_that_no_float_holds(value):
    """A whole one is exact or refused, and nothing overflows."""
    assert gr.Contract(Schema({"x": Column(float, coerce=True)})).check({"x": value}).violations


@pytest.mark.parametrize("value", ["0.1", Decimal("0.1"), "inf", "1e300", str(2**53), True, "nan "])
def test_a_number_that_is_read_as_everywhere(value):
    column = Column(float, coerce=True, nullable=True)
    assert not gr.Contract(Schema({"x": column})).check({"x": value}).violations


@pytest.mark.parametrize(("value", "fits"), [(2**24 + 1, False), (2**24, True), (1e-60, False), (0.1, True)])
def test_a_narrow_float(value, fits):
    """Takes the nearest fraction, and no whole number that it would change."""
    assert (not gr.Contract(Schema({"x": Column("float32")})).check({"x": value}).violations) is fits


@pytest.mark.parametrize(
    "text", ["now", "Today", "10:00", "10:00:00.5", "5 May", "Monday", "May", "x" * 5000 + "2024"]
)
def test_a_text_that_names_no_date_of_its_own(text):
    """pandas reads it as of today, so that it would be fresh whenever it is judged."""
    contract = gr.Contract(Schema({"x": Column("datetime64[ns]", coerce=True)}), max_age={"x": "15min"})
    assert [violation.kind for violation in contract.check({"x": text}).violations] == ["dtype"]


@pytest.mark.parametrize(
    "text", ["1/2/24", "5 May 2024", "20240105", "Jan 5, 2024 10:00 PM", "2024-01-05 10:00"]
)
def test_a_text_that_names_one(text):
    contract = gr.Contract(Schema({"x": Column("datetime64[ns]", coerce=True)}), max_age={"x": "15min"})
    assert [violation.kind for violation in contract.check({"x": text}).violations] == ["stale"]


# --- as pandera ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (Check.le(np.float32(0.7)), 0.7),
        (Check.ge(np.float32(0.7)), 0.7),
        (Check.eq(np.float32(0.3)), 0.3),
        (Check.in_range(np.float16(0.3), np.float32(0.7)), 0.3),
        (Check.isin(np.array([0.3, 0.7], dtype="float32")), 0.3),
    ],
)
def test_bounds_from_a_narrower_array(check, value):
    """A model's training data are often float32."""
    schema = Schema({"x": Column(float, check)})
    try:
        schema.validate(pd.DataFrame({"x": [value]}))
    except pa.errors.SchemaError:
        expected = False
    else:
        expected = True
    assert (not gr.Contract(schema).check({"x": value}).violations) is expected


def test_a_check_across_fields_of_which_all_are_missing():
    """pandera's `ignore_na`; with some of them there, the check is asked."""
    fields = {"a": Column(float, nullable=True), "b": Column(float, nullable=True)}
    schema = Schema(fields, checks=Check(lambda row: row["a"] < row["b"], element_wise=True, name="lt"))
    contract = gr.Contract(schema)
    assert not contract.check({"a": None, "b": None}).violations
    assert contract.check({"a": None, "b": 1.0}).violations


def test_a_check_across_fields_sees_what_pandas_shows_of_a_missing_value():
    """Of an extension dtype `pandas.NA`, of which nothing is true."""
    fields = {"a": Column("Int64", nullable=True), "b": Column(int)}
    schema = Schema(fields, checks=Check(lambda row: not (row["a"] > 5), element_wise=True, name="na"))
    assert gr.Contract(schema).check({"a": None, "b": 1}).violations


def test_a_field_by_pattern_has_names_that_are_no_text():
    schema = Schema({r"^\d+$": Column(str, regex=True, required=False)}, strict=True)
    assert not gr.Contract(schema).check({5: "a"}).violations


def test_a_name_that_is_no_pattern():
    with pytest.raises(gr.ConfigurationError, match=r"schema.*pattern.*'\('"):
        gr.Contract(Schema({"(": Column(int, regex=True)}))


# --- answers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("empty", [[], (), np.array([]), np.zeros((1, 0))])
def test_an_empty_answer_is_none(empty):
    """Alone and in a table."""
    guard = gr.guard(budget=None, output=Schema({"p": Column(float, Check.in_range(0, 1))}))
    assert guard(lambda request: empty)({}).caveats[0].code == "output"
    decisions = guard.batch(lambda table: [empty, [0.5]])([{}, {}])
    assert [decision.caveats[0].code for decision in decisions] == ["output", "uncalibrated"]


@pytest.mark.parametrize("answer", [pd.Timestamp(0), pd.Timestamp(0).to_pydatetime(), [pd.Timestamp(0)]])
def test_an_instant_is_an_answer(answer):
    guard = gr.guard(budget=None, output=Schema({"when": Column("datetime64[ns]")}))
    assert guard(lambda request: answer)({}).caveats[0].code == "uncalibrated"


# --- what needs many rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (Schema({"x_.*": Column(int, regex=True, unique=True)}), {"x_1": [1, 2]}, {"x_1": [1, 1]}),
        (Schema({1: Column(int, unique=True)}), {1: [1, 2]}, {1: [1, 1]}),
        (Schema({1: Column(int, Check(lambda s: s.mean() > 0, name="mean"))}), {1: [1, 2]}, {1: [-1, 0]}),
        (
            Schema({1: Column(int), 2: Column(int)}, unique=[1, 2]),
            {1: [1, 1], 2: [1, 2]},
            {1: [1, 1], 2: [1, 1]},
        ),
    ],
)
def test_clauses_about_many_rows_of_fields_by_pattern_or_number(schema, good, bad):
    contract = gr.Contract(schema)
    assert not contract.check_table(pd.DataFrame(good)).batch
    assert contract.check_table(pd.DataFrame(bad)).batch


# --- options and explanations --------------------------------------------------------------------------------------


def test_the_severity_of_a_field_whose_name_is_a_number():
    contract = gr.Contract(Schema({5: Column(int, Check.ge(0))}), severity={5: "caveat"})
    assert not contract.check({5: -1}).violations
    by_clause = gr.Contract(Schema({5: Column(int, Check.ge(0))}), severity={(5, "range"): "caveat"})
    assert not by_clause.check({5: -1}).violations


@pytest.mark.parametrize(
    ("options", "parameter"), [({"severity": {("x",): "caveat"}}, "severity"), ({"clock": None}, "clock")]
)
def test_an_option_that_cannot_work(options, parameter):
    with pytest.raises(gr.ConfigurationError, match=parameter):
        gr.Contract(Schema({"x": Column(int)}), **options)


def test_a_length_that_is_no_whole_number():
    """Is what pandera makes of it."""
    contract = gr.Contract(Schema({"x": Column(str, Check.str_length(min_value=1.5))}))
    assert [bool(contract.check({"x": text}).violations) for text in ("a", "ab")] == [True, False]


def test_a_check_that_answers_with_no_bool_is_said_to_be_panderas():
    """As `re.match` does; its cost is measured, and held against the budget."""
    schema = Schema({"x": Column(str, Check(lambda v: re.match("a+$", v), element_wise=True, name="a"))})
    contract = gr.Contract(schema)
    assert [bool(contract.check({"x": text}).violations) for text in ("aa", "b")] == [
        not bool(pandera_passes(schema, {"x": text})) for text in ("aa", "b")
    ]
    assert contract.cost > 0
    assert any("pandera" in line for line in contract.explain() if "a" in line)


def pandera_passes(schema, record):
    try:
        schema.validate(pd.DataFrame([record]))
    except pa.errors.SchemaError:
        return False
    return True


def test_a_field_that_is_called_as_what_a_row_of_pandas_has():
    """`row.name` is pandas' own there, so it is here."""
    check = Check(lambda row: row.name != "blocked", element_wise=True, name="own")
    schema = Schema({"name": Column(str), "qty": Column(int)}, checks=check)
    record = {"name": "blocked", "qty": 1}
    assert (not gr.Contract(schema).check(record).violations) is pandera_passes(schema, record)


def test_an_instant_of_numpy_in_a_column_of_objects():
    fresh = np.datetime64("2026-01-01T00:00:00")

    class Clock:
        time = staticmethod(lambda: pd.Timestamp(fresh).timestamp() + 60)

    contract = gr.Contract(Schema({"x": Column(object)}), max_age={"x": "15min"}, clock=Clock())
    assert not contract.check({"x": fresh}).violations


# --- objects that are transformed ----------------------------------------------------------------------------------


@dataclasses.dataclass
class Order:
    x: object
    factor: dataclasses.InitVar[int]
    seen: int = dataclasses.field(init=False, default=0)

    def __post_init__(self, factor):
        self.seen = factor
        if not isinstance(self.x, str):
            raise TypeError


def test_a_dataclass_is_copied_and_not_made_anew():
    """What its `__init__` takes or refuses was settled when it was made."""
    contract = gr.Contract(Schema({"x": Column(int, coerce=True)}), transform=True)
    made = contract.check(Order("3", factor=7)).request
    assert (type(made), made.x, made.seen) == (Order, 3, 7)


def test_a_filter_drops_what_a_pydantic_model_has_beside_its_fields():
    pydantic = pytest.importorskip("pydantic")

    class Open(pydantic.BaseModel):
        model_config = {"extra": "allow"}
        x: object

    contract = gr.Contract(Schema({"x": Column(int, coerce=True)}, strict="filter"), transform=True)
    sent = Open(x="3", ssn="S")
    assert contract.check(sent).request.model_dump() == {"x": 3}
    assert sent.ssn == "S"
