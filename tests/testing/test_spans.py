"""Spans and reviews in memory: they reach every guard, and touch nothing global."""

import importlib.util

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.trace import TracerProvider

import guardrails as gr
from guardrails.testing import MemoryReviews, Spans, faults


def down(request):
    raise ConnectionError("refused")


OWN = TracerProvider(shutdown_on_exit=False)
BEFORE = gr.guard("before", budget=1.0, tracer_provider=OWN)(down)


def test_guards_of_before_and_of_now_are_recorded():
    """Whatever provider they were given; the global ones stay what they are."""
    providers = trace.get_tracer_provider(), metrics.get_meter_provider()
    BEFORE({})
    spans = Spans()
    with spans.recording() as same:
        decision = BEFORE({})
        gr.guard("now", budget=1.0)(lambda request: 1)({})
    BEFORE({})

    assert same is spans
    assert [span.name for span in spans.finished] == ["attempt primary", "guard before", "guard now"]
    assert [span.name for span in spans.calls] == ["guard before", "guard now"]
    assert spans.calls[0].attributes["inference_guardrails.decision.id"] == decision.id
    assert (trace.get_tracer_provider(), metrics.get_meter_provider()) == providers


def test_the_inner_recording_gets_them():
    """And afterwards the outer one again."""
    with Spans().recording() as outer:
        BEFORE({})
        with Spans().recording() as inner:
            BEFORE({})
            BEFORE({})
        BEFORE({})

    assert (len(outer.calls), len(inner.calls)) == (2, 2)


def test_spans_can_be_forgotten():
    """For a test of several steps."""
    with Spans().recording() as spans:
        BEFORE({})
        spans.clear()
        assert spans.finished == ()


def test_metrics_are_counted():
    """By name: attributes and number."""
    with Spans().recording() as spans:
        assert spans.metrics() == {}
        BEFORE({})
        BEFORE({})
    ((attributes, number),) = spans.metrics()["inference_guardrails.decisions"]
    assert (attributes["inference_guardrails.route"], number) == ("needs_review", 2)


def test_without_the_sdk_the_mend_is_named(monkeypatch):
    """What to install."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("guardrails.testing._spans.find_spec", lambda name: None)
    with pytest.raises(gr.ConfigurationError, match=r"pip install 'inference-guardrails\[testing\]'"):
        Spans()


def test_reviews_take_the_place_of_every_store(tmp_path):
    """Of those there are; a guard that has none is named where it shall have one."""
    queue = gr.ReviewQueue(tmp_path / "reviews.db")
    stored, unstored = gr.guard("s", budget=1.0, review=queue)(down), gr.guard("u", budget=1.0)(down)
    with MemoryReviews().receiving() as reviews:
        decision = stored({"x": 1})
        unstored({"x": 1})
    with reviews.receiving(unstored):
        other = unstored({"x": 2})

    assert [item.id for item in reviews] == [decision.id, other.id]
    assert reviews.items[1].request == '{"x": 2}'
    assert repr(reviews) == "<MemoryReviews: 2 items>"
    assert not (tmp_path / "reviews.db").exists()
    with pytest.raises(KeyError):
        reviews.read("unknown")


def test_an_item_is_stored_once():
    """By its id."""
    reviews, done = MemoryReviews(), []
    guard = gr.guard("g", budget=1.0, review=reviews)(down)
    guard({})
    reviews.submit(reviews.items, done.append)

    assert (len(reviews), done) == (1, [None])


def test_no_call_is_lost_while_recording_begins_and_ends():
    """Another thread's calls are decided all the same."""
    import threading

    stop, routes = threading.Event(), []

    def serve():
        while not stop.is_set():
            routes.append(BEFORE({}).route)

    thread = threading.Thread(target=serve)
    thread.start()
    for _ in range(20):
        with Spans().recording(), faults.error(BEFORE, KeyError):
            BEFORE({})
    stop.set()
    thread.join()

    assert set(routes) == {"needs_review"}
