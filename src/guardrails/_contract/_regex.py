"""Regular expressions of a schema: strings they match, and how long they can take.

Python's engine backtracks, holds the interpreter's lock and cannot be interrupted, so a pattern is measured where the
contract is built, on strings made to make it backtrack, and refused where its time explodes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import cache
from re import _constants as sre  # type: ignore[attr-defined]  # the only parser of Python's own dialect
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final

_CLASSES: Final = {
    sre.CATEGORY_DIGIT: "1",
    sre.CATEGORY_NOT_DIGIT: "a",
    sre.CATEGORY_SPACE: " ",
    sre.CATEGORY_NOT_SPACE: "a",
    sre.CATEGORY_WORD: "a",
    sre.CATEGORY_NOT_WORD: "-",
}
_REPEATS: Final = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
_ENDINGS: Final = ("\x00", "!\n", "0", "a", " ")
_LONGEST_REPEAT: Final = 24
SLOW: Final = 0.002  # seconds on one string; a harmless pattern takes microseconds
_MEASURED: Final = 4096  # characters that a pattern is measured on
_SMALL_STEPS: Final = 40  # rounds; an exponent shows by then
_EXPLODES: Final = 256  # a pattern that is slow on so few characters gets slower with each one


def witness(pattern: str | re.Pattern[str]) -> list[str]:
    """Strings that the pattern probably matches: the first choice everywhere, repeats at their least and some more."""
    tree = _tree(pattern)
    return [] if tree is None else list(dict.fromkeys((_text(tree, 0), _text(tree, 1), _text(tree, 3))))


def _tree(pattern: str | re.Pattern[str]) -> Any:
    flags = pattern.flags & ~re.UNICODE if isinstance(pattern, re.Pattern) else 0
    try:
        return parser.parse(pattern.pattern if isinstance(pattern, re.Pattern) else pattern, flags)
    except (re.error, RecursionError):
        return None


def _text(tree: Any, more: int) -> str:
    return "".join(_one(code, argument, more) for code, argument in tree)


def _one(code: Any, argument: Any, more: int) -> str:
    """A string for one node of the parse tree; look-arounds and back references give nothing."""
    if code in _REPEATS:
        low, high, inner = argument
        return _text(inner, more) * min(int(high), int(low) + more, _LONGEST_REPEAT)
    if code is sre.BRANCH:
        return _text(argument[1][0], more)
    inner = _inner(code, argument)
    return _text(inner[0], more) if inner else _letter(code, argument)


def _letter(code: Any, argument: Any) -> str:
    if code is sre.LITERAL:
        return chr(argument)
    if code is sre.NOT_LITERAL:
        return "a" if argument != ord("a") else "b"
    if code is sre.IN:
        return _member(argument)
    return "a" if code is sre.ANY else ""


def _member(choices: Any) -> str:
    if choices[0][0] is sre.NEGATE:
        return _outside(choices[1:])
    code, argument = choices[0]
    if code is sre.LITERAL:
        return chr(argument)
    return chr(argument[0]) if code is sre.RANGE else _CLASSES.get(argument, "a")


def _outside(choices: Any) -> str:
    inside = re.compile("[" + "".join(_source(code, argument) for code, argument in choices) + "]")
    return next((c for c in "a1 -_A~\n" if not inside.match(c)), "é")


def _source(code: Any, argument: Any) -> str:
    if code is sre.LITERAL:
        return re.escape(chr(argument))
    if code is sre.RANGE:
        return f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
    return {sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_SPACE: r"\s", sre.CATEGORY_WORD: r"\w"}.get(
        argument, r"\W"
    )


def _pumps(tree: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """For each repeat without a small bound: a string that leads to it, and one round of it."""
    for code, argument in tree:
        if code in _REPEATS and argument[1] > _LONGEST_REPEAT:
            yield before, _text(argument[2], 1)
            yield before, _choices(argument[2])
        for inner in _inner(code, argument):
            yield from _pumps(inner, before)
        before += _one(code, argument, 1)


def _choices(tree: Any) -> str:
    """All branches of a repeated group, one after the other: what ambiguous branches backtrack over."""
    return "".join(
        "".join(map(_choices, _inner(code, argument))) if _inner(code, argument) else _one(code, argument, 0)
        for code, argument in tree
    )


def _inner(code: Any, argument: Any) -> list[Any]:
    if code in _REPEATS:
        return [argument[2]]
    if code is sre.SUBPATTERN:
        return [argument[-1]]
    if code is sre.BRANCH:
        return list(argument[1])
    return [argument] if code is sre.ATOMIC_GROUP else []


class ExplodingPatternError(Exception):
    """The pattern's time explodes: no bound on the text helps."""


@cache
def longest_text(pattern: str | re.Pattern[str], how: str) -> int | None:
    """The longest text that the pattern may be tried on, in characters; None where its time cannot grow faster.

    Measured: a text of that length takes about `SLOW` seconds, or 16 times that where no slow text was found.

    Args:
        pattern: the pattern.
        how: `match` or `search`.

    Raises:
        ExplodingPatternError: some short text takes `SLOW` seconds.
    """
    tree = _tree(pattern)
    pumps = dict.fromkeys(_pumps(tree)) if tree is not None else {}
    if not pumps:
        return None
    find = getattr(re.compile(pattern), how)
    longest = 4 * _MEASURED
    for before, round_ in pumps:
        for ending in _ENDINGS:
            longest = min(longest, _pumped(find, before, round_, ending))
            if longest <= _EXPLODES:
                raise ExplodingPatternError
    return 1 << (longest.bit_length() - 1)  # a power of two, so that two machines mostly agree


def _pumped(find: Callable[[str], Any], before: str, round_: str, ending: str) -> int:
    """Length of the first slow text; steps are so small that an exploding pattern is caught before it hangs."""
    rounds = 4
    while round_ and rounds * len(round_) <= _MEASURED:
        text = before + round_ * rounds + ending
        if _seconds(find, text) >= SLOW and _seconds(find, text) >= SLOW:  # twice: once may be the machine
            return len(text)
        rounds = rounds + 2 if rounds < _SMALL_STEPS else rounds * 2
    return 4 * _MEASURED


def _seconds(find: Callable[[str], Any], text: str) -> float:
    start = time.thread_time()
    find(text)
    return time.thread_time() - start
