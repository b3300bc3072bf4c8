"""Buy again: what a person bought most often, recent purchases counting more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from butfor.catalog.recommend.history import Array, History

# Days after which a purchase counts half; None: all purchases count alike.
HALF_LIVES: tuple[float | None, ...] = (15, 30, 60, 120, 240, 480, None)


def own_frequency(history: History, now: float, half_life: float | None) -> sp.csr_matrix:
    """Return per person and product the sum over purchases of ``0.5 ** (age / half_life)``; ages in days before ``now``."""
    age = np.maximum(now - history.day, 0.0)
    weight = np.ones(len(age)) if half_life is None else 0.5 ** (age / half_life)
    return history.matrix(np.maximum(weight, 1e-12))


def refill_cycles(history: History, groups: Sequence[str | None] | None = None) -> sp.csr_matrix:
    """Return per person and product the days after which it is usually bought again.

    That is the median of the person's own gaps where there are two or more, else of all gaps of the product where there
    are five or more, else of the product's group (such as its category) with twenty or more, else of all products.
    Where nobody ever bought anything twice the cycle is infinite: a purchase is not repeated.
    """
    person, product, gap = _gaps(history)
    pairs = history.bought()
    overall = float(np.median(gap)) if len(gap) else np.inf
    of_product = _by_group(groups, history, product, gap, overall)
    _put_medians(of_product, product, gap, 5)
    own = sp.csr_matrix(history.shape)
    if len(gap):
        key, median, count = medians(person.astype(np.int64) * history.shape[1] + product, gap)
        key, median = key[count >= 2], median[count >= 2]
        own = sp.csr_matrix((median, (key // history.shape[1], key % history.shape[1])), shape=history.shape)
    cycle = pairs.tocoo()
    cycle.data = of_product[cycle.col]
    cycle = cycle.tocsr()
    return _replaced(cycle, own) if own.nnz else cycle


def _replaced(base: sp.csr_matrix, other: sp.csr_matrix) -> sp.csr_matrix:
    width = base.shape[1]
    b, o = base.tocoo(), other.tocoo()
    keys = b.row.astype(np.int64) * width + b.col
    theirs = o.row.astype(np.int64) * width + o.col
    order = np.argsort(keys)
    place = order[np.searchsorted(keys, theirs, sorter=order)]
    b.data[place] = o.data
    return b.tocsr()


def _gaps(history: History) -> tuple[Array, Array, Array]:
    """Return person, product and days of each gap between two purchases on different days."""
    day = np.floor(history.day)
    order = np.lexsort((day, history.product, history.person))
    person, product, day = history.person[order], history.product[order], day[order]
    same = (np.diff(person) == 0) & (np.diff(product) == 0) & (np.diff(day) > 0)
    return person[1:][same], product[1:][same], np.diff(day)[same]


def medians(key: Array, value: Array) -> tuple[Array, Array, Array]:
    """Return each different key, the median of its values, and how many there are.

    >>> [a.tolist() for a in medians(np.array([1, 2, 1, 1]), np.array([5.0, 1.0, 7.0, 6.0]))]
    [[1, 2], [6.0, 1.0], [3, 1]]
    """
    order = np.lexsort((value, key))
    keys, start, count = np.unique(key[order], return_index=True, return_counts=True)
    value = value[order]
    low, high = value[start + (count - 1) // 2], value[start + count // 2]
    return keys, (low + high) / 2, count


def _put_medians(into: Array, key: Array, value: Array, least: int) -> None:
    keys, median, count = medians(key, value)
    into[keys[count >= least]] = median[count >= least]


def _by_group(
    groups: Sequence[str | None] | None, history: History, product: Array, gap: Array, overall: float
) -> Array:
    out = np.full(history.shape[1], overall)
    names = sorted({g for g in groups or [] if g})
    if not names or not len(gap):
        return out
    code = {g: i for i, g in enumerate(names)}
    of = np.array([code.get(g or "", len(names)) for g in groups or []])
    by_group = np.full(len(names) + 1, overall)
    _put_medians(by_group, of[product], gap, 20)
    by_group[len(names)] = overall
    found: Array = by_group[of]
    return found


# A product bought less than half its refill cycle ago was just bought.
RIPE = 0.5


def not_due(history: History, now: float, groups: Sequence[str | None] | None = None) -> sp.csr_matrix:
    """Return 1 for each product that a person has just bought: less than ``RIPE`` refill cycles before ``now``."""
    last, cycle = history.last(), refill_cycles(history, groups)
    last.sort_indices()
    cycle.sort_indices()
    early = (now - last.data) < RIPE * cycle.data
    last = last.tocoo()
    return sp.csr_matrix((np.ones(int(early.sum())), (last.row[early], last.col[early])), shape=history.shape)
