"""The switch: a person turns a primary off, or everything over to people, for a time, and says why."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import stat
import threading
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from ._clock import SYSTEM_CLOCK, Clock
from ._errors import ConfigurationError

SwitchState: TypeAlias = Literal["normal", "fallback_only", "review_all"]
STATES: tuple[SwitchState, ...] = get_args(SwitchState)

# seconds between two looks at the file; a flip is in force within a second everywhere
_LOOK = 0.5
# the longest that a primary may stay switched off without anybody saying so again: a year
_LONGEST = 366 * 86400.0
_LOG = logging.getLogger("guardrails")


@dataclass(frozen=True, slots=True)
class Flip:
    """One flip of a switch: one line of its file.

    Attributes:
        state: `normal`, `fallback_only` (the primary is not called) or `review_all` (nobody is called).
        owner: who flipped it.
        reason: why.
        at: when, in ISO 8601 with its offset.
        until: until when it holds, likewise; then the switch is back at `normal`. "" for `normal`, which holds for good.
    """

    state: SwitchState
    owner: str
    reason: str
    at: str
    until: str

    def ends(self) -> float:
        """Seconds since the epoch at which it ends; infinite for `normal`."""
        return datetime.fromisoformat(self.until).timestamp() if self.until else float("inf")


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
        if not isinstance(given, str | PathLike) or not _is_path(os.fspath(given)):
            raise ConfigurationError.of("Switch(path)", path, "must be the path of a file")
        self.path = Path(path)
        self.clock = clock
        self.problem = ""
        self.flip: Flip | None = None
        self._ends = float("inf")
        self._known: list[Flip] = []
        self._seen: tuple[int, ...] = ()
        self._looked = False
        self._next_look = float("-inf")
        self._lock = threading.Lock()
        _ALIVE.add(self)

    def __getstate__(self) -> tuple[str, Clock]:
        return (str(self.path), self.clock)

    def __setstate__(self, state: tuple[str, Clock]) -> None:
        self.__init__(state[0], clock=state[1])  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"<Switch {str(self.path)!r}>"

    def __call__(self) -> SwitchState:
        """The state in force; looks at the file at most every half second."""
        if self.clock.monotonic() >= self._next_look or not self._looked:
            self._take_turn()
        return self._in_force()

    def _take_turn(self) -> None:
        # one caller looks, and the others go on with what is known; before the first look nothing is
        if self._lock.acquire(blocking=not self._looked):
            try:
                if self.clock.monotonic() >= self._next_look:
                    self._look()
            finally:
                self._lock.release()

    def _in_force(self) -> SwitchState:
        flip = self.flip
        if flip is None or flip.state == "normal" or self.clock.time() >= self._ends:
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
            seconds: how long it holds; required but for `normal`.

        Raises:
            ConfigurationError: an unknown state, no owner, no reason, or no time after which it ends.
            OSError: the file cannot be written.
        """
        flip = self._checked(state, owner, reason, seconds)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(asdict(flip), ensure_ascii=False).encode() + b"\n"
        how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK  # a pipe would wait for its reader
        descriptor = os.open(self.path, how, 0o644)
        try:
            _require_file(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # until it is closed: writers take turns
            if _cut_off(self.path):
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
            if not isinstance(value, str) or not value.strip():
                raise ConfigurationError.of(f"Switch.set({name}=)", value, "must say who, and why")
            if any(
                "\ud800" <= letter <= "\udfff" for letter in value
            ):  # such as a byte that a shell could not decode
                raise ConfigurationError.of(
                    f"Switch.set({name}=)", value, "must be text that can be written as UTF-8"
                )
        length = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        now = datetime.fromtimestamp(self.clock.time(), UTC)
        until = ""
        if state == "normal" and seconds is not None:
            raise ConfigurationError.of(
                "Switch.set(seconds=)", seconds, "is for what has to end: leave it out for 'normal'"
            )
        if state != "normal":
            good = isinstance(length, int | float) and not isinstance(length, bool) and 0 < length <= _LONGEST
            if not good:
                mend = f"must be a positive number of seconds, at most a year: {state!r} has to end by itself"
                raise ConfigurationError.of("Switch.set(seconds=)", seconds, mend)
            until = (now + timedelta(seconds=float(length))).isoformat()  # type: ignore[arg-type]
        return Flip(state, str(owner), str(reason), now.isoformat(), until)

    def _look(self) -> None:
        """Read the file, where it has changed; the lock is held."""
        self._next_look = self.clock.monotonic() + _LOOK
        try:
            found = self.path.stat()
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            if seen != self._seen:
                self._take(list(self._lines()))
                self._seen = seen
        except OSError as error:
            self._seen = ()
            missing = isinstance(error, FileNotFoundError)
            self._say("the file is missing" if missing else f"it cannot be read ({type(error).__name__})")
        finally:
            self._looked = True

    def _take(self, lines: list[tuple[Flip | None, bool]]) -> None:
        good = [flip for flip, _ in lines if flip is not None]
        if len(good) < len(self._known) and good == self._known[: len(good)]:
            self._say("it was cut short: the flip in force is not in it any more")
            return
        self._known = good
        if good:
            self.flip = good[-1]
            self._ends = good[-1].ends()
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
        with os.fdopen(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            _require_file(file.fileno())
            content = file.read()
        for line in content.splitlines(keepends=True):
            if line.strip():
                yield _flip(line), line.endswith(b"\n")


def switched(switch: object) -> dict[str, str]:
    """Who flipped a switch, why and until when, and what is wrong with its file; {} for another callable."""
    if not isinstance(switch, Switch):
        return {}
    flip = switch.current()
    told = {} if flip is None else {"owner": flip.owner, "reason": flip.reason, "until": flip.until}
    return {**told, "problem": switch.problem} if switch.problem else told


def _flip(line: bytes) -> Flip | None:
    try:
        given: Any = json.loads(line)
        flip = Flip(**given) if isinstance(given, Mapping) else None
        if flip is None or flip.state not in STATES or not all(isinstance(v, str) for v in given.values()):
            return None
        if flip.state != "normal" and not flip.until:
            return None
        instants = [datetime.fromisoformat(at) for at in (flip.at, flip.until) if at]
        if any(at.tzinfo is None for at in instants):
            return None
        if len(instants) > 1 and (instants[1] - instants[0]).total_seconds() > _LONGEST:
            return None
    except (ValueError, TypeError, RecursionError):
        return None
    return flip


def _is_path(given: object) -> bool:
    return isinstance(given, str) and bool(given) and "\0" not in given


def _require_file(descriptor: int) -> None:
    """Refuse what is no file: reading a pipe or a device could last for ever."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "it is no file")


def _cut_off(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


_ALIVE: weakref.WeakSet[Switch] = weakref.WeakSet()


def _after_fork() -> None:
    for switch in list(_ALIVE):  # a lock may be held by a thread that is not there
        switch._lock = threading.Lock()  # noqa: SLF001 - a part of the class


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
