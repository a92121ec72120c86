"""Find out, where a contract is built, whether a user's check judges each row by itself.

A probe can show that it does not; it cannot prove that it does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

import numpy as np

from guardrails._types import Violation

from ._judge import Findings, Judge
from ._pandera import column_of, passes
from ._parity import read_values
from ._plan import Clause, Field, How
from ._samples import Allowance, Samples

_ENOUGH: Final = 5  # questions that show what a check depends on, mostly
_CATEGORIES: Final = 50  # a field with more distinct values is no category
_ROWS_EACH: Final = 10  # examples per distinct value, so that one more is news

_Trial = Generator[None, None, bool]


def needs_many_rows(samples: Samples, seconds: float) -> tuple[frozenset[Violation], frozenset[Violation]]:
    """The opaque checks whose answer is one for the whole table or depends on other rows; those there was no time for."""
    allowance = Allowance(seconds)
    trials: dict[Violation, _Trial] = {}
    for field in samples.plan.fields:
        opaque = [
            clause for clause in field.clauses if clause.how is How.pandera and clause.check is not None
        ]
        trials |= {clause.violation: _column_together(clause, field, samples) for clause in opaque}
    opaque = [clause for clause in samples.plan.across if clause.how is How.pandera]
    trials |= {clause.violation: _rows_together(clause, samples) for clause in opaque}
    return _in_turn(trials, allowance)


def _in_turn(
    trials: dict[Violation, _Trial], allowance: Allowance
) -> tuple[frozenset[Violation], frozenset[Violation]]:
    """Run all trials, one question of each in turn, while there is time."""
    found, asked = set(), Counter[Violation]()
    while trials and allowance.left():
        for violation, trial in list(trials.items()):
            if not allowance.left():
                break
            try:
                next(trial)
                asked[violation] += 1
            except StopIteration as stop:
                found |= {violation} if stop.value else set()
                del trials[violation]
    return frozenset(found), frozenset(each for each in trials if asked[each] < _ENOUGH)


def seen_categories(samples: Samples) -> dict[str, frozenset[str]]:
    """The values of each text field without a set of its own, where the examples show that it has few."""
    found = {}
    for field in samples.plan.fields if samples.examples else ():
        known = field.kind.name != "str" or _has_set(field)
        values = [] if known else read_values(field, samples.given(field))
        distinct = frozenset(values)
        if 0 < len(distinct) <= _CATEGORIES and len(values) >= _ROWS_EACH * len(distinct):
            found[field.name] = distinct
    return found


def _has_set(field: Field) -> bool:
    return any(clause.builtin in {"isin", "equal_to"} for clause in field.clauses)


def _column_together(clause: Clause, field: Field, samples: Samples) -> _Trial:
    values = read_values(field, samples.tried(field))
    made = partial(_as_column, field.kind.column)
    return (yield from _together(clause.check, values, made)) if values else False


def _as_column(dtype: Any, values: Sequence[Any]) -> Any:
    return column_of(list(values), dtype)


def _rows_together(clause: Clause, samples: Samples) -> _Trial:
    judge = Judge(samples.plan, transform=False)
    read = (judge.row(record, Findings()) for record in islice(samples.records(), _CATEGORIES))
    rows = [row for row in read if row is not None]
    return (yield from _together(clause.check, rows, judge.frame)) if rows else False


def _together(check: Any, items: Sequence[Any], made: Callable[[Sequence[Any]], Any]) -> _Trial:
    """Whether the answers for all items at once are not the answers for each, or for all in reverse."""
    try:
        output = check(made(items)).check_output
        if getattr(output, "ndim", 0) == 0:
            return True
        forward = np.asarray(output, dtype=bool)
        yield
        backward = np.asarray(check(made(items[::-1])).check_output, dtype=bool)[::-1]
        if not np.array_equal(forward, backward):
            return True
        for i in _spread(len(items)):
            yield
            if bool(passes(check, made([items[i]]))) != bool(forward[i].all()):
                return True
    except Exception:
        return False
    return False


def _spread(n: int) -> list[int]:
    """All places below `n`, the first few of them far apart."""
    return list(dict.fromkeys((*range(0, n, max(1, n // _ENOUGH)), *range(n))))
