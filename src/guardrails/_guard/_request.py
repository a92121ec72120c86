"""Finds the request among a call's arguments, and puts a changed one back."""

from __future__ import annotations

import inspect
import sys
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
        supplied: an argument that the guard itself gives where the caller does not; "" for none.
    """

    __slots__ = ("_keywords", "_name", "_names", "mode", "place", "signature", "skip", "supplied")

    def __init__(self, fn: Callable[..., Any], mode: Mode, skip: int = 0, supplied: str = "") -> None:
        self.mode = mode
        self.skip = skip
        #: where the request is among the positional arguments; beyond all of them where it is none of them
        self.place = skip if mode == "first" else sys.maxsize
        self.supplied = supplied
        self.signature = _signature(fn)
        names = () if self.signature is None else tuple(self.signature.parameters)
        self._names = names
        self._name = names[skip] if len(names) > skip else None
        self._keywords = _keywords(self.signature)

    def read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The request of this call.

        Raises:
            SignatureError: there is none, since the arguments do not fit the signature.
        """
        if len(args) > self.place:
            return args[self.place]
        if self.mode == "first":
            if self._name in kwargs:
                return kwargs[self._name]
            self.bind(args, kwargs)
            raise SignatureError(
                f"the guarded function takes the request as argument {self.skip + 1}; none was given"
            )
        bound = self.bind(args, kwargs)
        return kwargs if bound is None else self._flat(bound)

    def _flat(self, bound: inspect.BoundArguments) -> dict[str, Any]:
        """All arguments by name, defaults included; those of `**kwargs` among them."""
        bound.apply_defaults()
        named = {name: bound.arguments[name] for name in self._names[self.skip :] if name != self.supplied}
        return {**named, **named.pop(self._keywords)} if self._keywords else named

    def replace(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], request: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call's arguments with another request in the place of the first."""
        if self.mode == "arguments":
            return self._filled(args, kwargs, dict(request))
        if len(args) > self.place:
            return (*args[: self.skip], request, *args[self.skip + 1 :]), kwargs
        return args, {**kwargs, str(self._name): request}

    def _filled(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], request: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        bound = self.bind(args, kwargs)
        if bound is None:
            return args, request
        own = {name: request.pop(name) for name in self._names[self.skip :] if name in request}
        bound.arguments.update(own)
        if self._keywords:
            bound.arguments[self._keywords] = request
        return bound.args, bound.kwargs

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
            said = error
        if self.supplied and self.supplied not in kwargs:
            try:
                return self.signature.bind(*args, **kwargs, **{self.supplied: None})
            except TypeError as error:
                said = error  # and not that what the guard itself gives is missing
        raise SignatureError(str(said)) from None


def _keywords(signature: inspect.Signature | None) -> str:
    """The name of `**kwargs`, "" where the function has none."""
    found = () if signature is None else signature.parameters.values()
    return next((each.name for each in found if each.kind is each.VAR_KEYWORD), "")


def _signature(fn: Callable[..., Any]) -> inspect.Signature | None:
    try:
        # what is called is the outermost wrapper: one that supplies an argument has another signature than its inside
        return inspect.signature(fn, follow_wrapped=False)
    except (TypeError, ValueError):  # some built-in callables have none
        return None


def check_callable(fn: object) -> None:
    """Refuse what a guard cannot wrap.

    Raises:
        ConfigurationError: no callable, a generator function, or a function that is guarded already.
    """
    if hasattr(fn, "undecorated") and hasattr(fn, "guard"):
        mend = "is guarded already, and would answer with a decision; use its .undecorated, or unwrap() its decision"
        raise ConfigurationError.of("fn", fn, mend)
    if isinstance(fn, type) or not callable(fn):
        raise ConfigurationError.of(
            "fn", fn, "must be a function, a method or another callable, not a class or a value"
        )
    call = getattr(fn, "__call__", None)  # noqa: B004 - the method itself is inspected
    for each in (fn, call):
        if inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each):
            mend = "must return its answer; a generator yields many: collect them, or guard the call that makes one answer"
            raise ConfigurationError.of("fn", fn, mend)


def check_request(fn: Callable[..., Any], mode: Mode, skip: int) -> None:
    """Refuse a function that has no place for a request.

    Raises:
        ConfigurationError: it takes no argument, or its arguments are keyword-only and the request is to be the first.
    """
    signature = _signature(fn)
    if signature is None or mode == "arguments":
        return
    places = list(signature.parameters.values())[skip:]
    if not places:
        raise ConfigurationError.of("fn", fn, "must take the request as its first argument")
    if places[0].kind in {places[0].KEYWORD_ONLY, places[0].VAR_KEYWORD}:
        mend = (
            'takes keyword arguments only: say request="arguments", and all of them together are the request'
        )
        raise ConfigurationError.of("request", mode, mend)


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
