"""The end of one request: its decision, its review item, its record."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from .._calls import Effect
from .._conformal import Measured
from .._guard_ports import ReviewItem, make_json
from .._routing import Action, caveats
from .._types import Caveat, Decision, Degraded, Details, NeedsReview, Works, works_of
from ._engine import IDS
from ._findings import store
from ._settle import probe
from ._trial import Trial

_UNMEASURED = Measured(None, None, None, ())


def works(trial: Trial) -> Works[Any]:
    """The decision of a request whose answer lies in the certified region, or whose caveats the owner waives."""
    return works_of(
        trial.value, caveats(trial.findings) if trial.findings else (), _details(trial, trial.now)
    )


def conclude(trial: Trial, action: Action) -> Generator[Effect, Any, Decision[Any]]:
    """The decision of any other request; a review is committed first."""
    if action is Action.degraded:
        return Degraded(trial.value, caveats(trial.findings), _details(trial, trial.now))
    trial.served = None
    trial.id = IDS.next()
    reasons = caveats(trial.findings)
    problem = yield from store(trial.engine, [_review_item(trial, reasons)], trial.deadline())
    if problem is not None:
        reasons = caveats((*trial.findings, problem))
    return NeedsReview(reasons, _details(trial, trial.engine.clock.monotonic()))


def _review_item(trial: Trial, reasons: tuple[Caveat, ...]) -> ReviewItem:
    """What a person needs in order to decide in the model's place."""
    engine, withheld = trial.engine, trial.withheld
    measured = None if withheld is None else withheld.measured
    return ReviewItem(
        id=trial.id,
        guard_name=engine.name,
        created=engine.clock.time(),
        model_version=engine.model_version,
        caveats=tuple(reason.to_dict() for reason in reasons),
        served_by="" if withheld is None else withheld.by,
        request=make_json(trial.request),
        withheld=None if withheld is None else make_json(withheld.value),
        prediction=None
        if measured is None or measured.prediction is None
        else make_json(measured.prediction),
    )


def _details(trial: Trial, now: float) -> Details:
    engine, served = trial.engine, trial.served
    prediction, prediction_set, interval, _ = _UNMEASURED if served is None else trial.measured or _UNMEASURED
    return Details(
        trial.id or IDS.next(),
        engine.name,
        engine.model_version,
        "" if served is None else served.name,
        prediction,
        prediction_set,
        interval,
        now - trial.begin,
        trial.failure,
    )


def record(trial: Trial, decision: Decision[Any]) -> None:
    """Count the decision, end its span, tell the observers; and run in the shadow what is due."""
    engine, details = trial.engine, decision.details
    engine.counts[decision.route].one()
    engine.telemetry.decided(
        trial.span,
        decision.route,
        decision.caveats,
        details,
        trial.context,
    )
    if engine.config.observers:
        engine.tell(decision)
    if engine.probed:
        probe(trial)
