"""Commands about RFM grids: suggest and store borders, and draw the matrix."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from butfor.app import open_workspace
from butfor.app.grids import Matrix, SuggestedBorders, matrix, save_borders, suggest_borders
from butfor.charts.customers import rfm_grid
from butfor.charts.render import to_png, to_svg
from butfor.charts.terminal import rfm_grid as grid_text
from butfor.cli.moves import show_consequences
from butfor.cli.show import JSON, emit, progress, table
from butfor.model import BadInput


def audience_borders(
    ctx: typer.Context,
    name: str = typer.Argument("rfm", help="the grid"),
    levels: int = typer.Option(None, help="how many levels, 2 to 10 (default: as many as it has)"),
    save: bool = typer.Option(False, "--save", help="store them, and recompute who is in which cell"),
    why: str = typer.Option("", help="why, in one sentence; kept in the change log"),
    who: str = typer.Option(None, help="who changes it (default: you)"),
    accept: bool = typer.Option(False, "--accept", help="store them though a warning says not to"),
    as_json: bool = JSON,
) -> None:
    """Suggest borders that share the buyers evenly, with the people per level; with --save store them.

    Example: `butfor -C shop audience borders rfm --levels 4`
    """
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        tell("counting")
        if not save:
            found = suggest_borders(ws, name, levels)
            return emit(found, as_json, lambda console: _show_borders(console, found))
        done = save_borders(ws, name, levels, why, who, accept=accept)
        money = ws.plan.workspace.currency
    return emit(done, as_json, lambda console: show_consequences(console, done, money, done=True))


def _show_borders(console: Console, found: SuggestedBorders) -> None:
    console.print(
        f"[bold]{escape(found.audience)}[/]  {found.levels} levels, {found.buyers:,} buyers [dim]exact, as of {found.as_of:%Y-%m-%d %H:%M}[/]"
    )
    every = [f"level {i}" for i in range(1, found.levels + 1)]
    rows = [
        {"score": score, "borders": ", ".join(f"{b:g}" for b in getattr(found.borders, score))} | dict(zip(every, people, strict=True))
        for score, people in found.people.items()
    ]  # fmt: skip
    console.print(table(rows, ["score", "borders", *every], right=every))
    if found.now:
        console.print(f"[dim]people per level with the stored borders[/] {_now(found)}")
    if found.gone:
        console.print(f"[yellow]no pair of scores is left for[/] {escape(', '.join(found.gone))}")
    console.print(
        "nothing is stored; --save --why stores these, audience set --borders recency=30,60,90 sets them by hand"
    )


def _now(found: SuggestedBorders) -> str:
    return "; ".join(f"{score} {', '.join(f'{n:,}' for n in people)}" for score, people in found.now.items())


def audience_matrix(
    ctx: typer.Context,
    name: str = typer.Argument("rfm", help="the grid"),
    out: str = typer.Option(None, metavar="FILE", help="a .svg or .png file for the picture"),
    as_json: bool = JSON,
) -> None:
    """Show people, net spend and margin in each cell of a grid; with --out draw it.

    Example: `butfor -C shop audience matrix rfm --out rfm.svg`
    """
    path = Path(out) if out else None
    if path and path.suffix not in (".svg", ".png"):
        raise BadInput(
            "--out", value=out, rule="a picture is .svg or .png", next_step=f"--out {path.stem}.svg"
        )
    with open_workspace(ctx.obj) as ws:
        found = matrix(ws, name)
    if path:
        picture = rfm_grid(found.rows, currency=found.currency, as_of=found.as_of.date(), amounts=True)
        path.write_bytes(to_svg(picture).encode() if path.suffix == ".svg" else to_png(picture))
    emit(found, as_json, lambda console: _show_matrix(console, found, out))


def _show_matrix(console: Console, found: Matrix, out: str | None) -> None:
    console.print(f"[bold]{escape(found.label)}[/]  [dim]exact, as of {found.as_of:%Y-%m-%d %H:%M}[/]")
    console.print(grid_text(found.rows), markup=False)
    columns = ["cell", "people", f"spend {found.currency}", f"margin {found.currency}", "spend per person"]
    console.print(table(_by_name(found), columns, right=columns[1:]))
    console.print(f"{found.no_purchase:,} more people have no purchase that counts here")
    if out:
        console.print(f"drawn in {escape(out)}")


def _by_name(found: Matrix) -> list[dict[str, object]]:
    """Return the named cells, those with most net spend first, and their sum."""
    names = sorted({str(r["cell"] or "(no name)") for r in found.rows})
    made = []
    for name in [*names, "all"]:
        rows = [r for r in found.rows if name in ("all", str(r["cell"] or "(no name)"))]
        people, spend = sum(r["people"] for r in rows), sum(r["spend"] for r in rows)
        margin = [r["margin"] for r in rows if r["margin"] is not None]
        made.append(
            {"cell": name, "people": people, f"spend {found.currency}": spend,
             f"margin {found.currency}": sum(margin) if margin else None, "spend per person": spend / people if people else None}
        )  # fmt: skip
    return sorted(made[:-1], key=lambda r: -float(str(r[f"spend {found.currency}"]))) + made[-1:]
