"""One guarded function's moving parts: its candidates, counters, switch and telemetry, per process."""

from __future__ import annotations

import itertools
import logging
import os
import weakref
from collections.abc import Callable
from typing import Any, cast

from .._calls import Pace
from .._switch import STATES, SwitchState, switched
from .._telemetry import Telemetry
from .._types import Route
from ._candidate import candidates_of, enforcement_of, filters_mismatch, first_guess
from ._config import Config
from ._count import Count
from ._facts import Fact
from ._novel import novelty_of
from ._request import name_of
from ._schedule import Schedule

_LOG = logging.getLogger("guardrails")


class _Ids:
    """Decision ids: random per process, then counted."""

    __slots__ = ("next",)

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        #: the next id; without a step of Python, since each request takes one
        self.next = map(f"{os.urandom(8).hex()}-{{}}".format, itertools.count(1)).__next__


IDS = _Ids()


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
        self.has_facts = config.cohort is not None or config.difficulty is not None
        self.novelty = novelty_of(config.profile, config.novelty, config.contract, config.policy)
        self.mismatch = filters_mismatch(config.profile, config.contract, config.output)
        self.enforcement = enforcement_of(config.budget, fn)
        self.telemetry = Telemetry(
            name,
            static={name: value for name, value in self._about().items() if value is not None},
            tracer_provider=config.tracer_provider,
            meter_provider=config.meter_provider,
        )
        self.candidates = candidates_of(config, fn, name, self.telemetry.abandoned)
        budget = config.budget
        self.pace = Pace(budget) if budget is not None and budget.attempts > 1 else None
        self.schedule = Schedule(config, self.candidates)
        # what the first call of the primary needs to be made without further ado
        self.plain = self.pace is None and not self.schedule.cut[0]
        self.probed = any(each.probe for each in self.candidates)
        self._switch_state: SwitchState = "normal"
        self.counts = {route: Count() for route in Route}
        _ALIVE.add(self)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "counts"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.counts = {route: Count() for route in Route}
        _ALIVE.add(self)

    def _about(self) -> dict[str, Any]:
        budget, profile = self.config.budget, self.config.profile
        return {
            "budget": None if budget is None else budget.seconds,
            "enforcement": self.enforcement,
            "profile": "" if profile is None else f"{profile.name} {profile.model_version}".strip(),
            "model.version": self.model_version,
            "switch": "normal",
        }

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
        if isinstance(cast("object", state), str) and state in STATES:
            self._switch_state = state
        else:
            _LOG.warning(
                "guard %r: the switch gave an unknown state; %r stays in force", self.name, self._switch_state
            )
        return self._switch_state

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
            "decisions": {route.value: count.value() for route, count in self.counts.items()},
            "abandoned": {c.name: 0 if c.workers is None else c.workers.abandoned for c in self.candidates},
            "abandoned_total": {
                c.name: 0 if c.workers is None else c.workers.abandoned_total for c in self.candidates
            },
            "running": {c.name: 0 if c.workers is None else c.workers.running for c in self.candidates},
            "circuit": {c.name: None if c.circuit is None else c.circuit.status() for c in self.candidates},
            "kept_back": self.schedule.kept_back(0),
            "drift": self._drift(),
            "switch": self.switch_state(),
            "switched": switched(self.config.switch),
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
        # after a fork, a lock of the old ones may be held by a thread that is not there
        self.counts = {route: Count() for route in Route}
        if self.pace is not None:
            self.pace.tokens.reset()
        for candidate in self.candidates:
            candidate.reset(first_guess(self.config))


_ALIVE: weakref.WeakSet[Engine] = weakref.WeakSet()


def _after_fork() -> None:
    IDS.renew()
    for engine in list(_ALIVE):
        engine.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
