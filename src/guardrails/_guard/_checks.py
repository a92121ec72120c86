"""Checks of parameters that a guard and its fallbacks have in common."""

from __future__ import annotations

from .._errors import ConfigurationError
from .._profile import Profile
from ._request import is_coroutine_function


def check_profile(parameter: str, profile: object) -> None:
    """Refuse what is no profile."""
    if profile is not None and not isinstance(profile, Profile):
        mend = (
            "must be a Profile (gr.calibrate_classifier, gr.calibrate_regressor or gr.Profile.load), or None"
        )
        raise ConfigurationError.of(parameter, type(profile), mend)


def check_optional_callable(parameter: str, value: object) -> None:
    """Refuse what is neither None nor callable."""
    if value is None:
        return
    if not callable(value) or is_coroutine_function(value):
        raise ConfigurationError.of(parameter, value, "must be a plain callable, not an `async def`; or None")
