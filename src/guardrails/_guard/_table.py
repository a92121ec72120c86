"""The five steps for a table of requests, in order: check, call, measure, route, record."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import numpy as np

from .._calls import Effect, Failure
from .._contract import Verdict, is_table, length_of, rows_of
from .._types import Finding, Violation
from ._candidate import Candidate
from ._course import ask, interrupted
from ._decisions import Answers, Decisions, take
from ._engine import Engine
from ._findings import (
    GRACE,
    TOO_LATE,
    breaks_output,
    broken,
    drifted,
    failed,
    no_answer,
    own_fault,
    switched_off,
)
from ._outputs import findings_by_place, joined, measure, wrong_length
from ._request import RequestReader, SignatureError
from ._rows import Positions, Rows, grouped
from ._settle import settle
from ._table_record import record_table, reviews
from ._table_trial import Part, TableTrial


def decide_table(
    engine: Engine, reader: RequestReader, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Generator[Effect, Any, Decisions[Any]]:
    """Decide a table: what the function wrapped by `guard.batch` does when it is called.

    Raises:
        SignatureError: the arguments do not fit the function, or the first is no table.
        BaseException: an interrupt, an exit or a cancellation; it passes through.
    """
    trial = TableTrial(engine, reader, args, kwargs)
    try:
        trial.table = _table(reader.read(args, kwargs))
        trial.index = trial.table.index if hasattr(trial.table, "iloc") else None
        trial.rows = Rows(length_of(trial.table), engine.policy)
        yield from _guarded_chain(trial)
        yield from reviews(trial)
    except BaseException as error:
        engine.telemetry.aborted(trial.span, error)
        raise
    finally:
        trial.release()
    return record_table(trial)


def _table(table: Any) -> Any:
    if not is_table(table):
        kind = type(table).__name__
        raise SignatureError(f"a batch takes a DataFrame, a 2-d array or a list of records; received {kind}")
    return table


def _guarded_chain(trial: TableTrial) -> Generator[Effect, Any, None]:
    """Go down the chain; a fault of the guard itself is an outcome of every row still pending."""
    try:
        yield from _chain(trial)
        trial.rows.close()
    except SignatureError:
        raise
    except Exception as error:
        trial.failure = trial.failure or error
        trial.rows.give_up(own_fault(error))


def _chain(trial: TableTrial) -> Generator[Effect, Any, None]:
    candidates = trial.engine.candidates
    for position, candidate in enumerate(candidates):
        pending = trial.rows.pending()
        if not len(pending):
            return
        more = position < len(candidates) - 1
        if candidate.primary and (state := trial.ask_switch()) != "normal":
            trial.reader.bind(
                trial.args, trial.kwargs
            )  # arguments that do not fit are a mistake all the same
            trial.engine.telemetry.note(trial.span, "switch", state)
            more = more and state == "fallback_only"
            found = switched_off(state, trial.engine.config.switch)
            trial.rows.see(pending, (found,), candidate, answered=False, more=more)
            continue
        yield from _contained(trial, candidate, position, pending, more=more)


def _contained(
    trial: TableTrial, candidate: Candidate, position: int, pending: Positions, *, more: bool
) -> Generator[Effect, Any, None]:
    """Ask one candidate; a fault of the steps themselves leaves the next candidate its turn."""
    try:
        yield from _ask(trial, candidate, position, pending, more=more)
    except SignatureError:
        raise
    except Exception as error:
        interrupted(trial, candidate)
        trial.failure = trial.failure or error
        trial.rows.reopen(pending, position)
        trial.rows.see(trial.rows.pending(), (own_fault(error),), candidate, answered=False, more=more)


def _ask(
    trial: TableTrial, candidate: Candidate, position: int, asked: Positions, *, more: bool
) -> Generator[Effect, Any, None]:
    """Check, call, measure and route the rows `asked` with one candidate."""
    part, kept = trial.part_ahead(position, asked) or (trial.part(position, asked), None)
    notes = part.notes
    good = part.good
    if len(good) < len(asked):
        for findings, places in grouped(_broken(notes)):
            trial.rows.see(asked[places], findings, candidate, answered=False, more=more)
    drift = {
        int(np.searchsorted(good, at)): drifted(note) for at, note in notes.items() if not note.violations
    }
    good, drift, sent = _unlike(trial, candidate, asked, good, drift, part.sent, more=more)
    if not len(good):
        return
    if kept is None:
        trial.parts[position] = Part(asked, notes, good, sent)
    rows = asked[good]
    outcome = yield from ask(trial, position)
    if isinstance(outcome, Failure):
        settle(trial, candidate, outcome)
        _unanswered(trial, candidate, rows, failed(outcome), drift, more=more)
        return
    sent_rows = len(trial.parts[position].good)
    problem = no_answer(outcome.value) or wrong_length(outcome.value, sent_rows)
    if problem is not None:
        settle(trial, candidate, outcome, bad=True)
        _unanswered(trial, candidate, rows, problem, drift, more=more)
        return
    values = outcome.value if kept is None else take(outcome.value, kept)
    bad = _answered(trial, candidate, position, rows, values, drift, more=more)
    settle(trial, candidate, outcome, bad=bad)


def _broken(notes: Mapping[int, Verdict]) -> dict[int, tuple[Finding, ...]]:
    """The `contract` findings by place; rows that break the same clauses share theirs."""
    shared: dict[tuple[Violation, ...], tuple[Finding, ...]] = {}
    found = {}
    for at, note in notes.items():
        if note.violations:
            if note.violations not in shared:
                shared[note.violations] = (broken(note.violations),)
            found[at] = shared[note.violations]
    return found


def _unanswered(
    trial: TableTrial,
    candidate: Candidate,
    rows: Positions,
    finding: Finding,
    drift: Mapping[int, tuple[Finding, ...]],
    *,
    more: bool,
) -> None:
    """Route rows that were sent and got no answer, with what was seen of each before."""
    for findings, places in grouped(joined({}, drift, (finding,))):
        trial.rows.see(rows[places], findings, candidate, answered=False, more=more)
    rest = np.delete(rows, list(drift))
    if len(rest):
        trial.rows.see(rest, (finding,), candidate, answered=False, more=more)


def _unlike(
    trial: TableTrial,
    candidate: Candidate,
    asked: Positions,
    good: Positions,
    drift: dict[int, tuple[Finding, ...]],
    sent: Any,
    *,
    more: bool,
) -> tuple[Positions, dict[int, tuple[Finding, ...]], Any]:
    """What is left to be sent once the novel rows are routed; where novelty only degrades, they are sent too."""
    novelty = trial.engine.novelty
    if novelty is None or not candidate.primary or not len(good):
        return good, drift, sent
    whole = len(good) == len(trial.rows)
    novel = novelty.rows(trial.table if whole else rows_of(trial.table, asked[good]))
    if not novel:
        return good, drift, sent
    noted = joined(novel, drift, ())
    if not novelty.blocks:
        return good, noted, sent
    for findings, places in grouped({at: noted[at] for at in novel}):
        trial.rows.see(asked[good[places]], findings, candidate, answered=False, more=more)
    left = np.setdiff1d(np.arange(len(good)), np.fromiter(novel, dtype=np.intp))
    kept = {int(np.searchsorted(left, at)): found for at, found in drift.items() if at not in novel}
    return good[left], kept, rows_of(sent, left)


def _answered(
    trial: TableTrial,
    candidate: Candidate,
    position: int,
    rows: Positions,
    values: Any,
    drift: Mapping[int, tuple[Finding, ...]],
    *,
    more: bool,
) -> bool:
    """Measure and route the rows this candidate answered; whether that was no good, of half of them or too late."""
    if candidate.primary:
        trial.failure = None  # an attempt before this one may have failed
    asked = trial.table if len(rows) == len(trial.rows) else rows_of(trial.table, rows)
    facts = trial.engine.cohort.column(asked), trial.engine.difficulty.column(asked)
    measured = measure(candidate, trial.rows, rows, values, *facts)
    trial.answers[position] = Answers(candidate.name, values, measured)
    trial.rows.answered(rows, position)
    late = trial.engine.clock.monotonic() > trial.end + GRACE
    own = (TOO_LATE,) if late else ()
    seen = findings_by_place(candidate, measured, values, drift, own)
    for findings, places in grouped(seen):
        trial.rows.see(rows[places], findings, candidate, answered=True, more=more)
    rest = np.delete(rows, list(seen))
    if len(rest):
        trial.rows.see(rest, own, candidate, answered=True, more=more)
    bad = 2 * sum(breaks_output(found) for found in seen.values()) >= len(rows)
    return bad or (late and not trial.hurried)
