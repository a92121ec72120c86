"""Generate plain functions from a plan: `True` means that the judge would find nothing, for certain.

Whatever is not plainly well is left to the judge, so these functions may be cautious but never wrong.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from functools import partial
from typing import Any, Final

import numpy as np

from ._checks import EXACT
from ._inline import BOUND, Names, clause_tests
from ._judge import Findings, judge_value, read_cell
from ._kinds import single_of
from ._plan import Field, How, Plan
from ._row import Row, row_of

_INTS: Final = frozenset({np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64})
# a narrower float compares in its own width with a Python number; the slow path reads it as the float that it is
_FLOATS: Final = frozenset({np.float64})


class Accept(Enum):
    """Which values a test may accept."""

    equal = auto()  # whatever counts by value, numpy scalars included
    plain = auto()  # Python's own types, which a user's function sees as they are
    unchanged = auto()  # what reading would give back as it is
    parity = auto()  # what pandera's one-row frame accepts, under `semantics="pandera"`


def record_test(
    plan: Plan, *, unchanged: bool, undeclared: Callable[[], None], accept: Accept | None = None
) -> Callable[[dict[Any, Any]], bool] | None:
    """A test of a whole record, a dict; None where the plan has what only the judge can do.

    Args:
        plan: the schema.
        unchanged: accept only values that reading would not change.
        undeclared: called for a record with more fields than are declared.
        accept: which values may pass; None takes what the plan needs.
    """
    ruled_out = plan.opaque or plan.parsers or any(f.matches is not None for f in plan.fields)
    if ruled_out or any(clause.how is How.pandera for clause in plan.across):
        return None
    if accept is None:
        accept = Accept.unchanged if unchanged else Accept.plain if plan.across else Accept.equal
    names = Names()
    lines = ["def holds(r):"]
    for declared in plan.fields:
        expression = cell_expression(declared, names, accept)
        lines.append(
            f"    v = r[{names.of(declared.key) if type(declared.key) is not str else repr(declared.key)}]"
        )
        if re.search(r"\bt\b", expression):
            lines.append("    t = type(v)")
        if expression != "True":
            lines.append(f"    if not ({expression}): return False")
    if plan.across:
        lines.append(f"    w = {names.of(row_maker(plan))}(r)")
    compiled = [clause for clause in plan.across if clause.how is How.compiled]
    lines += [f"    if not {names.of(clause.holds)}(w): return False" for clause in compiled]
    whole = plan.strict is not None or accept is Accept.parity or (plan.filtered and unchanged)
    more = "return False" if whole else f"{names.of(undeclared)}()"
    lines.append(f"    if len(r) != {len(plan.fields)}: {more}")
    lines.append("    return True")
    return _compiled("holds", lines, names)


def row_maker(plan: Plan) -> Callable[[dict[Any, Any]], Row]:
    """Makes the row that checks across fields see, of a record whose fields hold."""
    fields = [(f.key, None if _is_read(f) else partial(read_cell, f)) for f in plan.fields]

    def make(record: dict[Any, Any]) -> Row:
        values = {key: record[key] if read is None else read(record[key])[1] for key, read in fields}
        if len(record) > len(fields) and not plan.filtered:
            values.update((key, record[key]) for key in record if key not in values)
        return row_of(values, plan)

    return make


def _is_read(declared: Field) -> bool:
    """Whether a value that passes the test of a whole record with a check across fields is what reading would give."""
    by_judge = declared.parsers or any(clause.how is How.pandera for clause in declared.clauses)
    return declared.kind.name in {"int", "bool"} and declared.filled is not None and not by_judge


def cell_test(declared: Field) -> Callable[[Any], bool]:
    """A test of one field's raw value."""
    names = Names()
    expression = cell_expression(declared, names, Accept.equal)
    lines = ["def holds(v):", "    try:", "        t = type(v)", f"        return bool({expression})"]
    lines += ["    except Exception:", "        return False"]
    return _compiled("holds", lines, names)


def _compiled(name: str, lines: list[str], names: Names) -> Callable[[Any], bool]:
    space = dict(names.values)
    source = "\n".join(lines)
    exec(compile(source, "<guardrails contract>", "exec"), space)  # noqa: S102 - text made here, constants by name
    return space[name]  # type: ignore[no-any-return]


def cell_expression(declared: Field, names: Names, accept: Accept) -> str:
    """Source of the test of one raw value `v` of type `t`.

    Args:
        declared: the field.
        names: where constants go.
        accept: which values may pass.
    """
    if accept is Accept.parity:
        return _parity(declared, names)
    if not declared.parsers and all(clause.how is not How.pandera for clause in declared.clauses):
        kind = declared.kind.name
        make = {
            "int": _int,
            "float": _float,
            "bool": _bool,
            "str": _str,
            "category": _str,
            "datetime": _datetime,
        }
        parts = make[kind](declared, names, accept) if kind in make else None
        if parts is not None:
            return _with_null(declared, *parts)
        bare = declared.kind.label in {"any", "object"} and not declared.clauses and declared.default is None
        if bare and declared.filled is None:
            return "True"
    return f"{names.of(_by_judge(declared, accept))}(v)"


def _by_judge(declared: Field, accept: Accept) -> Callable[[Any], bool]:
    def test(value: Any) -> bool:
        findings = Findings()
        read = judge_value(declared, value, findings)
        changed = accept is Accept.unchanged and read is not value
        return not findings.violations and not findings.drifted and not changed

    return test


def _with_null(declared: Field, type_test: str, tests: list[str], nan: str | None) -> str:
    """Type, clauses and missing values as one expression; `nan` tests for a NaN that passed the type test."""
    nullable = declared.filled is None and declared.default is None
    nullable = nullable and all(clause.on_null for clause in declared.clauses if clause.how is not How.batch)
    body = " and ".join(f"({test.removeprefix(BOUND)})" for test in tests)
    if nan is None:
        inner = body
    elif nullable:
        inner = f"({body} or {nan})" if body else ""
    else:
        # a bound that NaN cannot meet needs no test of its own
        bounded = bool(tests) and tests[0].startswith(BOUND)
        inner = body if bounded else f"v == v and {body}" if body else "v == v"
    found = f"({type_test})" + (f" and {inner}" if inner else "")
    return f"{found} or v is None" if nullable else found


def _parity(declared: Field, names: Names) -> str:
    """Python's own types, whose inferred dtype is the declared one; the judge reads the rest."""
    kind, label = declared.kind.name, declared.kind.label
    compiled = declared.dtype.how is How.compiled and not _custom(declared)
    if not compiled or label not in {"int64", "float64", "bool", "str"}:
        return f"{names.of(_by_judge(declared, Accept.parity))}(v)"
    own = (declared.kind.low, declared.kind.high) if kind == "int" else ()
    tests = clause_tests(
        declared, names, [(end, False) for end in own[:1]], [(end, False) for end in own[1:]]
    )
    if kind == "str":
        tests = ["v.isascii()", *tests]
    filled = replace(declared, filled=declared.filled or declared.dtype)  # a missing value is the judge's
    return _with_null(filled, f"t is {kind}", tests, "v != v" if kind == "float" else None)


Parts = tuple[str, list[str], str | None]


def _custom(declared: Field) -> bool:
    """Whether a function of the user sees the value: it must be what reading gives."""
    return any(clause.check is not None and not clause.builtin for clause in declared.clauses)


def _int(declared: Field, names: Names, accept: Accept) -> Parts:
    kind = declared.kind
    tests = clause_tests(declared, names, [(kind.low, False)], [(kind.high, False)])
    plain_only = accept is not Accept.equal or _custom(declared)
    return "t is int" if plain_only else f"t is int or t in {names.of(_INTS)}", tests, None


def _float(declared: Field, names: Names, accept: Accept) -> Parts | None:
    if single_of(declared.kind) is not None:
        return None
    tests = clause_tests(declared, names, [], [])
    plain_only = accept is not Accept.equal or _custom(declared)
    wider = f" or t is int and {-EXACT} <= v <= {EXACT} or t in {names.of(_FLOATS)}"
    return "t is float" + ("" if plain_only else wider), tests, "v != v"


def _bool(declared: Field, names: Names, accept: Accept) -> Parts:
    tests = clause_tests(declared, names, [], [])
    wider = "" if accept is not Accept.equal or _custom(declared) else f" or t is {names.of(np.bool_)}"
    return "t is bool" + wider, tests, None


def _str(declared: Field, names: Names, _accept: Accept) -> Parts:
    tests = clause_tests(declared, names, [], [])
    if declared.kind.name == "category":
        tests = [f"v in {names.of(frozenset(declared.kind.dtype.categories))}", *tests]
    return "t is str", tests, None


def _datetime(declared: Field, names: Names, accept: Accept) -> Parts | None:
    zone, unit = getattr(declared.kind.dtype, "tz", None), getattr(declared.kind.dtype, "unit", "ns")
    tests = clause_tests(declared, names, [], [])
    if accept is Accept.unchanged or _custom(declared) or unit not in {"ns", "us"}:
        return None
    # well inside what 64 bits of nanoseconds hold
    inside = f"1700 < v.year < 2200 and v.tzinfo is {'not ' if zone is not None else ''}None"
    return f"t is {names.of(dt.datetime)}", [inside, *tests], None
