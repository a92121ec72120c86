"""Building a contract takes a bounded time, and says what it had no time for."""

from __future__ import annotations

import numpy as np
import pandera.pandas as pa
import pytest

from guardrails._contract import Contract
from guardrails._contract import _compile as compile_module
from guardrails._contract import _samples as samples_module

LIMIT = 0.25


class Slow:
    """Time that passes only inside checks, each of which takes a while."""

    def __init__(self, seconds: float) -> None:
        self.now = 0.0
        self.seconds = seconds

    def monotonic(self) -> float:
        self.now += 1e-4
        return self.now

    perf_counter = monotonic


def positive(clock: Slow):
    """A plain function: a contract has a copy of its own of the schema, bound objects included."""

    def check(values):
        clock.now += clock.seconds
        return values > 0

    return check


@pytest.fixture
def slow(monkeypatch):
    def made(seconds: float) -> Slow:
        clock = Slow(seconds)
        monkeypatch.setattr(samples_module, "time", clock)
        monkeypatch.setattr(compile_module, "time", clock)
        return clock

    return made


def opaque(clock: Slow, n: int, **options) -> pa.DataFrameSchema:
    checks = [pa.Check(positive(clock), name=f"slow {i}", **options) for i in range(n)]
    return pa.DataFrameSchema(
        {f"c{i}": pa.Column(float, [check, pa.Check.le(9)]) for i, check in enumerate(checks)}
    )


@pytest.mark.parametrize("seconds", [0.001, 0.01, 0.05])
@pytest.mark.parametrize("semantics", ["record", "pandera"])
@pytest.mark.parametrize("element_wise", [False, True])
def test_slow_checks_are_held_as_long_as_there_is_time(slow, seconds, semantics, element_wise):
    """Beside the quarter of a second only as much as one record, and a question under way, take."""
    clock = slow(seconds)
    n = 20
    contract = Contract(opaque(clock, n, element_wise=element_wise), semantics=semantics)

    assert clock.now <= LIMIT + (n + 1) * seconds
    assert any("there was no time" in line or "no whole row" in line for line in contract.explain())
    assert contract.check({f"c{i}": -1.0 for i in range(n)}).violations


def test_many_checks_are_all_tried_when_they_are_quick(slow):
    """Nothing is said to be left out where nothing is."""
    clock = slow(0.0)
    contract = Contract(opaque(clock, 3))

    assert not any("no time" in line for line in contract.explain())
    assert contract.explain()[-1].startswith("pandera needs")


def test_what_was_not_tried_is_said(slow):
    """Clause by clause: what its answer depends on, and whether it is what pandera says."""
    lines = Contract(opaque(slow(0.2), 3)).explain()

    assert "c2: slow 2: by pandera (not tried whether it needs many rows, there was no time)" in lines
    assert any("no whole row was held against pandera" in line for line in lines)


def test_a_check_of_many_rows_is_found_in_time(slow):
    """With others beside it."""
    slow(0.0)
    checks = {f"c{i}": pa.Column(float, pa.Check(lambda s: s > -1, name="own")) for i in range(8)}
    together = pa.Column(float, pa.Check(lambda s: s >= s.mean(), name="above the mean"))
    contract = Contract(pa.DataFrameSchema({"a": together, **checks}))

    assert any(line.startswith("a: above the mean: batch only") for line in contract.explain())


def test_a_disagreement_is_found_among_many_values(monkeypatch):
    """An answer that raises for one value of a column is asked for one by one."""
    from guardrails._contract import _schema as schema_module

    monkeypatch.setattr(schema_module, "predicate", lambda *_: lambda _value: True)
    mixed = pa.DataFrameSchema({"a": pa.Column(object, pa.Check.le(9))})

    assert any("disagreed" in line for line in Contract(mixed, examples=[{"a": 10}, {"a": "x"}]).explain())
    assert np.isfinite(Contract(mixed).cost)
