"""What a row of a file is: a line of an order, an event, or a person; and which events its values name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Literal

from msgspec import Struct

from butfor.ingest.roles import Look, Part, assign, look, words
from butfor.ingest.shapes import number
from butfor.ingest.sniff import Sample
from butfor.plan import retail_plan
from butfor.plan.kinds import Term

Grain = Literal["order_line", "event", "person"]
UNIT, WHOLE = "the price of one piece", "the amount of the whole row"

# Words that systems use for what the retail plan calls otherwise; the plan's own names are known anyway.
_EVENT_WORDS = {
    "order_completed": "order, purchase, purchased, sale, sold, buy, bought, paid, ordered, checkout completed, transaction, bestellung, kauf, verkauf, commande, achat, vente, compra, venta, pedido, acquisto, vendita, заказ, покупка, продажа, 주문, 구매",
    "order_refunded": "refund, refunded, return, returned, order returned, credit, credit note, cancellation, storno, retoure, rueckgabe, rückgabe, gutschrift, remboursement, retour, devolucion, reembolso, reso, rimborso, возврат, 환불, 반품",
    "email_delivered": "delivered, delivery, email delivered, zugestellt",
    "email_opened": "open, opened, email open, email opened, unique open, geoeffnet, geöffnet, ouverture, apertura, открытие",
    "email_link_clicked": "click, clicked, email click, email clicked, link clicked, klick, clic, клик",
    "email_bounced": "bounce, bounced, hard bounce, soft bounce, hardbounce, softbounce, email bounced",
    "unsubscribed": "unsubscribe, unsubscribed, optout, opt out, abmeldung, desinscription, baja, отписка",
    "page_viewed": "page view, pageview, page viewed, page, view page, screen view, screen viewed, seitenaufruf, visit",
    "product_viewed": "product view, product viewed, view item, item viewed, view product, product detail, view content, viewed product",
    "product_added": "cart added, add to cart, added to cart, product added, cart add, addtocart, basket added, add to basket",
    "registered": "register, registered, registration, signup, sign up, signed up, account created, user created, registrierung, inscription, registro, регистрация, 가입",
    "loyalty_joined": "loyalty joined, joined loyalty, loyalty join, loyalty signup, card issued, loyalty registration",
}  # fmt: skip
_ABOUT_PEOPLE = {"first", "last", "birth", "newsletter", "registered", "joined", "points"}
_KEYS = ("customer", "card", "email")
_HINT = 0.6


class Known(Struct, frozen=True):
    """What is known of a file: its sample, the look of each column, the role of each column that has one."""

    sample: Sample
    looks: dict[str, Look]
    parts: dict[str, Part]

    def column(self, *roles: str, nested: bool = False) -> str | None:
        """Return the column with the first of these roles that is taken, or None."""
        found = {p.role: c for c, p in self.parts.items() if ("[]." in c) == nested}
        return next((found[role] for role in roles if role in found), None)

    def look(self, *roles: str) -> Look | None:
        """Return the look of the column with the first of these roles that is taken, or None."""
        column = self.column(*roles)
        return self.looks[column] if column else None


class Shape(Struct, frozen=True):
    """What a row is, the event it becomes, the column that names the event and its values' terms.

    ``lines`` is the list of products inside a row (nested JSON); ``whole`` says that money is per row and
    not per piece; ``own`` that the event is none of the retail plan and needs a term of its own.
    """

    grain: Grain
    event: str | None = None
    kind: str | None = None
    values: dict[str, str] = {}
    lines: str | None = None
    whole: bool = False
    own: bool = False


def know(sample: Sample, answers: Mapping[str, str]) -> Known:
    """Look at every column of a sample and give each its role; what a person answered goes before."""
    looks = {c: look(sample, c, month_first=answers.get("dates") == "month first") for c in sample.columns}
    parts = assign(looks)
    if (order := answers.get("order_key", "none")) != "none":
        parts = _given(parts, order, "order")
    customer = answers.get("customer_key", "row_number")
    if customer != "row_number" and (
        customer not in parts or parts[customer].role not in (*_KEYS, "phone", "device")
    ):
        parts = _given(parts, customer, "customer")
    return Known(sample, looks, parts)


def _given(parts: Mapping[str, Part], column: str, role: str) -> dict[str, Part]:
    kept = {c: p for c, p in parts.items() if p.role != role}
    return kept | {column: Part(role, 1.0, "you said so")}


@cache
def retail_terms() -> dict[str, Term]:
    """Return the terms of the retail plan by id."""
    return {d.id: d for d in retail_plan() if isinstance(d, Term)}


@cache
def _event_names() -> dict[tuple[str, ...], str]:
    names = {words(p.strip()): term for term, text in _EVENT_WORDS.items() for p in text.split(",")}
    events = [t for t in retail_terms().values() if t.what == "event"]
    return names | {words(n): t.id for t in events for n in (t.id, t.label, t.system)}


def event_values(seen: Look | None) -> dict[str, str]:
    """Return the term of each value that names an event."""
    if seen is None:
        return {}
    return {v: term for v in seen.common if (term := _event_names().get(words(v)))}


def shape(known: Known, answers: Mapping[str, str]) -> Shape:
    """Decide what a row of the file is."""
    seen = known.look("kind")
    values = event_values(seen)
    if seen and sum(seen.texts[v] for v in values) * 2 < seen.values:
        values = {}
    kind = known.column("kind") if values else None
    lines = _product_list(known)
    if lines:
        return Shape("event", None if kind else "order_completed", kind, values, lines)
    if known.column("order") and known.column("quantity") and known.column("price", "total"):
        return _order_lines(known, answers, kind, values)
    if kind:
        return Shape("event", None, kind, values)
    return _without_kind(known)


def _without_kind(known: Known) -> Shape:
    if _about_people(known):
        joined = known.column("joined") and not known.column("registered")
        dated = known.column("joined", "registered")
        return Shape("person", ("loyalty_joined" if joined else "registered") if dated else None)
    timed = known.column("time", "registered", "joined")
    if timed and known.column("total", "price"):
        return Shape("event", "order_completed", whole=known.column("quantity") is not None)
    if timed and known.column("page"):
        return Shape("event", "page_viewed")
    return Shape("event", own=True) if timed else Shape("person")


def _order_lines(known: Known, answers: Mapping[str, str], kind: str | None, values: dict[str, str]) -> Shape:
    event = None if kind else "order_completed"
    whole = answers.get("money", WHOLE if money_is_whole(known) else UNIT) == WHOLE
    return Shape("event" if whole else "order_line", event, kind, values, whole=whole)


def _product_list(known: Known) -> str | None:
    """Return the list of a nested file whose items have a quantity and a price."""
    lists: dict[str, set[str]] = defaultdict(set)
    for column, part in known.parts.items():
        if "[]." in column:
            lists[column.partition("[].")[0]].add(part.role)
    return next((name for name, roles in lists.items() if {"quantity", "price"} <= roles), None)


def _about_people(known: Known) -> bool:
    bought = {p.role for p in known.parts.values() if p.confidence > _HINT}
    if bought & {"order", "price", "quantity", "page"} or (known.column("time") and _repeats(known)):
        return False
    roles = {p.role for p in known.parts.values()}
    return bool(roles & _ABOUT_PEOPLE) or not _repeats(known)


def _repeats(known: Known) -> bool:
    """Say whether the customer of one row comes again in others (or no row names one)."""
    seen = [known.looks[c] for c, p in known.parts.items() if p.role in _KEYS]
    return not any(s.variety > 0.95 and s.filled > 0.9 for s in seen)


def money_is_whole(known: Known) -> bool:
    """Say whether the column of money grows with the quantity, so that it is an amount and no unit price."""
    money = known.column("price", "total")
    if known.column("price") and known.column("total"):
        return False
    evidence = _per_piece(known, str(money), known.column("quantity"), known.column("sku", "product"))
    return evidence < 0.5 if evidence is not None else known.column("price") is None


def _per_piece(known: Known, money: str, quantity: str | None, article: str | None) -> float | None:
    """Return the share of articles sold in several quantities whose money stays the same; None if too few."""
    if quantity is None or article is None:
        return None
    seen: dict[str, set[tuple[float, float]]] = defaultdict(set)
    for row in known.sample.rows:
        pieces, paid = (number(row[c] or "", known.sample.reading.decimal) for c in (quantity, money))
        if row[article] and pieces and paid:
            seen[str(row[article])].add((abs(pieces), round(abs(paid), 2)))
    told = [t for pairs in seen.values() if (t := _tells(pairs)) is not None]
    return sum(told) / len(told) if len(told) >= 5 else None


def _tells(pairs: set[tuple[float, float]]) -> bool | None:
    """Say what quantities and amounts of one article tell: True per piece, False whole, None neither."""
    amounts = {paid for _, paid in pairs}
    pieces = {n for n, _ in pairs}
    rates = {round(paid / n, 2) for n, paid in pairs}
    if len(pieces) < 2 or len(amounts) == len(rates):
        return None
    return len(amounts) < len(rates)
