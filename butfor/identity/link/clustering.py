"""Group records into people: greedy correlation clustering that never breaks a veto and lets no weak bridge join groups.

Groups are joined in the order of their mean bits over all pairs between them (greedy additive edge contraction,
Keuper et al. 2015, with average linkage). A pair that no key brought together counts as slight evidence against.
Everything is ordered by record number where weights tie, so that equal input gives equal groups.

What a join is worth is its *strength*: the mean plus log2 of the number of pairs, never more than the strength of
the joins that it builds on. The mean alone is too humble, since pairs of two groups are several witnesses, and the sum is
too proud, since witnesses repeat each other; docs/adr/0007-linkage.md has what was measured.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

MISSING = -1.0
"""Bits of a pair that was not looked at: no key brought it together, which says a little."""
MOST, LEAST = 10.0, -5.0
"""One pair's weight is bounded: neither a perfect twin nor one bad field decides about a whole group."""
NEVER = -1e9
"""Bits of a pair that somebody judged to be two people."""

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Vetoes:
    """What no group may hold.

    ``same``: columns of codes, -1 unknown, whose known values may not differ in a group. ``once``: columns of
    codes, -1 unknown, of which a group may hold each value once. ``apart``: pairs of records, shape (n, 2).
    """

    same: Sequence[Ints] = ()
    once: Sequence[Ints] = ()
    apart: Ints = field(default_factory=lambda: np.zeros((0, 2), np.int64))


@dataclass(frozen=True)
class Joins:
    """Joins, strongest first: two records that name the groups, strength in bits, and pairs between the groups."""

    a: Ints
    b: Ints
    bits: Floats
    pairs: Ints


def join_greedily(
    n: int, a: Ints, b: Ints, bits: Floats, vetoes: Vetoes | None = None, *, stop: float = 0.0
) -> Joins:
    """Join n records whose pairs ``a``, ``b`` weigh ``bits``, while the best mean is above ``stop``, strongest first."""
    vetoes = vetoes or Vetoes()
    a, b, bits = _with_judgements(a, b, np.clip(bits, LEAST, MOST), vetoes.apart)
    linked = bits > stop
    _, group = connected_components(
        coo_array((linked[linked], (a[linked], b[linked])), shape=(n, n)), directed=False
    )
    inside = group[a] == group[b]
    a, b, bits, size = a[inside], b[inside], bits[inside], np.bincount(group, minlength=1)
    lone = (size[group[a]] == 2) & (bits > stop) & ~_broken(a, b, vetoes)
    many = size[group[a]] > 2
    greedy = _Greedy(vetoes, stop).run(a[many], b[many], bits[many])
    rows = [
        *zip(a[lone].tolist(), b[lone].tolist(), bits[lone].tolist(), [1] * int(lone.sum()), strict=True),
        *greedy,
    ]
    rows.sort(key=lambda row: -row[2])  # strength only falls within a group, so its joins stay in order
    return _joins(rows)


def labels_of(n: int, joins: Joins, least: float) -> Ints:
    """Return for each record the smallest record of its group, after the joins of at least ``least`` bits."""
    kept = joins.bits >= least
    _, group = connected_components(
        coo_array((kept[kept], (joins.a[kept], joins.b[kept])), shape=(n, n)), directed=False
    )
    first = np.full(group.max() + 1 if n else 0, n, np.int64)
    np.minimum.at(first, group, np.arange(n))
    return np.asarray(first[group])


def _with_judgements(a: Ints, b: Ints, bits: Floats, apart: Ints) -> tuple[Ints, Ints, Floats]:
    if not len(apart):
        return a, b, bits
    low, high = np.sort(np.asarray(apart), axis=1).T
    judged = np.isin(a.astype(np.int64) << 32 | b, low.astype(np.int64) << 32 | high)
    never = np.full(low.size, NEVER)
    return np.append(a[~judged], low), np.append(b[~judged], high), np.append(bits[~judged], never)


def _broken(a: Ints, b: Ints, vetoes: Vetoes) -> npt.NDArray[np.bool_]:
    """Say which pairs alone break a veto."""
    broken = np.zeros(a.size, bool)
    for codes in vetoes.same:
        broken |= (codes[a] >= 0) & (codes[b] >= 0) & (codes[a] != codes[b])
    for codes in vetoes.once:
        broken |= (codes[a] >= 0) & (codes[a] == codes[b])
    return broken


def _joins(rows: list[tuple[int, int, float, int]]) -> Joins:
    a, b, bits, pairs = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return Joins(
        np.array(a, np.int64), np.array(b, np.int64), np.array(bits, np.float64), np.array(pairs, np.int64)
    )


class _Greedy:
    """The groups while they are joined; a group is known by one of its records."""

    def __init__(self, vetoes: Vetoes, stop: float) -> None:
        self._vetoes, self._stop = vetoes, stop
        self._sums: dict[int, dict[int, float]] = {}
        self._size: dict[int, int] = {}
        self._age: dict[int, int] = {}
        self._limit: dict[int, float] = {}
        self._held: dict[int, tuple[list[set[int]], list[set[int]]]] = {}
        self._heap: list[tuple[float, int, int, int, int]] = []

    def run(self, a: Ints, b: Ints, bits: Floats) -> list[tuple[int, int, float, int]]:
        """Return the joins; a join's bits are never above those of the joins it is built on."""
        self._take(a, b, bits)
        found = []
        while self._heap:
            _, x, y, age_x, age_y = heapq.heappop(self._heap)
            if self._age.get(x) != age_x or self._age.get(y) != age_y:
                continue
            if self._clash(x, y):
                self._sums[x][y] = self._sums[y][x] = NEVER
                continue
            pairs = self._size[x] * self._size[y]
            strength = min(self._mean(x, y) + math.log2(pairs), self._limit[x], self._limit[y])
            found.append((x, y, round(strength, 6), pairs))
            self._join(x, y, strength)
        return found

    def _take(self, a: Ints, b: Ints, bits: Floats) -> None:
        # Sums hold what a pair says beyond a pair that was not looked at.
        for x, y, extra in zip(a.tolist(), b.tolist(), (bits - MISSING).tolist(), strict=True):
            self._sums.setdefault(x, {})[y] = extra
            self._sums.setdefault(y, {})[x] = extra
        for x in self._sums:
            self._size[x], self._age[x], self._limit[x] = 1, 0, np.inf
            self._held[x] = (
                [{int(codes[x])} - {-1} for codes in self._vetoes.same],
                [{int(codes[x])} - {-1} for codes in self._vetoes.once],
            )
        self._heap = [
            (-mean, x, y, 0, 0)
            for x, near in self._sums.items()
            for y in near
            if x < y and (mean := self._mean(x, y)) > self._stop
        ]
        heapq.heapify(self._heap)

    def _mean(self, x: int, y: int) -> float:
        return self._sums[x][y] / (self._size[x] * self._size[y]) + MISSING

    def _clash(self, x: int, y: int) -> bool:
        (same_x, once_x), (same_y, once_y) = self._held[x], self._held[y]
        return any(len(p | q) > 1 for p, q in zip(same_x, same_y, strict=True)) or any(
            p & q for p, q in zip(once_x, once_y, strict=True)
        )

    def _join(self, x: int, y: int, strength: float) -> None:
        if len(self._sums[x]) < len(self._sums[y]):
            x, y = y, x
        near = self._sums[x]
        for z, extra in self._sums.pop(y).items():
            if z != x:
                del self._sums[z][y]
                near[z] = self._sums[z][x] = near.get(z, 0.0) + extra
        del near[y], self._age[y]
        self._size[x] += self._size.pop(y)
        self._age[x] += 1
        self._limit[x] = strength
        for mine, other in zip(self._held[x], self._held.pop(y), strict=True):
            for held, more in zip(mine, other, strict=True):
                held |= more
        for z in near:
            if (value := self._mean(x, z)) > self._stop:
                p, q = min(x, z), max(x, z)
                heapq.heappush(self._heap, (-value, p, q, self._age[p], self._age[q]))
