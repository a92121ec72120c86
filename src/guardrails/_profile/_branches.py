"""Where a certificate belongs: why the candidate was asked, and which cohort the request is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ._records import Label, Leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """One cohort with a leaf of its own.

    Attributes:
        label: the cohort's name, or the predicted class.
        leaf: quantiles and certificates from its own rows.
    """

    label: Label
    leaf: Leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohorts:
    """Guarantees per cohort (Mondrian conformal prediction: Vovk et al., 2005, section 4.5).

    Attributes:
        by: `labels` that the request names, or the `prediction`.
        own: cohorts with enough rows for a leaf of their own.
        rest: the leaf of all small cohorts together, None where even together they are too few for a quantile.
        small: the labels that share `rest`; decided by row count alone.
        least: rows from which on a cohort has a leaf of its own.
    """

    by: Literal["labels", "prediction"]
    own: tuple[Cohort, ...]
    rest: Leaf | None = None
    small: tuple[Label, ...] = ()
    least: int = 0

    def leaves(self) -> tuple[tuple[str, Leaf], ...]:
        """Each leaf with the name of its cohort."""
        named = tuple((str(cohort.label), cohort.leaf) for cohort in self.own)
        return named if self.rest is None else (*named, ("rest", self.rest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """What holds for one reason of being asked.

    Attributes:
        leaf: of all rows; without certificates where there are cohorts.
        cohorts: the leaves per cohort, or None.
    """

    leaf: Leaf
    cohorts: Cohorts | None = None

    def leaves(self) -> tuple[tuple[str, Leaf], ...]:
        """Every leaf that may hold certificates, with the name of its cohort ("" for all requests)."""
        return (("", self.leaf),) if self.cohorts is None else self.cohorts.leaves()
