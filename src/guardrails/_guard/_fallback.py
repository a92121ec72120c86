"""What answers when the primary does not: one fallback, as its owner declares it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast, get_args

from .._calls import Enforcement
from .._contract import contract_of, output_of
from .._errors import ConfigurationError
from .._profile import Profile
from ._checks import check_optional_callable, check_profile
from ._request import check_callable, name_of

F_co = TypeVar("F_co", covariant=True)


class _Inherit:
    """The contract of a fallback that was given none of its own."""

    def __repr__(self) -> str:
        return "the guard's contract"


INHERIT: Final = _Inherit()


@dataclass(frozen=True, slots=True, eq=False)
class Fallback(Generic[F_co]):
    """What answers when the primary does not.

    Attributes:
        fn: called with the primary's arguments; of a table guard, with the table of the rows it is asked for.
        profile: what is known about its error; None makes its answers `uncalibrated`.
        contract: what its requests must satisfy; not given, the guard's contract; None takes anything.
        read: reads probabilities or a number out of what it returns.
        output: check of its answer.
        caveat: what its answer lacks, for people; part of the `fallback` caveat's message.
        name: what `served_by` says; "" takes the function's name.
        enforcement: how it is held to the deadline, as `Budget(enforcement=)`; None: what fits the function.
        probe: share of the requests that it also runs for in the shadow, whatever answers them, so that the time that is
            kept for it stays fresh; 0, the default, never, since a fallback may cost money. Tables are never run in the shadow.

    Raises:
        ConfigurationError: a value that cannot work.
    """

    fn: Callable[..., F_co]
    profile: Profile | None = None
    contract: Any = INHERIT
    read: Callable[[Any], Any] | None = None
    output: Any = None
    caveat: str = ""
    name: str = ""
    enforcement: Enforcement | None = None
    probe: float = 0.0

    def __call__(self, *args: Any, **kwargs: Any) -> F_co:
        """Call the function; a list of functions and `Fallback`s has one type that way."""
        return self.fn(*args, **kwargs)

    def __post_init__(self) -> None:
        fn: object = self.fn
        if not callable(fn) or isinstance(fn, type):
            raise ConfigurationError.of(
                "fallbacks", self.fn, "each must be callable, or gr.Fallback(callable)"
            )
        check_callable(self.fn)
        if not isinstance(cast("object", self.name), str) or self.name == "primary":
            raise ConfigurationError.of("Fallback(name=)", self.name, 'must be a string other than "primary"')
        check_profile("Fallback(profile=)", self.profile)
        self._check_calls()
        check_optional_callable("Fallback(read=)", self.read)
        object.__setattr__(self, "name", self.name or name_of(self.fn))
        object.__setattr__(self, "output", output_of(self.output, "Fallback(output=)"))
        if self.contract is not INHERIT:
            object.__setattr__(self, "contract", contract_of(self.contract, "Fallback(contract=)"))

    def _check_calls(self) -> None:
        if self.enforcement is not None and self.enforcement not in get_args(Enforcement):
            mend = 'must be "thread", "process", "cooperative" or "async", or None for what fits the function'
            raise ConfigurationError.of("Fallback(enforcement=)", self.enforcement, mend)
        share: object = self.probe
        if not isinstance(share, int | float) or isinstance(share, bool) or not 0 <= share <= 1:
            raise ConfigurationError.of("Fallback(probe=)", self.probe, "must be a share from 0 to 1")
