"""What calibration says when it cannot give what was asked for."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from guardrails._profile import Leaf, Parity

if TYPE_CHECKING:
    from ._filters import Selection

_FEW_REPEATS = 0.01  # rows of a few categories coincide by chance


class CalibrationWarning(UserWarning):
    """The profile was made, but promises less than was asked for, or its rows look dependent."""


def warn(selection: Selection, leaf: Leaf, parity: Parity) -> None:
    """Warn, at the line that called `calibrate_*`, of what the caller must know although there is a profile."""
    for message in concerns(selection, leaf, parity):
        warnings.warn(message, CalibrationWarning, stacklevel=3)


def concerns(selection: Selection, leaf: Leaf, parity: Parity) -> list[str]:
    """What the profile promises less than was asked for, in sentences."""
    found = []
    if selection.repeated > _FEW_REPEATS:
        found.append(
            f"{selection.repeated:.0%} of the inputs repeat another row: rows that depend on each other certify more "
            "than they know. Pass groups= with what they share (customer, session, duplicate key)."
        )
    if leaf.works is None and leaf.works_asked:
        found.append(f"no threshold is certified for Works: {leaf.works_reason}. No answer becomes Works.")
    if leaf.answered is None and leaf.degraded_asked:
        found.append(f"no second threshold is certified: {leaf.answered_reason}.")
    if parity.differing > parity.tolerance:
        found.append(f"the served form is not MAPIE's: {parity.words()}. Please report this.")
    return found
