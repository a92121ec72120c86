"""What measuring needs to know of a request beside the answer: its cohort and its difficulty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._contract import field_of, is_frame, length_of, record_at
from .._errors import ConfigurationError
from .._profile import Profile

Source = str | Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of a request: a field of it, or what a callable makes of it; None where it cannot be had.

    Attributes:
        source: field name or callable.
        fields: the contract's field names, for requests that are arrays.
    """

    source: Source
    fields: tuple[Any, ...] = ()

    def of(self, request: Any) -> Any:
        """The fact of one request; a request without it, or a callable that raises, has none."""
        if self.source is None:
            return None
        try:
            if isinstance(self.source, str):
                return field_of(request, self.source, self.fields)
            return self.source(request)
        except Exception:
            return None

    def column(self, table: Any) -> list[Any] | None:
        """The fact of each row, None where nobody asks for it."""
        if self.source is None:
            return None
        if isinstance(self.source, str) and is_frame(table) and list(table.columns).count(self.source) == 1:
            return list(table[self.source].tolist())
        return [self.of(record_at(table, i)) for i in range(length_of(table))]


def check_facts(profile: Profile | None, cohort: object, difficulty: object) -> None:
    """Refuse what cannot tell a request's cohort or difficulty, or is missing where the profile needs it.

    Raises:
        ConfigurationError: neither a field name nor callable, or not given.
    """
    for parameter, value in (("cohort", cohort), ("difficulty", difficulty)):
        if not (value is None or isinstance(value, str) or callable(value)):
            raise ConfigurationError.of(parameter, value, "must be a field name or a callable of the request")
    if profile is None:
        return
    if cohort is None and profile.cohorts is not None and profile.cohorts.by == "labels":
        mend = (
            "must name the field, or compute the label, of the cohorts that the profile was calibrated with"
        )
        raise ConfigurationError.of("cohort", cohort, mend)
    if difficulty is None and profile.ranking == "difficulty":
        mend = "must name the field, or compute the number, that the profile was calibrated with"
        raise ConfigurationError.of("difficulty", difficulty, mend)
