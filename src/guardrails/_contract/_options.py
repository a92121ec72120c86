"""What the user adds to a schema: severity, freshness, and what happens to clauses that are not compiled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from guardrails._errors import ConfigurationError
from guardrails._types import Violation

from . import _cells
from ._plan import Clause, Field, How, Plan

Severity: TypeAlias = Mapping[str | tuple[str, str], str]
_SEVERITIES: Final = ("contract", "caveat")


def choice(parameter: str, received: object, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is not one of a few.

    Raises:
        ConfigurationError: it is not.
    """
    if received not in allowed:
        raise ConfigurationError.of(parameter, received, "must be " + " or ".join(map(repr, allowed)))


def by_key(parameter: str, received: object, keys: str) -> dict[Any, Any]:
    """An option that is given by name; None is an empty one.

    Raises:
        ConfigurationError: it is no mapping.
    """
    if received is None or isinstance(received, Mapping):
        return dict(received or {})
    raise ConfigurationError.of(parameter, received, f"must be a dict by {keys}")


def names_of(parameter: str, received: Iterable[str]) -> tuple[str, ...]:
    """An option that is a number of names; one name alone would be read letter by letter.

    Raises:
        ConfigurationError: it is text.
    """
    if isinstance(received, str):
        raise ConfigurationError.of(parameter, received, f"must be a list of names, such as [{received!r}]")
    return tuple(received)


def clauses_of(field: Field) -> tuple[Clause, ...]:
    """All clauses of one field, in the order they are judged."""
    own = (field.present, field.dtype, field.filled)
    return (*(clause for clause in own if clause is not None), *field.clauses)


def all_clauses(plan: Plan) -> tuple[Clause, ...]:
    """All clauses of a plan, in schema order."""
    strict = (plan.strict,) if plan.strict is not None else ()
    return (
        *(clause for field in plan.fields for clause in clauses_of(field)),
        *strict,
        *plan.across,
        *plan.batch,
    )


def changed(plan: Plan, change: Callable[[Clause], Clause]) -> Plan:
    """The plan with `change` applied to every clause."""

    def maybe(clause: Clause | None) -> Clause | None:
        return None if clause is None else change(clause)

    def field(old: Field) -> Field:
        return replace(
            old,
            present=maybe(old.present),
            dtype=change(old.dtype),
            filled=maybe(old.filled),
            clauses=tuple(map(change, old.clauses)),
        )

    return replace(
        plan,
        fields=tuple(map(field, plan.fields)),
        strict=maybe(plan.strict),
        across=tuple(map(change, plan.across)),
        batch=tuple(map(change, plan.batch)),
    )


def with_ages(plan: Plan, ages: Mapping[str, tuple[Clause, ...]]) -> Plan:
    """The plan with freshness clauses.

    Raises:
        ConfigurationError: a field is not declared.
    """
    names = [field.name for field in plan.fields]
    for name in ages:
        if name not in names:
            raise ConfigurationError.of("max_age", name, f"must name declared fields, of {names}")
    fields = tuple(
        replace(field, clauses=(*field.clauses, *ages.get(field.name, ()))) for field in plan.fields
    )
    return replace(plan, fields=fields)


def with_seen(plan: Plan, seen: Mapping[str, frozenset[str]]) -> Plan:
    """The plan with a caveat for each category that the user's examples do not have."""

    def field(old: Field) -> Field:
        if old.name not in seen:
            return old
        violation = Violation(old.name, "category seen in the examples", "unseen")
        return replace(
            old, clauses=(*old.clauses, Clause(violation, holds=seen[old.name].__contains__, caveat=True))
        )

    return replace(plan, fields=tuple(map(field, plan.fields)))


def with_row_checks(plan: Plan, names: Collection[str]) -> Plan:
    """The plan with the user's word that these checks judge each row by itself.

    Raises:
        ConfigurationError: a name is not that of a check of the user's own.
    """
    own = [c.violation.clause for c in all_clauses(plan) if c.check is not None and not c.builtin]
    for name in names:
        if name not in own:
            raise ConfigurationError.of("row_checks", name, f"must name checks of your own, of {own}")
    return changed(
        plan, lambda clause: replace(clause, rowwise=True) if clause.violation.clause in names else clause
    )


def severities(plan: Plan, severity: Severity) -> Plan:
    """The plan with the severities the user gave.

    Args:
        plan: the schema.
        severity: `"contract"` or `"caveat"`, by field name, or by (field name, kind or text of a clause).

    Raises:
        ConfigurationError: a key names no clause, or a severity is unknown.
    """
    for key, value in severity.items():
        if isinstance(key, tuple) and len(key) != 2:  # noqa: PLR2004 - field and clause
            raise ConfigurationError.of(
                "severity", key, "must be a field, or (field, kind or text of a clause)"
            )
        choice(f"severity[{key!r}]", value, _SEVERITIES)
        if not any(_named(clause.violation, key) for clause in all_clauses(plan)):
            mend = "must name a declared field, or (field, kind or text of one of its clauses)"
            raise ConfigurationError.of("severity", key, mend)

    def change(clause: Clause) -> Clause:
        given = [value for key, value in severity.items() if _named(clause.violation, key)]
        return replace(clause, caveat=given[-1] == "caveat") if given else clause

    return changed(plan, change)


def _named(violation: Violation, key: str | tuple[str, str]) -> bool:
    if not isinstance(key, tuple):
        return violation.field == str(key)
    return violation.field == str(key[0]) and key[1] in {violation.kind, violation.clause}


def settle_uncompiled(plan: Plan, uncompiled: str) -> Plan:
    """The plan under `uncompiled=`: with pandera's clauses, without them and saying so, or not at all.

    Raises:
        ConfigurationError: `uncompiled="error"` and pandera would judge a clause.
    """
    left = uncompiled_of(plan)
    if not left or uncompiled == "pandera":
        return plan
    if uncompiled == "error":
        named = "; ".join(f"{v.field or 'row'}: {v.clause}" for v in left)
        raise ConfigurationError.of("uncompiled", uncompiled, f"these clauses cannot be compiled: {named}")
    fields = tuple(map(_compiled_only, plan.fields))
    across = tuple(clause for clause in plan.across if clause.how is not How.pandera)
    parsers = tuple(parser for parser in plan.parsers if parser.how is not How.pandera)
    unread = [field for field in plan.fields if _unread(field)]
    with_them = (c.violation for field in unread for c in (field.dtype, *field.clauses) if not _reads(c))
    dropped = dict.fromkeys((*left, *with_them))
    unchecked = tuple(Violation(v.field, v.clause, "unchecked") for v in dropped)
    return replace(plan, fields=fields, across=across, parsers=parsers, unchecked=unchecked)


def uncompiled_of(plan: Plan) -> tuple[Violation, ...]:
    """What pandera judges, record by record."""
    found = [Violation("", parser.text, "parser") for parser in plan.parsers if parser.how is How.pandera]
    for field in plan.fields:
        found += [
            Violation(field.name, parser.text, "parser")
            for parser in field.parsers
            if parser.how is How.pandera
        ]
    return (*found, *(c.violation for c in all_clauses(plan) if c.how is How.pandera))


def _unread(field: Field) -> bool:
    """Whether only pandera could read the field's values."""
    return field.dtype.how is How.pandera or any(parser.how is How.pandera for parser in field.parsers)


def _reads(clause: Clause) -> bool:
    """Whether a clause reads a raw value by itself, as those of freshness do."""
    return clause.vector is not None or clause.how is How.batch


def _compiled_only(field: Field) -> Field:
    changes: dict[str, Any] = {}
    if _unread(field):
        changes["read"] = _cells.any_reader()
        changes["clauses"] = tuple(filter(_reads, field.clauses))
    else:
        changes["clauses"] = tuple(clause for clause in field.clauses if clause.how is not How.pandera)
    if any(parser.how is How.pandera for parser in field.parsers):
        changes["parsers"] = tuple(parser for parser in field.parsers if parser.how is not How.pandera)
    return replace(field, **changes)
