"""The command: play, print, write the report."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from .play import play
from .report import render
from .terminal import Progress, lines


def run(out: Path, requests: int, seed: int) -> int:
    """Run the demonstration and return the exit code."""
    with TemporaryDirectory(prefix="guardrails-demo-") as folder:
        say = Progress()
        played = play(requests, seed, Path(folder) / "reviews.db", say)
    say("writing the report")
    out.write_text(render(played), encoding="utf-8")
    print("\n".join(lines(played)))
    print(f"\nReport: {out.resolve()}")
    return 0
