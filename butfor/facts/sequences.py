"""Sequences: an event that was followed by another in time, or was not once the time had passed."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from sqlglot import exp

from butfor.facts.clock import Clock, later
from butfor.facts.passes import Facts, Group, case_of, holds, in_time, rows_of
from butfor.model import BadDefinition
from butfor.plan import Plan
from butfor.plan.kinds import Rule, Term
from butfor.plan.properties import speaks_of_lines
from butfor.plan.rule import length
from butfor.store import all_of, column, literal, sql


def sequence(plan: Plan, name: str, fact: Rule, clock: Clock) -> Facts:
    """How often the first event happened and was followed by the second in time, or was not once the time had passed."""
    second = fact.then or fact.then_not or Rule()
    if (
        not fact.within
        or second.event is None
        or second.last
        or second.take
        or second.then
        or second.then_not
    ):
        raise BadDefinition(
            f"condition on {fact.event}", value=f"then {second.event or 'nothing'}",
            rule="a sequence is one event, then another (with its own where), within a span",
            next_step="write {event: product_viewed, then: {event: order_completed}, within: 7 days}",
        )  # fmt: skip
    span, followed = length(fact.within), fact.then is not None
    # Of one instant the second comes first, so that it follows nothing of that instant.
    widest = length(fact.last) if fact.last else None
    steps = [_step(plan, fact, 1, clock, widest), _step(plan, second, 0, clock, widest)]
    rows = exp.union(*steps, distinct=False)
    pairs = sql(
        """
        SELECT person_id, occurred_at, first, min(second_at) OVER (
          PARTITION BY person_id ORDER BY occurred_at, first ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_at
        FROM rows_of AS r
        """,
        {"rows_of": rows},
    )
    at, nxt = exp.column("occurred_at"), exp.column("next_at")
    is_first = exp.EQ(this=exp.column("first"), expression=literal(1))
    due = later(at, span)
    in_span = all_of(is_first, in_time(fact, clock, at))
    soon = exp.Coalesce(
        this=exp.paren(
            all_of(exp.LTE(this=nxt, expression=due), exp.LTE(this=nxt.copy(), expression=clock.now()))
        ),
        expressions=[exp.false()],
    )
    passed = exp.LTE(this=due.copy(), expression=clock.now())
    met = all_of(in_span, soon) if followed else all_of(in_span, passed, exp.not_(soon))
    moments = [
        case_of(all_of(is_first.copy(), exp.GT(this=due.copy(), expression=clock.now())), due.copy()),
    ]
    if fact.last:
        moments.append(case_of(in_span.copy(), later(at, length(fact.last))))
    names = [f"{name}_{i}" for i in range(len(moments))]
    query = (
        exp.select("person_id", exp.Count(this=case_of(met, literal(1))).as_(name))
        .select(*[exp.Min(this=m).as_(n) for n, m in zip(names, moments, strict=True)])
        .from_(cast(exp.Select, pairs).subquery("q"))
        .group_by("person_id")
    )
    return Facts(query, [name], names, frozenset([name]))


def _step(plan: Plan, fact: Rule, first: int, clock: Clock, widest: timedelta | None) -> exp.Select:
    """Return when one step of a sequence happened to whom."""
    key = Group(fact.event or "", None, speaks_of_lines(fact), 0)
    plan.get(Term, key.event)
    at = column("occurred_at", "e")
    second_at = exp.cast(exp.null(), "TIMESTAMP") if first else at.copy()
    event = column("event_id", "e") if key.lines else exp.null()
    made = exp.select(
        column("person_id", "p"),
        at,
        literal(first).as_("first"),
        second_at.as_("second_at"),
        exp.cast(event, "TEXT").as_("event_id"),
    )
    made = made.from_(rows_of(plan, key, {"": fact}, clock, widest)).join(
        "people_map AS p", on="p.account_id = e.account_id"
    )
    made = made.where(holds(plan, fact, clock))
    # A purchase of two fitting products is one purchase.
    return (
        made.distinct() if key.lines else made.where(exp.EQ(this=column("part", "e"), expression=literal(0)))
    )
