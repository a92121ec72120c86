"""A short hash of what a contract or an output check means, equal in every process."""

from __future__ import annotations

import builtins
import dis
import hashlib
import json
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

import numpy as np

_PLAIN = (str, int, float, bool, type(None))
_WRITTEN = (bytes, complex, np.dtype, range)
_MOST: Final = 100_000  # parts of one fingerprint; what is beyond counts by its type
_PROTOCOL: Final = 2  # of pickling: an object's class and state, and nothing of the process


def fingerprint_of(*parts: Any) -> str:
    """16 hexadecimal digits that depend on what the parts mean, not on where they live.

    A function counts by its qualified name, its bytecode, its constants, what it closes over, and the globals and the
    functions of its own package that it names, all as they are now; so its fingerprint belongs to one minor version of
    Python. What other packages do counts by name. An object counts by its class and its state, as pickle would take
    it; one without a state that can be taken, such as a lock, by its class.
    """
    written = Writer()
    text = json.dumps([written.stable(part) for part in parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Writer:
    """Writes values as JSON that is equal in every process; knows what it is inside of, since values may be cyclic."""

    __slots__ = ("_inside", "_left")

    def __init__(self) -> None:
        self._inside: list[Any] = []
        self._left = _MOST

    def stable(self, value: Any) -> Any:
        """`value` as JSON."""
        if isinstance(value, Enum):
            return ["enum", type(value).__qualname__, value.name]
        if isinstance(value, _PLAIN):
            return ["float", value.hex()] if isinstance(value, float) else value
        self._left -= 1
        if self._left < 0:
            return ["more", type(value).__qualname__]
        if any(value is each for each in self._inside):
            return ["again", type(value).__qualname__]
        self._inside.append(value)
        try:
            return self._written(value)
        except RecursionError:
            return ["deep", type(value).__qualname__]
        finally:
            self._inside.pop()

    def _written(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            pairs = ([self.stable(key), self.stable(item)] for key, item in value.items())
            return ["map", sorted(pairs, key=json.dumps)]
        if isinstance(value, AbstractSet):
            return ["set", sorted((self.stable(item) for item in value), key=json.dumps)]
        if isinstance(value, list | tuple):
            return [self.stable(item) for item in value]
        if isinstance(value, re.Pattern):
            return ["pattern", self.stable(value.pattern), value.flags]
        if isinstance(value, _WRITTEN):
            return [type(value).__name__, str(value)]
        return self._array(value) or self._callable(value) or self._object(value)

    def _array(self, value: Any) -> Any:
        """Arrays and scalars of numpy; pandas' containers by their labels and cells."""
        if isinstance(value, np.generic):
            return ["numpy", value.dtype.name, str(value)]
        if isinstance(value, np.ndarray):
            objects = value.dtype.hasobject
            cells = self.stable(value.tolist()) if objects else hashlib.sha256(value.tobytes()).hexdigest()
            return ["array", str(value.dtype), list(value.shape), cells]
        if _package(type(value).__module__) != "pandas" or not (
            hasattr(value, "to_numpy") and hasattr(value, "ndim")
        ):
            return None
        labels = [self.stable(list(axis)) for axis in getattr(value, "axes", ())]
        parts = [value] if value.ndim == 1 else [value.iloc[:, j] for j in range(value.shape[1])]
        return [type(value).__name__, labels, [self.stable(part.to_numpy()) for part in parts]]

    def _callable(self, value: Any) -> Any:
        """Functions, methods, classes and modules; None for any other object."""
        if isinstance(value, MethodType):
            return ["method", self.stable(value.__func__), self.stable(value.__self__)]
        if isinstance(value, partial):
            return ["partial", self.stable(value.func), self.stable(value.args), self.stable(value.keywords)]
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, ModuleType):
            return ["module", value.__name__]
        return self._class(value) if isinstance(value, type) else None

    def _function(self, function: FunctionType) -> Any:
        cells = [self._cell(cell) for cell in function.__closure__ or ()]
        defaults = [self.stable(function.__defaults__), self.stable(function.__kwdefaults__)]
        named = sorted(_globals_of(function.__code__) & function.__globals__.keys())
        found = [[name, self._global(function.__globals__[name], function.__module__)] for name in named]
        return ["function", function.__qualname__, self._code(function.__code__), defaults, cells, found]

    def _global(self, value: Any, module: str | None) -> Any:
        """What a function names: its own package's by what it is, another's by its name."""
        home = value.__module__ if isinstance(value, FunctionType | type) else module
        if _package(home) == _package(module):
            return self.stable(value)
        return ["name", home, value.__qualname__]

    def _class(self, kind: type) -> Any:
        """A class by its name and its own constants; a member of an enumeration counts by name."""
        own = vars(kind).items() if kind.__module__ not in _KNOWN else ()
        constants = [[name, self.stable(each)] for name, each in own if _is_constant(name, each)]
        return ["type", kind.__module__, kind.__qualname__, constants]

    def _object(self, value: Any) -> Any:
        kind = type(value)
        call = vars(kind).get("__call__")
        called = self.stable(call) if isinstance(call, FunctionType) else None
        inner = self.stable(value.__wrapped__) if hasattr(value, "__wrapped__") else None
        return ["object", kind.__module__, kind.__qualname__, called, inner, self._state(value)]

    def _state(self, value: Any) -> Any:
        try:
            state = value.__reduce_ex__(_PROTOCOL)
        except Exception:  # locks, files, generators: nothing of them is the same in another process
            return None
        if isinstance(state, str):
            return state
        parts = [self.stable(part) for part in state[1:3]]
        return [*parts, *([self.stable(each) for each in items] for items in state[3:5] if items is not None)]

    def _cell(self, cell: Any) -> Any:
        try:
            return self.stable(cell.cell_contents)
        except ValueError:  # not bound yet
            return None

    def _code(self, code: CodeType) -> Any:
        constants = [self._code(c) if isinstance(c, CodeType) else self.stable(c) for c in code.co_consts]
        return [code.co_code.hex(), list(code.co_names), list(code.co_varnames), constants]


_KNOWN: Final = frozenset({"builtins", "numpy"})


def _is_constant(name: str, value: Any) -> bool:
    """Whether a class attribute is data of the class."""
    data = (*_PLAIN, *_WRITTEN, list, tuple, dict, set, frozenset, re.Pattern, np.ndarray, np.generic)
    return not name.startswith("__") and isinstance(value, data)


def _globals_of(code: CodeType) -> set[str]:
    """The global names that a function and the functions inside it load."""
    found = {
        step.argval for step in dis.get_instructions(code) if step.opname in {"LOAD_GLOBAL", "LOAD_NAME"}
    }
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _globals_of(constant)
    return found - vars(builtins).keys()


def _package(module: str | None) -> str:
    return str(module).partition(".")[0]
