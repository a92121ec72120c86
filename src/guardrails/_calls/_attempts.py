"""More than one try of a call, paced by tenacity inside the deadline."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, cast

import tenacity
from tenacity.stop import stop_base

from .._clock import Deadline
from .._types import CaveatCode
from ._budget import Budget
from ._effects import Effect, Run
from ._outcome import Answer, Failure, Outcome
from ._waits import Pause


def retrying(budget: Budget) -> tenacity.Retrying:
    """The one controller of a guard; each failing call takes a copy of it."""
    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(budget.attempts),
        wait=tenacity.wait_random_exponential(multiplier=budget.backoff, max=budget.backoff_max),
        retry=tenacity.retry_if_exception_type(budget.retry_on),
        reraise=True,
    )


def attempts(
    run: Run, controller: tenacity.Retrying | None, seen: Callable[[int, Outcome], None]
) -> Generator[Effect, Any, Outcome]:
    """Try `run` until it answers, the controller stops, or the deadline leaves no room for another pause.

    Args:
        run: the call; the same one for each attempt.
        controller: paces further attempts; None means one attempt.
        seen: told of each outcome with its number, from 1, where there is a failure or more than one attempt.
    """
    first: Outcome = yield run
    if isinstance(first, Answer):  # success never pays for tenacity
        return first
    seen(1, first)
    if controller is None or not _retryable(first):
        return first
    return (yield from _more(run, controller, first, seen))


def _more(
    run: Run, controller: tenacity.Retrying, first: Failure, seen: Callable[[int, Outcome], None]
) -> Generator[Effect, Any, Outcome]:
    pauses: list[float] = []
    stop = tenacity.stop_any(cast("stop_base", controller.stop), _NoRoom(run.deadline))
    outcome: Outcome = first
    try:
        # tenacity's first attempt is the failure already seen, so that its numbering and its waits are right
        for attempt in controller.copy(stop=stop, sleep=pauses.append):
            number = attempt.retry_state.attempt_number
            if number > 1:
                yield Pause(run.clock, pauses.pop())
                outcome = yield run
                seen(number, outcome)
            if isinstance(outcome, Answer) or not _retryable(outcome):
                return outcome
            with attempt:
                raise cast("Exception", outcome.error)  # noqa: TRY301 - how tenacity is told of a failure
    except Exception as error:
        if error is not getattr(outcome, "error", None):
            raise
    return outcome


def _retryable(failure: Failure) -> bool:
    # a StopIteration cannot travel through the controller, which is a generator
    return failure.code is CaveatCode.error and not isinstance(failure.error, StopIteration | type(None))


class _NoRoom(stop_base):
    """Stop where the pause, which tenacity has already chosen, would not end before the deadline."""

    def __init__(self, deadline: Deadline | None) -> None:
        self._deadline = deadline

    def __call__(self, state: tenacity.RetryCallState) -> bool:
        return self._deadline is not None and state.upcoming_sleep >= self._deadline.left()
