"""The scenarios of a drill: a fault each, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from .._errors import ConfigurationError
from .._types import CaveatCode
from ._fault import Fault
from ._faults import Faults
from ._seam import Engine, engine_of, is_dated

Block = Callable[[Faults, Any], AbstractContextManager[Fault]]

_LATE = frozenset({CaveatCode.deadline, CaveatCode.saturated})
_ERROR = frozenset({CaveatCode.error})
_OUTPUT = frozenset({CaveatCode.output})
_UNSTORED = frozenset({CaveatCode.review_not_stored})
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault of a drill.

    Attributes:
        name: as it is asked for, with its argument.
        about: what happens, in a sentence.
        block: makes it happen.
        codes: caveats of which one must tell of it; empty where it need not be told of.
        counted: whether the fault says which requests it struck; else it strikes all.
        upstream: whether it is the request that is broken, so that it may go unseen.
    """

    name: str
    about: str
    block: Block
    codes: frozenset[CaveatCode] = frozenset()
    counted: bool = True
    upstream: bool = False


def _everybody(
    error: Callable[[Faults, Any, int | None], AbstractContextManager[Fault]], *, primary: bool
) -> Block:
    @contextmanager
    def block(faults: Faults, guarded: Any) -> Iterator[Fault]:
        places = [None] if primary else []
        with ExitStack() as stack:
            first = None
            for place in (*places, *range(len(engine_of(guarded).candidates) - 1)):
                fault = stack.enter_context(error(faults, guarded, place))
                first = first or fault
            assert first is not None  # noqa: S101 - there is a primary, or the scenario is not offered
            yield first

    return block


def _both(one: Block, other: Block) -> Block:
    @contextmanager
    def block(faults: Faults, guarded: Any) -> Iterator[Fault]:
        with one(faults, guarded) as fault, other(faults, guarded):
            yield fault

    return block


def _raises(faults: Faults, guarded: Any, place: int | None = None) -> AbstractContextManager[Fault]:
    return faults.error(guarded, RuntimeError, fallback=place)


_PRIMARY_RAISES: Block = _raises
_ALL_RAISE = _everybody(_raises, primary=True)


def _budget(guarded: Any) -> float:
    budget = engine_of(guarded).config.budget
    return 1.0 if budget is None else budget.seconds


PLAIN: tuple[Scenario, ...] = (
    Scenario("primary_hangs", "the primary never returns", lambda f, g: f.hang(g), _LATE),
    Scenario("primary_slow", "the primary takes twice the budget longer", lambda f, g: f.slow(g, 2 * _budget(g)), _LATE),
    Scenario("primary_raises", "the primary raises an exception", _PRIMARY_RAISES, _ERROR),
    Scenario("primary_flaky", "every second call of the primary raises", lambda f, g: f.flaky(g, 2), _ERROR),
    Scenario("primary_returns_nan", "the primary answers NaN", lambda f, g: f.nan(g), _OUTPUT),
    Scenario("primary_returns_none", "the primary answers None", lambda f, g: f.none(g), _OUTPUT),
    Scenario("primary_returns_garbage", "the primary answers an object of another type", lambda f, g: f.garbage(g), _OUTPUT),
    Scenario("primary_saturated", "too many calls of the primary hang already", lambda f, g: f.saturate(g), frozenset({CaveatCode.saturated}), counted=False),
    Scenario("primary_circuit_open", "the primary has failed too often of late", lambda f, g: f.open_circuit(g), frozenset({CaveatCode.circuit_open}), counted=False),
    Scenario("fallback_hangs", "the primary raises, and the first fallback never returns", _both(_PRIMARY_RAISES, lambda f, g: f.hang(g, fallback=0)), _LATE),
    Scenario("fallback_raises", "the primary and every fallback raise", _ALL_RAISE, _ERROR),
    Scenario("switched_off", "a person has switched the primary off", lambda f, g: f.switch_off(g), frozenset({CaveatCode.switched_off}), counted=False),
    Scenario("review_locked", "nobody answers, and the review store takes nothing", _both(_ALL_RAISE, lambda f, g: f.review_locked(g)), _UNSTORED),
    Scenario("review_full", "nobody answers, and the review store's disk is full", _both(_ALL_RAISE, lambda f, g: f.review_full(g)), _UNSTORED),
    Scenario("clock_skewed", "the wall clock is an hour ahead", lambda f, g: f.skew(g, _HOUR), counted=False, upstream=True),
)  # fmt: skip


def _dropped(field: str, _: str) -> Block:
    return lambda faults, guarded: faults.drop(guarded, field)


def _renamed(field: str, to: str) -> Block:
    return lambda faults, guarded: faults.rename(guarded, field, to or f"{field}_")


def _retyped(field: str, _: str) -> Block:
    return lambda faults, guarded: faults.retype(guarded, field)


def _scaled(field: str, factor: str) -> Block:
    return lambda faults, guarded: faults.scale(guarded, field, float(factor or 10))


def _stale(field: str, seconds: str) -> Block:
    return lambda faults, guarded: faults.stale(guarded, field, float(seconds or 7 * 24 * _HOUR))


def _unseen(field: str, label: str) -> Block:
    return lambda faults, guarded: faults.unseen(guarded, field, label or "<unseen>")


UPSTREAM: dict[str, tuple[str, Callable[[str, str], Block]]] = {
    "field_dropped": ("arrives no more", _dropped),
    "field_renamed": ("arrives under another name", _renamed),
    "field_retyped": ("arrives as another type", _retyped),
    "field_scaled": ("arrives ten times as large, or as many times as is said", _scaled),
    "field_stale": ("arrives a week older, or as many seconds as is said", _stale),
    "field_unseen": ("arrives as a category that was never seen", _unseen),
}

NAMES = (*(each.name for each in PLAIN), *UPSTREAM)


def scenarios(engine: Engine, names: Sequence[str] = ()) -> list[Scenario]:
    """The scenarios of these names; without any, all faults of the model and of the surroundings that apply.

    Args:
        engine: of the guarded function.
        names: such as `primary_hangs`, `field_dropped=adr` or `field_scaled=adr:10`; of `field_dropped`, `field_renamed`
            and `field_retyped` without a field there is one for each field of the contract.

    Raises:
        ConfigurationError: there is no such scenario, or it does not apply to this guard.
    """
    if not names:
        return [each for each in PLAIN if not _why_not(each, engine)]
    return [found for name in names for found in _named(engine, name)]


def _named(engine: Engine, name: str) -> list[Scenario]:
    for plain in PLAIN:
        if plain.name == name:
            if why := _why_not(plain, engine):
                raise ConfigurationError.of("scenario", name, why)
            return [plain]
    kind, _, argument = name.partition("=")
    if kind not in UPSTREAM:
        raise ConfigurationError.of("scenario", name, f"must be one of {', '.join(NAMES)}")
    fields = [argument] if argument else _fields(engine, kind)
    return [_upstream(kind, field) for field in fields]


def _fields(engine: Engine, kind: str) -> list[str]:
    contract = engine.config.contract
    if contract is None or kind not in {"field_dropped", "field_renamed", "field_retyped"}:
        raise ConfigurationError.of("scenario", kind, f"must name its field: {kind}=FIELD")
    return list(contract.fields)


def _upstream(kind: str, argument: str) -> Scenario:
    about, make = UPSTREAM[kind]
    field, _, more = argument.partition(":")
    try:
        float(more or 0) if kind in {"field_scaled", "field_stale"} else None
    except ValueError:
        raise ConfigurationError.of(
            "scenario", f"{kind}={argument}", f"must be {kind}=FIELD:NUMBER"
        ) from None
    return Scenario(f"{kind}={argument}", f"{field!r} {about}", make(field, more), upstream=True)


def _why_not(scenario: Scenario, engine: Engine) -> str:
    if scenario.name.startswith("fallback_") and len(engine.candidates) == 1:
        return "does not apply: the guard has no fallback"
    if scenario.name.startswith("review_") and engine.config.review is None:
        return "does not apply: the guard has no review store"
    if (
        scenario.name in {"primary_hangs", "primary_saturated", "fallback_hangs"}
        and engine.config.budget is None
    ):
        return "does not apply: the guard has no budget"
    if scenario.name == "clock_skewed" and not any(is_dated(each.contract) for each in engine.candidates):
        return "does not apply: no contract of the guard has max_age="
    return ""
