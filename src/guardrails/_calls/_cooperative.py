"""A function that takes its timeout or its deadline as an argument, and is trusted to keep to it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

from .._clock import CURRENT
from .._errors import ConfigurationError

How = Literal["timeout", "deadline"]


class Cooperative:
    """Calls a function with the time that is left: `timeout=` in seconds, or `deadline=` as an instant.

    Args:
        fn: the function.

    Raises:
        ConfigurationError: it takes neither.
    """

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        self.how = parameter(fn)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it; a timeout that the caller gives can only make it shorter."""
        deadline, how = CURRENT.get(), self.how
        if deadline is None:
            return self.fn(*args, **kwargs)
        left = deadline.at - deadline.clock.monotonic() if how == "timeout" else deadline.at
        if kwargs:
            given = kwargs.pop(how, None)
            left = left if given is None else min(given, left)
        return self.fn(*args, **kwargs, **{how: left})


def parameter(fn: Callable[..., Any]) -> How:
    """By which parameter the function takes its time.

    Raises:
        ConfigurationError: it has none of the two.
    """
    try:
        names = inspect.signature(fn).parameters
    except (TypeError, ValueError):
        names = {}  # type: ignore[assignment]
    for how in ("timeout", "deadline"):
        found = names.get(how)
        if found is not None and found.kind in {found.KEYWORD_ONLY, found.POSITIONAL_OR_KEYWORD}:
            return how
    mend = (
        "must take timeout= (seconds left) or deadline= (an instant of the guard's clock) to be held to its budget "
        'cooperatively; or say enforcement="thread"'
    )
    raise ConfigurationError.of("Budget(enforcement='cooperative')", fn, mend)
