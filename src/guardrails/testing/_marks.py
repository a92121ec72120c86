"""What a clock for tests knows of those who wait, sleep and run."""

from __future__ import annotations

from .._clock import CURRENT, Deadline

# looks without a sign from anybody after which time may pass: a thread that has just been started has run by then
_QUIET = 2


class Mark:
    """An instant for which somebody sleeps, or waits for what runs; with the deadline of whoever waits for them in turn."""

    __slots__ = ("at", "deadline", "loop")

    def __init__(self, at: float, *, loop: bool = False) -> None:
        self.at = at
        self.deadline: Deadline | None = CURRENT.get()
        self.loop = loop

    def counts(self, clock: object, now: float) -> bool:
        """Whether its caller still waits; what goes on without one must not let time pass for others, nor stop it."""
        own = self.deadline
        return own is None or own.clock is not clock or now < own.at

    def nested(self, clock: object, now: float) -> bool:
        """Whether it belongs to a call that another guard waits for."""
        own = self.deadline
        return own is not None and own.clock is clock and now < own.at and (own.enforced or self.loop)


class Expected:
    """A call that runs, or is about to, though nobody waits for it yet."""

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun = False


class Watch:
    """What one who waits has seen of the others' signs."""

    __slots__ = ("quiet", "seen")

    def __init__(self) -> None:
        self.seen = -1
        self.quiet = 0

    def is_quiet(self, signs: int) -> bool:
        """Whether the last looks saw no new sign."""
        self.quiet = self.quiet + 1 if signs == self.seen else 0
        self.seen = signs
        return self.quiet >= _QUIET
