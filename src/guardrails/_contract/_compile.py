"""From a pandera schema and the user's options to what judges: read, probe, hold against pandera, generate."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from guardrails._clock import Clock
from guardrails._errors import ConfigurationError
from guardrails._types import Violation

from ._columns import Columns
from ._counts import Counts
from ._freshness import ages
from ._judge import Judge
from ._one_row import modelled, with_one_row_readers, without_readers
from ._options import (
    changed,
    settle_uncompiled,
    severities,
    uncompiled_of,
    with_ages,
    with_row_checks,
    with_seen,
)
from ._pandera import record_violations, silenced, warmed
from ._parity import Held, held, one_row_held
from ._plan import Clause, How, Plan
from ._probe import needs_many_rows, seen_categories
from ._samples import Allowance, Samples
from ._schema import read_plan
from ._source import Accept, record_test
from ._verdict import HOLDS, Verdict

_TIMED: Final = 5
_PROBING: Final = 0.08  # seconds of finding out which checks need many rows
_HOLDING: Final = 0.12  # seconds of holding against pandera, and what probing left
_TIMING: Final = 0.03  # seconds of timing one record, where that is not slower itself
_SAMPLING: Final = 0.1  # seconds in which values to try are made up


@dataclass(frozen=True, slots=True)
class Options:
    """What the user gave beside the schema, checked."""

    semantics: str
    transform: bool
    uncompiled: str
    max_age: Mapping[str, str | float]
    max_ahead: Mapping[str, str | float]
    severity: Mapping[str | tuple[str, str], str]
    row_checks: tuple[str, ...]
    clock: Clock

    def require_record_semantics(self) -> None:
        """Refuse what `schema.validate` of the one-row frame does not have.

        Raises:
            ConfigurationError: `semantics="pandera"` with an option of ours.
        """
        ours = ("transform", "max_age", "max_ahead", "severity", "row_checks")
        given = [name for name in ours if getattr(self, name)] + ["uncompiled"] * (
            self.uncompiled == "caveat"
        )
        if self.semantics == "pandera" and given:
            raise ConfigurationError.of(
                "semantics", self.semantics, f'must be "record" with {", ".join(given)}'
            )

    def meaning(self) -> dict[str, Any]:
        """What of this changes verdicts, for the fingerprint."""
        names = ("semantics", "transform", "uncompiled", "max_age", "max_ahead", "severity")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Settled:
    """What building found out, so that a copy in another process need not find it out again.

    Attributes:
        demoted: clauses whose compiled form disagreed with pandera.
        together: clauses that need many rows.
        seen: categories of the user's examples, by field.
        seconds: what pandera needs for one record.
        untried: clauses for whose trial there was no time.
        rows: how many whole rows were held against pandera.
    """

    demoted: frozenset[Violation] = frozenset()
    together: frozenset[Violation] = frozenset()
    seen: Mapping[str, frozenset[str]] = field(default_factory=dict)
    seconds: float = 0.0
    untried: frozenset[Violation] = frozenset()
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Compiled:
    """What judges.

    Attributes:
        plan: the schema as it is judged.
        judge: the form that explains.
        test: the fast form; True means that there is nothing to say.
        columns: the form for tables; None where rows are judged one by one.
        clean: the verdict where there is nothing to say about the record itself.
        counts: how often the schema drifted.
    """

    plan: Plan
    judge: Judge
    test: Callable[[dict[Any, Any]], bool]
    columns: Columns | None
    clean: Verdict
    counts: Counts


def compile_schema(
    schema: Any,
    options: Options,
    order: Sequence[Any],
    examples: Sequence[Mapping[Any, Any]],
    settled: Settled | None,
) -> tuple[Compiled, Settled]:
    """Everything that judges, and what was found out on the way.

    Args:
        schema: pandera's, a copy of our own.
        options: what the user gave beside it.
        order: keys by position, for arrays.
        examples: the user's records.
        settled: what an earlier building of the same contract found out; None finds it out.

    Raises:
        ConfigurationError: an option names what is not declared, or a clause cannot be had as asked.
    """
    make = _as_one_row if options.semantics == "pandera" else _as_record
    plan, settled = make(schema, options, examples, settled)
    plan = settle_uncompiled(plan, options.uncompiled)
    judge = Judge(plan, transform=options.transform)
    counts = Counts()
    accept = Accept.parity if options.semantics == "pandera" else None
    test = record_test(plan, unchanged=options.transform, undeclared=counts.undeclared, accept=accept)
    by_columns = options.semantics == "record" and not options.transform and Columns.can_judge(plan)
    columns = Columns(plan, judge, order) if by_columns else None
    clean = Verdict(drifted=plan.unchecked) if plan.unchecked else HOLDS
    return Compiled(plan, judge, test or _never, columns, clean, counts), settled


def _never(_record: dict[Any, Any]) -> bool:
    return False


def _as_record(
    schema: Any, options: Options, examples: Sequence[Mapping[Any, Any]], settled: Settled | None
) -> tuple[Plan, Settled]:
    plan = with_ages(read_plan(schema), ages(options.max_age, options.max_ahead, options.clock))
    if settled is None:
        with silenced():
            warmed()
            settled = _found_out(plan, schema, examples)
    plan = with_seen(plan, settled.seen)
    plan = with_row_checks(severities(plan, options.severity), options.row_checks)
    return changed(plan, partial(_settle, settled)), settled


def _settle(settled: Settled, clause: Clause) -> Clause:
    if clause.violation in settled.together and clause.how is How.pandera:
        return replace(clause, how=How.batch, why="its answer depends on other rows")
    if clause.violation in settled.demoted and clause.asked is not None:
        return replace(
            clause, how=How.pandera, holds=clause.asked, why="the compiled form disagreed with pandera"
        )
    if clause.violation in settled.demoted:
        return replace(clause, why="pandera disagrees on some rows")
    return clause


def _found_out(plan: Plan, schema: Any, examples: Sequence[Mapping[Any, Any]]) -> Settled:
    samples = Samples(plan, examples, _SAMPLING)
    end = time.monotonic() + _PROBING + _HOLDING
    together, unprobed = needs_many_rows(samples, _PROBING)
    parity = held(samples, schema, together, end - time.monotonic())
    seen = seen_categories(samples)
    settled = Settled(parity.demoted, together, seen, untried=unprobed | parity.untried, rows=parity.rows)
    plan = changed(plan, partial(_settle, settled))
    judge = Judge(plan, transform=False)
    seconds = _seconds(judge.judge, _any_record(samples)) if uncompiled_of(plan) else 0.0
    return replace(settled, seconds=seconds)


def _any_record(samples: Samples) -> dict[Any, Any]:
    """A record that holds, or at least one with every field."""
    made = next(samples.records(), None)
    return made if made is not None else {field.key: samples.tried(field)[0] for field in samples.plan.fields}


def _seconds(judge: Callable[[dict[Any, Any]], object], record: dict[Any, Any]) -> float:
    """The median time of judging one record; of a slow one, the time that it took."""
    times = [_timed(judge, record)]
    allowance = Allowance(_TIMING)
    while len(times) <= _TIMED and sum(times) < _TIMING and allowance.left():
        times.append(_timed(judge, record))
    return statistics.median(times[1:] or times)  # the first one imports and caches


def _timed(judge: Callable[[dict[Any, Any]], object], record: dict[Any, Any]) -> float:
    start = time.perf_counter()
    judge(record)
    return time.perf_counter() - start


def _as_one_row(
    schema: Any, _options: Options, examples: Sequence[Mapping[Any, Any]], settled: Settled | None
) -> tuple[Plan, Settled]:
    known = modelled(schema)
    original = read_plan(schema)
    plan = with_one_row_readers(original) if known else without_readers(original)
    if settled is None:
        with silenced():
            warmed()
            samples = Samples(original, examples, _SAMPLING)
            parity = one_row_held(plan, samples, schema, _HOLDING) if known else Held(rows=1)
            seconds = _seconds(partial(record_violations, schema), _any_record(samples))
            settled = Settled(parity.demoted, seconds=seconds, untried=parity.untried, rows=parity.rows)
    names = {violation.field for violation in settled.demoted}
    return (without_readers(plan, names) if names else plan), settled
