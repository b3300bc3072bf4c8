"""Facts of all people in as few passes over the events as their spans allow: one query per event, span and kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, cast

import msgspec
from sqlglot import exp

from butfor.facts.clock import Clock, later
from butfor.facts.compare import BAR, compare
from butfor.facts.fact import fact_type, property_of
from butfor.facts.local import local_property
from butfor.model import BadDefinition
from butfor.plan import Plan
from butfor.plan.kinds import Rule, Term
from butfor.plan.properties import local_part, speaks_of_lines, where_leaves
from butfor.plan.rule import length
from butfor.plan.walk import operators
from butfor.store import aliased, all_of, any_of, column, literal, sql


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


class _Group(msgspec.Struct, frozen=True):
    """Facts that one pass answers: of one event, with its lines or without, less another event, of spans of about one length."""

    event: str
    less: str | None
    lines: bool
    reach: int
    steps: bool = False


_ALONE = ("most_frequent",)
# Spans of up to so many days are answered together: a pass reads no more of the past than its longest span.
_REACHES = (100, 200, 400, 10**9)


def fact_queries(plan: Plan, facts: Mapping[str, Rule], clock: Clock, *, joined: bool = True) -> list[Facts]:
    """Return the queries that give every fact its column; raise BadDefinition for a fact that cannot be read.

    Where no accounts are ``joined``, each person is one account, and accounts need not be summed up again.
    """
    groups: dict[_Group, dict[str, Rule]] = {}
    alone: list[Facts] = []
    for name, fact in sorted(facts.items()):
        if fact.then or fact.then_not:
            alone.append(_sequence(plan, name, fact, clock))
        elif fact.take in _ALONE:
            alone.append(_most_frequent(plan, name, fact, clock))
        else:
            steps = _in_steps(_taken(plan, fact, clock, None))
            key = _Group(fact.event or "", fact.less, speaks_of_lines(fact), _reach(fact), steps)
            groups.setdefault(key, {})[name] = fact
    return [_together(plan, key, inside, clock, joined) for key, inside in groups.items()] + alone


def _reach(fact: Rule) -> int:
    if fact.last is None:
        return 0
    return next(r for r in _REACHES if length(fact.last).days <= r)


def _together(plan: Plan, key: _Group, facts: Mapping[str, Rule], clock: Clock, joined: bool) -> Facts:
    spans = [length(f.last) for f in facts.values() if f.last]
    widest = max(spans, default=None)
    taken = {name: _taken(plan, fact, clock, widest) for name, fact in facts.items()}
    again = {
        f"r_{key.event}_{key.reach}_{n}": e
        for n, e in _when_they_age(facts, clock, widest, steps=key.steps).items()
    }
    rows = _rows(plan, key, facts, clock, widest)
    zeros = frozenset(n for n, f in facts.items() if (f.take or "count") in ("count", "sum", "distinct"))
    query = _summed(taken | again, rows, joined) if key.steps else _at_once(taken | again, rows)
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


def _rows(
    plan: Plan, key: _Group, facts: Mapping[str, Rule], clock: Clock, widest: timedelta | None
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
    plan: Plan, key: _Group, event: str, sign: int, names: list[str], clock: Clock, widest: timedelta | None
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


def _at(name: str) -> exp.Expression:
    return column(_inner(name), "e")


def _holds(plan: Plan, fact: Rule, clock: Clock) -> exp.Expression:
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
    return compare(what, _at(rule.property), kind, used[0], getattr(rule, used[0]), clock)


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


def _case(condition: exp.Expression, value: exp.Expression) -> exp.Case:
    return exp.Case().when(condition, value)


def _taken(plan: Plan, fact: Rule, clock: Clock, widest: timedelta | None) -> exp.Expression:
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
    counted = all_of(_holds(plan, fact, clock), in_time(fact, clock, widest=widest))
    made = _TAKEN[take](fact, counted, clock)
    return exp.cast(made, _SQL[kind]) if kind in _SQL else made


_NUMBERS = ("integer", "number", "money")
_NEEDS = ("sum", "average", "distinct", "most_frequent", "list")
_SQL = {"integer": "BIGINT", "number": "DOUBLE", "money": "DECIMAL(18, 4)"}


def _count(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    if speaks_of_lines(fact):
        return _distinct_of(counted, column("event_id", "e"))
    whole = all_of(counted, exp.EQ(this=column("part", "e"), expression=literal(0)))
    return exp.Count(this=_case(whole, literal(1)))


def _sum(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    value = _at(fact.of or "")
    if fact.less:
        taken_off = exp.LT(this=column("sign", "e"), expression=literal(0))
        value = _case(taken_off, exp.Neg(this=value.copy())).else_(value)
    return exp.Coalesce(this=exp.Sum(this=_case(counted, value)), expressions=[literal(0)])


def _average(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    having = all_of(counted.copy(), exp.not_(exp.Is(this=_at(fact.of or ""), expression=exp.null())))
    if not speaks_of_lines(fact):
        having = all_of(having, exp.EQ(this=column("part", "e"), expression=literal(0)))
    n = exp.Nullif(this=exp.Count(this=_case(having, literal(1))), expression=literal(0))
    total = exp.cast(exp.Sum(this=_case(counted, _at(fact.of or ""))), "DOUBLE")
    return exp.Div(this=total, expression=exp.cast(n, "DOUBLE"))


def _of(fact: Rule) -> exp.Expression:
    return _at(fact.of) if fact.of else column("occurred_at", "e")


def _min(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    return exp.Min(this=_case(counted, _of(fact)))


def _max(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    return exp.Max(this=_case(counted, _of(fact)))


def _edge(
    kind: type[exp.ArgMax] | type[exp.ArgMin],
) -> Callable[[Rule, exp.Expression, Clock], exp.Expression]:
    def taken(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
        if fact.of is None:
            return (_min if kind is exp.ArgMin else _max)(fact, counted, clock)
        known = all_of(counted, exp.not_(exp.Is(this=_at(fact.of), expression=exp.null())))
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
                found.replace(_at(fact.of))
        return kind(this=_at(fact.of), expression=_case(known, rank))

    return taken


def _distinct_of(counted: exp.Expression, at: exp.Expression) -> exp.Expression:
    return exp.Count(this=exp.Distinct(expressions=[_case(counted, at)]))


def _distinct(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    return _distinct_of(counted, _at(fact.of or ""))


def _list(fact: Rule, counted: exp.Expression, clock: Clock) -> exp.Expression:
    text = exp.cast(_at(fact.of or ""), "TEXT")
    listed = sql("array_to_string(list_sort(list(DISTINCT v)), :bar)", bar=BAR)
    inside = next(c for c in listed.find_all(exp.Column) if c.name == "v")
    inside.replace(_case(all_of(counted, exp.not_(exp.Is(this=text.copy(), expression=exp.null()))), text))
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
    days = _case(counted, _day(column("occurred_at", "e")))
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
        _at(fact.of)
        if fact.of
        else _case(exp.EQ(this=column("part", "e"), expression=literal(0)), literal(1))
    )
    half = later(clock.now(), -(length(fact.last) / 2))
    late = all_of(counted.copy(), exp.GT(this=column("occurred_at", "e"), expression=half))
    both = exp.cast(exp.Sum(this=_case(counted, value.copy())), "DOUBLE")
    recent = exp.cast(exp.Coalesce(this=exp.Sum(this=_case(late, value)), expressions=[literal(0)]), "DOUBLE")
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


def _when_they_age(
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
        oldest = exp.Min(this=moved if span == widest else _case(inside, moved))
        found[str(round(span.total_seconds() / 60))] = later(oldest, span) if steps else oldest
    return found


def _most_frequent(plan: Plan, name: str, fact: Rule, clock: Clock) -> Facts:
    """The value that came most often; of equals the smallest."""
    if fact.of is None:
        raise BadDefinition(
            f"condition on {fact.event}", value="most_frequent", rule="it is taken of a property", next_step="add of: and a property"
        )  # fmt: skip
    key = _Group(fact.event or "", None, speaks_of_lines(fact), _reach(fact))
    widest = length(fact.last) if fact.last else None
    at = _at(fact.of)
    counted = all_of(
        _holds(plan, fact, clock),
        in_time(fact, clock, widest=widest),
        exp.not_(exp.Is(this=at.copy(), expression=exp.null())),
    )
    if not key.lines:
        counted = all_of(counted, exp.EQ(this=column("part", "e"), expression=literal(0)))
    again = next(
        iter(_when_they_age({name: fact}, clock, widest).values()), exp.cast(exp.null(), "TIMESTAMP")
    )
    per_value = (
        exp.select(column("person_id", "p"), at.copy().as_("val"), exp.Count(this=_case(counted, literal(1))).as_("n"), again.as_("again"))
        .from_(_rows(plan, key, {name: fact}, clock, widest))
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


def _sequence(plan: Plan, name: str, fact: Rule, clock: Clock) -> Facts:
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
        FROM _rows AS r
        """,
        {"_rows": rows},
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
        _case(all_of(is_first.copy(), exp.GT(this=due.copy(), expression=clock.now())), due.copy()),
    ]
    if fact.last:
        moments.append(_case(in_span.copy(), later(at, length(fact.last))))
    names = [f"{name}_{i}" for i in range(len(moments))]
    query = (
        exp.select("person_id", exp.Count(this=_case(met, literal(1))).as_(name))
        .select(*[exp.Min(this=m).as_(n) for n, m in zip(names, moments, strict=True)])
        .from_(cast(exp.Select, pairs).subquery("q"))
        .group_by("person_id")
    )
    return Facts(query, [name], names, frozenset([name]))


def _step(plan: Plan, fact: Rule, first: int, clock: Clock, widest: timedelta | None) -> exp.Select:
    """Return when one step of a sequence happened to whom."""
    key = _Group(fact.event or "", None, speaks_of_lines(fact), 0)
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
    made = made.from_(_rows(plan, key, {"": fact}, clock, widest)).join(
        "people_map AS p", on="p.account_id = e.account_id"
    )
    made = made.where(_holds(plan, fact, clock))
    # A purchase of two fitting products is one purchase.
    return (
        made.distinct() if key.lines else made.where(exp.EQ(this=column("part", "e"), expression=literal(0)))
    )
