"""What a changed definition would do: who enters, who leaves, how much margin moves, what builds on it, and when to change (R-190)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from sqlglot import exp

import butfor.audiences as audiences
import butfor.profiles as profiles
from butfor.app.members import clock_of, stage_hub_facts
from butfor.app.workspace import Workspace
from butfor.audiences.membership import Stage
from butfor.facts import Clock, fact_queries, grid_facts
from butfor.model import BadDefinition, BadInput, ButforError
from butfor.plan import Plan, Problem, check
from butfor.plan.files import Place, kind_name
from butfor.plan.kinds import Audience, Definition, Experiment, Term
from butfor.plan.uses import Use, uses_of
from butfor.store import Query, Table, column, literal, named, sql

# The name of a changed grid beside the one in force.
_NEW = "changed"
# A change that leaves this share of everybody in an audience, and makes it this many times larger, floods it.
FLOOD_SHARE, FLOOD_TIMES = 0.5, 3.0
EXAMPLES = 10


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """How many people go from one place to another, and the net spend they stand for; ``""`` is outside."""

    before: str
    after: str
    people: int
    spend: float
    margin: float | None


class Consequences(msgspec.Struct, frozen=True, kw_only=True):
    """What changes when a definition is saved, counted exactly on the people as of the last run.

    ``margin`` of the moves is net spend times the workspace's margin, None where none is given. ``from_day`` is the first day
    after the running tests that build on the definition. ``warnings`` must be accepted before it is saved.
    """

    kind: str
    id: str
    as_of: datetime
    people: int
    before: int
    after: int
    entered: int
    left: int
    moves: list[Move]
    examples: list[dict[str, str]]
    uses: list[Use]
    from_day: date
    because: str
    warnings: list[str]
    sentence: str


def consequences(ws: Workspace, definition: Definition) -> Consequences:
    """Return what saving an audience or a lifecycle term would change; nothing is written.

    Raises BadDefinition or Refused when it could not be used at all.
    """
    ws.need_run()
    if not isinstance(definition, (Audience, Term)):
        raise BadInput(
            kind_name(type(definition)), value=definition.id, rule="people move by audiences and lifecycle terms",
            next_step="compare other definitions in the change log",
        )  # fmt: skip
    plan, new = ws.plan, with_definition(ws.plan, definition)
    refuse_broken(new, definition)
    moment = ws.computed_as_of()
    clock = clock_of(plan, moment)
    old = plan.find(type(definition), definition.id)
    before, after, query = _places(ws, old, definition, new, clock)
    ws.lake.scratch(_TOLD, _told(query, before, after))
    rows = ws.lake.fetch(_moves()).to_pylist()
    moves = [_move(r, plan.workspace.margin) for r in rows]
    shown = [
        {"person_id": str(r["person_id"]), "before": r["was"], "after": r["becomes"]}
        for r in ws.lake.fetch(_movers(EXAMPLES)).to_pylist()
    ]
    uses = uses_of(plan, definition)
    day, because = _when(ws, plan, uses, moment)
    made = Consequences(
        kind=kind_name(type(definition)), id=definition.id, as_of=moment, people=sum(m.people for m in moves),
        before=sum(m.people for m in moves if m.before), after=sum(m.people for m in moves if m.after),
        entered=sum(m.people for m in moves if m.before != m.after and not m.before),
        left=sum(m.people for m in moves if m.before != m.after and not m.after),
        moves=[m for m in moves if m.before != m.after], examples=shown, uses=uses, from_day=day, because=because, warnings=[], sentence="",
    )  # fmt: skip
    # A grid holds everybody, so its people move and never flood it.
    warnings = [] if isinstance(definition, Audience) and definition.rfm else _warnings(made, old)
    return msgspec.structs.replace(made, warnings=warnings, sentence=_sentence(made, plan.workspace.currency))


def with_definition(plan: Plan, definition: Definition) -> Plan:
    """Return a plan in which a definition is as given; nothing is written."""
    key = (kind_name(type(definition)), definition.id)
    place = plan.places.get(key, Place(f"{key[0]} {key[1]}", {}))
    return msgspec.structs.replace(
        plan, definitions={**plan.definitions, key: definition}, places={**plan.places, key: place}
    )


def refuse_broken(plan: Plan, definition: Definition) -> None:
    """Raise BadDefinition for the first error that checking finds in a definition."""
    file = plan.place(definition).file
    found: list[Problem] = [p for p in check(plan) if p.level == "error" and p.file == file]
    if isinstance(definition, Audience):
        for name in audiences.audience_names(plan):
            if name.partition(".")[0] == definition.id:
                audiences.Compiler(plan, Clock(datetime(2000, 1, 1), date(2000, 1, 1))).audience(name)
    if found:
        raise BadDefinition(
            f"{kind_name(type(definition))} {definition.id}",
            value=found[0].what,
            rule=found[0].why,
            next_step=found[0].next,
        )


def _places(
    ws: Workspace, old: Definition | None, definition: Definition, new: Plan, clock: Clock
) -> tuple[exp.Expression, exp.Expression, Query]:
    """Return where people were, where they come, and a query of flags and columns that tells both."""
    if isinstance(definition, Term):
        return _stages(ws, old, definition, new, clock)
    assert isinstance(definition, Audience)
    if definition.rfm is not None:
        return _cells(old, definition, new, clock)
    stage, held = _stage(ws, old, definition, new, clock)
    stage_hub_facts(ws.hub, ws.lake, [stage])
    inside = [exp.Case().when(column(f"a_{i}"), literal(definition.id)).else_(literal("")) for i in range(2)]
    return (inside[0] if held else literal("")), inside[1], _with_spend(audiences.flags(new, stage, clock))


def _stage(
    ws: Workspace, old: Definition | None, definition: Audience, new: Plan, clock: Clock
) -> tuple[Stage, bool]:
    after = audiences.Compiler(new, clock)
    conditions = {"after": after.audience(definition.id)}
    facts = dict(after.facts)
    held: exp.Expression = exp.false()
    if isinstance(old, Audience) and old.rule is not None:
        try:
            before = audiences.Compiler(ws.plan, clock)
            held = before.audience(old.id)
            facts |= before.facts
        except ButforError:
            # What could not be computed held nobody.
            held = exp.false()
    return Stage({"before": held, **conditions}, facts, []), isinstance(old, Audience)


def _with_spend(query: Query) -> Query:
    made = query.expression.copy()
    assert isinstance(made, exp.Select)
    return Query("app.moves", made.select(column("spend", "t")))


def _cells(
    old: Definition | None, definition: Audience, new: Plan, clock: Clock
) -> tuple[exp.Expression, exp.Expression, Query]:
    """The cells of a grid in force are columns of the traits; those of the changed one are computed beside them."""
    changed = msgspec.structs.replace(definition, id=_NEW)
    if definition.rfm is None or not definition.rfm.borders.recency:
        raise BadDefinition(
            f"audience {definition.id}", value="no borders", rule="a grid is compared by its stored borders",
            next_step="give rfm.borders, or butfor run once, which finds and stores them",
        )  # fmt: skip
    scores = profiles.score_columns(changed)
    base = exp.select("*", *[e.as_(n, quoted=True) for n, e in scores.items()]).from_(
        _with_own_facts(new, changed, clock).subquery("o")
    )
    full = exp.select("*", profiles.cell_column(changed).as_("new_cell")).from_(base.subquery("b"))
    was: exp.Expression = literal("")
    if isinstance(old, Audience) and old.rfm is not None:
        was = _cell(f"{old.id}_recency", f"{old.id}_cell")
    return was, _cell(f"{_NEW}_recency", "new_cell"), Query("app.cells", full)


def _with_own_facts(plan: Plan, changed: Audience, clock: Clock) -> exp.Select:
    """Return the traits, with the facts that a changed grid has of its own beside them."""
    parts = fact_queries(plan, grid_facts(plan, changed), clock)
    made = audiences.joined_facts(exp.select("t.*").from_("traits AS t"), parts)
    columns = [
        part.column(n, f"g{i}").as_(n, quoted=True) for i, part in enumerate(parts) for n in part.names
    ]
    return made.select(*columns)


def _cell(score: str, cell: str) -> exp.Expression:
    bought = exp.Is(this=column(score), expression=exp.null())
    named_cell = exp.Coalesce(this=column(cell), expressions=[literal("no cell")])
    return exp.Case().when(bought, literal("no_purchase")).else_(named_cell)


def _stages(
    ws: Workspace, old: Definition | None, definition: Term, new: Plan, clock: Clock
) -> tuple[exp.Expression, exp.Expression, Query]:
    if not definition.logic:
        raise BadInput(
            f"term {definition.id}",
            value="no logic",
            rule="people move where a term has logic",
            next_step="add logic: to it",
        )
    case = exp.Case()
    for each in definition.logic:
        if each.when is None:
            case = case.else_(literal(each.value))
            break
        case = case.when(audiences.condition(new, each.when, clock), literal(each.value))
    was: exp.Expression = literal("")
    if isinstance(old, Term) and old.logic:
        was = exp.Coalesce(this=column(old.id), expressions=[literal("")])
    full = exp.select("*", case.as_("new_value")).from_("traits")
    return was, exp.Coalesce(this=column("new_value"), expressions=[literal("")]), Query("app.stages", full)


@named("app.moves")
def _moves() -> exp.Expression:
    """People and net spend by where they were and where they come."""
    return (
        exp.select("was", "becomes", "count(*) AS people", "CAST(coalesce(sum(spend), 0) AS DOUBLE) AS spend")
        .from_("told").group_by("was", "becomes").order_by("was", "becomes")
    )  # fmt: skip


@named("app.movers")
def _movers(most: int) -> exp.Expression:
    """Some of those who move, those who spent most first."""
    return sql(
        "SELECT person_id, was, becomes FROM told WHERE was <> becomes ORDER BY spend DESC, person_id LIMIT :most",
        most=most,
    )


# Where everybody was and where they come.
_TOLD = Table("told", {"person_id": "uuid", "spend": "money", "was": "text", "becomes": "text"})


@named("app.told")
def _told(query: Query, before: exp.Expression, after: exp.Expression) -> exp.Expression:
    """Where each person was and where they come."""
    assert isinstance(query.expression, exp.Select)
    cells = [before.copy().as_("was"), after.copy().as_("becomes")]
    return exp.select("person_id", "spend", *cells).from_(query.expression.subquery("x"))


def _move(row: dict[str, Any], margin: float | None) -> Move:
    spend = float(row["spend"])
    return Move(
        before=row["was"], after=row["becomes"], people=row["people"], spend=round(spend, 2),
        margin=None if margin is None else round(spend * margin, 2),
    )  # fmt: skip


def _when(ws: Workspace, plan: Plan, uses: Sequence[Use], moment: datetime) -> tuple[date, str]:
    """Return the first day on which no running test is disturbed, and why."""
    ends: list[tuple[date, str]] = []
    for use in uses:
        test = plan.find(Experiment, use.id) if use.kind == "experiment" else None
        if test is None or test.status in ("retired", "paused"):
            continue
        begun = [r["assigned_at"] for r in ws.hub.rows("assignment", experiment=test.id)]
        if begun:
            ends.append(((max(begun) + timedelta(days=test.window_days)).date(), test.id))
    running = [(d, n) for d, n in ends if d >= moment.date()]
    if not running:
        return moment.date(), "no running test builds on it"
    last, name = max(running)
    return last + timedelta(days=1), f"test {name} is read until {last}"


def _warnings(found: Consequences, old: Definition | None) -> list[str]:
    out: list[str] = []
    if isinstance(old, Audience) and old.rfm is not None:
        # The cells of a grid hold everybody, whatever its borders.
        return out
    if found.kind == "audience" and found.after == 0:
        out.append("nobody would be in it" + (f"; {found.before:,} people are now" if found.before else ""))
    share = found.after / found.people if found.people else 0.0
    flooded = old is not None and found.after > FLOOD_TIMES * max(found.before, 1)
    if found.kind == "audience" and found.people >= 20 and share > FLOOD_SHARE and (flooded or share == 1.0):
        out.append(
            f"{found.after:,} of {found.people:,} people would be in it ({share:.0%}); {found.before:,} are now"
        )
    return out


def _sentence(found: Consequences, currency: str) -> str:
    moved = sum(m.people for m in found.moves)
    spend = sum(m.spend for m in found.moves)
    margin = [m.margin for m in found.moves if m.margin is not None]
    money = f"{sum(margin):,.0f} {currency} margin" if margin else f"{spend:,.0f} {currency} net spend"
    if found.kind == "term" or (found.moves and found.moves[0].before not in ("", found.id)):
        return f"{moved:,} of {found.people:,} people move, who stand for {money} so far."
    return f"{found.entered:,} people enter and {found.left:,} leave ({found.before:,} now, {found.after:,} then); they stand for {money} so far."


def change(
    ws: Workspace, definition: Definition, why: str, who: str | None = None, *, accept: bool = False
) -> Consequences:
    """Save a definition with its reason and recompute who is where, as of the last run; return what changed.

    Raises BadInput without a reason, or where a warning was not accepted; then nothing is written.
    """
    if not why.strip():
        raise BadInput(
            "change",
            value="no reason",
            rule="every change says why (R-191)",
            next_step="give why in one sentence",
        )
    found = consequences(ws, definition)
    if found.warnings and not accept:
        raise BadInput(
            f"{found.kind} {found.id}", value="; ".join(found.warnings), rule="a change that empties or floods an audience is accepted on purpose",
            next_step="look at it with diff; if it is meant, repeat with --accept",
        )  # fmt: skip
    ws.save(definition, why, who)
    ws.recompute()
    return found


def undo_change(ws: Workspace, kind: str, name: str, why: str, who: str | None = None) -> Consequences:
    """Put a definition back as it was before its last change, and recompute who is where; raise BadInput where none was."""
    rows = [r for r in ws.changes() if r["kind"] == kind and r["ref"] == name]
    if not rows:
        raise BadInput(
            f"{kind} {name}",
            value="no change",
            rule="what was changed can be undone",
            next_step="butfor change log",
        )
    last = rows[-1]
    diff = msgspec.json.decode(last["diff"])
    after = diff["before"] or (diff["after"] | {"status": "retired"})
    made = msgspec.convert(after | {"kind": kind}, {"audience": Audience, "term": Term}[kind])
    reason = f"undo of change {last['id']}: {why}" if why.strip() else ""
    return change(ws, made, reason, who, accept=True)
