"""Looks for a request's values in what leaves the process: spans, metrics, logs, and what a decision shows of itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from ._broken_inputs import changed
from ._spans import Spans
from ._subject import Subject

_TEXT = "kept-secret-7c1f93"
_FLOAT = 918273.645
_INT = 918273645
_DIGITS = 4

Shown = tuple[str, Any]  # where, and what


def leaks(subject: Subject) -> list[str]:
    """Where a value of a request is shown, in words that name the place and the field."""
    secrets = dict(_distinct(_fields(subject.rows[0])))
    shown = [*_shown(subject, subject.request)]
    with subject.faults.error(subject.guarded, ValueError(f"cannot read {_TEXT} {secrets}")):
        shown += _shown(subject, subject.request)
    shown += _shown(subject, _canary(subject))
    given = {
        **secrets,
        "its exception's message": _TEXT,
        "a number of it": _FLOAT,
        "a whole number of it": _INT,
    }
    found = [
        f"{where} holds the value of {name}"
        for where, what in shown
        for name, value in given.items()
        if _holds(what, value)
    ]
    return list(dict.fromkeys([*found, *_foreign(subject, shown)]))


def _fields(record: Any) -> Mapping[str, Any]:
    if isinstance(record, Mapping):
        return record
    if hasattr(record, "index") and hasattr(record, "iloc"):
        return {str(name): value for name, value in record.items()}
    if isinstance(record, np.ndarray | list | tuple):
        return {
            f"field {place}": value
            for place, value in enumerate(np.asarray(record, dtype=object).ravel().tolist())
        }
    return dict(vars(record)) if hasattr(record, "__dict__") else {}


def _distinct(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Values that nothing else would be: numbers of four digits and more, not whole ones."""
    for name, value in fields.items():
        if isinstance(value, float | np.floating) and np.isfinite(value) and not float(value).is_integer():
            digits = f"{float(value):.12g}".replace("-", "").replace(".", "").lstrip("0")
            if len(digits) >= _DIGITS:
                yield f"field {name!r}", float(value)


def _canary(subject: Subject) -> Any:
    """The request with values that are found wherever they go."""
    contract = subject.engine.config.contract
    order = () if contract is None else contract.order()
    request = subject.request
    for name in _fields(subject.rows[0]):
        with suppress(Exception):  # a field that cannot be changed is left as it is
            request = changed(request, name, _secret, order)
    return request


def _secret(value: Any) -> Any:
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return value
    return _INT if isinstance(value, int | np.integer) else _FLOAT


def _shown(subject: Subject, request: Any) -> Iterator[Shown]:
    """Everything that one call shows."""
    spans, records = Spans(), _Records()
    logger = logging.getLogger("guardrails")
    logger.addHandler(records)
    try:
        with spans.recording():
            decisions = subject.decisions(request)
    finally:
        logger.removeHandler(records)
    for decision in decisions:
        yield "the decision's repr", repr(decision)
        yield from _leaves("the decision's to_dict()", decision.to_dict())
    for line in records.lines:
        yield "a log record", line
    for span in spans.finished:
        yield from _of_span(span)
    for name, points in spans.metrics().items():
        for attributes, _ in points:
            yield from _leaves(f"metric {name!r}", attributes)


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _of_span(span: Any) -> Iterator[Shown]:
    where = f"span {span.name!r}"
    yield where, span.name
    yield from _leaves(where, span.attributes or {})
    yield where, span.status.description or ""
    for event in span.events:
        yield from _leaves(f"{where}, event {event.name!r},", event.attributes or {})


def _leaves(where: str, value: Any, name: str = "") -> Iterator[Shown]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(where, each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(where, each, name)
    else:
        yield f"{where} {name!r}", value


def _holds(what: Any, value: Any) -> bool:
    if isinstance(what, str):
        return str(value) in what
    return isinstance(what, int | float) and not isinstance(what, bool) and what == value


def _foreign(subject: Subject, shown: Iterable[Shown]) -> Iterator[str]:
    """Attributes that are not the guard's own and equal a value of the request, however short it is."""
    fields = _fields(subject.rows[0])
    for where, what in shown:
        own = "inference_guardrails." in where or "error.type" in where or not where.startswith("span ")
        if own or where.startswith(f"span {what!r}"):
            continue
        for name, value in fields.items():
            if isinstance(value, str | int | float) and not isinstance(value, bool) and what == value:
                yield f"{where} holds the value of field {name!r}"
