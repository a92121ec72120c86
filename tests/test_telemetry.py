"""Telemetry: what a span and the metrics say, and that nothing of them reaches the request path."""

import contextvars
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import cloudpickle
import pytest
from opentelemetry import trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import NoOpTracerProvider, SpanKind, StatusCode

from guardrails._routing import ROWS
from guardrails._telemetry import Telemetry, _attributes
from guardrails._types import Caveat, CaveatCode, Details, Interval, Route

NS = "inference_guardrails."
ANSWER = {
    "route": Route.works,
    "caveats": (),
    "served_by": "primary",
    "elapsed": 0.012,
    "id": "d-1",
    "prediction_set": frozenset({"fine"}),
}
TABLE = {"elapsed": 0.5, "decision_id": "t-1"}
ATTEMPT = {"candidate": "primary", "number": 1, "code": None, "error_type": None}


def ended(telemetry, span, *, route, caveats, context=None, **details):
    """End the span with a decision of these details."""
    return telemetry.decided(span, route, caveats, Details(**details), context)


def begun(telemetry):
    """The span of a call; `telemetry.start` gives its context too."""
    return telemetry.start()[0]


class Recorded:
    """A guard's telemetry with an SDK of its own, and what the SDK has got from it."""

    def __init__(self, sampler=None, processor=None, **static):
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.tracers.add_span_processor(processor or SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.telemetry = Telemetry(
            "booking", static=static, tracer_provider=self.tracers, meter_provider=self.meters
        )

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def metric(self, name: str):
        data = self.reader.get_metrics_data()
        scopes = [] if data is None else [scope for r in data.resource_metrics for scope in r.scope_metrics]
        return next(m for scope in scopes for m in scope.metrics if m.name == NS + name)

    def points(self, name: str) -> list:
        return list(self.metric(name).data.data_points)


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    made = Recorded(
        budget=0.15,
        enforcement="thread",
        profile="booking",
        **{"model.version": "2026-11-01"},
        switch="normal",
    )
    yield made
    made.tracers.shutdown()
    made.meters.shutdown()


def caveat(code: CaveatCode) -> Caveat:
    return Caveat(code, ROWS[code].seen)


def test_a_call_is_one_internal_span_with_the_decision(recorded):
    """The span says who decided what, for which model, in what time, and nothing else."""
    ended(recorded.telemetry, begun(recorded.telemetry), **ANSWER)

    (span,) = recorded.spans()
    assert (span.name, span.kind) == ("guard booking", SpanKind.INTERNAL)
    assert dict(span.attributes) == {
        NS + "guard.name": "booking",
        NS + "route": "works",
        NS + "served_by": "primary",
        NS + "elapsed": 0.012,
        NS + "budget": 0.15,
        NS + "enforcement": "thread",
        NS + "decision.id": "d-1",
        NS + "set_size": 1,
        NS + "profile": "booking",
        NS + "model.version": "2026-11-01",
        NS + "switch": "normal",
    }


def test_a_handled_failure_is_no_error_of_the_span(recorded):
    """A degraded decision leaves the status unset and makes no span event."""
    caveats = (caveat(CaveatCode.deadline), caveat(CaveatCode.fallback))
    degraded = ANSWER | {
        "route": Route.degraded,
        "caveats": caveats,
        "served_by": "scorecard",
        "prediction_set": None,
    }

    ended(recorded.telemetry, begun(recorded.telemetry), **(degraded | {"interval": Interval(0.0, 12.5)}))

    (span,) = recorded.spans()
    assert span.status.status_code is StatusCode.UNSET
    assert span.events == ()
    assert span.attributes[NS + "caveats"] == ("deadline", "fallback")
    assert span.attributes[NS + "interval_width"] == 12.5
    assert NS + "set_size" not in span.attributes


class Remembering(Sampler):
    """Samples everything and keeps what it was shown."""

    def __init__(self):
        self.seen = []

    def should_sample(
        self, parent_context, trace_id, name, kind=None, attributes=None, links=None, trace_state=None
    ):
        self.seen.append(dict(attributes or {}))
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)

    def get_description(self):
        return "remembering"


def test_a_sampler_sees_the_static_attributes():
    """What is known at definition is there when the sampler decides."""
    sampler = Remembering()
    begun(Recorded(sampler, profile="booking", **{"model.version": "7"}).telemetry)

    assert sampler.seen == [
        {NS + "profile": "booking", NS + "model.version": "7", NS + "guard.name": "booking"},
    ]


def test_a_decision_overrides_a_static_attribute(recorded):
    """A call while the switch is off says so, and one while the circuit is open."""
    span = begun(recorded.telemetry)
    recorded.telemetry.note(span, "switch", "fallback_only")
    recorded.telemetry.note(span, "circuit", "open")
    ended(recorded.telemetry, span, **ANSWER)

    told = recorded.spans()[0].attributes
    assert (told[NS + "switch"], told[NS + "circuit"]) == ("fallback_only", "open")


def test_the_span_is_not_made_current(recorded):
    """A guarded call leaves the caller's context as it was."""
    before = trace.get_current_span()
    span = begun(recorded.telemetry)

    assert trace.get_current_span() is before
    ended(recorded.telemetry, span, **ANSWER)


def test_calls_inside_an_attached_context_are_children(recorded):
    """Spans that the model starts in a worker's context belong to the guard's span, and the caller's does not change."""
    telemetry, tracer = recorded.telemetry, recorded.tracers.get_tracer("model")
    span, context = telemetry.start()
    worker = contextvars.copy_context()

    token = worker.run(telemetry.attach, context)
    worker.run(lambda: tracer.start_span("inside").end())
    worker.run(telemetry.detach, token)
    worker.run(lambda: tracer.start_span("after").end())
    tracer.start_span("outside").end()

    inside, after, outside = recorded.spans()
    assert inside.parent == span.get_span_context()
    assert after.parent is None
    assert outside.parent is None


def test_without_an_sdk_there_is_nothing_to_attach():
    """With the API alone a call has no context, and every method still works."""
    telemetry = Telemetry(
        "booking", static={}, tracer_provider=NoOpTracerProvider(), meter_provider=NoOpMeterProvider()
    )
    span, context = telemetry.start()

    assert context is None
    assert ended(telemetry, span, **ANSWER) is None


@pytest.mark.parametrize(
    ("caveats", "code"),
    [((), "none"), ((CaveatCode.novel,), "novel"), ((CaveatCode.error, CaveatCode.fallback), "error")],
)
def test_each_decision_is_counted_once_under_its_first_code(recorded, caveats, code):
    """However many caveats a decision has, the counter goes up by one."""
    route = Route.degraded if caveats else Route.works
    decided = ANSWER | {"route": route, "caveats": tuple(map(caveat, caveats))}

    ended(recorded.telemetry, begun(recorded.telemetry), **decided)
    ended(recorded.telemetry, begun(recorded.telemetry), **decided)

    metric = recorded.metric("decisions")
    (point,) = metric.data.data_points
    assert (point.value, metric.unit) == (2, "{decision}")
    assert dict(point.attributes) == {
        NS + "guard.name": "booking",
        NS + "route": route.value,
        NS + "code": code,
    }


def test_the_duration_falls_into_buckets_made_for_seconds(recorded):
    """12 ms is told apart from 30 ms: the advised buckets are in seconds."""
    ended(recorded.telemetry, begun(recorded.telemetry), **ANSWER)
    ended(recorded.telemetry, begun(recorded.telemetry), **(ANSWER | {"elapsed": 0.030}))

    metric = recorded.metric("call.duration")
    (point,) = metric.data.data_points
    assert metric.unit == "s"
    assert point.explicit_bounds == (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
    assert point.bucket_counts[4:6] == (1, 1)
    assert dict(point.attributes) == {NS + "guard.name": "booking", NS + "route": "works"}


def test_a_duration_leads_to_its_trace(recorded):
    """Given the call's context, the histogram keeps the trace id of what did not work as an exemplar."""
    telemetry = recorded.telemetry
    span, context = telemetry.start()
    ended(telemetry, span, context=context, **(ANSWER | {"route": Route.degraded}))
    other, context = telemetry.start()
    ended(telemetry, other, context=context, **ANSWER)

    by_route = {point.attributes[NS + "route"]: point.exemplars for point in recorded.points("call.duration")}
    assert [each.trace_id for each in by_route["degraded"]] == [span.get_span_context().trace_id]
    assert not by_route["works"]


def test_metrics_work_with_tracing_off():
    """A call whose span is not sampled is counted, and sends no span."""
    off = Recorded(ALWAYS_OFF)
    ended(off.telemetry, begun(off.telemetry), **ANSWER)

    assert off.spans() == ()
    assert [point.value for point in off.points("decisions")] == [1]


def test_spans_work_with_metrics_off():
    """Without a meter provider's SDK the span is all there."""
    exporter = InMemorySpanExporter()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry = Telemetry("b", static={}, tracer_provider=tracers, meter_provider=NoOpMeterProvider())

    ended(telemetry, begun(telemetry), **ANSWER)

    assert len(exporter.get_finished_spans()) == 1


def test_a_table_is_one_span_with_its_rows_per_route(recorded):
    """The span of a table says the worst route, all codes in table order, and how many rows went where."""
    counts = {
        (Route.degraded, (CaveatCode.uncertain,)): 3,
        (Route.works, ()): 95,
        (Route.degraded, (CaveatCode.contract, CaveatCode.fallback)): 2,
    }
    recorded.telemetry.table_decided(begun(recorded.telemetry), counts=counts, rows=100, **TABLE)

    (span,) = recorded.spans()
    told = {name.removeprefix(NS): value for name, value in span.attributes.items()}
    assert told["route"] == "degraded"
    assert told["caveats"] == ("contract", "uncertain", "fallback")
    assert [told[f"rows.{k}"] for k in ("total", "works", "degraded", "needs_review")] == [100, 95, 5, 0]


def test_a_table_counts_its_rows_once_per_route_and_code(recorded):
    """The counter's sum is the number of rows; the duration is recorded once."""
    counts = {
        (Route.works, ()): 90,
        (Route.degraded, (CaveatCode.contract, CaveatCode.fallback)): 4,
        (Route.degraded, (CaveatCode.contract,)): 1,
        (Route.needs_review, (CaveatCode.novel,)): 5,
    }
    recorded.telemetry.table_decided(begun(recorded.telemetry), counts=counts, rows=100, **TABLE)

    assert {
        (p.attributes[NS + "route"], p.attributes[NS + "code"]): p.value for p in recorded.points("decisions")
    } == {
        ("works", "none"): 90,
        ("degraded", "contract"): 5,
        ("needs_review", "novel"): 5,
    }
    (duration,) = recorded.points("call.duration")
    assert (duration.count, duration.attributes[NS + "route"]) == (1, "needs_review")


def test_an_empty_table_has_no_route(recorded):
    """No rows, no decisions; the call is still a span and a duration."""
    recorded.telemetry.table_decided(begun(recorded.telemetry), counts={}, rows=0, **TABLE)

    (span,) = recorded.spans()
    assert NS + "route" not in span.attributes
    assert span.attributes[NS + "rows.total"] == 0
    assert recorded.points("call.duration")[0].attributes[NS + "route"] == "none"


def test_a_failed_attempt_is_a_child_span_in_error(recorded):
    """The attempt has its own times, the class name of its failure, and the guard's span as parent."""
    telemetry = recorded.telemetry
    span = begun(telemetry)
    failed = ATTEMPT | {"number": 2, "code": CaveatCode.error, "error_type": "ZeroDivisionError"}
    telemetry.attempt(span, start_time_ns=1_000_000_000, end_time_ns=1_250_000_000, **failed)
    ended(telemetry, span, **ANSWER)

    child, parent = recorded.spans()
    assert (child.name, child.parent) == ("attempt primary", span.get_span_context())
    assert (child.start_time, child.end_time) == (1_000_000_000, 1_250_000_000)
    assert child.status.status_code is StatusCode.ERROR
    assert child.status.description is None
    assert dict(child.attributes) == {
        NS + "guard.name": "booking",
        NS + "attempt.candidate": "primary",
        NS + "attempt.number": 2,
        NS + "code": "error",
        "error.type": "ZeroDivisionError",
    }
    assert parent.status.status_code is StatusCode.UNSET


def test_an_attempt_without_an_exception_names_its_code(recorded):
    """A late attempt raised nothing: its error type is `deadline`."""
    span = begun(recorded.telemetry)
    late = ATTEMPT | {"code": CaveatCode.deadline}
    recorded.telemetry.attempt(span, start_time_ns=0, end_time_ns=1, **late)

    assert recorded.spans()[0].attributes["error.type"] == "deadline"


def test_a_successful_attempt_has_no_error(recorded):
    """The second attempt that answered is a child span with status unset, and its duration is recorded."""
    span = begun(recorded.telemetry)
    recorded.telemetry.attempt(span, start_time_ns=0, end_time_ns=30_000_000, **ATTEMPT)

    (child,) = recorded.spans()
    assert child.status.status_code is StatusCode.UNSET
    assert "error.type" not in child.attributes
    (point,) = recorded.points("attempt.duration")
    assert point.sum == pytest.approx(0.03)
    assert point.attributes[NS + "code"] == "none"


def test_attempts_of_an_unsampled_call_are_measured_only():
    """Without a recording span an attempt leaves a duration and no span of its own."""
    off = Recorded(ALWAYS_OFF)
    off.telemetry.attempt(begun(off.telemetry), start_time_ns=0, end_time_ns=1, **ATTEMPT)

    assert off.spans() == ()
    assert off.points("attempt.duration")[0].count == 1


def test_abandoned_attempts_go_up_and_down(recorded):
    """What is still running is the sum of the changes."""
    for change in (1, 1, -1):
        recorded.telemetry.abandoned(change)

    (point,) = recorded.points("attempt.abandoned")
    assert point.value == 1


def test_an_exception_that_leaves_the_guard_is_the_spans_error(recorded):
    """The span ends in error with the class name; the message, which may quote a value, stays here."""
    recorded.telemetry.aborted(begun(recorded.telemetry), KeyboardInterrupt("adr=98.0"))

    (span,) = recorded.spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "KeyboardInterrupt"
    assert span.events == ()
    assert "98.0" not in span.to_json()


def test_long_strings_are_cut():
    """No attribute is longer than 256 characters, whatever the guard's owner writes."""
    exporter = InMemorySpanExporter()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    static = {"owner": "o" * 1000, "profile": "p" * 1000}
    telemetry = Telemetry("n" * 1000, static=static, tracer_provider=tracers)

    ended(telemetry, begun(telemetry), **(ANSWER | {"served_by": "f" * 257}))

    (span,) = exporter.get_finished_spans()
    cut = [v for v in span.attributes.values() if isinstance(v, str) and v.endswith("…")]
    assert sorted(map(len, cut)) == [256, 256, 256, 256]


class Broken:
    """A provider, tracer, meter, instrument and span of which everything raises."""

    def __getattr__(self, name):
        raise ConnectionError("cannot export adr=98.0")


class BreaksLate(SpanProcessor):
    """A processor that raises when a span starts or ends."""

    def __init__(self, when):
        self.when = when

    def on_start(self, span, parent_context=None):
        if self.when == "start":
            raise ConnectionError

    def on_end(self, span):
        if self.when == "end":
            raise ConnectionError


def use_everything(telemetry: Telemetry, span=None) -> None:
    span = span or begun(telemetry)
    telemetry.attempt(span, start_time_ns=0, end_time_ns=1, **ATTEMPT)
    telemetry.abandoned(1)
    ended(telemetry, span, **ANSWER)
    telemetry.table_decided(begun(telemetry), counts={(Route.works, ()): 1}, rows=1, **TABLE)
    telemetry.aborted(begun(telemetry), ValueError())


def test_a_broken_provider_never_reaches_the_request(caplog):
    """Everything goes on, and the log says once what fails, without the message that could quote a value."""
    telemetry = Telemetry("booking", static={}, tracer_provider=Broken(), meter_provider=Broken())
    with caplog.at_level(logging.WARNING, "guardrails"):
        use_everything(telemetry)

    (said,) = caplog.messages
    assert "'booking'" in said
    assert "ConnectionError" in said
    assert "98.0" not in said


def test_a_broken_span_never_reaches_the_request(caplog):
    """A span of which every method raises does not stop the counters."""
    recorded = Recorded()
    use_everything(recorded.telemetry, Broken())

    assert recorded.points("decisions")[0].value == 2
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("when", ["start", "end"])
def test_a_broken_processor_never_reaches_the_request(when):
    """A processor that raises costs the span; the metrics are complete."""
    recorded = Recorded(processor=BreaksLate(when))
    use_everything(recorded.telemetry)

    assert recorded.points("decisions")[0].value == 2


def test_a_broken_meter_leaves_the_spans():
    """With metrics broken, tracing works."""
    exporter = InMemorySpanExporter()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry = Telemetry("b", static={}, tracer_provider=tracers, meter_provider=Broken())

    ended(telemetry, begun(telemetry), **ANSWER)

    assert len(exporter.get_finished_spans()) == 1


class BrokenFilter(logging.Filter):
    """A log filter that raises."""

    def filter(self, record):
        raise RuntimeError


def test_a_broken_log_never_reaches_the_request():
    """Not even the complaint about broken telemetry raises."""
    log, broken = logging.getLogger("guardrails"), BrokenFilter()
    log.addFilter(broken)
    try:
        use_everything(Telemetry("booking", static={}, tracer_provider=Broken(), meter_provider=Broken()))
    finally:
        log.removeFilter(broken)


class Interrupted:
    """A provider during which the user presses Ctrl-C."""

    def get_tracer(self, *args, **kwargs):
        raise KeyboardInterrupt


def test_an_interrupt_inside_telemetry_is_not_swallowed():
    """Only `Exception` is kept from the caller."""
    with pytest.raises(KeyboardInterrupt):
        Telemetry("b", static={}, tracer_provider=Interrupted()).start()


class Counting(TracerProvider):
    """A provider that counts how often it is asked for a tracer."""

    asked = 0

    def get_tracer(self, *args, **kwargs):
        self.asked += 1
        return super().get_tracer(*args, **kwargs)


def test_the_tracer_is_made_once_and_not_before_it_is_needed():
    """Defining a guard touches no provider; a hundred calls ask once."""
    provider = Counting(shutdown_on_exit=False)
    telemetry = Telemetry("b", static={}, tracer_provider=provider)
    before = provider.asked
    for _ in range(100):
        ended(telemetry, begun(telemetry), **ANSWER)

    assert (before, provider.asked) == (0, 1)


def test_threads_share_the_instruments(recorded):
    """Four threads that start at once lose no count."""
    gate = threading.Barrier(4)

    def work() -> None:
        gate.wait()
        for _ in range(50):
            ended(recorded.telemetry, begun(recorded.telemetry), **ANSWER)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [point.value for point in recorded.points("decisions")] == [200]
    assert len(recorded.spans()) == 200


def test_telemetry_travels_by_cloudpickle_without_its_providers(recorded):
    """The copy keeps name and static attributes and looks up its own process's providers."""
    ended(recorded.telemetry, begun(recorded.telemetry), **ANSWER)

    copy = cloudpickle.loads(cloudpickle.dumps(recorded.telemetry))
    ended(copy, begun(copy), **ANSWER)

    assert len(recorded.spans()) == 1
    assert copy._static == recorded.telemetry._static


def test_the_reference_names_every_attribute_and_metric(recorded):
    """The documentation's tables hold each name that is ever sent."""
    use_everything(recorded.telemetry)
    page = (Path(__file__).parents[1] / "docs" / "reference" / "telemetry.md").read_text()
    attributes = {
        v for v in vars(_attributes).values() if isinstance(v, str) and v.startswith(NS) and v != NS
    }
    data = recorded.reader.get_metrics_data()
    metrics = {m.name for r in data.resource_metrics for scope in r.scope_metrics for m in scope.metrics}

    told = attributes | set(_attributes.ROWS_OF.values()) | metrics | {"error.type"}
    assert len(metrics) == 4
    assert [name for name in sorted(told) if f"`{name}`" not in page] == []
