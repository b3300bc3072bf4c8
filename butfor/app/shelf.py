"""What may be suggested at a time: the catalogue as of then, or what was sold where no source delivers one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

import butfor.catalog.products as catalogue
from butfor.app.workspace import Workspace
from butfor.catalog.recommend import Product
from butfor.ingest import all_tables
from butfor.model import Refused
from butfor.plan.kinds import Source, Term


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """Products as of a time by id, and in ``said`` what is not known of them."""

    as_of: datetime
    products: dict[str, Product]
    said: list[str]


def sold_terms(ws: Workspace, role: str) -> list[Term]:
    """Return the event terms of a role whose lines name products."""
    return [
        t for t in ws.plan.all(Term) if t.what == "event" and t.role == role and "product_id" in t.products
    ]


def read_shelf(ws: Workspace, as_of: datetime, *, past: bool = False) -> Shelf:
    """Return the products as of a time.

    Raises Refused when the newest delivery of a catalogue is older than its source allows, unless a ``past`` time is
    looked at.
    """
    ws.lake.ensure(*all_tables(ws.plan))
    rows = ws.lake.fetch(catalogue.products(as_of)).to_pylist()
    if not rows:
        return Shelf(as_of=as_of, products=_from_sales(ws, as_of), said=[
            "no catalogue was delivered: products and prices are what was sold last, and everything counts as available"
        ])  # fmt: skip
    if not past:
        _refuse_stale(ws)
    names = _from_sales(ws, as_of)
    found = {r["product_id"]: _product(r, names.get(r["product_id"])) for r in rows}
    return Shelf(as_of=as_of, products=found, said=_unknown(found))


def _product(row: dict[str, Any], sold: Product | None) -> Product:
    facts = {name: row[name] for name in Product.__struct_fields__ if name in row}
    # A feed of stock alone says no name; the receipts do.
    for fact in ("name", "category"):
        facts[fact] = facts[fact] or (getattr(sold, fact) if sold else None)
    return Product(**facts)


def _from_sales(ws: Workspace, as_of: datetime) -> dict[str, Product]:
    found: dict[str, Product] = {}
    for term in sold_terms(ws, "purchase"):
        facts = [f for f in ("name", "category", "price") if f in term.products]
        query = catalogue.sold(f"ev_{term.id}", f"ev_{term.id}__products", facts, as_of)
        for row in ws.lake.fetch(query).to_pylist():
            row.pop("sold_at")
            found[row["product_id"]] = Product(**row)
    return found


def _unknown(found: dict[str, Product]) -> list[str]:
    here = [p for p in found.values() if not p.gone]
    stock = sum(p.stock is None for p in here)
    return (
        [f"stock is unknown for {stock:,} of {len(here):,} products: they count as in stock"] if stock else []
    )


def _refuse_stale(ws: Workspace) -> None:
    for source in ws.plan.all(Source):
        if source.grain != "product" or source.freshness_hours is None:
            continue
        done = [r["finished_at"] for r in ws.hub.rows("load", source=source.id) if r["status"] == "done"]
        age = ws.now - max(done) if done else None
        if age is not None and age > timedelta(hours=source.freshness_hours):
            raise Refused(
                f"catalogue of source {source.id}", value=f"{age.total_seconds() / 3600:.0f} hours old",
                rule=f"nothing is promised from a catalogue older than {source.freshness_hours:g} hours (R-099)",
                next_step=f"butfor load {source.id} FILE with a new delivery, then try again",
            )  # fmt: skip
