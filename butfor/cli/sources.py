"""Commands that connect systems: source add, source reconcile."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.markup import escape

from butfor.app import open_workspace
from butfor.app.sources import AddedSource, Reconciled, add_source, reconcile
from butfor.cli.show import JSON, emit


def source_add(
    ctx: typer.Context,
    system: str = typer.Argument(
        help="till, webshop, points, crm, email, sms, push, web, analytics, calls or webhook"
    ),
    as_json: bool = JSON,
) -> None:
    """Add the definitions of a system and an example delivery. Example: `butfor -C shop source add till`."""
    made = add_source(ctx.obj, system)
    emit(made, as_json, lambda console: _show_added(console, made))


def _show_added(console: Console, made: AddedSource) -> None:
    console.print(
        f"source [bold]{', '.join(made.sources)}[/]"
        + (f" with terms {', '.join(made.terms)}" if made.terms else "")
    )
    for file in made.examples:
        console.print(f"  example {escape(file)}")
    if made.write_key:
        console.print(f"  write key [bold]{made.write_key}[/] (shown once)")
    for step in made.next:
        console.print(f"next: {escape(step)}")


def source_reconcile(
    ctx: typer.Context,
    shops: list[str] = typer.Argument(help="the sources whose orders count"),
    as_json: bool = JSON,
) -> None:
    """Compare web analytics with the shop's orders. Example: `butfor -C shop source reconcile webshop_orders`."""
    with open_workspace(ctx.obj) as ws:
        found = reconcile(ws, shops)
    emit(found, as_json, lambda console: _show_reconciled(console, found))


def _show_reconciled(console: Console, found: Reconciled) -> None:
    for what, said, sold, share in (
        ("orders", found.analytics_orders, found.shop_orders, found.orders_differ),
        ("revenue", found.analytics_revenue, found.shop_revenue, found.revenue_differs),
    ):
        differs = "nothing to compare" if share is None else f"{share:+.1%}"
        console.print(f"{what}: analytics {said:,}, shop {sold:,} ({differs}); the shop counts")
