"""Call: one candidate within the time it has, in a thread, a process, a task or inline."""

from ._attempts import Pace, attempts
from ._breaker import Breaker
from ._budget import Budget, Enforcement
from ._circuit import Admission, Circuit, State
from ._cooperative import Cooperative
from ._drive import drive, drive_async, perform, perform_async
from ._effects import Effect
from ._latency import Latency
from ._outcome import Answer, Failure, Outcome
from ._run import InlineRun, Run
from ._task_run import TaskRun
from ._thread_run import ThreadRun
from ._ticket import named
from ._waits import Commit, Pause
from ._workers import Workers

__all__ = [
    "Admission",
    "Answer",
    "Breaker",
    "Budget",
    "Circuit",
    "Commit",
    "Cooperative",
    "Effect",
    "Enforcement",
    "Failure",
    "InlineRun",
    "Latency",
    "Outcome",
    "Pace",
    "Pause",
    "Run",
    "State",
    "TaskRun",
    "ThreadRun",
    "Workers",
    "attempts",
    "drive",
    "drive_async",
    "named",
    "perform",
    "perform_async",
]
