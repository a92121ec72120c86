"""The profile's file: one JSON document that says its format and proves its content."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from guardrails._errors import ProfileError

FORMAT = 1
_AGAIN = "Calibrate again, or restore the file as Profile.save() wrote it."


def dump(content: dict[str, Any]) -> str:
    """The document as text; the same content gives the same bytes.

    Raises:
        ProfileError: the content holds NaN or an infinity.
    """
    document = {"guardrails_profile": FORMAT, "sha256": digest(content), "content": content}
    return _one_line_lists(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)) + "\n"


def _one_line_lists(text: str) -> str:
    """Lists of numbers on one line: a histogram is one fact, and reads as one line of a diff."""
    number = r"-?[0-9][-+.0-9eE]*"
    pattern = rf"\[\n\s*({number}(?:,\n\s*{number})*)\n\s*\]"
    return re.sub(pattern, lambda found: "[" + re.sub(r"\n\s*", " ", found[1]) + "]", text)


def digest(content: dict[str, Any]) -> str:
    """SHA-256 of the content in one canonical spelling, so that layout does not count."""
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise ProfileError(f"a profile holds finite numbers only: {error}") from error
    return hashlib.sha256(text.encode()).hexdigest()


def parse(text: str) -> dict[str, Any]:
    """The content of a document.

    Raises:
        ProfileError: not JSON or truncated, an unknown format version, NaN or an infinity, or a changed content.
    """
    document = _document(text)
    version = document.get("guardrails_profile")
    if version is None:
        raise ProfileError(f"this JSON file is no profile: it has no key 'guardrails_profile'. {_AGAIN}")
    if type(version) is not int or version != FORMAT:
        raise ProfileError(
            f"unknown profile format version {version!r}: this release reads version {FORMAT}. "
            "Use the release that wrote it, or calibrate again."
        )
    content = document.get("content")
    if not isinstance(content, dict) or "sha256" not in document:
        raise ProfileError(f"the profile lacks its 'content' or its 'sha256'. {_AGAIN}")
    if digest(content) != document["sha256"]:
        raise ProfileError(
            f"the profile's content was changed after it was written (its sha256 differs). {_AGAIN}"
        )
    return content


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ProfileError(f"the profile is not JSON, or is truncated{where}. {_AGAIN}") from error
    if not isinstance(document, dict):
        raise ProfileError(f"this JSON file is no profile: expected an object. {_AGAIN}")
    return document


def _refuse(constant: str) -> NoReturn:
    raise ProfileError(f"the profile holds {constant}, which is no number. {_AGAIN}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ProfileError(f"the profile names a key twice. {_AGAIN}")
    return document


def write(path: str | os.PathLike[str], text: str) -> None:
    """Write the whole file or nothing: a reader never sees half a profile."""
    target = Path(path)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp makes it private; a profile is read by the service's user
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(path: str | os.PathLike[str]) -> str:
    """The file's text.

    Raises:
        OSError: the file cannot be opened.
        ProfileError: it is not UTF-8 text.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProfileError(f"the profile is not UTF-8 text. {_AGAIN}") from error
