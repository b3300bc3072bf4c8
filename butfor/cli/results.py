"""Commands about campaigns and what they earned: campaign, readout, demo, case."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from butfor.app import ArmReturn, open_workspace
from butfor.campaigns import CampaignRun
from butfor.cli.show import JSON, emit, progress, table
from butfor.experiments.readout import Readout
from butfor.model import BadInput, Refused
from butfor.plan import load_plan
from butfor.plan.kinds import Campaign

AS_OF = typer.Option(None, metavar="TIME", help="as of a past time, such as 2026-06-30")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="campaign: list, launch")
    group.command(name="list")(campaign_list)
    group.command(name="launch")(campaign_launch)
    app.add_typer(group, name="campaign")
    reading = typer.Typer(no_args_is_help=True, help="readout: show")
    reading.command(name="show")(readout_show)
    app.add_typer(reading, name="readout")


def moment(given: str | None) -> datetime | None:
    """Return a time of the command line, in UTC; raise BadInput when it cannot be read."""
    if given is None:
        return None
    try:
        return datetime.fromisoformat(given)
    except ValueError as error:
        raise BadInput(
            "--as-of",
            value=given,
            rule="a time is written like 2026-06-30 or 2026-06-30T18:00",
            next_step="correct it",
        ) from error


def campaign_list(ctx: typer.Context, as_json: bool = JSON) -> None:
    """List the campaigns. Example: `butfor -C shop campaign list`."""
    rows = [
        {"campaign": c.id, "status": c.status, "goal": c.goal, "audience": c.audience, "test": c.experiment}
        for c in load_plan(Path(ctx.obj)).all(Campaign)
    ]
    emit(rows, as_json, lambda c: c.print(table(rows, ["campaign", "status", "goal", "audience", "test"])))


def campaign_launch(
    ctx: typer.Context,
    name: str,
    as_of: str = AS_OF,
    dry: bool = typer.Option(False, "--dry-run", help="show what would happen; write and tell nothing"),
    as_json: bool = JSON,
) -> None:
    """Launch a campaign through the gate: decide for each person, hold the control group back, deliver once.

    Example: `butfor -C shop campaign launch win_back --dry-run`
    """
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        tell("deciding")
        done = ws.launch(name, moment(as_of), dry=dry)
    emit(done, as_json, lambda console: _show_run(console, done, dry))


def _show_run(console: Console, done: CampaignRun, dry: bool) -> None:
    would = "would be " if dry else ""
    console.print(
        f"[bold]{done.campaign}[/]: {done.audience:,} people; {done.sent:,} {would}sent, {done.held:,} {would}held out as control"
    )
    for reason, n in done.suppressed.items():
        console.print(f"  {n:,} suppressed: {escape(reason)}")
    for arm, n in done.by_arm.items():
        console.print(f"  arm {arm}: {n:,}")
    if done.outbox:
        console.print(
            f"  messages in {escape(done.outbox)}"
            + (f" ({done.repeated:,} had been decided before)" if done.repeated else "")
        )


def readout_show(ctx: typer.Context, experiment: str, as_of: str = AS_OF, as_json: bool = JSON) -> None:
    """Read an experiment: effects with intervals, the verdict in words, and the return of each arm.

    Example: `butfor -C shop readout show win_back_test`
    """
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        tell("reading")
        found = ws.readout(experiment, moment(as_of))
        try:
            returns = ws.returns(found)
            refused = ""
        except Refused as error:
            returns, refused = [], str(error)
    data = found.to_dict() | {
        "address": found.content_address,
        "returns": msgspec.to_builtins(returns),
        "roi_refused": refused,
    }
    emit(data, as_json, lambda console: show_readout(console, found, returns))


def show_readout(console: Console, found: Readout, returns: list[ArmReturn]) -> None:
    """Print a readout and its returns."""
    from butfor.charts.terminal import forest_lines

    console.print(
        f"[bold]{escape(found.label)}[/]  [dim]as of {found.as_of}, {found.evidence.value}, readout {found.content_address[:12]}[/]"
    )
    console.print(f"[dim]H1[/] {escape(found.h1)}\n[dim]H0[/] {escape(found.h0)}")
    for metric in dict.fromkeys(e.metric for e in found.effects):
        console.print(forest_lines(found, metric), markup=False)
    for sentence in found.sentences:
        console.print(f"  {escape(sentence)}")
    for r in returns:
        console.print(
            f"[bold]ROI {escape(r.label)}[/] {escape(r.roi.headline + ' - ' + r.roi.verdict if r.roi else r.refused)}"
        )
