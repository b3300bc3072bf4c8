"""Say why a product is suggested, in words that a customer may read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from butfor.catalog.recommend.eligible import Product
from butfor.catalog.recommend.serve import Suggestion

_START = date(1970, 1, 1)


def reason(
    found: Suggestion, products: list[str], known: Mapping[str, Product], *, subtle: bool = False
) -> str:
    """Return why a product is suggested. ``subtle``: purchases may choose what is shown and may not be mentioned (R-194)."""
    if found.step == "popular":
        return "popular with all customers"
    if subtle:
        return "chosen for you"
    if found.step == "popular in segment":
        # The name of a segment, such as lost, is for colleagues and not for those who are in it.
        return "popular with customers who buy as you do"
    if found.step == "goes with":
        other = products[found.goes_with]
        named = known[other].name if other in known else None
        return f"goes with {named or other}, which you bought"
    times = "once" if found.times == 1 else f"{found.times} times"
    return f"bought {times}, last on {_START + timedelta(days=int(found.last))}"
