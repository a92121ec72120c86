"""The decisions about a table: columns inside, one decision per row when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, SupportsIndex, TypeVar, overload

import numpy as np

from .._conformal import TableMeasured
from .._routing import caveats
from .._types import Caveat, Decision, Degraded, Details, NeedsReview, Route, Works
from ._expect import expected, explained_rows
from ._rows import REVIEW, WORKS, Rows

if TYPE_CHECKING:
    import pandas as pd

T_co = TypeVar("T_co", covariant=True)

ROUTES: tuple[Route, ...] = tuple(Route)


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What one candidate answered for its rows.

    Attributes:
        name: `primary`, or the fallback's name.
        values: one output per row, as the function returned them.
        measured: what the profile says of each.
    """

    name: str
    values: Any
    measured: Sequence[tuple[np.ndarray[Any, Any], TableMeasured]]

    def value(self, at: int) -> Any:
        """The output of row `at` of this candidate's rows."""
        return self.values.iloc[at] if hasattr(self.values, "iloc") else self.values[at]

    def measure(self, at: int) -> Any:
        """What the profile says of row `at`, None where it was not measured."""
        for positions, measured in self.measured:
            found = int(np.searchsorted(positions, at))
            if found < len(positions) and positions[found] == at:
                return measured.at(found)
        return None


def take(values: Any, positions: np.ndarray[Any, Any]) -> Any:
    """The outputs at `positions`, in the container they came in."""
    if hasattr(values, "iloc"):
        return values.iloc[positions]
    return values[positions] if isinstance(values, np.ndarray) else [values[i] for i in positions.tolist()]


class Decisions(Sequence[Decision[T_co]], Generic[T_co]):
    """One decision per row of a table, in the order of the rows; each is built when it is asked for.

    Attributes:
        caveats: caveats about the table as a whole, such as a clause that needs many rows; no verdict on any row.
    """

    __slots__ = ("_answers", "_common", "_index", "_reasons", "_rows", "caveats")

    def __init__(
        self,
        rows: Rows,
        answers: Mapping[int, Answers],
        common: Details,
        index: Any,
        table_caveats: tuple[Caveat, ...],
    ) -> None:
        self._rows = rows
        self._answers = answers
        self._common = common
        self._index = index
        self._reasons: dict[int, tuple[Caveat, ...]] = {0: ()}
        self.caveats = table_caveats

    def __len__(self) -> int:
        return len(self._rows)

    def __bool__(self) -> bool:
        raise TypeError("decisions have no truth value; look at .routes, or at each decision's .route")

    def __repr__(self) -> str:
        counts = ", ".join(f"{route.value} {number}" for route, number in self.counts().items())
        return f"<Decisions of guard {self._common.guard_name!r}: rows {len(self)}, {counts}>"

    @overload
    def __getitem__(self, index: SupportsIndex) -> Decision[T_co]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Decision[T_co]]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Decision[T_co] | Sequence[Decision[T_co]]:
        if isinstance(index, slice):
            return [self._decision(i) for i in range(*index.indices(len(self)))]
        return self._decision(range(len(self))[index.__index__()])

    def __iter__(self) -> Iterator[Decision[T_co]]:
        return (self._decision(i) for i in range(len(self)))

    def _decision(self, row: int) -> Decision[T_co]:
        rows = self._rows
        route, place = int(rows.routes[row]), int(rows.place[row])
        reasons = self._reasons_of(int(rows.past[row]))
        if route == REVIEW:
            return NeedsReview(reasons, self._details(row, None, None))
        answers = self._answers[int(rows.served[row])]
        details = self._details(row, answers, answers.measure(place))
        kind = Works if route == WORKS else Degraded
        return kind(answers.value(place), reasons, details)

    def _reasons_of(self, past: int) -> tuple[Caveat, ...]:
        found = self._reasons.get(past)
        if found is None:
            found = self._reasons[past] = caveats(self._rows.pasts[past].findings)
        return found

    def _details(self, row: int, answers: Answers | None, measured: Any) -> Details:
        common = self._common
        return Details(
            id=row_id(common.id, row),
            guard_name=common.guard_name,
            model_version=common.model_version,
            served_by="" if answers is None else answers.name,
            prediction=None if measured is None else measured.prediction,
            prediction_set=None if measured is None else measured.prediction_set,
            interval=None if measured is None else measured.interval,
            elapsed=common.elapsed,
            failure=common.failure,
        )

    @property
    def routes(self) -> np.ndarray[Any, Any]:
        """(n,) array of `Route`, by position."""
        routes: np.ndarray[Any, Any] = _separate(list(ROUTES))[self._rows.routes]
        return routes

    @property
    def values(self) -> np.ma.MaskedArray[Any, Any]:
        """(n,) object array of what the functions returned per row, masked where there is no answer."""
        rows = self._rows
        values = np.empty(len(self), dtype=object)
        for row in np.flatnonzero(rows.routes != REVIEW).tolist():
            values[row] = self._answers[int(rows.served[row])].value(int(rows.place[row]))
        return np.ma.MaskedArray(values, mask=rows.routes == REVIEW)

    def counts(self) -> dict[Route, int]:
        """How many rows ended on each route."""
        found = np.bincount(self._rows.routes, minlength=len(ROUTES))
        return {route: int(number) for route, number in zip(ROUTES, found, strict=True)}

    def assert_all(
        self,
        route: str | Iterable[str] | None = None,
        *,
        code: str | Iterable[str] = (),
        only: Iterable[str] | None = None,
        served_by: str | None = None,
        rows: Iterable[int] | None = None,
    ) -> None:
        """Assert, in a test, what every row's decision must be.

        Args:
            route: a route, or several of which each decision must have one.
            code: a caveat code, or several, that must be among each decision's caveats.
            only: exactly these codes are each decision's caveats'.
            served_by: who answered.
            rows: positions of the rows concerned; None means all.

        Raises:
            AssertionError: some row is something else; the message says which rows, what they are, and why.
            ConfigurationError: there is no such route or code.
        """
        __tracebackhide__ = True
        wanted = expected(route, code=code, only=only, served_by=served_by)
        chosen = range(len(self)) if rows is None else rows
        unmet = {row: lines for row in chosen if (lines := wanted.unmet(self[row]))}
        if unmet:
            raise AssertionError(explained_rows(self, unmet))

    def to_frame(self) -> pd.DataFrame:
        """One row per decision, with the index of the input table and always the same columns and dtypes.

        Columns: `id`, `route`, `served_by`, `caveats` (codes joined by a comma) as str; `value`, `prediction`,
        `prediction_set` as object; `low` and `high`, the ends of the interval, as float64. No input values.
        """
        import pandas as pd

        rows = [_frame_row(decision) for decision in self]
        columns = {name: [row[i] for row in rows] for i, name in enumerate(_FRAME)}
        arrays = {name: _array(columns[name], dtype) for name, dtype in _FRAME.items()}
        return pd.DataFrame(arrays, index=self._index)


_FRAME: dict[str, type] = {
    "id": str,
    "route": str,
    "served_by": str,
    "caveats": str,
    "value": object,
    "prediction": object,
    "prediction_set": object,
    "low": float,
    "high": float,
}


def _frame_row(decision: Decision[Any]) -> tuple[Any, ...]:
    interval = decision.interval
    low, high = (np.nan, np.nan) if interval is None else (interval.low, interval.high)
    value = None if isinstance(decision, NeedsReview) else decision.value
    codes = ",".join(caveat.code.value for caveat in decision.caveats)
    return (
        decision.id, decision.route.value, decision.served_by, codes, value, decision.prediction,
        decision.prediction_set, low, high,
    )  # fmt: skip


def _array(values: list[Any], dtype: type) -> Any:
    import pandas as pd

    if dtype is str:
        return pd.array(values, dtype="str")
    return np.array(values, dtype=float) if dtype is float else _separate(values)


def _separate(values: list[Any]) -> np.ndarray[Any, Any]:
    # assigning a list of equal-length arrays would try to broadcast them
    array = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        array[i] = value
    return array


def row_id(table_id: str, row: int) -> str:
    """The decision id of one row of a table."""
    return f"{table_id}.{row}"
