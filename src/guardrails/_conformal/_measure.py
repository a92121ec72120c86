"""The measure step: one profile, served for one candidate answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from guardrails._profile import Profile
from guardrails._types import CaveatCode

from ._classifier import Classifier
from ._read import UnreadableError, rows_of
from ._regressor import Regressor
from ._result import Measured, TableMeasured, unread
from ._uncalibrated import Uncalibrated
from ._zones import NO_ZONES, Zones, certified, uncertified

_NEVER_ASKED: frozenset[CaveatCode] = frozenset()

# A fallback's certificate speaks of all rows, so it holds where the primary failed for reasons that have nothing to do
# with the request. These codes select requests, and on the selected ones it errs more than promised.
SELECTING = frozenset(
    {
        CaveatCode.contract,
        CaveatCode.drifted_schema,
        CaveatCode.novel,
        CaveatCode.uncertain,
        CaveatCode.unanswerable,
        CaveatCode.cohort_uncertified,
    }
)


class _Served(Protocol):
    def one(self, value: Any, zones: Zones, /) -> Measured: ...
    def table(self, values: Any, n: int, zones: Zones, /) -> tuple[TableMeasured, list[int]] | None: ...
    def gather(self, rows: list[Measured], /) -> TableMeasured: ...


class Measure:
    """The served form of one profile for one candidate answer; built once per guard, safe to share between threads.

    Args:
        profile: what was learnt offline; None where nothing is known of the answers.
        read: reads probabilities, a mapping from label to probability, or a number out of what the function returned.
        filters_match: whether the guard's contract and output check are those in the profile's certificates.
        primary: whether the answers are the primary's; else a fallback's, whose certificates hold only where it was
            asked for reasons that select no requests.
    """

    __slots__ = ("_read", "_selected", "_served", "_zones")

    def __init__(
        self,
        profile: Profile | None,
        *,
        read: Callable[[Any], Any] | None = None,
        filters_match: bool = True,
        primary: bool = True,
    ) -> None:
        self._read = read
        self._served = _served(profile, reads=read is not None)
        self._zones = _zones(profile, filters_match=filters_match)
        self._selected = (
            self._zones if primary else _zones(profile, filters_match=filters_match, selected=True)
        )

    def one(self, value: object, asked: frozenset[CaveatCode] = _NEVER_ASKED) -> Measured:
        """Measure one answer. What cannot be read becomes an `output` finding: no `Exception` leaves.

        Args:
            value: what the function returned; without `read`, a classifier's is (K,) probabilities in the order of
                the profile's classes or a mapping from label to probability, a regressor's one number.
            asked: the codes for which this candidate was asked; empty for the primary.
        """
        zones = self._zones if not asked or asked.isdisjoint(SELECTING) else self._selected
        try:
            return self._served.one(value if self._read is None else self._apply(value), zones)
        except UnreadableError as error:
            return unread(str(error))
        except Exception as error:
            return unread(f"the answer cannot be read ({type(error).__name__})")

    def _apply(self, value: object) -> Any:
        try:
            return self._read(value)  # type: ignore[misc]  # the caller has seen that there is one
        except Exception as error:
            raise UnreadableError(f"read= raised {type(error).__name__}") from error

    def table(self, values: object, n: int, asked: frozenset[CaveatCode] = _NEVER_ASKED) -> TableMeasured:
        """Measure one answer per row; row i says exactly what `one` says of that row's answer.

        Args:
            values: n answers: an array, a DataFrame or Series, or a sequence. Columns that are the profile's labels are
                taken by name, others by position.
            n: rows of the table that was sent.
            asked: the codes for which this candidate was asked.
        """
        try:
            rows = rows_of(values, n)
        except Exception as error:
            told = str(error) if isinstance(error, UnreadableError) else type(error).__name__
            return self._served.gather([unread(told)] * n)
        whole = self._whole(values, n, asked) if self._read is None else None
        if whole is None:
            return self._served.gather([self._at(rows, i, asked) for i in range(n)])
        table, unreadable = whole
        found = {i: self._at(rows, i, asked).findings for i in unreadable}
        return replace(table, findings={**table.findings, **found}) if found else table

    def _whole(
        self, values: object, n: int, asked: frozenset[CaveatCode]
    ) -> tuple[TableMeasured, list[int]] | None:
        zones = self._zones if asked.isdisjoint(SELECTING) else self._selected
        try:
            return self._served.table(values, n, zones)
        except Exception:
            return None  # an odd container: its rows are read one by one

    def _at(self, rows: Any, i: int, asked: frozenset[CaveatCode]) -> Measured:
        try:
            value = rows[i]
        except Exception as error:
            return unread(f"the answers cannot be taken by position ({type(error).__name__})")
        return self.one(value, asked)


def _served(profile: Profile | None, *, reads: bool) -> _Served:
    if profile is None:
        return Uncalibrated(reads=reads)
    return Classifier(profile) if profile.kind == "classifier" else Regressor(profile)


def _zones(profile: Profile | None, *, filters_match: bool, selected: bool = False) -> Zones:
    if profile is None:
        return NO_ZONES
    if not filters_match:
        return uncertified(profile, "the guard's contract or output check is not the one in the profile")
    if selected:
        return uncertified(
            profile, "this fallback is certified for all requests, not for those that it was asked for"
        )
    return certified(profile)
