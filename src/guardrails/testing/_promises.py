"""The promises that any guard must keep, each a check of one guarded function."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from .._routing import TABLE
from .._types import CaveatCode, Degraded, NeedsReview, Route, Works
from ._fault import Fault
from ._forked import in_child
from ._leaks import leaks
from ._subject import NotJudgedError, Subject, same

# seconds past the budget on virtual time: the guard's own grace for a waiting thread's turn
_GRACE = 0.005
# seconds past the budget in real time, best of three: what a busy machine may add
_SLACK = 0.1

_NO_REQUESTS: tuple[Any, ...] = (None, {}, "text", 7, [])

Struck = Callable[[Subject], AbstractContextManager[Fault]]

NO_ANSWER: dict[str, tuple[Struck, frozenset[CaveatCode]]] = {
    "hangs": (lambda s: s.faults.hang(s.guarded), frozenset({CaveatCode.deadline, CaveatCode.saturated})),
    "raises": (lambda s: s.faults.error(s.guarded, ValueError("broken")), frozenset({CaveatCode.error})),
}
BAD_ANSWER: dict[str, Struck] = {
    "returns NaN": lambda s: s.faults.nan(s.guarded),
    "returns None": lambda s: s.faults.none(s.guarded),
    "returns the wrong shape": lambda s: s.faults.wrong_shape(s.guarded),
    "returns garbage": lambda s: s.faults.garbage(s.guarded),
}


def _faults(subject: Subject) -> Iterator[tuple[str, Struck]]:
    for name, (fault, _) in NO_ANSWER.items():
        if name != "hangs" or subject.budget is not None:
            yield name, fault
    yield from BAD_ANSWER.items()


@contextmanager
def everybody(
    subject: Subject, fault: Callable[[int | None], AbstractContextManager[Fault]]
) -> Iterator[None]:
    """The same fault for the primary and for each fallback."""
    with ExitStack() as stack:
        for place in (None, *range(len(subject.engine.candidates) - 1)):
            stack.enter_context(fault(place))
        yield


def never_raises(subject: Subject) -> None:
    """A guarded call gives a decision, whatever the model, the fallbacks and the caller do."""
    _no_raise(subject, "in good health", subject.request)
    for name, fault in _faults(subject):
        with fault(subject):
            _no_raise(subject, f"while the primary {name}", subject.request)
    with everybody(subject, lambda place: subject.faults.error(subject.guarded, fallback=place)):
        _no_raise(subject, "while the primary and every fallback raise", subject.request)
    if not subject.table and subject.engine.config.request == "first":
        for request in _NO_REQUESTS:
            _no_raise(subject, f"for a request that is a {type(request).__name__}", request)


def _no_raise(subject: Subject, when: str, request: Any) -> None:
    try:
        subject.attempt(request)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise AssertionError(f"{when} it raised {type(error).__name__}") from error


def one_outcome_per_fault(subject: Subject) -> None:
    """Each request ends in one of the three outcomes, and a fault of the primary is said in its caveats."""
    for name, fault in _faults(subject):
        with fault(subject) as struck:
            decisions = subject.decisions()
        _asked(struck, decisions)
        if len(decisions) != len(subject.rows):
            raise AssertionError(
                f"while the primary {name}: {len(decisions)} decisions for {len(subject.rows)} rows"
            )
        for decision in decisions:
            _one_outcome(name, decision)


def _one_outcome(name: str, decision: Any) -> None:
    if not isinstance(decision, Works | Degraded | NeedsReview):
        raise AssertionError(
            f"while the primary {name} it gave a {type(decision).__name__}, which is no decision"
        )
    wanted = NO_ANSWER[name][1] if name in NO_ANSWER else frozenset()
    codes = {caveat.code for caveat in decision.caveats}
    if wanted and not wanted & codes:
        said = ", ".join(sorted(codes)) or "nothing"
        raise AssertionError(
            f"while the primary {name} the caveats say {said}, not {' or '.join(sorted(wanted))}"
        )


def _asked(fault: Fault, decisions: Sequence[Any]) -> None:
    if not fault.calls:
        codes = {caveat.code.value for decision in decisions for caveat in decision.caveats}
        said = ", ".join(sorted(codes)) or "nothing"
        raise NotJudgedError(
            f"the primary is not asked for this request (caveats: {said}); give one that it answers"
        )


def no_bad_answer_works(subject: Subject) -> None:
    """An answer that is NaN, None, of the wrong shape or no answer at all never becomes `Works`."""
    healthy = subject.decisions()
    for name, fault in BAD_ANSWER.items():
        with fault(subject) as struck:
            decisions = subject.decisions()
        _asked(struck, decisions)
        for before, decision in zip(healthy, decisions, strict=True):
            # a shape can only be wrong where one was right: a model may well answer with lists of any length
            judged = decision.route is Route.works and decision.served_by == "primary"
            if judged and not (name == "returns the wrong shape" and same(before, decision)):
                mend = "give the guard output=, a check of its answer, or a profile"
                raise AssertionError(f"while the primary {name} the decision is Works: {mend}")


def in_time(subject: Subject) -> None:
    """The decision is there when the budget is spent, whoever hangs."""
    budget = subject.budget
    if budget is None:
        raise NotJudgedError("the guard has no budget")
    for whom, places in (("the primary hangs", 1), ("the primary and every fallback hang", None)):
        begin = subject.clock.monotonic()
        with _hanging(subject, places):
            subject.ask()
            _on_time(f"while {whom}", subject.clock.monotonic() - begin, budget + _GRACE, budget)
    quickest = min(_real_seconds(subject) for _ in range(3))
    _on_time("in good health, best of three calls in real time,", quickest, budget + _SLACK, budget)


@contextmanager
def _hanging(subject: Subject, number: int | None) -> Iterator[None]:
    places = [None, *range(len(subject.engine.candidates) - 1)][:number]
    with ExitStack() as stack:
        for place in places:
            stack.enter_context(subject.faults.hang(subject.guarded, fallback=place))
        yield


def _real_seconds(subject: Subject) -> float:
    begin = time.perf_counter()
    subject.ask()
    return time.perf_counter() - begin


def _on_time(when: str, seconds: float, allowed: float, budget: float) -> None:
    if seconds > allowed:
        raise AssertionError(f"{when} the decision took {seconds:.3g} s of a budget of {budget:g} s")


def rows_keep_their_order(subject: Subject) -> None:
    """The decision at a place belongs to the row at that place."""
    if not subject.table:
        raise NotJudgedError("it takes one request, not a table")
    places = list(range(len(subject.rows)))
    there, again = subject.decisions(), subject.decisions()
    if not all(map(same, there, again)):
        raise NotJudgedError("two equal calls give different answers")
    if all(same(there[0], each) for each in there):
        raise NotJudgedError("all rows have the same answer; give a table whose rows differ")
    turned = subject.decisions(subject.part(places[::-1]))
    for place in places:
        if not same(there[place], turned[len(places) - 1 - place]):
            raise AssertionError(
                f"with the rows in reverse order, row {place} of {len(places)} gets another row's answer"
            )


def empty_table(subject: Subject) -> None:
    """A table without rows gives decisions without rows, as a frame with the same columns."""
    if subject.table:
        guarded, full, empty = subject, subject.request, subject.part([])
    else:
        guarded, full, empty = Subject(subject.twin, [subject.request]), [subject.request], []
    decisions = guarded.decisions(empty)
    if len(decisions):
        raise AssertionError(f"{len(decisions)} decisions for a table of no rows")
    columns, wanted = (list(guarded.ask(table).to_frame().columns) for table in (empty, full))
    if columns != wanted:
        raise AssertionError(f"an empty table's frame has the columns {columns}, a full one's {wanted}")


def record_equals_row(subject: Subject) -> None:
    """A request decided alone and as a row of a table gets the same decision."""
    if subject.table:
        alone = [subject.decisions(subject.part([place]))[0] for place in range(len(subject.rows))]
        rows = list(subject.decisions())
    else:
        alone, rows = [subject.ask()] * 3, list(Subject(subject.twin, [subject.request] * 3).decisions())
    for place, one in enumerate(alone):
        # which row is at which place is another promise
        found = next((at for at, row in enumerate(rows) if same(one, row)), None)
        if found is None:
            raise AssertionError(f"alone, row {place} gets {one!r}; among {len(alone)} rows none gets that")
        del rows[found]


def no_values_leave(subject: Subject) -> None:
    """No value of a request is in a span, a metric, a log record, a caveat or a decision's `repr` and `to_dict()`."""
    found = leaks(subject)
    if found:
        raise AssertionError("; ".join(found))


def survives_cloudpickle(subject: Subject) -> None:
    """A copy made through cloudpickle decides as the original does."""
    try:
        import cloudpickle
    except ImportError:
        raise NotJudgedError("cloudpickle is not installed") from None
    try:
        copied = cloudpickle.loads(cloudpickle.dumps(subject.guarded))
    except Exception as error:
        raise AssertionError(f"cloudpickle cannot copy it: {type(error).__name__}: {error}") from error
    for here, there in zip(subject.decisions(), Subject(copied, subject.request).decisions(), strict=True):
        if here.route is not there.route:
            raise AssertionError(f"the original gives {here!r}, its copy {there!r}")


def survives_fork(subject: Subject) -> None:
    """A forked child, as of a web server's workers, gets decisions too."""
    if not hasattr(os, "fork"):
        raise NotJudgedError("this system does not fork")
    subject.ask()  # so that there are threads for the child to lack
    said = in_child(lambda: ",".join(each.route.value for each in subject.decisions()))
    routes = said.split(",") if said else []
    if len(routes) != len(subject.rows) or not set(routes) <= set(Route):
        raise AssertionError(f"a forked child got no decision: {said}")


def caveats_are_documented(subject: Subject) -> None:
    """Each caveat's code is a row of the routing table, and its message says something."""
    documented = {row.code for row in TABLE}
    for name, fault in _faults(subject):
        with fault(subject):
            for decision in subject.decisions():
                for caveat in decision.caveats:
                    if caveat.code not in documented or not caveat.message.strip():
                        raise AssertionError(
                            f"while the primary {name}: caveat {caveat.code!r} explains nothing"
                        )


PROMISES: tuple[Callable[[Subject], None], ...] = (
    never_raises, one_outcome_per_fault, no_bad_answer_works, in_time, rows_keep_their_order, empty_table,
    record_equals_row, no_values_leave, survives_cloudpickle, survives_fork, caveats_are_documented,
)  # fmt: skip
