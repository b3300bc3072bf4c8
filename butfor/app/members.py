"""Compute the audiences of a workspace: of everybody, or of the people touched; the same conditions give the same members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlglot import exp

import butfor.audiences as audiences
from butfor.audiences.known import STAGED_CONSENT, STAGED_CONTACT
from butfor.audiences.membership import (
    MEMBERSHIP,
    PAST,
    RECHECK,
    SIZES,
    AudienceSize,
    Compiled,
    Stage,
    ended,
    flag_table,
    flags,
    holders,
    look_at,
    members_after,
    members_of,
    names_with_members,
    recheck_rows,
    retired,
    runs,
    size_rows,
)
from butfor.channels.consent import consents
from butfor.facts import Clock, clock_at
from butfor.identity import joined_accounts
from butfor.identity.read import stage_ids
from butfor.plan import Plan
from butfor.plan.kinds import Rule
from butfor.store import SOME_TIME, Hub, Lake, Query, Table, named, sql


@named("app.touched_people")
def touched_ids() -> exp.Expression:
    """The people to recompute."""
    return sql("SELECT person_id FROM touched_people")


def clock_of(plan: Plan, as_of: datetime) -> Clock:
    """Return the clock of a workspace as of a time."""
    return clock_at(as_of, plan.workspace.time_zone)


def kept_clock(plan: Plan, as_of: datetime) -> Clock:
    """Return the clock for queries that are kept for a day: its instant is moved later, its calendar day is real."""
    return Clock(SOME_TIME, clock_of(plan, as_of).today, plan.workspace.time_zone)


def day_of(plan: Plan, as_of: datetime) -> tuple[Any, ...]:
    """Return what a kept query holds for: a plan, and the calendar day there."""
    return (id(plan), clock_of(plan, as_of).today, as_of.date())


def compute_everybody(plan: Plan, hub: Hub, lake: Lake, as_of: datetime) -> Compiled:
    """Recompute all audiences of all people; write who came and went, how large each is, and when to look again."""
    lake.ensure(MEMBERSHIP, PAST, RECHECK, SIZES)
    clock = clock_of(plan, as_of)
    compiled = audiences.compile_audiences(plan, clock)
    joined = bool(lake.fetch(joined_accounts())["n"][0].as_py())
    stage_hub_facts(hub, lake, compiled.stages)
    _drop_others(lake, compiled.names, as_of)
    for i, stage in enumerate(compiled.stages):
        lake.scratch(flag_table(stage), flags(plan, stage, clock, joined=joined))
        names, others = list(stage.conditions), _others(compiled, stage)
        lake.insert(PAST.name, ended(names, as_of))
        lake.rebuild(MEMBERSHIP, members_after(names, others, as_of))
        if i == 0:
            lake.rebuild(RECHECK, recheck_rows())
        else:
            lake.insert(RECHECK.name, recheck_rows())
    _write_sizes(lake, compiled, as_of)
    return compiled


def compute_touched(
    hub: Hub, lake: Lake, stages: Sequence[tuple[Stage, Query]], as_of: datetime, dialect: str
) -> None:
    """Recompute the audiences of the staged people ``touched_people``, whose traits are in ``touched_traits``."""
    stage_hub_facts(hub, lake, [s for s, _ in stages])
    every = [n for s, _ in stages for n in s.conditions]
    for i, (stage, query) in enumerate(stages):
        names = list(stage.conditions)
        lake.scratch(flag_table(stage), query.moved(as_of, dialect))
        lake.insert(PAST.name, ended(names, as_of, "touched_people"))
        others = [n for n in every if n not in names]
        after = members_after(names, others, as_of, "touched_people")
        lake.replace(MEMBERSHIP, "person_id", touched_ids(), after)
        if i == 0:
            lake.replace(RECHECK, "person_id", touched_ids(), recheck_rows())
        else:
            lake.insert(RECHECK.name, recheck_rows())


def _others(compiled: Compiled, stage: Stage) -> list[str]:
    return [n for n in compiled.names if n not in stage.conditions]


def _drop_others(lake: Lake, names: Sequence[str], as_of: datetime) -> None:
    """End the spells of audiences that are no more, or cannot be computed."""
    gone = sorted(set(lake.fetch(names_with_members())["audience"].to_pylist()) - set(names))
    if gone or not names:
        lake.insert(PAST.name, retired(gone, as_of))
        lake.rebuild(MEMBERSHIP, members_of(names))


def stage_hub_facts(hub: Hub, lake: Lake, stages: Iterable[Stage]) -> None:
    """Stage what the hub knows and some condition asks: consents by address, and contacts."""
    facts = [f for s in stages for f in s.facts.values()]
    if any(f.consent or f.reachable for f in facts):
        lake.stage(STAGED_CONSENT.name, _consents(hub), like=STAGED_CONSENT)
    if any(f.contacted for f in facts):
        rows = [
            {c: r[c] for c in STAGED_CONTACT.columns}
            for campaign in sorted({f.contacted for f in facts if f.contacted})
            for r in hub.rows("contact", campaign=campaign)
        ]
        table = pa.Table.from_pylist(rows, STAGED_CONTACT.arrow_schema())
        lake.stage(STAGED_CONTACT.name, table, like=STAGED_CONTACT)


def contacted(plan: Plan, lake: Lake, campaign: str, people: Iterable[str], moment: datetime) -> None:
    """Have people looked at whom a campaign contacted, where some audience asks for that."""
    if RECHECK.name in lake.tables() and _asked(plan, lambda f: f.contacted == campaign):
        _look(lake, people, moment)


def consented(plan: Plan, lake: Lake, address: str, moment: datetime) -> None:
    """Have people looked at who have an address that somebody said yes or no at, where some audience asks for that."""
    if RECHECK.name in lake.tables() and _asked(plan, lambda f: bool(f.consent or f.reachable)):
        _look(lake, map(str, lake.fetch(holders(address))["person_id"].to_pylist()), moment)


def _asked(plan: Plan, wanted: Callable[[Rule], bool]) -> bool:
    stages = audiences.compile_audiences(plan, clock_of(plan, datetime(2000, 1, 1))).stages
    return any(wanted(f) for s in stages for f in s.facts.values())


def _look(lake: Lake, people: Iterable[str], moment: datetime) -> None:
    stage_ids(lake, "staged_look", set(people), "person_id")
    lake.insert(RECHECK.name, look_at(moment))


def _consents(hub: Hub) -> pa.Table:
    """Return what holds at every address that somebody said anything of; an erased one is recognised by its mark only."""
    asked: dict[str, set[str]] = {}
    for row in hub.rows("consent"):
        asked.setdefault(row["channel"], set()).add(row["address"])
    rows = [
        {"channel": channel, "address": address, "verdict": found.verdict}
        for channel, addresses in sorted(asked.items())
        for address, found in consents(hub, channel, addresses).items()
    ]
    return pa.Table.from_pylist(rows, STAGED_CONSENT.arrow_schema())


def _write_sizes(lake: Lake, compiled: Compiled, as_of: datetime) -> None:
    found = {r["audience"]: r for r in lake.fetch(audiences.sizes()).to_pylist()}
    run = int(lake.fetch(runs())["n"][0].as_py()) + 1
    none = {"people": 0, "spend": 0.0}
    rows = [
        {
            "audience": n,
            "run": run,
            "as_of": as_of,
            "why": str(compiled.broken[n]) if n in compiled.broken else None,
        }
        | {k: found.get(n, none)[k] for k in none}
        for n in [*compiled.names, *sorted(compiled.broken)]
    ]
    floats = Table("staged_sizes", SIZES.columns | {"spend": "number"})
    lake.stage("staged_sizes", pa.Table.from_pylist(rows, floats.arrow_schema()), like=SIZES)
    lake.insert(SIZES.name, size_rows())


def current_sizes(plan: Plan, lake: Lake, now: datetime) -> list[AudienceSize]:
    """Return the size of each audience, exactly counted; one that could not be computed says why and holds nobody."""
    found = {r["audience"]: AudienceSize(**r) for r in lake.fetch(audiences.sizes()).to_pylist()}
    when = max((a.as_of for a in found.values()), default=now)
    clock = clock_of(plan, when)
    broken = audiences.compile_audiences(plan, clock).broken
    return [
        AudienceSize(n, 0, 0.0, when, str(broken[n]))
        if n in broken
        else found.get(n, AudienceSize(n, 0, 0.0, when))
        for n in sorted(audiences.audience_names(plan))
    ]
