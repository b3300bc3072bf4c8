"""Passes over events: which rows facts are taken of, up to now, and whether a row counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

import msgspec
from sqlglot import exp

from butfor.facts.clock import Clock, later
from butfor.facts.compare import compare
from butfor.facts.fact import property_of
from butfor.facts.local import local_property
from butfor.model import BadDefinition
from butfor.plan import Plan
from butfor.plan.kinds import Rule, Term
from butfor.plan.properties import local_part, where_leaves
from butfor.plan.rule import length
from butfor.plan.walk import operators
from butfor.store import aliased, all_of, any_of, column, literal


class Facts(msgspec.Struct, frozen=True):
    """A query with a row per person who has any of its facts: ``person_id``, the facts, and when one may change by itself.

    ``rechecks`` are the columns of times: nothing in this query changes before the earliest of them, unless something happens.
    ``zeros`` are the facts that are 0 for whoever has no row.
    """

    query: exp.Select
    names: list[str]
    rechecks: list[str]
    zeros: frozenset[str] = frozenset()

    def column(self, name: str, table: str) -> exp.Expression:
        """Return a fact of the joined query; who has no such event has 0 where things are counted or added up."""
        at = column(name, table)
        return exp.Coalesce(this=at, expressions=[literal(0)]) if name in self.zeros else at


class Group(msgspec.Struct, frozen=True):
    """Facts that one pass answers: of one event, with its lines or without, less another event, of spans of about one length."""

    event: str
    less: str | None
    lines: bool
    reach: int
    steps: bool = False


# Spans of up to so many days are answered together: a pass reads no more of the past than its longest span.
_REACHES = (100, 200, 400, 10**9)


def reach_of(fact: Rule) -> int:
    """Return which facts one is answered together with, by the length of its span; 0 for those without one."""
    if fact.last is None:
        return 0
    return next(r for r in _REACHES if length(fact.last).days <= r)


def rows_of(
    plan: Plan, key: Group, facts: Mapping[str, Rule], clock: Clock, widest: timedelta | None
) -> exp.Expression:
    """Return the rows of a pass up to now: events as they are, with their lines, or with those of another event taken off."""
    tables = [(key.event, 1)] + ([(key.less, -1)] if key.less else [])
    parts = [_part(plan, key, name, sign, _names(facts), clock, widest) for name, sign in tables]
    built: exp.Expression = exp.union(*parts, distinct=False) if len(parts) > 1 else parts[0]
    return cast(exp.Expression, exp.alias_(exp.Subquery(this=built), "e", table=True))


def _names(facts: Mapping[str, Rule]) -> list[str]:
    read = [
        n for f in facts.values() for n in (f.of, *(leaf.property for leaf in where_leaves(f.where))) if n
    ]
    return sorted(set(read) - {"source"})


def _part(
    plan: Plan, key: Group, event: str, sign: int, names: list[str], clock: Clock, widest: timedelta | None
) -> exp.Select:
    term = plan.get(Term, event)
    cells: list[exp.Expression] = [
        column(c, "v") for c in ("event_id", "part", "account_id", "source", "occurred_at")
    ]
    cells += [aliased(_cell(plan, term, n, clock.zone), _inner(n)) for n in names]
    cells += [aliased(literal(sign), "sign")] if key.less else []
    made = exp.select(*cells).from_(exp.alias_(exp.to_table(f"ev_{event}"), "v", table=True), copy=False)
    if key.lines:
        made = made.join(f"ev_{event}__products AS l", on="l.event_id = v.event_id", copy=False)
        # An event in several parts has its lines once.
        made = made.where(exp.EQ(this=column("part", "v"), expression=literal(0)), copy=False)
    if term.machine is not None:
        # Scanners and proxies are nobody: what they did is not taken for what a person did.
        made = made.join("machine AS m", on="m.event_id = v.event_id", join_type="left", copy=False)
        made = made.where(exp.Is(this=column("event_id", "m"), expression=exp.null()), copy=False)
    # What is still ahead is looked at again when its time has come.
    made = made.where(exp.LTE(this=column("occurred_at", "v"), expression=clock.now()), copy=False)
    if widest is not None:
        since = later(clock.now(), -widest)
        made = made.where(exp.GT(this=column("occurred_at", "v"), expression=since), copy=False)
    return made.where(exp.not_(exp.Is(this=column("account_id", "v"), expression=exp.null())), copy=False)


def _cell(plan: Plan, term: Term, name: str, zone: str) -> exp.Expression:
    property_of(plan, term.id, name)
    if local_part(term, name):
        return local_property(name, column("occurred_at", "v"), zone)
    inside = name.removeprefix("product.")
    return column(inside, "l" if inside != name else "v")


def _inner(name: str) -> str:
    return "source" if name == "source" else name.replace(".", "__")


def value_at(name: str) -> exp.Expression:
    """Return the column of a property in the rows of a pass."""
    return column(_inner(name), "e")


def holds(plan: Plan, fact: Rule, clock: Clock) -> exp.Expression:
    """Return whether a row counts for a fact, apart from when it happened."""
    if fact.where is None:
        return exp.true()
    return where_condition(plan, fact.event or "", fact.where, clock)


def where_condition(plan: Plan, event: str, rule: Rule, clock: Clock) -> exp.Expression:
    """Return a ``where`` as a condition over the properties of an event; raise BadDefinition when it cannot be read."""
    if rule.all is not None:
        return exp.paren(all_of(exp.true(), *[where_condition(plan, event, r, clock) for r in rule.all]))
    if rule.any is not None:
        return exp.paren(any_of(exp.false(), *[where_condition(plan, event, r, clock) for r in rule.any]))
    if rule.not_ is not None:
        return exp.not_(exp.paren(where_condition(plan, event, rule.not_, clock)))
    used = operators(rule)
    if rule.property is None or len(used) != 1:
        raise BadDefinition(
            f"where of {event}", value=", ".join(used) or "no operator", rule="it names a property and exactly one operator",
            next_step="write {property: product.category, equals: shoes}",
        )  # fmt: skip
    kind = property_of(plan, event, rule.property).type
    what = f"{event}.{rule.property}"
    return compare(what, value_at(rule.property), kind, used[0], getattr(rule, used[0]), clock)


def in_time(
    fact: Rule, clock: Clock, at: exp.Expression | None = None, widest: timedelta | None = None
) -> exp.Expression:
    """Return whether something that happened did so in the time of a fact; rows are none older than ``widest``."""
    when = at or column("occurred_at", "e")
    parts: list[exp.Expression] = [exp.true()]
    if fact.last and length(fact.last) != widest:
        parts.append(exp.GT(this=when.copy(), expression=clock.ago(fact.last)))
    if fact.since:
        parts.append(exp.GTE(this=when.copy(), expression=literal(_instant(fact, fact.since, clock))))
    if fact.until:
        parts.append(exp.LT(this=when.copy(), expression=literal(_instant(fact, fact.until, clock))))
    return all_of(*parts)


def _instant(fact: Rule, text: str, clock: Clock) -> Any:
    try:
        return clock.instant(text)
    except ValueError as error:
        raise BadDefinition(
            f"condition on {fact.event}", value=text, rule="since and until are dates or times", next_step="write 2026-01-31"
        ) from error  # fmt: skip


def case_of(condition: exp.Expression, value: exp.Expression) -> exp.Case:
    """Return a value where a condition holds, else NULL."""
    return exp.Case().when(condition, value)


def when_they_age(
    facts: Mapping[str, Rule], clock: Clock, widest: timedelta | None, *, steps: bool = False
) -> dict[str, exp.Expression]:
    """Return when the oldest event of each span leaves it, and for a trend when one changes halves."""
    at = column("occurred_at", "e")
    spans = {length(f.last) for f in facts.values() if f.last}
    spans |= {length(f.last) / 2 for f in facts.values() if f.last and f.take == "trend"}
    found: dict[str, exp.Expression] = {}
    for span in sorted(spans):
        inside = exp.GT(this=at.copy(), expression=later(clock.now(), -span))
        # Taken at once, the time is moved inside: an engine that rewrites aggregates must not take this for the first time itself.
        moved = at.copy() if steps else later(at, span)
        oldest = exp.Min(this=moved if span == widest else case_of(inside, moved))
        found[str(round(span.total_seconds() / 60))] = later(oldest, span) if steps else oldest
    return found
