"""The review queue: what no guarded call could decide waits here for a person."""

from __future__ import annotations

from .._guard_ports import ReviewItem
from ._errors import ResolutionError, ReviewStoreError
from ._queue import ReviewQueue
from ._resolution import Resolution

__all__ = ["Resolution", "ResolutionError", "ReviewItem", "ReviewQueue", "ReviewStoreError"]
