"""What a compiled contract costs beside a hand-written check and beside pandera, all measured in one run.

    python benchmarks/contract.py [--calls 5000] [--no-pin] [--markdown FILE]

One record of 10 and of 30 columns; a table of 10,000 rows with 1 % broken; a 2-d array of the same length; and the peak
of memory that judging a table of 10,000 and of 100,000 rows takes, beside the size of the table itself.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tracemalloc
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from overhead import ROWS, hand_written, header, in_turn, markdown, record, schema, timed

import guardrails as gr


def frame_of(copies: int, rows: int) -> pd.DataFrame:
    """A table of which 1 % is broken."""
    rng = random.Random(0)
    few = [record(rng, copies) for _ in range(min(rows, 10_000))]
    frame = pd.concat([pd.DataFrame(few)] * (rows // len(few)), ignore_index=True)
    frame.loc[frame.index % 100 == 0, "age0"] = 500
    return frame


def records(calls: int) -> list[list[str]]:
    """One record: hand-written, compiled, pandera."""
    rows = []
    for copies in (1, 3):
        rng = random.Random(0)
        requests = [record(rng, copies) for _ in range(200)]
        judge, check = schema(copies), gr.Contract(schema(copies)).check
        by_hand, by_hand_99 = timed(hand_written(copies), requests, calls)
        ours, ours_99 = timed(check, requests, calls)
        frames = [pd.DataFrame([request]) for request in requests]
        pandera, pandera_99 = timed(judge.validate, frames, max(calls // 20, 50))
        columns = f"{copies * 10} columns"
        rows += [
            [columns, "hand-written", f"{by_hand:.2f}", f"{by_hand_99:.2f}", "1.00", ""],
            [
                columns,
                "compiled",
                f"{ours:.2f}",
                f"{ours_99:.2f}",
                f"{ours / by_hand:.2f}",
                f"1/{pandera / ours:,.0f}",
            ],
            [columns, "pandera validate, frame ready", f"{pandera:.0f}", f"{pandera_99:.0f}", "", "1"],
        ]
    return rows


def lazily(judge: pa.DataFrameSchema, frame: pd.DataFrame) -> None:
    """Judge a table that may be broken, as pandera does."""
    try:
        judge.validate(frame, lazy=True)
    except pa.errors.SchemaErrors:
        return


def tables(calls: int) -> list[list[str]]:
    """A table of 10,000 rows; milliseconds."""
    rows: list[list[str]] = []
    for copies in (1, 3):
        judge, check = schema(copies), gr.Contract(schema(copies)).check_table
        frame, columns = frame_of(copies, ROWS), f"{copies * 10} columns"
        each = {"pandera validate(lazy=True)": partial(lazily, judge), "compiled masks": check}
        found = {name: times for name, (_, times) in in_turn(each, [frame], calls, a_round=1).items()}
        theirs = found["pandera validate(lazy=True)"]
        for name, times in found.items():
            ratio = statistics.median(a / b for a, b in zip(times, theirs, strict=True))
            p50, p99 = statistics.median(times) / 1e3, sorted(times)[int(len(times) * 0.99)] / 1e3
            rows.append([columns, name, f"{p50:.2f}", f"{p99:.2f}", f"{ratio:.2f}"])
    numbers = pa.DataFrameSchema({f"x{i}": pa.Column(float, pa.Check.in_range(-6, 6)) for i in range(10)})
    array = np.random.default_rng(0).normal(size=(ROWS, 10))
    ours, ours_99 = timed(gr.Contract(numbers).check_table, [array], calls)
    return [*rows, ["10 floats", "2-d array, bound vectors", f"{ours / 1e3:.2f}", f"{ours_99 / 1e3:.2f}", ""]]


def memory() -> list[list[str]]:
    """Peak of memory while a table is judged; megabytes."""
    check = gr.Contract(schema(1)).check_table
    rows = []
    for n in (10_000, 100_000):
        frame = frame_of(1, n)
        check(frame.iloc[:10])
        tracemalloc.start()
        check(frame)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        size = float(frame.memory_usage(deep=True).sum())
        rows.append([f"{n:,}", f"{size / 1e6:.1f}", f"{peak / 1e6:.1f}", f"{peak / size:.2f}"])
    return rows


def report(calls: int, *, pinned: bool) -> str:
    """All tables, with the machine and the versions."""
    parts: list[str] = [
        header(pinned=pinned),
        "One record, microseconds:",
        markdown(["contract", "what", "p50", "p99", "x hand-written", "of pandera"], records(calls)),
        f"A table of {ROWS:,} rows, 1 % broken, milliseconds:",
        markdown(["contract", "what", "p50", "p99", "x pandera"], tables(max(calls // 300, 7))),
        "Memory while a table is judged, megabytes:",
        markdown(["rows", "table", "peak beside it", "ratio"], memory()),
    ]
    return "\n\n".join(parts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=5000, help="calls per figure (default 5000)")
    parser.add_argument("--no-pin", action="store_true", help="do not pin the process to one core")
    parser.add_argument("--markdown", type=Path, help="also write the report to this file")
    options: Any = parser.parse_args()
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
