"""What a guard and a review store agree on: the item, its JSON, and the protocol."""

from __future__ import annotations

from ._json import make_json
from ._review import Done, ReviewItem, ReviewStore, Status

__all__ = ["Done", "ReviewItem", "ReviewStore", "Status", "make_json"]
