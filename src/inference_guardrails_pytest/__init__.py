"""The pytest plugin: fixtures for tests of guarded code. Outside the package, so that a run that asks for none imports none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from guardrails.testing import Faults, MemoryReviews, Spans, VirtualClock

pytest.register_assert_rewrite("guardrails.testing._asserts")


@pytest.fixture
def guard_clock() -> VirtualClock:
    """Virtual time, which `guard_faults` uses too: `guard_clock.advance(60)`, `.sleep`, `.asleep`."""
    from guardrails.testing import VirtualClock

    return VirtualClock()


@pytest.fixture
def guard_faults(guard_clock: VirtualClock) -> Faults:
    """Faults for guarded functions: `with guard_faults.hang(guarded):`."""
    from guardrails.testing import Faults

    return Faults(guard_clock)


@pytest.fixture
def guard_spans() -> Iterator[Spans]:
    """What every guard exports during the test, in memory: `guard_spans.finished`."""
    from guardrails.testing import Spans

    with Spans().recording() as spans:
        yield spans


@pytest.fixture
def guard_reviews() -> Iterator[MemoryReviews]:
    """A review store in memory, in the place of every guard's own store during the test: `guard_reviews.items`."""
    from guardrails.testing import MemoryReviews

    with MemoryReviews().receiving() as reviews:
        yield reviews
