"""A decorator around any predict function: each request works, degrades, or signals for human review."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._calls import Breaker, Budget
from ._clock import deadline, time_left
from ._contract import Contract
from ._errors import ConfigurationError, GuardrailsError, ProfileError, ReviewRequiredError
from ._guard import Decisions, Fallback, Guard, Guarded, guard
from ._profile import Profile
from ._routing import Policy
from ._switch import Flip, Switch
from ._types import Caveat, CaveatCode, Decision, Degraded, Interval, NeedsReview, Route, Violation, Works

if TYPE_CHECKING:
    from ._calibration import CalibrationWarning, calibrate_classifier, calibrate_regressor
    from .review import ReviewQueue

__version__ = "0.1.0"

# offline work and the store pull in what a serving process may never need
_LAZY = {
    "CalibrationWarning": "guardrails._calibration",
    "ReviewQueue": "guardrails.review",
    "calibrate_classifier": "guardrails._calibration",
    "calibrate_regressor": "guardrails._calibration",
}

__all__ = [
    "Breaker",
    "Budget",
    "CalibrationWarning",
    "Caveat",
    "CaveatCode",
    "ConfigurationError",
    "Contract",
    "Decision",
    "Decisions",
    "Degraded",
    "Fallback",
    "Flip",
    "Guard",
    "Guarded",
    "GuardrailsError",
    "Interval",
    "NeedsReview",
    "Policy",
    "Profile",
    "ProfileError",
    "ReviewQueue",
    "ReviewRequiredError",
    "Route",
    "Switch",
    "Violation",
    "Works",
    "calibrate_classifier",
    "calibrate_regressor",
    "deadline",
    "guard",
    "time_left",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LAZY[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
