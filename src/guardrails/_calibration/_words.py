"""What calibration says when it cannot give what was asked for."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from guardrails._profile import Branch, Leaf, Parity

if TYPE_CHECKING:
    from ._branches import Branches
    from ._filters import Selection

_FEW_REPEATS = 0.01  # rows of a few categories coincide by chance


class CalibrationWarning(UserWarning):
    """The profile was made, but promises less than was asked for, or its rows look dependent."""


def warn(selection: Selection, branches: Branches, parity: Parity) -> None:
    """Warn, at the line that called `calibrate_*`, of what the caller must know although there is a profile."""
    for message in concerns(selection, branches, parity):
        warnings.warn(message, CalibrationWarning, stacklevel=3)


def concerns(selection: Selection, branches: Branches, parity: Parity) -> list[str]:
    """What the profile promises less than was asked for, in sentences."""
    found = []
    if selection.repeated > _FEW_REPEATS:
        found.append(
            f"{selection.repeated:.0%} of the inputs repeat another row: rows that depend on each other certify more "
            "than they know. Pass groups= with what they share (customer, session, duplicate key)."
        )
    found += _missing(branches.all, "")
    if branches.unanswerable is not None:
        found += _missing(branches.unanswerable, "after `unanswerable`, ")
    if branches.reason:
        found.append(f"after `unanswerable`, nothing is certified: {branches.reason}.")
    if parity.differing > parity.tolerance:
        found.append(f"the served form is not MAPIE's: {parity.words()}. Please report this.")
    return found


def _missing(branch: Branch, where: str) -> list[str]:
    found = []
    for cohort, leaf in branch.leaves():
        found += _missing_in(leaf, where + (f"in cohort {cohort!r}, " if cohort else ""))
    if branch.cohorts is not None and branch.cohorts.rest is None and branch.cohorts.small:
        found.append(
            f"{where}{len(branch.cohorts.small)} cohorts have too few rows, even together; they have no certificate "
            f"(a cohort has its own from {branch.cohorts.least:,} rows on)."
        )
    return found


def _missing_in(leaf: Leaf, where: str) -> list[str]:
    found = []
    if leaf.works is None and leaf.works_asked:
        such = "such " if where else ""
        found.append(
            f"{where}no threshold is certified for Works: {leaf.works_reason}. No {such}answer becomes Works."
        )
    if leaf.answered is None and leaf.degraded_asked:
        found.append(f"{where}no second threshold is certified: {leaf.answered_reason}.")
    return found
