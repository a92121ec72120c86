"""The output check: the same machinery on what the model returns."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np

from guardrails._errors import ConfigurationError
from guardrails._types import Violation

from ._cells import is_null
from ._contract import Contract
from ._fingerprint import fingerprint_of
from ._pandera import schema_of
from ._records import as_dict, is_frame, records_of
from ._verdict import HOLDS, Verdict


class OutputCheck:
    """What an answer must satisfy.

    Attributes:
        fingerprint: 16 hexadecimal digits of what it means, equal in every process.
    """

    __slots__ = ("_at_once", "_judge", "fingerprint")

    def __init__(
        self,
        judge: Callable[[Any], Verdict],
        fingerprint: str,
        at_once: Callable[[Any], Mapping[int, Verdict] | None] = lambda _answers: None,
    ) -> None:
        self._judge = judge
        self._at_once = at_once
        self.fingerprint = fingerprint

    def check(self, answer: object) -> Verdict:
        """The verdict on one answer: what it breaks, and what is only a caveat; never raises an `Exception`."""
        try:
            return self._judge(answer)
        except Exception:
            return _UNREADABLE

    def check_table(self, answers: Any, n: int) -> Mapping[int, Verdict]:
        """The verdict on each of `n` answers, by position; rows with nothing to say are left out.

        Args:
            answers: one answer per row: a sequence, an array whose first axis is the rows, or a DataFrame.
            n: the number of rows asked about; with another number of answers every row breaks.
        """
        try:
            if len(answers) != n:
                broken = Violation("", f"one answer per row, {n} in all", "shape")
                return dict.fromkeys(range(n), Verdict((broken,)))
            known = self._at_once(answers)
            if known is not None:
                return known
            items = list(records_of(answers) if is_frame(answers) else answers)
        except Exception:
            return dict.fromkeys(range(n), _UNREADABLE)
        found = ((i, self.check(item)) for i, item in enumerate(items))
        return {i: verdict for i, verdict in found if verdict is not HOLDS}


_UNREADABLE = Verdict((Violation("", "an answer that the output check can read", "type"),))


def output_of(value: object, parameter: str = "output") -> OutputCheck | None:
    """What a guard was given as an output check.

    Args:
        value: None, a callable `answer -> bool`, or a pandera schema, model or `Contract` that is applied to the answer:
            by field where the answer is a record, by position where it is an array or a sequence, and to each element
            where one column is declared.
        parameter: the parameter's name, for errors.

    Raises:
        ConfigurationError: it is none of these, or an `async def`.
    """
    if value is None or isinstance(value, OutputCheck):
        return value
    if isinstance(value, Contract):
        return _by_contract(value)
    if callable(value) and not isinstance(value, type) and not hasattr(value, "columns"):
        if inspect.iscoroutinefunction(value):
            raise ConfigurationError.of(parameter, value, "must be a plain function of the answer, not async")
        return _by_callable(value)
    schema_of(value, parameter)
    return _by_contract(Contract(value))


def _by_callable(function: Callable[[Any], Any]) -> OutputCheck:
    broken = Verdict((Violation("", getattr(function, "__name__", type(function).__name__), "custom"),))

    def judge(answer: Any) -> Verdict:
        try:
            return HOLDS if function(answer) else broken
        except Exception:
            return broken

    return OutputCheck(judge, fingerprint_of("callable", function))


def _by_contract(contract: Contract) -> OutputCheck:
    def judge(answer: Any) -> Verdict:
        return _joined(contract.check(record) for record in _as_records(answer, contract.order()))

    fingerprint = fingerprint_of("contract", contract.fingerprint)
    return OutputCheck(judge, fingerprint, partial(_at_once, contract))


def _joined(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict on an answer of several records."""
    found = [verdict for verdict in verdicts if verdict is not HOLDS]
    if not found:
        return HOLDS
    violations = dict.fromkeys(violation for verdict in found for violation in verdict.violations)
    drifted = dict.fromkeys(violation for verdict in found for violation in verdict.drifted)
    return Verdict(tuple(violations), tuple(drifted))


def _at_once(contract: Contract, answers: Any) -> dict[int, Verdict] | None:
    """The verdicts on many answers, where a table of them is judged as each one is; None for what is no such table."""
    if is_frame(answers):
        rows = contract.check_table(answers).rows
        return {i: _joined([verdict]) for i, verdict in rows.items()}
    if type(answers) is not np.ndarray or answers.ndim not in {1, 2} or not answers.size:
        return None
    fields = len(contract.order())
    width = answers.size // len(answers)
    if fields != 1:
        whole = answers.ndim > 1 and fields == width
        return {i: _joined([v]) for i, v in contract.check_table(answers).rows.items()} if whole else None
    cells: dict[int, list[Verdict]] = {}
    for i, verdict in contract.check_table(answers.reshape(-1, 1)).rows.items():
        cells.setdefault(i // width, []).append(verdict)
    return {i: _joined(found) for i, found in cells.items()}


def _as_records(answer: Any, fields: Sequence[Any]) -> list[dict[Any, Any]]:
    """The records that an answer stands for: one, or one per element where a single field is declared."""
    if isinstance(answer, np.ndarray):
        values = list(answer.reshape(-1)) if answer.ndim <= 1 or answer.shape[0] == 1 else None
    elif isinstance(answer, list) or (isinstance(answer, tuple) and not hasattr(answer, "_fields")):
        values = list(answer)
    elif np.isscalar(answer) or isinstance(answer, dt.date | dt.timedelta | Decimal) or is_null(answer):
        values = [answer]
    else:
        return [as_dict(answer)]
    if not values or (len(fields) != 1 and len(values) != len(fields)):
        raise TypeError("one value per declared field")
    if len(fields) == 1:
        return [{fields[0]: value} for value in values]
    return [dict(zip(fields, values, strict=True))]
