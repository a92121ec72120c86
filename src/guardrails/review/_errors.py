"""What can go wrong with a review queue, each with its mend."""

from __future__ import annotations

import errno

from .._errors import GuardrailsError


class ReviewStoreError(GuardrailsError):
    """The queue cannot be read or written now: the message names the file, the reason and the mend.

    `__cause__` is SQLite's or the operating system's error, where there was one.
    """

    @classmethod
    def of(cls, path: str, error: Exception) -> ReviewStoreError:
        """Word `error` for the person who runs the service."""
        reason = error.strerror if isinstance(error, OSError) else error
        made = cls(f"review queue {path!r}: {reason}{_mend(error)}")
        made.__cause__ = error
        return made


class ResolutionError(GuardrailsError, ValueError):
    """A review item cannot be resolved like that: the message says why and what to do instead."""


_DIRECTORY = "make its directory, and let this process write there"
_WRITABLE = "let this process write to the file and to its directory"
_ROOM = "make room on its disk"
_MENDS = {
    "SQLITE_BUSY": "end the program that holds its write lock, such as a sqlite3 shell inside a transaction",
    "SQLITE_CANTOPEN": _DIRECTORY,
    "SQLITE_CORRUPT": "restore it from a copy, or name another file",
    "SQLITE_FULL": _ROOM,
    "SQLITE_NOTADB": "name another file: this one was not made by SQLite",
    "SQLITE_READONLY": _WRITABLE,
    "ENOENT": _DIRECTORY,
    "EACCES": _WRITABLE,
    "EROFS": _WRITABLE,
    "ENOSPC": _ROOM,
}


def _mend(error: Exception) -> str:
    if isinstance(error, OSError):
        code = errno.errorcode.get(error.errno or 0, "")
    else:
        # extended codes, such as SQLITE_READONLY_DIRECTORY, refine the plain ones
        code = "_".join(str(getattr(error, "sqlite_errorname", "")).split("_")[:2])
    return f"; {_MENDS[code]}" if code in _MENDS else ""
