"""Move staged rows into the lake, as named queries that give the same result however often they run.

Every write leaves out what is there already, and the totals of orders are healed from their lines, so a
load that was killed on an engine without transactions is completed by loading the file again.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from butfor.store import column, named, sql


@named("ingest.new_accounts")
def new_accounts(source: str) -> exp.Expression:
    """Accounts of staged rows that the lake does not know."""
    return sql(
        """
        SELECT DISTINCT s.account_id, :source AS source, s.account_key
        FROM staged AS s
        WHERE s.fault IS NULL AND s.account_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM account AS a WHERE a.account_id = s.account_id)
        """,
        source=source,
    )


@named("ingest.new_identifiers")
def new_identifiers(term: str, field: str, verified: bool, sure: str | None = None) -> exp.Expression:
    """Identifiers of one term in staged rows that the lake does not know for their account, or not as verified.

    ``sure`` is the column that says of a value that nothing suggests a typing error; others no source has verified.
    """
    return sql(
        """
        WITH fresh AS (
          SELECT s.account_id, s.field AS val, min(s."time") AS seen_at,
                 min(CASE WHEN :verified AND s.sure THEN 1 ELSE 0 END) = 1 AS verified
          FROM staged AS s
          WHERE s.fault IS NULL AND s.account_id IS NOT NULL AND s.field IS NOT NULL GROUP BY s.account_id, s.field)
        SELECT f.account_id, :term AS term, f.val, f.seen_at, f.verified FROM fresh AS f
        WHERE NOT EXISTS (
            SELECT 1 FROM identifier AS i WHERE i.account_id = f.account_id AND i.term = :term AND i.val = f.val
              AND (coalesce(i.verified, true) OR NOT f.verified)
              AND (f.seen_at IS NULL OR coalesce(i.seen_at, f.seen_at) <= f.seen_at))
        """.replace("s.field", f's."{field}"').replace("s.sure", f's."{sure}"' if sure else "true"),
        term=term,
        verified=verified,
    )


@named("ingest.new_quality")
def new_quality(load_id: int) -> exp.Expression:
    """What is odd about values of staged rows, or where their cities are, that the lake does not know for their account."""
    return sql(
        """
        SELECT s.account_id, s.source, s.term, s.val, s.became, s.flags, s.suggestion, s.place, s.confidence, :load AS load_id
        FROM staged_quality AS s
        WHERE NOT EXISTS (
          SELECT 1 FROM quality AS q WHERE q.account_id = s.account_id AND q.term = s.term AND q.val = s.val)
        """,
        load=load_id,
    )


@named("ingest.new_attributes")
def new_attributes(
    source: str, load_id: int, attributes: Sequence[str], now: exp.Expression, timed: bool
) -> exp.Expression:
    """Attributes of staged rows; seen when the row says, else now."""
    seen = exp.func("COALESCE", column("time", "s"), now) if timed else now
    base = sql(
        """
        SELECT s.row_id, s.account_id, :source AS source, :seen AS seen_at, :load AS load_id
        FROM staged AS s
        WHERE s.fault IS NULL AND s.is_first AND s.account_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM attribute AS a WHERE a.row_id = s.row_id)
        """,
        source=source,
        seen=seen,
        load=load_id,
    )
    assert isinstance(base, exp.Select)
    return base.select(*[column(f"person_{a}", "s").as_(a) for a in attributes])


@named("ingest.repeated")
def repeated(target: str, key: str, event: str | None) -> exp.Expression:
    """How many staged rows are in a table of the lake already."""
    kept = "s.fault IS NULL" + (" AND s.term = :event" if event else "")
    return sql(
        f"SELECT count(*) AS n FROM staged AS s WHERE {kept} AND "
        f"(NOT s.is_first OR EXISTS (SELECT 1 FROM _target AS t WHERE t.{key} = s.row_id))",
        tables={"_target": target},
        event=event,
    )


@named("ingest.new_events")
def new_events(
    term: str, target: str, source: str, load_id: int, props: Sequence[str], refund: bool, known: bool = True
) -> exp.Expression:
    """Staged rows that are whole events of one term and not in the lake; refunds count up, not down.

    Where none of them can be ``known`` to the lake yet, it is not searched for them.
    """
    unknown = "AND NOT EXISTS (SELECT 1 FROM _target AS t WHERE t.event_id = s.row_id)" if known else ""
    base = sql(
        f"""
        SELECT s.row_id AS event_id, 0 AS part, s.account_id, :source AS source, s."time" AS occurred_at, :load AS load_id
        FROM staged AS s
        WHERE s.fault IS NULL AND s.is_first AND s.term = :term AND s."time" IS NOT NULL {unknown}
        """,
        tables={"_target": target},
        term=term,
        source=source,
        load=load_id,
    )
    assert isinstance(base, exp.Select)
    return base.select(*[_signed(f"event_{p}", p, refund).as_(p) for p in props])


@named("ingest.new_products")
def new_products(
    staged: str, term: str, target: str, load_id: int, props: Sequence[str], refund: bool, known: bool = True
) -> exp.Expression:
    """Products of staged events that are not in the lake; where none can be ``known`` to it, it is not searched."""
    unknown = "AND NOT EXISTS (SELECT 1 FROM _target AS t WHERE t.row_id = s.row_id)" if known else ""
    base = sql(
        f"""
        SELECT s.row_id, s.event_id, :load AS load_id
        FROM _staged AS s
        WHERE s.term = :term {unknown}
        """,
        tables={"_staged": staged, "_target": target},
        term=term,
        load=load_id,
    )
    assert isinstance(base, exp.Select)
    return base.select(*[_signed(f"product_{p}", p, refund).as_(p) for p in [*props, "amount"]])


@named("ingest.orders")
def orders(
    term: str, target: str, lines: str, source: str, load_id: int, props: Sequence[str], refund: bool
) -> exp.Expression:
    """Orders whose lines say more than the lake's orders do: a first part, or the difference as a later part."""
    base = sql(
        """
        WITH touched AS (
          SELECT event_id, min(account_id) AS account_id, min(occurred_at) AS occurred_at
          FROM staged_lines WHERE term = :term GROUP BY event_id
        ), want AS (
          SELECT l.event_id, sum(l.amount) AS total
          FROM _lines AS l JOIN touched AS c ON c.event_id = l.event_id GROUP BY l.event_id
        ), have AS (
          SELECT e.event_id, sum(e.total) AS total, max(e.part) + 1 AS part
          FROM _target AS e JOIN touched AS c ON c.event_id = e.event_id GROUP BY e.event_id
        )
        SELECT c.event_id, coalesce(h.part, 0) AS part, c.account_id, :source AS source, c.occurred_at,
               :load AS load_id, CAST(w.total - coalesce(h.total, 0) AS DECIMAL(18, 4)) AS total
        FROM touched AS c
        JOIN want AS w ON w.event_id = c.event_id
        LEFT JOIN have AS h ON h.event_id = c.event_id
        WHERE h.event_id IS NULL OR w.total <> h.total
        """,
        tables={"_target": target, "_lines": lines},
        term=term,
        source=source,
        load=load_id,
    )
    assert isinstance(base, exp.Select)
    touched = (
        base.args["with_"].expressions[0].this
        if "with_" in base.args
        else base.args["with"].expressions[0].this
    )
    for p in props:
        touched.select(exp.func("MIN", column(f"event_{p}")).as_(f"event_{p}"), copy=False)
    return base.select(*[column(f"event_{p}", "c").as_(p) for p in props])


def _signed(field: str, prop: str, refund: bool) -> exp.Expression:
    value: exp.Expression = column(field, "s")
    return exp.Abs(this=value) if refund and prop in ("total", "quantity", "amount") else value


@named("ingest.new_quarantine")
def new_quarantine(load_id: int) -> exp.Expression:
    """Rows and values that could not be used and are not in quarantine yet."""
    return sql(
        """
        SELECT s.row_id, :load AS load_id, s.source, s.row_no, s.reason, s.field, s.val, s.raw
        FROM staged_quarantine AS s
        WHERE NOT EXISTS (
          SELECT 1 FROM quarantine AS q WHERE q.row_id = s.row_id AND q.reason = s.reason AND q.field = s.field)
        """,
        load=load_id,
    )


@named("ingest.table_total")
def table_total(target: str) -> exp.Expression:
    """Sum of money and number of rows of an event table, by source."""
    return sql(
        "SELECT source, count(*) FILTER (WHERE part = 0) AS events, sum(total) AS total FROM _target GROUP BY source ORDER BY source",
        tables={"_target": target},
    )


@named("ingest.reconciled")
def reconciled(analytics: str, orders: str, shops: Sequence[str]) -> exp.Expression:
    """Orders and money per day, as analytics counted and as shops delivered, on the days that analytics told."""
    return sql(
        """
        WITH told AS (
          SELECT CAST(occurred_at AS DATE) AS day, sum(orders) AS orders, sum(revenue) AS revenue FROM _analytics
          GROUP BY CAST(occurred_at AS DATE)
        ), sold AS (
          SELECT CAST(occurred_at AS DATE) AS day, count(DISTINCT event_id) AS orders, sum(total) AS revenue FROM _orders
          WHERE source IN :shops GROUP BY CAST(occurred_at AS DATE)
        )
        SELECT t.day, t.orders AS analytics_orders, coalesce(s.orders, 0) AS shop_orders, t.revenue AS analytics_revenue,
               coalesce(s.revenue, 0) AS shop_revenue
        FROM told AS t LEFT JOIN sold AS s ON s.day = t.day ORDER BY t.day
        """,
        tables={"_analytics": analytics, "_orders": orders},
        shops=list(shops),
    )


@named("ingest.quarantined")
def quarantined(limit: int) -> exp.Expression:
    """Rows and values in quarantine, newest load first."""
    return sql(
        "SELECT load_id, source, row_no, reason, field, val, raw FROM quarantine ORDER BY load_id DESC, source, row_no, reason, field LIMIT :n",
        n=limit,
    )
