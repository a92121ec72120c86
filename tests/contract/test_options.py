"""What the user adds to a schema: freshness, severity, transformation, examples, and clauses that are not compiled."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pydantic
import pytest

from guardrails._contract import HOLDS, UNCHANGED, Contract, Verdict
from guardrails._errors import ConfigurationError
from guardrails._types import Violation

pytestmark = pytest.mark.usefixtures("quick")

NOW = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = NOW.timestamp()

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds

    def wait(self, lock, seconds: float, /) -> bool:
        return lock.acquire(True, seconds)


def kinds(verdict: Verdict) -> list[str]:
    return [violation.kind for violation in verdict.violations]


STAMPS = {
    "aware": (pd.DatetimeTZDtype("ns", "UTC"), lambda t: t),
    "naive": ("datetime64[ns]", lambda t: t.replace(tzinfo=None)),
    "seconds": (float, lambda t: t.timestamp()),
    "whole seconds": (int, lambda t: int(t.timestamp())),
    "text": (str, lambda t: t.isoformat()),
    "naive text": (str, lambda t: t.replace(tzinfo=None).isoformat()),
}


@pytest.mark.parametrize("n", [0, 4, 600])
@pytest.mark.parametrize("kind", STAMPS)
def test_records_that_are_too_old_or_from_the_future(kind, n):
    """For every kind of timestamp, alone (n=0) and in a table; naive ones are UTC."""
    dtype, made = STAMPS[kind]
    contract = Contract(
        pa.DataFrameSchema({"at": pa.Column(dtype)}),
        max_age={"at": "15min"},
        max_ahead={"at": 5},
        clock=Clock(),
    )
    ages = {0: [], 15 * 60: [], 15 * 60 + 1: ["stale"], -5: [], -6: ["future"]}
    for seconds, wanted in ages.items():
        stamp = made(NOW - dt.timedelta(seconds=seconds))
        if n == 0:
            assert kinds(contract.check({"at": stamp})) == wanted
        else:
            verdict = contract.check_table(pd.DataFrame({"at": [stamp] * n}))
            assert [kinds(verdict.rows.get(i, HOLDS)) for i in range(n)] == [wanted] * n


def test_freshness_follows_the_clock():
    """The same record goes stale."""
    clock = Clock()
    contract = Contract(pa.DataFrameSchema({"at": pa.Column(float)}), max_age={"at": 60}, clock=clock)
    record = {"at": clock.now}
    assert contract.check(record) is HOLDS
    clock.sleep(61)
    assert contract.check(record).violations == (Violation("at", "max_age=60", "stale"),)


def test_a_missing_timestamp_is_stale():
    """Its age is unknown, and that cannot count as fresh."""
    schema = pa.DataFrameSchema({"at": pa.Column(float, nullable=True)})
    assert kinds(Contract(schema, max_age={"at": 60}).check({"at": None})) == ["stale"]
    assert kinds(Contract(schema, max_ahead={"at": 60}).check({"at": None})) == []


def test_text_that_is_no_timestamp_is_stale():
    """Nothing is raised, and nothing is believed."""
    contract = Contract(pa.DataFrameSchema({"at": pa.Column(str)}), max_age={"at": 60})
    assert kinds(contract.check({"at": "yesterday"})) == ["stale", "future"]


@pytest.mark.parametrize("age", [0, -1, float("nan"), float("inf"), "15 parsecs", "soon", "", True, [60]])
def test_an_age_is_a_positive_duration(age):
    """The message says how to write one."""
    with pytest.raises(ConfigurationError, match=r"max_age\['at'\]: must be positive seconds"):
        Contract(pa.DataFrameSchema({"at": pa.Column(float)}), max_age={"at": age})


def test_an_age_is_of_a_declared_field():
    """A field that nobody declares would never be checked."""
    with pytest.raises(ConfigurationError, match="must name declared fields"):
        Contract(pa.DataFrameSchema({"at": pa.Column(float)}), max_age={"seen": 60})


SCHEMA = pa.DataFrameSchema({"a": pa.Column(int, [pa.Check.ge(0), pa.Check.le(9)]), "b": pa.Column(str)})


@pytest.mark.parametrize(
    ("severity", "caveats"),
    [
        ({"a": "caveat"}, ["range", "missing", "dtype"]),
        ({("a", "range"): "caveat"}, ["range"]),
        ({("a", "less_than_or_equal_to(9)"): "caveat"}, ["range"]),
        ({"a": "caveat", ("a", "dtype"): "contract"}, ["range", "missing"]),
    ],
)
def test_severity_makes_a_violation_a_drift(severity, caveats):
    """By field, by kind or by clause; the last key that names a clause decides."""
    contract = Contract(SCHEMA, severity=severity)
    broken = {"range": {"a": 10, "b": "x"}, "missing": {"b": "x"}, "dtype": {"a": "x", "b": "x"}}
    for kind, record in broken.items():
        verdict = contract.check(record)
        found = verdict.drifted if kind in caveats else verdict.violations
        assert [v.kind for v in found] == [kind]
        assert (verdict.violations == ()) == (kind in caveats)


def test_a_check_that_only_warns_is_a_caveat():
    """Pandera's `raise_warning` keeps its meaning, without a warning that would hold the data."""
    column = pa.Column(int, pa.Check.le(9, raise_warning=True))
    for semantics in ("record", "pandera"):
        verdict = Contract(pa.DataFrameSchema({"a": column}), semantics=semantics).check({"a": 10})
        assert verdict.violations == ()
        assert [v.kind for v in verdict.drifted] == ["range"]


@pytest.mark.parametrize("severity", [{"c": "caveat"}, {("a", "set"): "caveat"}, {"a": "warning"}])
def test_severity_names_clauses_and_is_one_of_two(severity):
    """A misspelt key or severity is a mistake."""
    with pytest.raises(ConfigurationError, match="severity"):
        Contract(SCHEMA, severity=severity)


OPAQUE = pa.DataFrameSchema(
    {"a": pa.Column(int, [pa.Check(lambda s: s > 0, name="positive"), pa.Check.le(9)])}
)


def test_uncompiled_clauses_are_pandera_s_by_default():
    """Judged on that one record, and said, with the cost."""
    contract = Contract(OPAQUE)
    assert contract.check({"a": 1}) is HOLDS
    assert contract.check({"a": 0}).violations == (Violation("a", "positive", "custom"),)
    assert "a: positive: by pandera" in contract.explain()
    assert contract.explain()[-1].startswith("pandera needs")
    assert 0 < contract.cost < 1


def test_uncompiled_clauses_can_be_left_unchecked_aloud():
    """Every verdict says so; the compiled clauses still hold."""
    contract = Contract(OPAQUE, uncompiled="caveat")
    unchecked = (Violation("a", "positive", "unchecked"),)
    assert contract.check({"a": 0}) == Verdict(drifted=unchecked)
    assert contract.check({"a": 10}).drifted == unchecked
    assert kinds(contract.check({"a": 10})) == ["range"]
    table = contract.check_table(pd.DataFrame({"a": [0, 10] * 300}))
    assert table.ok.tolist() == [True, False] * 300
    assert table.rows[0].drifted == unchecked
    assert "a: positive: unchecked, every verdict says so" in contract.explain()


def test_uncompiled_clauses_can_be_refused():
    """The message names them."""
    with pytest.raises(ConfigurationError, match="cannot be compiled: a: positive"):
        Contract(OPAQUE, uncompiled="error")
    assert Contract(SCHEMA, uncompiled="error").cost == 0


@pytest.mark.parametrize(
    "option", [{"semantics": "strict"}, {"uncompiled": "skip"}, {"examples": 5}, {"row_checks": ["nobody"]}]
)
def test_unknown_options_are_mistakes(option):
    """The message names the parameter."""
    with pytest.raises(ConfigurationError, match=f"^{next(iter(option))}"):
        Contract(SCHEMA, **option)


@pytest.mark.parametrize(
    "option",
    [{"transform": True}, {"max_age": {"a": 1}}, {"severity": {"a": "caveat"}}, {"uncompiled": "caveat"}],
)
def test_pandera_semantics_has_no_options_of_ours(option):
    """It is exactly `schema.validate` of the one-row frame."""
    with pytest.raises(ConfigurationError, match='must be "record" with'):
        Contract(SCHEMA, semantics="pandera", **option)


@pytest.mark.parametrize("fields", [["a"], ["a", "b", "b"], ["b", "c"]])
def test_fields_name_every_required_field_once(fields):
    """Else an array could not be read."""
    with pytest.raises(ConfigurationError, match="fields"):
        Contract(SCHEMA, fields=fields)


COERCED = pa.DataFrameSchema(
    {"n": pa.Column(int, coerce=True), "f": pa.Column(float, default=1.5, nullable=True)}, strict="filter"
)
SENT, MADE = {"n": "5", "f": None}, {"n": 5, "f": 1.5}


@dataclass
class Sent:
    n: object = "5"
    f: float | None = None


class SentTuple(NamedTuple):
    n: object = "5"
    f: float | None = None


class SentModel(pydantic.BaseModel):
    n: int | str = "5"
    f: float | None = None


def test_the_request_is_unchanged_unless_asked_for():
    """A schema that would coerce is judged; the function gets the caller's own object."""
    assert Contract(COERCED).check(SENT) is HOLDS


def test_a_transformed_request_keeps_its_kind():
    """Coercion, defaults and filters, in a new object of the kind that came in."""
    contract = Contract(COERCED, transform=True)
    assert contract.check(SENT | {"extra": 1}).request == MADE
    assert contract.check(Sent()).request == Sent(5, 1.5)
    assert contract.check(SentTuple()).request == SentTuple(5, 1.5)
    assert contract.check(SentModel()).request == SentModel(n=5, f=1.5)
    assert contract.check(pd.Series(SENT)).request.to_dict() == MADE
    assert contract.check(np.array(["5", None], dtype=object)).request.tolist() == [5, 1.5]
    assert SENT == {"n": "5", "f": None}


def test_nothing_to_transform():
    """A record that is already as declared keeps its verdict; a broken one is not transformed."""
    contract = Contract(COERCED, transform=True)
    assert contract.check(MADE) is HOLDS
    assert contract.check(SENT | {"n": "x"}).request is UNCHANGED


@pytest.mark.parametrize("index", [range(10, 14), [0] * 4])
def test_a_transformed_table_holds_the_rows_that_hold(index):
    """In order, of the declared dtypes, the index kept."""
    table = pd.DataFrame({"n": ["5", "x", "7", "8"], "f": [None, 1.0, 2.0, None], "extra": "y"}, index=index)
    verdict = Contract(COERCED, transform=True).check_table(table)
    assert verdict.ok.tolist() == [True, False, True, True]
    assert verdict.table.to_dict("list") == {"n": [5, 7, 8], "f": [1.5, 2.0, 1.5]}
    assert verdict.table.dtypes.astype(str).tolist() == ["int64", "float64"]
    assert verdict.table.index.tolist() == [list(index)[i] for i in (0, 2, 3)]


def test_transformed_lists_and_arrays():
    """Each keeps its kind."""
    contract = Contract(COERCED, transform=True)
    assert contract.check_table([SENT, {"n": "x", "f": 1.0}, MADE]).table == [MADE, MADE]
    assert contract.check_table(np.array([["5", None], ["x", 1.0]], dtype=object)).table.tolist() == [
        [5, 1.5]
    ]
    assert contract.check_table([MADE]).table == [MADE]


EXAMPLES = pd.DataFrame({"a": np.arange(100) % 10, "b": ["x", "y"] * 50})


@pytest.mark.parametrize("examples", [EXAMPLES, EXAMPLES.to_dict("records"), EXAMPLES.to_numpy()])
def test_a_category_that_the_examples_do_not_have_is_a_drift(examples):
    """The clauses hold, but nobody has seen how the model does there."""
    contract = Contract(SCHEMA, examples=examples)
    assert contract.check({"a": 1, "b": "x"}) is HOLDS
    assert contract.check({"a": 1, "b": "z"}) == Verdict(
        drifted=(Violation("b", "category seen in the examples", "unseen"),)
    )
    assert contract.fingerprint != Contract(SCHEMA).fingerprint


def test_a_field_of_many_values_is_no_category():
    """Names and free text may be new each time."""
    contract = Contract(SCHEMA, examples=EXAMPLES.assign(b=[f"name {i}" for i in range(100)]))
    assert contract.check({"a": 1, "b": "name 100"}) is HOLDS


def test_a_field_with_a_set_of_its_own_needs_no_examples():
    """An unknown member breaks the contract, once."""
    schema = pa.DataFrameSchema({"b": pa.Column(str, pa.Check.isin(["x", "y", "z"]))})
    contract = Contract(schema, examples=EXAMPLES[["b"]])
    assert contract.check({"b": "z"}) is HOLDS
    assert len(contract.check({"b": "q"}).violations) == 1


@pytest.mark.parametrize("n", [0, 4, 600])
def test_an_optional_timestamp_that_is_not_there_is_stale(n):
    """Freshness that cannot be judged is no freshness; the owner may make it a caveat."""
    schema = pa.DataFrameSchema({"at": pa.Column(float, required=False), "b": pa.Column(int)})
    stale, missing = Violation("at", "max_age=60", "stale"), Violation("at", "required=False", "missing")
    wanted = {(): Verdict((stale,), (missing,)), (("at", "stale"),): Verdict((), (missing, stale))}
    for keys, verdict in wanted.items():
        contract = Contract(schema, max_age={"at": 60}, severity=dict.fromkeys(keys, "caveat"))
        table = pd.DataFrame({"b": [1] * n})
        found = [contract.check({"b": 1})] if n == 0 else contract.check_table(table).rows.values()
        assert all(one == verdict for one in found)
    assert not Contract(schema, max_ahead={"at": 60}).check({"b": 1}).violations


def test_a_date_is_fresh_from_its_midnight():
    """A column of dates may have an age too."""
    contract = Contract(pa.DataFrameSchema({"day": pa.Column(pa.Date)}), max_age={"day": "2d"}, clock=Clock())
    assert contract.check({"day": NOW.date()}) is HOLDS
    assert kinds(contract.check({"day": NOW.date() - dt.timedelta(days=2)})) == ["stale"]
    assert kinds(contract.check({"day": NOW.date() + dt.timedelta(days=1)})) == ["future"]


def test_clauses_of_a_dtype_that_only_pandera_reads_are_left_unchecked_aloud():
    """Compiled ones too, since their value is not read; freshness reads for itself and stays."""
    own = pa.Check(lambda day: day.year > 2000, element_wise=True, name="own")
    contract = Contract(
        pa.DataFrameSchema({"day": pa.Column(pa.Date, own)}),
        uncompiled="caveat",
        max_age={"day": "2d"},
        clock=Clock(),
    )
    unchecked = ("dtype=date", "own")
    assert tuple(v.clause for v in contract.check({"day": NOW.date()}).drifted) == unchecked
    assert kinds(contract.check({"day": dt.date(1999, 1, 1)})) == ["stale"]
    for clause in unchecked:
        assert [line for line in contract.explain() if clause in line] == [
            f"day: {clause}: unchecked, every verdict says so"
        ]


def test_what_a_parser_left_out_would_have_changed_is_left_unchecked():
    """A value that was not parsed is no violation of clauses about the parsed one."""
    parser = pa.Parser(lambda s: s.str.strip("$").astype(float))
    schema = pa.DataFrameSchema({"price": pa.Column(float, pa.Check.le(9), parsers=parser)})
    verdict = Contract(schema, uncompiled="caveat").check({"price": "$5"})
    assert verdict.violations == ()
    assert [v.clause for v in verdict.drifted if v.clause.startswith(("dtype", "less"))] == [
        "dtype=float64", "less_than_or_equal_to(9)",
    ]  # fmt: skip


def test_transformed_arrays_keep_their_kind():
    """Objects stay objects; numbers do not become text because a neighbour is."""
    mixed = Contract(
        pa.DataFrameSchema({"n": pa.Column(int, coerce=True), "s": pa.Column(str)}), transform=True
    )
    for sent in (np.array(["5", "x"], dtype=object), np.array(["5", "x"])):
        made = mixed.check(sent).request
        assert (made.tolist(), made.dtype) == ([5, "x"], np.dtype(object))
        table = mixed.check_table(np.array([sent, sent])).table
        assert (table.tolist(), table.dtype) == ([[5, "x"]] * 2, np.dtype(object))
    numbers = pa.DataFrameSchema({"n": pa.Column(int), "f": pa.Column(float, default=1.5, nullable=True)})
    made = Contract(numbers, transform=True).check_table(np.array([[1.0, np.nan], [2.0, 3.0]])).table
    assert (made.tolist(), made.dtype) == ([[1.0, 1.5], [2.0, 3.0]], np.dtype(float))


def test_columns_of_one_name_pass_a_transformation():
    """Nobody can tell them apart, so they stay."""
    contract = Contract(pa.DataFrameSchema({"n": pa.Column(int, coerce=True)}), transform=True)
    table = pd.DataFrame([["1", 2, 3]], columns=["n", "u", "u"])
    made = contract.check_table(table).table
    assert (list(made.columns), made.to_numpy().tolist()) == (["n", "u", "u"], [[1, 2, 3]])
    alone = contract.check(table.iloc[0]).request
    assert (list(alone.index), alone.tolist()) == (["n", "u", "u"], [1, 2, 3])


class Person(pydantic.BaseModel):
    """A model of the whole row."""

    age: int
    name: str = "nobody"


def test_a_pydantic_model_as_the_dtype_of_the_schema():
    """It reads the whole record; each semantics judges as pandera does."""
    from pandera.engines.pandas_engine import PydanticModel

    for semantics in ("record", "pandera"):
        contract = Contract(pa.DataFrameSchema(dtype=PydanticModel(Person), coerce=True), semantics=semantics)
        assert not contract.check({"age": "5", "name": "x"}).violations
        assert contract.check({"age": "x", "name": "x"}).violations
    contract = Contract(pa.DataFrameSchema(dtype=PydanticModel(Person)), transform=True)
    assert contract.check({"age": "5", "name": "x"}).request == {"age": 5, "name": "x"}
    assert contract.check({"name": "x"}).violations == (Violation("", "dtype=Person", "parser"),)


@pytest.mark.parametrize("n", [1, 600])
def test_a_dtype_without_columns_is_asked_of_every_field(n):
    """As pandera does."""
    contract = Contract(pa.DataFrameSchema(dtype=float))
    frame = pd.DataFrame({"a": [1.0] * n, 5: ["x"] * n})
    assert contract.check({"a": 1.0, "b": 2}) is HOLDS
    assert [kinds(contract.check_table(frame).rows[i]) for i in range(n)] == [["dtype"]] * n


@pytest.mark.parametrize(
    "option",
    [{"max_age": ["a"]}, {"max_ahead": "a"}, {"severity": "caveat"}, {"row_checks": "own"}, {"fields": "ab"}],
)
def test_an_option_of_another_kind_is_a_mistake(option):
    """The message names the parameter and says how it is given."""
    with pytest.raises(ConfigurationError, match=f"^{next(iter(option))}: must be a (dict|list)"):
        Contract(SCHEMA, **option)
