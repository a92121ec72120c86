"""The review item, and what a guard asks of a store of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

Status: TypeAlias = Literal["open", "resolved"]
Done: TypeAlias = Callable[[Exception | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewItem:
    """One request that a person must decide.

    It holds the request's data, so that the person can: `request`, `withheld` and `prediction` are kept out of its
    `repr`.

    Attributes:
        id: the decision's id.
        guard_name: the guard that could not decide.
        created: seconds since the epoch, UTC.
        request: the request, as JSON text.
        caveats: the reasons, each as `Caveat.to_dict()` gives it.
        model_version: version of the primary, "" where nobody named one.
        served_by: who gave the withheld answer: `primary`, a fallback's name, or "".
        withheld: the answer that the caller did not get, as JSON text; None where there was none.
        prediction: the label or number read out of that answer, as JSON text; None where there was none.
        status: `open` until somebody resolves it.
    """

    id: str
    guard_name: str
    created: float
    request: str = field(repr=False)
    caveats: tuple[Mapping[str, Any], ...] = ()
    model_version: str = ""
    served_by: str = ""
    withheld: str | None = field(default=None, repr=False)
    prediction: str | None = field(default=None, repr=False)
    status: Status = "open"


@runtime_checkable
class ReviewStore(Protocol):
    """Where review items go; `guardrails.review.ReviewQueue` is the embedded one."""

    def submit(self, items: Sequence[ReviewItem], done: Done) -> None:
        """Take the items over and return at once: no disk or network is waited for.

        Args:
            items: stored all or none; an id that is stored already changes nothing.
            done: called exactly once, from any thread: with None when all items are durable, else with the error.
        """
        ...  # pragma: no cover

    def commit_q99(self) -> float:
        """Seconds from `submit` to `done(None)` within which 99 % of the recent submits came through."""
        ...  # pragma: no cover
