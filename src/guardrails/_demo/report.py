"""The report: one HTML page with everything in it, for a browser without a network."""

from __future__ import annotations

import json
from importlib.resources import files

from .._types import Route
from . import charts
from .acts import DEPOSIT
from .figures import Figures
from .markup import Markup, join, table, tag
from .method import method
from .play import Play
from .replay import PATIENCE
from .stage import BUDGET, MAX_ERROR
from .story import changed, deposit, drift, facts, opening, outage
from .wording import milliseconds, per_hundred, percent

TITLE = "Seven things that happen to a model in service, with and without a guard"


def render(play: Play) -> str:
    """The whole page."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", TITLE),
        tag("style", Markup((files(__package__) / "report.css").read_text(encoding="utf-8"))),
    )
    body = tag("body", charts.patterns(), tag("main", *_sections(play)))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _sections(play: Play) -> list[Markup]:
    pairs = [(result.act.name, *result.sides()) for result in play.results]
    return [
        tag("h1", TITLE), opening(play), facts(play), _acts(play),
        _section("Wrong answers that nobody is told about", _WRONG, charts.silent_wrong(pairs), _wrong(pairs)),
        _section("How the guarded requests ended", _ENDED, charts.outcomes(pairs), _ended(pairs)),
        _section("When the model does not answer", *outage(play), charts.latencies(pairs, BUDGET, PATIENCE), _times(pairs)),
        _section("When the requests change upstream", *changed(play)),
        _section("The change that keeps every value legal", *deposit(play.result(DEPOSIT))),
        _section("When the world drifts", drift(play.calendar), charts.drift(play.calendar, MAX_ERROR), _months(play)),
        _section("What a decision looks like", _DECISIONS, *_examples(play)),
        method(play),
    ]  # fmt: skip


def _section(title: str, *content: object) -> Markup:
    return tag("section", tag("h2", title), *(c if isinstance(c, Markup) else tag("p", c) for c in content))


def _acts(play: Play) -> Markup:
    rows = [[r.act.name, join(r.act.story), len(r.guarded)] for r in play.results]
    caption = "The acts. Each sends its requests once to the bare model and once to the guarded one."
    return table(caption, ["act", join("what happens"), "requests"], rows)


_WRONG = (
    "An answer is wrong when it is not what became of the booking. What matters is whether the caller is told: the bare "
    "model gives every answer alike; of the guarded ones, only those that are Works come without a caveat."
)
_ENDED = (
    "Works is the model's own answer, in the region where its error is certified. Degraded is a usable answer with its "
    "caveats: the model was less certain, or the scorecard answered in its place. Needs review is no answer: the request "
    "waits, committed, for a person."
)
_DECISIONS = (
    "One decision of each outcome that occurred in an act, as a log or an interface would have it; where something "
    "happened to requests, the first of these. It holds the reasons and no value of the booking."
)


def _wrong(pairs: list[charts.Pair]) -> Markup:
    rows = [[name, *_wrong_cells(bare), *_wrong_cells(guarded)] for name, bare, guarded in pairs]
    cells = ("answered", "wrong, no caveat", "per 100 answered")
    head = ["act", *(f"bare: {cell}" for cell in cells), *(f"guarded: {cell}" for cell in cells)]
    return table("Wrong answers without a caveat, bare and guarded", head, rows)


def _wrong_cells(side: Figures) -> list[object]:
    return [side.answered, side.silent_wrong, per_hundred(side.silent_rate)]


def _ended(pairs: list[charts.Pair]) -> Markup:
    head = ["act", "works", "wrong among works", "degraded", "wrong among degraded", "needs review"]
    return table("The guarded requests by outcome", head, [_ended_row(name, side) for name, _, side in pairs])


def _ended_row(name: str, side: Figures) -> list[object]:
    works, degraded, review = (percent(side.share(route)) for route in Route)
    return [name, works, percent(side.works_error), degraded, percent(side.degraded_error), review]


def _times(pairs: list[charts.Pair]) -> Markup:
    rows = [
        [f"{name}, {side}", *_time_cells(figures)]
        for name, *sides in pairs
        for side, figures in zip(("bare", "guarded"), sides, strict=True)
    ]
    head = ["act", "answered in time", "no reply at all", "p50, ms", "p99, ms", "longest, ms"]
    return table("Times as the caller measured them", head, rows)


def _time_cells(side: Figures) -> list[object]:
    in_time = percent(side.in_time / side.requests)
    return [in_time, side.gave_up, *(milliseconds(s, PATIENCE) for s in (side.p50, side.p99, side.longest))]


def _months(play: Play) -> Markup:
    known = play.calendar
    rows = [
        [m.name, m.bookings, percent(m.error), percent(m.works), percent(m.works_error)]
        for m in (known.healthy, known.distinct, *known.later)
    ]
    head = ["month", "bookings", "bare: wrong", "guarded: works", "wrong among works"]
    return table("Every booking, by month of arrival", head, rows)


def _examples(play: Play) -> list[Markup]:
    parts = []
    for result in play.results:
        shown = (
            join(
                tag("h3", route.value),
                tag("pre", json.dumps(decision.to_dict(), indent=2, ensure_ascii=False)),
            )
            for route, decision in result.examples.items()
        )
        parts.append(tag("details", tag("summary", result.act.name), *shown))
    return parts
