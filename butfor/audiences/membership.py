"""Who is in which audience, as of a time: one query, one table."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlglot import exp

from butfor.audiences.compile import audience_condition
from butfor.plan import Plan
from butfor.plan.kinds import Audience
from butfor.store import Table, literal, named, sql

MEMBERSHIP = Table("membership", {"audience": "text", "person_id": "uuid", "as_of": "timestamp"})


class AudienceSize(msgspec.Struct, frozen=True):
    """How many people an audience holds as of a time, exactly counted, and their net spend."""

    audience: str
    people: int
    spend: float
    as_of: datetime


def audience_conditions(plan: Plan) -> dict[str, exp.Expression]:
    """Return the condition of every active audience; a grid gives one per cell, and one for people without purchase."""
    found: dict[str, exp.Expression] = {}
    for audience in plan.all(Audience):
        if audience.status == "retired":
            continue
        cells = [*audience.rfm.cells, "no_purchase"] if audience.rfm else [""]
        for cell in cells:
            name = f"{audience.id}.{cell}" if cell else audience.id
            found[name] = audience_condition(plan, name)
    return found


@named("audiences.memberships")
def memberships(
    conditions: dict[str, exp.Expression], as_of: datetime, traits: str = "traits"
) -> exp.Expression:
    """One row per audience and person in it, of the people in a table of traits."""
    parts = [_one(name, held, as_of, traits) for name, held in conditions.items()]
    if not parts:
        return _one("", exp.false(), as_of, traits)
    return exp.union(*parts, distinct=False) if len(parts) > 1 else parts[0]


def _one(name: str, held: exp.Expression, as_of: datetime, traits: str) -> exp.Select:
    base = sql(
        "SELECT person_id, :name AS audience, :as_of AS as_of FROM _traits",
        {"_traits": traits},
        name=name,
        as_of=as_of,
    )
    assert isinstance(base, exp.Select)
    return base.where(held)


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


@named("audiences.members")
def members(audience: str) -> exp.Expression:
    """The people of one audience, in a stable order."""
    return sql(
        "SELECT person_id FROM membership WHERE audience = :audience ORDER BY person_id",
        audience=literal(audience),
    )
