"""The commands: `python -m guardrails demo`, `doctor`, `contract draft`, `switch` and `drill`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ._contract._draft_file import add_parser
from ._switch_command import add_parser as add_switch
from .testing._drill_command import add_parser as add_drill


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 good, 1 a finding, 2 a mistake in the arguments."""
    given = _parser().parse_args(arguments)
    if given.command == "doctor":
        return _doctor()
    if given.command == "contract":
        from ._contract._draft_file import run

        return run(given)
    if given.command == "switch":
        from ._switch_command import run as switch

        return switch(given)
    if given.command == "drill":
        from .testing._drill_command import run as run_drill

        return run_drill(given)
    return _demo(given.out, given.requests, given.seed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m guardrails", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    about = "replay real hotel bookings through a bare and a guarded model, and write a report"
    demo = commands.add_parser("demo", help=about, description=about)
    demo.add_argument(
        "--out", type=Path, default=Path("guardrails-demo.html"), help="the report (default: %(default)s)"
    )
    demo.add_argument(
        "--requests",
        type=_requests,
        default=1200,
        metavar="N",
        help="requests for each act, 40 to 5000 (default: %(default)s)",
    )
    demo.add_argument(
        "--seed", type=_seed, default=0, help="of everything that is drawn (default: %(default)s)"
    )
    about = "look for a second package called guardrails in this environment, and print versions"
    commands.add_parser("doctor", help=about, description=about)
    add_parser(commands)
    add_switch(commands)
    add_drill(commands)
    return parser


def _requests(text: str) -> int:
    return _whole(text, 40, 5000)


def _seed(text: str) -> int:
    return _whole(text, 0, 2**32 - 1)


def _whole(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high}, not {text!r}")
    return int(text)


def _doctor() -> int:
    from importlib.metadata import distributions

    from ._doctor import findings, versions

    print("\n".join(versions()))
    found = list(findings(distributions()))
    print("\n".join(f"\nfinding: {finding}" for finding in found) or "\nNothing to mend.")
    return 1 if found else 0


def _demo(out: Path, requests: int, seed: int) -> int:
    # one row is nothing to share out: a team of OpenMP threads for each calling thread made a call six times slower.
    # It is read once, when scikit-learn is loaded.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if out.is_dir() or not (out.parent.is_dir() and os.access(out.parent, os.W_OK)):
        print(
            f"--out: {out} cannot be written; name a file in a folder that exists and is yours",
            file=sys.stderr,
        )
        return 2
    from ._demo.run import run

    return run(out, requests, seed)


if __name__ == "__main__":
    sys.exit(main())
