"""What was seen of each word of the plan: how much came in, when last, with which properties, and what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlglot import exp

from butfor.plan.kinds import Term
from butfor.store import column, named, sql


@named("ingest.volumes")
def volumes(terms: Sequence[Term], since: datetime) -> exp.Expression:
    """Events per event term: all, those since a time, and the newest."""
    parts = [
        sql(
            """
            SELECT count(*) AS valid, :term AS term, sum(CASE WHEN occurred_at >= :since THEN 1 ELSE 0 END) AS recent,
                   max(occurred_at) AS last_seen
            FROM _events WHERE part = 0
            """,
            tables={"_events": f"ev_{t.id}"},
            term=t.id,
            since=since,
        )
        for t in terms
    ]
    return _all(parts).order_by("term")


@named("ingest.shares")
def shares(term: Term) -> exp.Expression:
    """Share of a term's events that carry each of its properties."""
    parts = []
    for name in term.properties:
        base = exp.select(exp.Literal.string(name).as_("property"))
        filled = exp.func("COUNT", column(name))
        parts.append(base.select(filled.as_("filled")).from_(f"ev_{term.id}").where("part = 0"))
    return _all(parts).order_by("property")


@named("ingest.attribute_volumes")
def attribute_volumes(terms: Sequence[Term], since: datetime) -> exp.Expression:
    """Values per attribute: all, those since a time, and the newest."""
    parts = []
    for t in terms:
        base = sql(
            """
            SELECT count(*) AS valid, :term AS term, sum(CASE WHEN seen_at >= :since THEN 1 ELSE 0 END) AS recent,
                   max(seen_at) AS last_seen
            FROM attribute
            """,
            term=t.id,
            since=since,
        )
        assert isinstance(base, exp.Select)
        parts.append(base.where(column(t.id).is_(exp.null()).not_()))
    return _all(parts).order_by("term")


@named("ingest.refusals")
def refusals() -> exp.Expression:
    """Rows in quarantine by source, term (for unexpected events: their name) and reason; values of unplanned columns too."""
    return sql(
        """
        SELECT source, coalesce(term, '') AS term, reason, field, count(*) AS n FROM quarantine
        GROUP BY source, coalesce(term, ''), reason, field ORDER BY n DESC, source, term, reason, field
        """
    )


@named("ingest.unplanned_names")
def unplanned_names() -> exp.Expression:
    """Names that live events carried and the plan does not know, with how often and when last."""
    return sql(
        """
        SELECT source, term, property, sum(n) AS n, max(seen_at) AS last_seen FROM unplanned
        GROUP BY source, term, property ORDER BY n DESC, source, term, property
        """
    )


def _all(parts: Sequence[exp.Expression]) -> exp.Select:
    both: Any = parts[0]
    for part in parts[1:]:
        both = exp.union(both, part, distinct=False)
    return exp.select("*").from_(both.subquery("parts"))
