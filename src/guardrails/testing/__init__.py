"""The test kit: faults, a virtual clock, spans and reviews in memory, assertions, and the checks any guard must pass."""

from ._asserts import assert_degraded, assert_review, assert_works
from ._check import GuardCheckError, Report, check_guard, parametrize_with_guard_checks
from ._clock import VirtualClock
from ._drill import drill
from ._drill_report import DrillReport
from ._fault import Fault
from ._faults import Faults
from ._spans import Spans
from ._stores import MemoryReviews

faults = Faults()

__all__ = [
    "DrillReport",
    "Fault",
    "Faults",
    "GuardCheckError",
    "MemoryReviews",
    "Report",
    "Spans",
    "VirtualClock",
    "assert_degraded",
    "assert_review",
    "assert_works",
    "check_guard",
    "drill",
    "faults",
    "parametrize_with_guard_checks",
]
