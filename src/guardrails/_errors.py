"""The errors that leave this package.

A request gets an outcome, not an exception; these are raised where a guard or a profile is made, and by `unwrap()`::

    GuardrailsError
    ├── ConfigurationError (ValueError)   a parameter of a guard, a contract or a calibration cannot work
    ├── ProfileError (ValueError)         a profile file cannot be trusted
    └── ReviewRequiredError               `unwrap()` on a decision that a person must take
"""

from __future__ import annotations


class GuardrailsError(Exception):
    """Root of every error of this package."""


class ConfigurationError(GuardrailsError, ValueError):
    """A parameter cannot work: the message names the parameter, the value received and the mend."""

    @classmethod
    def of(cls, parameter: str, received: object, mend: str) -> ConfigurationError:
        """Word the error in the one form: parameter, value received, mend."""
        return cls(f"{parameter}: {mend}; received {received!r}")


class ProfileError(GuardrailsError, ValueError):
    """A profile file is unreadable, of an unknown format version, truncated or changed by hand."""


class ReviewRequiredError(GuardrailsError):
    """`unwrap()` was called on a decision without an answer.

    `__cause__` is the exception of the model, where there was one. The message holds the caveat codes and no values.
    """

    def __init__(self, message: str, *, decision_id: str = "") -> None:
        super().__init__(message)
        self.decision_id = decision_id


_QUALNAME = type.__dict__["__qualname__"]


def kind_of(error: BaseException) -> str:
    """The name of an exception's class, as it is and not as the class or the exception may tell it."""
    return str(_QUALNAME.__get__(type(error)))
