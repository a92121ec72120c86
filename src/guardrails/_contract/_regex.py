"""Regular expressions of a schema: strings they match, and how long they can take.

Python's engine backtracks, holds the interpreter's lock and cannot be interrupted, so a pattern that has more than a few
ways to match is measured where the contract is built, on strings made to make it backtrack, and refused where its time
explodes.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice
from re import _compiler as compiler  # type: ignore[attr-defined]  # compiles the trees of its own parser
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
_LOOKS: Final = (sre.ASSERT, sre.ASSERT_NOT)
_ENDINGS: Final = ("\x00", "!\n", "0", "a", " ")
_LONGEST_REPEAT: Final = 24
_LONGEST_WITNESS: Final = 2048
SLOW: Final = 0.002  # seconds on one string; a harmless pattern takes microseconds
_FEW_WAYS: Final = 64  # to match one text: so many are tried in microseconds, whatever the text
_MEASURED: Final = 4096  # characters that a pattern is measured on
_SMALL_STEPS: Final = 40  # rounds; an exponent shows by then
_EXPLODES: Final = 128  # a pattern that is slow on so few characters gets slower with each one
_SUDDEN: Final = (
    10  # a pattern that needs more characters than this may be slow on the first text that has them
)
_LONGEST_CUT: Final = 64
_MOST_LETTERS: Final = 12
_MOST_PUMPS: Final = 40


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
    return "".join(_one(code, argument, more) for code, argument in tree)[:_LONGEST_WITNESS]


def _one(code: Any, argument: Any, more: int) -> str:
    """A string for one node of the parse tree; look-arounds and back references give nothing."""
    if code in _REPEATS:
        low, high, inner = argument
        return _text(inner, more) * min(int(high), int(low) + more, _LONGEST_REPEAT)
    if code in _LOOKS:
        return ""
    inner = _inner(code, argument)
    return _text(inner[0], more) if inner else _letter(code, argument)


def _letter(code: Any, argument: Any) -> str:
    return next(_letters_of(code, argument), "")


def _letters_of(code: Any, argument: Any) -> Iterator[str]:
    """What one node may match: a letter of each part of it, the lowest of a range."""
    if code is sre.LITERAL:
        yield chr(argument)
    elif code is sre.NOT_LITERAL:
        yield "a" if argument != ord("a") else "b"
    elif code is sre.IN and argument[0][0] is sre.NEGATE:
        yield _outside(argument[1:])
    elif code is sre.IN:
        for part, content in argument:
            yield from _letters_of(part, content)
    elif code is sre.RANGE:
        yield chr(argument[0])
    elif code is sre.CATEGORY:
        yield _CLASSES.get(argument, "a")
    elif code is sre.ANY:
        yield "a"


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


def _letters(tree: Any) -> Iterator[str]:
    """A letter for each part of each node, and those that a negated set leaves out: an ending may need one."""
    for code, argument in tree:
        yield from _letters_of(code, argument)
        if code is sre.NOT_LITERAL:
            yield chr(argument)
        if code is sre.IN and argument[0][0] is sre.NEGATE:
            for part, content in argument[1:]:
                yield from _letters_of(part, content)
        for inner in _inner(code, argument):
            yield from _letters(inner)


def _ways(tree: Any) -> float:
    """At most so many ways to match one text from one place: what backtracking could try, one after the other."""
    return math.prod(_ways_of(code, argument) for code, argument in tree)


def _ways_of(code: Any, argument: Any) -> float:
    inner = [_ways(one) for one in _inner(code, argument)]
    if code not in _REPEATS:
        return max(1.0, sum(inner))
    low, high, _ = argument
    if high > _FEW_WAYS and (high > low or inner[0] > 1):
        return math.inf
    return (
        sum(inner[0] ** times for times in range(int(low), int(high) + 1)) if high > low else inner[0] ** low
    )


def _pumps(tree: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """For each repeat: a string that leads to it, and one round of it."""
    for code, argument in tree:
        if code in _REPEATS and argument[1] > 1:
            for round_ in (_text(argument[2], 1), _choices(argument[2]), _text(argument[2], 0)):
                yield before, round_
        for inner in _inner(code, argument):
            yield from _pumps(inner, before)
        before = (before + _one(code, argument, 1))[:_LONGEST_WITNESS]


def _choices(tree: Any) -> str:
    """All branches of a repeated group, one after the other: what ambiguous branches backtrack over."""
    return "".join(
        "".join(map(_choices, _inner(code, argument))) if _inner(code, argument) else _one(code, argument, 0)
        for code, argument in tree
    )


def _inner(code: Any, argument: Any) -> list[Any]:
    """The trees inside one node."""
    if code in _REPEATS:
        return [argument[2]]
    if code is sre.SUBPATTERN:
        return [argument[-1]]
    if code is sre.BRANCH:
        return list(argument[1])
    if code in _LOOKS:
        return [argument[1]]
    if code is sre.GROUPREF_EXISTS:
        return [tree for tree in argument[1:] if tree is not None]
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
    if tree is None or _ways(tree) <= _FEW_WAYS:
        return None
    if tree.getwidth()[0] > _SUDDEN:
        for part in _grown(tree):
            _measured(getattr(compiler.compile(part, tree.state.flags), how), part)
    longest = _measured(getattr(re.compile(pattern), how), tree)
    return 1 << (longest.bit_length() - 1)  # a power of two, so that two machines mostly agree


def _measured(find: Callable[[str], Any], tree: Any) -> int:
    """Length of the first slow text, of all that are made from the tree."""
    letters = list(islice(dict.fromkeys(_letters(tree)), _MOST_LETTERS))
    longest = 4 * _MEASURED
    for before, round_ in _tried(tree, letters):
        for ending in dict.fromkeys((*_ENDINGS, *letters)):
            longest = min(longest, _pumped(find, before, round_, ending))
            if longest <= _EXPLODES:
                raise ExplodingPatternError
    return longest


def _tried(tree: Any, letters: Iterable[str]) -> Iterable[tuple[str, str]]:
    """What to repeat after what, the shortest first: each letter, rounds of the pattern's repeats, all of it."""
    rounds = {
        *_pumps(tree),
        *(("", letter) for letter in letters),
        ("", _text(tree, 0)),
        ("", _choices(tree)),
    }
    pumps = sorted((pump for pump in rounds if pump[1]), key=lambda pump: (len(pump[0] + pump[1]), pump))
    return pumps[:_MOST_PUMPS]


def _grown(tree: Any) -> Iterator[Any]:
    """The pattern cut down, then less and less: below its least length no text is slow, so none would warn."""
    for size in range(2, min(_largest(tree), _LONGEST_CUT), 2):
        yield _cut(tree, size)


def _largest(tree: Any) -> int:
    """The most nodes in one sequence, or needed rounds of one repeat."""
    inner = [_largest(one) for code, argument in tree for one in _inner(code, argument)]
    rounds = [int(argument[0]) for code, argument in tree if code in _REPEATS]
    return max(len(tree), *inner, *rounds, 0)


def _cut(tree: Any, size: int) -> Any:
    """The tree with at most `size` needed rounds of each repeat, and nodes of each sequence before the last."""
    nodes = [(code, _cut_argument(code, argument, size)) for code, argument in tree]
    return parser.SubPattern(tree.state, nodes if len(nodes) <= size + 1 else [*nodes[:size], nodes[-1]])


def _cut_argument(code: Any, argument: Any, size: int) -> Any:
    if code in _REPEATS:
        return (min(int(argument[0]), size), argument[1], _cut(argument[2], size))
    if code is sre.SUBPATTERN:
        return (*argument[:-1], _cut(argument[-1], size))
    if code is sre.BRANCH:
        return (argument[0], [_cut(one, size) for one in argument[1]])
    return _cut(argument, size) if code is sre.ATOMIC_GROUP else argument


def _pumped(find: Callable[[str], Any], before: str, round_: str, ending: str) -> int:
    """Length of the first slow text; steps are so small that an exploding pattern is caught before it hangs."""
    rounds = 1
    while rounds * len(round_) <= _MEASURED:
        text = before + round_ * rounds + ending
        if _seconds(find, text) >= SLOW and _seconds(find, text) >= SLOW:  # twice: once may be the machine
            return len(text)
        rounds = rounds + 1 if rounds < _SMALL_STEPS else rounds * 2
    return 4 * _MEASURED


def _seconds(find: Callable[[str], Any], text: str) -> float:
    start = time.thread_time()
    find(text)
    return time.thread_time() - start
