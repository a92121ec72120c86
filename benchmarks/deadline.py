"""Who is on time: callers of models that sleep, spin, hold the interpreter lock, swallow cancellation or never return.

    python benchmarks/deadline.py [--outage 30] [--markdown FILE]

Three parts: how late a caller is under each enforcement, alone and with eight callers; an outage of a model behind a
fallback; and what it is worth to start the fallback while the primary runs on. Needs the extra `process`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider

import guardrails as gr

BUDGET = 0.05
QUIET: dict[str, Any] = {"tracer_provider": NoOpTracerProvider(), "meter_provider": NoOpMeterProvider()}


def sleeps(request: Any) -> None:  # noqa: ARG001 - a model takes a request
    """A slow service."""
    time.sleep(0.5)


def spins(request: Any) -> None:  # noqa: ARG001
    """Pure Python that computes."""
    end = time.perf_counter() + 0.25
    while time.perf_counter() < end:
        pass


def holds_the_lock(request: Any) -> int:  # noqa: ARG001
    """C code that keeps the interpreter lock for about a quarter of a second."""
    return sum(range(9_000_000))


def never_returns(request: Any) -> None:  # noqa: ARG001
    """A call that is lost for good."""
    threading.Event().wait()


async def sleeps_async(request: Any) -> None:  # noqa: ARG001
    """A slow service, awaited."""
    await asyncio.sleep(0.5)


async def swallows(request: Any) -> None:  # noqa: ARG001
    """A coroutine that does not let itself be cancelled."""
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue


def keeps_to_it(request: Any, *, timeout: float) -> None:  # noqa: ARG001
    """A client with a timeout of its own."""
    time.sleep(timeout)


def overruns(request: Any, *, timeout: float) -> None:  # noqa: ARG001
    """A client that needs 20 ms more than it was given."""
    time.sleep(timeout + 0.02)


CASES: tuple[tuple[str, Callable[..., Any], int], ...] = (
    ("thread", sleeps, 60), ("thread", never_returns, 60), ("thread", spins, 10), ("thread", holds_the_lock, 10),
    ("process", sleeps, 40), ("process", never_returns, 40), ("process", spins, 20), ("process", holds_the_lock, 20),
    ("async", sleeps_async, 60), ("async", swallows, 60),
    ("cooperative", keeps_to_it, 60), ("cooperative", overruns, 60),
)  # fmt: skip


def guarded(how: str, model: Callable[..., Any], **more: Any) -> Any:
    """The model behind a guard that refuses nothing."""
    most = 2 if how == "process" else 10_000
    budget = gr.Budget(BUDGET, enforcement=how, max_abandoned=10_000, max_concurrent=max(most, 8))  # type: ignore[arg-type]
    return gr.guard("late", budget=budget, breaker=None, **QUIET, **more)(model)


def late(call: Callable[[], Any]) -> float:
    """Milliseconds over the budget of one call."""
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin - BUDGET) * 1e3


def lateness(how: str, model: Callable[..., Any], calls: int, callers: int) -> list[float]:
    """How late each caller was."""
    guard = guarded(how, model)
    if how == "async":
        return asyncio.run(_awaited(guard, calls, callers))
    if how == "process":
        pools = [threading.Thread(target=guard.start) for _ in range(callers)]
        for each in pools:
            each.start()
        for each in pools:
            each.join()
    with ThreadPoolExecutor(callers) as pool:
        return list(pool.map(lambda _: _rested(how, guard), range(calls)))


def _rested(how: str, guard: Any) -> float:
    found = late(lambda: guard(0))
    if how == "process":  # the replacement of what was killed needs a moment to start
        time.sleep(0.6)
    return found


async def _awaited(guard: Any, calls: int, callers: int) -> list[float]:
    async def one() -> float:
        begin = time.perf_counter()
        await guard(0)
        return (time.perf_counter() - begin - BUDGET) * 1e3

    found: list[float] = []
    for _ in range(max(calls // callers, 1)):
        found += await asyncio.gather(*(one() for _ in range(callers)))
    return found


def part_lateness() -> list[list[str]]:
    """Rows: enforcement, model, callers, p50, p99, max."""
    rows = []
    for callers in (1, 8):
        for how, model, calls in CASES:
            found = np.array(lateness(how, model, calls, callers))
            p50, p99 = np.quantile(found, [0.5, 0.99])
            rows.append([how, model.__name__, str(callers), f"{p50:.1f}", f"{p99:.1f}", f"{found.max():.1f}"])
            time.sleep(0.6)  # what was abandoned ends
    return rows


def part_outage(outage: float) -> list[list[str]]:
    """2,000 requests of eight callers, spread over an outage and a fifth of its length after it."""
    state = {"until": time.perf_counter() + outage, "calls": 0}
    recovered: list[float] = []

    def model(request: int) -> int:
        state["calls"] += time.perf_counter() < state["until"]
        while time.perf_counter() < state["until"]:
            time.sleep(0.01)
        return request

    guard = gr.guard("outage", budget=BUDGET, fallbacks=[lambda request: -request], **QUIET)(model)
    step = outage * 1.2 / 2000
    begin, threads, memory = time.perf_counter(), [threading.active_count()], [_rss()]

    def ask(i: int) -> float:
        time.sleep(max(begin + i * step - time.perf_counter(), 0.0))
        over = late(lambda: _noted(guard(i), recovered))
        if i % 50 == 0:
            threads.append(threading.active_count())
            memory.append(_rss())
        return over

    with ThreadPoolExecutor(8) as pool:
        over = np.array(list(pool.map(ask, range(2000))))
    first = min((at for at in recovered if at > state["until"]), default=float("nan"))
    return [
        ["requests answered within the budget", f"{int((over <= 0).sum())} of {len(over)}"],
        ["latest answer, ms over the budget", f"{over.max():.1f}"],
        ["calls of the model during the outage", str(int(state["calls"]))],
        ["threads before, at most", f"{threads[0]}, {max(threads)}"],
        ["memory before, at most, MB", f"{memory[0]:.0f}, {max(memory):.0f}"],
        ["seconds from the outage's end to the first answer of the primary", f"{first - state['until']:.1f}"],
        ["exceptions", "0"],
    ]


def _noted(decision: Any, recovered: list[float]) -> None:
    if decision.served_by == "primary":
        recovered.append(time.perf_counter())


def _rss() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def part_simulated() -> list[list[str]]:
    """The rule alone: a budget of 100 ms, 200,000 pairs of lognormal durations, as milliseconds."""
    rng = np.random.default_rng(0)
    primary, fallback = rng.lognormal(np.log(40), 0.63, 200_000), rng.lognormal(np.log(4), 0.31, 200_000)
    start = 100 - np.quantile(fallback, 0.99)
    in_time = start + fallback <= 100
    cut = primary <= start
    kept = primary <= 100
    return [
        ["no fallback", f"{kept.mean():.4f}", f"{1 - kept.mean():.5f}"],
        ["primary cut when the fallback starts", f"{cut.mean():.4f}", f"{(~cut & ~in_time).mean():.5f}"],
        ["primary runs on, and is preferred", f"{kept.mean():.4f}", f"{(~kept & ~in_time).mean():.5f}"],
    ]


def part_real() -> list[list[str]]:
    """400 calls each; one call in twelve of the primary takes 0.93 of the budget, one in twenty twice the budget."""
    rows = []
    for name, more in (
        ("started in time, the primary runs on", {}),
        ("no fallback while the primary is late", {"policy": gr.Policy(deadline="review")}),
    ):
        count = iter(range(10_000))

        def primary(request: int) -> int:
            i = next(count)  # noqa: B023 - called within the loop
            time.sleep(BUDGET * (2 if i % 20 == 0 else 0.9 if i % 12 == 0 else 0.2))
            return request

        def fallback(request: int) -> int:
            time.sleep(0.004)
            return -request

        budget = gr.Budget(BUDGET, max_abandoned=64)
        guard = gr.guard("hedge", budget=budget, fallbacks=[fallback], breaker=None, **more, **QUIET)(primary)
        decisions = [guard(i) for i in range(400)]
        missed = sum(each.route == "needs_review" for each in decisions)
        rows.append(
            [name, f"{sum(d.served_by == 'primary' for d in decisions) / 400:.3f}", f"{missed / 400:.3f}"]
        )
    return rows


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table that a terminal and a page can show."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in [header, *rows]]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--outage", type=float, default=30.0, help="seconds (default 30); 0 leaves it out")
    parser.add_argument("--markdown", type=Path, help="also write the report to this file")
    options = parser.parse_args()
    parts = [
        f"Python {platform.python_version()}, {os.cpu_count()} cores, not pinned; budget {BUDGET * 1e3:.0f} ms.",
        markdown(["enforcement", "model", "callers", "p50 ms over", "p99", "max"], part_lateness()),
    ]
    if options.outage:
        parts.append(markdown(["outage", "measured"], part_outage(options.outage)))
    parts.append(markdown(["simulated", "primary's answers", "missed"], part_simulated()))
    parts.append(markdown(["for real", "primary's answers", "missed"], part_real()))
    text = "\n\n".join(parts)
    print(text)
    if options.markdown is not None:
        options.markdown.write_text(text + "\n")
    os._exit(0)  # what never returns is not waited for


if __name__ == "__main__":
    main()
