"""The record step through the whole guard: one span, one counter, one histogram; a real review queue."""

import asyncio
import json
import threading

import numpy as np
import pandas as pd
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import guardrails as gr
from guardrails.testing import VirtualClock

from .conftest import UNANSWERABLE, UNCERTAIN, WORKS, Request, codes, model

SECRET = "secret-4711"


class Seen:
    """Spans and metrics in memory, through providers that nobody else sees."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self.reader])

    @property
    def spans(self):
        return self.exporter.get_finished_spans()

    def points(self):
        found = {}
        data = self.reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        number = getattr(point, "value", None)
                        number = point.count if number is None else number
                        found[metric.name, tuple(sorted(point.attributes.items()))] = number
        return found


@pytest.fixture
def seen():
    return Seen()


def guard(seen, profile, **changes):
    given = {"budget": 10.0, "contract": Request, "profile": profile, "clock": VirtualClock()}
    providers = {"tracer_provider": seen.tracer_provider, "meter_provider": seen.meter_provider}
    return gr.guard("g", **{**given, **providers, **changes})


def attributes(span):
    return {name.removeprefix("inference_guardrails."): value for name, value in span.attributes.items()}


def test_one_internal_span_per_call(seen, profile):
    """With outcome, who answered, set size, time, model and profile; nothing else."""
    decision = guard(seen, profile)(model)(WORKS)
    (span,) = seen.spans
    shown = attributes(span)

    assert (span.name, span.kind, span.status.status_code) == (
        "guard g",
        trace.SpanKind.INTERNAL,
        trace.StatusCode.UNSET,
    )
    assert (shown["route"], shown["served_by"], shown["set_size"]) == ("works", "primary", 1)
    assert (shown["decision.id"], shown["model.version"], shown["budget"]) == (decision.id, "1", 10.0)
    assert (shown["profile"], shown["enforcement"], shown["guard.name"]) == ("world 1", "thread", "g")
    assert shown["elapsed"] == decision.elapsed
    assert not span.events


def test_a_handled_failure_leaves_the_span_unset_and_its_attempt_in_error(seen, profile):
    """The attempt failed, the guard did not; no exception is recorded, no message exported."""

    def down(request):
        raise ConnectionError(SECRET)

    guard(seen, profile, fallbacks=[lambda r: [0.5, 0.5]])(down)(WORKS)
    attempt, whole = seen.spans

    assert (whole.status.status_code, attempt.status.status_code) == (
        trace.StatusCode.UNSET,
        trace.StatusCode.ERROR,
    )
    assert attempt.name == "attempt primary"
    assert attempt.attributes["error.type"] == "ConnectionError"
    assert attempt.parent.span_id == whole.context.span_id
    assert attributes(whole)["caveats"] == ("error", "fallback", "uncalibrated")
    assert SECRET not in whole.to_json() + attempt.to_json()
    assert not attempt.events


def test_spans_made_inside_the_call_are_children(seen, profile):
    """The context reaches the worker, the event loop and an inline call."""
    tracer = seen.tracer_provider.get_tracer("inside")

    def inside(request):
        with tracer.start_as_current_span("inside"):
            return model(request)

    async def ainside(request):
        return inside(request)

    guard(seen, profile)(inside)(WORKS)
    guard(seen, profile, budget=None)(inside)(WORKS)
    asyncio.run(guard(seen, profile)(ainside)(WORKS))

    for child, parent in zip(seen.spans[::2], seen.spans[1::2], strict=True):
        assert (child.name, parent.name) == ("inside", "guard g")
        assert child.parent.span_id == parent.context.span_id
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_one_count_and_one_duration_per_call(seen, profile):
    """By guard, route and first code."""
    guarded = guard(seen, profile)(model)
    for request in (WORKS, WORKS, UNCERTAIN, {"x": 7.0}):
        guarded(request)
    decisions = {
        (dict(key)["inference_guardrails.route"], dict(key)["inference_guardrails.code"]): value
        for (name, key), value in seen.points().items()
        if name == "inference_guardrails.decisions"
    }

    assert decisions == {("works", "none"): 2, ("degraded", "uncertain"): 1, ("needs_review", "contract"): 1}
    durations = [v for (name, _), v in seen.points().items() if name == "inference_guardrails.call.duration"]
    assert sum(durations) == 4


def test_metrics_work_without_tracing_and_the_reverse(seen, profile):
    """The signals are independent."""
    off = trace.NoOpTracerProvider()
    guard(seen, profile, tracer_provider=off)(model)(WORKS)
    assert seen.spans == ()
    assert any(name == "inference_guardrails.decisions" for name, _ in seen.points())

    other = Seen()
    guard(other, profile, meter_provider=None)(model)(WORKS)
    assert len(other.spans) == 1
    assert other.points() == {}


def test_no_input_and_no_answer_leaves_through_telemetry(seen, profile):
    """Whatever the outcome."""
    requests = [{"x": SECRET}, {SECRET: 1}, {"x": 0.1234567, SECRET: SECRET}, WORKS]
    for request in requests:
        guard(seen, profile)(model)(request)
    exported = "".join(span.to_json() for span in seen.spans) + str(seen.points())

    assert SECRET not in exported
    assert "0.1234567" not in exported
    assert "0.99" not in exported


def test_a_table_is_one_span_and_counts_its_rows(seen, profile):
    """Rows per route on the span; one count per row on the counter."""

    def batch(frame):
        x = frame["x"].to_numpy(dtype=float)
        return np.c_[1 - x, x]

    guard(seen, profile).batch(batch)(pd.DataFrame({"x": [0.99, 0.99, 7.0]}))
    (span,) = seen.spans
    shown = attributes(span)

    assert (shown["rows.total"], shown["route"]) == (3, "needs_review")
    counted = {
        dict(key)["inference_guardrails.route"]: value
        for (name, key), value in seen.points().items()
        if name == "inference_guardrails.decisions"
    }
    assert counted == {"works": 2, "needs_review": 1}


def test_a_call_that_does_not_fit_is_an_error_span(seen, profile):
    """A TypeError leaves the guard, so the span says so."""
    with pytest.raises(TypeError):
        guard(seen, profile)(model)()
    (span,) = seen.spans

    assert span.status.status_code is trace.StatusCode.ERROR
    assert not span.events


def test_abandoned_calls_are_counted(seen, profile):
    """Up while the call runs on, down when it ends."""
    release = threading.Event()
    guarded = guard(seen, profile, budget=0.02, clock=None)(lambda request: release.wait())
    guarded(WORKS)
    name = "inference_guardrails.attempt.abandoned"
    (before,) = [value for (metric, _), value in seen.points().items() if metric == name]
    release.set()
    while guarded.status()["abandoned"]["primary"]:
        threading.Event().wait(0.001)
    (after,) = [value for (metric, _), value in seen.points().items() if metric == name]

    assert (before, after) == (1, 0)


@pytest.fixture
def queue(tmp_path):
    queue = gr.ReviewQueue(tmp_path / "reviews.db")
    yield queue
    queue.close()


def test_a_review_is_in_the_database_before_the_caller_has_it(queue, profile):
    """Committed in a real SQLite file, sync and async, record and table."""
    decorate = gr.guard("g", budget=10.0, contract=Request, profile=profile, review=queue)

    async def amodel(request):
        return model(request)

    decisions = [
        decorate(model)(UNANSWERABLE),
        asyncio.run(decorate(amodel)(UNANSWERABLE)),
        decorate.batch(lambda rows: [model(row) for row in rows])([WORKS, UNANSWERABLE])[1],
    ]

    for decision in decisions:
        assert codes(decision) == ["unanswerable"]
        item = queue.read(decision.id)
        assert json.loads(item.request) == UNANSWERABLE
        assert item.guard_name == "g"
    assert len(queue.list()) == 3
    queue.resolve(decisions[0].id, 1, reviewer="someone")
    assert len(queue.list()) == 2


def test_a_queue_that_cannot_be_written_is_said_aloud(tmp_path, profile):
    """A directory that is not there: a decision, with `review_not_stored`."""
    queue = gr.ReviewQueue(tmp_path / "missing" / "reviews.db")
    guarded = gr.guard("g", budget=10.0, contract=Request, profile=profile, review=queue)(model)
    decision = guarded(UNANSWERABLE)
    queue.close()

    assert (decision.route, codes(decision)) == ("needs_review", ["unanswerable", "review_not_stored"])
