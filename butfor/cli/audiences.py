"""Commands about audiences and lifecycle terms: look at them, see what a change would do, change them, undo it, write them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

import butfor.cli.exports as exports
from butfor.app import Workspace, open_workspace
from butfor.app.audience_page import AudiencePage, audience_page
from butfor.app.consequences import change, consequences, undo_change
from butfor.audiences import parse_rule
from butfor.charts.terminal import bars
from butfor.cli.grids import audience_borders, audience_matrix
from butfor.cli.moves import show_consequences
from butfor.cli.show import JSON, emit, progress, table
from butfor.model import BadInput
from butfor.plan.files import read_definition
from butfor.plan.kinds import Audience, Borders, Definition, Term

RULE = typer.Option(None, metavar="TEXT", help="the rule in one line, such as 'orders >= 2 in last 30 days'")
FILE = typer.Option(None, metavar="FILE", help="a YAML file with the whole definition")
BORDERS = typer.Option(
    None, "--borders", metavar="NAME=N,N", help="borders of a grid, such as recency=30,60,90,180 (repeatable)"
)
LABEL = typer.Option(None, help="what marketers call it")
WHY = typer.Option("", help="why, in one sentence; kept beside the definition and in the change log")
WHO = typer.Option(None, help="who changes it (default: you)")
ACCEPT = typer.Option(False, "--accept", help="change it though it empties or floods the audience")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    verbs = (
        audience_list, audience_show, audience_diff, audience_set, audience_undo, audience_suggest, audience_borders, audience_matrix,
    )  # fmt: skip
    group = typer.Typer(
        no_args_is_help=True,
        help=f"audience: {', '.join(v.__name__.split('_')[1] for v in verbs)}, {exports.VERBS}",
    )
    for verb in verbs:
        group.command(name=verb.__name__.split("_")[1])(verb)
    exports.register_on(group)
    app.add_typer(group, name="audience")


def audience_list(ctx: typer.Context, as_json: bool = JSON) -> None:
    """List audiences with exact counts as of the last run. Example: `butfor -C shop audience list`."""
    with open_workspace(ctx.obj) as ws:
        found = ws.audiences()
        money = ws.plan.workspace.currency
    rows = [
        {
            "audience": a.audience,
            "people": a.people,
            f"spend {money}": a.spend,
            "as of": a.as_of,
            "": a.why or "",
        }
        for a in found
    ]
    columns = ["audience", "people", f"spend {money}", "as of", ""]
    emit(found, as_json, lambda c: c.print(table(rows, columns, right=columns[1:3])))


def audience_show(ctx: typer.Context, name: str, as_json: bool = JSON) -> None:
    """Show an audience: rule in words, people, reach, overlap and history. Example: `butfor -C shop audience show win_back`."""
    with open_workspace(ctx.obj) as ws:
        found = audience_page(ws, name)
        money = ws.plan.workspace.currency
    emit(found, as_json, lambda console: _show_page(console, found, money))


def _show_page(console: Console, found: AudiencePage, money: str) -> None:
    console.print(
        f"[bold]{escape(found.label)}[/]  {escape(found.rule)}\n[dim]why[/]  {escape(found.why)}",
        highlight=False,
    )
    if found.text:
        console.print(f"[dim]rule[/] {escape(found.text)}", highlight=False)
    if found.why_not:
        console.print(f"[red]cannot be computed, so nobody is in it:[/] {escape(found.why_not)}")
    reach = ", ".join(f"{n:,} by {channel}" for channel, n in found.reach.items())
    console.print(
        f"{found.people:,} people, exactly, as of {found.as_of:%Y-%m-%d %H:%M}; {found.spend:,.0f} {money} net spend; reach: {reach or 'no channel'}"
    )
    if found.parts:
        console.print(bars([(p["audience"], p["people"]) for p in found.parts]), markup=False)
    if len(found.history) > 1:
        console.print("[dim]over time[/]")
        console.print(
            bars([(f"{h['as_of']:%Y-%m-%d %H:%M}", h["people"]) for h in found.history[-10:]]), markup=False
        )
    if found.overlap:
        shared = ", ".join(f"{o['audience']} {o['people']:,}" for o in found.overlap[:8])
        console.print(f"[dim]of its people, also in[/] {shared}")
    if found.uses:
        console.print(f"[dim]used by[/] {', '.join(f'{u.kind} {u.id}' for u in found.uses)}")


def audience_diff(
    ctx: typer.Context,
    name: str,
    rule: str = RULE,
    file: str = FILE,
    borders: list[str] = BORDERS,
    as_json: bool = JSON,
) -> None:
    """Show who would enter and leave, how much money moves, and what is touched; write nothing.

    Example: `butfor -C shop audience diff win_back --rule "orders >= 2 and recency_days > 60"`
    """
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        tell("counting")
        found = consequences(ws, _audience(ws, name, rule, file, borders, None, ""))
        money = ws.plan.workspace.currency
    emit(found, as_json, lambda console: show_consequences(console, found, money))


def audience_set(
    ctx: typer.Context, name: str, rule: str = RULE, file: str = FILE, borders: list[str] = BORDERS, label: str = LABEL,
    why: str = WHY, who: str = WHO, accept: bool = ACCEPT, as_json: bool = JSON,
) -> None:  # fmt: skip
    """Make or change an audience and recompute who is in it, at once.

    Example: `butfor -C shop audience set win_back --rule "recency_days > 60" --why "9 in 10 come back within 60 days"`
    """
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        tell("counting, saving, recomputing")
        found = change(ws, _audience(ws, name, rule, file, borders, label, why), why, who, accept=accept)
        money = ws.plan.workspace.currency
    emit(found, as_json, lambda console: show_consequences(console, found, money, done=True))


def audience_undo(
    ctx: typer.Context, name: str, why: str = WHY, who: str = WHO, as_json: bool = JSON
) -> None:
    """Put an audience back as it was before its last change, with exactly the people it had then.

    Example: `butfor -C shop audience undo win_back --why "too broad"`
    """
    _undo(ctx, "audience", name, why, who, as_json)


def term_diff(ctx: typer.Context, name: str, file: str = FILE, as_json: bool = JSON) -> None:
    """Show who would move if the logic of a lifecycle term changed; write nothing.

    Example: `butfor -C shop term diff lifecycle --file lifecycle.yaml`
    """
    with open_workspace(ctx.obj) as ws:
        found = consequences(ws, _term(name, file))
        money = ws.plan.workspace.currency
    emit(found, as_json, lambda console: show_consequences(console, found, money))


def term_set(
    ctx: typer.Context,
    name: str,
    file: str = FILE,
    why: str = WHY,
    who: str = WHO,
    accept: bool = ACCEPT,
    as_json: bool = JSON,
) -> None:
    """Change a lifecycle term and recompute who is where. Example: `butfor -C shop term set lifecycle --file lifecycle.yaml --why "..."`."""
    with open_workspace(ctx.obj) as ws:
        found = change(ws, _term(name, file), why, who, accept=accept)
        money = ws.plan.workspace.currency
    emit(found, as_json, lambda console: show_consequences(console, found, money, done=True))


def term_undo(ctx: typer.Context, name: str, why: str = WHY, who: str = WHO, as_json: bool = JSON) -> None:
    """Put a lifecycle term back as it was before its last change. Example: `butfor -C shop term undo lifecycle --why "..."`."""
    _undo(ctx, "term", name, why, who, as_json)


def _undo(ctx: typer.Context, kind: str, name: str, why: str, who: str | None, as_json: bool) -> None:
    with open_workspace(ctx.obj) as ws:
        found = undo_change(ws, kind, name, why, who)
        money = ws.plan.workspace.currency
    emit(found, as_json, lambda console: show_consequences(console, found, money, done=True))


def _term(name: str, file: str | None) -> Term:
    if file is None:
        raise BadInput(
            "--file",
            rule="the changed term is in a YAML file",
            next_step=f"copy plan/terms/{name}.yaml, change it, and give it with --file",
        )
    found, _ = read_definition("term", Path(file))
    _same(found, name)
    assert isinstance(found, Term)
    return found


def _same(found: Definition, name: str) -> None:
    if found.id != name:
        raise BadInput(
            "--file",
            value=found.id,
            rule="the file defines what the command names",
            next_step=f"write id: {name} in it, or name {found.id}",
        )


def _audience(
    ws: Workspace,
    name: str,
    rule: str | None,
    file: str | None,
    borders: list[str] | None,
    label: str | None,
    why: str,
) -> Audience:
    if sum(x is not None and x != [] for x in (rule, file, borders)) != 1:
        raise BadInput(
            "audience", value=name, rule="a change is a rule, borders or a file, one of them",
            next_step='give --rule "orders >= 2", --borders recency=30,60,90,180, or --file audience.yaml',
        )  # fmt: skip
    if file is not None:
        found, _ = read_definition("audience", Path(file))
        _same(found, name)
        assert isinstance(found, Audience)
        return found
    old = ws.plan.find(Audience, name)
    if borders:
        return _with_borders(ws.plan.get(Audience, name), borders, why)
    made = Audience(
        id=name,
        label=label or (old.label if old else name.replace("_", " ").capitalize()),
        rule=parse_rule(ws.plan, str(rule)),
        why=why or (old.why if old else ""),
    )
    return msgspec.structs.replace(made, owner=old.owner, labels=old.labels) if old else made


def _with_borders(audience: Audience, given: list[str], why: str) -> Audience:
    if audience.rfm is None:
        raise BadInput(
            f"audience {audience.id}",
            value="a rule",
            rule="a grid has borders",
            next_step="give --rule instead",
        )
    fields: dict[str, Any] = {}
    for each in given:
        name, _, numbers = each.partition("=")
        try:
            fields[name] = [float(n) for n in numbers.split(",")]
        except ValueError as error:
            raise BadInput(
                "--borders",
                value=each,
                rule="borders are rising numbers",
                next_step="write recency=30,60,90,180",
            ) from error
        if name not in ("recency", "frequency", "monetary"):
            raise BadInput(
                "--borders",
                value=name,
                rule="a grid has borders of recency, frequency and monetary",
                next_step="write recency=30,60,90,180",
            )
    changed: Borders = msgspec.structs.replace(audience.rfm.borders, **fields)
    rfm = msgspec.structs.replace(audience.rfm, borders=changed)
    return msgspec.structs.replace(audience, rfm=rfm, why=why or audience.why)


def audience_suggest(ctx: typer.Context, as_json: bool = JSON) -> None:
    """Suggest when to call a customer inactive, from the days between purchases. Example: `butfor -C shop audience suggest`."""
    with open_workspace(ctx.obj) as ws:
        curve = ws.suggest_inactive()
    if curve is None:
        raise BadInput(
            "threshold",
            value="no second purchase",
            rule="it comes from days between purchases",
            next_step="load more history",
        )
    marks = [
        (f"{d} days", round(100 * s))
        for d, s in zip(curve.days, curve.share, strict=True)
        if d in (7, 14, 30, 60, 90, 180, 365, curve.p90, curve.p95)
    ]

    def render(console: Console) -> None:
        console.print(
            f"{curve.sentence()} [dim]({curve.gaps:,} gaps of {curve.people:,} people at most per gap length)[/]"
        )
        console.print(bars(marks), markup=False)

    emit(curve, as_json, render)
