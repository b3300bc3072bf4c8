"""What may be suggested at all: in stock, on sale, sold in the channel, wanted in messages, and not just bought."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from butfor.catalog.recommend.history import Array


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a product at a time. Unknown stock, availability or channels are None and stop nothing."""

    product_id: str
    name: str | None = None
    category: str | None = None
    price: object | None = None
    stock: int | None = None
    available: bool | None = None
    channels: str | None = None
    gone: bool = False


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What is never suggested: patterns of whole product ids or categories; and the channel that is asked for."""

    never: Sequence[str] = ()
    channel: str | None = None


def hindrance(product: Product, rules: Rules) -> str | None:
    """Return why a product may not be suggested to anybody, or None."""
    if product.gone:
        return "no longer in the catalogue"
    if product.available is False:
        return "not available"
    if product.stock is not None and product.stock <= 0:
        return "out of stock"
    if (
        rules.channel
        and product.channels is not None
        and rules.channel.lower() not in channels_of(product.channels)
    ):
        return f"not for sale in {rules.channel}"
    named = [t for t in (product.product_id, product.category) if t]
    if any(re.fullmatch(pattern, text) for pattern in rules.never for text in named):
        return "never to be suggested (butfor.yaml)"
    return None


def channels_of(text: str) -> set[str]:
    """Return the channels that a cell names, separated by commas, semicolons, bars or blanks.

    >>> sorted(channels_of("Web; store"))
    ['store', 'web']
    """
    return {word.lower() for word in re.split(r"[,;|\s]+", text) if word}


def eligible(
    products: Sequence[str], known: Mapping[str, Product], rules: Rules
) -> tuple[Array, dict[str, int]]:
    """Return which products may be suggested (booleans), and how many may not, by reason.

    A product that is not among the ``known`` is not in the catalogue and may not be suggested.
    """
    why = [hindrance(known[p], rules) if p in known else "not in the catalogue" for p in products]
    counted = Counter(w for w in why if w)
    return np.array([w is None for w in why], dtype=bool), dict(sorted(counted.items()))
