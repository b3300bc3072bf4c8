"""Where to stop joining: from the model's own probabilities and the costs of errors, never from labels."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from butfor.identity.link.clustering import Joins
from butfor.identity.link.scoring import chance


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What errors cost, in units of one match that is missed, and how sure the automatic lane must be.

    A false merge costs ``false_merge``, having a person look at a pair ``review``. ``precision`` is the least
    estimated share of right pairs among those that are merged without anybody looking.
    """

    precision: float = 0.996
    false_merge: float = 4.0
    review: float = 0.2


class Lanes(msgspec.Struct, frozen=True):
    """Least bits to merge and to review, and the share of merged pairs that the model expects to be right."""

    merge: float
    review: float
    expected_precision: float


def least_review(policy: Policy) -> float:
    """Return the bits from which looking costs less than letting a likely match go: p x 1 > review."""
    return math.log2(policy.review / (1 - policy.review))


def lanes(joins: Joins, policy: Policy) -> Lanes:
    """Choose the bits from which joins are made at once.

    Joins are ordered by strength; p of a join is the chance that its bits stand for. The lane ends where a join's expected cost (1 - p) x false_merge exceeds p x 1, or where the share of right pairs expected so
    far falls below ``precision``.
    """
    by_cost = math.log2(policy.false_merge)
    wrong = np.cumsum(joins.pairs * (1 - chance(joins.bits)))
    share = 1 - wrong / np.maximum(np.cumsum(joins.pairs), 1)
    good = (joins.bits >= by_cost) & (share >= policy.precision)
    if not good.any():
        return Lanes(by_cost, least_review(policy), 1.0)
    # All joins with equal bits are decided alike.
    last = int(np.flatnonzero(good).max())
    least = float(joins.bits[last])
    kept = int(np.searchsorted(-joins.bits, -least, side="right"))
    return Lanes(least, least_review(policy), float(share[kept - 1]))
