"""The paper a shop produces: sales and returns as numbered documents with lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from butfor.simulate.buying import Purchases
from butfor.simulate.text import Array


@dataclass(frozen=True)
class Documents:
    """Documents of one channel sorted by time, and their lines in the same sequence.

    Of shape (documents,): ``order``, index in the purchases; ``at``, local seconds; ``refund``; ``starts``
    has one more row, the first line of each document and the total. Of shape (lines,): ``document``;
    ``line``, index of the purchases' line; ``position``, 1 for the first line of a document.
    """

    order: Array
    at: Array
    refund: Array
    starts: Array
    document: Array
    line: Array
    position: Array


def make_documents(bought: Purchases, web: bool, since: int, until: int) -> Documents:
    """Return one channel's documents dated in local seconds [since, until)."""
    sold = np.flatnonzero((bought.web == web) & (bought.at >= since) & (bought.at < until))
    back = np.flatnonzero((bought.web == web) & (bought.returned_at >= since) & (bought.returned_at < until))
    order = np.concatenate([sold, back])
    at = np.concatenate([bought.at[sold], bought.returned_at[back]])
    rank = np.argsort(at, kind="stable")
    place = np.empty(rank.size, np.int64)
    place[rank] = np.arange(rank.size)
    sold_lines, sold_document = _lines(bought, sold, place[: sold.size], None)
    back_lines, back_document = _lines(bought, back, place[sold.size :], bought.back)
    document = np.concatenate([sold_document, back_document])
    line = np.concatenate([sold_lines, back_lines])
    sequence = np.argsort(document, kind="stable")
    document, line = document[sequence], line[sequence]
    starts = np.searchsorted(document, np.arange(order.size + 1))
    position = np.arange(line.size) - starts[document] + 1
    return Documents(order[rank], at[rank], (rank >= sold.size), starts, document, line, position)


def _lines(bought: Purchases, orders: Array, place: Array, mark: Array | None) -> tuple[Array, Array]:
    """Return the (marked) lines of some orders and the document of each."""
    document = np.full(bought.person.size, -1, np.int64)
    document[orders] = place
    of_line = document[bought.order]
    lines = np.flatnonzero((of_line >= 0) if mark is None else (of_line >= 0) & mark)
    return lines, of_line[lines]
