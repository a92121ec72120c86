"""The report's plots: inline SVG, each with a title, a description, and shapes beside colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .._types import Route
from .drift import Calendar
from .figures import Figures
from .markup import Markup, join, tag
from .wording import duration

_WIDTH: Final = 760
_LEFT: Final = 170
_RIGHT: Final = 700
_ROW: Final = 46

Pair = tuple[str, Figures, Figures]
"""An act's name, its figures bare, its figures guarded."""


def patterns() -> Markup:
    """The fillings that tell the series apart without colour; once a page."""
    line = {"patternUnits": "userSpaceOnUse", "width": 6, "height": 6, "patternTransform": "rotate(45)"}
    hatch = tag("pattern", tag("line", x1=0, y1=0, x2=0, y2=6, class_="hatch-ink"), id="hatch", **line)
    cross = tag("pattern", tag("line", x1=0, y1=0, x2=0, y2=6, class_="cross-ink"), id="cross", **line)
    dot = tag("circle", cx=2, cy=2, r=1.1, class_="dots-ink")
    dots = tag("pattern", dot, id="dots", patternUnits="userSpaceOnUse", width=5, height=5)
    return tag(
        "svg",
        tag("defs", hatch, cross, dots),
        width=0,
        height=0,
        aria_hidden="true",
        style="position:absolute",
    )


def _figure(name: str, title: str, caption: str, height: float, *content: Markup) -> Markup:
    inner = (tag("title", title, id=f"{name}-title"), tag("desc", caption, id=f"{name}-desc"), *content)
    drawing = tag(
        "svg", *inner, viewBox=f"0 0 {_WIDTH} {height:g}", role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )  # fmt: skip
    return tag("figure", drawing, tag("figcaption", caption))


def _text(x: float, y: float, text: object, anchor: str = "start", class_: str | None = None) -> Markup:
    return tag("text", text, x=f"{x:g}", y=f"{y:g}", text_anchor=anchor, class_=class_)


def _legend(keys: Sequence[tuple[str, str]], y: float = 14) -> Markup:
    """Swatch and word for each class of mark."""
    parts, x = [], float(_LEFT)
    for class_, word in keys:
        parts.append(tag("rect", x=f"{x:g}", y=y - 10, width=18, height=11, class_=class_))
        parts.append(_text(x + 24, y, word, class_="soft"))
        x += 46 + 6.4 * len(word)
    return join(*parts)


def silent_wrong(pairs: Sequence[Pair]) -> Markup:
    """Bars: wrong answers without a caveat per 100 answered, bare above guarded."""
    most = max(rate for _, *sides in pairs for side in sides for rate in (side.silent_rate or 0.0, 0.01))
    rows = [_wrong_row(pair, 34 + _ROW * i, (_RIGHT - _LEFT - 40) / most) for i, pair in enumerate(pairs)]
    legend = _legend([("bare", "bare model"), ("guarded", "guarded")])
    return _figure(
        "silent", "Wrong answers without a caveat, per 100 requests answered",
        "Wrong answers given without a caveat, per 100 requests answered. Shorter is better. "
        "Of the bare model every answer is without a caveat; of the guarded one, those that are Works.",
        34 + _ROW * len(pairs), legend, *rows,
    )  # fmt: skip


def _wrong_row(pair: Pair, y: float, scale: float) -> Markup:
    name, *sides = pair
    parts = [_text(_LEFT - 12, y + 21, name, "end", "strong")]
    for i, (side, class_) in enumerate(zip(sides, ("bare", "guarded"), strict=True)):
        rate, top = side.silent_rate, y + 2 + 17 * i
        width = 0.0 if rate is None else rate * scale
        parts.append(tag("rect", x=_LEFT, y=top, width=f"{max(width, 1):.1f}", height=13, class_=class_))
        parts.append(
            _text(_LEFT + width + 7, top + 11, "none answered" if rate is None else f"{100 * rate:.1f}")
        )
    return join(*parts)


def outcomes(pairs: Sequence[Pair]) -> Markup:
    """Stacked bars: how the guarded requests ended."""
    rows = [_outcome_row(name, side, 34 + 32 * i) for i, (name, _, side) in enumerate(pairs)]
    legend = _legend([(route.value, _WORDS[route]) for route in Route])
    return _figure(
        "outcomes", "How each guarded request ended",
        "How each guarded request ended, in percent of the requests of the act.",
        34 + 32 * len(pairs), legend, *rows,
    )  # fmt: skip


_WORDS: Final = {Route.works: "works", Route.degraded: "degraded", Route.needs_review: "needs review"}
_NARROW = 0.055  # a part narrower than this has no room for its number


def _outcome_row(name: str, side: Figures, y: float) -> Markup:
    return _stack(name, [(route.value, side.share(route)) for route in Route], y)


def _stack(name: str, parts: Sequence[tuple[str, float]], y: float) -> Markup:
    drawn, x, scale = [_text(_LEFT - 12, y + 15, name, "end", "strong")], float(_LEFT), _RIGHT - _LEFT
    for class_, share in parts:
        width = share * scale
        if share > 0:
            drawn.append(tag("rect", x=f"{x:.1f}", y=y, width=f"{width:.1f}", height=22, class_=class_))
        if share >= _NARROW:
            drawn.append(
                tag(
                    "rect",
                    x=f"{x + width / 2 - 19:.1f}",
                    y=y + 3,
                    width=38,
                    height=16,
                    rx=2,
                    fill="var(--paper)",
                )
            )
            drawn.append(_text(x + width / 2, y + 15.5, f"{100 * share:.0f} %", "middle"))
        x += width
    return join(*drawn)


def caught(parts: Sequence[tuple[str, str, float]]) -> Markup:
    """One stacked bar: what became of the changed requests. Each part: class, word, share."""
    legend = _legend([(class_, word) for class_, word, _ in parts])
    return _figure(
        "caught", "What became of the requests with a shifted deposit_type",
        "What became of the changed requests, in percent.", 66,
        legend, _stack("changed requests", [(class_, share) for class_, _, share in parts], 34),
    )  # fmt: skip


def latencies(pairs: Sequence[Pair], budget: float, patience: float) -> Markup:
    """For each act and side, on a logarithmic axis: p50 to p99 as a line, and the longest."""
    low, high = 1e-5, patience
    scale = _Log(low, high)
    height = 34 + _ROW * len(pairs)
    rows = [_latency_row(pair, 34 + _ROW * i, scale) for i, pair in enumerate(pairs)]
    legend = _latency_legend()
    rule = tag("line", x1=f"{scale(budget):.1f}", x2=f"{scale(budget):.1f}", y1=22, y2=height, class_="rule")
    word = _text(scale(budget), 17, f"budget {1000 * budget:g} ms", "middle")
    return _figure(
        "latency", "Time until the caller has an answer, an exception or a decision",
        "Time until the caller has an answer, an exception or a decision, on a logarithmic axis. Round: half of the requests "
        f"had it by then (p50). Diamond: 99 of 100 (p99). Stroke: the longest; for the bare model at most {patience:g} s, where its "
        "caller gave up.",
        height + 24, legend, scale.axis(height), *rows, rule, word,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Log:
    low: float
    high: float

    def __call__(self, seconds: float) -> float:
        at = math.log(min(max(seconds, self.low), self.high) / self.low) / math.log(self.high / self.low)
        return _LEFT + at * (_RIGHT - _LEFT)

    def axis(self, height: float) -> Markup:
        ticks = [10.0**e for e in range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)]
        lines = [
            tag("line", x1=f"{self(t):.1f}", x2=f"{self(t):.1f}", y1=26, y2=height, class_="axis")
            for t in ticks
        ]
        return join(*lines, *(_text(self(t), height + 16, duration(t), "middle", "soft") for t in ticks))


def _latency_legend() -> Markup:
    return join(
        _mark(8, 10, "bare", round_=True), _text(18, 14, "bare model", class_="soft"),
        _mark(108, 10, "guarded", round_=True), _text(118, 14, "guarded", class_="soft"),
    )  # fmt: skip


def _mark(x: float, y: float, side: str, *, round_: bool) -> Markup:
    if round_:
        return tag("circle", cx=f"{x:.1f}", cy=f"{y:g}", r=4.2, class_=f"{side}-dot")
    corner = f"M{x:.1f} {y - 5.5:g}L{x + 5.5:.1f} {y:g}L{x:.1f} {y + 5.5:g}L{x - 5.5:.1f} {y:g}Z"
    return tag("path", d=corner, class_=f"{side}-dot")


def _latency_row(pair: Pair, y: float, scale: _Log) -> Markup:
    name, *sides = pair
    parts = [_text(_LEFT - 12, y + 23, name, "end", "strong")]
    for i, (side, figures) in enumerate(zip(("bare", "guarded"), sides, strict=True)):
        at = y + 10 + 18 * i
        p50, p99, longest = scale(figures.p50), scale(figures.p99), scale(figures.longest)
        parts += [
            tag("line", x1=f"{p50:.1f}", x2=f"{longest:.1f}", y1=at, y2=at, class_=f"{side}-ink"),
            tag("line", x1=f"{longest:.1f}", x2=f"{longest:.1f}", y1=at - 5, y2=at + 5, class_=f"{side}-ink"),
            _mark(p99, at, side, round_=False),
            _mark(p50, at, side, round_=True),
        ]
    return join(*parts)


def drift(calendar: Calendar, max_error: float) -> Markup:
    """Lines: the error of every answer of the bare model and of `Works`, month by month."""
    months = [calendar.healthy, *calendar.later]
    highest = max([max_error, *(m.error for m in months), *(m.works_error or 0.0 for m in months)])
    plane = _Plane(len(months), math.ceil(highest * 10) / 10)
    bare = [(i, m.error) for i, m in enumerate(months)]
    works = [(i, m.works_error) for i, m in enumerate(months) if m.works_error is not None]
    rule = tag("line", x1=_MARGIN, x2=_RIGHT, y1=plane.y(max_error), y2=plane.y(max_error), class_="rule")
    return _figure(
        "drift", "Error by month of arrival",
        "Share of wrong answers by month of arrival. Round: every answer of the bare model. Diamond: the guarded answers that are "
        f"Works. Dashed: the {100 * max_error:.0f} % that were certified for bookings like the healthy ones, the first point; nothing "
        "is promised for the months after it.",
        300, plane.axes([m.name for m in months]), rule, plane.line(bare, "bare"), plane.line(works, "guarded"),
        _text(_RIGHT + 8, plane.y(bare[-1][1]) + 4, "bare"), _text(_RIGHT + 8, plane.y(works[-1][1]) + 4, "Works"),
    )  # fmt: skip


_MARGIN: Final = 46
_TOP, _BOTTOM = 16, 250


@dataclass(frozen=True, slots=True)
class _Plane:
    """Months from left to right, shares from the bottom up."""

    n: int
    highest: float

    def x(self, i: int) -> float:
        return round(_MARGIN + 14 + i * (_RIGHT - _MARGIN - 28) / max(self.n - 1, 1), 1)

    def y(self, share: float) -> float:
        return round(_BOTTOM - share / self.highest * (_BOTTOM - _TOP), 1)

    def line(self, points: Sequence[tuple[int, float]], side: str) -> Markup:
        path = " ".join(f"{self.x(i)},{self.y(share)}" for i, share in points)
        marks = (_mark(self.x(i), self.y(share), side, round_=side == "bare") for i, share in points)
        return join(tag("polyline", points=path, class_=f"line {side}-ink"), *marks)

    def axes(self, names: Sequence[str]) -> Markup:
        parts = []
        for tenth in range(round(self.highest * 10) + 1):
            y = self.y(tenth / 10)
            parts.append(tag("line", x1=_MARGIN, x2=_RIGHT, y1=y, y2=y, class_="axis"))
            parts.append(_text(_MARGIN - 8, y + 4, f"{10 * tenth} %", "end", "soft"))
        for i, name in enumerate(names):
            turn = f"rotate(-45 {self.x(i)} {_BOTTOM + 16})"
            parts.append(
                tag(
                    "text",
                    name,
                    x=self.x(i),
                    y=_BOTTOM + 16,
                    text_anchor="end",
                    class_="soft",
                    transform=turn,
                )
            )
        return join(*parts)
