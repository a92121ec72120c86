"""`make_json`: any request becomes JSON that a person can read, whatever the request is made of."""

import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import itertools
import json
import pathlib
import types
import uuid
import warnings
from collections import OrderedDict, UserDict, deque, namedtuple
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, scalar_dtypes

from guardrails._guard_ports import make_json
from guardrails._guard_ports._json import CUT, DEEPEST, LONGEST_JSON, LONGEST_TEXT

UTC = dt.UTC


def shown(obj):
    return json.loads(make_json(obj))


@dataclasses.dataclass(slots=True)
class Booking:
    lead_time: int
    adr: float


class Guest(pydantic.BaseModel):
    name: str
    card: pydantic.SecretStr
    born: dt.date


class Meal(enum.Enum):
    half = "HB"


class Level(enum.IntEnum):
    high = 3


Point = namedtuple("Point", "x y")  # noqa: PYI024 - the untyped kind is what is tested


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (
            {"lead_time": 42, "adr": 98.5, "ok": True, "no": None},
            {"lead_time": 42, "adr": 98.5, "ok": True, "no": None},
        ),
        ({"a": float("nan"), "b": float("inf"), "c": float("-inf")}, {"a": None, "b": "+inf", "c": "-inf"}),
        ({1: "int", "1": "text", (1, 2): "tuple"}, {"1": "int", "1#1": "text", "[1, 2]": "tuple"}),
        (OrderedDict(a=1), {"a": 1}),
        (UserDict(a=1), {"a": 1}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        ([1, (2, 3), deque([4]), range(2)], [1, [2, 3], [4], [0, 1]]),
        ({"only"}, ["only"]),
        (Booking(3, 9.5), {"lead_time": 3, "adr": 9.5}),
        (Point(1, 2), {"x": 1, "y": 2}),
        (
            Guest(name="A", card=pydantic.SecretStr("4111"), born=dt.date(1980, 1, 2)),
            {"name": "A", "card": "<SecretStr>", "born": "1980-01-02"},
        ),
        (Meal.half, "HB"),
        (Level.high, 3),
        (dt.datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (dt.time(3, 4), "03:04:00"),
        (dt.timedelta(days=1), "1 day, 0:00:00"),
        (decimal.Decimal("1.10"), "1.10"),
        (decimal.Decimal("sNaN"), None),
        (fractions.Fraction(1, 3), "1/3"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (pathlib.PurePosixPath("/a"), "/a"),
        (1 + 2j, "(1+2j)"),
        (b"\x00\x01", "AAE="),
        (bytearray(b"\x00\x01"), "AAE="),
        (memoryview(b"\x00\x01"), "AAE="),
        (2**70, 2**70),
        (10**5000, "<int>"),
        ("naïve \udc80", "naïve \\udc80"),
        (np.float32(1.5), 1.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.longdouble(2), 2.0),
        (np.complex64(1j), "1j"),
        (np.str_("a"), "a"),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (np.datetime64("NaT", "s"), None),
        (np.array([[1.0, np.nan], [2.0, 3.0]]), [[1.0, None], [2.0, 3.0]]),
        (np.array(3), 3),
        (np.array(["a", None], dtype=object), ["a", None]),
        (np.ma.masked_array([1, 2], [False, True]), [1, None]),
        (np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f4")]), [{"a": 1, "b": 2.5}]),
        (pd.Series({"adr": 1.5, "lead_time": 2.0}), {"adr": 1.5, "lead_time": 2.0}),
        (pd.Series([1, 2], index=["a", "a"]), [1, 2]),
        (pd.DataFrame({"a": [1, 2], "b": ["x", None]}), [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        (pd.Categorical(["a", None]), ["a", None]),
        (pd.Index([1, 2]), [1, 2]),
        (pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00"),
        ([pd.NaT, pd.NA, None], [None, None, None]),
        (len, "<builtin_function_or_method>"),
        (Booking, "<type>"),
        (object(), "<object>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_of_request_is_shown_with_its_fields(obj, expected):
    """Names stay names, missing values become null, and what cannot be shown is named by its type."""
    assert shown({"it": obj})["it"] == expected


def test_an_iterator_is_not_consumed():
    """The function under guard may still need it."""
    rows = iter([1, 2])

    assert shown({"rows": rows}) == {"rows": "<list_iterator>"}
    assert list(rows) == [1, 2]


def test_a_pydantic_model_with_wrong_values_is_shown_without_a_warning():
    """Pydantic's serialisation warning would quote the value to standard error."""
    guest = Guest.model_construct(name=3, card="4111", born="never")

    with warnings.catch_warnings(record=True, action="always") as said:
        assert shown(guest) == {"name": 3, "card": "4111", "born": "never"}
    assert said == []


def test_an_attribute_that_was_never_set_is_marked():
    """The fields that can be read are shown."""
    booking = Booking.__new__(Booking)
    booking.adr = 1.5

    assert shown(booking) == {"lead_time": CUT, "adr": 1.5}


class Explodes:
    """Raises from whatever is asked of it."""

    def __getattribute__(self, name):
        raise ValueError("boom")


class RaisingMeta(type):
    """A metaclass that hides the class's name."""

    def __getattribute__(cls, name):
        raise RuntimeError(name)


class Hidden(metaclass=RaisingMeta):
    """A class that cannot be asked for its name."""


def hidden():
    """Makes one; pytest itself could not be given the class."""
    return Hidden()


class LyingText(str):
    """A str of which every method raises."""

    __slots__ = ()

    def __len__(self):
        raise ValueError

    def __str__(self):
        raise ValueError

    def isascii(self):
        raise ValueError


class LyingNumber(float):
    """A float that will not be converted."""

    def __float__(self):
        raise ValueError


class BrokenMapping(Mapping):
    """A mapping whose items cannot be read."""

    def __getitem__(self, key):
        raise KeyError(key)

    def __iter__(self):
        return iter("ab")

    def __len__(self):
        raise OverflowError


class Endless(Sequence):
    """A sequence without an end."""

    def __getitem__(self, index):
        return index

    def __len__(self):
        return 1


class EndlessMapping(BrokenMapping):
    """A mapping without an end, all of whose keys are alike."""

    def items(self):
        return itertools.repeat(("a", 1))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (Explodes, "<Explodes>"),
        (hidden, "<Hidden>"),
        (lambda: LyingText("héllo"), "héllo"),
        (lambda: LyingNumber(1.5), 1.5),
        (BrokenMapping, "<BrokenMapping>"),
    ],
)
def test_a_hostile_object_costs_only_itself(make, expected):
    """What raises becomes its type's name; the fields beside it are shown."""
    assert shown({"before": 1, "hostile": make(), "after": [make()]}) == {
        "before": 1,
        "hostile": expected,
        "after": [expected],
    }


@pytest.mark.parametrize(
    "obj",
    [Endless(), EndlessMapping(), {"text": "x" * 10**6}, list(range(10**6)), "\x00" * 10**5, b"x" * 10**6],
)
def test_a_huge_request_is_cut_and_says_so(obj):
    """The text stays within its bound, is valid JSON, and marks the place."""
    text = make_json(obj)

    assert len(text) <= LONGEST_JSON
    assert CUT in json.dumps(json.loads(text))


def test_a_long_text_leaves_room_for_the_other_fields():
    """One field of a megabyte does not hide the next."""
    read = shown({"note": "x" * 10**6, "adr": 98.5})

    assert read["adr"] == 98.5
    assert read["note"] == "x" * LONGEST_TEXT + CUT


def test_a_request_that_holds_itself_ends():
    """A cycle is cut at a depth, and every field above is shown."""
    request = {"adr": 98.5}
    request["self"] = request

    assert shown(request)["self"]["self"]["adr"] == 98.5
    assert make_json(request).count("adr") == DEEPEST


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.text(st.characters(categories=["Cs", "Cc"]))
    | st.binary()
    | st.datetimes()
    | st.timedeltas()
    | st.decimals()
    | st.complex_numbers()
    | st.builds(Explodes)
    | st.just(pd.NA)
    | scalar_dtypes().flatmap(lambda kind: arrays(kind, array_shapes(min_dims=0, max_dims=2, min_side=0)))
)
REQUESTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.text(st.characters()) | st.integers() | st.floats() | st.tuples(st.text()), inner
        )
        | st.builds(Booking, inner, inner)
        | st.tuples(inner, inner).map(lambda pair: Point(*pair))
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(REQUESTS)
def test_any_request_becomes_strict_json_that_a_file_can_hold(request):
    """Never an exception; RFC 8259 JSON, bounded, and encodable as UTF-8."""
    text = make_json(request)

    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert len(text.encode()) <= 4 * LONGEST_JSON
    assert len(text) <= LONGEST_JSON


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
        max_size=30,
    )
)
def test_a_plain_request_is_read_back_unchanged(request):
    """A dict of JSON's own values loses nothing."""
    assert shown(request) == request
