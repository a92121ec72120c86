"""How often the schema drifted, per field and kind; safe to use from many threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from threading import Lock

from guardrails._types import Violation

from ._verdict import UNDECLARED


class Counts:
    """Counters of one contract in one process; a copy in another process starts at zero."""

    __slots__ = ("_found", "_lock")

    def __init__(self) -> None:
        self._found: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()

    def undeclared(self, records: int = 1) -> None:
        """Count records with fields that are not declared; their names are not kept."""
        with self._lock:
            self._found[UNDECLARED, "extra"] += records

    def drifted(self, found: Iterable[Violation]) -> None:
        """Count what one record's verdict says has drifted."""
        with self._lock:
            for violation in found:
                self._found[violation.field, violation.kind] += 1

    def snapshot(self) -> Mapping[tuple[str, str], int]:
        """The counts so far, by (field, kind)."""
        with self._lock:
            return dict(self._found)
