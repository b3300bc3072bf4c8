"""Facts of people that are no events: their sources, what they agreed to, who contacted them, audiences they came into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sqlglot import exp

from butfor.facts import Clock, Facts
from butfor.facts.clock import later
from butfor.plan.kinds import Rule
from butfor.plan.rule import length
from butfor.store import Table, aliased, all_of, column, literal, sql

# What the hub knows and conditions may ask; it is staged before audiences are computed.
STAGED_CONSENT = Table("staged_consent", {"channel": "text", "address": "text", "verdict": "text"})
STAGED_CONTACT = Table(
    "staged_contact", {"person_id": "uuid", "campaign": "text", "outcome": "text", "made_at": "timestamp"}
)


def known_queries(facts: Mapping[str, Rule], clock: Clock) -> list[Facts]:
    """Return the queries of all facts that are not about events."""
    groups: dict[str, dict[str, Rule]] = {}
    for name, fact in sorted(facts.items()):
        kind = next((k for k in _KINDS if getattr(fact, k) is not None), None)
        if kind:
            groups.setdefault(kind, {})[name] = fact
    return [_KINDS[kind](inside, clock) for kind, inside in groups.items()]


def _case(condition: exp.Expression, value: exp.Expression) -> exp.Case:
    return exp.Case().when(condition, value)


def _is(name: str, table: str, value: str) -> exp.Expression:
    return exp.EQ(this=column(name, table), expression=literal(value))


def _any(condition: exp.Expression) -> exp.Expression:
    """Return whether any row of a group fulfils a condition."""
    return exp.EQ(
        this=exp.Max(this=exp.Case().when(condition, literal(1)).else_(literal(0))), expression=literal(1)
    )


def _sources(facts: Mapping[str, Rule], clock: Clock) -> Facts:
    query = sql(
        "SELECT p.person_id FROM people_map AS p JOIN account AS a ON a.account_id = p.account_id GROUP BY p.person_id"
    )
    assert isinstance(query, exp.Select)
    columns = [_any(_is("source", "a", str(f.source))).as_(n) for n, f in facts.items()]
    return Facts(query.select(*columns), list(facts), [])


def _address_query(columns: Iterable[exp.Expression]) -> exp.Select:
    query = sql(
        """
        SELECT p.person_id FROM people_map AS p JOIN identifier AS i ON i.account_id = p.account_id
        LEFT JOIN staged_consent AS c ON c.channel = i.term AND c.address = i.val GROUP BY p.person_id
        """
    )
    assert isinstance(query, exp.Select)
    return query.select(*columns)


def _consents(facts: Mapping[str, Rule], clock: Clock) -> Facts:
    """One no among a person's addresses of a channel is a no; else one yes is a yes."""
    columns: list[exp.Expression] = []
    for name, fact in facts.items():
        said = {
            v: _any(all_of(_is("term", "i", str(fact.consent)), _is("verdict", "c", v)))
            for v in ("withdrawn", "given")
        }
        case = exp.Case()
        for verdict, holds in said.items():
            case = case.when(holds, literal(verdict))
        columns.append(aliased(case, name))
    return Facts(_address_query(columns), list(facts), [])


def _reach(facts: Mapping[str, Rule], clock: Clock) -> Facts:
    """Reachable is who has an address of the channel and said no at none of them."""
    columns = []
    for name, fact in facts.items():
        mine = _is("term", "i", str(fact.reachable))
        refused = _any(all_of(mine.copy(), _is("verdict", "c", "withdrawn")))
        columns.append(aliased(all_of(_any(mine), exp.not_(refused)), name))
    return Facts(_address_query(columns), list(facts), [])


def _contacts(facts: Mapping[str, Rule], clock: Clock) -> Facts:
    columns, rechecks = [], []
    for name, fact in facts.items():
        at = column("made_at", "k")
        parts = [_is("campaign", "k", str(fact.contacted)), exp.LTE(this=at, expression=clock.now())]
        if fact.outcome:
            parts.append(_is("outcome", "k", fact.outcome))
        if fact.last:
            parts.append(exp.GT(this=at.copy(), expression=clock.ago(fact.last)))
            oldest = exp.Min(this=_case(all_of(*[p.copy() for p in parts]), at.copy()))
            columns.append(later(oldest, length(fact.last)).as_(f"{name}_again"))
            rechecks.append(f"{name}_again")
        columns.append(exp.Count(this=_case(all_of(*parts), literal(1))).as_(name))
    query = (
        exp.select(column("person_id", "k"), *columns)
        .from_("staged_contact AS k")
        .group_by(column("person_id", "k"))
    )
    return Facts(query, list(facts), rechecks)


def _spells(facts: Mapping[str, Rule], clock: Clock) -> Facts:
    """Who entered or left an audience within a span, whether they are in it now or not."""
    spells = sql(
        """
        SELECT person_id, audience, since AS entered_at, CAST(NULL AS TIMESTAMP) AS left_at FROM membership
        UNION ALL SELECT person_id, audience, entered_at, left_at FROM membership_past
        """
    )
    columns, rechecks = [], []
    for name, fact in facts.items():
        word, span = ("entered_at", fact.entered) if fact.entered else ("left_at", fact.left)
        at = column(word, "s")
        recent = all_of(
            _is("audience", "s", str(fact.audience)),
            exp.GT(this=at, expression=clock.ago(str(span))), exp.LTE(this=at.copy(), expression=clock.now()),
        )  # fmt: skip
        columns.append(_any(recent).as_(name))
        oldest = exp.Min(this=_case(recent.copy(), at.copy()))
        columns.append(later(oldest, length(str(span))).as_(f"{name}_again"))
        rechecks.append(f"{name}_again")
    query = exp.select(column("person_id", "s"), *columns)
    query = query.from_(exp.alias_(exp.Subquery(this=spells), "s", table=True)).group_by(
        column("person_id", "s")
    )
    return Facts(query, list(facts), rechecks)


_KINDS: dict[str, Callable[[Mapping[str, Rule], Clock], Facts]] = {
    "source": _sources, "consent": _consents, "reachable": _reach, "contacted": _contacts, "audience": _spells,
}  # fmt: skip


# What stands under this name is read where it is, for the touched too: engines pass over blocks that hold nothing ahead.
AHEAD = "ahead"


def future_events(tables: Iterable[str], clock: Clock) -> Facts:
    """Return when each person's next event comes whose time is still ahead (senders' clocks differ)."""
    parts = [
        exp.select("account_id", "occurred_at").from_(exp.alias_(exp.to_table(t), AHEAD, table=True))
        .where(exp.GT(this=column("occurred_at"), expression=clock.now()))
        for t in tables
    ]  # fmt: skip
    rows: exp.Expression = exp.union(*parts, distinct=False) if len(parts) > 1 else parts[0]
    query = (
        exp.select(column("person_id", "p"), exp.Min(this=column("occurred_at", "e")).as_("next_event_at"))
        .from_(exp.alias_(exp.Subquery(this=rows), "e", table=True))
        .join("people_map AS p", on="p.account_id = e.account_id")
        .group_by(column("person_id", "p"))
    )
    return Facts(query, [], ["next_event_at"])
