"""The vocabulary: routes, caveats, and the three outcomes a request can have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Generic, NamedTuple, Never, NoReturn, TypeAlias, TypeVar

from ._errors import ReviewRequiredError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Route(StrEnum):
    """Where a request ended."""

    works = "works"
    degraded = "degraded"
    needs_review = "needs_review"


class CaveatCode(StrEnum):
    """Why an answer is less than `Works`; the order is the order of the routing table."""

    contract = "contract"
    drifted_schema = "drifted_schema"
    novel = "novel"
    deadline = "deadline"
    error = "error"
    saturated = "saturated"
    circuit_open = "circuit_open"
    output = "output"
    uncertain = "uncertain"
    unanswerable = "unanswerable"
    uncertified = "uncertified"
    cohort_uncertified = "cohort_uncertified"
    fallback = "fallback"
    uncalibrated = "uncalibrated"
    switched_off = "switched_off"
    review_not_stored = "review_not_stored"


@dataclass(frozen=True, slots=True)
class Caveat:
    """One reason why an answer is less than `Works`.

    Attributes:
        code: the reason, from the closed enum.
        message: the reason for people, with its mend; never an input value.
        lost: the guarantee that no longer holds, "" where none was given.
        fields: the contract's fields concerned; a field it does not declare is `<undeclared>`.
    """

    code: CaveatCode
    message: str
    lost: str = ""
    fields: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As a JSON-safe dictionary."""
        return {
            "code": str(self.code),
            "message": self.message,
            "lost": self.lost,
            "fields": list(self.fields),
        }


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken clause of a contract, without the value that broke it.

    Attributes:
        field: the field's declared name, or `<undeclared>`; "" for a clause about the whole request.
        clause: the clause as the schema's author would write it, such as `in_range(0, 120)` or `nullable=False`.
        kind: what sort of clause, such as `missing`, `dtype`, `null`, `range`, `set`, `pattern`, `length`, `custom`.
    """

    field: str
    clause: str
    kind: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step saw about one candidate answer: a row of the routing table applies to it.

    Attributes:
        code: the row of the table.
        detail: what exactly was seen, for people; never an input value.
        fields: the contract's fields concerned.
        lost: the guarantee that no longer holds; None takes the table's.
    """

    code: CaveatCode
    detail: str = ""
    fields: tuple[str, ...] = ()
    lost: str | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """A prediction interval, in the units of the prediction; both ends belong to it."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """The distance of the two ends."""
        return self.high - self.low

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


class Details(NamedTuple):
    """What every decision carries beside its value; a named tuple, since one is made on every call.

    Attributes:
        id: unique; joins decision, span, review item and later feedback.
        guard_name: the guard's name.
        model_version: the version of the primary, "" where nobody named one.
        served_by: `primary`, the fallback's name, or "" where nobody answered.
        prediction: label or number read out of the value, None where it could not be read.
        prediction_set: labels that hold the truth at the profile's coverage (classifier).
        interval: interval that holds the truth at the profile's coverage (regressor).
        elapsed: seconds from the call to the decision.
        failure: the primary's exception, for debugging; never exported.
    """

    id: str = ""
    guard_name: str = ""
    model_version: str = ""
    served_by: str = ""
    prediction: Any = None
    prediction_set: frozenset[Any] | None = None
    interval: Interval | None = None
    elapsed: float = 0.0
    failure: Exception | None = None

    def __repr__(self) -> str:  # without answers, and without an exception that may quote one
        return f"Details(id={self.id!r}, guard_name={self.guard_name!r}, served_by={self.served_by!r})"


_NOTHING = Details()


class _Outcome:
    """What the three outcomes share; every property reads `details`."""

    __slots__ = ()

    details: Details
    caveats: tuple[Caveat, ...]
    route: ClassVar[Route]

    @property
    def id(self) -> str:
        """Unique id: joins decision, span, review item and later feedback."""
        return self.details.id

    @property
    def guard_name(self) -> str:
        """Name of the guard that decided."""
        return self.details.guard_name

    @property
    def model_version(self) -> str:
        """Version of the primary, "" where nobody named one."""
        return self.details.model_version

    @property
    def served_by(self) -> str:
        """`primary`, a fallback's name, or "" where nobody answered."""
        return self.details.served_by

    @property
    def prediction(self) -> Any:
        """Label or number that the profile reads out of the value, or None."""
        return self.details.prediction

    @property
    def prediction_set(self) -> frozenset[Any] | None:
        """Labels that hold the truth at the profile's coverage; None for a regressor or without a profile."""
        return self.details.prediction_set

    @property
    def interval(self) -> Interval | None:
        """Interval that holds the truth at the profile's coverage; None for a classifier or without a profile."""
        return self.details.interval

    @property
    def elapsed(self) -> float:
        """Seconds from the call to the decision."""
        return self.details.elapsed

    @property
    def failure(self) -> Exception | None:
        """The primary's exception, for debugging; never exported."""
        return self.details.failure

    def __bool__(self) -> Never:
        raise TypeError(
            f"a {type(self).__name__} decision has no truth value; match on it, or compare decision.route "
            "with guardrails.Route.works"
        )

    def __repr__(self) -> str:
        codes = ", ".join(caveat.code for caveat in self.caveats)
        by = f" by {self.served_by!r}" if self.served_by else ""
        return f"<{type(self).__name__}{by} [{codes}] of guard {self.guard_name!r}, id {self.id!r}>"

    def to_dict(self) -> dict[str, Any]:
        """As a JSON-safe dictionary that holds no input and no answer."""
        details = self.details
        return {
            "id": details.id,
            "route": str(self.route),
            "guard": details.guard_name,
            "model_version": details.model_version,
            "served_by": details.served_by,
            "caveats": [caveat.to_dict() for caveat in self.caveats],
            "set_size": None if details.prediction_set is None else len(details.prediction_set),
            "interval_width": None if details.interval is None else details.interval.width,
            "elapsed": details.elapsed,
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Works(_Outcome, Generic[T_co]):
    """The model's answer, with nothing to add: the contract held, in time, in the certified region.

    `value` is what the function returned, untouched. `caveats` is empty, unless the owner's `Policy` says that a
    caveat still counts as `works`.
    """

    value: T_co
    caveats: tuple[Caveat, ...] = ()
    details: Details = _NOTHING

    route = Route.works
    __match_args__ = ("value",)

    def unwrap(self) -> T_co:
        """The value."""
        return self.value


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Degraded(_Outcome, Generic[T_co]):
    """A usable answer and its caveats: what was lost, and why.

    `value` is what the primary or the fallback returned, untouched.
    """

    value: T_co
    caveats: tuple[Caveat, ...] = ()
    details: Details = _NOTHING

    route = Route.degraded
    __match_args__ = ("value", "caveats")

    def unwrap(self) -> T_co:
        """The value."""
        return self.value


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NeedsReview(_Outcome):
    """No answer: nobody could answer within the guarantees, a person must. It has no value."""

    caveats: tuple[Caveat, ...] = ()
    details: Details = _NOTHING

    route = Route.needs_review
    __match_args__ = ("caveats",)

    def unwrap(self) -> NoReturn:
        """Raise, since there is no value.

        Raises:
            ReviewRequiredError: always; `__cause__` is the model's exception, where there was one.
        """
        codes = ", ".join(caveat.code for caveat in self.caveats) or "no reason given"
        message = f"guard {self.guard_name!r}: a person must decide ({codes})"
        raise ReviewRequiredError(message, decision_id=self.id) from self.failure


class _OpenWorks(_Outcome):
    """A `Works` whose fields can still be set: a frozen dataclass takes twice as long to fill."""

    __slots__ = Works.__slots__


def works_of(value: T, caveats: tuple[Caveat, ...], details: Details) -> Works[T]:
    """As `Works(...)`, quickly."""
    made: Any = _OpenWorks()
    made.value = value
    made.caveats = caveats
    made.details = details
    made.__class__ = Works
    return made  # type: ignore[no-any-return]


Decision: TypeAlias = Works[T] | Degraded[T] | NeedsReview
"""One of the three outcomes, with a value of type `T`."""
