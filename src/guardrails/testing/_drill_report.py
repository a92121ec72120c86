"""The report of a drill: one JSON file, and a summary for people."""

from __future__ import annotations

import datetime as dt
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ._seam import Engine

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one scenario came to.

    Attributes:
        scenario: its name.
        about: what happened, in a sentence.
        calls: guarded calls made.
        struck: calls that the fault struck.
        outcomes: decisions by route.
        raised: calls that raised, by the exception's class.
        codes: decisions by caveat code.
        served_by: decisions by who answered.
        seconds: p50, p99 and max of the calls.
        budget: seconds; None where there is none.
        silent: decisions about struck requests that say nothing they did not say in good health.
        visible: what telemetry showed.
        not_visible: what it did not show.
        findings: what must not be; none where the guard has passed.
    """

    scenario: str
    about: str
    calls: int
    struck: int
    outcomes: Mapping[str, int]
    raised: Mapping[str, int]
    codes: Mapping[str, int]
    served_by: Mapping[str, int]
    seconds: Mapping[str, float]
    budget: float | None
    silent: int
    visible: tuple[str, ...]
    not_visible: tuple[str, ...]
    findings: tuple[str, ...] = ()

    def with_findings(self, findings: tuple[str, ...]) -> Outcome:
        """The same, with what must not be."""
        return replace(self, findings=findings)

    def late(self, tolerance: float) -> float | None:
        """Seconds that the latest decision came after the budget, where that is more than `tolerance`."""
        over = None if self.budget is None else self.seconds["max"] - self.budget
        return over if over is not None and over > tolerance else None

    def to_dict(self) -> dict[str, Any]:
        """As a JSON-safe dictionary."""
        over = (
            None
            if self.budget is None
            else {name: seconds - self.budget for name, seconds in self.seconds.items()}
        )
        return {**asdict(self), "over_budget": over, "passed": not self.findings}


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillReport:
    """What a drill came to; printed, it is the summary.

    Attributes:
        guard: the guard's name.
        model_version: of the primary.
        enforcement: how the guard enforces its budget.
        real_time: whether calls hung in real time.
        requests: how many were sent in each scenario.
        began: when, ISO 8601, UTC.
        versions: of Python and of this package.
        outcomes: one per scenario, good health first.
    """

    guard: str
    model_version: str
    enforcement: str
    real_time: bool
    requests: int
    began: str
    versions: Mapping[str, str]
    outcomes: tuple[Outcome, ...]

    @classmethod
    def of(cls, engine: Engine, requests: int, outcomes: list[Outcome], *, real_time: bool) -> DrillReport:
        """Of one guarded function."""
        from .. import __version__

        return cls(
            guard=engine.name,
            model_version=engine.model_version,
            enforcement=engine.enforcement,
            real_time=real_time,
            requests=requests,
            began=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            versions={"python": platform.python_version(), "inference-guardrails": __version__},
            outcomes=tuple(outcomes),
        )

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not any(outcome.findings for outcome in self.outcomes)

    def to_json(self) -> str:
        """As the text of `drill.json`; it holds no value of a request."""
        own = {**asdict(self), "outcomes": [outcome.to_dict() for outcome in self.outcomes]}
        return json.dumps({"schema_version": SCHEMA_VERSION, "passed": self.passed, **own}, indent=2)

    def __str__(self) -> str:
        return summary(self)


def summary(report: DrillReport) -> str:
    """The report for people, as Markdown."""
    time = "in real time" if report.real_time else "on virtual time"
    lines = [
        f"# Drill of guard {report.guard!r}",
        "",
        f"{report.requests} requests in each scenario, {time}, enforcement {report.enforcement}, {report.began}.",
        f"**{'Passed' if report.passed else 'Findings'}.**",
        "",
        "| scenario | works | degraded | needs review | p99 over budget | silent | verdict |",
        "| --- | --: | --: | --: | --: | --: | --- |",
        *(_row(outcome) for outcome in report.outcomes),
    ]
    for title, chosen in (("Findings", "findings"), ("Not visible in telemetry", "not_visible")):
        told = [
            f"- {outcome.scenario}: {text}"
            for outcome in report.outcomes
            for text in getattr(outcome, chosen)
        ]
        lines += ["", f"## {title}", "", *told] if told else []
    return "\n".join([*lines, ""])


def _row(outcome: Outcome) -> str:
    over = (
        "no budget"
        if outcome.budget is None
        else f"{(outcome.seconds['p99'] - outcome.budget) * 1e3:+.1f} ms"
    )
    counts = " | ".join(str(number) for number in outcome.outcomes.values())
    number = len(outcome.findings)
    verdict = f"{number} finding{'s' if number > 1 else ''}" if number else "passed"
    return f"| {outcome.scenario} | {counts} | {over} | {outcome.silent} | {verdict} |"
