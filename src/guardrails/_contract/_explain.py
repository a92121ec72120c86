"""Say, clause by clause, who judges it."""

from __future__ import annotations

from ._checks import HOW
from ._options import clauses_of
from ._pandera import constants_of
from ._plan import Clause, How, Plan
from ._regex import longest_text


def explained(plan: Plan, seconds: float) -> tuple[str, ...]:
    """One line per clause, in schema order; then what is left unchecked, and what pandera costs.

    Args:
        plan: the schema as it is judged.
        seconds: what pandera needs for one record.
    """
    lines = [f"row: parser {parser.text}: {parser.how}" for parser in plan.parsers]
    for field in plan.fields:
        lines += [f"{field.name}: parser {parser.text}: {parser.how}" for parser in field.parsers]
        lines += [_line(field.name, clause) for clause in clauses_of(field)]
    lines += [_line("row", clause) for clause in (*((plan.strict,) if plan.strict else ()), *plan.across)]
    lines += [_line(clause.violation.field or "table", clause) for clause in plan.batch]
    lines += [f"{v.field or 'row'}: {v.clause}: unchecked, every verdict says so" for v in plan.unchecked]
    if any(str(How.pandera) in line for line in lines):
        lines.append(f"pandera needs {seconds * 1e3:.2g} ms for one record")
    return tuple(lines)


def _line(name: str, clause: Clause) -> str:
    notes = [clause.why, "only a caveat" if clause.caveat else "", _bound(clause)]
    said = "; ".join(note for note in notes if note)
    return f"{name}: {clause.violation.clause}: {clause.how}" + (f" ({said})" if said else "")


def _bound(clause: Clause) -> str:
    """The bound on a text that a pattern is tried on."""
    if clause.builtin not in HOW or clause.how is not How.compiled:
        return ""
    longest = longest_text(constants_of(clause.check)["pattern"], HOW[clause.builtin])
    return "" if longest is None else f"a text of more than {longest} characters breaks it untried"
