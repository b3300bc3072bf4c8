"""Put products in order for many people at once, so that equal scores always come out the same way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from butfor.catalog.recommend.history import Array

DIGITS = 6


def order_of(popularity: Array) -> Array:
    """Return the products from the most to the least popular; equal ones by their place in the catalogue."""
    found: Array = np.lexsort((np.arange(len(popularity)), -popularity))
    return found


def tiers(scores: Sequence[Array], allowed: Array) -> Array:
    """Return one score per person and product from several lists of scores, the first being the best.

    All arrays are people x products. A product counts in the first list where it has a score above 0; whatever stands in
    an earlier list is above all of the later ones. What is not ``allowed``, or in no list, is -inf.
    """
    out = np.full(allowed.shape, -np.inf)
    for level, score in enumerate(scores):
        # Rounding makes scores equal that differ only by the order in which a machine added them up.
        rounded = np.round(score, DIGITS)
        open_ = allowed & (out == -np.inf) & (rounded > 0)
        out[open_] = (rounded[open_] / (1 + rounded[open_])) + (len(scores) - level)
    return out


def top(score: Array, n: int, order: Array) -> Array:
    """Return the ``n`` best products per person (people x n), -1 where there are no more; ties go by ``order``."""
    ranked = order[np.argsort(-score[:, order], axis=1, kind="stable")[:, :n]]
    kept: Array = np.where(np.take_along_axis(score, ranked, axis=1) > -np.inf, ranked, -1)
    if kept.shape[1] < n:
        kept = np.pad(kept, ((0, 0), (0, n - kept.shape[1])), constant_values=-1)
    return kept
