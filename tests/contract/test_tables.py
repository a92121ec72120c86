"""A table is split by position: each row its own verdict, whatever the index, the neighbours or the dtypes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from guardrails._contract import HOLDS, UNCHANGED, Contract, is_frame, is_table, length_of, record_at, rows_of
from guardrails._contract._pandera import record_violations
from guardrails._types import Violation

pytestmark = pytest.mark.usefixtures("quick")

SCHEMA = pa.DataFrameSchema(
    {"a": pa.Column(int, pa.Check.in_range(0, 9)), "s": pa.Column(str, pa.Check.isin(["x", "y"]))}
)
RANGE = Violation("a", "in_range(0, 9)", "range")
N = 600  # long enough to be judged column by column


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract(SCHEMA)


def frame(n: int = N) -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(n) % 10, "s": ["x", "y"] * (n // 2)})


INDEXES = {
    "duplicate labels": lambda n: [0] * n,
    "multi": lambda n: pd.MultiIndex.from_arrays([["k"] * n, pd.date_range("2024", periods=n)]),
    "hostile": lambda n: pd.Index([Hostile() for _ in range(n)], dtype=object),
    "reversed": lambda n: range(n, 0, -1),
    "missing": lambda n: [None] * n,
}


class Hostile:
    def __repr__(self):
        raise RuntimeError("code ran")

    __str__ = __repr__


@pytest.mark.parametrize("n", [4, N])
@pytest.mark.parametrize("index", INDEXES)
def test_the_index_does_not_matter(contract, index, n):
    """Verdicts are by position, for short and for long tables."""
    table = frame(n)
    table.loc[1, "a"] = 10
    table.index = INDEXES[index](n)
    verdict = contract.check_table(table)
    assert verdict.ok.tolist() == [i != 1 for i in range(n)]
    assert {i: v.violations for i, v in verdict.rows.items()} == {1: (RANGE,)}


@pytest.mark.parametrize("n", [4, N])
def test_one_bad_cell_blames_one_row(contract, n):
    """A text in an int column, which turns the whole column into objects, is one row's violation."""
    table = frame(n).astype({"a": object})
    table.loc[2, "a"] = "7"
    verdict = contract.check_table(table)
    assert [int(i) for i in np.flatnonzero(~verdict.ok)] == [2]
    assert verdict.rows[2].violations == (Violation("a", "dtype=int64", "dtype"),)


@pytest.mark.parametrize("n", [4, N])
def test_one_missing_int_does_not_retype_its_neighbours(n):
    """pandas turns the column into floats; the other rows hold as they did."""
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(int, nullable=True)}))
    table = pd.DataFrame({"a": [1, None] * (n // 2)})
    verdict = contract.check_table(table)
    assert verdict.ok.all()
    assert verdict.rows == {}


@pytest.mark.parametrize("n", [4, N])
def test_a_missing_column_breaks_every_row(contract, n):
    """With the same verdict for each, and the other columns judged as well."""
    table = frame(n)[["s"]]
    table.loc[1, "s"] = "z"
    verdict = contract.check_table(table)
    missing = Violation("a", "required=True", "missing")
    assert not verdict.ok.any()
    assert verdict.rows[0].violations == (missing,)
    assert verdict.rows[1].violations == (missing, Violation("s", "isin(['x', 'y'])", "set"))
    assert list(verdict.rows) == list(range(n))


@pytest.mark.parametrize("n", [4, N])
def test_an_undeclared_column_of_a_strict_schema_breaks_every_row(n):
    """As it does for each record alone."""
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(int)}, strict=True))
    verdict = contract.check_table(frame(n))
    assert not verdict.ok.any()
    assert {v.violations[0].kind for v in verdict.rows.values()} == {"extra"}


@pytest.mark.parametrize("table", [pd.DataFrame({"a": [], "s": []}), np.zeros((0, 2)), [], pd.DataFrame()])
def test_an_empty_table_has_no_verdicts(contract, table):
    """Nothing to say, nothing raised."""
    verdict = contract.check_table(table)
    assert verdict.ok.shape == (0,)
    assert verdict.rows == {}


def test_a_column_that_occurs_twice_breaks_every_row(contract):
    """The model could not know which one is meant."""
    table = pd.concat([frame(), frame()[["a"]]], axis=1)
    verdict = contract.check_table(table)
    assert not verdict.ok.any()
    assert verdict.rows[0].violations == contract.check(record_at(table, 0)).violations


def test_a_list_of_records_of_any_kind(contract):
    """Each element is judged as the record it is, and what is none breaks the contract."""
    verdict = contract.check_table(
        [{"a": 1, "s": "x"}, pd.Series({"a": 10, "s": "x"}), None, np.array([1, "y"], dtype=object)]
    )
    assert verdict.ok.tolist() == [True, False, False, True]
    assert verdict.rows[2].violations[0].kind == "type"


@pytest.mark.parametrize("n", [3, N])
def test_a_2d_array_has_its_columns_in_field_order(n):
    """Whole floats count as ints there, NaN as missing."""
    columns = {"i": pa.Column(int, pa.Check.lt(5)), "f": pa.Column(float, nullable=True)}
    contract = Contract(pa.DataFrameSchema(columns), fields=["f", "i"])
    table = np.tile([0.5, 1.0], (n, 1))
    table[0], table[1], table[2] = (np.nan, 4.0), (1.0, 1.5), (1.0, 5.0)
    verdict = contract.check_table(table)
    assert verdict.ok.tolist() == [True, False, False] + [True] * (n - 3)
    assert [v.violations[0].kind for v in verdict.rows.values()] == ["dtype", "range"]


def test_an_int_that_no_float_holds():
    """It is refused in a column of ints as it is alone."""
    contract = Contract(pa.DataFrameSchema({"f": pa.Column(float)}))
    verdict = contract.check_table(pd.DataFrame({"f": [2**53, 2**53 + 1] * (N // 2)}))
    assert verdict.ok.tolist() == [True, False] * (N // 2)


def test_an_array_of_another_width_breaks_every_row(contract):
    """One column per field, or nothing can be read."""
    verdict = contract.check_table(np.zeros((N, 3)))
    assert {v.violations for v in verdict.rows.values()} == {
        (Violation("", "a 1-d array of the 2 fields, by position", "type"),)
    }
    assert not verdict.ok.any()


@pytest.mark.parametrize("table", [None, 5, "text", {"a": [1]}, np.zeros(2), pd.Series([1])])
def test_what_is_no_table_is_a_mistake(contract, table):
    """Whoever passes it learns what is accepted."""
    with pytest.raises(TypeError, match="pandas DataFrame, a 2-d array or a list of records"):
        contract.check_table(table)


UNIQUE = pa.Column(int, unique=True)
TOGETHER = {
    "unique=True": pa.DataFrameSchema({"a": UNIQUE, "s": pa.Column(str)}),
    "unique=['a', 's']": pa.DataFrameSchema({"a": pa.Column(int), "s": pa.Column(str)}, unique=["a", "s"]),
    "ordered=True": pa.DataFrameSchema({"s": pa.Column(str), "a": pa.Column(int)}, ordered=True),
    "index": pa.DataFrameSchema({"a": pa.Column(int)}, index=pa.Index(str)),
    "mean": pa.DataFrameSchema({"a": pa.Column(int, pa.Check(lambda s: s.mean() > 8, name="mean"))}),
    "rising": pa.DataFrameSchema(
        {"a": pa.Column(int, pa.Check(lambda s: s.diff().fillna(1) > 0, name="rising"))}
    ),
    "wide": pa.DataFrameSchema({"a": pa.Column(int)}, checks=pa.Check(lambda d: len(d) > 10**6, name="wide")),
    "groups": pa.DataFrameSchema(
        {
            "a": pa.Column(int, pa.Check(lambda g: g["x"].mean() > 100, groupby="s", name="groups")),
            "s": pa.Column(str),
        }
    ),
    "unique_values_eq({1})": pa.DataFrameSchema({"a": pa.Column(int, pa.Check.unique_values_eq({1}))}),
}


@pytest.mark.parametrize("clause", TOGETHER)
def test_clauses_over_many_rows_are_caveats_of_the_table(clause):
    """They never say anything about a row, alone or in a table."""
    contract = Contract(TOGETHER[clause])
    table = frame()
    verdict = contract.check_table(table)
    assert verdict.ok.all()
    assert verdict.rows == {}
    assert [v.clause for v in verdict.batch] == [clause]
    assert contract.check(record_at(table, 0)) is HOLDS
    assert any(clause in line and "batch only" in line for line in contract.explain())


def test_clauses_over_many_rows_that_hold():
    """Rows that break another clause do not count: they do not go on."""
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(int, pa.Check.ge(0), unique=True)}))
    table = pd.DataFrame({"a": [*range(N), -1, -1]})
    assert contract.check_table(table).batch == ()
    assert contract.check_table(table.assign(a=1)).batch == (Violation("a", "unique=True", "unique"),)


def across(check: pa.Check) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(
        {"low": pa.Column(float), "high": pa.Column(float, nullable=True)}, checks=check
    )


ACROSS = {
    "element-wise": pa.Check(lambda row: row["low"] < row.high, element_wise=True, name="order"),
    "of the frame": pa.Check(lambda d: d["low"] < d["high"], name="order"),
}


@pytest.mark.parametrize("n", [4, N])
@pytest.mark.parametrize("how", ACROSS)
def test_checks_across_the_fields_of_one_row(how, n):
    """They blame the row they are about; element-wise ones are compiled, the others pandera's, row by row."""
    contract = Contract(across(ACROSS[how]), row_checks=() if n == 4 or how == "element-wise" else ["order"])
    table = pd.DataFrame({"low": pd.Series([1.0] * n, dtype=object), "high": [2.0] * n})
    table.loc[1, "high"], table.loc[2, "high"], table.loc[3, "low"] = 0.5, None, "x"
    verdict = contract.check_table(table)
    assert [i for i in range(n) if not verdict.ok[i]] == [1, 2, 3]
    assert verdict.rows[1].violations == (Violation("", "order", "custom"),)
    assert verdict.rows[3].violations == (Violation("low", "dtype=float64", "dtype"),)
    for i in range(4):
        assert contract.check(record_at(table, i)) == verdict.rows.get(i, HOLDS)
    assert contract.cost == 0 if how == "element-wise" else contract.cost > 0


ROW_CHECKS = {
    "method": lambda row: row[["low", "high"]].sum() > 2,
    "missing": lambda row: not row.isna().any(),
    "values": lambda row: sum(row) > 2,
    "length": lambda row: len(row) == 2 and "low" in row,
    "get": lambda row: row.get("low") > row.get("nothing", 0.5),
    "iterated": lambda row: max(row) > 1.5,
    "searched": lambda row: any(value == 2.0 for value in row),
    "items": lambda row: all(value > 0 for _, value in row.items()),
    "raises": lambda row: row["nothing"] > 0,
}


@pytest.mark.parametrize("name", ROW_CHECKS)
def test_a_row_check_sees_what_pandas_would_show_it(name):
    """Whatever a function does with its row, the answer is pandera's."""
    schema = across(pa.Check(ROW_CHECKS[name], element_wise=True, name=name))
    contract = Contract(schema)
    for record in (
        {"low": 1.0, "high": 2.0},
        {"low": -1.0, "high": 0.5},
        {"low": 0.1, "high": None},
        {"low": 3.0, "high": 0.0},
    ):
        assert bool(contract.check(record).violations) == bool(
            record_violations(schema, {"high": np.nan} | typed(record))
        )


def typed(record):
    return {name: np.nan if value is None else value for name, value in record.items()}


def test_a_row_check_sees_timestamps_and_missing_ones():
    """As pandas has them: a comparison with NaT does not hold."""
    columns = {"start": pa.Column("datetime64[ns]"), "end": pa.Column("datetime64[ns]", nullable=True)}
    check = pa.Check(
        lambda row: row.start <= row.end and row.start.day_of_week == 0, element_wise=True, name="stay"
    )
    contract = Contract(pa.DataFrameSchema(columns, checks=check))
    monday = pd.Timestamp("2024-01-01")
    assert contract.check({"start": monday.to_pydatetime(), "end": monday}) is HOLDS
    assert contract.check({"start": monday, "end": None}).violations == (Violation("", "stay", "custom"),)
    table = pd.DataFrame({"start": [monday] * N, "end": [monday, None] * (N // 2)})
    assert contract.check_table(table).ok.tolist() == [True, False] * (N // 2)


@pytest.mark.parametrize("marked", [(), ("odd",)])
def test_opaque_checks_of_a_column(marked):
    """Pandera judges them on a column of one, or at once where the user says that each row is judged by itself."""
    calls = []

    def odd(column):
        calls.append(len(column))
        return column % 2 == 1

    contract = Contract(
        pa.DataFrameSchema({"a": pa.Column(int, pa.Check(odd, name="odd"))}), row_checks=marked
    )
    calls.clear()
    verdict = contract.check_table(frame()[["a"]])
    assert verdict.ok.tolist() == [i % 2 == 1 for i in range(N)]
    assert verdict.rows[0].violations == (Violation("a", "odd", "custom"),)
    assert max(calls) == (N if marked else 1)


@pytest.mark.parametrize("n", [4, N])
def test_drift_in_a_table_is_counted_per_row(n):
    """As it is for records."""
    columns = {"a": pa.Column(int), "b": pa.Column(str, required=False)}
    contract = Contract(pa.DataFrameSchema(columns))
    verdict = contract.check_table(frame(n))
    assert verdict.ok.all()
    assert len(verdict.rows) == n
    assert contract.counts() == {("b", "missing"): n, ("<undeclared>", "extra"): n}


def test_memory_is_proportional_to_what_is_broken(contract):
    """Equal findings are one verdict, however many rows have them."""
    verdict = contract.check_table(frame().assign(a=99))
    assert len(verdict.rows) == N
    assert len({id(v) for v in verdict.rows.values()}) == 1
    assert verdict.table is UNCHANGED


@pytest.mark.parametrize(
    "table", [frame(6).set_axis([7] * 6), frame(6).to_numpy(), frame(6).to_dict("records"), (1, 2, 3)]
)
def test_rows_of_keeps_kind_and_index(table):
    """A sub-table by position."""
    some = rows_of(table, np.array([2, 0]))
    assert type(some) is type(table)
    assert length_of(some) == 2
    assert (
        np.all(record_at(some, 0) == record_at(table, 2))
        if not is_frame(table)
        else some.index.tolist() == [7, 7]
    )


def test_tables_are_told_from_records():
    """Without importing pandas."""
    assert [is_table(t) for t in (frame(), np.zeros((1, 1)), [], ())] == [True] * 4
    assert [is_table(r) for r in ({}, np.zeros(1), "text", pd.Series([1]), 5)] == [False] * 5
    assert is_frame(frame())
    assert not is_frame(np.zeros((1, 1)))


def row_types(schema, table):
    """What a check of the frame sees in the first row of a table, and in the same row alone."""
    seen = []

    def see(row):
        seen.append({name: (type(row[name]), repr(row[name])) for name in schema})
        return True

    contract = Contract(pa.DataFrameSchema(schema, checks=pa.Check(see, element_wise=True, name="see")))
    seen.clear()
    contract.check(record_at(table, 0))
    contract.check_table(table)
    return seen[0], seen[1]


@pytest.mark.parametrize(
    ("dtype", "column"),
    [
        (int, pd.Series([3] + [None] * 700, dtype=object)),
        (int, pd.Series([3, *range(700)], dtype="Int64")),
        (int, pd.Series([2**53 + 1] + [None] * 700, dtype=object)),
        (float, pd.Series([1.5, *[None] * 700], dtype="float32")),
        (float, pd.Series([1.5, *[None] * 700], dtype="Float64")),
        (str, pd.Series(["a"] + [None] * 700, dtype="string")),
        (bool, pd.Series([True] + [None] * 700, dtype="boolean")),
        ("float32", pd.Series([0.1] * 701)),
        ("datetime64[ns]", pd.Series(pd.to_datetime(["2024-01-01"] + [None] * 700))),
        (None, pd.Series([1] + ["x"] * 700, dtype=object)),
    ],
)
def test_a_row_of_a_table_is_made_as_a_lone_one(dtype, column):
    """Its neighbours do not change the types of its cells."""
    alone, beside = row_types({"x": pa.Column(dtype, nullable=True)}, pd.DataFrame({"x": column, "y": 1}))
    assert alone == beside


def test_a_row_check_sees_defaults_parsed_values_and_undeclared_fields_in_one_order():
    """Alone and in a table: declared fields first."""
    schema = {
        "a": pa.Column(int, parsers=pa.Parser(lambda v: v + 1, element_wise=True)),
        "b": pa.Column(float, default=2.5, nullable=True),
    }
    frame = pd.DataFrame({"z": ["u"] * 600, "b": [None] * 600, "a": [1] * 600})
    seen = []

    def see(row):
        seen.append((list(row), row["z"]))
        return True

    contract = Contract(pa.DataFrameSchema(schema, checks=pa.Check(see, element_wise=True, name="see")))
    seen.clear()
    contract.check(record_at(frame, 0))
    contract.check_table(frame)
    assert seen[0] == seen[-1] == ([2, 2.5, "u"], "u")


@pytest.mark.parametrize("row_checks", [(), ("own",)])
@pytest.mark.parametrize("kind", ["dtype", "missing"])
@pytest.mark.parametrize("element_wise", [False, True])
def test_a_caveat_about_a_field_and_a_check_of_the_row(kind, element_wise, row_checks):
    """A row that cannot be had is not judged, alone and in a table."""
    check = pa.Check(lambda row: row["b"] > 5, element_wise=element_wise, name="own")
    schema = pa.DataFrameSchema({"a": pa.Column(int), "b": pa.Column(int)}, checks=check)
    contract = Contract(
        schema, severity={("a", kind): "caveat"}, row_checks=() if element_wise else row_checks
    )
    frame = pd.DataFrame({"a": ["x", 1] * 300, "b": [1, 1, 7] * 200})
    table = frame if kind == "dtype" else frame[["b"]]
    verdicts = contract.check_table(table)
    for i in range(6):
        assert verdicts.rows.get(i, HOLDS) == contract.check(record_at(table, i))


def test_row_checks_are_asked_about_rows_of_one_kind_at_a_time():
    """A missing int among the rows makes no floats of the others, nor text objects of numbers."""
    big = 2**53 + 1
    check = pa.Check(lambda frame: frame["n"] != 2**53, name="exact")
    schema = pa.DataFrameSchema({"n": pa.Column(int, nullable=True), "o": pa.Column(None)}, checks=check)
    contract = Contract(schema, row_checks=["exact"])
    frame = pd.DataFrame({"n": pd.Series([big, None, 5] * 200, dtype=object), "o": [1, "x"] * 300})
    verdicts = contract.check_table(frame)
    for i in range(6):
        assert verdicts.rows.get(i, HOLDS) == contract.check(record_at(frame, i))
    assert verdicts.ok.all()


def test_cells_without_a_hash_and_columns_of_one_name():
    """No table raises; what nobody can read is a violation of its own rows."""
    unique = Contract(pa.DataFrameSchema({"a": pa.Column(int, unique=True)}))
    twice = pd.DataFrame([[1, 2, 3], [4, 5, 6]], columns=["a", "u", "u"])
    assert unique.check_table(twice).ok.all()
    assert unique.check_table(twice).batch == ()
    assert unique.check_table(pd.concat([twice, twice])).batch
    lists = pd.DataFrame({"a": pd.Series([[1], {2: 3}] * 300)})
    assert not unique.check_table(lists).ok.any()
    pa_ = pytest.importorskip("pyarrow")
    arrow = pd.Series([[1], [2]] * 300, dtype=pd.ArrowDtype(pa_.list_(pa_.int64())))
    assert not unique.check_table(pd.DataFrame({"a": arrow})).ok.any()


def test_both_zeros_are_themselves():
    """Equal cells share a verdict, but these two are told apart by a check that can."""
    check = pa.Check(lambda v: math.copysign(1, v) < 0, element_wise=True, name="negative")
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(float, check)}))
    assert contract.check_table(pd.DataFrame({"a": [0.0, -0.0] * 300})).ok.tolist() == [False, True] * 300


@pytest.mark.parametrize("value", [5, 5.0, np.float64(5), np.float32(5), np.int8(5)])
def test_a_row_check_beside_a_check_that_only_pandera_judges(value):
    """Sees the value that was read, alone and in a table, whoever judged its field."""
    opaque = pa.Check(lambda s: s >= 0, name="opaque")
    seen = []
    row = pa.Check(lambda r: seen.append((type(r["a"]), r["a"])) or True, element_wise=True, name="see")
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(int, opaque)}, checks=row))
    seen.clear()
    contract.check({"a": value})
    contract.check_table(np.array([[value]] * 60))
    contract.check_table(pd.DataFrame({"a": [value] * 600}))
    assert set(seen) == {(int, 5)}


def test_column_names_that_repeat_are_a_matter_of_the_table():
    """And so is an index, whatever its levels; a record has neither."""
    unique = pa.DataFrameSchema({"a": pa.Column(int)}, unique_column_names=True)
    twice = pd.DataFrame([[1, 2, 3]], columns=["a", "u", "u"])
    assert [v.kind for v in Contract(unique).check_table(twice).batch] == ["duplicate"]
    assert not Contract(unique).check_table(twice.iloc[:, :2]).batch
    levels = pa.MultiIndex([pa.Index(int, name="i"), pa.Index(str, name="j")])
    for semantics in ("record", "pandera"):
        contract = Contract(pa.DataFrameSchema({"a": pa.Column(int)}, index=levels), semantics=semantics)
        assert bool(contract.check({"a": 1}).violations) == (semantics == "pandera")


def test_an_answer_that_is_no_bool_means_what_pandera_makes_of_it():
    """A check that forgets to return, or returns a number, alone and in a table."""
    for answer in (None, 1, 0, "", [1]):
        check = pa.Check(lambda _, answer=answer: answer, element_wise=True, name="odd")
        schema = pa.DataFrameSchema({"a": pa.Column(int, check)})
        record, exact = (Contract(schema, semantics=name) for name in ("record", "pandera"))
        assert bool(record.check({"a": 1}).violations) == bool(exact.check({"a": 1}).violations)
        assert record.check_table(pd.DataFrame({"a": [1] * 600})).ok.all() == (
            not record.check({"a": 1}).violations
        )


def test_a_check_of_groups_disagrees_with_nobody():
    """It is for tables; a record does not have the groups."""
    grouped = pa.Check(lambda groups: groups["x"].mean() > 5, groupby="g", name="mean")
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(int, grouped), "g": pa.Column(str)}))
    assert "a: mean: batch only" in contract.explain()


def test_a_filter_makes_a_transformed_array_shorter():
    """An array's undeclared fields are dropped as a dict's are."""
    schema = pa.DataFrameSchema({"n": pa.Column(int, coerce=True)}, strict="filter")
    contract = Contract(schema, fields=["id", "n"], transform=True)
    sent = np.array([["u", "1"], ["v", "x"], ["w", "3"]], dtype=object)
    assert contract.check(sent[0]).request.tolist() == [1]
    assert contract.check_table(sent).table.tolist() == [[1], [3]]


def test_a_column_of_text_objects_is_read_once_for_equal_cells():
    """As objects, whatever the version of pandas; a missing one among them is missing."""
    cells = ["2024-01-01", "soon", None, float("nan"), "2024-01-01T10:00:00", np.str_("2024-02-01")] * 100
    frame = pd.DataFrame({"t": pd.Series(cells, dtype=object)})
    for dtype, coerce in (("datetime64[ns]", True), (str, False), (pd.CategoricalDtype(["soon"]), False)):
        contract = Contract(pa.DataFrameSchema({"t": pa.Column(dtype, coerce=coerce)}))
        for table in (frame, frame.to_numpy()):
            verdicts = contract.check_table(table)
            for i in range(6):
                assert verdicts.rows.get(i, HOLDS) == contract.check(record_at(table, i))


def test_a_slice_of_a_table_with_a_repeated_name_is_a_table_as_any():
    """Though pandas 2 still says that names repeat; its rows keep the types of their cells."""
    whole = pd.DataFrame([[1, 2.5, 3]] * 600, columns=["a", "u", "u"])
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(int), "u": pa.Column(float)}))
    for n in (3, 600):
        assert contract.check_table(whole.iloc[:n, :2]).rows == {}
