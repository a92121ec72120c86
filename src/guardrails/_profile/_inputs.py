"""What the calibration rows' inputs looked like: bins per field with their counts, and which combinations are novel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ._records import Label, percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the requests, cut into bins.

    The first two bins are values of another kind (or a category never seen) and missing ones. Numbers follow with below
    the first cut, between the cuts, above the last; where novelty was fitted, the outermost cuts lie as far from the
    range that was seen as it is wide. Categories follow with the rare ones together, then each frequent one.

    Attributes:
        name: the field's name, or its position in an array.
        kind: `numbers`, `categories`, or `ignored` (too many categories, or values of no such kind).
        cuts: ascending; a number lies in the bin after the last cut that it reaches.
        labels: the frequent categories, the most frequent first.
        rare: the other categories seen.
        counts: calibration rows in each bin; "" nothing for an ignored field.
    """

    name: str | int
    kind: Literal["numbers", "categories", "ignored"]
    cuts: tuple[float, ...] = ()
    labels: tuple[Label, ...] = ()
    rare: tuple[Label, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Number of bins."""
        if self.kind == "ignored":
            return 1
        return len(self.cuts) + 3 if self.kind == "numbers" else len(self.labels) + 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Novelty:
    """Which inputs are novel: a conformal p-value at or under the bound, as a table of flagged bins and pairs of bins.

    Attributes:
        bound: the promised share of false alarms, over draws of the reference.
        terms: scores whose p-values share the bound: the rarest field, the strongest contradiction; or the user's own.
        fitted: rows that the scores were fitted on, none of which certifies.
        reference: rows that the p-values come from.
        low: 5 % quantile of the share of false alarms that this reference realises.
        high: 95 % quantile of it.
        threshold: of the user's own score: a request above it is novel; None for the built-in scores.
        single: per field, its flagged bins, as hexadecimal bits.
        pairs: per pair of fields (i < j, in order), its flagged cells bin_i * size_j + bin_j, as hexadecimal bits.
    """

    bound: float
    terms: int
    fitted: int
    reference: int
    low: float
    high: float
    threshold: float | None = None
    single: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()

    def words(self) -> str:
        """The promise in words."""
        whose = (
            "the user's own score"
            if self.threshold is not None
            else (
                f"the rarest field, or the strongest contradiction of two fields, fitted on {self.fitted:,} other rows"
            )
        )
        return (
            f"a request like the calibration rows is called novel in at most {percent(self.bound)} of cases, on average over "
            f"draws of the {self.reference:,} reference rows (for this draw between {percent(self.low)} and "
            f"{percent(self.high)} with probability 90 %): {whose}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Error against share answered, on the calibration rows; observed, not certified.

    Attributes:
        n: the most confident rows, at each threshold of the grid.
        k: errors among them.
    """

    n: tuple[int, ...]
    k: tuple[int, ...]
