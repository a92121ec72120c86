"""Asks whether requests are novel, between the check and the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._conformal import UNLIKE, Novel
from .._contract import Contract, columns_of, length_of, record_at, record_of
from .._errors import ConfigurationError
from .._profile import Profile
from .._routing import Action, Policy
from .._types import CaveatCode, Finding

Score = Callable[[Any], float]


class Novelty:
    """The novelty of one guard's profile.

    Args:
        profile: with a novelty.
        score: the user's own score, where it was calibrated with one.
        contract: names the fields of arrays.
        policy: whether a novel request is still put to the primary.
    """

    __slots__ = ("_fields", "_novel", "blocks")

    def __init__(
        self, profile: Profile, score: Score | None, contract: Contract | None, policy: Policy
    ) -> None:
        assert profile.novelty is not None  # noqa: S101 - the caller has seen it
        self._novel = Novel(profile.inputs, profile.novelty, score)
        self._fields = () if contract is None else contract.order()
        self.blocks = policy.action(CaveatCode.novel) > Action.degraded

    def one(self, request: Any) -> tuple[Finding, ...]:
        """The findings of one request, empty where it is not novel."""
        if self._novel.by_record or type(request) is dict:
            return self._novel.one(request, request)
        return self._novel.one(request, record_of(request, self._fields))

    def rows(self, table: Any) -> dict[int, tuple[Finding, ...]]:
        """Position to findings, of the novel rows."""
        columns = None if self._novel.by_record else columns_of(table, self._fields)
        if columns is not None:
            novel = self._novel.table(columns, length_of(table))
            return dict.fromkeys(np.flatnonzero(novel).tolist(), UNLIKE)
        found = ((at, self.one(record_at(table, at))) for at in range(length_of(table)))
        return {at: findings for at, findings in found if findings}


def novelty_of(
    profile: Profile | None, score: Score | None, contract: Contract | None, policy: Policy
) -> Novelty | None:
    """The novelty of a profile, None where it has none."""
    if profile is None or profile.novelty is None:
        return None
    return Novelty(profile, score, contract, policy)


def check_novelty(profile: Profile | None, score: object, policy: Policy) -> None:
    """Refuse a bound that the profile does not hold, or a profile without the score it was calibrated with.

    Raises:
        ConfigurationError: the bound or the score does not fit.
    """
    if score is not None and not callable(score):
        raise ConfigurationError.of(
            "novelty", score, "must be the score that the profile was calibrated with"
        )
    novelty = None if profile is None else profile.novelty
    if policy.novelty is not None and (novelty is None or novelty.bound != policy.novelty):
        why = "has none" if profile is None else profile.novelty_reason or "was calibrated without inputs"
        why = why if novelty is None else f"was calibrated for {novelty.bound:g}"
        mend = f"must be the bound that the profile was calibrated with (calibrate with novelty=); the profile {why}"
        raise ConfigurationError.of("Policy(novelty=)", policy.novelty, mend)
    own = novelty is not None and novelty.threshold is not None
    if own and score is None:
        mend = "must be the callable that the profile was calibrated with as novelty_score="
        raise ConfigurationError.of("novelty", score, mend)
    if score is not None and not own:
        mend = "must be None: the profile was not calibrated with a score of the user's own (novelty_score=)"
        raise ConfigurationError.of("novelty", score, mend)
