"""The command `drill`: a guard named on the command line, requests from a file, a report, an exit code."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .._errors import ConfigurationError

_PRODUCTION = ("production", "prod", "live")
_VARIABLES = (
    "GUARDRAILS_ENVIRONMENT",
    "ENVIRONMENT",
    "ENV",
    "APP_ENV",
    "DEPLOYMENT_ENVIRONMENT",
    "DJANGO_ENV",
    "FLASK_ENV",
)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `drill` to a parser; `run` takes what it parses."""
    about = "send requests through a guard while its model, its surroundings or the upstream fail, and report"
    parser = commands.add_parser("drill", help=about, description=about)
    parser.add_argument(
        "target", metavar="MODULE:GUARD", help="the guarded function, such as service.app:predict"
    )
    parser.add_argument(
        "--requests", type=Path, required=True, metavar="FILE", help=".jsonl, .json, .csv or .parquet"
    )
    parser.add_argument(
        "--scenario",
        default="",
        metavar="NAMES",
        help="separated by commas, such as primary_hangs,field_dropped=adr (default: all that need no field)",
    )
    parser.add_argument(
        "--limit", type=_count, default=20, metavar="N", help="requests at most (default: %(default)s)"
    )
    parser.add_argument(
        "--read",
        default="",
        metavar="MODULE:CALLABLE",
        help="makes a request of each record, such as a pydantic model",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("drill.json"),
        help="the report; the summary is written beside it as .md (default: %(default)s)",
    )
    parser.add_argument(
        "--virtual-time",
        action="store_true",
        help="let calls hang on a virtual clock: quick, but latencies are not real",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.05,
        metavar="SECONDS",
        help="past the budget from which a decision is late (default: %(default)s)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="a broken request that goes unseen is a finding too"
    )
    parser.add_argument("--allow-production", action="store_true", help="run although the environment says production")  # fmt: skip


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def run(given: argparse.Namespace) -> int:
    """Run `drill`: 0 where nothing was found, 1 with findings, 2 with one line on stderr where it cannot run."""
    try:
        _refuse_production(os.environ, allowed=given.allow_production)
        report = _drilled(given)
        _write(given.out, report.to_json())
        _write(given.out.with_suffix(".md"), str(report))
    except ConfigurationError as error:
        sys.stderr.write(f"drill {given.target!r}: {error}\n")
        return 2
    sys.stdout.write(f"{report}\nwritten to {given.out} and {given.out.with_suffix('.md')}\n")
    return 0 if report.passed else 1


def _drilled(given: argparse.Namespace) -> Any:
    from ._drill import drill
    from ._seam import is_table

    sys.path.insert(0, str(Path.cwd()))  # as a server started here would find the module
    guarded = load(given.target, "MODULE:GUARD")
    records: Any = read_requests(given.requests, given.limit)
    if given.read:
        records = [load(given.read, "--read")(record) for record in records]
    if is_table(guarded):
        records = [_table(records)]
    names = [name.strip() for name in given.scenario.split(",") if name.strip()]
    return drill(
        guarded,
        records,
        names,
        real_time=not given.virtual_time,
        tolerance=given.tolerance,
        strict=given.strict,
    )


def _refuse_production(environment: Mapping[str, str], *, allowed: bool) -> None:
    if allowed:
        return
    said = [
        f"{name}={environment[name]}"
        for name in _VARIABLES
        if environment.get(name, "").lower() in _PRODUCTION
    ]
    attributes = environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    said += [each for each in attributes.split(",") if _is_production(each)]
    if said:
        mend = "this looks like production: run it where nobody is served, or say --allow-production"
        raise ConfigurationError.of("environment", said[0], mend)


def _is_production(attribute: str) -> bool:
    name, _, value = attribute.strip().partition("=")
    return name in {"deployment.environment", "deployment.environment.name"} and value.lower() in _PRODUCTION


def load(target: str, parameter: str) -> Any:
    """What `module:name.of.it` names.

    Raises:
        ConfigurationError: it names nothing, or importing the module fails.
    """
    module, _, path = target.partition(":")
    if not module or not path:
        raise ConfigurationError.of(parameter, target, "must be MODULE:NAME, such as service.app:predict")
    try:
        found = importlib.import_module(module)
    except Exception as error:
        mend = f"cannot be imported ({type(error).__name__}: {error})"
        raise ConfigurationError.of(parameter, target, mend) from error
    for name in path.split("."):
        if not hasattr(found, name):
            raise ConfigurationError.of(parameter, target, f"has no {name!r}")
        found = getattr(found, name)
    return found


def read_requests(path: Path, limit: int) -> list[dict[str, Any]]:
    """The first records of a file.

    Raises:
        ConfigurationError: it is no such file, or holds no records.
    """
    try:
        records = _read(path, limit)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError.of(
            "--requests", str(path), f"cannot be read ({type(error).__name__})"
        ) from None
    if not records or not all(isinstance(record, dict) for record in records):
        raise ConfigurationError.of(
            "--requests", str(path), "must hold at least one record, and nothing but records"
        )
    return records


def _read(path: Path, limit: int) -> list[dict[str, Any]]:
    suffix = path.suffix.lower()
    if suffix in {".jsonl", ".ndjson"}:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [json.loads(line) for line in lines[:limit]]
    if suffix == ".json":
        found = json.loads(path.read_text(encoding="utf-8"))
        return list(found)[:limit] if isinstance(found, list) else [found]
    if suffix in {".csv", ".parquet"}:
        import pandas as pd

        frame = pd.read_csv(path, nrows=limit) if suffix == ".csv" else pd.read_parquet(path).head(limit)
        return [{str(name): _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]
    raise ConfigurationError.of("--requests", str(path), "must be a .jsonl, .json, .csv or .parquet file")


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _table(records: Sequence[Mapping[str, Any]]) -> Any:
    import pandas as pd

    return pd.DataFrame(records)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError.of(
            "--out", str(path), f"cannot be written ({type(error).__name__})"
        ) from None
