"""The tracer and the metric instruments of one guard, each a no-op where its provider is broken."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType

from opentelemetry import metrics, trace
from opentelemetry.metrics import (
    Counter,
    Histogram,
    Meter,
    MeterProvider,
    NoOpMeterProvider,
    UpDownCounter,
)
from opentelemetry.trace import NoOpTracerProvider, Tracer, TracerProvider

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_SCOPE = "inference_guardrails"
_SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
_LOG = logging.getLogger("guardrails")


class Harmless:
    """A block whose `Exception` is logged once per guard, by class name, and goes no further."""

    __slots__ = ("_guard", "_said")

    def __init__(self, guard: str) -> None:
        self._guard = guard
        self._said = False

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.say(error)
        return True

    def say(self, error: Exception) -> None:
        """Log it, once per guard."""
        if not self._said:
            self._said = True
            # the message of a foreign exception may quote what it was given: its class is all that is said
            with suppress(Exception):  # the handler may be telemetry of its own
                _LOG.warning(
                    "telemetry of guard %r fails with %s; decisions go on without it (said once)",
                    self._guard,
                    type(error).__name__,
                )


@dataclass(frozen=True, slots=True)
class Measures:
    """The metric instruments; guards share them, since the SDK joins equal names of one scope."""

    decisions: Counter
    calls: Histogram
    attempts: Histogram
    abandoned: UpDownCounter


@dataclass(frozen=True, slots=True)
class Instruments:
    """What a guard records with; None where the owner has said that no span, or no metric, is wanted."""

    tracer: Tracer | None
    measures: Measures | None


def make_instruments(
    tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None, harmless: Harmless
) -> Instruments:
    """Tracer and instruments of the providers given, or of the global ones; one broken signal leaves the other."""
    tracer: Tracer | None = None
    with harmless:
        if not isinstance(tracer_provider, NoOpTracerProvider):
            tracer = (tracer_provider or trace.get_tracer_provider()).get_tracer(_SCOPE, _version(), _SCHEMA)
    measures: Measures | None = None
    with harmless:
        if not isinstance(meter_provider, NoOpMeterProvider):
            meter = (meter_provider or metrics.get_meter_provider()).get_meter(_SCOPE, _version(), _SCHEMA)
            measures = _measures(meter)
    return Instruments(tracer, measures)


def _measures(meter: Meter) -> Measures:
    return Measures(
        decisions=meter.create_counter(
            "inference_guardrails.decisions", "{decision}", "Decisions by guard, route and first caveat code."
        ),
        calls=meter.create_histogram(
            "inference_guardrails.call.duration",
            "s",
            "Duration of guarded calls, from the call to the decision.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        ),
        attempts=meter.create_histogram(
            "inference_guardrails.attempt.duration",
            "s",
            "Duration of attempts, in calls with more than one attempt or a failure.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        ),
        abandoned=meter.create_up_down_counter(
            "inference_guardrails.attempt.abandoned",
            "{attempt}",
            "Attempts past their deadline that still run.",
        ),
    )


def _version() -> str:
    try:
        return version("inference-guardrails")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return ""
