"""Who bought what and when, as arrays; and the sparse matrices made of it."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

Array = np.ndarray[Any, Any]
_DAY = 86_400_000_000


class History(msgspec.Struct, frozen=True):
    """Purchases, one row per person, product and order: codes of both, the time in days since 1970, and pieces.

    ``people`` and ``products`` are sorted; a person or product without a row is known and bought (or was bought) nothing.
    """

    people: list[str]
    products: list[str]
    person: Array
    product: Array
    day: Array
    pieces: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Return the number of people and of products."""
        return len(self.people), len(self.products)

    def where(self, kept: Array) -> History:
        """Return the rows for which ``kept`` (booleans, one per row) holds; people and products stay."""
        return History(
            self.people,
            self.products,
            self.person[kept],
            self.product[kept],
            self.day[kept],
            self.pieces[kept],
        )

    def matrix(self, weight: Array | None = None) -> sp.csr_matrix:
        """Return the sum of ``weight`` (one per row, default 1) per person and product, as floats."""
        w = np.ones(len(self.day)) if weight is None else weight
        return sp.csr_matrix((w, (self.person, self.product)), shape=self.shape, dtype=float)

    def bought(self) -> sp.csr_matrix:
        """Return 1 where a person bought a product, whatever number of times."""
        found = self.matrix()
        found.data[:] = 1.0
        return found

    def last(self) -> sp.csr_matrix:
        """Return the day of the last purchase per person and product; nothing is stored for pairs without one."""
        order = np.lexsort((self.day, self.product, self.person))
        person, product = self.person[order], self.product[order]
        end = np.append((np.diff(person) != 0) | (np.diff(product) != 0), True)[: len(order)]
        kept = order[end]
        return sp.csr_matrix((self.day[kept], (person[end], product[end])), shape=self.shape)


def days(times: pa.Array | pa.ChunkedArray) -> Array:
    """Return times (microseconds since 1970) as days with fractions."""
    found: Array = np.asarray(times.cast(pa.timestamp("us")).cast(pa.int64())) / _DAY
    return found


def coded(values: pa.Array | pa.ChunkedArray, names: list[str]) -> Array:
    """Return the place of each value in ``names``, which hold all of them."""
    found: Array = np.asarray(pc.index_in(values.cast(pa.string()), value_set=pa.array(names, pa.string())))
    return found.astype(np.int32)


def history_of(rows: pa.Table, back: pa.Table, until: float, people: list[str], more: list[str]) -> History:
    """Return the history up to a day (excluded) of ``rows`` (person_id, product_id, occurred_at, pieces).

    ``back`` has the same columns and says what was returned: who gave back all pieces of a product, or more, has not
    bought it. ``people`` and ``more`` are people and products known from elsewhere.
    """
    who = sorted({*people, *rows["person_id"].cast(pa.string()).to_pylist()})
    what = sorted({*more, *rows["product_id"].to_pylist()})
    all_of = _arrays(rows, who, what)
    kept = all_of.where(all_of.day < until)
    there = set(who)
    mine = [str(p) in there for p in back["person_id"].to_pylist()]
    given = back.filter(pa.array(mine, pa.bool_()))
    given = given.filter(pc.is_in(given["product_id"], value_set=pa.array(what, pa.string())))
    returned = _arrays(given, who, what)
    returned = returned.where(returned.day < until)
    return _without_returned(kept, returned)


def _arrays(rows: pa.Table, who: list[str], what: list[str]) -> History:
    return History(
        who, what, coded(rows["person_id"], who), coded(rows["product_id"], what), days(rows["occurred_at"]),
        np.asarray(rows["pieces"], dtype=float),
    )  # fmt: skip


def _without_returned(bought: History, back: History) -> History:
    if not len(back.day):
        return bought
    width = max(1, len(bought.products))
    keys, inverse = np.unique(bought.person.astype(np.int64) * width + bought.product, return_inverse=True)
    net = np.bincount(inverse, bought.pieces, minlength=len(keys))
    theirs = back.person.astype(np.int64) * width + back.product
    place = np.searchsorted(keys, theirs)
    known = place < len(keys)
    known[known] = keys[place[known]] == theirs[known]
    np.subtract.at(net, place[known], back.pieces[known])
    return bought.where(net[inverse] > 0)
