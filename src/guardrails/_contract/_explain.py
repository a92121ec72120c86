"""Say, clause by clause, who judges it."""

from __future__ import annotations

from collections.abc import Collection

from guardrails._types import Violation

from ._checks import HOW
from ._compile import Settled
from ._options import clauses_of
from ._pandera import constants_of
from ._plan import Clause, How, Plan
from ._regex import longest_text


def explained(plan: Plan, settled: Settled, *, exact: bool) -> tuple[str, ...]:
    """One line per clause, in schema order; then what is left unchecked, what was not held, and what pandera costs.

    Args:
        plan: the schema as it is judged.
        settled: what building found out.
        exact: whether every clause means what pandera means by it (`semantics="pandera"`).
    """
    untried = settled.untried
    lines = [f"row: parser {parser.text}: {parser.how}" for parser in plan.parsers]
    unchecked = {(v.field, v.clause) for v in plan.unchecked}
    for field in plan.fields:
        lines += [f"{field.name}: parser {parser.text}: {parser.how}" for parser in field.parsers]
        known = (c for c in clauses_of(field) if (c.violation.field, c.violation.clause) not in unchecked)
        lines += [_line(field.name, clause, untried, exact=exact) for clause in known]
    of_row = (*((plan.strict,) if plan.strict else ()), *plan.across)
    lines += [_line("row", clause, untried, exact=exact) for clause in of_row]
    lines += [_line(clause.violation.field or "table", clause, untried, exact=exact) for clause in plan.batch]
    lines += [f"{v.field or 'row'}: {v.clause}: unchecked, every verdict says so" for v in plan.unchecked]
    if any(str(How.pandera) in line for line in lines):
        lines.append(f"pandera needs {settled.seconds * 1e3:.2g} ms for one record")
    if not settled.rows:
        lines.append(
            "no whole row was held against pandera: no time, or nobody could make one up (see examples=)"
        )
    return tuple(lines)


def _line(name: str, clause: Clause, untried: Collection[Violation], *, exact: bool) -> str:
    late = _UNTRIED[clause.how] if clause.violation in untried else ""
    notes = [clause.why, "only a caveat" if clause.caveat else "", _bound(clause, exact=exact), late]
    said = "; ".join(note for note in notes if note)
    return f"{name}: {clause.violation.clause}: {clause.how}" + (f" ({said})" if said else "")


_UNTRIED = {
    How.compiled: "not held against pandera, there was no time",
    How.pandera: "not tried whether it needs many rows, there was no time",
    How.batch: "",
}


def _bound(clause: Clause, *, exact: bool) -> str:
    """The bound on a text that a pattern is tried on."""
    if clause.builtin not in HOW:
        return ""
    longest = longest_text(constants_of(clause.check)["pattern"], HOW[clause.builtin])
    if longest is None:
        return ""
    said = "can hold the interpreter for long" if exact else "breaks it untried"
    return f"a text of more than {longest} characters {said}"
