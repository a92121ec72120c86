"""Whether a function fits a guard's configuration; asked where the function is wrapped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._errors import ConfigurationError
from .._profile import Profile
from ._config import Config
from ._request import check_callable, is_coroutine_function, name_of


def check_function(config: Config, fn: Callable[..., Any], *, table: bool) -> None:
    """Refuse a function that cannot work with this configuration.

    Raises:
        ConfigurationError: not callable, a generator, an async fallback on a sync function, or a profile of another
            task or of other classes than the model's.
    """
    check_callable(fn)
    if not is_coroutine_function(fn):
        for each in config.fallbacks:
            if is_coroutine_function(each.fn):
                mend = "must be a plain function, since the guarded function is one; or guard an `async def`"
                raise ConfigurationError.of("fallbacks", each.fn, mend)
    if config.profile is not None and config.read is None:
        _check_task("profile", config.profile, fn, table=table)
    for each in config.fallbacks:
        if each.profile is not None and each.read is None:
            _check_task("Fallback(profile=)", each.profile, each.fn, table=table)


def _check_task(parameter: str, profile: Profile, fn: Callable[..., Any], *, table: bool) -> None:
    owner = getattr(fn, "__self__", None)
    method = getattr(fn, "__name__", "")
    task = _task(owner, method, fn, table=table)
    if task is not None and task != profile.kind:
        mend = f"must be a {task}'s profile, as {name_of(fn)} answers with {_ANSWERS[task]}; or tell how to read it, read="
        raise ConfigurationError.of(parameter, f"a {profile.kind}'s profile", mend)
    classes = getattr(owner, "classes_", None)
    if profile.kind == "classifier" and method == "predict_proba" and classes is not None:
        model = tuple(classes.tolist() if hasattr(classes, "tolist") else classes)
        if model != tuple(profile.classes or ()):
            raise ConfigurationError.of(
                parameter, profile.classes, f"must have the model's classes, {model!r}"
            )


_ANSWERS: Mapping[str, str] = {"classifier": "probabilities", "regressor": "a number"}


def _estimator_type(owner: object) -> str | None:
    """What a scikit-learn estimator says it is, asked without importing scikit-learn."""
    tags = getattr(owner, "__sklearn_tags__", None)
    found = getattr(owner, "_estimator_type", None) if tags is None else tags().estimator_type
    return None if found is None else str(found)


def _task(owner: object, method: str, fn: Callable[..., Any], *, table: bool) -> str | None:
    """What the function visibly is; None where nothing shows it."""
    if method == "predict_proba":
        return "classifier"
    if method == "predict" and _estimator_type(owner) == "regressor":
        return "regressor"
    returns = getattr(fn, "__annotations__", {}).get("return")
    return "regressor" if not table and returns in {float, int, "float", "int"} else None
