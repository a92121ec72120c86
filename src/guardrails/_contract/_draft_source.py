"""Write a drafted contract as Python source that `ruff format` leaves as it is, and that runs nothing but itself.

pandera's own writers are not used. Its model writer (0.35) needs black, cannot hold comments, writes five types only (no
widths, time zones or categories), writes `inf` and `Timestamp(...)` without importing them, and lets two column names
that become the same identifier overwrite each other; its other writers give a `DataFrameSchema`, or need PyYAML.
"""

from __future__ import annotations

import keyword
import math
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 88  # ruff's default; the magic commas keep it so under a wider one
_LONGEST_NAME: Final = 48
_USED: Final = frozenset(
    {"bool", "float", "int", "object", "pa", "pd", "str"}
)  # by annotations of later fields


@dataclass(frozen=True, slots=True)
class Column:
    """One field of the draft.

    Attributes:
        key: the column's name.
        annotation: its type, as source.
        arguments: of `pa.Field`, as values that `literal` can write.
        notes: what a reader should know; no value of the data.
        seconds: of its instants, since the epoch, row by row with NaN for a missing one; None for other types.
    """

    key: str | int
    annotation: str
    arguments: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    seconds: Any = None


def literal(value: Any) -> str:
    """A value of the data as source: nothing but that value, whatever it holds.

    Raises:
        TypeError: it is of a type that is never written.
    """
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool | int):
        return repr(value)
    if isinstance(value, float):
        return repr(value).replace("e+", "e") if math.isfinite(value) else f'float("{value!r}")'
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    return _stamped(value)


def _stamped(value: Any) -> str:
    import pandas as pd

    if isinstance(value, pd.Timestamp):
        return f'pd.Timestamp("{value.isoformat().removesuffix("T00:00:00")}")'
    if isinstance(value, pd.Timedelta):
        return f'pd.Timedelta("{value}")'
    raise TypeError(f"no literal for {type(value).__name__}")


def _quoted(text: str) -> str:
    """`repr`, in the quotes that ruff prefers; it escapes quotes, backslashes and what does not print."""
    plain = repr(str.__str__(text))  # a subclass may have a repr of its own
    if plain[0] == '"' or text.count('"') > text.count("'"):
        return plain
    inner = plain[1:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{inner}"'


def is_name(text: str) -> bool:
    """Whether Python takes the text as an identifier, and as this very one."""
    return text.isidentifier() and not keyword.iskeyword(text) and unicodedata.normalize("NFKC", text) == text


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold the text; half of a surrogate pair it cannot, nor can pandas' own text columns."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def source_of(name: str, columns: Sequence[Column], head: str, tail: Sequence[str] = ()) -> str:
    """The whole module.

    Args:
        name: of the class.
        columns: its fields, in order.
        head: the module's docstring, without quotes.
        tail: comment lines below the class.
    """
    fields = [
        line
        for attribute, column in zip(_attributes(columns), columns, strict=True)
        for line in _field(attribute, column)
    ]
    pandas = ["import pandas as pd"] * any(map(_needs_pandas, columns))
    lines = [
        f'"""{head}\n"""',
        "",
        *pandas,
        "import pandera.pandas as pa",
        "",
        "",
        f"class {name}(pa.DataFrameModel):",
        '    """One request, as the data show it."""',
        "",
        *fields,
        *["", ""] * bool(tail),
        *(f"# {line}".rstrip() for line in tail),
    ]
    return "\n".join(lines) + "\n"


def _needs_pandas(column: Column) -> bool:
    stamped = any(type(value).__module__.startswith("pandas.") for value in column.arguments.values())
    return stamped or column.annotation.startswith("pd.")


def _attributes(columns: Iterable[Column]) -> list[str]:
    """One identifier per column: the column's own name where it can be one."""
    columns = list(columns)
    taken = {column.key for column in columns if _is_attribute(column.key)}
    found = []
    for i, column in enumerate(columns):
        if _is_attribute(column.key):
            found.append(str(column.key))
            continue
        attribute = _similar(column.key, i)
        while attribute in taken:
            attribute += "_"
        taken.add(attribute)
        found.append(attribute)
    return found


def _is_attribute(key: str | int) -> bool:
    """Whether a model can have the name as an attribute, with no other meaning there."""
    import pandera.pandas as pa

    return (
        isinstance(key, str)
        and is_name(key)
        and not key.startswith("_")  # pandera leaves these out
        and _width(key) <= _LONGEST_NAME
        and key not in _USED
        and not hasattr(pa.DataFrameModel, key)
    )


def _similar(key: str | int, position: int) -> str:
    words = re.findall(r"[A-Za-z0-9]+", str(key))
    joined = "_".join(words).lower()[: _LONGEST_NAME - 8].rstrip("_")
    if joined[:1].isalpha():
        return joined if _is_attribute(joined) else f"{joined}_"
    return f"column_{joined or position}"


def _field(attribute: str, column: Column) -> list[str]:
    """The lines of one field: its comment, then its declaration."""
    notes = textwrap.wrap("; ".join(column.notes), WIDTH - len("    # "))
    arguments = dict(column.arguments)
    if attribute != column.key:
        arguments["alias"] = column.key
    return [
        *(f"    # {note}" for note in notes),
        *_declaration(f"{attribute}: {column.annotation}", arguments),
    ]


def _declaration(head: str, arguments: Mapping[str, Any]) -> list[str]:
    if not arguments:
        return [f"    {head}"]
    written = [f"{key}={literal(value)}" for key, value in arguments.items()]
    line = f"    {head} = pa.Field({', '.join(written)})"
    if _width(line) <= WIDTH:
        return [line]
    inner = [line for key, value in arguments.items() for line in _argument(key, value)]
    return [f"    {head} = pa.Field(", *inner, "    )"]


def _argument(key: str, value: Any) -> list[str]:
    line = f"        {key}={literal(value)},"
    if _width(line) <= WIDTH or not isinstance(value, list):
        return [line]
    return [f"        {key}=[", *(f"            {literal(item)}," for item in value), "        ],"]


def _width(line: str) -> int:
    """At least the columns that ruff counts: a character outside ASCII takes at most two."""
    return len(line) + sum(not c.isascii() for c in line)
