"""Runs the guard's steps: for a caller that may block, and for an event loop."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol, TypeVar

from ._effects import Effect

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Steps(Protocol[R_co]):
    """Steps of which mostly one effect is all that they need; a generator of them costs as much as the steps themselves."""

    def initial(self) -> Effect | None:
        """The effect that is mostly all; None goes straight on with `remaining`."""
        ...  # pragma: no cover

    def concluded(self, done: Any) -> R_co | None:
        """The result, once it is done; None goes on with `remaining`."""
        ...  # pragma: no cover

    def missed(self, error: BaseException) -> None:
        """What doing it raised: `remaining` goes on with it, or it is raised again."""
        ...  # pragma: no cover

    def remaining(self) -> Generator[Effect, Any, R_co]:
        """All that is left to do."""
        ...  # pragma: no cover


def perform(steps: Steps[R]) -> R:
    """Do what the steps ask for in this thread."""
    effect = steps.initial()
    if effect is not None:
        try:
            done = effect.block()
        except BaseException as error:  # the steps decide, and let it through
            steps.missed(error)
        else:
            result = steps.concluded(done)
            if result is not None:
                return result
    return drive(steps.remaining())


async def perform_async(steps: Steps[R]) -> R:
    """Do what the steps ask for on the event loop."""
    effect = steps.initial()
    if effect is not None:
        try:
            done = await effect.wait()
        except BaseException as error:  # the steps decide, and let it through
            steps.missed(error)
        else:
            result = steps.concluded(done)
            if result is not None:
                return result
    return await drive_async(steps.remaining())


def drive(steps: Generator[Effect, Any, R]) -> R:
    """Do what the steps ask for in this thread; an exception goes through the steps, which end their span."""
    done: Any = None
    effect: Effect | None = None
    try:
        effect = next(steps)
        while True:
            try:
                done = effect.block()
            except BaseException as error:  # the steps decide, and let it through
                effect = steps.throw(error)
            else:
                effect = steps.send(done)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        done = effect = (
            None  # a failure kept here would keep, through its traceback, this frame and the arguments
        )


async def drive_async(steps: Generator[Effect, Any, R]) -> R:
    """Do what the steps ask for on the event loop; cancellation goes through the steps, which end their span."""
    done: Any = None
    effect: Effect | None = None
    try:
        effect = next(steps)
        while True:
            try:
                done = await effect.wait()
            except BaseException as error:  # the steps decide, and let it through
                effect = steps.throw(error)
            else:
                effect = steps.send(done)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        done = effect = (
            None  # a failure kept here would keep, through its traceback, this frame and the arguments
        )
