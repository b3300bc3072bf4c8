"""Who is in which audience, since when and until when: one row of flags per person, current members, and past spells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from sqlglot import exp

from butfor.audiences.compile import Compiler, reads_history
from butfor.audiences.known import future_events, known_queries
from butfor.facts import Clock, Facts, fact_queries, least
from butfor.model import ButforError
from butfor.plan import Plan
from butfor.plan.kinds import Audience, Rule, Term
from butfor.store import Logical, Table, column, literal, named, sql

# Current members: since when, and as of when they were last judged.
MEMBERSHIP = Table(
    "membership", {"audience": "text", "person_id": "uuid", "since": "timestamp", "as_of": "timestamp"}
)
# Spells that ended: somebody was a member from ``entered_at`` to before ``left_at``.
PAST = Table(
    "membership_past",
    {"audience": "text", "person_id": "uuid", "entered_at": "timestamp", "left_at": "timestamp"},
)
# When the membership of a person may next change though nothing happens; one row per person with such a time.
RECHECK = Table("membership_recheck", {"person_id": "uuid", "recheck_at": "timestamp"})
# What each full run, numbered, found of each audience; one that could not be computed says why and has no people.
SIZES = Table(
    "audience_size",
    {
        "audience": "text",
        "run": "integer",
        "as_of": "timestamp",
        "people": "integer",
        "spend": "money",
        "why": "text",
    },
)


class AudienceSize(msgspec.Struct, frozen=True):
    """How many people an audience holds as of a time, exactly counted, and their net spend.

    ``why`` says why an audience could not be computed; then nobody is in it.
    """

    audience: str
    people: int
    spend: float
    as_of: datetime
    why: str | None = None


class Stage(msgspec.Struct, frozen=True):
    """Audiences that are computed together: their conditions over traits and facts, and what those need."""

    conditions: dict[str, exp.Expression]
    facts: dict[str, Rule]
    rechecks: list[exp.Expression]


class Compiled(msgspec.Struct, frozen=True):
    """All audiences of a plan: stages in order, for one may ask when people entered another; and those that cannot be computed."""

    stages: list[Stage]
    broken: dict[str, ButforError]

    @property
    def names(self) -> list[str]:
        """Return every audience that can be computed."""
        return sorted(n for s in self.stages for n in s.conditions)


def audience_names(plan: Plan) -> list[str]:
    """Return every active audience; a grid gives one per cell, and one for people without purchase."""
    found = []
    for audience in plan.all(Audience):
        if audience.status != "retired":
            cells = [*audience.rfm.cells, "no_purchase"] if audience.rfm else [""]
            found += [f"{audience.id}.{cell}" if cell else audience.id for cell in cells]
    return found


def compile_audiences(plan: Plan, clock: Clock, only: Sequence[str] | None = None) -> Compiled:
    """Compile the active audiences of a plan (or ``only`` some); one that cannot be read breaks no other."""
    stages: dict[int, tuple[Compiler, dict[str, exp.Expression]]] = {}
    broken: dict[str, ButforError] = {}
    for name in audience_names(plan) if only is None else only:
        try:
            probe = Compiler(plan, clock)
            built = probe.audience(name)
            depth = _depth(plan, probe.facts.values())
        except ButforError as error:
            broken[name] = error
            continue
        compiler, conditions = stages.setdefault(depth, (Compiler(plan, clock), {}))
        compiler.facts |= probe.facts
        compiler.rechecks |= probe.rechecks
        conditions[name] = built
    found = [Stage(c, k.facts, list(k.rechecks.values())) for _, (k, c) in sorted(stages.items())]
    return Compiled(found, broken)


def _depth(plan: Plan, facts: Iterable[Rule]) -> int:
    """Return how many stages must be computed before: an audience that asks who entered another waits for that one."""
    asked = [str(f.audience) for f in facts if reads_history(f)]
    deepest = 0
    for name in asked:
        inner = Compiler(plan, Clock(datetime(2000, 1, 1), datetime(2000, 1, 1).date()))
        inner.audience(name)
        deepest = max(deepest, 1 + _depth(plan, list(inner.facts.values())))
    return deepest


def flag_table(stage: Stage) -> Table:
    """Return the table of flags of a stage: per person one column for each audience, and when to look again."""
    columns: dict[str, Logical] = {"person_id": "uuid"}
    columns |= {f"a_{i}": "boolean" for i in range(len(stage.conditions))}
    return Table("audience_flags", columns | {"recheck_at": "timestamp"})


@named("audiences.flags")
def flags(
    plan: Plan, stage: Stage, clock: Clock, traits: str = "traits", joined: bool = True
) -> exp.Expression:
    """One row per person: whether each audience of a stage holds them, in the order of its conditions."""
    about = _about_events(stage.facts)
    parts = [*fact_queries(plan, about, clock, joined=joined), *known_queries(stage.facts, clock)]
    events = [f"ev_{t.id}" for t in plan.all(Term) if t.what == "event"]
    if events:
        parts.append(future_events(events, clock))
    base = joined_facts(
        exp.select(column("person_id", "t")).from_(exp.alias_(exp.to_table(traits), "t", table=True)), parts
    )
    cells = [_own(held).as_(f"a_{i}") for i, held in enumerate(stage.conditions.values())]
    moments = [column("recheck_at", "t"), *[_own(m) for m in stage.rechecks]]
    moments += [column(c, f"g{i}") for i, p in enumerate(parts) for c in p.rechecks]
    return base.select(*cells, least(moments).as_("recheck_at"), copy=False)


def _about_events(facts: Mapping[str, Rule]) -> dict[str, Rule]:
    return {n: f for n, f in facts.items() if f.event is not None}


def joined_facts(base: exp.Select, parts: Sequence[Facts]) -> exp.Select:
    """Join queries of facts to a selection of people ``t``, as g0, g1 and so on."""
    for i, part in enumerate(parts):
        joined = part.query.subquery(f"g{i}", copy=False)
        base = base.join(joined, on=f"g{i}.person_id = t.person_id", join_type="left", copy=False)
    return base


def _own(held: exp.Expression) -> exp.Expression:
    """Say that a person is the one of the traits: joined queries have the column too."""

    def named_person(node: exp.Expression) -> exp.Expression:
        return column("person_id", "t") if isinstance(node, exp.Column) and node.name == "person_id" else node

    return held.copy().transform(named_person)


@named("audiences.after")
def members_after(
    names: Sequence[str], others: Sequence[str], as_of: datetime, among: str | None = None
) -> exp.Expression:
    """The members after a stage (of the people ``among``): as its flags say, each since when; and those of ``others`` as they stand."""
    parts = [_one(i, name, as_of) for i, name in enumerate(names)]
    if others:
        parts.append(standing_members(others, among))
    return exp.union(*parts, distinct=False, copy=False) if len(parts) > 1 else parts[0]


def _one(at: int, name: str, as_of: datetime) -> exp.Select:
    # One small join for each audience: ids are compared with the ids of that audience only.
    base = sql(
        """
        SELECT f.person_id, :name AS audience, coalesce(m.since, :as_of) AS since, :as_of AS as_of FROM audience_flags AS f
        LEFT JOIN (SELECT person_id, since FROM membership WHERE audience = :name) AS m ON m.person_id = f.person_id
        """,
        name=name,
        as_of=as_of,
    )
    assert isinstance(base, exp.Select)
    return base.where(column(f"a_{at}", "f"), copy=False)


@named("audiences.ended")
def ended(names: Sequence[str], as_of: datetime, among: str | None = None) -> exp.Expression:
    """The spells that end: members of a stage's audiences (of the people ``among``) who its flags say are none any more.

    A spell that began and ended at one instant never was.
    """
    held = exp.Case()
    for i, name in enumerate(names):
        held = held.when(
            exp.EQ(this=column("audience", "m"), expression=literal(name)), column(f"a_{i}", "f")
        )
    found = sql(
        """
        SELECT m.audience, m.person_id, m.since AS entered_at, :as_of AS left_at
        FROM membership AS m LEFT JOIN audience_flags AS f ON f.person_id = m.person_id WHERE m.since < :as_of
        """,
        as_of=as_of,
    )
    assert isinstance(found, exp.Select)
    out = exp.not_(exp.Coalesce(this=held, expressions=[exp.false()]))
    return _among(_of(found, names).where(out), among)


@named("audiences.retired")
def retired(names: Sequence[str], as_of: datetime) -> exp.Expression:
    """The spells that end because their audiences are no more, or cannot be computed."""
    found = sql(
        "SELECT m.audience, m.person_id, m.since AS entered_at, :as_of AS left_at FROM membership AS m WHERE m.since < :as_of",
        as_of=as_of,
    )
    assert isinstance(found, exp.Select)
    return _of(found, names)


def _of(query: exp.Select, names: Sequence[str]) -> exp.Select:
    inside = [literal(n) for n in names]
    return query.where(exp.In(this=column("audience", "m"), expressions=inside) if inside else exp.false())


def _among(query: exp.Select, among: str | None) -> exp.Select:
    if among is None:
        return query
    return query.where(
        column("person_id", "m").isin(query=sql("SELECT person_id FROM _among", {"_among": among}))
    )


def standing_members(names: Sequence[str], among: str | None = None) -> exp.Select:
    """Return the members of some audiences as they stand (of the people ``among``)."""
    other = sql("SELECT m.person_id, m.audience, m.since, m.as_of FROM membership AS m")
    assert isinstance(other, exp.Select)
    return _among(_of(other, names), among)


@named("audiences.standing")
def members_of(names: Sequence[str]) -> exp.Expression:
    """The members of some audiences, as they stand."""
    return standing_members(names)


@named("audiences.rechecks")
def recheck_rows() -> exp.Expression:
    """When to look again at whom."""
    return sql("SELECT person_id, recheck_at FROM audience_flags WHERE recheck_at IS NOT NULL")


@named("audiences.looked_at")
def look_at(moment: datetime) -> exp.Expression:
    """The staged people, to be looked at from a moment on."""
    return sql("SELECT person_id, :moment AS recheck_at FROM staged_look", moment=moment)


@named("audiences.holders")
def holders(address: str) -> exp.Expression:
    """The people with an address."""
    return sql(
        """
        SELECT DISTINCT p.person_id FROM identifier AS i JOIN people_map AS p ON p.account_id = i.account_id
        WHERE i.val = :address ORDER BY p.person_id
        """,
        address=literal(address),
    )


@named("audiences.due")
def due(now: datetime) -> exp.Expression:
    """The people whose membership may have changed by now."""
    return sql(
        "SELECT DISTINCT person_id FROM membership_recheck WHERE recheck_at <= :now ORDER BY person_id",
        now=now,
    )


@named("audiences.newest")
def newest() -> exp.Expression:
    """The time that the newest membership stands for."""
    return sql(
        "SELECT max(as_of) AS newest FROM (SELECT max(as_of) AS as_of FROM membership UNION ALL SELECT max(as_of) AS as_of FROM audience_size) AS m"
    )


@named("audiences.known_names")
def names_with_members() -> exp.Expression:
    """The audiences that have members."""
    return sql("SELECT DISTINCT audience FROM membership ORDER BY audience")


@named("audiences.sizes")
def sizes() -> exp.Expression:
    """People and net spend of each audience."""
    return sql(
        """
        SELECT m.audience, count(*) AS people, CAST(coalesce(sum(t.spend), 0) AS DOUBLE) AS spend, max(m.as_of) AS as_of
        FROM membership AS m JOIN traits AS t ON t.person_id = m.person_id
        GROUP BY m.audience ORDER BY m.audience
        """
    )


@named("audiences.size_rows")
def size_rows() -> exp.Expression:
    """What a run found, staged."""
    return sql("SELECT audience, run, as_of, people, spend, why FROM staged_sizes")


@named("audiences.size_history")
def size_history(audience: str) -> exp.Expression:
    """The size of an audience over time, oldest first."""
    return sql(
        "SELECT run, as_of, people, CAST(spend AS DOUBLE) AS spend, why FROM audience_size WHERE audience = :audience ORDER BY run",
        audience=literal(audience),
    )


@named("audiences.runs")
def runs() -> exp.Expression:
    """How many full runs there were."""
    return sql("SELECT coalesce(max(run), 0) AS n FROM audience_size")


@named("audiences.members")
def members(audience: str) -> exp.Expression:
    """The people of one audience, in a stable order."""
    return sql(
        "SELECT person_id FROM membership WHERE audience = :audience ORDER BY person_id",
        audience=literal(audience),
    )


def members_known(names: Sequence[str]) -> exp.Select:
    """Return the selection of the people of some audiences, each once."""
    query = sql("SELECT DISTINCT m.person_id FROM membership AS m")
    assert isinstance(query, exp.Select)
    return _of(query, names)


@named("audiences.members_at")
def members_at(audience: str, moment: datetime) -> exp.Expression:
    """The people who were in an audience at a past time, as was known then, in a stable order."""
    return sql(
        """
        SELECT DISTINCT person_id FROM (
          SELECT person_id FROM membership WHERE audience = :audience AND since <= :moment
          UNION ALL
          SELECT person_id FROM membership_past WHERE audience = :audience AND entered_at <= :moment AND left_at > :moment) AS m
        ORDER BY person_id
        """,
        audience=literal(audience),
        moment=moment,
    )


@named("audiences.overlap")
def overlap(audience: str) -> exp.Expression:
    """How many people of an audience every other audience holds too, largest first."""
    return sql(
        """
        SELECT o.audience, count(*) AS people FROM membership AS m JOIN membership AS o ON o.person_id = m.person_id
        WHERE m.audience = :audience AND o.audience <> :audience GROUP BY o.audience ORDER BY people DESC, o.audience
        """,
        audience=literal(audience),
    )
