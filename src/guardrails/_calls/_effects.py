"""What the guard's steps ask for and cannot do themselves: to run a call, to pause, to commit.

The steps are generators that yield these. Each says once how it is done by a thread that may block, and once how by
an event loop that may not; the steps themselves are the same for both.
"""

from __future__ import annotations

from typing import Any, Protocol


class Effect(Protocol):
    """Something to be done between two steps."""

    def block(self) -> Any:
        """Do it in the calling thread."""
        ...  # pragma: no cover

    async def wait(self) -> Any:
        """Do it without blocking the event loop."""
        ...  # pragma: no cover
