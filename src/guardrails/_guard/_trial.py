"""One request on its way down the chain."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._calls import Run
from .._conformal import Measured
from .._contract import HOLDS, UNCHANGED, Contract, Verdict
from .._types import CaveatCode, Finding, Violation
from ._candidate import Candidate
from ._course import Course
from ._findings import breaks_output, no_answer

NO_CODES: frozenset[CaveatCode] = frozenset()


class Withheld(NamedTuple):
    """The first answer that was not given to the caller; a reviewer sees it."""

    by: str
    value: Any
    measured: Measured | None


class Trial(Course):
    """One request on its way down the chain.

    Attributes:
        request: the request.
        findings: what was seen so far.
        asked: the codes for which the next candidate is asked.
        value: the answer last measured.
        measured: what it says.
        served: who answered.
        withheld: the first answer that was not given to the caller.
        id: the decision's, once it has one.
        checked: the contract that the request was last judged by.
        verdict: what that said.
    """

    request: Any = None
    findings: tuple[Finding, ...] = ()
    asked = NO_CODES
    value: Any = None
    measured: Measured | None = None
    served: Candidate | None = None
    withheld: Withheld | None = None
    id = ""
    checked: Contract | None = None
    verdict: Verdict = HOLDS

    def check(self, contract: Contract | None) -> Verdict:
        """What a contract says of the request, which a function that was asked may have changed since.

        A verdict that has something to say is kept: judged again, the same drift would be counted again.
        """
        if contract is None or contract is not self.checked or self.verdict is HOLDS:
            self.verdict = no_contract(self.request) if contract is None else contract.check(self.request)
            self.checked = contract
        return self.verdict

    def prepare(self, position: int) -> Run | None:
        """The call of a candidate; None where the request breaks its contract."""
        verdict = self.check(self.engine.candidates[position].contract)
        if verdict is HOLDS:
            return self.run(position, self.args, self.kwargs)
        if verdict.violations:
            return None
        args, kwargs = self.args, self.kwargs
        if verdict.request is not UNCHANGED:
            args, kwargs = self.reader.replace(args, kwargs, verdict.request)
        return self.run(position, args, kwargs)

    def bad(self, candidate: Candidate, value: Any) -> bool:
        """Whether an answer that nobody waits for breaks the output check, or cannot be read."""
        if no_answer(value) is not None:
            return True
        if candidate.output is not None and candidate.output.check(value).violations:
            return True
        return breaks_output(candidate.measure.one(value).findings)


def no_contract(request: object) -> Verdict:
    """Without a contract nothing is checked, but a table is no request."""
    if type(request).__name__ != "DataFrame":
        return HOLDS
    return Verdict(
        (Violation("", "one request; for a table, wrap the function with guard.batch(fn)", "type"),)
    )
