"""What a call came to: an answer or a failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from .._errors import kind_of
from .._types import CaveatCode

if TYPE_CHECKING:
    from ._workers import Workers


@dataclass(slots=True)
class Answer:
    """The function returned in time.

    Attributes:
        value: what it returned.
        seconds: how long the call took.
    """

    value: Any
    seconds: float


@dataclass(slots=True)
class Failure:
    """The function did not return in time, or raised, or was not called.

    Attributes:
        code: `deadline`, `error`, `saturated` or `circuit_open`.
        detail: what happened, for people; never a value.
        error: the exception, where there was one.
        seconds: how long the caller waited.
        made: whether the function was called; a call that was not made says nothing about it.
    """

    code: CaveatCode
    detail: str
    error: Exception | None = None
    seconds: float = 0.0
    made: bool = True


Outcome: TypeAlias = Answer | Failure


class KilledError(TimeoutError):
    """A call that was stopped at its deadline from outside."""


class NotReadyError(KilledError):
    """A call that was not made, since what was to make it was still starting at its deadline."""


def raised(error: BaseException, seconds: float) -> Failure:
    """The failure of a call that raised; the message of the exception may hold values, so only its type is named."""
    kind = type(error)  # and not `isinstance`, which may ask the exception itself
    kept = cast("Exception", error) if issubclass(kind, Exception) else None
    if issubclass(kind, KilledError):
        made = not issubclass(kind, NotReadyError)
        return Failure(CaveatCode.deadline, str(error), kept, seconds, made)
    return Failure(CaveatCode.error, kind_of(error), kept, seconds)


def late(waited: float, *, started: bool) -> Failure:
    """The failure of a call that had no answer at its deadline."""
    if not started:
        return Failure(CaveatCode.deadline, "no time was left to start the call", seconds=waited, made=False)
    detail = f"nothing returned within {waited:.3g} s; the call may still be running"
    return Failure(CaveatCode.deadline, detail, TimeoutError(detail), waited)


def saturated(workers: Workers) -> Failure:
    """The failure of a call that was not made, since too many of the function's calls are running already."""
    return Failure(CaveatCode.saturated, workers.full(), made=False)
