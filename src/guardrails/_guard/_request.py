"""Finds the request among a call's arguments, and puts a changed one back."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

from .._errors import ConfigurationError

Mode = Literal["first", "arguments"]


class SignatureError(TypeError):
    """The arguments do not fit the guarded function's signature; leaves a guarded call as the `TypeError` it is."""


class RequestReader:
    """Knows where the request is: the first argument, or all arguments together.

    Args:
        fn: the guarded function.
        mode: `"first"`, or `"arguments"` for a function of keyword arguments, whose request is their mapping.
        skip: arguments before the request: 1 for a method (`self`), else 0.
    """

    __slots__ = ("_name", "_names", "mode", "signature", "skip")

    def __init__(self, fn: Callable[..., Any], mode: Mode, skip: int = 0) -> None:
        self.mode = mode
        self.skip = skip
        self.signature = _signature(fn)
        names = () if self.signature is None else tuple(self.signature.parameters)
        self._names = names
        self._name = names[skip] if len(names) > skip else None

    def read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The request of this call.

        Raises:
            SignatureError: there is none, since the arguments do not fit the signature.
        """
        if self.mode == "first":
            if len(args) > self.skip:
                return args[self.skip]
            if self._name in kwargs:
                return kwargs[self._name]
            self.bind(args, kwargs)
            raise SignatureError(
                f"the guarded function takes the request as argument {self.skip + 1}; none was given"
            )
        if len(args) == self.skip:
            return kwargs
        bound = self.bind(args, kwargs)
        assert bound is not None or self.signature is None  # noqa: S101 - bind raises where it does not fit
        names = self._names[self.skip : len(args)]
        return dict(zip(names, args[self.skip :], strict=False)) | kwargs

    def replace(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], request: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call's arguments with another request in the place of the first."""
        if self.mode == "arguments":
            return args[: self.skip], dict(request)
        if len(args) > self.skip:
            return (*args[: self.skip], request, *args[self.skip + 1 :]), kwargs
        return args, {**kwargs, str(self._name): request}

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments | None:
        """Bind the arguments to the signature, as calling would.

        Raises:
            SignatureError: they do not fit.
        """
        if self.signature is None:
            return None
        try:
            return self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise SignatureError(str(error)) from None


def _signature(fn: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(fn)
    except (TypeError, ValueError):  # some built-in callables have none
        return None


def check_callable(fn: object) -> None:
    """Refuse what a guard cannot wrap.

    Raises:
        ConfigurationError: no callable, or a generator function.
    """
    if isinstance(fn, type) or not callable(fn):
        raise ConfigurationError.of(
            "fn", fn, "must be a function, a method or another callable, not a class or a value"
        )
    call = getattr(fn, "__call__", None)  # noqa: B004 - the method itself is inspected
    for each in (fn, call):
        if inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each):
            mend = "must return its answer; a generator yields many: collect them, or guard the call that makes one answer"
            raise ConfigurationError.of("fn", fn, mend)


def is_coroutine_function(fn: object) -> bool:
    """Whether calling `fn` gives a coroutine; callable objects and partials included."""
    while hasattr(fn, "func") and hasattr(fn, "keywords"):
        fn = fn.func
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004


def name_of(fn: object) -> str:
    """A name for anything callable; partials and instances have no `__qualname__`."""
    while hasattr(fn, "func") and hasattr(fn, "keywords"):
        fn = fn.func
    name = getattr(fn, "__qualname__", None)
    return str(name) if name is not None else type(fn).__qualname__
