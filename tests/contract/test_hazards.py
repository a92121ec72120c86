"""What must not happen: a switch that turns the contract off, a value in a message, a pattern that hangs, a race."""

from __future__ import annotations

import datetime as dt
import os
import pickle
import re
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from zoneinfo import ZoneInfo

import cloudpickle
import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from pandera.config import ValidationDepth, config_context

from guardrails._contract import HOLDS, Contract, output_of
from guardrails._contract import _compile as compile_module
from guardrails._contract import _schema as schema_module
from guardrails._contract._fingerprint import fingerprint_of
from guardrails._contract._regex import ExplodingPatternError, longest_text, witness
from guardrails._errors import ConfigurationError

SECRET = "4111-1111-1111-1111"
SCHEMA = pa.DataFrameSchema(
    {
        "card": pa.Column(
            str, [pa.Check.str_length(max_value=4), pa.Check(lambda s: s.str.isdigit(), name="digits")]
        ),
        "n": pa.Column(int, pa.Check.le(5), nullable=True),
        "day": pa.Column(pa.Date),
    },
    strict=True,
    checks=pa.Check(lambda d: d["card"].str.len() > d["n"], name="longer"),
)
LEAKY = [
    {"card": SECRET, "n": 1, "day": SECRET}, {"card": "1", "n": SECRET, "day": None}, {SECRET: 1}, {"card": SECRET, "n": 9, SECRET: 1},
    SECRET, [SECRET], {SECRET: SECRET, "card": [SECRET], "n": {SECRET}, "day": 5},
]  # fmt: skip


def run(code: str, **environment: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)]
    env = {**os.environ, **environment}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=env, timeout=60
    ).stdout.strip()


OFF = """
    import pandera.pandas as pa
    from guardrails._contract import Contract
    opaque = pa.DataFrameSchema({"a": pa.Column(int, pa.Check(lambda s: s > 0, name="positive"))})
    for semantics in ("record", "pandera"):
        contract = Contract(opaque, semantics=semantics)
        assert not contract.check({"a": 1}).violations
        assert contract.check({"a": -1}).violations, semantics
        assert contract.check({"a": "x"}).violations, semantics
    print("on")
"""


@pytest.mark.parametrize(
    "switch",
    [
        {"PANDERA_VALIDATION_ENABLED": "False"},
        {"PANDERA_VALIDATION_DEPTH": "SCHEMA_ONLY"},
        {"PANDERA_VALIDATION_DEPTH": "DATA_ONLY"},
    ],
)
def test_environment_variables_do_not_switch_it_off(switch):
    """Pandera's validate becomes a no-op; the contract does not."""
    assert run(OFF, **switch) == "on"


@pytest.mark.parametrize(
    "off", [{"validation_enabled": False}, {"validation_depth": ValidationDepth.SCHEMA_ONLY}]
)
@pytest.mark.parametrize("semantics", ["record", "pandera"])
def test_a_config_context_does_not_switch_it_off(semantics, off):
    """Neither while it is built nor while it judges."""
    with config_context(**off):
        contract = Contract(
            pa.DataFrameSchema({"a": pa.Column(int, pa.Check(lambda s: s > 0, name="p"))}),
            semantics=semantics,
        )
        assert [v.kind for v in contract.check({"a": -1}).violations] == ["custom"]
    assert contract.check({"a": 1}) is HOLDS


@pytest.mark.parametrize("semantics", ["record", "pandera"])
@pytest.mark.parametrize("where", ["schema", "column"])
def test_rows_are_never_dropped(where, semantics):
    """`drop_invalid_rows` would make a broken record an empty, valid frame; the user's own schema keeps it."""
    opaque = pa.Check(lambda s: s >= 0, name="opaque")
    column = pa.Column(int, opaque, drop_invalid_rows=where == "column")
    schema = pa.DataFrameSchema({"a": column}, drop_invalid_rows=where == "schema")
    contract = Contract(schema, semantics=semantics)
    assert [v.clause for v in contract.check({"a": -1}).violations] == ["opaque"]
    assert schema.drop_invalid_rows or schema.columns["a"].drop_invalid_rows


def test_the_schema_is_read_once():
    """What happens to the user's schema later changes nothing."""
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.ge(0))})
    contract = Contract(schema)
    schema.columns["a"].checks.clear()
    schema.columns["a"].nullable = True
    assert contract.check({"a": -1}).violations
    assert contract.check({"a": None}).violations


@pytest.mark.parametrize("semantics", ["record", "pandera"])
def test_no_value_and_no_foreign_key_in_any_message(semantics):
    """Nor in a warning, a count or an explanation."""
    contract = Contract(SCHEMA, semantics=semantics)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = [contract.check(request) for request in LEAKY]
        table = contract.check_table([*LEAKY, *LEAKY])
    assert all(verdict.violations for verdict in found)
    said = (
        found,
        table.rows,
        table.batch,
        contract.counts(),
        contract.explain(),
        [str(w.message) for w in caught],
        contract.fingerprint,
    )
    assert SECRET not in repr(said)


def test_no_value_in_an_output_violation():
    """The same for answers."""
    for check in (SCHEMA, lambda answer: answer == 1):
        found = [output_of(check).check(answer) for answer in LEAKY]
        assert all(verdict.violations for verdict in found)
        assert SECRET not in repr(found)


def test_importing_is_free_of_pandas():
    """Only building a contract imports pandas and pandera."""
    code = """
        import sys
        from guardrails._contract import Contract, is_table, is_frame, field_of
        assert not is_frame([]) and is_table([]) and field_of({"a": 1}, "a") == 1
        print(sorted({"pandas", "pandera"} & set(sys.modules)))
    """
    assert run(code) == "[]"


def many(contract: Contract, n: int = 400) -> list[bool]:
    records = [{"a": i % 3, "b": "x" if i % 2 else 5} for i in range(n)]
    return [contract.check(record) is HOLDS for record in records]


def test_threads_share_a_contract():
    """Compiled and pandera's clauses, from many threads at once, give what one thread gives; counts add up."""
    checks = [pa.Check.le(1), pa.Check(lambda s: s >= 0, name="opaque")]
    contract = Contract(
        pa.DataFrameSchema(
            {"a": pa.Column(int, checks), "b": pa.Column(str), "c": pa.Column(float, required=False)}
        )
    )
    alone = many(contract, 100)
    before, interval = contract.counts()["c", "missing"], sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert all(found == alone for found in pool.map(lambda _: many(contract, 100), range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert contract.counts()["c", "missing"] - before == 800


def test_a_contract_travels():
    """With cloudpickle to any process, and with pickle where the checks can be pickled; verdicts and fingerprint stay."""
    contract = Contract(SCHEMA, severity={"n": "caveat"}, examples=[{"card": "12", "n": 1, "day": None}])
    copy = cloudpickle.loads(cloudpickle.dumps(contract))
    for request in LEAKY:
        assert copy.check(request) == contract.check(request)
    assert (copy.fingerprint, copy.fields, copy.cost) == (
        contract.fingerprint,
        contract.fields,
        contract.cost,
    )
    assert copy.explain() == contract.explain()
    plain = Contract(pa.DataFrameSchema({"a": pa.Column(int, pa.Check.isin([1, 2]))}))
    assert pickle.loads(pickle.dumps(plain)).check({"a": 3}) == plain.check({"a": 3})


FINGERPRINT = """
    import pandera.pandas as pa
    from guardrails._contract import Contract, output_of
    def positive(value, least=0):
        return value > least
    schema = pa.DataFrameSchema({
        "a": pa.Column(int, [pa.Check(positive, element_wise=True), pa.Check.in_range(0, 9)]),
        "s": pa.Column(str, [pa.Check.isin({"x", "y", "z"}), pa.Check(lambda v: v in {"x", "y", "z"}, element_wise=True)]),
        "t": pa.Column("datetime64[ns]", coerce=True),
    })
    contract = Contract(schema, max_age={"t": "1d"}, severity={"a": "caveat"})
    print(contract.fingerprint, output_of(contract).fingerprint, output_of(positive).fingerprint)
"""


def test_fingerprints_are_equal_in_every_process():
    """Whatever the hash seed."""
    first, second = (run(FINGERPRINT, PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert first == second
    assert re.fullmatch(r"([0-9a-f]{16} ?){3}", first)
    assert len(set(first.split())) == 3


def limit(bound):
    return pa.Check(lambda v: v > bound, element_wise=True, name="limit")


BASE = {"a": pa.Column(int, pa.Check.in_range(0, 9)), "b": pa.Column(str, nullable=True)}
CHANGES = {
    "constant": {"a": pa.Column(int, pa.Check.in_range(0, 8)), "b": BASE["b"]},
    "inclusive": {"a": pa.Column(int, pa.Check.in_range(0, 9, include_max=False)), "b": BASE["b"]},
    "dtype": {"a": pa.Column("int32", pa.Check.in_range(0, 9)), "b": BASE["b"]},
    "nullable": {"a": BASE["a"], "b": pa.Column(str)},
    "required": {"a": BASE["a"], "b": pa.Column(str, nullable=True, required=False)},
    "coerce": {"a": BASE["a"], "b": pa.Column(str, nullable=True, coerce=True)},
    "name": {"a": BASE["a"], "c": BASE["b"]},
    "categories": {"a": BASE["a"], "b": pa.Column(pd.CategoricalDtype(["x"]), nullable=True)},
    "closure": {"a": pa.Column(int, limit(0)), "b": BASE["b"]},
    "other closure": {"a": pa.Column(int, limit(1)), "b": BASE["b"]},
    "raise_warning": {"a": pa.Column(int, pa.Check.in_range(0, 9, raise_warning=True)), "b": BASE["b"]},
}


def test_a_fingerprint_follows_the_meaning():
    """Equal for an equal schema; another clause, constant or option is another fingerprint."""
    assert Contract(pa.DataFrameSchema(BASE)).fingerprint == Contract(pa.DataFrameSchema(BASE)).fingerprint
    found = {
        name: Contract(pa.DataFrameSchema(columns)).fingerprint
        for name, columns in {"base": BASE, **CHANGES}.items()
    }
    options = [
        {"transform": True},
        {"semantics": "pandera"},
        {"severity": {"a": "caveat"}},
        {"fields": ["b", "a"]},
    ]
    found |= {str(option): Contract(pa.DataFrameSchema(BASE), **option).fingerprint for option in options}
    assert len(set(found.values())) == len(found)


@pytest.mark.usefixtures("patient")
def test_a_compiled_clause_that_disagrees_is_pandera_s(monkeypatch):
    """The contract is built all the same, judges right, and says so."""
    right = schema_module.predicate

    def wrong(name, constants, kind):
        return (lambda _value: True) if name == "less_than_or_equal_to" else right(name, constants, kind)

    monkeypatch.setattr(schema_module, "predicate", wrong)
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(int, [pa.Check.ge(0), pa.Check.le(9)])}))
    assert (
        "a: less_than_or_equal_to(9): by pandera (the compiled form disagreed with pandera)"
        in contract.explain()
    )
    assert "a: greater_than_or_equal_to(0): compiled" in contract.explain()
    assert contract.check({"a": 10}).violations
    assert cloudpickle.loads(cloudpickle.dumps(contract)).check({"a": 10}).violations


@pytest.mark.usefixtures("patient")
def test_disagreements_are_found_without_a_whole_row(monkeypatch):
    """A field whose clauses nobody can guess does not hide another field's disagreement."""
    monkeypatch.setattr(schema_module, "predicate", lambda *_: lambda _value: True)
    unguessable = pa.Column(int, pa.Check(lambda v: v == 98765432, element_wise=True, name="odd"))
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(int, pa.Check.le(9)), "b": unguessable}))
    assert contract.check({"a": 10, "b": 98765432}).violations[0].field == "a"


@pytest.mark.usefixtures("patient")
def test_a_field_that_disagrees_with_the_one_row_frame_is_pandera_s(monkeypatch):
    """Under `semantics="pandera"` too."""
    right = compile_module.with_one_row_readers

    def wrong(plan):
        plan = right(plan)
        object.__setattr__(plan.fields[0], "read", lambda value: (plan.fields[1].read("x")[0], value))
        return plan

    monkeypatch.setattr(compile_module, "with_one_row_readers", wrong)
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(int), "b": pa.Column(str)}), semantics="pandera")
    assert "a: dtype=int64: by pandera" in contract.explain()
    assert contract.check({"a": "x", "b": "x"}).violations
    assert contract.check({"a": 1, "b": "x"}) is HOLDS


@pytest.mark.usefixtures("patient")
def test_examples_take_part_in_holding(monkeypatch):
    """A disagreement that only the user's own rows show is found."""
    right = schema_module.predicate

    def wrong(name, constants, kind):
        return lambda value: value == 123457 or right(name, constants, kind)(value)

    monkeypatch.setattr(schema_module, "predicate", wrong)
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.le(9))})
    assert not any("disagreed" in line for line in Contract(schema).explain())
    assert any("disagreed" in line for line in Contract(schema, examples=[{"a": 123457}]).explain())


def test_holding_against_pandera_is_bounded():
    """Sixty columns are held as long as ten."""
    columns = {
        f"c{i}": pa.Column(str, [pa.Check.isin(["a", "b"]), pa.Check.str_length(1, 2)]) for i in range(60)
    }
    Contract(pa.DataFrameSchema({"a": pa.Column(int)}))
    start = time.thread_time()
    Contract(pa.DataFrameSchema(columns))
    assert time.thread_time() - start < 2


EXPLODING = [r"(a+)+$", r"^(\w+\s?)*$", r"(x|x)*y", r"(?:a|b|ab)*c", r"^(([a-z])+.)+[A-Z]([a-z])+$"]
SLOW = [r"\s+$", r".*x.*y.*z"]
QUICK = [r"^[A-Z]{2}\d{4}$", "a|b", r"(?P<x>a)\b", r"[^@]{1,9}", "(?i)abc", r"\bfoo(?=bar)"]


@pytest.mark.parametrize("pattern", EXPLODING)
def test_a_pattern_whose_time_explodes_is_refused(pattern):
    """Before any request could hang in it."""
    with pytest.raises(ExplodingPatternError):
        longest_text(pattern, "search")
    with pytest.raises(ConfigurationError, match="time explodes"):
        Contract(pa.DataFrameSchema({"a": pa.Column(str, pa.Check.str_contains(pattern))}))


@pytest.mark.parametrize("pattern", SLOW)
def test_a_slow_pattern_is_bounded(pattern):
    """A text on which it could take long breaks the clause untried, and `explain()` says from which length on."""
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(str, pa.Check.str_contains(pattern))}))
    longest = longest_text(pattern, "search")
    assert 128 <= longest < 16384
    assert contract.check({"a": "x y z  "}) is HOLDS
    start = time.thread_time()
    assert [v.kind for v in contract.check({"a": "  xyz" * 200_000 + " " * longest}).violations] == [
        "pattern"
    ]
    assert time.thread_time() - start < 1
    assert any(f"more than {longest} characters" in line for line in contract.explain())


@pytest.mark.parametrize("pattern", QUICK)
def test_a_pattern_that_cannot_backtrack_has_no_bound(pattern):
    """Its time grows with the text at most."""
    assert longest_text(pattern, "match") is None


@pytest.mark.parametrize(
    "pattern", [*QUICK, *SLOW, r"\d{3,}-[^a]\S", r"(ab|cd)+e?", r"x*", re.compile("a.b", re.DOTALL)]
)
def test_witnesses_match(pattern):
    """Strings made from a pattern, to try clauses with, do match it."""
    found = witness(pattern)
    assert found
    if pattern != r"\bfoo(?=bar)":  # look-arounds have no witness
        assert any(re.search(pattern, text) for text in found)


def test_pattern_flags_keep_their_meaning():
    """A compiled pattern is used as it is."""
    contract = Contract(
        pa.DataFrameSchema({"a": pa.Column(str, pa.Check.str_matches(re.compile("abc$", re.IGNORECASE)))})
    )
    assert contract.check({"a": "ABC"}) is HOLDS
    assert contract.check({"a": "ABD"}).violations


def test_column_names_are_data_in_generated_code():
    """A name that looks like code is a name."""
    names = ["');raise SystemExit('", "t", "v", "K0", "a\nb", "\\", "'\"", 5, ("m", 1)]
    contract = Contract(pa.DataFrameSchema({name: pa.Column(int, pa.Check.ge(0)) for name in names}))
    assert contract.check(dict.fromkeys(names, 1)) is HOLDS
    assert len(contract.check(dict.fromkeys(names, -1)).violations) == len(names)


def test_building_many_contracts_at_once_restores_the_warning_filters():
    """Silence is for the building only."""
    before = list(warnings.filters)
    threads = [threading.Thread(target=Contract, args=(SCHEMA,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


def test_arrays_with_undeclared_columns():
    """`fields` may name what the schema does not declare."""
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(float)}), fields=["id", "a"])
    assert contract.check(np.array([1.0, 2.0])) is HOLDS
    assert contract.check_table(np.ones((100, 2))).ok.all()
    assert contract.counts() == {("<undeclared>", "extra"): 101}


def test_two_checks_in_the_same_words_are_told_apart():
    """One that needs many rows does not take the other with it, and one that only warns does not excuse the other."""
    needs_many = pa.Check(lambda s: s.mean() < 100)
    judges_one = pa.Check(lambda s: s > 0)
    for checks in ([judges_one, needs_many], [needs_many, judges_one]):
        contract = Contract(pa.DataFrameSchema({"a": pa.Column(float, checks)}))
        assert contract.check({"a": -5.0}).violations
        assert contract.check({"a": 5.0}) is HOLDS
    loud_and_quiet = [pa.Check(lambda s: s > 0), pa.Check(lambda s: s < 100, raise_warning=True)]
    schema = pa.DataFrameSchema({"a": pa.Column(float, loud_and_quiet)})
    for semantics in ("record", "pandera"):
        assert Contract(schema, semantics=semantics).check({"a": -5.0}).violations
        assert not Contract(schema, semantics=semantics).check({"a": 500.0}).violations
    frame_checks = [pa.Check(lambda d: d["a"] > 0), pa.Check(lambda d: d["a"].mean() < 100)]
    contract = Contract(pa.DataFrameSchema({"a": pa.Column(float)}, checks=frame_checks))
    assert contract.check({"a": -5.0}).violations


def test_a_narrow_float_is_the_number_that_it_is():
    """Alone, beside a field that drifts, and in a table: float32 does not compare in its own width."""
    schema = pa.DataFrameSchema({"a": pa.Column(float, pa.Check.le(0.1)), "b": pa.Column(int)})
    contract = Contract(schema)
    frame = pd.DataFrame({"a": np.full(600, np.float32(0.1)), "b": 1})

    assert contract.check({"a": np.float32(0.1), "b": 1}).violations
    assert contract.check({"a": np.float32(0.1), "b": 1.0}).violations
    assert not contract.check_table(frame).ok.any()


def test_a_pattern_that_explodes_on_an_ordinary_ending_is_refused():
    """The text that fails to match may end in a letter, a digit or a space."""
    with pytest.raises(ConfigurationError, match=r"pattern|explodes"):
        Contract(pa.DataFrameSchema({"s": pa.Column(str, pa.Check.str_matches(r"^([a-z]+)*[^0-9]$"))}))


BOUNDED = [
    r"^(a{1,20}){1,20}$", r"^(a|aa){1,40}$", r"(a{0,9}){0,9}(b{0,9}){0,9}!$", r"(a|a){30}$", "(a|a)" * 30 + "$", "a?" * 28 + "a" * 28,
    r"^(?=(a+)+$)b", r"^([a-z]+)*[^z]$", r"(.*?,){11}P",
]  # fmt: skip


@pytest.mark.parametrize("pattern", BOUNDED)
def test_a_pattern_explodes_without_an_endless_repeat(pattern):
    """Nested bounds, alternatives written out, look-aheads; even where no short text is slow."""
    with pytest.raises(ConfigurationError, match="time explodes"):
        Contract(pa.DataFrameSchema({"a": pa.Column(str, pa.Check.str_matches(pattern))}))


HARMLESS = [
    r"^[\w.+-]{1,64}@[\w-]{1,63}(\.[\w-]{1,63}){1,8}$", r"^(\d{1,3}\.){3}\d{1,3}$", r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})$", r"^https?://([\w-]+\.)+[\w-]+(/[\w./?%&=-]*)?$", "^.{0,200}$",
    r"^[A-Z]{2}\d{2}([A-Z0-9]{4}){2,7}[A-Z0-9]{0,3}$",
]  # fmt: skip


@pytest.mark.parametrize("pattern", HARMLESS)
def test_the_patterns_that_people_write_are_taken(pattern):
    """Addresses, hosts, identifiers, timestamps: each choice is told by the next letter."""
    longest = longest_text(pattern, "match")
    assert longest is None or longest > 4096


@pytest.mark.parametrize("semantics", ["record", "pandera"])
def test_the_pattern_of_a_column_name_is_measured_too(semantics):
    """A request's keys are texts of a stranger."""
    with pytest.raises(ConfigurationError, match="time explodes"):
        Contract(pa.DataFrameSchema({r"^(x+)+$": pa.Column(int, regex=True)}), semantics=semantics)
    column = pa.Column(pa.Date, pa.Check.str_matches(r"^(x+)+$"))
    with pytest.raises(ConfigurationError, match="time explodes"):
        Contract(pa.DataFrameSchema({"day": column}), semantics=semantics)


def test_a_key_too_long_for_a_column_s_pattern_is_undeclared():
    """It is not tried; the field is then missing."""
    contract = Contract(pa.DataFrameSchema({r".*x.*y.*z$": pa.Column(int, regex=True)}))
    assert contract.check({"axyz": 1}) is HOLDS
    start = time.thread_time()
    assert [v.kind for v in contract.check({"x" * 200_000 + "xyz": 1}).violations] == ["missing"]
    assert time.thread_time() - start < 1


def test_a_slow_pattern_under_pandera_semantics_is_said():
    """Pandera has no bound, and nobody else may answer for it."""
    schema = pa.DataFrameSchema({"a": pa.Column(str, pa.Check.str_contains(r"\s+$"))})
    lines = Contract(schema, semantics="pandera").explain()
    assert any("characters can hold the interpreter for long" in line for line in lines)


class Limits:
    """Something that checks refer to."""

    def __init__(self, most: object) -> None:
        self.most = most
        self.lock = threading.Lock()

    def under(self, value) -> bool:
        return bool(value < self.most)


def closing(over):
    return lambda value: bool(over) and value > 0


STATES = [
    (dt.date(2024, 1, 1), dt.date(2024, 1, 2)), (np.array([1, 2]), np.array([1, 3])), (re.compile("a"), re.compile("b")), (Limits(1), Limits(2)),
    (pd.Series([1]), pd.Series([2])), (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})), (pd.Timestamp(1), pd.Timestamp(2)),
    (deque([1]), deque([2])), (ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")), (closing(1), closing(2)), ({"a": [Limits(1)]}, {"a": [Limits(2)]}),
]  # fmt: skip


@pytest.mark.parametrize("index", range(len(STATES)))
def test_a_fingerprint_follows_what_a_check_closes_over(index):
    """Whatever it is; an equal one is an equal fingerprint."""
    one, other = STATES[index]
    try:
        same = cloudpickle.loads(cloudpickle.dumps(one))
    except TypeError:  # it has a lock
        same = one
    prints = [fingerprint_of(closing(value)) for value in (one, other, same)]
    assert prints[0] == prints[2] != prints[1]


def test_a_fingerprint_follows_bound_objects_and_globals(monkeypatch):
    """And the functions of the same package that a check calls."""
    assert (
        fingerprint_of(Limits(1).under) == fingerprint_of(Limits(1).under) != fingerprint_of(Limits(2).under)
    )
    made: dict = {"__name__": "mine"}
    exec("LIMIT = 1\ndef inner(v): return v > LIMIT\ndef outer(v): return inner(v)", made)  # noqa: S102
    before = fingerprint_of(made["outer"])
    made["LIMIT"] = 2
    after = fingerprint_of(made["outer"])
    made["LIMIT"] = 1
    assert before == fingerprint_of(made["outer"]) != after


def test_a_fingerprint_of_what_refers_to_itself():
    """Functions, lists and objects may be cyclic, and deep."""

    def counts_down(value):
        return value <= 0 or counts_down(value - 1)

    cycle: list = []
    cycle.append(cycle)
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    schema = pa.DataFrameSchema({"a": pa.Column(int, pa.Check(counts_down, element_wise=True, name="down"))})
    assert Contract(schema).fingerprint == Contract(schema).fingerprint
    assert len({fingerprint_of(value) for value in (cycle, deep, counts_down)}) == 3
