"""Dataclasses to JSON values and back, checked against their annotations."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from guardrails._errors import ProfileError


def encode(value: Any) -> Any:
    """A dataclass as JSON values; every field is written, so that a reader sees what was left at its default."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in sorted(value.items())}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return value


def decode(hint: Any, value: Any, where: str = "content") -> Any:
    """The value that `encode` wrote, of the type that `hint` says.

    Raises:
        ProfileError: a key is missing or unknown, or a value is not of its type; the message says where.
    """
    if is_dataclass(hint):
        return _record(hint, value, where)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _first(arguments, value, where)
    if origin is Literal:
        return _checked(value in arguments, value, where)
    if origin is tuple:
        items = _checked(isinstance(value, list), value, where)
        return tuple(decode(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(items))
    if origin is Mapping:
        entries = _checked(isinstance(value, dict), value, where)
        return {key: decode(arguments[1], item, f"{where}.{key}") for key, item in entries.items()}
    return _scalar(hint, value, where)


def _record(hint: Any, value: Any, where: str) -> Any:
    given = _checked(isinstance(value, dict), value, where)
    hints = get_type_hints(hint)
    if unknown := sorted(given.keys() - hints.keys()):
        raise ProfileError(
            f"the profile has an unknown key {where}.{unknown[0]}. Calibrate again with this release."
        )
    needed = [field.name for field in fields(hint) if field.name not in given]
    if needed:
        raise ProfileError(
            f"the profile lacks the key {where}.{needed[0]}. Calibrate again with this release."
        )
    return hint(**{name: decode(hints[name], item, f"{where}.{name}") for name, item in given.items()})


def _first(hints: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None:
        return _checked(type(None) in hints, value, where)
    for hint in hints:
        if is_dataclass(hint) or _is(hint, value):
            return decode(hint, value, where)
    return _checked(False, value, where)


def _scalar(hint: type, value: Any, where: str) -> Any:
    return _checked(_is(hint, value), value, where)


def _is(hint: Any, value: Any) -> bool:
    # `type is`, not isinstance: true is no 1, and 1 no 1.0, or the labels would lose their type
    return type(value) is hint and (hint is not float or math.isfinite(value))


def _checked(good: bool, value: Any, where: str) -> Any:
    if not good:
        raise ProfileError(
            f"the profile's {where} is not what this release writes (a {type(value).__name__}). Calibrate again."
        )
    return value
