"""The answer that a person gave in the model's place."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from ._errors import ResolutionError

Label: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a person decided about one review item.

    Attributes:
        decision_id: the item's id, which is the decision's.
        guard_name: the guard that could not decide.
        label: the right answer: a label, or a number for a regressor.
        reviewer: who decided, "" where nobody said.
        note: free text.
        resolved: seconds since the epoch, UTC.
    """

    decision_id: str
    guard_name: str
    label: Label = field(repr=False)
    reviewer: str = ""
    note: str = field(default="", repr=False)
    resolved: float = 0.0


def write_label(label: object) -> str:
    """The label as JSON text.

    Raises:
        ResolutionError: it is neither text, a finite number nor a boolean.
    """
    value = label.item() if isinstance(label, np.generic) else label
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise ResolutionError(
            f"label: must be text, a finite number or a boolean; received a {type(label).__name__}"
        )
    return json.dumps(value, ensure_ascii=False)


def read_label(text: str) -> Label:
    """The label that `write_label` wrote."""
    label: Label = json.loads(text)
    return label
