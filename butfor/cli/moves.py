"""Print what a change of a definition does: who moves, what money stands for them, what builds on it."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from butfor.app.consequences import Consequences
from butfor.cli.show import table


def show_consequences(console: Console, found: Consequences, money: str, *, done: bool = False) -> None:
    """Print what a change does, or did."""
    console.print(
        f"[bold]{escape(found.id)}[/]  {escape(found.sentence)} [dim]exact, as of {found.as_of:%Y-%m-%d %H:%M}[/]",
        highlight=False,
    )
    rows = [
        {"from": m.before or "(outside)", "to": m.after or "(outside)", "people": m.people, f"spend {money}": m.spend, f"margin {money}": m.margin}
        for m in found.moves
    ]  # fmt: skip
    if rows:
        console.print(table(rows, list(rows[0]), right=list(rows[0])[2:]))
    for use in found.uses:
        console.print(
            f"  used by {use.kind} [bold]{escape(use.id)}[/] {escape(use.label)} [dim]{use.status}[/]",
            highlight=False,
        )
    for warning in found.warnings:
        console.print(f"[yellow]warning:[/] {escape(warning)}")
    if done:
        console.print("saved and recomputed; butfor audience undo or term undo takes it back")
    else:
        console.print(f"from {found.from_day}: {escape(found.because)}", highlight=False)
