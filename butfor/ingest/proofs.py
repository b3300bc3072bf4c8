"""What events prove: a click shows that an address is right, unless a machine clicked."""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from butfor.ingest.tables import event_table
from butfor.plan import Plan
from butfor.plan.kinds import Machine, Term
from butfor.store import Lake, column, named, sql


def prove(lake: Lake, plan: Plan, brought: Collection[str | None]) -> bool:
    """Mark the events of machines and verify identifiers, where a load brought events that bear on it.

    Says whether any of them may have verified an identifier.
    """
    proved = False
    for term in [t for t in plan.all(Term) if t.what == "event"]:
        about = {term.id, term.machine.after if term.machine else term.id}
        after = plan.find(Term, term.machine.after) if term.machine else None
        if not about & set(brought):
            continue
        if term.machine and after:
            lake.insert(
                "machine",
                machine_made(
                    event_table(term).name, term.id, event_table(after).name, term.machine, _same(term, after)
                ),
            )
        if term.verifies:
            before = event_table(after).name if after else None
            proved = True
            lake.insert(
                "identifier", verified_by(event_table(term).name, term.verifies, before, _same(term, after))
            )
    return proved


def _same(term: Term, after: Term | None) -> str | None:
    name = term.machine.same if term.machine else None
    return name if after and name in term.properties and name in after.properties else None


@named("ingest.machine_made")
def machine_made(table: str, term: str, after: str, rule: Machine, same: str | None) -> exp.Expression:
    """Events that came too soon after another of their account, or from a program that is no person's, and are not marked yet."""
    apart = (
        "coalesce(e._same, d._same, '') = coalesce(d._same, e._same, '')".replace("_same", same)
        if same
        else "true"
    )
    agent = (
        exp.RegexpLike(this=column(rule.agent, "e"), expression=exp.Literal.string(f"(?i){rule.agents}"))
        if rule.agent and rule.agents
        else exp.false()
    )
    return sql(
        f"""
        WITH soon AS (
          SELECT DISTINCT e.event_id FROM _events AS e JOIN _after AS d ON d.account_id = e.account_id AND {apart}
          WHERE e.occurred_at >= d.occurred_at AND e.occurred_at <= d.occurred_at + INTERVAL '{rule.within_seconds}' SECOND
        ), found AS (
          SELECT e.event_id, CASE WHEN s.event_id IS NOT NULL THEN 'too soon' ELSE 'known program' END AS why
          FROM _events AS e LEFT JOIN soon AS s ON s.event_id = e.event_id
          WHERE s.event_id IS NOT NULL OR coalesce(:agent, false)
        )
        SELECT DISTINCT f.event_id, :term AS term, f.why FROM found AS f
        WHERE NOT EXISTS (SELECT 1 FROM machine AS m WHERE m.event_id = f.event_id)
        """,
        tables={"_events": table, "_after": after},
        term=term,
        agent=agent,
    )


@named("ingest.verified_by")
def verified_by(table: str, identifier: str, after: str | None, same: str | None) -> exp.Expression:
    """Identifiers that an event proves and that are not verified yet for its account.

    An account with two values of the identifier leaves open which was meant. Where machines answer to another event, that
    event must be known: without it nobody can say how soon the answer came.
    """
    apart = (
        "coalesce(e._same, d._same, '') = coalesce(d._same, e._same, '')".replace("_same", same)
        if same
        else "true"
    )
    known = (
        f"AND EXISTS (SELECT 1 FROM _after AS d WHERE d.account_id = e.account_id AND d.occurred_at <= e.occurred_at AND {apart})"
        if after
        else ""
    )
    return sql(
        f"""
        WITH proof AS (
          SELECT e.account_id, min(e.occurred_at) AS seen_at FROM _events AS e
          WHERE e.account_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM machine AS m WHERE m.event_id = e.event_id) {known}
          GROUP BY e.account_id
        ), one AS (
          SELECT i.account_id, min(i.val) AS val, max(CASE WHEN coalesce(i.verified, true) THEN 1 ELSE 0 END) AS sure
          FROM identifier AS i WHERE i.term = :term GROUP BY i.account_id HAVING count(DISTINCT i.val) = 1
        )
        SELECT o.account_id, :term AS term, o.val, p.seen_at, true AS verified
        FROM one AS o JOIN proof AS p ON p.account_id = o.account_id WHERE o.sure = 0
        """,
        tables={"_events": table, "_after": after or table},
        term=identifier,
    )
