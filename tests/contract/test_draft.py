"""A draft is Python source that holds nothing but clauses, and that the rows it was drafted from keep."""

import argparse
import ast
import datetime as dt
import decimal
import importlib.util
import json
import math
import subprocess
import sys
from enum import StrEnum
from importlib.resources import files

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import datasets

from guardrails import ConfigurationError
from guardrails._contract import Contract
from guardrails._contract._draft import Draft, draft
from guardrails._contract._draft_file import add_parser, draft_file, run
from guardrails._contract._draft_source import literal
from guardrails._contract._records import record_at
from guardrails.testing import VirtualClock

HOSTILE = [
    '"); __import__("os").abort() #', "'''", '"""', "\\", "\\\"'", "a\nimport os\n", "{x}", "%s", "\u202e", "\x00", "\ud800",
    "\u2028", "naïve", "日本語" * 12, "ﬁ", "x" * 200, "", " ", "it's", 'say "hi"', "both ' and \"",
]  # fmt: skip
NAMES = [
    "int", "str", "float", "bool", "object", "pa", "pd", "class", "None", "match", "Config", "validate", "mro", "__init__",
    "_x", "a b", "a_b", "a-b", "A B", "1st", "int_", "column_1", "select_columns",
    *(text for text in HOSTILE if text != "\ud800"),
]  # fmt: skip
TEXT = st.one_of(st.text(st.characters(), max_size=8), st.sampled_from(HOSTILE))
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
STAMPS = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))  # noqa: DTZ001 - naive ones are meant
ZONES = st.sampled_from(
    [dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=30)), "Europe/Paris", "America/New_York"]
)
ANYTHING = st.one_of(
    TEXT, FLOATS, st.integers(), st.booleans(), st.none(), STAMPS, st.dates(), st.decimals(), st.binary(max_size=3),
    st.lists(st.integers(), max_size=2), st.just(pd.NA), st.just(pd.NaT), st.complex_numbers(), st.timedeltas(),
)  # fmt: skip


def column(n):
    """Columns of `n` rows, of every dtype and of objects."""

    def cells(values, repeats=True):
        few = st.lists(values, min_size=1, max_size=3).flatmap(
            lambda some: st.lists(st.sampled_from(some), min_size=n, max_size=n)
        )
        many = st.lists(values, min_size=n, max_size=n)
        return st.one_of(few, many) if repeats else many

    def of(dtype, values):
        return cells(values).map(lambda some: pd.Series(some, dtype=dtype))

    def whole(dtype):
        info = np.iinfo(dtype.lower())
        return st.integers(int(info.min), int(info.max))

    ints = [of(name, whole(name)) for name in ("int64", "int8", "uint8", "uint64", "int32")]
    maybe = [of(name, st.none() | whole(name)) for name in ("Int64", "UInt8")]
    stamps = [
        of(
            f"datetime64[{unit}]",
            (st.none() | STAMPS).map(lambda v: pd.NaT if v is None else pd.Timestamp(v).floor("s")),
        )
        for unit in ("s", "ms", "us", "ns")
    ]
    zoned = st.tuples(of("datetime64[us]", STAMPS), ZONES, st.sampled_from(["s", "us", "ns"])).map(
        lambda made: made[0].dt.floor("s").dt.tz_localize("UTC").dt.tz_convert(made[1]).dt.as_unit(made[2])
    )
    labels = st.lists(st.one_of(TEXT, st.integers(-5, 5)), min_size=1, max_size=25, unique=True)
    return st.one_of(
        *ints,
        *maybe,
        *stamps,
        zoned,
        of("float64", FLOATS),
        of("float64", st.one_of(st.just(math.nan), st.integers(-9, 9).map(float))),
        of("float32", st.floats(width=32)),
        of("float16", st.floats(width=16)),
        of("bool", st.booleans()),
        of("boolean", st.none() | st.booleans()),
        of("timedelta64[ns]", st.timedeltas(dt.timedelta(-9), dt.timedelta(9))),
        of("string", st.none() | st.text(max_size=5)),
        of(None, st.text(max_size=5)),
        of("complex128", st.complex_numbers()),
        of("Sparse[int64]", st.integers(0, 3)),
        *(
            of(object, st.none() | values)
            for values in (
                TEXT, st.integers(), st.integers(-9, 9), st.booleans(), st.one_of(st.integers(), FLOATS), st.dates(),
                STAMPS, st.datetimes(timezones=st.timezones()), st.dates().map(str), STAMPS.map(dt.datetime.isoformat),
                st.decimals(), st.timedeltas(), ANYTHING, st.just(math.nan), st.just("2024-02-30"),
            )
        ),
        labels.flatmap(
            lambda some: cells(st.integers(-1, len(some) - 1)).map(
                lambda codes: pd.Series(pd.Categorical.from_codes(codes, pd.Index(some, dtype=object)))
            )
        ),
    )  # fmt: skip


@st.composite
def frames(draw):
    """Frames of 1 to 30 rows and 1 to 6 columns, hostile names among them."""
    n = draw(st.integers(1, 30))
    names = st.one_of(st.sampled_from(NAMES), st.integers(-2, 9), st.text(max_size=8))
    chosen = draw(st.lists(names, min_size=1, max_size=6, unique_by=str))
    made = pd.concat([draw(column(n)) for _ in chosen], axis=1)
    return made.set_axis(pd.Index(chosen, dtype=object), axis=1)


def keeps(frame, drafted, contract=None):
    """Whether all rows keep the drafted contract, as a table and one by one."""
    contract = contract or drafted.contract()
    verdicts = contract.check_table(frame)
    broken = {i: verdict.violations for i, verdict in verdicts.rows.items() if verdict.violations}
    broken |= {i: v for i in range(len(frame)) if (v := contract.check(record_at(frame, i)).violations)}
    assert not broken, f"{broken}\n{drafted}"
    return bool(verdicts.ok.all())


def calls_of(source):
    """What the module imports and calls."""
    tree = ast.parse(source)
    imports = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not any(isinstance(node, ast.ImportFrom | ast.Lambda | ast.FunctionDef) for node in ast.walk(tree))
    return imports | {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


ALLOWED = {"pandas", "pandera.pandas", "pa.Field", "pd.Timestamp", "pd.Timedelta", "float"}


def formatted(source):
    """Whether `ruff format` leaves the source as it is."""
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--check", "-"]
    for width in ("88", "110"):
        given = [*command, "--line-length", width]
        done = subprocess.run(given, input=source.encode(), capture_output=True, check=False)
        assert done.returncode == 0, source
    return True


def holds_every_law(frame, room=0.1, categories=20):
    """The laws of one draft."""
    drafted = draft(frame, room=room, categories=categories)
    assert calls_of(drafted.source) <= ALLOWED
    assert formatted(drafted.source)
    lists = [isin for _, isin in isins(drafted)]
    assert all(len(labels) <= categories for labels in lists)
    contract = drafted.contract()
    assert [str(key) for key in frame.columns] == list(contract.fields)
    assert keeps(frame, drafted, contract)


def checks(drafted, name):
    """The checks of one field, as name and arguments."""
    column = drafted.model().to_schema().columns[name]
    return {check.name: check.statistics for check in column.checks}


def isins(drafted):
    """The labels by column."""
    for name in drafted.model().to_schema().columns:
        if "isin" in checks(drafted, name):
            yield name, checks(drafted, name)["isin"]["allowed_values"]


def ends(drafted, name="x"):
    """The lower and upper bound of one field."""
    found = checks(drafted, name)
    low = found.get("greater_than_or_equal_to", {}).get("min_value")
    return low, found.get("less_than_or_equal_to", {}).get("max_value")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(frames())
def test_the_rows_keep_the_draft(frame):
    """Whatever the table: the source is sane, formatted and importable, and every row keeps its contract."""
    holds_every_law(frame)


@pytest.mark.exhaustive
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(frames(), st.floats(0, 2), st.integers(0, 30))
def test_the_rows_keep_the_draft_many_times(frame, room, categories):
    """The same laws on many tables, rooms and numbers of categories."""
    holds_every_law(frame, room, categories)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=9, unique=True),
    st.sampled_from([0, 0.1, 0.25, 3]),
)
def test_integer_ranges_have_the_room(values, room):
    """The ends are the exact ones, rounded outward by less than 1, inside the type and on one side of zero."""
    low, high = ends(draft(pd.DataFrame({"x": values}), room=room))
    more = decimal.Decimal(str(room)) * (max(values) - min(values))
    floor, ceiling = (0 if min(values) >= 0 else -(2**63)), (0 if max(values) <= 0 else 2**63 - 1)
    assert low == max(math.floor(min(values) - more), floor)
    assert high == min(math.ceil(max(values) + more), ceiling)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=9), st.sampled_from([0, 0.1, 0.25, 3]))
def test_float_ranges_have_the_room_and_at_most_a_tenth_of_it_more(values, room):
    """The data lie inside, no end is farther out than 1.1 rooms, and zero is not crossed."""
    low, high = ends(draft(pd.DataFrame({"x": values}), room=room))
    exact = list(map(decimal.Decimal, values))
    with decimal.localcontext(prec=800):
        more = decimal.Decimal(str(room)) * (max(exact) - min(exact))
        nearly = decimal.Decimal("1e-15")
        for end, datum, sign in ((low, min(exact), -1), (high, max(exact), 1)):
            out = sign * (decimal.Decimal(end) - datum)
            slack = nearly * (abs(datum) + more)
            stopped = end == 0 and sign * datum <= 0
            assert 0 <= out <= more * decimal.Decimal("1.1") + slack
            assert out >= more - slack or stopped
    assert not (min(values) >= 0 > low)
    assert not (max(values) <= 0 < high)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40), st.integers(0, 8))
def test_text_is_listed_where_values_recur(values, categories):
    """The labels are all distinct values in order, if they are few enough and occur twice on average."""
    distinct = sorted(set(values))
    found = dict(isins(draft(pd.DataFrame({"x": values}), categories=categories)))
    listed = len(distinct) <= categories and 2 * len(distinct) <= len(values)
    assert found == ({"x": distinct} if listed else {})


def test_an_integer_seen_once_makes_a_count():
    """Codes are listed; a column with a value that occurs once gets a range."""
    drafted = draft(pd.DataFrame({"code": [1, 2, 1, 2], "count": [0, 0, 0, 7]}))
    assert dict(isins(drafted)) == {"code": [1, 2]}
    assert ends(drafted, "count") == (0, 8)


@pytest.mark.parametrize(
    "values", [[1, 2, 3] * 2, ["a", "b", "c"] * 2, pd.Categorical(["a", "b", "b"], ["a", "b", "c"])]
)
def test_as_many_categories_as_were_asked_for_are_listed_and_no_more(values):
    """Three labels are listed with `categories=3`, none with 2."""
    frame = pd.DataFrame({"x": values})
    assert len(dict(isins(draft(frame, categories=3)))["x"]) == 3
    assert not dict(isins(draft(frame, categories=2)))


def test_integers_beyond_what_a_float_holds_stay_exact():
    """Bounds are not taken through floats."""
    assert ends(draft(pd.DataFrame({"x": [2**53 + 1, 2**53 + 3]}), room=0)) == (2**53 + 1, 2**53 + 3)


def test_infinity_leaves_its_end_open():
    """Where infinity was seen there is no bound, and the comment says so; elsewhere infinity breaks the contract."""
    drafted = draft(pd.DataFrame({"x": [0.0, math.inf], "y": [0.0, 10.0], "z": [math.inf, -math.inf]}))
    assert ends(drafted, "x") == (0, None)
    assert ends(drafted, "z") == (None, None)
    assert "# infinity seen: no upper bound" in drafted.source
    assert drafted.contract().check({"x": 1.0, "y": math.inf, "z": 1.0}).violations


def test_missing_values_make_a_field_nullable_and_are_counted():
    """Nullable exactly where something is missing, with the share in a comment."""
    drafted = draft(pd.DataFrame({"x": [1.5, None, 2.5, 4.5], "y": [1.5, 2.5, 3.5, 9.5], "z": [None] * 4}))
    columns = drafted.model().to_schema().columns
    assert [columns[name].nullable for name in "xyz"] == [True, False, True]
    assert "# missing in 1 of 4 rows (25.0 %)" in drafted.source
    assert "# no value seen: the type is a guess; missing in 4 of 4 rows (100.0 %)" in drafted.source


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([7, 7, 7], "the same in all 3 rows"),
        ([1, "a", 2.5], "mixed types: float, int, str"),
        (["ab", "cd", "ef"], "no two rows alike"),
        ([1.0, None, 3.0], "whole numbers"),
        ([b"a", b"b", b"c"], "nothing is drafted for this type: bytes"),
        (
            pd.Categorical(["a", "b", "b"], ["a", "b", "c"]),
            "3 labels, 1 seen once, 1 never seen; a pandas category",
        ),
        (pd.Series(["a", "\ud800", "a"], dtype=object), "text that UTF-8 cannot hold"),
        ([2**70, 1, 2], "nothing is drafted for this type: int"),
    ],
)
def test_what_is_odd_stands_in_a_comment(values, note):
    """Constant, mixed, unique and unusual columns are said to be so."""
    drafted = draft(pd.DataFrame({"x": values}))
    comment = " ".join(line.strip(" #") for line in drafted.source.splitlines() if line.startswith("    #"))
    assert note in comment


PARIS = dt.datetime(2024, 5, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))


@pytest.mark.parametrize(
    ("series", "annotation"),
    [
        (pd.Series([5, 9], dtype="int8"), "pa.Int8"),
        (pd.Series([5, None], dtype="UInt16"), "pd.UInt16Dtype"),
        (pd.Series([1.5, 9], dtype="float32"), "pa.Float32"),
        (pd.Series([True, None], dtype="boolean"), "pd.BooleanDtype"),
        (pd.Series([True, None], dtype=object), "pd.BooleanDtype"),
        (pd.Series([1, None], dtype=object), "pd.Int64Dtype"),
        (pd.Series([1, 2**64 - 1], dtype=object), "pa.UInt64"),
        (pd.Series([None, 2**64 - 1], dtype=object), "pd.UInt64Dtype"),
        (pd.Series([-1, 2**64 - 1], dtype=object), "object"),
        (pd.Series([1, 2.5], dtype=object), "float"),
        (pd.Series([1.5, 2**53 + 1], dtype=object), "object"),
        (pd.Series([1.5, 10**400], dtype=object), "object"),
        (pd.Series([np.array([1, 2])] * 2), "object"),
        (pd.Series(pd.to_datetime([None, None])), "pd.Timestamp"),
        (pd.Series(pd.to_datetime([None, None], utc=True)), "pd.DatetimeTZDtype"),
        (pd.Series([PARIS, PARIS], dtype=object), "pd.DatetimeTZDtype"),
        (
            pd.Series([PARIS, PARIS]).dt.tz_convert(dt.timezone(dt.timedelta(hours=1), '"); x')),
            "pd.DatetimeTZDtype",
        ),
        (pd.Series([PARIS, PARIS.replace(tzinfo=None)], dtype=object), "object"),
        (pd.Series([pd.Timestamp(1, tz="UTC")] * 2, dtype=object), "pd.DatetimeTZDtype"),
        (pd.Series(["2024-01-01T10:00Z", "2024-01-01T10:00"], dtype=object), "str"),
        (pd.Series(list(np.array([1, 2], dtype="m8[s]")), dtype=object), "pd.Timedelta"),
        (pd.Series([dt.date(2024, 1, 1), dt.date(9999, 1, 1)], dtype=object), "object"),
        (pd.Series([pd.NaT, pd.NaT], dtype="timedelta64[ns]"), "pd.Timedelta"),
        (pd.Series([dt.timedelta(0), dt.timedelta(days=200_000)], dtype=object), "object"),
        (pd.Series([1, None], dtype=object).astype("category"), "pd.Int64Dtype"),
        (pd.Series([1.5, None, math.inf]).astype("category"), "float"),
    ],
)
def test_types(series, annotation):
    """The type is that of the column, or the one that holds its values; the rows keep it."""
    frame = pd.DataFrame({"x": series})
    drafted = draft(frame)
    declared = next(line for line in drafted.source.splitlines() if line.startswith("    x: "))
    assert declared.removeprefix("    x: ").partition(" = ")[0] == annotation
    assert keeps(frame, drafted)


def test_an_end_that_nanoseconds_cannot_hold_is_left_open():
    """A range of centuries has no room before the first and after the last instant of pandas."""
    stamps = pd.to_datetime(["1680-01-01", "2260-01-01"])
    spans = pd.to_timedelta([-106_000, 106_000], unit="D")
    drafted = draft(pd.DataFrame({"stamp": stamps, "span": spans, "short": spans / 1e6}))
    assert ends(drafted, "stamp") == (None, None)
    assert ends(drafted, "span") == (None, None)
    assert None not in ends(drafted, "short")


def test_only_known_kinds_of_values_can_be_written():
    """A value of another type is refused, not printed."""
    with pytest.raises(TypeError, match="no literal for bytes"):
        literal(b"x")


def test_no_value_stands_in_the_source_but_labels_and_ends():
    """Rare texts, identifiers, dates and mixed values leave only their lengths, types and earliest end."""
    secrets = [f"secret-{i:03d}" for i in range(50)]
    stamps = pd.date_range("2021-03-04 05:06:07", periods=50, freq="7h")
    frame = pd.DataFrame(
        {"who": secrets, "what": [*secrets[:-1], 5], "when": stamps, "n": [31337 + i**3 for i in range(50)]}
    )
    source = draft(frame).source
    assert "secret" not in source
    assert "2021-03-04" not in source
    assert "31337" not in source


def test_labels_are_written_by_their_value():
    """A subclass of str cannot write itself into the source."""

    class Evil(StrEnum):
        A = "a"

        def __repr__(self):
            return "__import__('os').abort()"

    drafted = draft(pd.DataFrame({"x": pd.Series([Evil.A, Evil.A], dtype=object)}))
    assert dict(isins(drafted)) == {"x": ["a"]}
    assert "abort" not in drafted.source


def test_names_that_are_no_identifiers_are_aliases():
    """Every column keeps its own name in the contract, whatever Python would make of it."""
    names = list(dict.fromkeys([*NAMES, *dir(pa.DataFrameModel), 0, 1]))
    frame = pd.DataFrame([range(len(names))], columns=pd.Index(names, dtype=object))
    drafted = draft(frame)
    assert calls_of(drafted.source) == {"pandera.pandas", "pa.Field"}
    assert list(drafted.model().to_schema().columns) == names
    assert keeps(frame, drafted)


def test_a_newer_timestamp_keeps_the_contract_and_an_ancient_one_does_not():
    """Timestamps have no upper bound, since requests come after the data."""
    at = pd.Series(pd.date_range("2024-01-01", periods=40, freq="D"))
    frame = pd.DataFrame(
        {"naive": at, "zoned": at.dt.tz_localize("Europe/Paris"), "text": at.dt.strftime("%Y-%m-%d")}
    )
    contract = draft(frame).contract()
    later = {
        "naive": pd.Timestamp("2030-01-01"),
        "zoned": pd.Timestamp("2030-01-01", tz="UTC"),
        "text": "2030-01-01",
    }
    assert not contract.check(later).violations
    for name, ancient in (("naive", "1990-01-01"), ("zoned", "1990-01-01T00:00Z"), ("text", "1990-01-01")):
        value = ancient if name == "text" else pd.Timestamp(ancient)
        assert [v.field for v in contract.check(later | {name: value}).violations] == [name]
    assert [v.kind for v in contract.check(later | {"text": "soon"}).violations] == ["dtype"]


def test_a_zone_is_kept_and_whole_seconds_in_the_data_demand_none():
    """The zone's name is in the dtype; a request may be more exact than the column was."""
    stamps = pd.Series(pd.date_range("2024-01-01", periods=3, freq="D", tz="Europe/Paris", unit="s"))
    drafted = draft(pd.DataFrame({"x": stamps}))
    assert 'dtype_kwargs={"unit": "us", "tz": "Europe/Paris"}' in drafted.source
    assert not drafted.contract().check({"x": pd.Timestamp("2024-01-01T00:00:00.000001Z")}).violations


def test_freshness_candidates_come_as_a_line_to_pass():
    """Timestamps that reach the newest one are offered with the age that the rows show; a date of birth is not."""
    asked = pd.Series(pd.date_range("2024-01-01", periods=50, freq="h"))
    minutes = pd.to_timedelta(np.arange(50) % 10, unit="min")
    born = pd.Series(pd.date_range("1950-01-01", periods=50, freq="90D"))
    frame = pd.DataFrame({"asked at": asked, "observed": asked - minutes, "born": born})
    source = draft(frame).source
    line = next(line for line in source.splitlines() if "max_age=" in line)
    assert line == '# contract = gr.Contract(Request, max_age={"asked at": "1d", "observed": "10min"})'
    ages = json.loads(line[line.index("{") : line.index("}") + 1])
    clock = VirtualClock()
    contract = Contract(draft(frame).model(), max_age=ages, clock=clock)
    now = pd.Timestamp(clock.time(), unit="s")
    fresh = {"asked at": now, "observed": now - pd.Timedelta("9min"), "born": pd.Timestamp("1960-01-01")}
    assert not {v.kind for v in contract.check(fresh).violations} & {"stale", "future"}
    stale = contract.check(fresh | {"observed": now - pd.Timedelta("11min")}).violations
    assert ("observed", "stale") in {(v.field, v.kind) for v in stale}


@pytest.mark.parametrize(
    ("frame", "parameters", "message"),
    [
        ({"x": [1]}, {}, "must be a pandas DataFrame"),
        (pd.DataFrame({"x": []}), {}, "must have rows and columns"),
        (pd.DataFrame(index=[0, 1]), {}, "must have rows and columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), {}, "each column name must occur once"),
        (
            pd.DataFrame([[1, 2]], columns=pd.Index(["1", 1], dtype=object)),
            {},
            "each column name must occur once",
        ),
        (pd.DataFrame({("a", "b"): [1]}), {}, "must be named by text"),
        (pd.DataFrame({1.5: [1]}), {}, "must be named by text"),
        (pd.DataFrame([[1]], columns=pd.Index(["\ud800"], dtype=object)), {}, "must be named by text"),
        (pd.DataFrame({"x": [1]}), {"name": "class"}, "must be a Python identifier"),
        (pd.DataFrame({"x": [1]}), {"name": "A:\n pass\nimport os\nclass B"}, "must be a Python identifier"),
        (pd.DataFrame({"x": [1]}), {"name": "pa"}, "must be a Python identifier"),
        (pd.DataFrame({"x": [1]}), {"name": "ﬁ"}, "must be a Python identifier"),
        (pd.DataFrame({"x": [1]}), {"room": -0.1}, "must be a share of the span"),
        (pd.DataFrame({"x": [1]}), {"room": math.nan}, "must be a share of the span"),
        (pd.DataFrame({"x": [1]}), {"categories": 1.5}, "must be a whole number"),
    ],
)
def test_what_cannot_be_drafted_is_refused(frame, parameters, message):
    """Each mistake names the parameter and the mend."""
    with pytest.raises(ConfigurationError, match=message):
        draft(frame, **parameters)


def test_a_draft_is_its_source():
    """`str` is the source, and the class in it has the name that was asked for."""
    drafted = draft(pd.DataFrame({"x": [1, 2]}), name="Reading")
    assert isinstance(drafted, Draft)
    assert str(drafted) == drafted.source
    assert drafted.model().__name__ == "Reading"
    assert drafted.source.startswith('"""A contract drafted by guardrails from 2 rows;')
    assert "read this before you use it" in " ".join(drafted.source.split())


@pytest.mark.parametrize(
    "load", [datasets.load_iris, datasets.load_wine, datasets.load_diabetes, datasets.load_digits]
)
def test_bundled_sets_keep_their_drafts(load):
    """The sets that scikit-learn bundles; pandera itself accepts them too."""
    frame = load(as_frame=True).frame
    drafted = draft(frame)
    assert formatted(drafted.source)
    assert drafted.contract().check_table(frame).ok.all()
    drafted.model().validate(frame)


@pytest.fixture(scope="module")
def bookings():
    """The real bookings that the demo holds."""
    path = files("guardrails._demo") / "data" / "hotel_bookings.csv.gz"
    if not path.is_file():
        pytest.skip("the demo's data are not installed")
    return path


def test_real_bookings_keep_their_draft(bookings):
    """All rows, and the clauses are the ones a reader expects."""
    drafted = draft_file(bookings)
    frame = pd.read_csv(bookings, low_memory=False)
    assert formatted(drafted.source)
    assert drafted.contract().check_table(frame).ok.all()
    assert dict(isins(drafted))["deposit_type"] == ["No Deposit", "Non Refund", "Refundable"]
    assert ends(drafted, "lead_time")[0] == 0
    assert drafted.model().to_schema().columns["arrival"].coerce


@pytest.fixture
def table():
    return pd.DataFrame({"x": [1.5, 2.5, None], "kind": ["a", "b", "b"], "n": [3, 1, 2]})


@pytest.mark.parametrize("name", ["t.csv", "t.CSV", "t.csv.gz", "t.csv.zip"])
def test_a_csv_file_is_drafted_as_its_table(tmp_path, table, name):
    """Compressed or not, the draft is that of the table that pandas reads."""
    table.to_csv(tmp_path / name, index=False)
    assert draft_file(tmp_path / name) == draft(pd.read_csv(tmp_path / name))


def test_a_parquet_file_is_drafted_as_its_table(tmp_path, table):
    """Parquet keeps the types."""
    pytest.importorskip("pyarrow")
    table.astype({"kind": "category", "n": "int8"}).to_parquet(tmp_path / "t.parquet")
    assert draft_file(tmp_path / "t.parquet") == draft(pd.read_parquet(tmp_path / "t.parquet"))
    assert "n: pa.Int8" in draft_file(tmp_path / "t.parquet").source


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.csv", None, "must be a file that exists"),
        ("t.xlsx", b"", "must be a .csv"),
        ("t.csv", b"", "EmptyDataError"),
        ("t.csv", b"a,b\n", "must have rows"),
        ("t.csv", b"a,a\n1,2\n", "each column name must occur once"),
        ("t.csv", b"a,b\n1,secret\n1,2,3,secret\n", "ParserError"),
        ("t.csv", b"a,b\n1,\xff\xfesecret\n", "UnicodeDecodeError"),
        ("t.csv.gz", b"secret", "BadGzipFile"),
        ("t.parquet", b"secret", "Arrow|Error"),
    ],
)
def test_a_file_that_cannot_be_drafted_is_refused_in_one_line(tmp_path, capsys, name, content, message):
    """The command ends with 2 and one line that names the file and quotes none of it."""
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        draft_file(tmp_path / name)
    assert command("draft", str(tmp_path / name)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert name in err
    assert "secret" not in err


def test_parquet_without_pyarrow_names_the_package(tmp_path, monkeypatch):
    """The message says what to install."""
    (tmp_path / "t.parquet").touch()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("guardrails._contract._draft_file.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r'pyarrow: pip install "inference-guardrails\[parquet\]"'):
        draft_file(tmp_path / "t.parquet")


def command(*arguments):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(dest="command", required=True))
    return run(parser.parse_args(["contract", *arguments]))


def test_the_command_prints_the_source(tmp_path, capsys, table):
    """The source on standard output, with the options applied, and 0."""
    path = tmp_path / "t.csv"
    table.to_csv(path, index=False)
    assert command("draft", str(path), "--name", "Reading", "--room", "0.5", "--categories", "0") == 0
    assert capsys.readouterr().out == draft_file(path, name="Reading", room=0.5, categories=0).source


def test_the_command_writes_a_new_file_only(tmp_path, capsys, table):
    """A draft that a person may have worked on is never overwritten."""
    path, out = tmp_path / "t.csv", tmp_path / "contract.py"
    table.to_csv(path, index=False)
    assert command("draft", str(path), "--out", str(out)) == 0
    assert out.read_text(encoding="utf-8") == draft_file(path).source
    out.write_text("mine")
    assert command("draft", str(path), "--out", str(out)) == 2
    assert out.read_text() == "mine"
    assert "exists: name another file" in capsys.readouterr().err
    assert command("draft", str(path), "--out", str(tmp_path / "no" / "folder.py")) == 2
    assert "--out" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["id,price\n7,1,100\n8,2,200\n", "a,b\n1,2\n3,4,5\n"])
def test_lines_longer_than_the_header_are_refused(tmp_path, text):
    """pandas would take the first column for the index, and every name would speak of its neighbour."""
    path = tmp_path / "long.csv"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="path"):
        draft_file(path)


def test_names_that_occur_twice_are_told_by_place(tmp_path):
    """A file without a header has data there."""
    path = tmp_path / "bare.csv"
    path.write_text("4111111111111111,1,4111111111111111\n")
    with pytest.raises(ConfigurationError, match=r"columns \[1, 3\]") as raised:
        draft_file(path)
    assert "4111" not in str(raised.value)


def test_a_comma_at_the_end_of_each_line_is_no_cell(tmp_path):
    path = tmp_path / "trailing.csv"
    path.write_text("name,age\nbob,30,\nann,40,\n")
    assert "name: str" in draft_file(path).source
