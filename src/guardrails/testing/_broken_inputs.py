"""Requests as a broken upstream sends them: one field dropped, renamed, retyped, scaled, stale or never seen."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Change = Callable[[Any], Any]
"""Takes a request or a table, gives the broken one; never the same object changed."""


class NotThereError(LookupError):
    """The request has no such field."""


def changed(request: Any, field: str, change: Callable[[Any], Any], order: Sequence[str] = ()) -> Any:
    """A copy of the request, or of the table, in which one field's value is another.

    Args:
        request: a record or a table of any kind that a guard takes.
        field: the field's name.
        change: takes the value, gives the other one.
        order: names by position, for arrays.

    Raises:
        NotThereError: the request has no such field.
    """
    if isinstance(request, Mapping):
        return {**request, field: change(_get(request, field))}
    if isinstance(request, np.ndarray):
        return _changed_array(request, _place(field, order), change)
    if hasattr(request, "iloc"):
        return _changed_pandas(request, field, change)
    if isinstance(request, list) or type(request) is tuple:
        return [changed(record, field, change, order) for record in request]
    return _changed_object(request, field, change)


def without(request: Any, field: str, order: Sequence[str] = ()) -> Any:
    """A copy of the request, or of the table, that lacks one field."""
    if isinstance(request, Mapping):
        _get(request, field)
        return {name: value for name, value in request.items() if name != field}
    if isinstance(request, np.ndarray):
        return np.delete(request, _place(field, order), axis=-1)
    if hasattr(request, "iloc"):
        _get(request, field)
        return request.drop(columns=field) if request.ndim > 1 else request.drop(field)
    if isinstance(request, list) or type(request) is tuple:
        return [without(record, field, order) for record in request]
    return without(_as_mapping(request), field)


def renamed(request: Any, field: str, name: str, order: Sequence[str] = ()) -> Any:
    """A copy of the request, or of the table, in which one field has another name."""
    if isinstance(request, Mapping):
        _get(request, field)
        return {name if own == field else own: value for own, value in request.items()}
    if isinstance(request, np.ndarray):
        raise NotThereError(field)  # positions have no names
    if hasattr(request, "iloc"):
        _get(request, field)
        return request.rename(columns={field: name}) if request.ndim > 1 else request.rename({field: name})
    if isinstance(request, list) or type(request) is tuple:
        return [renamed(record, field, name, order) for record in request]
    return renamed(_as_mapping(request), field, name)


def retyped(value: Any) -> Any:
    """The value as another type: a number as text, text as a number."""
    return len(value) if isinstance(value, str) else str(value)


def scaled(value: Any, factor: float) -> Any:
    """The number times `factor`, of its own type where it stays whole; what is no number is not changed."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return value
    product = value * factor
    return int(product) if isinstance(value, int) and float(product).is_integer() else product


def aged(value: Any, seconds: float) -> Any:
    """The timestamp that many seconds earlier: a datetime, ISO 8601 text, or seconds since the epoch."""
    if isinstance(value, str):
        return (dt.datetime.fromisoformat(value) - dt.timedelta(seconds=seconds)).isoformat()
    if isinstance(value, np.datetime64):
        return value - np.timedelta64(round(seconds * 1e6), "us")
    if isinstance(value, dt.datetime):  # pandas' Timestamp is one
        return value - dt.timedelta(seconds=seconds)
    return value - seconds


def _get(request: Any, field: str) -> Any:
    try:
        return request[field]
    except (KeyError, IndexError):
        raise NotThereError(field) from None


def _place(field: str, order: Sequence[str]) -> int:
    try:
        return list(order).index(field)
    except ValueError:
        raise NotThereError(field) from None


def _changed_array(array: Any, place: int, change: Callable[[Any], Any]) -> Any:
    kind = np.result_type(array.dtype, np.float64) if array.dtype.kind in "iu" else array.dtype
    cells = array[..., place]
    values = [change(cell) for cell in cells.tolist()] if array.ndim > 1 else [change(cells.item())]
    if not all(isinstance(value, int | float) for value in values):
        kind = np.dtype(object)
    twin = array.astype(kind)
    twin[..., place] = values if array.ndim > 1 else values[0]
    return twin


def _changed_pandas(data: Any, field: str, change: Callable[[Any], Any]) -> Any:
    column = _get(data, field)
    if data.ndim > 1:
        return data.assign(**{field: column.map(change)})
    twin = data.astype(object)
    twin[field] = change(column)
    return twin


def _changed_object(request: Any, field: str, change: Callable[[Any], Any]) -> Any:
    if not hasattr(request, field):
        raise NotThereError(field)
    value = change(getattr(request, field))
    if hasattr(request, "_replace"):
        return request._replace(**{field: value})
    twin = copy.copy(request)
    object.__setattr__(twin, field, value)  # past a frozen dataclass, and past pydantic's validation
    return twin


def _as_mapping(request: Any) -> dict[str, Any]:
    """An object cannot lose a field it declares: what is sent instead is the mapping it was made of."""
    if dataclasses.is_dataclass(request):
        return {each.name: getattr(request, each.name) for each in dataclasses.fields(request)}
    if hasattr(request, "_asdict"):
        return dict(request._asdict())
    dump = getattr(request, "model_dump", None)
    return dict(dump() if dump is not None else vars(request))
