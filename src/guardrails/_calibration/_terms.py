"""The terms of a calibration: what is promised, checked, and delta divided over the promises."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral, Real

from guardrails._errors import ConfigurationError

from ._certify import Promise


@dataclass(frozen=True, slots=True)
class Terms:
    """What a calibration is asked to promise.

    `parts` is the number of leaves that share delta, so that all their certificates hold together.

    Raises:
        ConfigurationError: a value out of range, or `max_degraded_error` below `max_error`.
    """

    coverage: float
    max_error: float | None
    max_degraded_error: float | None
    delta: float
    looks: int
    parts: int = 1

    def __post_init__(self) -> None:
        for name in ("coverage", "delta"):
            _share(name, getattr(self, name))
        for name in ("max_error", "max_degraded_error"):
            if getattr(self, name) is not None:
                _share(name, getattr(self, name))
        if self.max_error is not None and self.max_degraded_error is not None:
            _ordered(self.max_error, self.max_degraded_error)
        _count("looks", self.looks)

    def divided(self, parts: int) -> Terms:
        """The terms of one of so many leaves."""
        return replace(self, parts=self.parts * parts)

    @property
    def works(self) -> Promise | None:
        """The promise behind `Works`."""
        return None if self.max_error is None else Promise("max_error", float(self.max_error), self._level)

    @property
    def answered(self) -> Promise | None:
        """The promise for all the primary's answers at or above the second threshold."""
        if self.max_degraded_error is None:
            return None
        return Promise("max_degraded_error", float(self.max_degraded_error), self._level)

    @property
    def asked(self) -> str:
        """What was to be promised: another one on the same rows is another look at them."""
        return f"{self.max_error} {self.max_degraded_error} {self.delta}"

    @property
    def _level(self) -> float:
        asked = (self.max_error is not None) + (self.max_degraded_error is not None)
        return float(self.delta) / int(self.looks) / max(asked, 1) / self.parts


def _share(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < 1:
        raise ConfigurationError.of(name, value, "must lie between 0 and 1, both excluded")


def _count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1:
        raise ConfigurationError.of(name, value, "must be an integer of at least 1")


def _ordered(max_error: float, max_degraded_error: float) -> None:
    if max_degraded_error < max_error:
        mend = f"must not be below max_error={max_error}: it bounds the error of more answers"
        raise ConfigurationError.of("max_degraded_error", max_degraded_error, mend)
