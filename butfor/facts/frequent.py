"""The value that came most often."""

from __future__ import annotations

from typing import cast

from sqlglot import exp

from butfor.facts.clock import Clock
from butfor.facts.passes import (
    Facts,
    Group,
    case_of,
    holds,
    in_time,
    reach_of,
    rows_of,
    value_at,
    when_they_age,
)
from butfor.model import BadDefinition
from butfor.plan import Plan
from butfor.plan.kinds import Rule
from butfor.plan.properties import speaks_of_lines
from butfor.plan.rule import length
from butfor.store import all_of, column, literal, sql


def most_frequent(plan: Plan, name: str, fact: Rule, clock: Clock) -> Facts:
    """The value that came most often; of equals the smallest."""
    if fact.of is None:
        raise BadDefinition(
            f"condition on {fact.event}", value="most_frequent", rule="it is taken of a property", next_step="add of: and a property"
        )  # fmt: skip
    key = Group(fact.event or "", None, speaks_of_lines(fact), reach_of(fact))
    widest = length(fact.last) if fact.last else None
    at = value_at(fact.of)
    counted = all_of(
        holds(plan, fact, clock),
        in_time(fact, clock, widest=widest),
        exp.not_(exp.Is(this=at.copy(), expression=exp.null())),
    )
    if not key.lines:
        counted = all_of(counted, exp.EQ(this=column("part", "e"), expression=literal(0)))
    again = next(iter(when_they_age({name: fact}, clock, widest).values()), exp.cast(exp.null(), "TIMESTAMP"))
    per_value = (
        exp.select(column("person_id", "p"), at.copy().as_("val"), exp.Count(this=case_of(counted, literal(1))).as_("n"), again.as_("again"))
        .from_(rows_of(plan, key, {name: fact}, clock, widest))
        .join("people_map AS p", on="p.account_id = e.account_id")
        .group_by(column("person_id", "p"), at.copy())
    )  # fmt: skip
    query = sql(
        """
        SELECT person_id, max(CASE WHEN place = 1 AND n > 0 THEN val END) AS best, min(again) AS again FROM (
          SELECT person_id, val, n, again, row_number() OVER (PARTITION BY person_id ORDER BY n DESC, val) AS place FROM _v AS v
        ) AS w GROUP BY person_id
        """,
        {"_v": per_value},
    )
    outer = exp.select("person_id", exp.column("best").as_(name), exp.column("again").as_(f"{name}_again"))
    return Facts(outer.from_(cast(exp.Select, query).subquery("q")), [name], [f"{name}_again"])
