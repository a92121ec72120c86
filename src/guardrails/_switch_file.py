"""The file of a switch: one line a flip, written by programs and by hand, and whatever has become of it."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

SwitchState: TypeAlias = Literal["normal", "fallback_only", "review_all"]
STATES: tuple[SwitchState, ...] = get_args(SwitchState)

# the longest that a primary may stay switched off without anybody saying so again: a year
LONGEST = 366 * 86400.0


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


def flip_of(line: bytes) -> Flip | None:
    """The flip that a line tells of; None where it tells of none that can be believed."""
    try:
        given: Any = json.loads(line)
        flip = Flip(**given) if isinstance(given, Mapping) else None
        return flip if flip is not None and _good(flip) else None
    except (ValueError, TypeError, RecursionError):
        return None


def _good(flip: Flip) -> bool:
    words: tuple[object, ...] = (flip.state, flip.owner, flip.reason, flip.at, flip.until)
    if flip.state not in STATES or not all(isinstance(word, str) and writable(word) for word in words):
        return False
    at, until = (datetime.fromisoformat(told) if told else None for told in (flip.at, flip.until))
    if any(instant is not None and instant.tzinfo is None for instant in (at, until)):
        return False
    if until is None:
        return flip.state == "normal"
    # what a person wrote ends in time too: it has to say since when
    return at is not None and until - at <= timedelta(seconds=LONGEST)


class _NoFileError(OSError):
    """The path leads to something that is no regular file, such as a pipe."""


def opened(path: Path, flags: int) -> int:
    """A descriptor of the file; nothing else is waited for, or read without an end."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise _NoFileError(errno.EINVAL, "it is no regular file", str(path))


def problem_of(error: OSError) -> str:
    """What is wrong with the file, for people."""
    if isinstance(error, _NoFileError):
        return "it is no regular file"
    missing = isinstance(error, FileNotFoundError)
    return "the file is missing" if missing else f"it cannot be read ({type(error).__name__})"


def nameable(path: object) -> bool:
    """Whether there can be such a file: "" has no name, and no name has a NUL, or what has no bytes."""
    try:
        return isinstance(path, str) and path != "" and b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def writable(text: str) -> bool:
    """Whether it can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair: what came in undecoded
        return False
    return True


def cut_off(descriptor: int) -> bool:
    """Whether the file ends in the middle of a line."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
