"""What live events add to the lake beside their typed rows: accounts, identifiers, unplanned names, corrected clocks."""

from __future__ import annotations

from sqlglot import exp

from butfor.store import named, sql


@named("ingest.live_accounts")
def live_accounts() -> exp.Expression:
    """Accounts that live events named and the lake does not know."""
    return sql(
        """
        SELECT DISTINCT o.account_id, o.source, o.account_key FROM observed AS o
        WHERE NOT EXISTS (SELECT 1 FROM account AS a WHERE a.account_id = o.account_id)
        """
    )


@named("ingest.live_identifiers")
def live_identifiers() -> exp.Expression:
    """Identifiers that live events named and the lake does not know for their account, or not as verified, or not as early."""
    return sql(
        """
        SELECT o.account_id, o.term, o.val, min(o.seen_at) AS seen_at, max(CASE WHEN o.verified THEN 1 ELSE 0 END) = 1 AS verified
        FROM observed AS o
        WHERE o.term IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM identifier AS i WHERE i.account_id = o.account_id AND i.term = o.term AND i.val = o.val
            AND (coalesce(i.verified, true) OR NOT o.verified) AND (o.seen_at IS NULL OR coalesce(i.seen_at, o.seen_at) <= o.seen_at))
        GROUP BY o.account_id, o.term, o.val
        """
    )


@named("ingest.live_quarantine")
def live_quarantine(load_id: int) -> exp.Expression:
    """Live events that could not be used and are not in quarantine yet."""
    return sql(
        """
        SELECT s.row_id, :load AS load_id, s.source, s.row_no, s.reason, s.field, s.val, s.raw, s.term
        FROM refused AS s
        WHERE NOT EXISTS (SELECT 1 FROM quarantine AS q WHERE q.row_id = s.row_id)
        """,
        load=load_id,
    )


@named("ingest.live_unplanned")
def live_unplanned(load_id: int) -> exp.Expression:
    """How often live events of a term carried a name that the plan does not know."""
    return sql(
        """
        SELECT s.row_id, :load AS load_id, s.source, s.term, s.property, s.n, s.seen_at
        FROM surplus AS s
        WHERE NOT EXISTS (SELECT 1 FROM unplanned AS u WHERE u.row_id = s.row_id)
        """,
        load=load_id,
    )


@named("ingest.live_corrected")
def live_corrected(load_id: int) -> exp.Expression:
    """The time that senders with a wrong clock said, beside the time that the event was given."""
    return sql(
        """
        SELECT s.event_id, :load AS load_id, s.source, s.said_at, s.occurred_at, s.received_at
        FROM clocks AS s
        WHERE NOT EXISTS (SELECT 1 FROM corrected AS c WHERE c.event_id = s.event_id)
        """,
        load=load_id,
    )
