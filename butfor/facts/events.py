"""Facts of all people in as few passes over the events as their spans allow: one query per event, span and kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from sqlglot import exp

from butfor.facts.clock import Clock
from butfor.facts.frequent import most_frequent
from butfor.facts.passes import Facts, Group, reach_of, rows_of, when_they_age
from butfor.facts.sequences import sequence
from butfor.facts.taken import taken
from butfor.plan import Plan
from butfor.plan.kinds import Rule
from butfor.plan.properties import speaks_of_lines
from butfor.plan.rule import length
from butfor.store import aliased, column

_ALONE = ("most_frequent",)


def fact_queries(plan: Plan, facts: Mapping[str, Rule], clock: Clock, *, joined: bool = True) -> list[Facts]:
    """Return the queries that give every fact its column; raise BadDefinition for a fact that cannot be read.

    Where no accounts are ``joined``, each person is one account, and accounts need not be summed up again.
    """
    groups: dict[Group, dict[str, Rule]] = {}
    alone: list[Facts] = []
    for name, fact in sorted(facts.items()):
        if fact.then or fact.then_not:
            alone.append(sequence(plan, name, fact, clock))
        elif fact.take in _ALONE:
            alone.append(most_frequent(plan, name, fact, clock))
        else:
            steps = _in_steps(taken(plan, fact, clock, None))
            key = Group(fact.event or "", fact.less, speaks_of_lines(fact), reach_of(fact), steps)
            groups.setdefault(key, {})[name] = fact
    return [_together(plan, key, inside, clock, joined) for key, inside in groups.items()] + alone


def _together(plan: Plan, key: Group, facts: Mapping[str, Rule], clock: Clock, joined: bool) -> Facts:
    spans = [length(f.last) for f in facts.values() if f.last]
    widest = max(spans, default=None)
    columns = {name: taken(plan, fact, clock, widest) for name, fact in facts.items()}
    again = {
        f"r_{key.event}_{key.reach}_{n}": e
        for n, e in when_they_age(facts, clock, widest, steps=key.steps).items()
    }
    rows = rows_of(plan, key, facts, clock, widest)
    zeros = frozenset(n for n, f in facts.items() if (f.take or "count") in ("count", "sum", "distinct"))
    query = _summed(columns | again, rows, joined) if key.steps else _at_once(columns | again, rows)
    return Facts(query, list(facts), list(again), zeros)


def _at_once(columns: Mapping[str, exp.Expression], rows: exp.Expression) -> exp.Select:
    query = exp.select(column("person_id", "p")).from_(rows, copy=False)
    query = query.select(*[aliased(e, n) for n, e in columns.items()], copy=False)
    return query.join("people_map AS p", on="p.account_id = e.account_id", copy=False).group_by(
        column("person_id", "p")
    )


_MERGES: dict[type[Any], type[Any]] = {
    exp.Count: exp.Sum,
    exp.Sum: exp.Sum,
    exp.Min: exp.Min,
    exp.Max: exp.Max,
}


def _in_steps(made: exp.Expression) -> bool:
    """Say whether a fact can be taken of each account first, and of the person from those."""
    found = list(made.find_all(exp.AggFunc))
    return all(type(f) in _MERGES and not isinstance(f.this, exp.Distinct) for f in found)


def _summed(columns: Mapping[str, exp.Expression], rows: exp.Expression, joined: bool) -> exp.Select:
    """Take facts of each account and then of each person: events need no join, and accounts are few."""
    inner: dict[str, str] = {}
    parts: list[exp.Expression] = []

    def merged(node: exp.Expression) -> exp.Expression:
        merge = _MERGES.get(type(node))
        if merge is None:
            return node
        text = node.sql()
        if text not in inner:
            inner[text] = f"p_{len(inner)}"
            parts.append(aliased(node.copy(), inner[text]))
        own = column(inner[text], "i")
        whole = cast(exp.Expression, merge(this=own)) if joined else own
        return exp.cast(whole, "BIGINT") if isinstance(node, exp.Count) else whole

    outer = [aliased(e.transform(merged), n) for n, e in columns.items()]
    accounts = (
        exp.select(column("account_id", "e"), *parts)
        .from_(rows, copy=False)
        .group_by(column("account_id", "e"))
    )
    query = exp.select(column("person_id", "p"), *outer).from_(accounts.subquery("i", copy=False), copy=False)
    query = query.join("people_map AS p", on="p.account_id = i.account_id", copy=False)
    return query.group_by(column("person_id", "p"), copy=False) if joined else query
