"""One record: what is read, what is broken, and that nothing ever raises."""

from __future__ import annotations

import collections
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pydantic
import pytest

from guardrails._contract import HOLDS, Contract, contract_of, field_of
from guardrails._contract._pandera import record_violations
from guardrails._errors import ConfigurationError
from guardrails._types import Violation

pytestmark = pytest.mark.usefixtures("quick")

SCHEMA = pa.DataFrameSchema(
    {
        "nights": pa.Column(int, pa.Check.in_range(1, 30)),
        "price": pa.Column(float, pa.Check.ge(0), nullable=True),
        "meal": pa.Column(str, pa.Check.isin(["BB", "HB"])),
        "agent": pa.Column(str, required=False, nullable=True),
    }
)
GOOD = {"nights": 2, "price": 80.0, "meal": "BB", "agent": "a"}
SECRET = "4111-1111-1111-1111"


class Model(pa.DataFrameModel):
    nights: int = pa.Field(ge=1, le=30)
    meal: str = pa.Field(isin=["BB", "HB"])

    @pa.check("nights", element_wise=True)
    def even(cls, value: int) -> bool:  # noqa: N805
        return value % 2 == 0


@dataclass
class Booking:
    nights: int = 2
    price: float = 80.0
    meal: str = "BB"
    agent: str = "a"


class BookingTuple(NamedTuple):
    nights: int = 2
    price: float = 80.0
    meal: str = "BB"
    agent: str = "a"


class BookingModel(pydantic.BaseModel):
    nights: int = 2
    price: float = 80.0
    meal: str = "BB"
    agent: str = "a"


class Lazy(collections.abc.Mapping):
    def __getitem__(self, key):
        return GOOD[key]

    def __iter__(self):
        return iter(GOOD)

    def __len__(self):
        return len(GOOD)


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract(SCHEMA)


KINDS = {
    "dict": GOOD,
    "ordered": collections.OrderedDict(GOOD),
    "mapping": Lazy(),
    "dataclass": Booking(),
    "named tuple": BookingTuple(),
    "pydantic": BookingModel(),
    "series": pd.Series(GOOD),
    "array": np.array(list(GOOD.values()), dtype=object),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_record_is_read(contract, kind):
    """A record that holds gets the shared constant, whatever its kind."""
    assert contract.check(KINDS[kind]) is HOLDS


@pytest.mark.parametrize("kind", set(KINDS) - {"mapping"})
def test_every_kind_of_record_is_judged(contract, kind):
    """A broken clause is found in every kind of record."""
    wrong = {
        "dict": GOOD | {"nights": 31},
        "ordered": collections.OrderedDict(GOOD | {"nights": 31}),
        "dataclass": Booking(nights=31),
        "named tuple": BookingTuple(nights=31),
        "pydantic": BookingModel(nights=31),
        "series": pd.Series(GOOD | {"nights": 31}),
        "array": np.array([31, 80.0, "BB", "a"], dtype=object),
    }[kind]
    assert contract.check(wrong).violations == (Violation("nights", "in_range(1, 30)", "range"),)


BROKEN = [
    ({"nights": 31}, Violation("nights", "in_range(1, 30)", "range")),
    ({"nights": 1.5}, Violation("nights", "dtype=int64", "dtype")),
    ({"nights": None}, Violation("nights", "nullable=False", "null")),
    ({"price": -1.0}, Violation("price", "greater_than_or_equal_to(0)", "range")),
    ({"meal": SECRET}, Violation("meal", "isin(['BB', 'HB'])", "set")),
    ({"meal": 5}, Violation("meal", "dtype=str", "dtype")),
]


@pytest.mark.parametrize(("change", "violation"), BROKEN)
def test_a_broken_clause_names_field_clause_and_kind(contract, change, violation):
    """Field, clause as the author wrote it, and kind."""
    assert contract.check(GOOD | change).violations == (violation,)


def test_all_broken_clauses_are_found_in_schema_order(contract):
    """One verdict holds every broken clause."""
    verdict = contract.check({"meal": "XX", "price": -1.0, "nights": 0})
    assert [v.field for v in verdict.violations] == ["nights", "price", "meal"]


def test_missing_fields(contract):
    """A required field that is missing breaks the contract; an optional one is a drift."""
    assert contract.check({"price": 1.0, "meal": "BB", "agent": "a"}).violations == (
        Violation("nights", "required=True", "missing"),
    )
    without = contract.check({"nights": 2, "price": 1.0, "meal": "BB"})
    assert without.violations == ()
    assert without.drifted == (Violation("agent", "required=False", "missing"),)


def test_undeclared_fields_are_counted_but_not_named(contract):
    """Extra fields do not break a contract that is not strict; their names are kept nowhere."""
    before = contract.counts().get(("<undeclared>", "extra"), 0)
    assert contract.check(GOOD | {SECRET: 1}) is HOLDS
    assert contract.counts()["<undeclared>", "extra"] == before + 1
    assert SECRET not in str(contract.counts())


def test_strict_does_not_echo_the_key():
    """An undeclared field breaks a strict schema without being named."""
    strict = Contract(pa.DataFrameSchema({"a": pa.Column(int)}, strict=True))
    assert strict.check({"a": 1}) is HOLDS
    assert strict.check({"a": 1, SECRET: 2}).violations == (
        Violation("<undeclared>", "strict=True", "extra"),
    )


def test_drift_is_counted_per_field():
    """Each verdict's drift adds to the counts of its field and kind."""
    contract = Contract(SCHEMA)
    for _ in range(3):
        contract.check({"nights": 2, "price": 1.0, "meal": "BB"})
    contract.check(GOOD | {"nights": 2.0})
    assert contract.counts() == {("agent", "missing"): 3, ("nights", "retyped"): 1}


class Hostile:
    def __getattribute__(self, name):
        raise RuntimeError(SECRET)


class HostileMapping(dict):
    def __getitem__(self, key):
        raise RuntimeError(SECRET)

    def __iter__(self):
        raise RuntimeError(SECRET)


class HostileNumber(int):
    def __le__(self, other):
        raise RuntimeError(SECRET)

    __ge__ = __lt__ = __gt__ = __eq__ = __le__
    __hash__ = None


UNREADABLE = {
    "None": lambda: None, "int": lambda: 5, "str": lambda: "text", "bytes": lambda: b"x", "list": lambda: [1, 2],
    "tuple": lambda: (), "object": object, "hostile": Hostile, "hostile mapping": lambda: HostileMapping(GOOD),
    "frame": lambda: pd.DataFrame([GOOD]), "2-d": lambda: np.zeros((2, 4)), "short": lambda: np.zeros(3),
    "0-d": lambda: np.array(1.0), "class": lambda: Booking, "iterator": lambda: iter(GOOD), "type": lambda: type,
}  # fmt: skip


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_is_no_record_breaks_the_contract(contract, kind):
    """Never an exception: the verdict names what is accepted, and no value."""
    verdict = contract.check(UNREADABLE[kind]())
    assert [v.kind for v in verdict.violations] == ["type"]
    assert SECRET not in str(verdict)


def test_a_table_given_as_a_record_names_batch(contract):
    """Whoever passes a table to a record check learns how to mend it."""
    for table in (pd.DataFrame([GOOD]), np.zeros((2, 4)), [GOOD]):
        assert ".batch" in contract.check(table).violations[0].clause


HOSTILE = {
    "hostile": Hostile, "mapping": HostileMapping, "list": lambda: [[]], "dict": lambda: {1: 2}, "function": lambda: len,
    "type": lambda: float, "ellipsis": lambda: ..., "array": lambda: np.zeros(2), "series": lambda: pd.Series([1, 2]),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_values_break_a_clause(contract, kind):
    """A value that raises, cannot be hashed or is no scalar is of the wrong kind, and of nobody else's concern."""
    for field in GOOD:
        verdict = contract.check(GOOD | {field: HOSTILE[kind]()})
        assert [(v.field, v.kind) for v in verdict.violations] == [(field, "dtype")]


def test_a_subclass_counts_by_what_it_holds(contract):
    """Comparison methods that raise are not called: an int is read as the int it is."""
    assert contract.check(GOOD | {"nights": HostileNumber(3)}) is HOLDS
    assert contract.check(GOOD | {"nights": HostileNumber(31)}).violations[0].kind == "range"


def test_base_exceptions_pass_through():
    """Interrupts are not verdicts."""
    armed = []

    def interrupt(_value):
        if armed:
            raise KeyboardInterrupt
        return True

    contract = Contract(pa.DataFrameSchema({"a": pa.Column(int, pa.Check(interrupt, element_wise=True))}))
    armed.append(True)
    with pytest.raises(KeyboardInterrupt):
        contract.check({"a": 1})


@pytest.mark.parametrize(
    ("checks", "edge"),
    [
        ([pa.Check.le(5), pa.Check.lt(5)], 5),
        ([pa.Check.gt(5), pa.Check.ge(5)], 5),
        ([pa.Check.in_range(0, 9), pa.Check.le(3)], 4),
    ],
)
@pytest.mark.parametrize("dtype", [int, float])
def test_the_tightest_of_several_bounds_counts(dtype, checks, edge):
    """Of two bounds at the same number, the strict one."""
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(dtype, checks)}))
    assert len(contract.check({"a": dtype(edge)}).violations) == 1


def test_a_model_is_compiled_with_its_custom_checks():
    """A DataFrameModel counts as the schema it stands for, element-wise checks included."""
    contract = Contract(Model)
    assert contract.fields == ("nights", "meal")
    assert contract.check({"nights": 2, "meal": "BB"}) is HOLDS
    assert contract.check({"nights": 3, "meal": "BB"}).violations == (Violation("nights", "even", "custom"),)
    assert not any("by pandera" in line for line in contract.explain())


def test_a_check_that_raises_does_not_hold():
    """As in pandera."""
    schema = pa.DataFrameSchema(
        {"a": pa.Column(int, pa.Check(lambda v: 1 / (v - 1) > 0, element_wise=True, name="q"))}
    )
    assert Contract(schema).check({"a": 1}).violations == (Violation("a", "q", "custom"),)
    assert Contract(schema).check({"a": 2}) is HOLDS


def test_contract_of():
    """None, a contract, a model and a schema are taken; anything else is refused with the mend."""
    contract = Contract(SCHEMA)
    assert contract_of(None) is None
    assert contract_of(contract) is contract
    assert contract_of(Model).fields == ("nights", "meal")
    for wrong in (5, "contract.yaml", {"nights": int}, pa.Column(int), lambda r: True, int):
        with pytest.raises(ConfigurationError, match="DataFrameModel or DataFrameSchema"):
            contract_of(wrong)
    with pytest.raises(ConfigurationError, match=r"^inputs: "):
        contract_of(5, "inputs")


@pytest.mark.parametrize("kind", KINDS)
def test_field_of(kind):
    """One field of any kind of record; LookupError where there is none."""
    assert field_of(KINDS[kind], "nights", tuple(GOOD)) == 2
    with pytest.raises(LookupError):
        field_of(KINDS[kind], "nothing", tuple(GOOD))


def test_field_of_what_is_no_record():
    """LookupError, as for a missing field."""
    for value in (None, 5, "text"):
        with pytest.raises(LookupError):
            field_of(value, "nights")


def test_a_name_that_occurs_twice_is_no_value():
    """A Series with a label twice does not say which value it means."""
    series = pd.Series([2, 3, 80.0, "BB"], index=["nights", "nights", "price", "meal"])
    assert Contract(SCHEMA).check(series).violations == (Violation("nights", "dtype=int64", "dtype"),)


@pytest.mark.parametrize("semantics", ["record", "pandera"])
@pytest.mark.parametrize("element_wise", [True, False])
@pytest.mark.parametrize("strict", [False, "filter"])
def test_the_row_of_a_record_without_a_field(semantics, element_wise, strict):
    """As pandera has it: a check of each row is not called, one of the frame is; alone and in a table."""
    check = pa.Check(lambda row: row["a"] != 5, element_wise=element_wise, name="not five")
    schema = pa.DataFrameSchema({"a": pa.Column(int, required=False)}, checks=check, strict=strict)
    contract = Contract(schema, semantics=semantics)
    holds = not record_violations(schema, {})
    assert holds == element_wise
    assert (not contract.check({}).violations) == holds
    for n in (3, 600):
        assert contract.check_table(pd.DataFrame(index=range(n))).ok.tolist() == [holds] * n
    assert contract.check({"a": 5}).violations
