"""What a person wants to look at: histograms of the answers, and error against share answered."""

from __future__ import annotations

from typing import Any

import numpy as np

from guardrails._conformal import Bins, Bools, Floats
from guardrails._profile import Curve, Field

from ._certify import sizes_of
from ._novelty import counted_fields, fields_of


def histogram(name: str, values: Any) -> Field:
    """One column in bins, with its counts: numbers between quantiles, or frequent categories."""
    plain = (
        np.asarray(values, dtype=object).tolist() if not isinstance(values, np.ndarray) else values.tolist()
    )
    bins = Bins(fields_of({name: plain}))
    (field,) = counted_fields(bins, bins.columns({name: plain}, len(plain)))
    return field


def curve(r: Floats | None, wrong: Bools | None) -> Curve | None:
    """Errors among the most confident 1 %, 2 %, ... of the rows; None where nothing tells answers apart or is an error."""
    if r is None or wrong is None:
        return None
    order = np.argsort(r, kind="stable")
    sizes, errors = sizes_of(r[order]), np.cumsum(wrong[order], dtype=np.int64)
    return Curve(n=tuple(sizes.tolist()), k=tuple(errors[sizes - 1].tolist()))
