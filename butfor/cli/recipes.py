"""Commands about recipes: list, show, approve, run, log."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.console import Console
from rich.markup import escape

from butfor.app import open_workspace
from butfor.app.recipe import Logged, Shown, approve_recipe, recipe_log, recipes, run_recipe, show_recipe
from butfor.cli.show import JSON, emit, progress, table


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="recipe: list, show, approve, run, log")
    group.command(name="list")(recipe_list)
    group.command(name="show")(recipe_show)
    group.command(name="approve")(recipe_approve)
    group.command(name="run")(recipe_run)
    group.command(name="log")(recipe_all)
    app.add_typer(group, name="recipe")


def recipe_list(as_json: bool = JSON) -> None:
    """List the recipes that come with butfor. Example: `butfor recipe list`."""
    rows = [{"recipe": r.id, "label": r.label, "does": r.does} for r in recipes()]
    emit(rows, as_json, lambda c: c.print(table(rows, ["recipe", "label", "does"])))


def recipe_show(ctx: typer.Context, name: str, as_json: bool = JSON) -> None:
    """Show what a recipe would do here, to whom and for how much; write nothing. Example: `butfor -C shop recipe show rfm-winback`."""
    with open_workspace(ctx.obj) as ws:
        found = show_recipe(ws, name)
    emit(found, as_json, lambda console: _show(console, found))


def recipe_approve(
    ctx: typer.Context, name: str, who: str = typer.Option(..., help="who approves it"), as_json: bool = JSON
) -> None:
    """Agree, once, to what a recipe shows. Example: `butfor -C shop recipe approve rfm-winback --who "Ann, head of CRM"`."""
    with open_workspace(ctx.obj) as ws:
        found = approve_recipe(ws, name, who)
    emit(found, as_json, lambda console: _show(console, found))


def recipe_run(
    ctx: typer.Context,
    name: str,
    who: str = typer.Option(None, help="who runs it (default: you)"),
    as_json: bool = JSON,
) -> None:
    """Do an approved recipe; again later, read it. Example: `butfor -C shop recipe run rfm-winback --who agency`."""
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        tell("running")
        found = run_recipe(ws, name, who)
    emit(found, as_json, lambda console: _show_log(console, found))


def recipe_all(ctx: typer.Context, name: str, as_json: bool = JSON) -> None:
    """Show every step of a recipe, by whom, its cost and its readout. Example: `butfor -C shop recipe log rfm-winback`."""
    with open_workspace(ctx.obj) as ws:
        found = recipe_log(ws, name)
    emit(found, as_json, lambda console: _show_log(console, found))


def _show(console: Console, found: Shown) -> None:
    console.print(f"[bold]{escape(found.label)}[/]  {escape(found.does)}", highlight=False)
    for number, step in enumerate(found.steps, 1):
        console.print(f"  {number}. {escape(step)}", highlight=False)
    console.print(
        f"now {found.people:,} people, {found.held_out:,} of them held out; at most {found.cost_at_most:,.2f} {found.currency}"
    )
    for each in found.missing:
        console.print(f"[red]missing:[/] {escape(each)}")
    if found.approved_by:
        console.print(f"approved by {escape(found.approved_by)} on {found.approved_at:%Y-%m-%d %H:%M}")
    else:
        console.print(f"not approved: butfor recipe approve {found.recipe} --who NAME")


def _show_log(console: Console, found: Sequence[Logged]) -> None:
    rows = [{"when": f.made_at, "who": f.who, "step": f.step, "": f.says} for f in found]
    console.print(table(rows, ["when", "who", "step", ""]))
