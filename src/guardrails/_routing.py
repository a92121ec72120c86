"""Route: evidence and a policy become an outcome, by one pure table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from ._errors import ConfigurationError
from ._types import Caveat, CaveatCode, Finding


class Action(IntEnum):
    """What the table says of one candidate answer; the larger is the more severe."""

    works = 0
    degraded = 1
    fallback = 2  # ask the next candidate; without one, review
    review = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the routing table.

    Attributes:
        code: the caveat code.
        action: what happens by default.
        allowed: what `Policy` may make of it.
        seen: what was seen, for people.
        mend: what a person can do about it.
        lost: the guarantee that no longer holds.
    """

    code: CaveatCode
    action: Action
    allowed: frozenset[Action]
    seen: str
    mend: str
    lost: str


_NO_ANSWER = frozenset({Action.fallback, Action.review})
_ANSWER = frozenset({Action.degraded, Action.fallback, Action.review})
_ANY = frozenset(Action)
_FIXED_REVIEW = frozenset({Action.review})

TABLE: tuple[Row, ...] = (
    Row(
        CaveatCode.contract,
        Action.fallback,
        _NO_ANSWER,
        "the request breaks the contract",
        "Mend the caller, or give the guard a fallback whose contract holds for it.",
        "max_error: nothing is certified for requests outside the contract",
    ),
    Row(
        CaveatCode.drifted_schema,
        Action.degraded,
        _ANY,
        "the request's schema has drifted from the declared one",
        "Ask the owner of the upstream data what changed.",
        "max_error: the calibration rows did not look like this",
    ),
    Row(
        CaveatCode.novel,
        Action.fallback,
        _ANSWER,
        "the input is unlike the calibration rows",
        "Look for an upstream change; recalibrate if the world has moved.",
        "max_error: it is certified for inputs like the calibration rows",
    ),
    Row(
        CaveatCode.deadline,
        Action.fallback,
        _NO_ANSWER,
        "there was no answer in time",
        "Look at how long the call takes, or raise the budget.",
        "the primary's answer",
    ),
    Row(
        CaveatCode.error,
        Action.fallback,
        _NO_ANSWER,
        "the call raised an exception",
        "decision.failure holds the primary's exception.",
        "the primary's answer",
    ),
    Row(
        CaveatCode.saturated,
        Action.fallback,
        _NO_ANSWER,
        "too many of its calls are running, or abandoned and not over; the function was not called",
        "Find out why its calls do not end.",
        "the primary's answer",
    ),
    Row(
        CaveatCode.circuit_open,
        Action.fallback,
        _NO_ANSWER,
        "it failed too often of late; the function was not called",
        "Mend it; the circuit closes by itself.",
        "the primary's answer",
    ),
    Row(
        CaveatCode.output,
        Action.fallback,
        _NO_ANSWER,
        "the answer breaks the output check",
        "Mend the model's output, or tell the guard how to read it with read=.",
        "the answer that was withheld",
    ),
    Row(
        CaveatCode.uncertain,
        Action.degraded,
        _ANSWER,
        "the model is less certain than the threshold certified for Works",
        "Use the prediction set or the interval instead of the point.",
        "max_error",
    ),
    Row(
        CaveatCode.unanswerable,
        Action.fallback,
        _ANSWER,
        "the model is less certain than any certified threshold",
        "A person, or a fallback certified for such requests, must answer.",
        "max_error and max_degraded_error",
    ),
    Row(
        CaveatCode.uncertified,
        Action.degraded,
        _ANY,
        "no threshold is certified for this answer",
        "Calibrate with max_error= on enough rows, with the guard's own contract and output check.",
        "max_error: it was never certified here",
    ),
    Row(
        CaveatCode.cohort_uncertified,
        Action.degraded,
        _ANY,
        "the request's cohort has no certificate of its own",
        "Calibrate on more rows of this cohort.",
        "max_error: it was never certified for this cohort",
    ),
    Row(
        CaveatCode.fallback,
        Action.degraded,
        frozenset({Action.degraded, Action.review}),
        "a fallback answered",
        "The other caveats say why the primary did not.",
        "max_error and max_degraded_error: they speak of the primary",
    ),
    Row(
        CaveatCode.uncalibrated,
        Action.degraded,
        _ANY,
        "nothing is known about the error of this answer: it has no profile",
        "Calibrate with guardrails.calibrate_classifier or calibrate_regressor on held-out rows and pass profile=; "
        'for a model without scores, say Policy(uncalibrated="works").',
        "max_error and coverage: they were never measured",
    ),
    Row(
        CaveatCode.switched_off,
        Action.fallback,
        _NO_ANSWER,
        "a person has switched the primary off",
        "See who did, and until when, at the switch.",
        "the primary's answer",
    ),
    Row(
        CaveatCode.review_not_stored,
        Action.review,
        _FIXED_REVIEW,
        "the review item was not committed before this decision",
        "Route this request to a person yourself; give the guard review= or look at its store.",
        "a durable review item",
    ),
)

ROWS: dict[CaveatCode, Row] = {row.code: row for row in TABLE}
_ORDER: dict[CaveatCode, int] = {row.code: i for i, row in enumerate(TABLE)}

# after `unanswerable` a fallback answers only where its own certificate holds
_NO_CERTIFICATE = frozenset(
    {CaveatCode.unanswerable, CaveatCode.uncertified, CaveatCode.cohort_uncertified, CaveatCode.uncalibrated}
)

Blocking = Literal["fallback", "review"]
Answering = Literal["degraded", "fallback", "review"]
Waivable = Literal["works", "degraded", "fallback", "review"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Changes rows of the routing table; a field not given keeps the default row.

    `"works"` keeps the caveat on the decision but lets it be `Works`; `"degraded"` answers with the caveat;
    `"fallback"` asks the next fallback, else a person; `"review"` asks a person at once.

    `novelty` names the share of false alarms at which an input is `novel`; the guard's profile must have been calibrated
    for it. None takes the profile's.

    Raises:
        ConfigurationError: a row cannot be changed to that, such as a `deadline` that `works`.
    """

    contract: Blocking = "fallback"
    drifted_schema: Waivable = "degraded"
    novel: Answering = "fallback"
    deadline: Blocking = "fallback"
    error: Blocking = "fallback"
    saturated: Blocking = "fallback"
    circuit_open: Blocking = "fallback"
    output: Blocking = "fallback"
    uncertain: Answering = "degraded"
    unanswerable: Answering = "fallback"
    uncertified: Waivable = "degraded"
    cohort_uncertified: Waivable = "degraded"
    fallback: Literal["degraded", "review"] = "degraded"
    uncalibrated: Waivable = "degraded"
    switched_off: Blocking = "fallback"
    novelty: float | None = None

    def __post_init__(self) -> None:
        bound: object = self.novelty
        if bound is not None and (
            isinstance(bound, bool) or not isinstance(bound, float) or not 0 < bound < 1
        ):
            mend = "must lie between 0 and 1, or be None for the profile's own bound"
            raise ConfigurationError.of("Policy(novelty=)", bound, mend)
        for row in TABLE:
            name = getattr(self, row.code, row.action.name)
            if name not in [a.name for a in row.allowed]:
                choices = " or ".join(repr(a.name) for a in sorted(row.allowed))
                raise ConfigurationError.of(f"Policy({row.code.value}=)", name, f"must be {choices}")

    def action(self, code: CaveatCode) -> Action:
        """What happens when `code` holds for a candidate answer."""
        return Action[getattr(self, code, ROWS[code].action.name)]


DEFAULT_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that routing may look at, for one candidate answer.

    Attributes:
        findings: what the steps saw about this candidate.
        answered: whether there is an answer at all.
        more: whether another candidate can be asked.
        asked: the codes for which this candidate was asked; empty for the primary.
    """

    findings: tuple[Finding, ...]
    answered: bool
    more: bool = False
    asked: frozenset[CaveatCode] = frozenset()


def route(evidence: Evidence, policy: Policy = DEFAULT_POLICY) -> Action:
    """What to do with one candidate answer: the most severe row that applies.

    Total: every evidence gets exactly one of `works`, `degraded`, `fallback` (only where `evidence.more`) or `review`.
    """
    action = Action.works if evidence.answered else Action.fallback
    for finding in evidence.findings:
        action = max(action, _action(finding.code, evidence, policy))
    return Action.review if action is Action.fallback and not evidence.more else action


def _action(code: CaveatCode, evidence: Evidence, policy: Policy) -> Action:
    action = policy.action(code)
    uncertified = CaveatCode.unanswerable in evidence.asked and code in _NO_CERTIFICATE
    return max(action, Action.fallback) if uncertified else action


def caveats(findings: Iterable[Finding]) -> tuple[Caveat, ...]:
    """The findings of all candidates as caveats, in table order, without repetition."""
    unique = dict.fromkeys(findings)
    return tuple(_caveat(finding) for finding in sorted(unique, key=lambda f: _ORDER[f.code]))


def _caveat(finding: Finding) -> Caveat:
    row = ROWS[finding.code]
    detail = f": {finding.detail}" if finding.detail else ""
    lost = row.lost if finding.lost is None else finding.lost
    return Caveat(finding.code, f"{row.seen}{detail}. {row.mend}", lost, finding.fields)


def explain(policy: Policy) -> tuple[str, ...]:
    """The table in force, one line a row."""
    return tuple(f"{row.code.value:<18} {_words(policy.action(row.code)):<34} {row.seen}" for row in TABLE)


def _words(action: Action) -> str:
    return {
        Action.works: "works, with the caveat",
        Action.degraded: "degraded",
        Action.fallback: "next fallback, else needs review",
        Action.review: "needs review",
    }[action]
