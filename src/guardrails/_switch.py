"""The switch: a person turns a primary off, or everything over to people, for a time, and says why."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import threading
import weakref
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path

from ._clock import SYSTEM_CLOCK, Clock
from ._errors import ConfigurationError
from ._switch_file import (
    LONGEST,
    STATES,
    Flip,
    SwitchState,
    cut_off,
    flip_of,
    nameable,
    opened,
    problem_of,
    writable,
)

__all__ = ["STATES", "Flip", "Switch", "SwitchState", "switched"]

# seconds between two looks at the file; a flip is in force within a second everywhere
_LOOK = 0.5
# the longest that a caller waits for another's look, whose file system may hang
_PATIENCE = 1.0
_LOG = logging.getLogger("guardrails")


class Switch:
    """A switch kept in a file of one line a flip, which is only ever appended to.

    Use it as `gr.guard(switch=...)`, for one guard or for many. Any process that reads the file follows it within a
    second; `python -m guardrails switch FILE` reads and flips it from a shell. The last good line is in force: a file that is
    missing, cut short, half-written or malformed changes nothing, and `problem` says so, as does the log.

    Args:
        path: the file; it is made by the first flip.
        clock: where time comes from; tests inject theirs.

    Attributes:
        flip: the last good line, whether or not it is still in force; None before the first.
        problem: what is wrong with the file, "" where nothing is.

    Raises:
        ConfigurationError: `path` is no path.
    """

    def __init__(self, path: str | PathLike[str], *, clock: Clock = SYSTEM_CLOCK) -> None:
        given: object = path
        if not isinstance(given, str | PathLike) or not nameable(os.fspath(given)):
            raise ConfigurationError.of("Switch(path)", path, "must be the path of a file")
        self.path = Path(path)
        self.clock = clock
        self.problem = ""
        self.flip: Flip | None = None
        self._known: list[Flip] = []
        self._fresh()
        _ALIVE.add(self)

    def _fresh(self) -> None:
        """Nothing has been looked at, and nobody looks."""
        self._seen: tuple[int, ...] = ()
        self._next_look = float("-inf")
        self._hangs = False
        self._lock = threading.Lock()

    def __getstate__(self) -> tuple[str, Clock]:
        return (str(self.path), self.clock)

    def __setstate__(self, state: tuple[str, Clock]) -> None:
        self.__init__(state[0], clock=state[1])  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"<Switch {str(self.path)!r}>"

    def __call__(self) -> SwitchState:
        """The state in force; looks at the file at most every half second."""
        now = self.clock.monotonic()
        if now >= self._next_look and self._turn(now):
            try:
                if self.clock.monotonic() >= self._next_look:  # nobody has looked while this caller waited
                    self._look()
            finally:
                self._lock.release()
        return self._in_force()

    def _turn(self, now: float) -> bool:
        """Whether this caller may look; it waits for another that does only where what is known is old, or nothing is."""
        if self._lock.acquire(blocking=False):
            return True
        if self._hangs or now < self._next_look + _LOOK:
            return False
        if self._lock.acquire(timeout=_PATIENCE):
            return True
        self._hangs = True
        _LOG.warning("switch %s: a look at it does not return; what is known stays in force", self.path)
        return False

    def _in_force(self) -> SwitchState:
        flip = self.flip
        if flip is None or flip.state == "normal" or self.clock.time() >= flip.ends():
            return "normal"
        return flip.state

    def current(self) -> Flip | None:
        """The flip in force, read from the file now; None where the switch is at `normal`."""
        with self._lock:
            self._look()
        return None if self() == "normal" else self.flip

    def history(self) -> list[Flip]:
        """Every flip in the file, the oldest first; lines that cannot be read are left out."""
        return [flip for flip, _ in self._lines() if flip is not None] if self.path.exists() else []

    def set(
        self, state: SwitchState, *, owner: str, reason: str, seconds: float | timedelta | None = None
    ) -> Flip:
        """Flip it.

        Args:
            state: `normal`, `fallback_only` or `review_all`.
            owner: who flips it.
            reason: why.
            seconds: how long it holds; required but for `normal`, which holds for good.

        Raises:
            ConfigurationError: an unknown state, no owner, no reason, text that is none, or no time after which it ends.
            OSError: the file cannot be written, or is no file.
        """
        flip = self._checked(state, owner, reason, seconds)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(asdict(flip), ensure_ascii=False).encode() + b"\n"
        descriptor = opened(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # until it is closed: writers take turns
            if cut_off(descriptor):
                line = b"\n" + line  # what somebody left half-written stays one line, and is passed over
            written = os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if written < len(line):
            raise OSError(errno.ENOSPC, "only a part of the line could be written", str(self.path))
        with self._lock:
            self._look()
        return flip

    def _checked(self, state: object, owner: object, reason: object, seconds: object) -> Flip:
        if state not in STATES:
            raise ConfigurationError.of("Switch.set(state)", state, f"must be one of {', '.join(STATES)}")
        for name, value in (("owner", owner), ("reason", reason)):
            if not isinstance(value, str) or not value.strip() or not writable(value):
                raise ConfigurationError.of(
                    f"Switch.set({name}=)", value, "must say who, and why, in Unicode"
                )
        length = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        now = datetime.fromtimestamp(self.clock.time(), UTC)
        until = ""
        if state == "normal" and seconds is not None:
            raise ConfigurationError.of(
                "Switch.set(seconds=)", seconds, "must be left out: normal holds for good"
            )
        if state != "normal":
            good = isinstance(length, int | float) and not isinstance(length, bool) and 0 < length <= LONGEST
            if not good:
                mend = f"must be a positive number of seconds, at most a year: {state!r} has to end by itself"
                raise ConfigurationError.of("Switch.set(seconds=)", seconds, mend)
            until = (now + timedelta(seconds=float(length))).isoformat()  # type: ignore[arg-type]
        return Flip(state, str(owner), str(reason), now.isoformat(), until)

    def _look(self) -> None:
        """Read the file, where it has changed; the lock is held."""
        try:
            found = self.path.stat()
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            if seen != self._seen:
                self._take(list(self._lines()))
                self._seen = seen
        except OSError as error:
            self._seen = ()
            self._say(problem_of(error))
        self._hangs = False
        # last: until then the others know that what they know is old
        self._next_look = self.clock.monotonic() + _LOOK

    def _take(self, lines: list[tuple[Flip | None, bool]]) -> None:
        good = [flip for flip, _ in lines if flip is not None]
        if len(good) < len(self._known) and good == self._known[: len(good)]:
            self._say("it was cut short: the flip in force is not in it any more")
            return
        self._known = good
        if good:
            self.flip = good[-1]
        if lines and lines[-1][0] is None:
            self._say("its last line is half-written" if not lines[-1][1] else "its last line is malformed")
        else:
            self.problem = ""

    def _say(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            good = self._in_force()
            _LOG.warning("switch %s: %s; the last good state, %r, stays in force", self.path, problem, good)

    def _lines(self) -> Iterator[tuple[Flip | None, bool]]:
        """Each line's flip, None where it is none, and whether the line is complete."""
        with os.fdopen(opened(self.path, os.O_RDONLY), "rb") as file:
            lines = file.read().splitlines(keepends=True)
        for line in lines:
            if line.strip():
                yield flip_of(line), line.endswith(b"\n")


def switched(switch: object) -> dict[str, str]:
    """Who flipped a switch, why and until when, and what is wrong with its file; {} for another callable."""
    if not isinstance(switch, Switch):
        return {}
    flip = switch.current()
    told = {} if flip is None else {"owner": flip.owner, "reason": flip.reason, "until": flip.until}
    return {**told, "problem": switch.problem} if switch.problem else told


_ALIVE: weakref.WeakSet[Switch] = weakref.WeakSet()


def _after_fork() -> None:
    for switch in list(_ALIVE):  # a thread that is not there may hold the lock, in the middle of a look
        switch._fresh()  # noqa: SLF001 - a part of the class


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
