"""Histories of purchases written by hand or drawn, for tests of recommendations."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from butfor.catalog.recommend import History, history_of

SCHEMA = pa.schema(
    [("person_id", pa.string()), ("product_id", pa.string()), ("occurred_at", pa.timestamp("us")), ("pieces", pa.float64())]
)  # fmt: skip
DAY = 86_400_000_000


def rows(bought: Iterable[tuple[str, str, float]]) -> pa.Table:
    """Return (person, product, day) as the lake would; one piece each."""
    found = list(bought)
    columns = [
        pa.array([p for p, _, _ in found], pa.string()), pa.array([i for _, i, _ in found], pa.string()),
        pa.array([int(d * DAY) for _, _, d in found], pa.int64()).cast(pa.timestamp("us")),
        pa.array([1.0] * len(found), pa.float64()),
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def history(
    bought: Iterable[tuple[str, str, float]], back: Iterable[tuple[str, str, float]] = (),
    people: Iterable[str] = (), products: Iterable[str] = (),
) -> History:  # fmt: skip
    """Return the history of purchases (person, product, day) and returns."""
    return history_of(rows(bought), rows(back), np.inf, list(people), list(products))


def crowd(people: int, products: int, days: int, seed: int) -> History:
    """Return a history in which people have a favourite group of ten products and buy some of it every month or so."""
    rng = np.random.default_rng(seed)
    found = []
    for p in range(people):
        start = 10 * int(rng.integers(0, products // 10))
        for _ in range(int(rng.integers(2, 12))):
            item = start + int(rng.integers(0, 10)) if rng.random() < 0.8 else int(rng.integers(0, products))
            found.append((f"p{p:03d}", f"i{item:03d}", float(rng.integers(0, days))))
    return history(found)
