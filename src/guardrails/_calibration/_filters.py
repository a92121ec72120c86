"""Which held-out rows certify: those that every filter lets pass, and one row per group."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from guardrails._conformal import Bools, Ints
from guardrails._contract import Contract, OutputCheck, Verdict, contract_of, output_of, record_at, record_of
from guardrails._errors import ConfigurationError
from guardrails._profile import Filters, counted

from ._data import as_array, column_of, is_missing

_AGES = frozenset({"stale", "future"})


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Selection:
    """The rows that certify.

    Attributes:
        rows: their positions, ascending.
        given: rows given.
        filtered: rows that a filter stopped.
        grouped: rows left out for another row of their group.
        filters: the filters they went through.
        repeated: share of the inputs that repeat an earlier row, 0 where there are groups.
        fitted: rows that novelty was fitted on; they do not certify.
        novel: rows of the others that are novel; they do not certify.
    """

    rows: Ints
    given: int
    filtered: int
    grouped: int
    filters: Filters
    repeated: float
    fitted: int = 0
    novel: int = 0


def answered_rows(answered: Any, n: int) -> Bools:
    """(n,) which rows got an answer.

    Raises:
        ConfigurationError: not one bool per row.
    """
    if answered is None:
        return np.ones(n, dtype=bool)
    mask = as_array("answered", answered)
    if mask.shape != (n,) or mask.dtype.kind != "b":
        raise ConfigurationError.of(
            "answered", f"shape {mask.shape} of {mask.dtype.name}", f"must be {n} bools"
        )
    return mask


@dataclass(frozen=True, slots=True, eq=False)
class Filtering:
    """The filters of the request path, replayed on the held-out rows in the order of the request path.

    Attributes:
        inputs: (n rows) the requests, or None: then the rows count as already filtered by the contract.
        contract: the guard's contract, or None.
        output: the guard's output check, or None.
        groups: (n,) what dependent rows share, or None.
        seed: of the draw within groups.
    """

    inputs: Any
    contract: Contract | None
    output: OutputCheck | None
    groups: Any
    seed: int

    @classmethod
    def of(cls, inputs: Any, contract: Any, output: Any, groups: Any, seed: int) -> Filtering:
        """From what a guard is given; a contract is built once.

        Raises:
            ConfigurationError: no contract, or no output check.
        """
        return cls(inputs, contract_of(contract), output_of(output), groups, seed)

    def select(self, answers: Any, answered: Bools) -> Selection:
        """Filter the rows, then draw one row of each group.

        Raises:
            ConfigurationError: no row passes, or a row has no group.
        """
        passed = answered.copy()
        filters = Filters(
            contract=self._check_inputs(passed),
            output=self._check_answers(answers, passed),
            replayed=self.inputs is not None,
        )
        rows = np.flatnonzero(passed)
        if rows.size == 0:
            mend = "answered, contract and output must let rows pass: nothing is left to calibrate on"
            raise ConfigurationError(f"{mend}; received {counted(len(passed), 'row')}, of which none passes")
        kept = (
            rows if self.groups is None else one_per_group(column_of("groups", self.groups), rows, self.seed)
        )
        return Selection(
            rows=kept,
            given=len(passed),
            filtered=len(passed) - len(rows),
            grouped=len(rows) - len(kept),
            filters=filters,
            repeated=0.0 if self.inputs is None or self.groups is not None else repeated(self.inputs, rows),
        )

    def _check_inputs(self, passed: Bools) -> str | None:
        contract = self.contract
        if contract is None:
            return None
        if self.inputs is not None:
            try:
                verdict = contract.check_table(self.inputs)
            except TypeError as error:
                raise ConfigurationError.of("inputs", type(self.inputs).__name__, str(error)) from error
            passed[[i for i, one in verdict.rows.items() if self._stopped(contract, i, one)]] = False
        return contract.fingerprint

    def _stopped(self, contract: Contract, row: int, verdict: Verdict) -> bool:
        """Whether a row with something to say of it would not have become Works.

        A drifted request never becomes Works, so its row says nothing of those that do. How old a record was when it was
        asked about cannot be replayed: it counts as fresh then, unless it has no time at all.
        """
        spoken = (*verdict.violations, *verdict.drifted)
        aged = {violation.field for violation in spoken if violation.kind in _AGES}
        if any(violation.kind not in _AGES for violation in spoken):
            return True
        record = record_of(record_at(self.inputs, row), contract.order()) or {}
        return any(is_missing(record.get(name)) for name in aged)

    def _check_answers(self, answers: Any, passed: Bools) -> str | None:
        if self.output is None:
            return None
        passed[list(self.output.check_table(answers, len(passed)))] = False
        return self.output.fingerprint


def one_per_group(groups: list[Hashable], rows: Ints, seed: int) -> Ints:
    """One random row of each group, seeded; dependent rows count once.

    Raises:
        ConfigurationError: a row has no group.
    """
    if absent := sum(is_missing(groups[i]) for i in rows):
        received = f"{counted(absent, 'row')} without a group"
        raise ConfigurationError.of("groups", received, "must name a group for each row")
    if any(type(groups[i]).__hash__ is None for i in rows):
        raise ConfigurationError.of(
            "groups", "what cannot be hashed", "must name a group for each row: str, int, ..."
        )
    drawn = {groups[i]: i for i in np.random.default_rng(seed).permutation(rows).tolist()}
    return np.sort(np.fromiter(drawn.values(), dtype=np.intp, count=len(drawn)))


def repeated(inputs: Any, rows: Ints) -> float:
    """Share of these rows that repeat an earlier one of them."""
    keys = _keys(inputs)
    return 1 - len({keys[i] for i in rows}) / len(rows)


def _keys(inputs: Any) -> list[str]:
    if hasattr(inputs, "itertuples"):
        return [repr(row) for row in inputs.itertuples(index=False, name=None)]
    return [repr(row.tolist() if isinstance(row, np.ndarray) else row) for row in inputs]
