"""What the pytest plugin adds to a run of one empty test, pairwise: with it, and with `-p no:guardrails`.

    python benchmarks/plugin.py [--pairs 40]

Both runs of a pair follow each other at once, in an order that alternates; the median of the differences is reported with
its 95 % interval (from the ranks, no distribution assumed), in wall time and in processor time, which other programs of a
busy machine disturb less; beside it the plugin's own import as Python measures it.
"""

from __future__ import annotations

import argparse
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from math import comb
from pathlib import Path


def spent(folder: Path, *arguments: str) -> tuple[float, float]:
    """One run of pytest, from start to end of the process: seconds by the wall, and of the processor."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return time.perf_counter() - begin, processor


def differences(folder: Path, pairs: int) -> list[tuple[float, float]]:
    """Milliseconds with the plugin minus without it, a pair each."""
    found = []
    for pair in range(pairs):
        ways = [(), ("-p", "no:guardrails")]
        first, second = ways if pair % 2 else ways[::-1]
        took = {first: spent(folder, *first), second: spent(folder, *second)}
        with_it, without = took[()], took["-p", "no:guardrails"]
        found.append(((with_it[0] - without[0]) * 1e3, (with_it[1] - without[1]) * 1e3))
    return found


def interval(values: list[float]) -> tuple[float, float]:
    """The 95 % interval of the median, from the binomial distribution of ranks."""
    n, ordered = len(values), sorted(values)
    below, rank = 0.0, 0
    while below + comb(n, rank) / 2**n <= 0.025:
        below += comb(n, rank) / 2**n
        rank += 1
    return ordered[max(rank - 1, 0)], ordered[min(n - rank, n - 1)]


def own_import() -> float:
    """Milliseconds of the plugin's import alone, where pytest is loaded; median of 11."""
    found = []
    for _ in range(11):
        command = [sys.executable, "-X", "importtime", "-c", "import pytest, inference_guardrails_pytest"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stderr  # noqa: S603
        line = next(each for each in told.splitlines() if each.endswith(" inference_guardrails_pytest"))
        found.append(int(re.findall(r"\d+", line)[1]) / 1e3)
    return statistics.median(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=40)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_empty.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        spent(folder)  # so that everything is compiled and read once
        found = differences(folder, pairs)
    for name, column in (("wall", 0), ("processor", 1)):
        values = [pair[column] for pair in found]
        low, high = interval(values)
        middle = statistics.median(values)
        print(
            f"an empty pytest run, {pairs} pairs, {name} time: {middle:+.1f} ms (median; 95 % {low:+.1f} to {high:+.1f})"
        )
    print(f"import of the plugin itself: {own_import():.2f} ms (median of 11)")
    print(f"python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
