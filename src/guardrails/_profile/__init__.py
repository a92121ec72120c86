"""The profile: everything learnt from held-out rows, frozen, and its file."""

from __future__ import annotations

from ._profile import Profile
from ._records import Certificate, CertificateName, Filters, Label, Leaf, Parity, Rate, counted
from ._words import band as band_words

__all__ = [
    "Certificate",
    "CertificateName",
    "Filters",
    "Label",
    "Leaf",
    "Parity",
    "Profile",
    "Rate",
    "band_words",
    "counted",
]
