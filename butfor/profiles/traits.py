"""The traits of every person as of a time, in one query over accounts rolled up to people.

Orders are first summed per account and then per person: an account has few persons (one), so the second
step is small, and a merge or its withdrawal changes a join only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from sqlglot import exp

from butfor.facts import Facts, all_grid_facts, fact_type, least
from butfor.plan import Plan
from butfor.plan.kinds import Audience, Rule, Term
from butfor.profiles.value.summary import predicted_columns, prediction_column
from butfor.store import Logical, Query, Table, column, literal, named, sql

BASE: dict[str, Logical] = {
    "person_id": "uuid", "orders": "integer", "spend": "money", "last_order_at": "timestamp", "recency_days": "integer",
}  # fmt: skip
# Computed where the plan has the term: a trait that nobody defined costs nothing.
OPTIONAL: dict[str, tuple[Logical, str]] = {
    "returned": ("money", "CAST(coalesce(gave_back, 0) AS DECIMAL(18, 4))"),
    "average_order": ("number", "CASE WHEN orders > 0 THEN CAST(spend AS DOUBLE) / orders END"),
    "first_order_at": ("timestamp", "first_at"),
    "tenure_days": ("integer", "date_diff('day', CAST(first_at AS DATE), CAST(:as_of AS DATE))"),
}


def computed_traits(plan: Plan) -> dict[str, Rule]:
    """Return the traits that are taken from events, each with the fact that it is."""
    return {t.id: t.compute for t in plan.all(Term) if t.what == "trait" and t.compute is not None}


def wanted_predictions(plan: Plan) -> list[str]:
    """Return the predicted traits that the plan has a term for; ``butfor predict`` fills them."""
    return [n for n in predicted_columns() if (term := plan.find(Term, n)) and term.what == "trait"]


def predictions(plan: Plan) -> list[Facts]:
    """Return the predicted traits of people as facts, where the plan asks for any."""
    names = wanted_predictions(plan)
    if not names:
        return []
    cells = [column(prediction_column(n)).as_(n, quoted=True) for n in names]
    return [Facts(exp.select("person_id", *cells).from_("prediction"), names, [])]


def wanted_traits(plan: Plan) -> list[str]:
    """Return the optional traits that the plan has a term for."""
    return [name for name in OPTIONAL if (term := plan.find(Term, name)) and term.what == "trait"]


def trait_table(plan: Plan) -> Table:
    """Return the table of traits: base and optional ones, attributes, lifecycle terms, and scores of each RFM grid."""
    columns = BASE | {name: OPTIONAL[name][0] for name in wanted_traits(plan)}
    for term in plan.all(Term):
        if term.what == "attribute" or (term.what == "trait" and term.logic):
            columns[term.id] = cast(Logical, term.type or "text")
    for name, fact in (computed_traits(plan) | all_grid_facts(plan)).items():
        kind = fact_type(plan, fact)
        columns[name] = "text" if kind == "list" else cast(Logical, kind)
    columns |= {name: predicted_columns()[name] for name in wanted_predictions(plan)}
    for audience in plan.all(Audience):
        if audience.rfm:
            columns |= {f"{audience.id}_{s}": "integer" for s in ("recency", "frequency", "monetary")}
            columns[f"{audience.id}_cell"] = "text"
    return Table("traits", columns | {"recheck_at": "timestamp"})


@named("profiles.traits")
def traits(
    as_of: datetime,
    purchases: Sequence[str],
    refunds: Sequence[str],
    optional: Sequence[str],
    attributes_: Mapping[str, Sequence[str]],
    scores: Mapping[str, exp.Expression],
    computed: Mapping[str, exp.Expression],
    joined: bool = True,
    parts: Sequence[Facts] = (),
    rechecks: Sequence[exp.Expression] = (),
) -> exp.Expression:
    """All traits of all people. ``scores`` read the base columns and the facts of ``parts``, ``computed`` ones may read both.

    ``rechecks`` are times over them before which no trait changes by itself; with those of the parts they make ``recheck_at``.

    Where no accounts are ``joined``, each person is one account, and accounts need not be summed up again.
    """
    base = _base(as_of, purchases, refunds, optional, joined)
    if attributes_:
        base = _with_attributes(base, attributes_)
    if parts:
        base = _with_facts(base, parts)
    for columns in (scores, computed):
        if columns:
            base = exp.select("*", *[e.copy().as_(name, quoted=True) for name, e in columns.items()]).from_(
                base.subquery("b")
            )
    moments = [*rechecks, *(column(c) for p in parts for c in p.rechecks)]
    return exp.select("*", least(moments).as_("recheck_at")).from_(base.subquery("b"))


def _with_facts(base: exp.Select, parts: Sequence[Facts]) -> exp.Select:
    wide = exp.select("b.*").from_(base.subquery("b"))
    for i, part in enumerate(parts):
        at = f"g{i}"
        joined = part.query.subquery(at, copy=False)
        wide = wide.join(joined, on=f"{at}.person_id = b.person_id", join_type="left", copy=False)
        wide = wide.select(*[part.column(n, at).as_(n, quoted=True) for n in part.names], copy=False)
        wide = wide.select(*[column(c, at) for c in part.rechecks], copy=False)
    return wide


# Before the name of a table: its rows of the people touched. A table that is read under the name "ahead" is read as a whole.
TOUCHED = "touched_"


@named("profiles.touched")
def touched(whole: Query) -> exp.Expression:
    """A query for some people only: those in the staged map ``touched_map`` (account_id, person_id), from their own events."""
    return whole.expression.transform(_touched)


@named("profiles.touched_events")
def touched_events(table: str) -> exp.Expression:
    """The events of the people touched, read once for all that asks for them."""
    return sql("SELECT * FROM _t WHERE account_id IN (SELECT account_id FROM touched_map)", {"_t": table})


def tables_read(query: Query) -> set[str]:
    """Return the tables whose touched rows a query reads."""
    names = {t.name for t in query.expression.find_all(exp.Table)}
    return {n.removeprefix(TOUCHED) for n in names if n.startswith((f"{TOUCHED}ev_", f"{TOUCHED}attribute"))}


def _touched(node: exp.Expression) -> exp.Expression:
    if not isinstance(node, exp.Table):
        return node
    own = node.name == "people_map" or node.name == "attribute" or node.name.startswith("ev_")
    if not own or node.name.endswith("__products") or node.alias == "ahead":
        return node
    name = "touched_map" if node.name == "people_map" else TOUCHED + node.name
    return cast(exp.Expression, exp.alias_(exp.to_table(name), node.alias or node.name, table=True))


def _base(
    as_of: datetime,
    purchases: Sequence[str],
    refunds: Sequence[str],
    optional: Sequence[str],
    joined: bool,
) -> exp.Select:
    needs_first = {"first_order_at", "tenure_days"} & set(optional)
    first = "min(occurred_at)" if needs_first else "max(occurred_at)"
    further = "".join(f", {OPTIONAL[name][1]} AS {name}" for name in optional)
    built = sql(
        f"""
        WITH bought AS (
          SELECT account_id, count(CASE WHEN part = 0 THEN 1 END) AS orders, sum(total) AS total,
                 max(occurred_at) AS last_at, {first} AS first_at
          FROM _purchases WHERE occurred_at <= :as_of AND account_id IS NOT NULL GROUP BY account_id
        ), returned AS (
          SELECT account_id, sum(total) AS total FROM _refunds
          WHERE occurred_at <= :as_of AND account_id IS NOT NULL GROUP BY account_id
        ), person AS ({_SUMMED if joined else _ALONE})
        SELECT person_id, orders, spend, last_at AS last_order_at,
               date_diff('day', CAST(last_at AS DATE), CAST(:as_of AS DATE)) AS recency_days{further}
        FROM person
        """,
        tables={"_purchases": _all(purchases), "_refunds": _all(refunds)},
        as_of=as_of,
    )
    assert isinstance(built, exp.Select)
    return built


_ALONE = """
  SELECT p.person_id, CAST(coalesce(b.orders, 0) AS BIGINT) AS orders,
         CAST(coalesce(b.total, 0) - coalesce(g.total, 0) AS DECIMAL(18, 4)) AS spend,
         g.total AS gave_back, b.first_at, b.last_at
  FROM people_map AS p
  LEFT JOIN bought AS b ON b.account_id = p.account_id
  LEFT JOIN returned AS g ON g.account_id = p.account_id
"""
_SUMMED = """
  SELECT p.person_id, CAST(coalesce(sum(b.orders), 0) AS BIGINT) AS orders,
         CAST(coalesce(sum(b.total), 0) - coalesce(sum(g.total), 0) AS DECIMAL(18, 4)) AS spend,
         sum(g.total) AS gave_back, min(b.first_at) AS first_at, max(b.last_at) AS last_at
  FROM people_map AS p
  LEFT JOIN bought AS b ON b.account_id = p.account_id
  LEFT JOIN returned AS g ON g.account_id = p.account_id
  GROUP BY p.person_id
"""


def _all(tables: Sequence[str]) -> exp.Expression | str:
    """Return one table as it is, several as a union, and none as an empty one."""
    if len(tables) == 1:
        return tables[0]
    parts = [
        f"SELECT account_id, part, total, occurred_at FROM {exp.to_identifier(t, quoted=True)}"
        for t in tables
    ]
    nothing = (
        "SELECT CAST(NULL AS TEXT) AS account_id, 0 AS part, CAST(0 AS DECIMAL(18,4)) AS total, "
        "CAST(NULL AS TIMESTAMP) AS occurred_at WHERE false"
    )
    return sql(" UNION ALL ".join(parts) or nothing)


def _with_attributes(base: exp.Select, names: Mapping[str, Sequence[str]]) -> exp.Select:
    wide = exp.select("b.*", *[column(n, "a") for n in names]).from_(base.subquery("b"))
    return wide.join(attributes(names).subquery("a"), on="a.person_id = b.person_id", join_type="left")


def attributes(names: Mapping[str, Sequence[str]]) -> exp.Select:
    """The surviving value of each attribute per person: of the first of its owning sources, else the newest.

    ``names`` gives the sources that own an attribute, best first; between equal times the larger row id decides.
    """
    picked = [
        exp.ArgMax(
            this=column(n, "a"),
            expression=exp.Case().when(
                exp.not_(exp.Is(this=column(n, "a"), expression=exp.null())), _rank(owners)
            ),
        ).as_(n, quoted=True)
        for n, owners in names.items()
    ]
    base = sql(
        """
        SELECT p.person_id
        FROM (
          SELECT *, concat(CAST(CAST(seen_at AS DATE) AS TEXT), lpad(CAST(date_part('hour', seen_at) * 3600
                 + date_part('minute', seen_at) * 60 + CAST(floor(date_part('second', seen_at)) AS BIGINT) AS TEXT), 5, '0'),
                 CAST(row_id AS TEXT)) AS rank_key
          FROM attribute
        ) AS a JOIN people_map AS p ON p.account_id = a.account_id
        GROUP BY p.person_id
        """
    )
    assert isinstance(base, exp.Select)
    return base.select(*picked)


def _rank(owners: Sequence[str]) -> exp.Expression:
    newest: exp.Expression = column("rank_key", "a")
    if not owners:
        return newest
    place = exp.Case()
    for i, source in enumerate(owners):
        place = place.when(
            exp.EQ(this=column("source", "a"), expression=literal(source)), literal(f"{900 - i:03d}")
        )
    return exp.Concat(expressions=[place.else_(literal("000")), newest])


@named("profiles.newest_event")
def newest_event(tables: Sequence[str]) -> exp.Expression:
    """The newest time in any of the event tables; NULL when there is none."""
    parts = [f"SELECT max(occurred_at) AS newest FROM {exp.to_identifier(t, quoted=True)}" for t in tables]
    return sql(f"SELECT max(newest) AS newest FROM ({' UNION ALL '.join(parts)}) AS t")
