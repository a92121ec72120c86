"""Whether an input is unlike the calibration rows: flagged bins and flagged pairs of bins, looked up as bits."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from guardrails._profile import Field, Novelty
from guardrails._types import CaveatCode, Finding

from ._bins import FIRST, Bins
from ._result import Bools

UNLIKE: Final = (Finding(CaveatCode.novel, "a rare value, or two values that contradict each other"),)
ABOVE: Final = (
    Finding(CaveatCode.novel, "its novelty score is above the threshold, or could not be computed"),
)
NO_RECORD: Final = (Finding(CaveatCode.novel, "the request cannot be read as a record"),)


def bits(flags: str, size: int) -> Bools:
    """Hexadecimal bits as (size,) bool."""
    raw = int(flags or "0", 16).to_bytes((size + 7) // 8, "little")
    found: Bools = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[:size].astype(bool)
    return found


class Novel:
    """The served form of a profile's novelty.

    Every bin of every field is one bit. A bin's mask holds the bits that it must not be seen together with, itself
    included where it is too rare; a request is novel if one of its bins' masks meets the request's own bits.

    Args:
        fields: the profile's inputs.
        novelty: what is novel.
        score: the user's own score, where the profile was calibrated with one.
    """

    __slots__ = ("_bins", "_fields", "_score", "_threshold", "_words")

    def __init__(
        self, fields: tuple[Field, ...], novelty: Novelty, score: Callable[[Any], float] | None = None
    ) -> None:
        self._bins = Bins(fields)
        self._score = score
        self._threshold = novelty.threshold
        flags = _flags(self._bins, novelty) if novelty.threshold is None else None
        self._fields = () if flags is None else _fields(self._bins, flags)
        self._words = None if flags is None else words_of(flags)

    def one(self, request: Any, record: Mapping[Any, Any] | None) -> tuple[Finding, ...]:
        """The findings of one request: empty, or that it is novel.

        Args:
            request: as it was sent, for the user's own score.
            record: the request as field to value, None where it cannot be read.
        """
        if self._threshold is not None:
            return self._own(request)
        if record is None:
            return NO_RECORD
        present, masks = 0, []
        get = record.get
        for name, cuts, code, table in self._fields:
            value = get(name)
            # the coder's own arithmetic without the call, for what most values are
            if cuts is not None and type(value) is float and value == value:  # noqa: PLR0124 - NaN test
                bit, mask = table[bisect_right(cuts, value) + FIRST]
            else:
                bit, mask = table[code(value)]
            present |= bit
            if mask:
                masks.append(mask)
        for mask in masks:
            if mask & present:
                return UNLIKE
        return ()

    def _own(self, request: Any) -> tuple[Finding, ...]:
        assert self._score is not None  # noqa: S101 - refused where the guard is defined
        assert self._threshold is not None  # noqa: S101 - the caller has seen it
        try:
            return () if float(self._score(request)) <= self._threshold else ABOVE
        except Exception:
            return ABOVE

    def table(self, columns: Mapping[Any, Any], n: int) -> Bools:
        """(n,) which rows are novel by the built-in scores; row i as its record alone."""
        assert self._words is not None  # noqa: S101 - a user's own score is asked row by row
        codes = self._bins.columns(columns, n) + np.array(self._bins.offsets, dtype=np.int64)
        return novel_rows(codes, self._words)

    @property
    def by_record(self) -> bool:
        """Whether rows are asked one by one, by the user's own score."""
        return self._threshold is not None


Words = npt.NDArray[np.uint64]
_WORD = 64


def words_of(flags: Bools) -> tuple[Words, Words]:
    """The masks of (bins, bins) flags, and the bit of each bin: (bins, words) each."""
    total = len(flags)
    width = -(-total // _WORD) * _WORD
    found = []
    for matrix in (flags, np.eye(total, dtype=bool)):
        padded = np.zeros((total, width), dtype=bool)
        padded[:, :total] = matrix
        found.append(np.packbits(padded, axis=1).view(np.uint64))
    return found[0], found[1]


def novel_rows(codes: npt.NDArray[np.int64], words: tuple[Words, Words]) -> Bools:
    """(n,) which rows hold a flagged bin or pair of bins.

    Args:
        codes: (n, fields) bins, counted through over all fields.
        words: masks and bits of each bin.
    """
    masks, own = words
    present = np.bitwise_or.reduce([own[column] for column in codes.T])
    found = np.zeros(len(codes), dtype=bool)
    for column in codes.T:
        found |= (masks[column] & present).any(axis=1)
    return found


def _flags(bins: Bins, novelty: Novelty) -> Bools:
    """All flags as one symmetric matrix over the bins of all fields."""
    total = sum(bins.sizes)
    flags = np.zeros((total, total), dtype=bool)
    pairs = iter(novelty.pairs)
    for i, (start, size) in enumerate(zip(bins.offsets, bins.sizes, strict=True)):
        alone = np.arange(start, start + size)
        flags[alone, alone] = bits(novelty.single[i], size)
        for other, width in zip(bins.offsets[i + 1 :], bins.sizes[i + 1 :], strict=True):
            block = bits(next(pairs), size * width).reshape(size, width)
            flags[start : start + size, other : other + width] = block
            flags[other : other + width, start : start + size] = block.T
    return flags


Table = tuple[Any, tuple[float, ...] | None, Callable[[Any], int], list[tuple[int, int]]]


def _fields(bins: Bins, flags: Bools) -> tuple[Table, ...]:
    found: list[Table] = []
    for field, code, start in zip(bins.fields, bins.coders, bins.offsets, strict=True):
        masks = [_mask(flags[at], start) for at in range(start, start + field.size)]
        table = [(1 << start + at, mask) for at, mask in enumerate(masks)]
        found.append((field.name, field.cuts if field.kind == "numbers" else None, code, table))
    return tuple(found)


def _mask(flags: Bools, start: int) -> int:
    """Bits of the flagged bins from `start` on: each pair is asked from its first field only."""
    return sum(1 << int(at) for at in np.flatnonzero(flags) if at >= start)
