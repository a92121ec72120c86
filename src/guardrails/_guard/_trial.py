"""One request on its way down the chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .._conformal import Measured
from .._contract import Verdict
from .._types import CaveatCode, Finding
from ._engine import Candidate, Engine
from ._request import RequestReader

_NO_CODES: frozenset[CaveatCode] = frozenset()


class Withheld(NamedTuple):
    """The first answer that was not given to the caller; a reviewer sees it."""

    by: str
    value: Any
    measured: Measured | None


class Trial:
    """One request on its way down the chain."""

    __slots__ = (
        "args", "asked", "begin", "checked", "context", "deadline", "engine", "enter", "failure", "findings", "id", "kwargs",
        "measured", "reader", "request", "served", "span", "value", "withheld",
    )  # fmt: skip

    def __init__(
        self, engine: Engine, reader: RequestReader, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.engine = engine
        self.reader = reader
        self.args = args
        self.kwargs = kwargs
        self.begin = engine.clock.monotonic()
        self.deadline = engine.deadline(self.begin)
        self.findings: tuple[Finding, ...] = ()
        self.asked = _NO_CODES
        self.checked: dict[int, Verdict] = {}
        self.failure: Exception | None = None
        self.measured: Measured | None = None
        self.served: Candidate | None = None
        self.value: Any = None
        self.withheld: Withheld | None = None
        self.request: Any = None
        self.id = ""
        self.span: Any = None
        self.context: Any = None
        self.enter: Callable[[], object] | None = None
