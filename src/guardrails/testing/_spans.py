"""Spans and metrics of guards in memory: an own provider, nothing global."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from .._errors import ConfigurationError
from ._seam import Telemetry, alive, exchange_instruments, layered, make_here

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider


class Spans:
    """What guards export, kept in memory.

    Inside `with spans.recording():` every guard of the process exports here, those that are already defined and those
    that the block defines, whatever provider they were given. OpenTelemetry's global providers are not touched.

    Attributes:
        tracer_provider: the own provider, for other instrumentation under test.
        meter_provider: the same for metrics.

    Raises:
        ConfigurationError: the OpenTelemetry SDK is not installed.
    """

    def __init__(self) -> None:
        if find_spec("opentelemetry.sdk") is None:
            mend = (
                "OpenTelemetry's SDK is needed to record spans: pip install 'inference-guardrails[testing]'"
            )
            raise ConfigurationError(mend)
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracer_provider: TracerProvider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meter_provider: MeterProvider = MeterProvider([self._reader], shutdown_on_exit=False)

    @property
    def finished(self) -> tuple[ReadableSpan, ...]:
        """All spans that have ended, in the order of their ends: an attempt's before its call's."""
        return self._exporter.get_finished_spans()

    @property
    def calls(self) -> tuple[ReadableSpan, ...]:
        """The spans of guarded calls alone, without those of attempts."""
        return tuple(span for span in self.finished if span.name.startswith("guard "))

    def clear(self) -> None:
        """Forget the spans recorded so far."""
        self._exporter.clear()

    def metrics(self) -> dict[str, list[tuple[dict[str, Any], Any]]]:
        """Each metric's points so far: its attributes, and its number; of a histogram, the number of its records."""
        data = self._reader.get_metrics_data()
        found: dict[str, list[tuple[dict[str, Any], Any]]] = {}
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found[metric.name] = [_point(point) for point in metric.data.data_points]
        return found

    @contextmanager
    def recording(self) -> Iterator[Spans]:
        """Take in what every guard exports, for the length of the block."""
        born: list[Telemetry] = []
        with layered(Telemetry, "_make", lambda _: self._maker(born)):
            kept = [(engine.telemetry, exchange_instruments(engine.telemetry, None)) for engine in alive()]
            try:
                yield self
            finally:
                for telemetry, made in [*((each, None) for each in born), *kept]:
                    exchange_instruments(telemetry, made)

    def _maker(self, born: list[Telemetry]) -> Callable[[Telemetry], Any]:
        """What makes the instruments of a guard in the block, from the own providers."""

        def make(telemetry: Telemetry) -> Any:
            born.append(telemetry)
            return make_here(telemetry, self.tracer_provider, self.meter_provider)

        return make


def _point(point: Any) -> tuple[dict[str, Any], Any]:
    return dict(point.attributes), getattr(point, "value", getattr(point, "count", None))
