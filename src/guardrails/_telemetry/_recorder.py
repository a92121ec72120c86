"""Telemetry: start a guarded call's span, end it with the decision, and count."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, TracerProvider, set_span_in_context

from guardrails._errors import kind_of
from guardrails._types import Caveat, CaveatCode, Details, Route

from . import _attributes as names
from ._attributes import Counts, Static, text
from ._instruments import Harmless, Instruments, make_instruments

NO_SPAN: tuple[Span, None] = (INVALID_SPAN, None)


class Telemetry:
    """The spans and metrics of one guard.

    Uses the OpenTelemetry API only: without an SDK every method does next to nothing. A provider, processor or
    exporter that raises an `Exception` is logged once and the call goes on. No method takes an input value, an
    answer or an exception's message. Pickled, it loses the providers it was given and takes the global ones.

    Args:
        guard_name: the guard's name; part of the span's name and an attribute of every metric.
        static: attributes known when the guard is defined, set when the span starts (samplers see only those);
            `budget` becomes `inference_guardrails.budget`.
        tracer_provider: where spans go; None takes the global one when the first span starts.
        meter_provider: where metrics go; None takes the global one likewise.
    """

    def __init__(
        self,
        guard_name: str,
        *,
        static: Mapping[str, Static],
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        guard = text(guard_name)
        self._span_name = f"guard {guard}"
        self._static = names.static(guard, static)
        self._guard_key = {names.GUARD: guard}
        self._decision_keys: dict[tuple[Route, CaveatCode | None], dict[str, str]] = {}
        self._call_keys: dict[Route | None, dict[str, str]] = {}
        self._harmless = Harmless(guard)
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider
        self._made: Instruments | None = None

    def __getstate__(self) -> dict[str, Any]:
        # providers and instruments hold the locks and threads of this process
        return {
            **self.__dict__,
            "_tracer_provider": None,
            "_meter_provider": None,
            "_made": None,
        }

    def start(self) -> tuple[Span, Context | None]:
        """Start the INTERNAL span `guard {name}` with the static attributes; it is not made current.

        Returns:
            The span, and the context in which spans become its children; None where there is no real span to belong to.
        """
        try:
            tracer = (self._made or self._make()).tracer
            if tracer is None:
                return NO_SPAN
            parent = otel_context.get_current()  # once: an SDK that is given none looks it up three times
            span = tracer.start_span(
                self._span_name,
                parent,
                SpanKind.INTERNAL,
                self._static,
                record_exception=False,
                set_status_on_exception=False,
            )
            return span, set_span_in_context(span, parent) if span.get_span_context().is_valid else None
        except Exception as error:
            self._harmless.say(error)
            return NO_SPAN

    #: makes a context current in the running thread's (or task's, or copied) `contextvars.Context`
    attach = staticmethod(otel_context.attach)

    @staticmethod
    def detach(token: Token[Context]) -> None:
        """Undo `attach`."""
        otel_context.detach(token)

    def decided(
        self,
        span: Span,
        route: Route,
        caveats: tuple[Caveat, ...],
        details: Details,
        context: Context | None = None,
    ) -> None:
        """End the span of a call that ended in a decision, count the decision, record the duration.

        The span's status stays unset, whatever the route: a failure that was handled is no error of the guard.

        Args:
            span: what `start` returned.
            route: where the request ended.
            caveats: in table order; the first one's code is the counter's.
            details: the decision's.
            context: what `start` returned; lets the SDK link the duration of a call that did not end in `works` to its trace
                (an exemplar).
        """
        if span is not INVALID_SPAN:
            try:
                try:
                    if span.is_recording():
                        span.set_attributes(names.of_decision(route, caveats, details))
                finally:
                    span.end()
            except Exception as error:
                self._harmless.say(error)
        try:
            measures = (self._made or self._make()).measures
            if measures is None:
                return
            around = otel_context.get_current()  # once for both
            key = (route, caveats[0].code if caveats else None)
            measures.decisions.add(1, self._decision_keys.get(key) or self._decision_key(key), around)
            call_key = self._call_keys.get(route) or self._call_key(route)
            # an exemplar costs as much as the record itself: the calls that came out well are done without it
            linked = around if route is Route.works or context is None else context
            measures.calls.record(details.elapsed, call_key, linked)
        except Exception as error:
            self._harmless.say(error)

    def table_decided(
        self,
        span: Span,
        *,
        counts: Counts,
        rows: int,
        elapsed: float,
        decision_id: str,
        context: Context | None = None,
    ) -> None:
        """End the span of a table, count the decisions of its rows, record the table's duration.

        Args:
            span: what `start` returned.
            counts: rows per route and caveat codes, the codes in table order.
            rows: rows of the table; with 0 the span has no route, and the duration counts under `none`.
            elapsed: seconds from the call to the decisions of all rows.
            decision_id: the table's id; goes to the span only.
            context: what `start` returned.
        """
        try:
            if span.is_recording():
                span.set_attributes(names.of_table(counts, rows, elapsed, decision_id))
        except Exception as error:
            self._harmless.say(error)
        self._end(span)
        route = names.worst_route(counts)
        try:
            measures = (self._made or self._make()).measures
            if measures is None:
                return
            for key, count in names.by_first_code(counts).items():
                measures.decisions.add(count, self._decision_keys.get(key) or self._decision_key(key))
            call_key = self._call_keys.get(route) or self._call_key(route)
            measures.calls.record(elapsed, call_key, context)
        except Exception as error:
            self._harmless.say(error)

    def _end(self, span: Span) -> None:
        try:
            span.end()
        except Exception as error:
            self._harmless.say(error)

    def attempt(
        self,
        span: Span,
        *,
        candidate: str,
        number: int,
        code: CaveatCode | None,
        error_type: str | None,
        start_time_ns: int,
        end_time_ns: int,
    ) -> None:
        """Record one attempt after the fact: its duration, and a child span with its own times.

        For calls with more than one attempt or a failure: a call that succeeds at once has no attempt spans. An
        attempt that failed has the status ERROR and `error.type`: the class name, else the caveat code.

        Args:
            span: what `start` returned.
            candidate: `primary` or the fallback's name.
            number: which attempt of this candidate, from 1.
            code: why the attempt gave no answer; None when it did.
            error_type: class name of the exception; None where none was raised.
            start_time_ns: nanoseconds since the epoch.
            end_time_ns: nanoseconds since the epoch.
        """
        name, outcome = text(candidate), names.NONE if code is None else code.value
        with self._harmless:
            key = {**self._guard_key, names.CANDIDATE: name, names.CODE: outcome}
            seconds = max(end_time_ns - start_time_ns, 0) / 1e9
            if (measures := (self._made or self._make()).measures) is not None:
                measures.attempts.record(seconds, key)
        with self._harmless:
            if span.is_recording():
                failure = error_type or code
                child = self._child(span, name, {names.NUMBER: number, names.CODE: outcome}, start_time_ns)
                if failure:
                    _fail(child, failure)
                child.end(end_time_ns)

    def note(self, span: Span, name: str, value: str) -> None:
        """Say on a span what seldom holds: the switch where it is not at normal, the circuit where it is not closed."""
        with self._harmless:
            span.set_attribute(names.NAMESPACE + name, text(value))

    def abandoned(self, change: int) -> None:
        """Count attempts that were abandoned and still run: +1 when one is abandoned, -1 when it has ended."""
        with self._harmless:
            if (measures := (self._made or self._make()).measures) is not None:
                measures.abandoned.add(change, self._guard_key)

    def aborted(self, span: Span, error: BaseException) -> None:
        """End the span of a call that `error` leaves without a decision, such as `KeyboardInterrupt`.

        The span gets the status ERROR and the class name of `error`, never its message. Nothing is counted.
        """
        with self._harmless:
            try:
                if span.is_recording():
                    _fail(span, kind_of(error))
            finally:
                span.end()

    def _child(self, span: Span, name: str, attributes: Mapping[str, str | int], start_time_ns: int) -> Span:
        tracer = (self._made or self._make()).tracer
        assert tracer is not None  # noqa: S101 - the span that it belongs to is recording
        return tracer.start_span(
            f"attempt {name}",
            set_span_in_context(span),
            SpanKind.INTERNAL,
            {**self._guard_key, names.CANDIDATE: name, **attributes},
            start_time=start_time_ns,
            record_exception=False,
            set_status_on_exception=False,
        )

    def _decision_key(self, key: tuple[Route, CaveatCode | None]) -> dict[str, str]:
        route, code = key
        made = {
            **self._guard_key,
            names.ROUTE: route.value,
            names.CODE: names.NONE if code is None else code.value,
        }
        return self._decision_keys.setdefault(key, made)

    def _call_key(self, route: Route | None) -> dict[str, str]:
        made = {**self._guard_key, names.ROUTE: names.NONE if route is None else route.value}
        return self._call_keys.setdefault(route, made)

    def _make(self) -> Instruments:
        # two threads may both come here: the SDK gives both the same instruments
        made = make_instruments(self._tracer_provider, self._meter_provider, self._harmless)
        self._made = made
        return made


def _fail(span: Span, error_type: str) -> None:
    span.set_attribute(names.ERROR_TYPE, text(error_type))
    span.set_status(StatusCode.ERROR)
