"""The command that suggests products: to one person, to everybody, or measured on the past."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from butfor.app import open_workspace
from butfor.app.recommend import (
    Recommended,
    Reported,
    Written,
    recommend,
    recommend_all,
    recommendation_report,
)
from butfor.cli.show import JSON, emit, moment, progress, table
from butfor.model import BadInput


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(name="recommend")(recommend_command)


def recommend_command(
    ctx: typer.Context,
    person: str = typer.Argument(None, help="person id, account id, source:key, e-mail, phone or card"),
    slot: str = typer.Option("new_for_you", help="buy_again or new_for_you"),
    n: int = typer.Option(10, "-n", help="how many products"),
    channel: str = typer.Option(None, help="leave out what is not for sale there"),
    everybody: bool = typer.Option(False, "--all", help="write the slot of everybody to the lake"),
    measured: bool = typer.Option(False, "--report", help="measure both slots on the past"),
    as_of: str = typer.Option(None, metavar="TIME", help="as of a past time; with --report, the cut"),
    as_json: bool = JSON,
) -> None:
    """Suggest products to a person, each with its reason; or measure how good that is.

    Example: `butfor -C shop recommend ann@shop.org --slot buy_again`
    """
    if sum((person is not None, everybody, measured)) != 1:
        raise BadInput(
            "recommend", value="who?", rule="either one person, or --all, or --report",
            next_step="butfor recommend PERSON, butfor recommend --all, or butfor recommend --report",
        )  # fmt: skip
    at = moment(as_of)
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        tell("learning from purchases")
        found: Any
        if measured:
            found = recommendation_report(ws, at)
        elif everybody:
            found = recommend_all(ws, slot, n, channel, at)
        else:
            found = recommend(ws, person, slot, n, channel, at)
    emit(found, as_json, lambda console: _SHOW[type(found)](console, found))


def _show_person(console: Console, found: Recommended) -> None:
    console.print(
        f"[bold]{found.slot.replace('_', ' ')}[/] for {found.person_id}, as of {found.as_of:%Y-%m-%d}"
    )
    rows = [
        {
            "": i.place, "product": i.product_id, "name": i.name, "price": i.price, "because": i.reason,
        }
        for i in found.items
    ]  # fmt: skip
    console.print(table(rows, ["", "product", "name", "price", "because"], right=["", "price"]))
    if not found.items:
        console.print("nothing may be suggested")
    _notes(console, found.left_out, found.said)


def _show_written(console: Console, found: Written) -> None:
    console.print(
        f"[bold]{found.slot.replace('_', ' ')}[/]: {found.rows:,} suggestions for {found.people:,} people, "
        f"as of {found.as_of:%Y-%m-%d}, in {found.seconds:.1f} s"
    )
    for step, n in found.steps.items():
        console.print(f"  {n:,} from {step}")
    _notes(console, found.left_out, found.said)


def _notes(console: Console, left_out: dict[str, int], said: list[str]) -> None:
    for why, n in left_out.items():
        console.print(f"[dim]{n:,} products left out: {escape(why)}[/]")
    for line in said:
        console.print(f"[dim]{escape(line)}[/]")


def show_report(console: Console, found: Reported) -> None:
    """Print what each slot is worth beside its baselines."""
    for slot in found.slots:
        rows = [
            {
                "method": m.method.replace("_", " "), f"NDCG@{slot.places}": f"{m.ndcg:.3f}",
                "95 %": f"{m.interval.low:.3f} to {m.interval.high:.3f}", "hit rate": f"{m.hit_rate:.1%}",
                "products shown": f"{m.coverage:.1%}",
            }
            for m in slot.measured
        ]  # fmt: skip
        console.print(table(rows, list(rows[0]), right=list(rows[0])[1:], title=slot.slot.replace("_", " ")))
        console.print(f"[bold]{escape(slot.sentence)}[/]")
        _notes(console, {}, slot.said)
    _notes(console, {}, found.said)
    console.print(f"[dim]fitted before {found.cut:%Y-%m-%d}, {found.seconds:.1f} s[/]")


_SHOW: dict[type, Any] = {Recommended: _show_person, Written: _show_written, Reported: show_report}
