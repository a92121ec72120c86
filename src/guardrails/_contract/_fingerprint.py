"""A short hash of what a contract or an output check means, equal in every process."""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import json
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

_PLAIN = (str, int, float, bool, type(None))
_WRITTEN = (dt.date, dt.time, dt.timedelta, decimal.Decimal, bytes, complex, np.dtype)


def fingerprint_of(*parts: Any) -> str:
    """16 hexadecimal digits that depend on what the parts mean, not on where they live.

    A function counts by its qualified name, its bytecode, its constants and what it closes over; so its fingerprint
    belongs to one minor version of Python.
    """
    text = json.dumps([stable(part) for part in parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stable(value: Any) -> Any:
    """`value` as JSON that is equal in every process."""
    if isinstance(value, Enum):
        return ["enum", type(value).__qualname__, value.name]
    if isinstance(value, _PLAIN):
        return ["float", value.hex()] if isinstance(value, float) else value
    if isinstance(value, Mapping | AbstractSet | list | tuple):
        return _stable_collection(value)
    return _stable_scalar(value) or _stable_callable(value)


def _stable_collection(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ["map", sorted(([stable(key), stable(item)] for key, item in value.items()), key=json.dumps)]
    if isinstance(value, AbstractSet):
        return ["set", sorted((stable(item) for item in value), key=json.dumps)]
    return [stable(item) for item in value]


def _stable_scalar(value: Any) -> list[Any] | None:
    if isinstance(value, np.generic):
        return ["numpy", value.dtype.name, str(value)]
    if isinstance(value, re.Pattern):
        return ["pattern", stable(value.pattern), value.flags]
    if isinstance(value, _WRITTEN):
        return [type(value).__name__, str(value)]
    return None


def _stable_callable(value: Any) -> Any:
    if isinstance(value, MethodType):
        return ["method", stable(value.__func__), type(value.__self__).__qualname__]
    if isinstance(value, partial):
        return ["partial", stable(value.func), stable(value.args), stable(value.keywords)]
    if isinstance(value, FunctionType):
        cells = [_cell(cell) for cell in value.__closure__ or ()]
        return ["function", value.__qualname__, _code(value.__code__), stable(value.__defaults__), cells]
    if isinstance(value, type):
        return ["type", value.__module__, value.__qualname__]
    call = vars(type(value)).get("__call__")
    name = getattr(value, "__qualname__", type(value).__qualname__)
    return ["object", name, stable(call) if isinstance(call, FunctionType) else ""]


def _cell(cell: Any) -> Any:
    try:
        inner = cell.cell_contents
    except ValueError:  # not bound yet
        return None
    if isinstance(inner, FunctionType):
        return stable(inner)
    return (
        stable(inner)
        if isinstance(inner, (*_PLAIN, list, tuple, dict, set, frozenset))
        else type(inner).__qualname__
    )


def _code(code: CodeType) -> Any:
    constants = [_code(c) if isinstance(c, CodeType) else stable(c) for c in code.co_consts]
    return [code.co_code.hex(), list(code.co_names), list(code.co_varnames), constants]
