"""Assertions about decisions, which explain themselves where they fail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, cast

from .._guard._expect import Expected, expected, explained
from .._types import Decision, Degraded, NeedsReview, Route, Works

T = TypeVar("T")


def assert_works(decision: Decision[T], *, served_by: str | None = None) -> Works[T]:
    """Assert that the model's answer stands; gives the decision back, as what it is.

    Args:
        decision: what a guarded function gave.
        served_by: who answered.

    Raises:
        AssertionError: it is something else; the message says what, and why.
    """
    __tracebackhide__ = True
    _hold(decision, expected(Route.works, served_by=served_by))
    return cast("Works[T]", decision)


def assert_degraded(
    decision: Decision[T],
    *,
    code: str | Iterable[str] = (),
    only: Iterable[str] | None = None,
    served_by: str | None = None,
) -> Degraded[T]:
    """Assert that there is an answer with caveats; gives the decision back, as what it is.

    Args:
        decision: what a guarded function gave.
        code: a caveat code, or several, that must be among its caveats.
        only: exactly these codes are its caveats'.
        served_by: who answered: `primary`, or the fallback's name.

    Raises:
        AssertionError: it is something else; the message says what, and why.
        ConfigurationError: there is no such code.
    """
    __tracebackhide__ = True
    _hold(decision, expected(Route.degraded, code=code, only=only, served_by=served_by))
    return cast("Degraded[T]", decision)


def assert_review(
    decision: Decision[Any], *, code: str | Iterable[str] = (), only: Iterable[str] | None = None
) -> NeedsReview:
    """Assert that a person must decide; gives the decision back, as what it is.

    Args:
        decision: what a guarded function gave.
        code: a caveat code, or several, that must be among its caveats.
        only: exactly these codes are its caveats'.

    Raises:
        AssertionError: it is something else; the message says what, and why.
        ConfigurationError: there is no such code.
    """
    __tracebackhide__ = True
    _hold(decision, expected(Route.needs_review, code=code, only=only))
    return cast("NeedsReview", decision)


def _hold(decision: Any, wanted: Expected) -> None:
    __tracebackhide__ = True
    kind = type(decision)
    assert isinstance(decision, Works | Degraded | NeedsReview), _no_decision(kind)  # noqa: S101 - what it is for
    unmet = wanted.unmet(decision)
    assert not unmet, explained(decision, unmet)  # noqa: S101


def _no_decision(kind: type) -> str:
    if hasattr(kind, "__await__"):
        return f"a {kind.__name__} is no decision yet: await it"
    if hasattr(kind, "assert_all"):
        return "these are the decisions about a table: use decisions.assert_all(...)"
    return f"a {kind.__name__} is no decision of a guarded function"
