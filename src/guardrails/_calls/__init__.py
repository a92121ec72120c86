"""Call: one candidate within the time it has, in a thread, a task or inline."""

from ._attempts import attempts, retrying
from ._budget import Budget
from ._drive import drive, drive_async
from ._effects import Effect, Run
from ._latency import Latency
from ._outcome import Answer, Failure, Outcome
from ._waits import Commit, Pause
from ._workers import Workers

__all__ = [
    "Answer",
    "Budget",
    "Commit",
    "Effect",
    "Failure",
    "Latency",
    "Outcome",
    "Pause",
    "Run",
    "Workers",
    "attempts",
    "drive",
    "drive_async",
    "retrying",
]
