"""The catalogue: what holds of each product at a time, from what sources said, or else from what was sold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlglot import exp

from butfor.store import Table, column, named, sql

FACTS = ("name", "category", "price", "list_price", "stock", "available", "channels")
RECOMMENDATION = Table(
    "recommendation",
    {
        "person_id": "uuid", "slot": "text", "place": "integer", "product_id": "text", "step": "text", "score": "number",
        "reason": "text", "as_of": "timestamp",
    },
)  # fmt: skip


@named("catalog.products")
def products(as_of: datetime) -> exp.Expression:
    """What holds of each product as of a time, by product id.

    Of each source the newest row counts; where several sources name a product, each fact is that of the newest that says
    it. A product is gone when a complete source no longer names it.
    """
    newest = sql(
        """
        SELECT p.*, row_number() OVER (PARTITION BY p.product_id ORDER BY p.valid_from, p.load_id, p.source) AS age_rank
        FROM (
          SELECT *, row_number() OVER (
            PARTITION BY source, product_id ORDER BY valid_from DESC, load_id DESC, row_no DESC) AS nth
          FROM product WHERE valid_from <= :as_of) AS p
        WHERE p.nth = 1
        """,
        as_of=as_of,
    )
    base = sql(
        "SELECT product_id, max(CASE WHEN gone THEN 1 ELSE 0 END) = 1 AS gone, max(valid_from) AS valid_from "
        "FROM _newest AS n GROUP BY product_id ORDER BY product_id",
        {"_newest": newest},
    )
    assert isinstance(base, exp.Select)
    return base.select(*[_newest_said(fact).as_(fact) for fact in FACTS])


def _newest_said(fact: str) -> exp.Expression:
    said = exp.not_(exp.Is(this=column(fact, "n"), expression=exp.null()))
    rank = exp.Case().when(said, column("age_rank", "n"))
    return exp.ArgMax(this=column(fact, "n"), expression=rank)


@named("catalog.sold")
def sold(events: str, lines: str, facts: Sequence[str], as_of: datetime) -> exp.Expression:
    """Products as they were last sold, by product id: for shops that deliver no catalogue.

    Of equal times the larger row id decides. ``facts`` are those of name, category and price that lines have.
    """
    newest = sql(
        """
        SELECT l.*, e.occurred_at, row_number() OVER (
          PARTITION BY l.product_id ORDER BY e.occurred_at DESC, CAST(l.row_id AS TEXT) DESC) AS nth
        FROM _lines AS l JOIN _events AS e ON e.event_id = l.event_id AND e.part = 0
        WHERE e.occurred_at <= :as_of AND l.product_id IS NOT NULL
        """,
        {"_lines": lines, "_events": events},
        as_of=as_of,
    )
    base = sql(
        "SELECT n.product_id, n.occurred_at AS sold_at FROM _newest AS n WHERE n.nth = 1 ORDER BY n.product_id",
        {"_newest": newest},
    )
    assert isinstance(base, exp.Select)
    return base.select(*[column(fact, "n").as_(fact) for fact in facts])


@named("catalog.bought")
def bought(events: str, lines: str, as_of: datetime, *, counted: bool) -> exp.Expression:
    """Products of each order of each known person, oldest first: person_id, product_id, occurred_at, pieces.

    Receipts of erased people are kept for the tax office and teach nothing. Lines whose products have no quantity (``counted`` false) are one piece each. Of refunds it is what came back.
    """
    pieces = "sum(CAST(l.quantity AS DOUBLE))" if counted else "CAST(count(*) AS DOUBLE)"
    return sql(
        f"""
        SELECT CAST(p.person_id AS TEXT) AS person_id, l.product_id, e.occurred_at, {pieces} AS pieces
        FROM _lines AS l
        JOIN _events AS e ON e.event_id = l.event_id AND e.part = 0
        JOIN people_map AS p ON p.account_id = e.account_id
        JOIN account AS a ON a.account_id = e.account_id AND a.source <> 'erased'
        WHERE e.occurred_at <= :as_of AND l.product_id IS NOT NULL
        GROUP BY p.person_id, l.product_id, e.event_id, e.occurred_at
        ORDER BY 1, 2, 3, 4
        """,
        {"_lines": lines, "_events": events},
        as_of=as_of,
    )


@named("catalog.segments")
def segments(cell: str | None, traits: exp.Expression | str = "traits") -> exp.Expression:
    """Every person and the name of their RFM cell (NULL without one), by person id; ``traits`` may be those of a past time."""
    base = sql(
        """
        SELECT CAST(t.person_id AS TEXT) AS person_id FROM _traits AS t
        WHERE NOT EXISTS (SELECT 1 FROM account AS a WHERE a.account_id = t.person_id AND a.source = 'erased')
        ORDER BY 1
        """,
        {"_traits": traits},
    )
    assert isinstance(base, exp.Select)
    named_cell: exp.Expression = column(cell, "t") if cell else exp.cast(exp.null(), "TEXT")
    return base.select(exp.alias_(named_cell, "segment"))


@named("catalog.slot_rows")
def slot_rows(slot: str) -> exp.Expression:
    """The slot itself, whose rows are to be replaced."""
    return sql("SELECT DISTINCT slot FROM recommendation WHERE slot = :slot", slot=slot)


@named("catalog.staged_suggestions")
def staged_suggestions() -> exp.Expression:
    """Suggestions that were staged, ready to be written."""
    return exp.select(*[column(c) for c in RECOMMENDATION.columns]).from_("staged_suggestion")


@named("catalog.recommended")
def recommended(slot: str) -> exp.Expression:
    """Suggestions of a slot as they were last written, by person and place."""
    return sql(
        """
        SELECT CAST(person_id AS TEXT) AS person_id, slot, place, product_id, step, score, reason, as_of
        FROM recommendation WHERE slot = :slot ORDER BY 1, 3
        """,
        slot=slot,
    )
