"""HTML from nested calls: every text and attribute is escaped unless it was made here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


_EMPTY = frozenset({"meta", "rect", "line", "circle", "path", "polyline", "br"})


def tag(name: str, /, *content: object, **attributes: object) -> Markup:
    """An element; in attribute names a trailing `_` is dropped and the others become `-`; None leaves one out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY and not content:
        return Markup(f"<{name}{given}/>")
    return Markup(f"<{name}{given}>{join(*content)}</{name}>")


def join(*content: object) -> Markup:
    """Pieces one after the other; what is not `Markup` is text, and escaped; no line breaks before a percent sign."""
    return Markup("".join(part if isinstance(part, Markup) else _text(str(part)) for part in content))


def _text(text: str) -> str:
    return escape(text).replace(" %", "&nbsp;%")


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Markup:
    """A table whose first column names its rows, that scrolls where it is wider than the page.

    Whole numbers get separators, texts that are `Markup` stand to the left.
    """
    header = tag("thead", tag("tr", *(_head(cell) for cell in head)))
    body = tag("tbody", *(tag("tr", *_cells(row)) for row in rows))
    grid = tag("table", tag("caption", caption), header, body)
    return tag("div", grid, class_="wide", tabindex=0, role="region", aria_label=caption)


def _cells(row: Sequence[object]) -> list[Markup]:
    return [tag("th", row[0], scope="row"), *map(_cell, row[1:])]


def _head(cell: str) -> Markup:
    return tag("th", cell, scope="col", class_="word" if isinstance(cell, Markup) else None)


def _cell(cell: object) -> Markup:
    if isinstance(cell, Markup):
        return tag("td", cell, class_="word")
    return tag("td", f"{cell:,}" if isinstance(cell, int) else cell)
