"""Checked by mypy, never run: the types that a user's editor shows."""

from collections.abc import Mapping
from typing import Any, Never, assert_type

import guardrails as gr


def scorecard(request: dict[str, Any]) -> str:
    """A fallback with another type."""
    return str(request)


@gr.guard(budget=0.2)
def predict(request: dict[str, Any], *, flag: bool = False) -> float:
    """A function."""
    return float(flag)


@gr.guard("name", budget=None, fallbacks=[scorecard])
def predict_or_score(request: dict[str, Any]) -> float:
    """A function with a fallback."""
    return float(len(request))


@gr.guard(budget=gr.Budget(0.2))
async def apredict(request: Mapping[str, object]) -> int:
    """A coroutine function."""
    return len(request)


class Service:
    """A method."""

    @gr.guard(budget=0.2)
    def predict(self, request: dict[str, Any]) -> float:
        """A method."""
        return float(len(request))


assert_type(predict({}), gr.Works[float] | gr.Degraded[float] | gr.NeedsReview)
assert_type(predict_or_score({}), gr.Works[float | str] | gr.Degraded[float | str] | gr.NeedsReview)
assert_type(Service().predict({}), gr.Works[float] | gr.Degraded[float] | gr.NeedsReview)
predict("no")  # type: ignore[arg-type]
predict({}, flags=True)  # type: ignore[call-arg]
Service().predict("no")  # type: ignore[arg-type]
gr.guard()  # type: ignore[call-overload]

match predict({}):
    case gr.Works(value):
        assert_type(value, float)
    case gr.Degraded(value, caveats):
        assert_type(value, float)
        assert_type(caveats, tuple[gr.Caveat, ...])
    case gr.NeedsReview(caveats):
        assert_type(caveats, tuple[gr.Caveat, ...])


async def main() -> None:
    """Awaiting."""
    assert_type(await apredict({}), gr.Works[int] | gr.Degraded[int] | gr.NeedsReview)


def review(decision: gr.NeedsReview) -> Never:
    """`unwrap` of a review never returns."""
    decision.unwrap()
