"""What calibration says when it cannot give what was asked for."""

from __future__ import annotations

import warnings

from guardrails._profile import Branch, Leaf, Profile

_FEW_REPEATS = 0.01  # rows of a few categories coincide by chance


class CalibrationWarning(UserWarning):
    """The profile was made, but promises less than was asked for, or its rows look dependent."""


def warn(profile: Profile, repeated: float) -> None:
    """Warn, at the line that called `calibrate_*`, of what the caller must know although there is a profile.

    Args:
        profile: what was made.
        repeated: share of the inputs that repeat another row.
    """
    for message in concerns(profile, repeated):
        warnings.warn(message, CalibrationWarning, stacklevel=3)


def concerns(profile: Profile, repeated: float) -> list[str]:
    """What the profile promises less than was asked for, in sentences."""
    found = []
    if repeated > _FEW_REPEATS:
        found.append(
            f"{repeated:.0%} of the inputs repeat another row: rows that depend on each other certify more "
            "than they know. Pass groups= with what they share (customer, session, duplicate key)."
        )
    found += _missing(profile.branch, "")
    if profile.unanswerable is not None:
        found += _missing(profile.unanswerable, "after `unanswerable`, ")
    if profile.unanswerable_reason:
        found.append(f"after `unanswerable`, nothing is certified: {profile.unanswerable_reason}.")
    if profile.exploratory:
        found.append(f"the certificates are exploratory, and no answer becomes Works: {profile.exploratory}.")
    parity = profile.parity
    if parity is not None and parity.differing > parity.tolerance:
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
