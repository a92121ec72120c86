"""The command `contract draft`: a contract drafted from a CSV or Parquet file."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guardrails._errors import ConfigurationError

if TYPE_CHECKING:
    from ._draft import Draft

_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zip", ".zst")
_PARQUET: Final = (".parquet", ".pq")


def draft_file(path: str | Path, *, name: str = "Request", room: float = 0.1, categories: int = 20) -> Draft:
    """Draft a contract from a file, as `draft` does from the table that pandas reads from it.

    Args:
        path: a CSV file (`.csv`, also compressed: `.csv.gz`, `.csv.zip`, ...) with a header, or a Parquet file (`.parquet`,
            `.pq`; needs pyarrow).
        name: of the drafted class.
        room: share of the observed span by which a range is widened.
        categories: how many distinct values are listed at most.

    Raises:
        ConfigurationError: the file cannot be read, or nothing can be drafted from it.
    """
    from ._draft import draft

    return draft(_read(Path(path)), name=name, room=room, categories=categories)


def _read(path: Path) -> Any:
    """The table in the file; what pandas says of a bad one may quote it, so only the kind of error is told."""
    suffix = path.suffix.lower()
    plain = path.with_suffix("") if suffix in _COMPRESSED else path
    if suffix not in _PARQUET and plain.suffix.lower() != ".csv":
        raise ConfigurationError.of("path", str(path), "must be a .csv (also compressed) or .parquet file")
    if not path.is_file():
        raise ConfigurationError.of("path", str(path), "must be a file that exists")
    if suffix in _PARQUET and find_spec("pyarrow") is None:
        mend = 'Parquet needs the package pyarrow: pip install "inference-guardrails[parquet]"'
        raise ConfigurationError.of("path", str(path), mend)
    try:
        return _parquet(path) if suffix in _PARQUET else _csv(path)
    except ConfigurationError:
        raise
    except Exception as error:
        mend = (
            f"pandas cannot read it ({type(error).__name__}): mend the file, or draft from a DataFrame of it"
        )
        raise ConfigurationError.of("path", str(path), mend) from None


def _parquet(path: Path) -> Any:
    import pandas as pd

    return pd.read_parquet(path, engine="pyarrow")


def _csv(path: Path) -> Any:
    import pandas as pd

    # pandas renames the second of two equal names, so they are looked for before
    header = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0].tolist()
    times = Counter(header)
    twice = [place for place, name in enumerate(header, 1) if times[name] > 1]
    if twice:  # by place: without a header this is a row of data
        mend = f"each column name must occur once: rename those of columns {twice}"
        raise ConfigurationError.of("path", str(path), mend)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # in one piece, in several the type of a column can change between them; and no column becomes the index
            return pd.read_csv(path, low_memory=False, index_col=False)
    except pd.errors.ParserWarning:
        mend = f"its lines must have as many cells as its header, {len(header)}: name each column, or drop what is over"
        raise ConfigurationError.of("path", str(path), mend) from None


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `contract draft` to a parser; `run` takes what it parses."""
    about = "work with contracts"
    contract = commands.add_parser("contract", help=about, description=about)
    actions = contract.add_subparsers(dest="action", required=True)
    about = "draft a pandera model from a CSV or Parquet file, as Python source to read and change"
    parser = actions.add_parser("draft", help=about, description=about)
    parser.add_argument("file", type=Path, metavar="FILE", help="a .csv (also compressed) or .parquet file")
    parser.add_argument("--name", default="Request", help="of the class (default: %(default)s)")
    parser.add_argument(
        "--room",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="widen each range at both ends by this share of its span (default: %(default)s)",
    )
    parser.add_argument(
        "--categories",
        type=int,
        default=20,
        metavar="N",
        help="list the values of a column with at most N of them (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="a new file for the source (default: print it)"
    )


def run(given: argparse.Namespace) -> int:
    """Run `contract draft`: 0 when it is drafted, 2 with one line on stderr when it cannot be."""
    try:
        drafted = draft_file(given.file, name=given.name, room=given.room, categories=given.categories)
        if given.out is None:
            sys.stdout.write(drafted.source)
        else:
            _write(given.out, drafted.source)
    except ConfigurationError as error:
        sys.stderr.write(f"contract draft {str(given.file)!r}: {error}\n")
        return 2
    return 0


def _write(path: Path, source: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(source)
    except FileExistsError:
        # it may be a draft that a person has worked on
        raise ConfigurationError.of("--out", str(path), "exists: name another file, or remove it") from None
    except OSError as error:
        raise ConfigurationError.of(
            "--out", str(path), f"cannot be written ({type(error).__name__})"
        ) from None
