"""A function that takes its timeout or its deadline as an argument, and is trusted to keep to it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from math import inf
from typing import Any

from .._clock import CURRENT
from .._errors import ConfigurationError


class Cooperative:
    """Calls a function with the time that is left: `timeout=` in seconds, or `deadline=` as an instant.

    Args:
        fn: the function.

    Raises:
        ConfigurationError: it takes neither.
    """

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        found, self._place = parameter(fn)
        self.how = found.name
        # the author's own limit, where there is one, is not lengthened either
        self._own = found.default if self.how == "timeout" and _number(found.default) else inf

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it; a timeout that the caller gives, or that is its default, can only make it shorter."""
        deadline = CURRENT.get()
        if deadline is None:
            return self.fn(*args, **kwargs)
        value = deadline.at - deadline.clock.monotonic() if self.how == "timeout" else deadline.at
        place = self._place
        if len(args) > place:
            return self.fn(*args[:place], _earlier(args[place], value), *args[place + 1 :], **kwargs)
        if kwargs or self._own < value:
            value = _earlier(kwargs.pop(self.how, self._own), value)
        kwargs[self.how] = value
        return self.fn(*args, **kwargs)


def _earlier(given: Any, value: float) -> Any:
    # what is no number, such as None, sets no limit of its own
    return min(given, value) if _number(given) else value


def _number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


def parameter(fn: Callable[..., Any]) -> tuple[inspect.Parameter, int]:
    """By which parameter the function takes its time, and at which place among the positional ones.

    Raises:
        ConfigurationError: it has none of the two.
    """
    try:
        parameters = inspect.signature(fn).parameters
    except (TypeError, ValueError):
        parameters = {}  # type: ignore[assignment]
    for how in ("timeout", "deadline"):
        found = parameters.get(how)
        if found is not None and found.kind is found.KEYWORD_ONLY:
            return found, sys.maxsize
        if found is not None and found.kind is found.POSITIONAL_OR_KEYWORD:
            return found, list(parameters).index(how)
    mend = (
        "must take timeout= (seconds left) or deadline= (an instant of the guard's clock) to be held to its budget "
        'cooperatively; or say enforcement="thread"'
    )
    raise ConfigurationError.of("Budget(enforcement='cooperative')", fn, mend)
