"""Randomised APS, with a uniform that is a keyed hash of the prediction: the same answer gets the same set anywhere.

Romano, Sesia, Candes: Classification with valid and adaptive coverage (NeurIPS 2020), equation 5.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

import numpy as np

from ._result import Bools, Floats, Ints

_MANTISSA = 53  # bits of a float64, so that the uniform is never rounded up to 1


def key_of(seed: int) -> bytes:
    """The hash key of a profile's seed."""
    return hashlib.blake2b(str(seed).encode(), digest_size=16, person=b"guardrails aps").digest()


def uniform(shares: Sequence[float], key: bytes) -> float:
    """A number in [0, 1) that is a function of the probability vector and the key."""
    return _uniform(struct.pack(f"<{len(shares)}d", *shares), key)


def _uniform(data: bytes, key: bytes) -> float:
    digest = hashlib.blake2b(data, digest_size=8, key=key).digest()
    return (int.from_bytes(digest, "little") >> (64 - _MANTISSA)) * 2.0**-_MANTISSA


def uniforms(shares: Floats, key: bytes) -> Floats:
    """(n,) the uniform of each row of (n, K)."""
    rows = np.ascontiguousarray(shares, dtype="<f8")
    return np.array([_uniform(row.tobytes(), key) for row in rows], dtype=np.float64)


def aps_scores(shares: Floats, labels: Ints | None, key: bytes) -> Floats:
    """Score of every label, (n, K), or of one label per row, (n,): the mass down to it, less u times its own.

    Args:
        shares: (n, K) probabilities that sum to one.
        labels: (n,) column of the label, or None for all.
        key: of the uniform.
    """
    order = np.argsort(-shares, axis=1, kind="stable")
    ordered = np.take_along_axis(shares, order, axis=1)
    scores = np.add.accumulate(ordered, axis=1) - uniforms(shares, key)[:, None] * ordered
    found = np.empty_like(scores)
    np.put_along_axis(found, order, scores, axis=1)
    return found if labels is None else found[np.arange(len(found)), labels]


def aps_sets(shares: Floats, quantile: float | Floats, key: bytes) -> Bools:
    """Labels whose score is at most the quantile, compared exactly."""
    sets: Bools = aps_scores(shares, None, key) <= quantile
    return sets


def aps_members(shares: list[float], quantile: float, key: bytes) -> int:
    """The set of one row, as bits; the same operations in the same order as `aps_sets`."""
    u = uniform(shares, key)
    total, members = 0.0, 0
    for j in sorted(range(len(shares)), key=lambda j: -shares[j]):
        total += shares[j]
        if total - u * shares[j] <= quantile:
            members |= 1 << j
    return members
