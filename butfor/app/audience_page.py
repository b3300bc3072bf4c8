"""All that is shown of one audience: its rule in words, size now and over time, value, reach per channel, overlap."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlglot import exp

import butfor.audiences as audiences
from butfor.app.members import clock_of, stage_hub_facts
from butfor.app.workspace import Workspace
from butfor.audiences.known import known_queries
from butfor.audiences.membership import Stage, members_known, overlap, size_history
from butfor.model import BadInput
from butfor.plan import did_you_mean
from butfor.plan.kinds import Audience, Rule, Term, to_builtins
from butfor.plan.uses import Use, uses_of
from butfor.store import literal, named


class AudiencePage(msgspec.Struct, frozen=True, kw_only=True):
    """One audience, exactly counted as of a time; ``reach`` says how many of its people have each address and did not refuse.

    ``why_not`` says why it could not be computed; then nobody is in it. ``history`` is what each run found.
    """

    audience: str
    label: str
    rule: str
    text: str
    why: str
    as_of: datetime
    exact: bool
    people: int
    spend: float
    why_not: str | None
    parts: list[dict[str, Any]]
    reach: dict[str, int]
    overlap: list[dict[str, Any]]
    history: list[dict[str, Any]]
    uses: list[Use]
    definition: dict[str, Any]


def audience_page(ws: Workspace, name: str) -> AudiencePage:
    """Return all that is known of an audience, or of one cell of a grid; raise BadInput when there is none of that name."""
    definition = audience_of(ws, name)
    ws.need_run()
    sizes = [a for a in ws.audiences() if a.audience == name or a.audience.startswith(f"{name}.")]
    own = next((a for a in sizes if a.audience == name), None)
    asked = [a.audience for a in sizes]
    rule = definition.rule
    return AudiencePage(
        audience=name, label=definition.label, rule=audiences.rule_sentence(ws.plan, rule) if rule else "",
        text=audiences.rule_text(rule) if rule else "", why=definition.why, as_of=ws.computed_as_of(), exact=True,
        people=sum(a.people for a in sizes), spend=sum(a.spend for a in sizes), why_not=own.why if own else None,
        parts=[msgspec.to_builtins(a) for a in sizes] if len(sizes) > 1 else [], reach=_reach(ws, asked),
        overlap=[{"audience": r["audience"], "people": r["people"]} for n in asked[:1] if own for r in ws.lake.fetch(overlap(n)).to_pylist()][:20],
        history=[r for n in asked[:1] if own for r in ws.lake.fetch(size_history(n)).to_pylist()],
        uses=uses_of(ws.plan, definition), definition=to_builtins(definition),
    )  # fmt: skip


def audience_of(ws: Workspace, name: str) -> Audience:
    """Return the definition of an audience, or of the grid of a cell; raise BadInput when there is none."""
    known = [*audiences.audience_names(ws.plan), *(a.id for a in ws.plan.all(Audience))]
    found = ws.plan.find(Audience, name.partition(".")[0])
    if found is None or name not in known:
        raise BadInput(
            "audience",
            value=name,
            rule="an audience is defined in audiences/",
            next_step=did_you_mean(name, known),
        )
    return found


@named("app.reach")
def reach(reachable: exp.Select, names: list[str], columns: list[str]) -> exp.Expression:
    """How many people of some audiences are reachable by each channel."""
    counted = [exp.Count(this=exp.Case().when(exp.column(c, table="g"), literal(1))).as_(c) for c in columns]
    people = members_known(names).subquery("m")
    return exp.select(*counted).from_(people).join(reachable.subquery("g"), on="g.person_id = m.person_id")


def _reach(ws: Workspace, names: list[str]) -> dict[str, int]:
    channels = [t.id for t in ws.plan.all(Term) if t.what == "identifier" and t.id in audiences.CHANNELS]
    facts = {f"c_{i}": Rule(reachable=c) for i, c in enumerate(channels)}
    if not facts or not names:
        return {}
    clock = clock_of(ws.plan, ws.as_of())
    stage_hub_facts(ws.hub, ws.lake, [Stage({}, facts, [])])
    [part] = known_queries(facts, clock)
    [row] = ws.lake.fetch(reach(part.query, names, list(facts))).to_pylist()
    return {c: int(row[f"c_{i}"] or 0) for i, c in enumerate(channels)}
