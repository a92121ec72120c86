"""The profile: everything learnt from held-out rows, frozen, and its file."""

from __future__ import annotations

from ._branches import Branch, Cohort, Cohorts
from ._inputs import Curve, Field, Novelty
from ._profile import Profile, Ranking, Score
from ._records import Certificate, CertificateName, Filters, Label, Leaf, Parity, Rate, counted
from ._words import band as band_words

__all__ = [
    "Branch",
    "Certificate",
    "CertificateName",
    "Cohort",
    "Cohorts",
    "Curve",
    "Field",
    "Filters",
    "Label",
    "Leaf",
    "Novelty",
    "Parity",
    "Profile",
    "Ranking",
    "Rate",
    "Score",
    "band_words",
    "counted",
]
