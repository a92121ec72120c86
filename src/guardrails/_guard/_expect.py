"""What a test expects of a decision, held against it, and said in words where it does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .._errors import ConfigurationError
from .._types import CaveatCode, Decision, Route

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Expected:
    """What a decision must be; None or empty where anything goes.

    Attributes:
        routes: one of these.
        codes: caveat codes that must be among its caveats.
        only: caveat codes that must be exactly its caveats' codes.
        served_by: who must have answered.
    """

    routes: frozenset[Route] = frozenset(Route)
    codes: tuple[CaveatCode, ...] = ()
    only: frozenset[CaveatCode] | None = None
    served_by: str | None = None

    def unmet(self, decision: Decision[Any]) -> list[str]:
        """What does not hold, a line each."""
        codes = [caveat.code for caveat in decision.caveats]
        lines = []
        if decision.route not in self.routes:
            lines.append(f"route: expected {_either(self.routes)}, got {decision.route.value}")
        lines += [
            f"caveats: expected {code.value} among them, got {_listed(codes)}"
            for code in self.codes
            if code not in codes
        ]
        if self.only is not None and self.only != set(codes):
            lines.append(f"caveats: expected exactly {_listed(self.only)}, got {_listed(codes)}")
        if self.served_by is not None and self.served_by != decision.served_by:
            got = repr(decision.served_by) if decision.served_by else "nobody"
            lines.append(f"served_by: expected {self.served_by!r}, got {got}")
        return lines


def expected(
    route: str | Iterable[str] | None = None,
    *,
    code: str | Iterable[str] = (),
    only: Iterable[str] | None = None,
    served_by: str | None = None,
) -> Expected:
    """Read what a test says it expects.

    Raises:
        ConfigurationError: a route or a caveat code that does not exist, so that nothing could ever meet it.
    """
    return Expected(
        frozenset(Route) if route is None else frozenset(_known(Route, "route", route)),
        tuple(_known(CaveatCode, "code", code)),
        None if only is None else frozenset(_known(CaveatCode, "only", only)),
        served_by,
    )


def _known(kind: Callable[[str], Any], parameter: str, given: str | Iterable[str]) -> list[Any]:
    names = [given] if isinstance(given, str) else list(given)
    try:
        return [kind(name) for name in names]
    except ValueError:
        known = ", ".join(each.value for each in kind)  # type: ignore[attr-defined]
        raise ConfigurationError.of(parameter, given, f"must be one of {known}") from None


def explained(decision: Decision[Any], unmet: Sequence[str]) -> str:
    """What was expected, and what the decision is: route, who answered, every caveat with its message, the failure."""
    lines = [f"{decision!r}", *(f"  {line}" for line in unmet), "what it says:"]
    lines += [f"  {caveat.code.value}: {caveat.message}" for caveat in decision.caveats] or ["  no caveats"]
    lines.append(f"  after {decision.elapsed:.3g} s, served by {decision.served_by or 'nobody'}")
    if decision.failure is not None:
        lines.append(f"  failure: {decision.failure!r}")
    return "\n".join(lines)


def explained_rows(decisions: Sequence[Decision[Any]], unmet: dict[int, list[str]]) -> str:
    """The rows that are not as expected, the first few in full."""
    lines = [f"{len(unmet)} of {len(decisions)} rows are not as expected"]
    for row in list(unmet)[:_SHOWN]:
        text = explained(decisions[row], unmet[row]).replace("\n", "\n  ")
        lines.append(f"row {row}: {text}")
    rest = list(unmet)[_SHOWN:]
    return "\n".join(
        [
            *lines,
            *([f"and rows {', '.join(map(str, rest[:20]))}{', ...' if rest[20:] else ''}"] if rest else []),
        ]
    )


def _either(routes: Iterable[Route]) -> str:
    return " or ".join(route.value for route in Route if route in set(routes))


def _listed(codes: Iterable[CaveatCode]) -> str:
    return ", ".join(code.value for code in codes) or "none"
