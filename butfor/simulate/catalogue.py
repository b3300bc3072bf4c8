"""The products of a simulated shop, and what a line of an order is expected to bring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from butfor.simulate.text import Array
from butfor.simulate.words import CATEGORIES, KINDS, MEDIAN_PRICES, SORTS

QUANTITIES = np.array([0.85, 0.12, 0.03])
"""Chances of 1, 2 and 3 pieces on an order line."""
MEAN_QUANTITY = float(QUANTITIES @ [1, 2, 3])


@dataclass(frozen=True)
class Catalogue:
    """120 products in six categories; arrays of shape (120,) in the order of the sku.

    ``popularity`` is the chance within the category; ``steps`` are its running sums, each category starting
    at its own whole number, so that one search finds a product.
    """

    sku: list[str]
    name: list[str]
    category: Array
    price: Array
    popularity: Array
    steps: Array

    def draw(self, rng: np.random.Generator, category: Array) -> Array:
        """Draw one product index per given category index."""
        u = category + rng.random(category.size)
        return np.minimum(np.searchsorted(self.steps, u, side="right"), len(self.sku) - 1).astype(np.int16)

    def expected_line(self) -> Array:
        """Return the exact expectation in cents of one order line, by category, shape (6,)."""
        return np.bincount(self.category, self.popularity * self.price) * MEAN_QUANTITY


def make_catalogue(rng: np.random.Generator) -> Catalogue:
    """Draw prices (lognormal around the category's median, ending in 9 cents) and popularity (Zipf)."""
    names = [f"{kind} {sort}" for kinds in KINDS for kind in kinds for sort in SORTS]
    category = np.repeat(np.arange(len(CATEGORIES)), len(SORTS) * len(KINDS[0]))
    euros = np.array(MEDIAN_PRICES)[category] * rng.lognormal(0.0, 0.35, category.size)
    weight = 1.0 / (1.0 + rng.permuted(np.tile(np.arange(20), (6, 1)), axis=1)) ** 0.7
    share = weight / weight.sum(axis=1, keepdims=True)
    steps = (np.cumsum(share, axis=1) + np.arange(6)[:, None]).ravel()
    skus = [f"{CATEGORIES[c][:2].upper()}-{1000 + i}" for i, c in enumerate(category)]
    return Catalogue(
        skus, names, category, np.round(euros * 10).astype(np.int64) * 10 - 1, share.ravel(), steps
    )
