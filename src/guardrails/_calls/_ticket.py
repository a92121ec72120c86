"""How a child finds the function: by the name under which it can be imported, else the function itself."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

from .._errors import ConfigurationError

_PARAMETER = "Budget(enforcement='process')"


def ticket(fn: Callable[..., Any], *, defined: bool = True) -> bytes:
    """How a child finds the function.

    Args:
        fn: the function.
        defined: whether its module has been run, so that the name leads to the function now or never.

    Raises:
        ConfigurationError: it would find none, or another.
    """
    if isinstance(fn, FunctionType) and _by_name(fn, defined):
        if _importable(fn.__module__):
            return pickle.dumps(
                (fn.__module__, fn.__qualname__, named(fn.__module__, fn.__qualname__) is not fn, written(fn))
            )
        mend = f"another process cannot import its module, {fn.__module__}: put it where sys.path finds it"
        raise ConfigurationError.of(_PARAMETER, fn, mend)
    return pickle.dumps(_itself(fn))


def _by_name(fn: FunctionType, defined: bool) -> bool:
    """Whether its name leads to it, or to its guard: a wrapper and an older version have another's, a closure has none."""
    if fn.__module__ == "__main__" or fn.__module__ not in sys.modules or "<" in fn.__qualname__:
        return False
    found = named(fn.__module__, fn.__qualname__)
    return not defined or found is fn or getattr(found, "undecorated", None) is fn


def named(module: str, name: str) -> Any:
    """What a qualified name in a module leads to here, None where that is nothing."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def written(fn: FunctionType) -> tuple[str, int]:
    """Where its code begins, by which a child knows a wrapper or a later version of the file."""
    return fn.__code__.co_name, fn.__code__.co_firstlineno


def _itself(fn: Callable[..., Any]) -> bytes:
    dumps = _dumps()
    if dumps is pickle.dumps and getattr(fn, "__module__", "") == "__main__":
        raise _unsendable(fn, "another process has another __main__")
    try:
        return dumps(fn)
    except Exception as error:
        raise _unsendable(fn, type(error).__name__) from error


def _importable(name: str) -> bool:
    """Whether another process imports this very module under its name; not one that was loaded from a path, say."""
    parent = name.rpartition(".")[0]
    if parent and not (parent in sys.modules and _importable(parent)):
        return False
    path = getattr(sys.modules[parent], "__path__", None) if parent else None
    own = getattr(sys.modules[name], "__spec__", None)
    for finder in sys.meta_path:
        found = finder.find_spec(name, path)
        if found is not None:
            return own is None or found.origin == own.origin
    return False


def _unsendable(fn: Callable[..., Any], why: str) -> ConfigurationError:
    mend = (
        f"cannot be sent to a process ({why}): define it at the top level of a module, or install cloudpickle (the "
        'extra "process"), which sends closures'
    )
    return ConfigurationError.of(_PARAMETER, fn, mend)


def _dumps() -> Callable[[Any], bytes]:
    try:
        from cloudpickle import dumps
    except ImportError:
        return pickle.dumps
    return dumps  # type: ignore[no-any-return]
