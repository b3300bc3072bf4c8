"""What is taken of the rows of a person: one aggregate for each way of taking."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import cast

import msgspec
from sqlglot import exp

from butfor.facts.clock import Clock, later
from butfor.facts.compare import BAR
from butfor.facts.fact import fact_type, property_of
from butfor.facts.passes import case_of, holds, in_time, value_at
from butfor.model import BadDefinition
from butfor.plan import Plan
from butfor.plan.kinds import Rule
from butfor.plan.properties import speaks_of_lines
from butfor.plan.rule import length
from butfor.store import all_of, column, literal, sql


def taken(plan: Plan, fact: Rule, clock: Clock, widest: timedelta | None) -> exp.Expression:
    """Return a fact as an aggregate over the rows of a person."""
    take, kind = fact.take or "count", fact_type(plan, fact)
    if take in _NEEDS and fact.of is None:
        raise BadDefinition(
            f"condition on {fact.event}", value=take, rule=f"{take} is taken of a property", next_step="add of: and a property"
        )  # fmt: skip
    if (
        fact.of
        and take in ("sum", "average", "trend")
        and property_of(plan, fact.event or "", fact.of).type not in _NUMBERS
    ):
        raise BadDefinition(
            f"condition on {fact.event}", value=f"{take} of {fact.of}", rule="only numbers and money can be added up",
            next_step="choose another property, or take: distinct",
        )  # fmt: skip
    if fact.less and take != "sum":
        raise BadDefinition(
            f"condition on {fact.event}", value=f"{take} less {fact.less}", rule="less takes one sum off another",
            next_step="write take: sum and of: a property, or leave less out",
        )  # fmt: skip
    counted = all_of(holds(plan, fact, clock), in_time(fact, clock, widest=widest))
    made = _TAKEN[take](fact, counted, clock)
    return exp.cast(made, _SQL[kind]) if kind in _SQL else made


_NUMBERS = ("integer", "number", "money")
_NEEDS = ("sum", "average", "distinct", "most_frequent", "list")
_SQL = {"integer": "BIGINT", "number": "DOUBLE", "money": "DECIMAL(18, 4)"}


def _count(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    if speaks_of_lines(fact):
        return _distinct_of(counted, column("event_id", "e"))
    whole = all_of(counted, exp.EQ(this=column("part", "e"), expression=literal(0)))
    return exp.Count(this=case_of(whole, literal(1)))


def _sum(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    value = value_at(fact.of or "")
    if fact.less:
        taken_off = exp.LT(this=column("sign", "e"), expression=literal(0))
        value = case_of(taken_off, exp.Neg(this=value.copy())).else_(value)
    return exp.Coalesce(this=exp.Sum(this=case_of(counted, value)), expressions=[literal(0)])


def _average(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    having = all_of(counted.copy(), exp.not_(exp.Is(this=value_at(fact.of or ""), expression=exp.null())))
    if not speaks_of_lines(fact):
        having = all_of(having, exp.EQ(this=column("part", "e"), expression=literal(0)))
    n = exp.Nullif(this=exp.Count(this=case_of(having, literal(1))), expression=literal(0))
    total = exp.cast(exp.Sum(this=case_of(counted, value_at(fact.of or ""))), "DOUBLE")
    return exp.Div(this=total, expression=exp.cast(n, "DOUBLE"))


def _of(fact: Rule) -> exp.Expression:
    return value_at(fact.of) if fact.of else column("occurred_at", "e")


def _min(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    return exp.Min(this=case_of(counted, _of(fact)))


def _max(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    return exp.Max(this=case_of(counted, _of(fact)))


def _edge(
    kind: type[exp.ArgMax] | type[exp.ArgMin],
) -> Callable[[Rule, exp.Expression, Clock], exp.Expression]:
    def taken(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
        if fact.of is None:
            return (_min if kind is exp.ArgMin else _max)(fact, counted, clock)
        known = all_of(counted, exp.not_(exp.Is(this=value_at(fact.of), expression=exp.null())))
        # Between events of one instant the larger id is the later one; of one event the larger value.
        rank = sql(
            """
            concat(CAST(CAST(e.occurred_at AS DATE) AS TEXT), lpad(CAST(date_part('hour', e.occurred_at) * 3600
              + date_part('minute', e.occurred_at) * 60 + CAST(floor(date_part('second', e.occurred_at)) AS BIGINT) AS TEXT), 5, '0'),
              CAST(e.event_id AS TEXT), CAST(v AS TEXT))
            """
        )
        for found in list(rank.find_all(exp.Column)):
            if found.name == "v":
                found.replace(value_at(fact.of))
        return kind(this=value_at(fact.of), expression=case_of(known, rank))

    return taken


def _distinct_of(counted: exp.Expression, at: exp.Expression) -> exp.Expression:
    return exp.Count(this=exp.Distinct(expressions=[case_of(counted, at)]))


def _distinct(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    return _distinct_of(counted, value_at(fact.of or ""))


def _list(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    text = exp.cast(value_at(fact.of or ""), "TEXT")
    listed = sql("array_to_string(list_sort(list(DISTINCT v)), :bar)", bar=BAR)
    inside = next(c for c in listed.find_all(exp.Column) if c.name == "v")
    inside.replace(case_of(all_of(counted, exp.not_(exp.Is(this=text.copy(), expression=exp.null()))), text))
    full = exp.Concat(expressions=[literal(BAR), listed, literal(BAR)])
    none = exp.EQ(this=_distinct(fact, counted.copy(), clock), expression=literal(0))
    return exp.Case().when(none, exp.null()).else_(full)


def _day(at: exp.Expression) -> exp.Expression:
    return cast(exp.Expression, exp.cast(at, "DATE"))


def _days(start: exp.Expression, end: exp.Expression) -> exp.Expression:
    return exp.DateDiff(this=end, expression=start, unit=exp.var("DAY"))


def _days_since(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    return _days(_day(_max(msgspec.structs.replace(fact, of=None), counted, clock)), _day(clock.now()))


def _days_between(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    """The mean number of days from one day with events to the next."""
    days = case_of(counted, _day(column("occurred_at", "e")))
    spread = _days(exp.Min(this=days.copy()), exp.Max(this=days.copy()))
    gaps = exp.Count(this=exp.Distinct(expressions=[days])) - literal(1)
    return exp.Div(
        this=exp.cast(spread, "DOUBLE"),
        expression=exp.Nullif(
            this=exp.cast(exp.paren(gaps), "DOUBLE"), expression=exp.cast(literal(0), "DOUBLE")
        ),
    )


def _trend(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    """How much the later half of the span holds above the earlier, as a share of both: from -1 (stopped) to 1 (began)."""
    if not fact.last:
        raise BadDefinition(
            f"condition on {fact.event}", value="trend", rule="a trend compares the halves of a span", next_step="add last: 90 days"
        )  # fmt: skip
    value = (
        value_at(fact.of)
        if fact.of
        else case_of(exp.EQ(this=column("part", "e"), expression=literal(0)), literal(1))
    )
    half = later(clock.now(), -(length(fact.last) / 2))
    late = all_of(counted.copy(), exp.GT(this=column("occurred_at", "e"), expression=half))
    both = exp.cast(exp.Sum(this=case_of(counted, value.copy())), "DOUBLE")
    recent = exp.cast(
        exp.Coalesce(this=exp.Sum(this=case_of(late, value)), expressions=[literal(0)]), "DOUBLE"
    )
    share = exp.Div(this=recent, expression=exp.Nullif(this=both, expression=exp.cast(literal(0), "DOUBLE")))
    return exp.Sub(
        this=exp.Mul(this=exp.cast(literal(2), "DOUBLE"), expression=exp.paren(share)),
        expression=exp.cast(literal(1), "DOUBLE"),
    )


_TAKEN: dict[str, Callable[[Rule, exp.Expression, Clock], exp.Expression]] = {
    "count": _count, "sum": _sum, "average": _average, "min": _min, "max": _max, "first": _edge(exp.ArgMin),
    "last": _edge(exp.ArgMax), "distinct": _distinct, "list": _list, "days_since": _days_since,
    "days_between": _days_between, "trend": _trend,
}  # fmt: skip
