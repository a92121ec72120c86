"""The guard: the five steps in order, for one request and for a table, for threads and for an event loop."""

from ._decisions import Decisions
from ._fallback import Fallback
from ._guard import Guard, guard
from ._guarded import AsyncGuarded, AsyncGuardedTable, Guarded, GuardedTable

__all__ = [
    "AsyncGuarded",
    "AsyncGuardedTable",
    "Decisions",
    "Fallback",
    "Guard",
    "Guarded",
    "GuardedTable",
    "guard",
]
