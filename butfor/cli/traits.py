"""The command that adds ready-made traits: term add."""

from __future__ import annotations

import typer
from rich.markup import escape

from butfor.app.library import add_trait, library
from butfor.cli.show import JSON, emit, table


def term_add(
    ctx: typer.Context,
    name: str = typer.Argument(None, help="a trait of the library; without one they are listed"),
    as_json: bool = JSON,
) -> None:
    """Add a ready-made trait, such as the preferred hour; without a name list them. Example: `butfor -C shop term add preferred_hour`."""
    if name is None:
        found = library(ctx.obj)
        rows = [
            {"trait": t.trait, "means": t.means, "": "there" if t.there else t.lacks or "can be added"}
            for t in found
        ]
        return emit(found, as_json, lambda c: c.print(table(rows, ["trait", "means", ""])))
    path = add_trait(ctx.obj, name)
    done = {"term": name, "file": str(path)}
    return emit(
        done,
        as_json,
        lambda c: c.print(f"[bold]{escape(name)}[/] in {escape(str(path))}; the next run computes it"),
    )
