"""One request on its way down the chain."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._conformal import Measured
from .._contract import Verdict
from .._switch import SwitchState
from .._types import CaveatCode, Finding
from ._candidate import Candidate
from ._course import Course
from ._engine import Engine
from ._request import RequestReader

_NO_CODES: frozenset[CaveatCode] = frozenset()


class Withheld(NamedTuple):
    """The first answer that was not given to the caller; a reviewer sees it."""

    by: str
    value: Any
    measured: Measured | None


class Trial(Course):
    """One request on its way down the chain."""

    __slots__ = (
        "asked", "checked", "context", "failure", "findings", "id", "measured", "reader", "request", "served", "span",
        "switch", "value", "withheld",
    )  # fmt: skip

    def __init__(
        self, engine: Engine, reader: RequestReader, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        super().__init__(engine, args, kwargs)
        self.reader = reader
        self.findings: tuple[Finding, ...] = ()
        self.asked = _NO_CODES
        self.checked: dict[int, Verdict] = {}
        self.failure: Exception | None = None
        self.measured: Measured | None = None
        self.served: Candidate | None = None
        self.switch: SwitchState = "normal"
        self.value: Any = None
        self.withheld: Withheld | None = None
        self.request: Any = None
        self.id = ""
        self.span: Any = None
        self.context: Any = None
