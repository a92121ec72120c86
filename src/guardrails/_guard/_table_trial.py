"""One table on its way down the chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .._calls import Run
from .._contract import UNCHANGED, Contract, TableVerdict, Verdict, length_of, rows_of
from .._types import CaveatCode, Finding
from ._candidate import Candidate
from ._course import Course
from ._decisions import Answers
from ._engine import IDS, Engine
from ._findings import clauses, fields, no_answer
from ._outputs import wrong_length
from ._request import RequestReader
from ._rows import Positions, Rows


class Part(NamedTuple):
    """The rows that one candidate is asked for.

    Attributes:
        asked: their positions in the table.
        notes: what the candidate's contract says of those it says something of, by their place among `asked`.
        good: places among `asked` of the rows that are sent.
        sent: the table that is sent.
    """

    asked: Positions
    notes: Mapping[int, Verdict]
    good: Positions
    sent: Any

    def narrowed(self, asked: Positions) -> tuple[Part, Positions]:
        """The part of it that is about the rows `asked`, some of its own; and their places among those that were sent."""
        at = np.searchsorted(self.asked, asked)
        notes = {new: self.notes[old] for new, old in enumerate(at.tolist()) if old in self.notes}
        kept = np.flatnonzero(np.isin(self.good, at))
        return Part(asked, notes, np.searchsorted(at, self.good[kept]), rows_of(self.sent, kept)), kept


class TableTrial(Course):
    """One table on its way down the chain.

    Attributes:
        id: the table's; a row's is made of it and its position.
        table: the table.
        index: its pandas index, None where it has none.
        rows: state of its rows.
        answers: what candidates answered, by their position.
        about_table: what was seen of the table as a whole.
        parts: the rows that candidates are asked for, by their position.
    """

    table: Any = None
    index: Any = None
    about_table: tuple[Finding, ...] = ()

    def __init__(
        self, engine: Engine, reader: RequestReader, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        super().__init__(engine, reader, args, kwargs)
        self.id = IDS.next()
        self.rows = Rows(0, engine.policy)
        self.answers: dict[int, Answers] = {}
        self.parts: dict[int, Part] = {}

    def prepare(self, position: int) -> Run | None:
        """The call of a candidate, for the rows it is asked for; None where it would get none."""
        part = self.parts.get(position)
        if part is None:
            # an earlier candidate runs on: these rows are asked for, unless it answers them after all
            part = self.parts[position] = self.part(position, self.rows.pending())
        if not len(part.good):
            return None
        args, kwargs = self.reader.replace(self.args, self.kwargs, part.sent)
        return self.run(position, args, kwargs)

    def bad(self, candidate: Candidate, value: Any) -> bool:
        """Whether what nobody waits for are no answers, or answers of which half break the output check."""
        sent = self.parts[self.engine.candidates.index(candidate)].good
        if no_answer(value) is not None or wrong_length(value, len(sent)) is not None:
            return True
        if candidate.output is None:
            return False
        noted = candidate.output.check_table(value, len(sent)).values()
        return 2 * sum(bool(each.violations) for each in noted) >= len(sent)

    def part(self, position: int, asked: Positions) -> Part:
        """Which of the rows `asked` a candidate gets, and their table."""
        table = self.table if len(asked) == len(self.rows) else rows_of(self.table, asked)
        verdict = self._check(self.engine.candidates[position].contract, table)
        if verdict is None:
            return Part(asked, {}, np.arange(len(asked)), table)
        good = np.flatnonzero(verdict.ok)
        sent = verdict.table  # the transformed rows that keep the contract
        if sent is UNCHANGED:
            sent = table if len(good) == length_of(table) else rows_of(table, good)
        return Part(asked, verdict.rows, good, sent)

    def part_ahead(self, position: int, asked: Positions) -> tuple[Part, Positions] | None:
        """What a candidate was asked for while an earlier one ran on: these rows, and perhaps more."""
        if self.ahead is None or position not in self.ahead:
            return None
        return self.parts[position].narrowed(asked)

    def _check(self, contract: Contract | None, table: Any) -> TableVerdict | None:
        if contract is None:
            return None
        verdict = contract.check_table(table)
        if verdict.batch:
            detail = f"clauses about many rows do not hold: {clauses(verdict.batch)}"
            finding = Finding(CaveatCode.drifted_schema, detail, fields(verdict.batch))
            self.about_table = (*self.about_table, finding)
        return verdict
