"""Runs the guard's steps: for a caller that may block, and for an event loop."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

from ._effects import Effect

R = TypeVar("R")


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
