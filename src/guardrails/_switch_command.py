"""The command `switch`: reads a switch's file, shows its history, and flips it."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Final

from ._errors import ConfigurationError
from ._switch import Switch
from ._switch_file import STATES, Flip

_SECONDS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `switch` to a parser; `run` takes what it parses."""
    about = "say what a switch's file has in force, or flip it: 0 at normal, 1 where it is not, or the file is damaged"
    parser = commands.add_parser("switch", help="turn a model off and on, and see who did", description=about)
    parser.add_argument("file", metavar="FILE", help="the file of gr.Switch(FILE)")
    parser.add_argument("state", nargs="?", choices=STATES, help="flip it to this")
    parser.add_argument("--owner", help="who flips it; required")
    parser.add_argument("--reason", help="why; required")
    parser.add_argument(
        "--for",
        dest="seconds",
        type=_duration,
        metavar="TIME",
        help="how long it holds, such as 30min, 2h or 1d; required but for normal",
    )
    parser.add_argument("--history", action="store_true", help="every flip in the file, the oldest first")


def run(given: argparse.Namespace) -> int:
    """Run `switch` and return its exit code: 0 good, 1 not at normal or damaged, 2 a mistake, one line on stderr."""
    mistake = _mistake(given)
    if mistake:
        return _refuse(given.file, mistake)
    try:
        switch = Switch(given.file)
        if given.history:
            return _history(switch)
        return _read(switch) if given.state is None else _flip(switch, given)
    except (ConfigurationError, OSError) as error:
        why = (
            str(error)
            if isinstance(error, ConfigurationError)
            else f"{error.strerror or type(error).__name__}"
        )
        return _refuse(given.file, why)


def _mistake(given: argparse.Namespace) -> str:
    """What does not fit together, "" where all does."""
    if given.state is None:
        left = [name for name in ("owner", "reason", "seconds") if getattr(given, name) is not None]
        return "name the state to flip it to" if left else ""
    if given.history:
        return "--history only reads: leave out the state"
    for name in ("owner", "reason"):
        if not (getattr(given, name) or "").strip():
            return f"--{name} is required: say {'who' if name == 'owner' else 'why'}"
    if given.state == "normal":
        return "" if given.seconds is None else "--for is not for normal, which holds for good"
    return "" if given.seconds is not None else "--for is required: the switch has to go back by itself"


def _read(switch: Switch) -> int:
    flip = switch.current()
    sys.stdout.write("normal\n" if flip is None else f"{_line(flip)}\n")
    if switch.problem:
        sys.stderr.write(f"switch {str(switch.path)!r}: {switch.problem}\n")
    return 1 if flip is not None or switch.problem else 0


def _history(switch: Switch) -> int:
    if not switch.path.exists():
        return _refuse(str(switch.path), "there is no such file")
    for flip in switch.history():
        sys.stdout.write(f"{flip.at}  {_line(flip)}\n")
    return 0


def _flip(switch: Switch, given: argparse.Namespace) -> int:
    flip = switch.set(given.state, owner=given.owner, reason=given.reason, seconds=given.seconds)
    sys.stdout.write(f"{_line(flip)}\n")
    return 0


def _line(flip: Flip) -> str:
    until = f" until {flip.until}" if flip.until else ""
    return f"{flip.state}{until}, by {flip.owner}: {flip.reason}"


def _refuse(file: str, why: str) -> int:
    sys.stderr.write(f"switch {file!r}: {why}\n")
    return 2


def _duration(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(s|min|h|d)", text.strip(), re.ASCII)
    if found is None:
        raise argparse.ArgumentTypeError(f"must be a number and s, min, h or d, such as 30min, not {text!r}")
    return float(found[1]) * _SECONDS[found[2]]
