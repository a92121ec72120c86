"""The novelty filter of a calibration: fitted on one half of the rows, and only the others, where not novel, certify."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from guardrails._conformal import Bins, Bools, Ints, Novel
from guardrails._contract import columns_of, is_table, record_at, record_of
from guardrails._errors import ConfigurationError
from guardrails._profile import Field, Novelty, Profile, counted

from ._filters import Filtering, Selection
from ._novelty import (
    bound_of,
    counted_fields,
    fields_of,
    flagged,
    own_novelty,
    own_scores,
    rows_needed,
    split,
    widened,
)
from ._surprise import surprise_of


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What novelty made of the rows.

    Attributes:
        fields: the inputs in bins, with the counts of all rows.
        novelty: what is novel, or None.
        reason: why there is none.
    """

    fields: tuple[Field, ...] = ()
    novelty: Novelty | None = None
    reason: str = ""


NOTHING = Fitted()


class Asked(NamedTuple):
    """What the caller asks of novelty.

    Attributes:
        bound: "auto", a share, or None.
        score: the user's own score, or None.
        rows: a table of other requests to fit the built-in scores on, or None for one half of the rows.
    """

    bound: Any
    score: Callable[[Any], Any] | None
    rows: Any


@dataclass(frozen=True, slots=True, eq=False)
class Unlike:
    """The novelty of one calibration.

    Attributes:
        filtering: the requests, the contract that names the fields of arrays, and the seed of the halves.
        asked: what the caller asks of it.
        proof: rows below which halving them would cost the certificates their power; "auto" then leaves novelty off.
    """

    filtering: Filtering
    asked: Asked
    proof: int

    def apply(self, selection: Selection, primary: Profile | None) -> tuple[Selection, Fitted]:
        """Fit, and leave the rows that certify.

        Raises:
            ConfigurationError: a named bound without inputs, or on too few rows.
        """
        bound, named = bound_of(self.asked.bound)
        if self.filtering.inputs is None:
            if named or self.asked.score is not None or self.asked.rows is not None:
                mend = "must be given with novelty: it is learnt from the requests"
                raise ConfigurationError.of("inputs", None, mend)
            return selection, NOTHING
        if self.asked.score is not None and not callable(self.asked.score):
            raise ConfigurationError.of(
                "novelty_score", self.asked.score, "must be a callable of the request"
            )
        if primary is not None:
            return self._behind(selection, primary)
        if self.asked.score is not None and bound is not None:
            return self._own(selection, bound)
        return self._built_in(selection, bound, named=named)

    @property
    def _order(self) -> tuple[Any, ...]:
        contract = self.filtering.contract
        return () if contract is None else contract.order()

    def _columns(
        self, table: Any, rows: Ints | None = None, parameter: str = "inputs"
    ) -> tuple[dict[Any, list[Any]], int]:
        """Columns as plain values; an absent field is None."""
        if not is_table(table):
            mend = "must be a DataFrame, a 2-d array or a list of records"
            raise ConfigurationError.of(parameter, type(table).__name__, mend)
        columns = columns_of(table, self._order)
        n = len(table)
        if columns is None:
            order = self._order
            records = [record_of(each, order) or {} for each in table]
            names = dict.fromkeys(name for record in records for name in record)
            columns = {name: [record.get(name) for record in records] for name in names}
        chosen = range(n) if rows is None else rows.tolist()
        return {_name(name): _plain(column, chosen) for name, column in columns.items()}, len(chosen)

    def _built_in(
        self, selection: Selection, bound: float | None, *, named: bool
    ) -> tuple[Selection, Fitted]:
        kept, apart = selection.rows, self.asked.rows is not None
        fit = np.zeros(len(kept), dtype=bool) if apart else fitting(selection, self.filtering.seed)
        columns, n = self._columns(self.filtering.inputs, kept)
        why = self._why_not(bound, len(columns), int((~fit).sum()), named=named)
        if bound is None or why:
            if named:
                raise ConfigurationError.of("novelty", bound, why)
            bins = Bins(fields_of(columns))
            return selection, Fitted(counted_fields(bins, bins.columns(columns, n)), None, why)
        learnt, m = self._others(tuple(columns)) if apart else (_at(columns, fit), int(fit.sum()))
        bins = Bins(widened(fields_of(learnt)))
        codes = bins.columns(columns, n)
        novelty = flagged(surprise_of(bins, learnt, m), codes[~fit], m, bound)
        fitted = Fitted(counted_fields(bins, codes), novelty)
        novel = _novel(fitted, _at(columns, ~fit), n - int(fit.sum()))
        return _left(selection, kept[~fit], novel, int(fit.sum())), fitted

    def _why_not(self, bound: float | None, fields: int, reference: int, *, named: bool) -> str:
        """Why there is no novelty; "" where there can be one."""
        apart = self.asked.rows is not None
        least = 0 if bound is None else max(rows_needed(bound), 0 if named or apart else self.proof)
        if bound is None or reference < least:
            return _reason(bound, least, apart=apart)
        return "the inputs have fewer than two fields" if fields < _PAIR else ""

    def _others(self, names: tuple[str | int, ...]) -> tuple[dict[Any, list[Any]], int]:
        """The fields of the inputs in the rows to fit on; what only one of the two tables holds does not count."""
        columns, n = self._columns(self.asked.rows, parameter="novelty_rows")
        both = [name for name in names if name in columns]
        if len(both) < _PAIR or not n:
            received = f"{counted(n, 'row')} with {counted(len(both), 'field')} of the inputs"
            mend = "must be a table of requests with at least two fields of inputs, such as the training rows"
            raise ConfigurationError(f"novelty_rows: {mend}; received {received}")
        return {name: columns[name] if name in columns else [None] * n for name in names}, n

    def _own(self, selection: Selection, bound: float) -> tuple[Selection, Fitted]:
        assert self.asked.score is not None  # noqa: S101 - the caller has seen it
        kept = selection.rows
        scores = own_scores(self.asked.score, [record_at(self.filtering.inputs, i) for i in kept.tolist()])
        if len(kept) < rows_needed(bound, 1):
            mend = f"takes at least {counted(rows_needed(bound, 1), 'row')} that pass the filters"
            raise ConfigurationError.of("novelty", f"{bound} with {counted(len(kept), 'row')}", mend)
        columns, n = self._columns(self.filtering.inputs, kept)
        bins = Bins(fields_of(columns))
        novelty = own_novelty(scores, bound)
        assert novelty.threshold is not None  # noqa: S101 - made with one
        fitted = Fitted(counted_fields(bins, bins.columns(columns, n)), novelty)
        return _left(selection, kept, scores > novelty.threshold, 0), fitted

    def _behind(self, selection: Selection, primary: Profile) -> tuple[Selection, Fitted]:
        """A fallback's rows are those that its primary's novelty lets pass; it has none of its own."""
        fit = np.zeros(len(selection.rows), dtype=bool)
        if (
            primary.fitted and primary.rows == selection.given
        ):  # the rows that the primary's scores are fitted on
            fit = fitting(selection, primary.seed)
        selection = replace(selection, rows=selection.rows[~fit], fitted=int(fit.sum()))
        columns, n = self._columns(self.filtering.inputs, selection.rows)
        bins = Bins(fields_of(columns))
        fitted = Fitted(counted_fields(bins, bins.columns(columns, n)), None, "the primary's is asked")
        if primary.novelty is None:
            return selection, fitted
        if primary.novelty.threshold is None:
            novel = _novel(Fitted(primary.inputs, primary.novelty), columns, n)
        else:
            if self.asked.score is None:
                mend = "must be the primary's own score, since its profile was calibrated with one"
                raise ConfigurationError.of("novelty_score", None, mend)
            records = [record_at(self.filtering.inputs, i) for i in selection.rows.tolist()]
            novel = own_scores(self.asked.score, records) > primary.novelty.threshold
        return _left(selection, selection.rows, novel, selection.fitted), fitted


_PAIR = 2


def fitting(selection: Selection, seed: int) -> Bools:
    """Which of the rows that pass the filters lie in the half that the scores are fitted on."""
    inside = np.zeros(selection.given, dtype=bool)
    inside[split(selection.given, seed)[0]] = True
    return inside[selection.rows]


def _novel(fitted: Fitted, columns: dict[Any, list[Any]], n: int) -> Bools:
    assert fitted.novelty is not None  # noqa: S101 - the callers have made one
    return Novel(fitted.fields, fitted.novelty).table(columns, n)


def _left(selection: Selection, rows: Ints, novel: Bools, fitted: int) -> Selection:
    if novel.all():
        raise ConfigurationError("novelty: must let rows pass; received inputs that are all novel")
    return replace(selection, rows=rows[~novel], novel=int(novel.sum()), fitted=fitted)


def _reason(bound: float | None, least: int, *, apart: bool) -> str:
    if bound is None:
        return "calibrated with novelty=None"
    needed = counted(least * (1 if apart else 2), "row")
    if least > rows_needed(bound):
        return (
            f"it would take half of the rows from the certificates, which from {needed} on can spare them; name the bound, "
            f"novelty={bound:g}, to have it all the same, or fit it on other rows, novelty_rows="
        )
    return f"takes at least {needed} that pass the filters, or half as many with novelty_rows=, for a bound of {bound:g}"


def _at(columns: dict[Any, list[Any]], rows: Bools) -> dict[Any, list[Any]]:
    return {name: list(compress(column, rows.tolist())) for name, column in columns.items()}


def _plain(column: Any, rows: Any) -> list[Any]:
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    return [values[i].item() if isinstance(values[i], np.generic) else values[i] for i in rows]


def _name(name: Any) -> str | int:
    plain = name.item() if isinstance(name, np.generic) else name
    return plain if type(plain) in {str, int} else str(plain)
