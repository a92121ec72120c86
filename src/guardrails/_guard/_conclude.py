"""The end of one request: its decision, its review item, its record."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from .._calls import Effect
from .._guard_ports import ReviewItem, make_json
from .._routing import Action, caveats
from .._types import Caveat, Decision, Degraded, Details, NeedsReview, Works
from ._engine import IDS
from ._findings import store
from ._trial import Trial


def conclude(trial: Trial, action: Action) -> Generator[Effect, Any, Decision[Any]]:
    """Make the decision that the chain came to; a review is committed first."""
    if action is Action.works:
        reasons = () if not trial.findings else caveats(trial.findings)
        return Works(trial.value, reasons, _details(trial))
    if action is Action.degraded:
        return Degraded(trial.value, caveats(trial.findings), _details(trial))
    trial.served = None
    trial.id = IDS.next()
    reasons = caveats(trial.findings)
    problem = yield from store(trial.engine, [_review_item(trial, reasons)], trial.deadline)
    if problem is not None:
        reasons = caveats((*trial.findings, problem))
    return NeedsReview(reasons, _details(trial))


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


def _details(trial: Trial) -> Details:
    engine, measured, served = trial.engine, trial.measured, trial.served
    shown = measured if served is not None else None
    return Details(
        id=trial.id or IDS.next(),
        guard_name=engine.name,
        model_version=engine.model_version,
        served_by="" if served is None else served.name,
        prediction=None if shown is None else shown.prediction,
        prediction_set=None if shown is None else shown.prediction_set,
        interval=None if shown is None else shown.interval,
        elapsed=engine.clock.monotonic() - trial.begin,
        failure=trial.failure,
    )


def record(trial: Trial, decision: Decision[Any]) -> None:
    """Count the decision, end its span, tell the observers."""
    engine, details = trial.engine, decision.details
    engine.count(decision.route)
    engine.telemetry.decided(
        trial.span,
        route=decision.route,
        caveats=decision.caveats,
        served_by=details.served_by,
        elapsed=details.elapsed,
        decision_id=details.id,
        set_size=None if details.prediction_set is None else len(details.prediction_set),
        width=None if details.interval is None else details.interval.width,
        context=trial.context,
        **engine.about,
    )
    if engine.config.observers:
        engine.tell(decision)
