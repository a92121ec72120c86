"""Which zones an answer is measured by: chosen by why the candidate was asked, and by the request's cohort."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from guardrails._profile import Branch, Cohorts, Label, Leaf, Profile

from ._result import Ints
from ._zones import NO_ZONES, PRIMARY, Standing, Zones, certified, uncertified

ONE: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """The zones of one branch.

    Attributes:
        zones: one, or one per class where the predicted class is the cohort.
        by: the zones of each cohort label, None where requests have no cohort.
        unseen: the zones of a cohort that calibration did not see.
    """

    zones: tuple[Zones, ...]
    by: Mapping[Label, tuple[Zones, ...]] | None = None
    unseen: tuple[Zones, ...] = ()

    def of(self, cohort: Any) -> tuple[Zones, ...]:
        """The zones of a request of this cohort."""
        if self.by is None:
            return self.zones
        try:
            return self.by.get(cohort, self.unseen)
        except TypeError:  # what cannot be hashed is no cohort
            return self.unseen

    def rows(self, cohorts: Sequence[Any] | None, n: int) -> tuple[tuple[Zones, ...], Ints | None]:
        """The different zones of n requests, and which row has which; None where the prediction decides."""
        if self.by is None:
            return self.zones, np.zeros(n, dtype=np.intp) if len(self.zones) == ONE else None
        found = [self.of(cohort)[0] for cohort in ([None] * n if cohorts is None else cohorts)]
        different = {id(zones): zones for zones in found}
        order = {key: at for at, key in enumerate(different)}
        which = np.array([order[id(zones)] for zones in found], dtype=np.intp)
        return tuple(different.values()) or self.unseen, which


NO_WAYS: Final = Ways((NO_ZONES,))


def ways(profile: Profile, branch: Branch, standing: Standing = PRIMARY) -> Ways:
    """The zones that the certificates of a branch make."""
    if branch.cohorts is None:
        return Ways((certified(profile, branch.leaf, standing),))
    own = replace(standing, cohort=True)
    unseen = uncertified(profile, branch.leaf, "calibration did not see enough rows of this cohort", own)
    return _per_cohort(profile, branch.cohorts, lambda leaf: certified(profile, leaf, own), unseen)


def no_ways(profile: Profile, reason: str, standing: Standing = PRIMARY) -> Ways:
    """No certificate holds, though sets and intervals stay those of the request's cohort."""

    def zones(leaf: Leaf) -> Zones:
        return uncertified(profile, leaf, reason, standing)

    if profile.cohorts is None:
        return Ways((zones(profile.leaf),))
    return _per_cohort(profile, profile.cohorts, zones, zones(profile.leaf))


def _per_cohort(profile: Profile, cohorts: Cohorts, zones: Callable[[Leaf], Zones], unseen: Zones) -> Ways:
    found = {each.label: (zones(each.leaf),) for each in cohorts.own}
    if cohorts.rest is not None:
        found |= dict.fromkeys(cohorts.small, (zones(cohorts.rest),))
    if cohorts.by == "labels":
        return Ways((), found, (unseen,))
    return Ways(tuple(found.get(label, (unseen,))[0] for label in profile.classes))
