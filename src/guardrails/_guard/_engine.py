"""One guarded function's moving parts: its candidates, workers, counters and telemetry, per process."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from .._calls import Latency, Workers, retrying
from .._clock import Deadline, earlier
from .._conformal import Measure
from .._contract import Contract, OutputCheck
from .._profile import Profile
from .._telemetry import Telemetry
from .._types import CaveatCode, Finding, Route
from ._config import INHERIT, Config, Fallback, SwitchState
from ._facts import Fact
from ._novel import novelty_of
from ._request import is_coroutine_function, name_of

_LOG = logging.getLogger("guardrails")

# a fallback never measured gets this share of the budget kept back, and none may ever take more than half
_FIRST_GUESS = 0.2
_MOST = 0.5
# a waiting thread needs up to one switch interval of the interpreter to get its turn
_WAKE_UP = 0.005


class _Ids:
    """Decision ids: random per process, then counted."""

    __slots__ = ("_count", "_prefix")

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self._prefix = os.urandom(8).hex()
        self._count = itertools.count(1)

    def next(self) -> str:
        return f"{self._prefix}-{next(self._count)}"


IDS = _Ids()


@dataclass(slots=True, eq=False)
class Candidate:
    """The primary or one fallback, ready to be asked."""

    name: str
    fn: Callable[..., Any]
    primary: bool
    is_async: bool
    contract: Contract | None
    output: OutputCheck | None
    measure: Measure
    workers: Workers | None
    latency: Latency
    finding: Finding | None  # what its mere answering means: the `fallback` caveat

    @property
    def own(self) -> tuple[Finding, ...]:
        """The `fallback` caveat, for an answer that is not measured."""
        return () if self.finding is None else (self.finding,)

    def named(self, detail: str) -> str:
        """The detail, saying which fallback it is about."""
        if self.primary:
            return detail
        return f"fallback {self.name!r}: {detail}" if detail else f"fallback {self.name!r}"


class Engine:
    """State of one guarded function.

    Args:
        config: the guard's configuration.
        fn: the function.
        name: the guard's name.
    """

    def __init__(self, config: Config, fn: Callable[..., Any], name: str) -> None:
        self.config = config
        self.name = name
        self.clock = config.clock
        self.policy = config.policy
        self.model_version = config.model_version
        fields = () if config.contract is None else config.contract.order()
        self.cohort = Fact(config.cohort, fields)
        self.difficulty = Fact(config.difficulty, fields)
        self.novelty = novelty_of(config.profile, config.novelty, config.contract, config.policy)
        self.mismatch = filters_mismatch(config.profile, config.contract, config.output)
        self.enforcement = _enforcement(config, fn)
        self.about = self._about()
        self.telemetry = Telemetry(
            name,
            static={name.replace("_", "."): value for name, value in self.about.items() if value is not None},
            tracer_provider=config.tracer_provider,
            meter_provider=config.meter_provider,
        )
        primary = self._primary(fn)
        self.candidates = (primary, *(self._fallback(each, primary) for each in config.fallbacks))
        budget = config.budget
        self.controller = retrying(budget) if budget is not None and budget.attempts > 1 else None
        self._switch_state: SwitchState = "normal"
        self._counts: Counter[Route] = Counter()
        self._lock = threading.Lock()
        _ALIVE.add(self)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
        _ALIVE.add(self)

    def _about(self) -> dict[str, Any]:
        budget, profile = self.config.budget, self.config.profile
        return {
            "budget": None if budget is None else budget.seconds,
            "enforcement": self.enforcement,
            "profile": "" if profile is None else f"{profile.name} {profile.model_version}".strip(),
            "model_version": self.model_version,
        }

    def _workers(self, name: str) -> Workers | None:
        budget = self.config.budget
        return None if budget is None else Workers(name, budget.max_abandoned, self.telemetry.abandoned)

    def _first_guess(self) -> float:
        budget, many = self.config.budget, max(len(self.config.fallbacks), 1)
        return 0.0 if budget is None else budget.seconds * _FIRST_GUESS / many

    def _primary(self, fn: Callable[..., Any]) -> Candidate:
        config = self.config
        return Candidate(
            name="primary",
            fn=fn,
            primary=True,
            is_async=is_coroutine_function(fn),
            contract=config.contract,
            output=config.output,
            measure=Measure(config.profile, read=config.read, filters_match=not self.mismatch),
            workers=self._workers(self.name),
            latency=Latency(0.0),
            finding=None,
        )

    def _fallback(self, fallback: Fallback[Any], primary: Candidate) -> Candidate:
        contract = primary.contract if fallback.contract is INHERIT else fallback.contract
        mismatch = filters_mismatch(fallback.profile, contract, fallback.output)
        detail = f"{fallback.name!r}, {fallback.caveat}" if fallback.caveat else repr(fallback.name)
        finding = Finding(CaveatCode.fallback, detail)
        limit = None if self.config.profile is None else self.config.profile.max_degraded_error
        return Candidate(
            name=fallback.name,
            fn=fallback.fn,
            primary=False,
            is_async=is_coroutine_function(fallback.fn),
            contract=contract,
            output=fallback.output,
            measure=Measure(
                fallback.profile,
                read=fallback.read,
                filters_match=not mismatch,
                fallback=finding,
                limit=limit,
            ),
            workers=self._workers(f"{self.name} fallback {fallback.name}"),
            latency=Latency(self._first_guess()),
            finding=finding,
        )

    def deadline(self, begin: float) -> Deadline | None:
        """When the caller must have its decision; the earlier of the own budget and an enclosing deadline."""
        budget = self.config.budget
        return None if budget is None else earlier(Deadline(begin + budget.seconds, self.clock))

    def cut(self, deadline: Deadline | None, position: int) -> Deadline | None:
        """When the candidate at `position` must have answered: time is kept back for what comes after it."""
        if deadline is None:
            return None
        keep = self.kept_back(position)
        if keep == 0.0:
            return deadline
        # an enclosing deadline may have left less than the budget: half of what there is belongs to this candidate
        keep = min(keep, max(deadline.left(), 0.0) * _MOST)
        return Deadline(deadline.at - keep, deadline.clock)

    def kept_back(self, position: int) -> float:
        """Seconds kept back after the candidate at `position`: recent q99 of each later fallback and of a commit."""
        budget, review = self.config.budget, self.config.review
        if budget is None:
            return 0.0
        later = self.candidates[position + 1 :]
        keep = sum(max(each.latency.q99, _WAKE_UP) for each in later)
        if review is not None:
            keep += review.commit_q99()
        return min(keep, budget.seconds * _MOST)

    def switch_state(self) -> SwitchState:
        """What the switch says; the last good state where it fails or says something else."""
        switch = self.config.switch
        if switch is None:
            return "normal"
        try:
            state = switch()
        except Exception:
            _LOG.warning(
                "guard %r: the switch raised; state %r stays in force", self.name, self._switch_state
            )
            return self._switch_state
        if isinstance(cast("object", state), str) and state in {"normal", "fallback_only", "review_all"}:
            self._switch_state = state
        else:
            _LOG.warning(
                "guard %r: the switch gave an unknown state; %r stays in force", self.name, self._switch_state
            )
        return self._switch_state

    def count(self, route: Route, number: int = 1) -> None:
        """Count decisions for `status()`."""
        with self._lock:
            self._counts[route] += number

    def tell(self, decision: Any) -> None:
        """Tell the observers; what one raises is logged and harms nobody."""
        for observer in self.config.observers:
            try:
                observer(decision)
            except Exception as error:
                _LOG.warning(
                    "guard %r: observer %s raised %s", self.name, name_of(observer), type(error).__name__
                )

    def feedback(self, decision_id: str, truth: Any) -> int:
        """Pass a label on to every observer that takes labels; the number of those that took it."""
        taken = 0
        for observer in self.config.observers:
            take = getattr(observer, "feedback", None)
            if take is not None:
                take(decision_id, truth)
                taken += 1
        return taken

    def status(self) -> dict[str, Any]:
        """Counters of this process, JSON-safe."""
        return {
            "guard": self.name,
            "pid": os.getpid(),
            "enforcement": self.enforcement,
            "decisions": {route.value: self._counts[route] for route in Route},
            "abandoned": {c.name: 0 if c.workers is None else c.workers.abandoned for c in self.candidates},
            "abandoned_total": {
                c.name: 0 if c.workers is None else c.workers.abandoned_total for c in self.candidates
            },
            "kept_back": self.kept_back(0),
            "drift": self._drift(),
            "switch": self.switch_state(),
        }

    def _drift(self) -> dict[str, int]:
        """How often the requests' schema drifted, by field and kind."""
        contract = self.config.contract
        return (
            {}
            if contract is None
            else {f"{name}: {kind}": n for (name, kind), n in contract.counts().items()}
        )

    def reset(self) -> None:
        """Forget counters, workers and measured durations, as after a fork."""
        self._lock = threading.Lock()  # after a fork, the old one may be held by a thread that is not there
        self._counts = Counter()
        for candidate in self.candidates:
            candidate.latency = Latency(0.0 if candidate.primary else self._first_guess())
            if candidate.workers is not None:
                candidate.workers.reset()


_ALIVE: weakref.WeakSet[Engine] = weakref.WeakSet()


def _after_fork() -> None:
    IDS.renew()
    for engine in list(_ALIVE):
        engine.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def filters_mismatch(profile: Profile | None, contract: Contract | None, output: OutputCheck | None) -> str:
    """Why the guard's filters are not those of its certificate; "" where they are."""
    if profile is None:
        return ""
    return profile.matches_filters(
        None if contract is None else contract.fingerprint, None if output is None else output.fingerprint
    )


def _enforcement(config: Config, fn: Callable[..., Any]) -> str:
    if config.budget is None:
        return "inline"
    return "async" if is_coroutine_function(fn) else "thread"
