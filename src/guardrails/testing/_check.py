"""`check_guard`: does this guarded function keep what every guard promises?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from .._errors import ConfigurationError
from ._promises import PROMISES
from ._subject import NotJudgedError, Subject

Verdict = Literal["kept", "broken", "not judged"]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one promise.

    Attributes:
        promise: its name.
        about: the promise, in a sentence.
        verdict: `kept`, `broken` or `not judged`.
        detail: what broke it, or why it was not judged.
    """

    promise: str
    about: str
    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of every promise; printed, it names each that is broken.

    Attributes:
        guard: the guard's name.
        results: one per promise.
    """

    guard: str
    results: tuple[Result, ...]

    def of(self, verdict: Verdict) -> tuple[Result, ...]:
        """The results with this verdict."""
        return tuple(result for result in self.results if result.verdict == verdict)

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the broken promises."""
        return tuple(result.promise for result in self.of("broken"))

    def __str__(self) -> str:
        counts = ", ".join(
            f"{len(self.of(each))} {each}" for each in ("broken", "kept", "not judged") if self.of(each)
        )
        lines = [f"guard {self.guard!r}, {len(self.results)} promises: {counts}"]
        for verdict in ("broken", "not judged", "kept"):
            lines += [_line(result) for result in self.of(verdict)]
        return "\n".join(lines)


def _line(result: Result) -> str:
    if result.verdict == "kept":
        return f"  kept        {result.promise}"
    return f"  {result.verdict:<10}  {result.promise}: {result.detail}"


class GuardCheckError(AssertionError):
    """A guard breaks a promise; `report` says which, and how."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


def check_guard(guarded: Any, request: Any, *, only: Iterable[str] | None = None) -> Report:
    """Check that a guarded function keeps what every guard promises.

    The model is called some dozens of times with the request. Faults run on virtual time, review items go to memory;
    what the guard learns of durations is forgotten.

    Args:
        guarded: the guarded function; of a request or of a table, plain or `async def`.
        request: a request that the primary answers, or a table of at least two different ones; of a guard with
            `request="arguments"`, a mapping of all arguments.
        only: names of the promises to check; None checks all.

    Returns:
        The report, where no promise is broken; one that cannot be judged says why.

    Raises:
        GuardCheckError: at least one promise is broken; the message names each.
        ConfigurationError: `guarded` is not guarded, or there is no such promise.
    """
    __tracebackhide__ = True
    subject = Subject(guarded, request)
    report = Report(subject.engine.name, tuple(_judge(subject, each) for each in _chosen(only)))
    if report.broken:
        raise GuardCheckError(report)
    return report


def _chosen(only: Iterable[str] | None) -> list[Callable[[Subject], None]]:
    known = {promise.__name__: promise for promise in PROMISES}
    names = list(known) if only is None else list(only)
    if not set(names) <= set(known):
        raise ConfigurationError.of("only", names, f"must be names of promises: {', '.join(known)}")
    return [known[name] for name in names]


def _judge(subject: Subject, promise: Callable[[Subject], None]) -> Result:
    name, about = promise.__name__, promise.__doc__ or ""
    try:
        with subject.surroundings():
            promise(subject)
    except NotJudgedError as reason:
        return Result(name, about, "not judged", str(reason))
    except AssertionError as broken:
        return Result(name, about, "broken", str(broken))
    return Result(name, about, "kept")


class GuardCheck:
    """One promise of one guarded function; calling it asserts that it is kept."""

    def __init__(self, guarded: Any, request: Any, promise: Callable[[Subject], None]) -> None:
        self._guarded = guarded
        self._request = request
        self._promise = promise

    def __repr__(self) -> str:
        return f"<GuardCheck {self._promise.__name__}>"

    def __call__(self) -> None:
        """Check it; one that cannot be judged skips the test.

        Raises:
            AssertionError: it is broken; the message says how.
        """
        __tracebackhide__ = True
        result = _judge(Subject(self._guarded, self._request), self._promise)
        if result.verdict == "not judged":
            import pytest

            pytest.skip(result.detail)
        if result.verdict == "broken":
            raise AssertionError(f"{result.promise} ({result.about.rstrip('.')}): {result.detail}")


def parametrize_with_guard_checks(guarded: Any, request: Any, *, only: Iterable[str] | None = None) -> Any:
    """A mark that runs a pytest test once for each promise, in the manner of scikit-learn's `parametrize_with_checks`.

    The test takes the argument `guard_check` and calls it.

    Args:
        guarded: as for `check_guard`.
        request: as for `check_guard`.
        only: as for `check_guard`.
    """
    import pytest

    checks = [(each.__name__, GuardCheck(guarded, request, each)) for each in _chosen(only)]
    return pytest.mark.parametrize("guard_check", [pytest.param(check, id=name) for name, check in checks])
