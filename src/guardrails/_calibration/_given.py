"""What every calibration is given beside answers and truth: which rows certify, and for which requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from guardrails._conformal import Bools, Ints
from guardrails._errors import ConfigurationError

from ._branches import Behind, Branches, Labels, behind, branches_of, proof_rows
from ._data import same_length
from ._filters import Filtering, Selection, answered_rows
from ._leaf import Rows
from ._terms import Terms
from ._unlike import Asked, Fitted, Unlike


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The rows that certify, and what goes with them.

    Attributes:
        selection: which rows, and why not the others.
        inputs: their inputs in bins, and what is novel.
        behind: the primary, for a fallback.
    """

    selection: Selection
    inputs: Fitted
    behind: Behind | None

    @property
    def rows(self) -> Ints:
        """Positions of the rows that certify."""
        return self.selection.rows

    @property
    def primary(self) -> str:
        """Digest of the primary's profile, "" where there is none."""
        return "" if self.behind is None else self.behind.profile.digest

    def branches(self, rows: Rows, labels: Labels | None, terms: Terms, quantile: float) -> Branches:
        """What these rows certify; `labels` are of all the rows given."""
        cohort = None if labels is None else labels.at(self.rows)
        return branches_of(rows, cohort, terms, quantile, self.behind, self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """The arguments that classifiers and regressors share, as the caller gave them.

    Attributes:
        filtering: the filters, and what dependent rows share.
        novelty: what is asked of novelty.
        answered: (n,) which rows got an answer, or None.
        cohorts: (n,) labels, "prediction", or None.
        primary: the primary that a fallback stands behind, or None.
    """

    filtering: Filtering
    novelty: Asked
    answered: Any
    cohorts: Any
    primary: Any

    def used(self, **columns: Any) -> Bools:
        """(n,) which rows got an answer; all columns have as many rows as the first one given.

        Raises:
            ConfigurationError: the lengths differ, or `answered` is no mask.
        """
        cohorts = None if isinstance(self.cohorts, str) else self.cohorts
        inputs, groups = self.filtering.inputs, self.filtering.groups
        n = same_length(**columns, inputs=inputs, answered=self.answered, groups=groups, cohorts=cohorts)
        return answered_rows(self.answered, n)

    def kept(self, kind: Literal["classifier", "regressor"], answers: Any, used: Bools, terms: Terms) -> Kept:
        """Put the rows through every filter.

        Raises:
            ConfigurationError: no row is left, or a fallback's rows did not go through its primary's contract.
        """
        fallback = behind(self.primary, kind, self.cohorts, len(used))
        selection = self.filtering.select(answers, used)
        if fallback is not None:
            self._same_contract(fallback, selection)
        unlike = Unlike(self.filtering, self.novelty, proof_rows(terms))
        selection, inputs = unlike.apply(selection, None if fallback is None else fallback.profile)
        return Kept(selection, inputs, fallback)

    def _same_contract(self, fallback: Behind, selection: Selection) -> None:
        """A fallback that stands in after a failure gets requests that passed the primary's contract, not its own alone."""
        theirs, ours = fallback.profile.filters.contract, selection.filters
        if theirs in {None, ours.contract} or not ours.replayed or self.answered is not None:
            return
        mend = (
            "must say which rows the primary's contract lets pass, where contract= is not the primary's own"
        )
        raise ConfigurationError.of("answered", None, mend)
