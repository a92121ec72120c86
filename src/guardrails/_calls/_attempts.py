"""More than one try of a call, paced by tenacity inside the deadline."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, cast

import tenacity
from tenacity.stop import stop_base

from .._clock import Deadline
from .._types import CaveatCode
from ._budget import Budget
from ._effects import Effect
from ._outcome import Answer, Failure, Outcome
from ._run import Run
from ._tokens import Tokens

Wait = Callable[[Run], Generator[Effect, Any, Outcome]]
Rest = Callable[[float], Generator[Effect, Any, None]]


class Pace:
    """Paces the attempts of one guard: when to try again, and how often in all.

    Args:
        budget: attempts, exceptions and pauses.
    """

    def __init__(self, budget: Budget) -> None:
        self.tokens = Tokens(budget.retry_tokens, budget.retry_refill)
        self.controller = tenacity.Retrying(  # one of them; each failing call takes a copy
            stop=tenacity.stop_after_attempt(budget.attempts),
            wait=tenacity.wait_random_exponential(multiplier=budget.backoff, max=budget.backoff_max),
            retry=tenacity.retry_if_exception_type(budget.retry_on),
            reraise=True,
        )


def attempts(
    run: Run, pace: Pace | None, seen: Callable[[int, Outcome], None], wait: Wait, rest: Rest
) -> Generator[Effect, Any, Outcome]:
    """Try `run` until it answers, tenacity stops, no retry is left, or the deadline leaves no room for another pause.

    Args:
        run: the call; each further attempt takes a fresh one like it.
        pace: paces further attempts; None means one attempt.
        seen: told of each outcome with its number, from 1, where there is a failure or more than one attempt.
        wait: waits for a call until its deadline.
        rest: pauses for a number of seconds.
    """
    if pace is not None:
        pace.tokens.called()
    first = yield from wait(run)
    if isinstance(first, Answer):  # success never pays for tenacity
        return first
    seen(1, first)
    if pace is None or not _retryable(first):
        return first
    return (yield from _more(run, pace, first, seen, wait, rest))


def _more(
    run: Run, pace: Pace, first: Failure, seen: Callable[[int, Outcome], None], wait: Wait, rest: Rest
) -> Generator[Effect, Any, Outcome]:
    pauses: list[float] = []
    stop = _Stop(cast("stop_base", pace.controller.stop), run.deadline, pace.tokens)
    outcome: Outcome = first
    try:
        # tenacity's first attempt is the failure already seen, so that its numbering and its waits are right
        for attempt in pace.controller.copy(stop=stop, sleep=pauses.append):
            number = attempt.retry_state.attempt_number
            if number > 1:
                yield from rest(pauses.pop())
                outcome = yield from wait(run.again())
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


class _Stop(stop_base):
    """Stop where tenacity's own rule says so, where the pause would not end before the deadline, or without a token."""

    def __init__(self, own: stop_base, deadline: Deadline | None, tokens: Tokens) -> None:
        self._own = own
        self._deadline = deadline
        self._tokens = tokens

    def __call__(self, state: tenacity.RetryCallState) -> bool:
        if self._own(state):
            return True
        # tenacity has chosen the pause before it asks
        if self._deadline is not None and state.upcoming_sleep >= self._deadline.left():
            return True
        return not self._tokens.take()  # last, so that no token is spent where another rule stops
