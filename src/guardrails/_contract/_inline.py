"""Source text of the tests of one value: a field's clauses as Python expressions of `v`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ._checks import COMPARISONS, HOW, constant
from ._pandera import constants_of
from ._plan import Clause, Field, How
from ._regex import longest_text

BOUND: Final = "#"  # marks the test that is a chain of bounds
_SIGNS: Final = {"<": (False, True), "<=": (False, False), ">": (True, True), ">=": (True, False)}


@dataclass(slots=True)
class Names:
    """The names that generated code may use, with their values."""

    values: dict[str, Any] = field(default_factory=dict)

    def of(self, value: Any) -> str:
        """Source text for a constant: a literal where that is exact, else a name bound to it."""
        if type(value) is int or (type(value) is float and math.isfinite(value)):
            return f"({value!r})"
        name = f"K{len(self.values)}"
        self.values[name] = value
        return name


def clause_tests(
    declared: Field, names: Names, low: list[tuple[Any, bool]], high: list[tuple[Any, bool]]
) -> list[str]:
    """Tests of all clauses; bounds on numbers are joined with those of the dtype into one chain."""
    tests = []
    for clause in declared.clauses:
        if clause.how is How.batch:
            continue
        bounds = _bounds(clause, declared.kind.name)
        if bounds is None:
            tests.append(_test(clause, declared.kind.name, names))
        else:
            low += bounds[0]
            high += bounds[1]
    # the tightest bound wins; of two equal ones the strict
    lowest = max(low, default=None)
    highest = min(high, key=lambda bound: (bound[0], not bound[1]), default=None)
    chain = _chain(lowest, highest)
    return [*([chain] if chain else []), *tests]


def _chain(low: tuple[Any, bool] | None, high: tuple[Any, bool] | None) -> str:
    if low is None and high is None:
        return ""
    below = BOUND if low is None else f"{BOUND}{low[0]!r} {'<' if low[1] else '<='} "
    return below + "v" + ("" if high is None else f" {'<' if high[1] else '<='} {high[0]!r}")


Bounds = tuple[list[tuple[Any, bool]], list[tuple[Any, bool]]]


def _bounds(clause: Clause, kind: str) -> Bounds | None:
    """The bounds a clause sets on a number, as (value, strict) below and above; None for any other clause."""
    if kind not in {"int", "float"} or not clause.builtin:
        return None
    given = {key: constant(value, kind) for key, value in constants_of(clause.check).items()}
    if clause.builtin == "in_range":
        ends = (given["min_value"], given["max_value"])
        strict = (not given.get("include_min", True), not given.get("include_max", True))
        return ([(ends[0], strict[0])], [(ends[1], strict[1])]) if all(map(_plain_number, ends)) else None
    sign, key = COMPARISONS.get(clause.builtin, ("", ""))
    if sign not in _SIGNS or not _plain_number(given[key]):
        return None
    lower, strict_one = _SIGNS[sign]
    bound = [(given[key], strict_one)]
    return (bound, []) if lower else ([], bound)


def _plain_number(value: Any) -> bool:
    return type(value) in {int, float} and math.isfinite(value)


def _test(clause: Clause, kind: str, names: Names) -> str:
    """The test of one clause on the value itself."""
    if clause.builtin and kind != "datetime":
        given = {key: constant(value, kind) for key, value in constants_of(clause.check).items()}
        found = _inline(clause.builtin, given, names)
        if found is not None:
            return found
    return f"{names.of(clause.holds)}(v)"


def _inline(name: str, given: Mapping[str, Any], names: Names) -> str | None:
    if name in COMPARISONS:
        sign, key = COMPARISONS[name]
        return f"v {sign} {names.of(given[key])}"
    if name in {"isin", "notin"}:
        key = "allowed_values" if name == "isin" else "forbidden_values"
        return f"v {'in' if name == 'isin' else 'not in'} {names.of(frozenset(given[key]))}"
    if name in {"str_matches", "str_contains"}:
        found = f"{names.of(getattr(re.compile(given['pattern']), HOW[name]))}(v)"
        longest = longest_text(given["pattern"], HOW[name])
        return found if longest is None else f"len(v) <= {longest} and {found}"
    if name in {"str_startswith", "str_endswith"}:
        return f"v.{name[4:]}({names.of(given['string'])})"
    return _length(given) if name == "str_length" else None


def _length(given: Mapping[str, Any]) -> str | None:
    exactly, low, high = (given.get(key) for key in ("exact_value", "min_value", "max_value"))
    if any(isinstance(each, float) for each in (exactly, low, high)):
        return None
    if exactly is not None:
        return f"len(v) == {int(exactly)}"
    below = "" if low is None else f"{int(low)} <= "
    above = "" if high is None else f" <= {int(high)}"
    return f"{below}len(v){above}"
