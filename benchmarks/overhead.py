"""What a guard costs: bare call, guarded call, the naive composition and the floor, all measured in one run.

    python benchmarks/overhead.py [--calls 3000] [--no-pin] [--markdown FILE]

*Naive* is what a careful user would write without this library: pandera `validate` of a one-row frame, MAPIE
`predict_set`, a thread pool with `result(timeout)`, tenacity, one span.
*Floor* is the irreducible part: one hand-over to a thread and back, one span of the SDK with the same attributes, one
counter and one histogram record, one hand-written check of the same clauses, one comparison against a quantile.
Needs the extras `otel` (SDK). Pinned to one core unless told otherwise: unpinned, the operating system's wake-up of a
thread on another core dominates. The forms take turns; every figure is the median of the calls, with the 99 % quantile
beside it, and every ratio the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import random
import re
import statistics
import string
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import tenacity
from mapie.classification import SplitConformalClassifier
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import guardrails as gr

COLORS = ["red", "green", "blue", "black", "white"]
KINDS = [f"k{i:03d}" for i in range(50)]
PATTERN = r"^[A-Z]{2}\d{4}$"
BUDGET = 1.0
ROWS = 10_000
ROUND = 100  # calls of one form before it is the next one's turn


class Null(SpanExporter):
    """Throws spans away, so that the exporter's work is not what is measured."""

    def export(self, spans: Any) -> SpanExportResult:  # noqa: ARG002 - the SDK's signature
        """Take the spans and forget them."""
        return SpanExportResult.SUCCESS


def schema(copies: int) -> pa.DataFrameSchema:
    """Ten columns of the usual kinds, `copies` times."""
    check = pa.Check
    columns = {}
    for i in range(copies):
        columns |= {
            f"age{i}": pa.Column(int, check.in_range(0, 120)),
            f"price{i}": pa.Column(float, check.in_range(-1e3, 1e3)),
            f"color{i}": pa.Column(str, check.isin(COLORS)),
            f"code{i}": pa.Column(str, check.str_matches(PATTERN)),
            f"weight{i}": pa.Column(float, check.ge(0), nullable=True),
            f"flag{i}": pa.Column(bool),
            f"count{i}": pa.Column(int, [check.ge(0), check.lt(10**9)]),
            f"plain{i}": pa.Column(float),
            f"text{i}": pa.Column(str, check.str_length(1, 20)),
            f"kind{i}": pa.Column(str, check.isin(KINDS)),
        }
    return pa.DataFrameSchema(columns)


def record(rng: random.Random, copies: int) -> dict[str, Any]:
    """One request that keeps the contract."""
    row: dict[str, Any] = {}
    for i in range(copies):
        row |= {
            f"age{i}": rng.randint(0, 120),
            f"price{i}": rng.uniform(-1e3, 1e3),
            f"color{i}": rng.choice(COLORS),
            f"code{i}": "".join(rng.choices(string.ascii_uppercase, k=2)) + f"{rng.randint(0, 9999):04d}",
            f"weight{i}": rng.uniform(0, 10),
            f"flag{i}": rng.random() < 0.5,
            f"count{i}": rng.randint(0, 10**8),
            f"plain{i}": rng.gauss(0, 1),
            f"text{i}": "x" * rng.randint(1, 20),
            f"kind{i}": rng.choice(KINDS),
        }
    return row


def hand_written(copies: int) -> Callable[[dict[str, Any]], bool]:
    """The check a person would write for the same clauses."""
    colors, kinds, match = frozenset(COLORS), frozenset(KINDS), re.compile(PATTERN).match
    lines = ["def check(r):", "    return ("]
    for i in range(copies):
        lines += [
            f"        type(r['age{i}']) is int and 0 <= r['age{i}'] <= 120",
            f"        and type(r['price{i}']) is float and -1e3 <= r['price{i}'] <= 1e3",
            f"        and r['color{i}'] in colors",
            f"        and type(r['code{i}']) is str and match(r['code{i}']) is not None",
            f"        and type(r['weight{i}']) is float and (r['weight{i}'] != r['weight{i}'] or r['weight{i}'] >= 0)",
            f"        and type(r['flag{i}']) is bool",
            f"        and type(r['count{i}']) is int and 0 <= r['count{i}'] < 10**9",
            f"        and type(r['plain{i}']) is float and r['plain{i}'] == r['plain{i}']",
            f"        and type(r['text{i}']) is str and 1 <= len(r['text{i}']) <= 20",
            f"        and r['kind{i}'] in kinds" + (" and" if i < copies - 1 else ""),
        ]
    source = "\n".join([*lines, "    )"])
    names: dict[str, Any] = {"colors": colors, "kinds": kinds, "match": match}
    exec(compile(source, "<hand written>", "exec"), names)  # noqa: S102 - our own source, above
    return names["check"]  # type: ignore[no-any-return]


def model(request: dict[str, Any]) -> list[float]:  # noqa: ARG001 - a model takes a request
    """A model that costs nothing and is certain, so that what is measured is the guard."""
    return [0.001, 0.999]


def profile(contract: gr.Contract) -> gr.Profile:
    """A certified profile for that contract, from simulated held-out rows."""
    rng = np.random.default_rng(0)
    p = rng.beta(0.3, 0.3, 4000)
    truth = (rng.random(4000) < p).astype(int)
    return gr.calibrate_classifier(
        np.c_[1 - p, p],
        truth,
        classes=[0, 1],
        max_error=0.05,
        contract=contract,
        name="bench",
        model_version="1",
    )


def providers(telemetry: str) -> dict[str, Any]:
    """No SDK, an SDK that samples nothing, or one that records through a batch processor."""
    if telemetry == "no SDK":
        return {"tracer_provider": trace.NoOpTracerProvider(), "meter_provider": metrics.NoOpMeterProvider()}
    tracer = TracerProvider(sampler=ALWAYS_OFF) if telemetry == "unsampled" else TracerProvider()
    tracer.add_span_processor(BatchSpanProcessor(Null(), max_queue_size=100_000))
    return {"tracer_provider": tracer, "meter_provider": MeterProvider([InMemoryMetricReader()])}


def floor(copies: int) -> Callable[[dict[str, Any]], Any]:
    """The parts that nothing can do without."""
    given = providers("recording")
    tracer = given["tracer_provider"].get_tracer("floor")
    meter = given["meter_provider"].get_meter("floor")
    counter, histogram = meter.create_counter("c"), meter.create_histogram("h")
    check, key = hand_written(copies), {"guard": "floor", "route": "works", "code": "none"}
    attributes = {f"inference_guardrails.a{i}": "value" for i in range(12)}
    go, done, cell = threading.Lock(), threading.Lock(), []
    go.acquire()
    done.acquire()

    def work() -> None:
        while True:
            go.acquire()
            cell.append(model(cell.pop()))
            done.release()

    threading.Thread(target=work, daemon=True).start()

    def call(request: dict[str, Any]) -> bool:
        begin = time.monotonic()
        span = tracer.start_span("guard floor")
        good = check(request)
        cell.append(request)
        go.release()
        done.acquire(True, BUDGET)
        value = cell.pop()
        good = good and 1 - value[1] <= 0.1
        span.set_attributes(attributes)
        span.end()
        counter.add(1, key)
        histogram.record(time.monotonic() - begin, key)
        return good

    return call


class Logged:
    """The identity estimator: what it is given are the probabilities."""

    classes_ = np.array([0, 1])
    is_fitted = True

    def predict_proba(self, p: Any) -> Any:
        """Give back what came in."""
        return p


def naive(copies: int) -> Callable[[dict[str, Any]], Any]:
    """What a careful user would compose today."""
    table, pool, retrying = (
        schema(copies),
        ThreadPoolExecutor(4),
        tenacity.Retrying(stop=tenacity.stop_after_attempt(2)),
    )
    rng = np.random.default_rng(0)
    p = rng.beta(0.3, 0.3, 4000)
    conformal = SplitConformalClassifier(Logged(), confidence_level=0.9, prefit=True)
    conformal.conformalize(np.c_[1 - p, p], (rng.random(4000) < p).astype(int))
    tracer = providers("recording")["tracer_provider"].get_tracer("naive")

    def call(request: dict[str, Any]) -> Any:
        with tracer.start_as_current_span("predict") as span:
            table.validate(pd.DataFrame([request]))
            value = retrying(lambda: pool.submit(model, request).result(BUDGET))
            _, sets = conformal.predict_set(np.asarray([value]))
            span.set_attribute("set_size", int(sets.sum()))
            return value

    return call


def obedient(request: dict[str, Any], timeout: float) -> list[float]:  # noqa: ARG001 - a client takes both
    """The same, told its time."""
    return [0.001, 0.999]


def guarded(
    copies: int, telemetry: str, *, budget: float | gr.Budget | None, fn: Callable[..., Any] = model
) -> Callable[[dict[str, Any]], Any]:
    """This library."""
    contract = gr.Contract(schema(copies))
    return gr.guard(
        "bench", budget=budget, contract=contract, profile=profile(contract), **providers(telemetry)
    )(fn)


def timed(call: Callable[[Any], Any], requests: list[Any], calls: int) -> tuple[float, float]:
    """(p50, p99) in microseconds, after a warm-up."""
    for request in requests[: max(3, calls // 10)]:
        call(request)
    times = []
    for i in range(calls):
        request = requests[i % len(requests)]
        begin = time.perf_counter_ns()
        call(request)
        times.append(time.perf_counter_ns() - begin)
    times.sort()
    return times[len(times) // 2] / 1e3, times[int(len(times) * 0.99)] / 1e3


def in_turn(
    each: dict[str, Callable[[Any], Any]], requests: list[Any], calls: int, a_round: int = ROUND
) -> dict[str, tuple[list[float], list[float]]]:
    """(medians of the rounds, all durations) in microseconds: the forms in turn, since a machine's speed drifts.

    In each round each form has `a_round` calls after a few that do not count; the naive one, which takes as long, has few.
    """
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in each}
    for turn in range(max(calls // a_round, 3)):
        for name, call in each.items():
            some = 4 if name == "naive" else a_round
            begin = turn * a_round % len(requests)
            sent = [requests[(begin + k) % len(requests)] for k in range(some)]
            for request in sent[: max(some // 10, 2)]:
                call(request)
            times = []
            for request in sent:
                before = time.perf_counter_ns()
                call(request)
                times.append((time.perf_counter_ns() - before) / 1e3)
            found[name][0].append(statistics.median(times))
            found[name][1].extend(times)
    return found


def forms(copies: int) -> dict[str, Callable[[Any], Any]]:
    """What is compared, by name."""
    each: dict[str, Callable[[Any], Any]] = {
        "bare call": model,
        "hand-written check": hand_written(copies),
        "naive": naive(copies),
        "floor": floor(copies),
    }
    for deadline in (True, False):
        for telemetry in ("recording", "unsampled", "no SDK"):
            name = f"guard, deadline {'on' if deadline else 'off'}, {telemetry}"
            each[name] = guarded(copies, telemetry, budget=BUDGET if deadline else None)
    cooperative = gr.Budget(BUDGET, enforcement="cooperative")
    each["guard, cooperative, no SDK"] = guarded(copies, "no SDK", budget=cooperative, fn=obedient)
    return each


def records(calls: int) -> list[list[str]]:
    """The rows about one request; ratios are medians over the rounds."""
    rows = []
    for copies in (1, 3):
        rng = random.Random(0)
        requests = [record(rng, copies) for _ in range(200)]
        found = in_turn(forms(copies), requests, calls)
        base, least, most = (found[name][0] for name in ("bare call", "floor", "naive"))
        for name, (medians, times) in found.items():
            p50, p99 = statistics.median(times), sorted(times)[int(len(times) * 0.99)]
            ratios = ["", ""]
            if name.startswith("guard"):
                over = [median - bare for median, bare in zip(medians, base, strict=True)]
                of_floor = statistics.median(a / b for a, b in zip(over, least, strict=True))
                of_naive = statistics.median((a - c) / b for a, b, c in zip(most, over, base, strict=True))
                ratios = [f"{of_floor:.2f}", f"1/{of_naive:.0f}"]
            rows.append([f"{copies * 10} columns", name, f"{p50:.1f}", f"{p99:.1f}", *ratios])
    return rows


def tables(calls: int) -> list[list[str]]:
    """The rows about a table of 10,000 requests, 1 % of them broken; microseconds per row."""
    rows = []
    for copies in (1, 3):
        rng = random.Random(0)
        frame = pd.DataFrame([record(rng, copies) for _ in range(ROWS)])
        frame.loc[frame.index % 100 == 0, "age0"] = 500
        answers = np.tile([0.001, 0.999], (ROWS, 1))

        def predict(table: pd.DataFrame, answers: Any = answers) -> Any:
            return answers[: len(table)]

        judge = schema(copies)

        def lazily(table: pd.DataFrame, judge: Any = judge) -> None:
            try:
                judge.validate(table, lazy=True)
            except pa.errors.SchemaErrors:
                return

        contract = gr.Contract(schema(copies))
        known = profile(contract)
        each = {"bare predict": predict, "pandera validate(lazy=True)": lazily}
        for deadline in (True, False):
            for telemetry in ("recording", "unsampled", "no SDK"):
                name = f"guard.batch, deadline {'on' if deadline else 'off'}, {telemetry}"
                budget = 60.0 if deadline else None
                guard = gr.guard(
                    "bench", budget=budget, contract=contract, profile=known, **providers(telemetry)
                )
                each[name] = guard.batch(predict)
        for name, call in each.items():
            p50, p99 = timed(call, [frame], calls)
            rows.append([f"{copies * 10} columns", name, f"{p50 / ROWS:.3f}", f"{p99 / ROWS:.3f}"])
    return rows


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table that a terminal and a page can show."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in [header, *rows]]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def header(*, pinned: bool) -> str:
    """The machine and the versions."""
    names = ("mapie", "numpy", "opentelemetry-sdk", "pandas", "pandera", "tenacity")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    where = "pinned to one core" if pinned else "not pinned"
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {where}; {versions}."


def report(calls: int, *, pinned: bool) -> str:
    """Both tables, with the machine and the versions."""
    return "\n".join(
        [
            header(pinned=pinned),
            "",
            "One request, microseconds; ratios of the overhead over the bare call, p50:",
            "",
            markdown(["contract", "what", "p50", "p99", "x floor", "of naive"], records(calls)),
            "",
            f"A table of {ROWS:,} rows, 1 % broken, microseconds per row:",
            "",
            markdown(["contract", "what", "p50", "p99"], tables(max(calls // 300, 7))),
        ]
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=3000, help="calls per figure (default 3000)")
    parser.add_argument("--no-pin", action="store_true", help="do not pin the process to one core")
    parser.add_argument("--markdown", type=Path, help="also write the report to this file")
    options = parser.parse_args()
    pinned = not options.no_pin and hasattr(os, "sched_setaffinity")
    if pinned:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    warnings.simplefilter("ignore")
    text = report(options.calls, pinned=pinned)
    print(text)
    if options.markdown is not None:
        options.markdown.write_text(text + "\n")


if __name__ == "__main__":
    main()
