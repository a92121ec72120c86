"""The rows of a table on their way down the chain, as columns: rows with the same past share the work of routing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._routing import Action, Evidence, Policy, route
from .._types import CaveatCode, Finding
from ._candidate import Candidate
from ._findings import attributed

WORKS, DEGRADED, REVIEW, PENDING = range(4)
NOBODY = -1
Positions = np.ndarray[Any, Any]
_ROUTE_OF = {Action.works: WORKS, Action.degraded: DEGRADED, Action.review: REVIEW, Action.fallback: PENDING}


@dataclass(frozen=True, slots=True)
class Past:
    """What was found about a row so far.

    Attributes:
        findings: of all candidates asked so far, in order.
        codes: their codes: why the next candidate is asked.
    """

    findings: tuple[Finding, ...] = ()
    codes: frozenset[CaveatCode] = frozenset()


class Rows:
    """State per row; rows are known by position.

    Attributes:
        routes: (n,) works, degraded, needs review, or pending.
        served: (n,) which candidate answered, -1 for nobody.
        place: (n,) the row's place among that candidate's rows.
        withheld: (n,) which candidate gave the first answer, -1 for none; with its place, `withheld_place`.
        past: (n,) index into `pasts`.
        pasts: each different past once.
    """

    def __init__(self, n: int, policy: Policy) -> None:
        self.routes: Positions = np.full(n, PENDING, dtype=np.int8)
        self.served: Positions = np.full(n, NOBODY, dtype=np.int16)
        self.place: Positions = np.zeros(n, dtype=np.int64)
        self.past: Positions = np.zeros(n, dtype=np.int32)
        self.pasts: list[Past] = [Past()]
        self.withheld: Positions = np.full(n, NOBODY, dtype=np.int16)
        self.withheld_place: Positions = np.zeros(n, dtype=np.int64)
        self._policy = policy
        self._next: dict[tuple[int, int], tuple[int, tuple[Finding, ...]]] = {}

    def __len__(self) -> int:
        return len(self.routes)

    def pending(self) -> Positions:
        """Rows that no candidate has settled."""
        return np.flatnonzero(self.routes == PENDING)

    def see(
        self,
        rows: Positions,
        findings: tuple[Finding, ...],
        candidate: Candidate,
        *,
        answered: bool,
        more: bool,
    ) -> None:
        """Route rows about which a candidate gave the same findings."""
        pasts = self.past[rows]
        for past in np.unique(pasts).tolist():
            members = rows[pasts == past]
            evidence = Evidence(findings, answered, more, self.pasts[past].codes)
            action = route(evidence, self._policy)
            said = attributed(findings, candidate, served=action <= Action.degraded)
            self.routes[members] = _ROUTE_OF[action]
            self.past[members] = self._after(past, said)

    def answered(self, rows: Positions, position: int) -> None:
        """Note who answered; the first answer that is not given to the caller is the one a reviewer sees."""
        self.served[rows] = position
        self.place[rows] = np.arange(len(rows))
        new = self.withheld[rows] == NOBODY
        self.withheld[rows[new]] = position
        self.withheld_place[rows[new]] = self.place[rows[new]]

    def reopen(self, rows: Positions, position: int) -> None:
        """Take back what a candidate that failed midway has settled by its answers."""
        mine = rows[self.served[rows] == position]
        self.routes[mine] = PENDING
        self.served[mine] = NOBODY

    def add(self, rows: Positions, finding: Finding) -> None:
        """Note something more about rows that are already routed."""
        pasts = self.past[rows]
        for past in np.unique(pasts).tolist():
            self.past[rows[pasts == past]] = self._after(past, (finding,))

    def _after(self, past: int, findings: tuple[Finding, ...]) -> int:
        if not findings:
            return past
        key = (past, id(findings))
        found = self._next.get(key)
        if found is None:
            before = self.pasts[past]
            codes = before.codes | {finding.code for finding in findings}
            self.pasts.append(Past(before.findings + findings, codes))
            found = self._next[key] = (
                len(self.pasts) - 1,
                findings,
            )  # kept alive, so that its id stays its own
        return found[0]

    def give_up(self, finding: Finding) -> None:
        """A person must decide whatever is still pending."""
        rows = self.pending()
        self.add(rows, finding)
        self.routes[rows] = REVIEW

    def close(self) -> None:
        """Nobody is left to be asked."""
        self.routes[self.routes == PENDING] = REVIEW


def grouped(findings: Mapping[int, tuple[Finding, ...]]) -> Iterable[tuple[tuple[Finding, ...], Positions]]:
    """Places that share one findings object, together."""
    groups: dict[int, tuple[tuple[Finding, ...], list[int]]] = {}
    for place, found in findings.items():
        group = groups.get(id(found))
        if group is None:
            group = groups[id(found)] = (found, [])
        group[1].append(place)
    return [(found, np.asarray(places)) for found, places in groups.values()]
