"""Verdicts: what a contract says of one record and of a table, without any value of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from guardrails._types import Violation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNDECLARED: Final = "<undeclared>"


class Unchanged(Enum):
    """The sentinel's type: it survives pickling and prints its name."""

    UNCHANGED = "unchanged"

    def __repr__(self) -> str:
        return self.name


UNCHANGED: Final = Unchanged.UNCHANGED


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a contract says of one record.

    Attributes:
        violations: the clauses that are broken, in schema order.
        drifted: what differs from the declared schema although the contract holds: an optional field missing, a
            field retyped, an unseen category, a broken clause of severity `caveat`, a clause left unchecked.
        request: the transformed request under `transform=True`, else `UNCHANGED`.
    """

    violations: tuple[Violation, ...] = ()
    drifted: tuple[Violation, ...] = ()
    request: Any = field(default=UNCHANGED, repr=False)


HOLDS: Final = Verdict()
"""The verdict on a record about which there is nothing to say; compare with `is`."""


@dataclass(frozen=True, slots=True)
class TableVerdict:
    """What a contract says of a table, row by row.

    Attributes:
        ok: shape (n,), bool; True where the row breaks no clause.
        rows: the verdicts that are not `HOLDS`, by position.
        table: under `transform=True` the transformed rows that are `ok`, in order, else `UNCHANGED`.
        batch: checks over many rows that do not hold on this table; they say nothing about a single row.
    """

    ok: NDArray[np.bool_]
    rows: Mapping[int, Verdict]
    table: Any = field(default=UNCHANGED, repr=False)
    batch: tuple[Violation, ...] = ()
