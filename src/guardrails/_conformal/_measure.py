"""The measure step: one profile, served for one candidate answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from guardrails._profile import Profile
from guardrails._types import CaveatCode, Finding

from ._classifier import Classifier
from ._plan import Plan
from ._read import UnreadableError, rows_of
from ._regressor import Regressor
from ._result import Measured, TableMeasured, unread
from ._uncalibrated import Uncalibrated
from ._ways import NO_WAYS, Ways, no_ways, ways
from ._zones import Standing, Zones

_NEVER_ASKED: frozenset[CaveatCode] = frozenset()

# A fallback's certificate speaks of all rows, so it holds where the primary failed for reasons that have nothing to do
# with the request. These codes select requests, and on the selected ones it errs more than promised.
SELECTING = frozenset(
    {
        CaveatCode.contract,
        CaveatCode.drifted_schema,
        CaveatCode.novel,
        CaveatCode.output,
        CaveatCode.uncertain,
        CaveatCode.unanswerable,
        CaveatCode.cohort_uncertified,
    }
)
_UNANSWERABLE = frozenset({CaveatCode.unanswerable})


class _Served(Protocol):
    def one(self, value: Any, zones: tuple[Zones, ...], difficulty: Any, /) -> Measured: ...
    def table(self, values: Any, n: int, plan: Plan, /) -> tuple[TableMeasured, list[int]] | None: ...
    def gather(self, rows: list[Measured], /) -> TableMeasured: ...


class Measure:
    """The served form of one profile for one candidate answer; built once per guard, safe to share between threads.

    Args:
        profile: what was learnt offline; None where nothing is known of the answers.
        read: reads probabilities, a mapping from label to probability, or a number out of what the function returned.
        filters_match: whether the guard's contract and output check are those in the profile's certificates.
        fallback: the caveat of a fallback's answers; None for the primary. A fallback's certificates hold only where it
            was asked for a reason that they were made for.
        limit: the guard's `max_degraded_error`, for a fallback.
    """

    __slots__ = ("_all", "_one", "_own", "_read", "_selected", "_served", "_unanswerable", "_usual")

    def __init__(
        self,
        profile: Profile | None,
        *,
        read: Callable[[Any], Any] | None = None,
        filters_match: bool = True,
        fallback: Finding | None = None,
        limit: float | None = None,
    ) -> None:
        standing = Standing(fallback, limit)
        self._own = standing.own
        self._read = read
        self._served = _served(profile, standing, reads=read is not None)
        self._one = self._served.one
        self._all = _all(profile, standing, filters_match=filters_match)
        self._unanswerable = self._selected = self._all
        self._usual = self._all.zones  # empty where requests name a cohort
        if profile is not None and fallback is not None and filters_match and not profile.exploratory:
            self._selected = no_ways(profile, _NOT_FOR_THESE, standing)
            own = profile.unanswerable
            self._unanswerable = self._selected if own is None else ways(profile, own, standing)

    def _ways(self, asked: frozenset[CaveatCode]) -> Ways:
        if not asked or (selecting := asked & SELECTING) == _NEVER_ASKED:
            return self._all
        # an earlier fallback that answered has selected among these requests by its own score
        if selecting == _UNANSWERABLE and CaveatCode.fallback not in asked:
            return self._unanswerable
        return self._selected

    def one(
        self,
        value: object,
        asked: frozenset[CaveatCode] = _NEVER_ASKED,
        cohort: Any = None,
        difficulty: Any = None,
    ) -> Measured:
        """Measure one answer. What cannot be read becomes an `output` finding: no `Exception` leaves.

        Args:
            value: what the function returned; without `read`, a classifier's is (K,) probabilities in the order of
                the profile's classes or a mapping from label to probability, a regressor's one number.
            asked: the codes for which this candidate was asked; empty for the primary.
            cohort: the request's cohort, where the profile has cohorts that the request names.
            difficulty: the request's difficulty, where the profile was calibrated with one.
        """
        try:
            zones = self._usual if not asked and self._usual else self._ways(asked).of(cohort)
            return self._one(value if self._read is None else self._apply(value), zones, difficulty)
        except UnreadableError as error:
            return unread(str(error), self._own)
        except Exception as error:
            return unread(f"the answer cannot be read ({type(error).__name__})", self._own)

    def _apply(self, value: object) -> Any:
        try:
            return self._read(value)  # type: ignore[misc]  # the caller has seen that there is one
        except Exception as error:
            raise UnreadableError(f"read= raised {type(error).__name__}") from error

    def table(
        self,
        values: object,
        n: int,
        asked: frozenset[CaveatCode] = _NEVER_ASKED,
        cohorts: Sequence[Any] | None = None,
        difficulties: Sequence[Any] | None = None,
    ) -> TableMeasured:
        """Measure one answer per row; row i says exactly what `one` says of that row's answer.

        Args:
            values: n answers: an array, a DataFrame or Series, or a sequence. Columns that are the profile's labels are
                taken by name, others by position.
            n: rows of the table that was sent.
            asked: the codes for which this candidate was asked.
            cohorts: the cohort of each request, in order.
            difficulties: the difficulty of each request, in order.
        """
        try:
            rows = rows_of(values, n)
        except Exception as error:
            told = str(error) if isinstance(error, UnreadableError) else type(error).__name__
            return self._served.gather([unread(told, self._own)] * n)

        def at(i: int) -> Measured:
            cohort = None if cohorts is None else cohorts[i]
            return self._at(rows, i, asked, cohort, None if difficulties is None else difficulties[i])

        whole = self._whole(values, n, asked, cohorts, difficulties) if self._read is None else None
        if whole is None:
            return self._served.gather([at(i) for i in range(n)])
        table, unreadable = whole
        found = {i: at(i).findings for i in unreadable}
        return replace(table, findings={**table.findings, **found}) if found else table

    def _whole(
        self, values: object, n: int, asked: frozenset[CaveatCode], cohorts: Any, difficulties: Any
    ) -> tuple[TableMeasured, list[int]] | None:
        try:
            plan = Plan(*self._ways(asked).rows(cohorts, n), difficulties)
            return self._served.table(values, n, plan)
        except Exception:
            return None  # an odd container: its rows are read one by one

    def _at(self, rows: Any, i: int, asked: frozenset[CaveatCode], cohort: Any, difficulty: Any) -> Measured:
        try:
            value = rows[i]
        except Exception as error:
            return unread(f"the answers cannot be taken by position ({type(error).__name__})", self._own)
        return self.one(value, asked, cohort, difficulty)


_NOT_FOR_THESE = "this fallback is certified for all requests, not for those that it was asked for"


def _served(profile: Profile | None, standing: Standing, *, reads: bool) -> _Served:
    if profile is None:
        return Uncalibrated(standing.own, reads=reads)
    return Classifier(profile) if profile.kind == "classifier" else Regressor(profile)


def _all(profile: Profile | None, standing: Standing, *, filters_match: bool) -> Ways:
    if profile is None:
        return NO_WAYS
    if not filters_match:
        return no_ways(
            profile, "the guard's contract or output check is not the one in the profile", standing
        )
    if profile.exploratory:
        return no_ways(profile, f"exploratory: {profile.exploratory}", standing)
    return ways(profile, profile.branch, standing)
