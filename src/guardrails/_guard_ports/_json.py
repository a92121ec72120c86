"""Any request or answer as JSON text of bounded size, for a person to read."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from json.encoder import encode_basestring
from pathlib import PurePath
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

LONGEST_JSON = 65_536
LONGEST_TEXT = 8_192
LONGEST_KEY = 256
DEEPEST = 16
CUT = "<cut>"

_RESERVE = 1_024  # for the marks and brackets that follow once the room is used up
_LARGEST_BITS = (
    1_024  # beyond it an integer is no number a person reads, and Python refuses to print it at 4,300 digits
)


def make_json(obj: object) -> str:
    """Any object as JSON text that a person can read.

    Mappings, dataclasses, named tuples, attrs classes, pydantic models and numpy and pandas objects keep their field
    names; NaN, NaT and NA become null, infinities text, bytes base64, dates ISO 8601. What cannot be shown, or raises
    an `Exception` when it is read, becomes the name of its type, such as `"<Socket>"`; iterators are not consumed.

    Returns:
        Valid JSON of at most 65,536 characters; `<cut>` stands where something was left out, also in texts beyond
        8,192 characters.
    """
    try:
        return json.dumps(_Reader(LONGEST_JSON - _RESERVE).shown(obj), ensure_ascii=False, allow_nan=False)
    except Exception:
        return json.dumps(type_name(obj))


def type_name(obj: object) -> str:
    """The name of the object's type in angle brackets, read past whatever its metaclass says."""
    return f"<{type.__dict__['__name__'].__get__(type(obj))[:LONGEST_KEY]}>"


class _Reader:
    """Reads one object, down to the leaves, until the room for characters is used up."""

    def __init__(self, room: int) -> None:
        self._room = room

    def shown(self, obj: object, depth: int = 0) -> Json:
        try:
            return self._shown(obj, depth)
        except Exception:
            return self._leaf(type_name(obj))

    def _shown(self, obj: Any, depth: int) -> Json:
        read = _EXACT.get(type(obj)) or _reader(obj)
        if read is not None:
            return self._leaf(read(obj))
        if depth >= DEEPEST:
            return self._leaf(type_name(obj))
        inner = _inner(obj)
        if inner is not obj:
            return self.shown(inner, depth + 1)
        pairs = _pairs(obj)
        if pairs is not None:
            return self._object(pairs, depth)
        items = _items(obj)
        return self._leaf(type_name(obj)) if items is None else self._array(items, depth)

    def _object(self, pairs: Iterable[tuple[object, object]], depth: int) -> dict[str, Json]:
        self._room -= len("{}")
        shown: dict[str, Json] = {}
        for key, value in pairs:
            if self._room <= 0:
                shown[CUT] = CUT
                break
            name = _key(key)
            # 1 and "1" are two keys of a dict and one of a JSON object
            name = f"{name}#{len(shown)}" if name in shown else name
            self._room -= len(encode_basestring(name)) + len(": , ")
            shown[name] = self.shown(value, depth + 1)
        return shown

    def _array(self, items: Iterable[object], depth: int) -> list[Json]:
        self._room -= len("[]")
        shown: list[Json] = []
        for item in items:
            if self._room <= 0:
                shown.append(CUT)
                break
            self._room -= len(", ")
            shown.append(self.shown(item, depth + 1))
        return shown

    def _leaf(self, value: str | float | None) -> Json:
        if isinstance(value, str):
            return self._text(value)
        self._room -= len(repr(value))
        return value

    def _text(self, text: str) -> str:
        length = len(encode_basestring(text))
        if len(text) > LONGEST_TEXT or length > self._room:
            # escaped, one character may take six
            text = text[: min(LONGEST_TEXT, max(self._room, 0) // 6)] + CUT
            length = len(encode_basestring(text))
        self._room -= length
        return text


def _key(key: object) -> str:
    text = key if type(key) is str else _Reader(LONGEST_KEY).shown(key)
    written = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    return _clean(written if len(written) <= LONGEST_KEY else written[:LONGEST_KEY] + CUT)


def _clean(text: str) -> str:
    """The text without lone surrogates, which no UTF-8 file can hold."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _whole(number: int) -> int | str:
    exact = int.__int__(number)
    return exact if exact.bit_length() <= _LARGEST_BITS else "<int>"


def _real(number: float) -> float | str | None:
    exact = float.__float__(number)
    if math.isfinite(exact):
        return exact
    return None if math.isnan(exact) else f"{exact:+}"


def _decimal(number: Decimal) -> str | None:
    return None if number.is_nan() else str(number)


def _moment(moment: date | time) -> str | None:
    # pandas.NaT is a datetime that does not equal itself
    return moment.isoformat() if moment == moment else None  # noqa: PLR0124 - the test for NaT that needs no pandas


def _bytes(data: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(bytes(data[:LONGEST_TEXT])).decode() + (CUT if len(data) > LONGEST_TEXT else "")


_Leaf: TypeAlias = Callable[[Any], str | float | None]

# nearly every value is of exactly one of these
_EXACT: dict[type, _Leaf] = {
    str: _clean,
    int: _whole,
    float: _real,
    bool: bool,
    type(None): lambda _: None,
}

# the first that fits reads the rest; a StrEnum is a str that holds its value
_READERS: tuple[tuple[tuple[type, ...], _Leaf], ...] = (
    ((str,), lambda text: _clean(str.__str__(text))),
    ((int,), _whole),
    ((float,), _real),
    ((bytes, bytearray, memoryview), _bytes),
    ((date, time), _moment),
    ((Decimal,), _decimal),
    ((timedelta, Fraction, complex, UUID, PurePath), str),
    ((type(np.ma.masked),), lambda _: None),
)


def _reader(obj: object) -> _Leaf | None:
    found = next((read for kinds, read in _READERS if isinstance(obj, kinds)), None)
    return found or (_EXACT[type(None)] if "NAType" in _pandas(obj) else None)


def _inner(obj: Any) -> object:
    """What an enum member or a numpy scalar stands for; any other object is itself."""
    if isinstance(obj, Enum):
        return obj.value
    if isinstance(obj, np.generic):
        return _numpy_scalar(obj)
    return obj[()] if isinstance(obj, np.ndarray) and not obj.ndim else obj


def _numpy_scalar(scalar: Any) -> object:
    """The Python object closest to a numpy scalar; every result is a leaf or a dict, never a numpy scalar again."""
    if scalar.dtype.names:
        return {name: scalar[name] for name in scalar.dtype.names}
    if scalar.dtype.kind in "mM":
        return None if np.isnat(scalar) else str(scalar)
    if scalar.dtype.kind == "f":
        return float(scalar)  # .item() of a longdouble is a longdouble
    return complex(scalar) if scalar.dtype.kind == "c" else scalar.item()


def _pairs(obj: Any) -> Iterable[tuple[object, object]] | None:
    """Names and values, of an object that has them."""
    if isinstance(obj, Mapping):
        return obj.items()
    if (names := _names(obj)) is not None:
        return ((name, _read(obj, name)) for name in names)
    if hasattr(type(obj), "model_fields") or hasattr(type(obj), "__fields__"):
        return _pydantic(obj).items()
    return zip(obj.index, obj, strict=True) if "Series" in _pandas(obj) and obj.index.is_unique else None


def _names(obj: Any) -> Iterable[str] | None:
    """The declared attributes of a named tuple, a dataclass or an attrs class."""
    if isinstance(obj, tuple | type):
        return getattr(obj, "_fields", None) if isinstance(obj, tuple) else None
    if is_dataclass(obj):
        return (field.name for field in fields(obj))
    declared = getattr(type(obj), "__attrs_attrs__", None)
    return None if declared is None else (field.name for field in declared)


def _read(obj: object, name: str) -> object:
    try:
        return getattr(obj, name)
    except (
        Exception
    ):  # a slot that was never set, a property that fails: the other fields still tell something
        return CUT


def _pydantic(model: Any) -> Mapping[str, object]:
    try:
        dumped: dict[str, object] = model.model_dump(warnings=False)  # a warning would quote the value
    except Exception:
        return dict(vars(model))
    return dumped


def _items(obj: Any) -> Iterable[object] | None:
    """The elements, of an object that has them and can be read again."""
    if isinstance(obj, np.ndarray):
        return obj
    if isinstance(obj, Sequence | AbstractSet):
        return obj
    kinds = _pandas(obj)
    if "DataFrame" in kinds:
        columns = list(obj.columns)
        return (dict(zip(columns, row, strict=True)) for row in obj.itertuples(index=False, name=None))
    return obj if kinds & {"Series", "Index", "ExtensionArray"} else None


def _pandas(obj: object) -> set[str]:
    """The names of the pandas classes the object is of, found without importing pandas."""
    return {kind.__name__ for kind in type(obj).__mro__ if kind.__module__.partition(".")[0] == "pandas"}
