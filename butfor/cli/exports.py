"""Commands that take audiences out and bring segments in."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.markup import escape

from butfor.app import open_workspace
from butfor.app.export import UNCHANGED, Exported, export_audience, exports, sync
from butfor.app.segment_table import Advice, Imported, advise, import_segments
from butfor.cli.show import JSON, emit, progress, table
from butfor.model import BadInput

VERBS = "export, sync, exports, import, advise"
WHO = typer.Option(None, help="who exports it (default: you)")


def register_on(group: typer.Typer) -> None:
    """Add the commands of this module to those about audiences."""
    group.command(name="export")(audience_export)
    group.command(name="sync")(audience_sync)
    group.command(name="exports")(audience_exports)
    group.command(name="import")(audience_import)
    group.command(name="advise")(audience_advise)


def audience_export(
    ctx: typer.Context,
    name: str,
    to: str = typer.Option(
        ..., "--to", "--out", metavar="TARGET", help="FILE.csv, FILE.parquet, sql:URL#table or https://..."
    ),
    channel: str = typer.Option("list", help="list (ids only), email, sms, push or promotion"),
    purpose: str = typer.Option("messages", help="messages, or ads: explicit consent, hashed addresses"),
    changes: bool = typer.Option(
        False, "--changes", help="only who came and went since the last export there"
    ),
    column: list[str] = typer.Option(None, help="a trait or attribute to add (repeatable)"),
    who: str = WHO,
    as_json: bool = JSON,
) -> None:
    """Hand the people of an audience to a file, a database table or a webhook, as far as they may be reached there.

    Example: `butfor -C shop audience export win_back --to win_back.csv --channel email`
    """
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        tell("exporting")
        done = export_audience(
            ws, name, to, channel, purpose=purpose, changes=changes, columns=column or [], who=who
        )
    emit(done, as_json, lambda console: show_export(console, done))


def audience_sync(
    ctx: typer.Context,
    name: str = typer.Argument(None, help="the audience"),
    everything: bool = typer.Option(False, "--all", help="every audience that was ever exported"),
    who: str = WHO,
    as_json: bool = JSON,
) -> None:
    """Bring every place that an audience was exported to up to date. Example: `butfor -C shop audience sync win_back`."""
    if (name is None) is not everything:
        raise BadInput(
            "audience sync", value=name, rule="one audience, or --all", next_step="butfor audience sync --all"
        )
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        tell("syncing")
        done = sync(ws, name, who=who)

    def render(console: Console) -> None:
        for each in done:
            show_export(console, each)

    emit(done, as_json, render)


def audience_exports(
    ctx: typer.Context, name: str = typer.Argument(None, help="the audience"), as_json: bool = JSON
) -> None:
    """List what was exported, by whom, and how many were left out. Example: `butfor -C shop audience exports win_back`."""
    with open_workspace(ctx.obj) as ws:
        rows = exports(ws, name)
    columns = ["id", "audience", "target", "channel", "mode", "people", "exported", "removed", "made_at", "who", "status"]  # fmt: skip
    emit(
        rows, as_json, lambda c: c.print(table(rows, columns, right=["id", "people", "exported", "removed"]))
    )


def show_export(console: Console, done: Exported) -> None:
    """Print one export."""
    to = f"{escape(done.target)} [dim]{done.channel}, {done.purpose}[/]"
    if done.mode == UNCHANGED:
        console.print(f"[bold]{escape(done.audience)}[/] -> {to}: nothing changed")
        return
    gone = f", {done.removed:,} removed" if done.removed else ""
    console.print(
        f"[bold]{escape(done.audience)}[/] -> {to}: {done.exported:,} of {done.people:,} people{gone} ({done.mode})",
        highlight=False,
    )
    for why, n in done.left_out.items():
        console.print(f"  {n:,} left out: {escape(why)}")
    console.print(f"  in {escape(done.where)}\n  [dim]membership {done.membership_hash}[/]", highlight=False)


def audience_import(
    ctx: typer.Context,
    file: str,
    key: str = typer.Option("customer_id", help="the column that names the customer"),
    segment: str = typer.Option("segment", help="the column that names the segment"),
    why: str = typer.Option("", help="why, kept beside the audiences and in the change log"),
    who: str = typer.Option(None, help="who imports it (default: you)"),
    as_json: bool = JSON,
) -> None:
    """Make audiences of your own segment table, one for each segment. Example: `butfor -C shop audience import rfm.csv --key customer --segment cell`."""
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        tell("loading")
        done = import_segments(ws, file, key, segment, why=why, who=who)
    emit(done, as_json, lambda console: _show_import(console, done))


def audience_advise(ctx: typer.Context, as_json: bool = JSON) -> None:
    """Say honestly whether a gateway alone would do. Example: `butfor -C shop audience advise`."""
    with open_workspace(ctx.obj) as ws:
        found = advise(ws)
    emit(found, as_json, lambda console: _show_advice(console, found))


def _show_import(console: Console, done: Imported) -> None:
    console.print(f"[bold]{escape(done.file)}[/]: {done.rows:,} rows")
    rows = [{"audience": name, "people": n} for name, n in done.audiences.items()]
    console.print(table(rows, ["audience", "people"], right=["people"]))
    said = {
        "come again further down": done.repeats, "in quarantine": done.quarantined, "without a segment": done.without_segment,
        "known from no other source": done.unmatched, "no longer in the table": done.gone,
    }  # fmt: skip
    for words, n in said.items():
        if n:
            console.print(f"  {n:,} {words}")
    _show_advice(console, done.advice)


def _show_advice(console: Console, found: Advice) -> None:
    console.print(f"[bold]advice[/] {escape(found.verdict)}\n  [dim]{escape('; '.join(found.because))}[/]")
    for each in found.would_change:
        console.print(f"  what would change that: {escape(each)}")
