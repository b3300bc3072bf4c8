"""How good a ranking was: NDCG, hits and coverage per person, and intervals by drawing people again."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from butfor.catalog.recommend.history import Array
from butfor.model import Interval


def gains(ranked: Array, wanted: sp.csr_matrix) -> Array:
    """Return 1 where a ranked product (people x places; -1 for none) was wanted by the person, else 0."""
    row = np.repeat(np.arange(ranked.shape[0]), ranked.shape[1])
    col = np.maximum(ranked.ravel(), 0)
    found = np.asarray(wanted[row, col]).ravel() > 0 if ranked.size else np.zeros(0, dtype=bool)
    hit: Array = (found & (ranked.ravel() >= 0)).reshape(ranked.shape).astype(float)
    return hit


def ndcg(hit: Array, wanted: Array) -> Array:
    """Return per person the discounted gain of ``hit`` (people x places, 0 or 1) over that of the best ranking.

    The gain at place p (from 1) is 1 / log2(p + 1); the best ranking has min(places, ``wanted``) hits on top.
    """
    discount = 1 / np.log2(np.arange(2, hit.shape[1] + 2))
    best = np.append(0.0, np.cumsum(discount))[np.minimum(wanted, hit.shape[1]).astype(int)]
    found: Array = np.divide(hit @ discount, best, out=np.zeros(len(hit)), where=best > 0)
    return found


def bootstrap(values: Array, seed: int, draws: int = 1000, level: float = 0.95) -> Interval:
    """Return the interval of the mean of ``values`` (one per person) over samples of people drawn with replacement."""
    if not len(values):
        return Interval(0.0, 0.0, level)
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(draws)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)
