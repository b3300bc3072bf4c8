"""Commands about campaigns and what they earned: campaign, readout, demo, case."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from butfor.app import ArmReturn, open_workspace
from butfor.campaigns import CampaignRun
from butfor.cli.predict import show_predicted
from butfor.cli.recommend import show_report as show_recommendations
from butfor.cli.show import JSON, emit, moment, progress, table
from butfor.experiments.readout import Readout
from butfor.model import Refused
from butfor.plan import load_plan
from butfor.plan.kinds import Campaign

if TYPE_CHECKING:
    from butfor.case import CaseResult
    from butfor.demo import DemoResult, DemoStory

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
    app.command()(demo)
    app.command()(case)


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
    send_at: str = typer.Option(
        None, metavar="TIME", help="decide now; the first launch at or after this time (UTC) delivers"
    ),
    as_json: bool = JSON,
) -> None:
    """Launch a campaign through the gate: decide for each person, hold the control group back, deliver once.

    Example: `butfor -C shop campaign launch win_back --dry-run`
    """
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        tell("deciding")
        done = ws.launch(name, moment(as_of), dry=dry, send_at=moment(send_at, "--send-at"))
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
    from butfor.charts.terminal import forest

    console.print(
        f"[bold]{escape(found.label)}[/]  [dim]as of {found.as_of}, {found.evidence.value}, readout {found.content_address[:12]}[/]"
    )
    console.print(f"[dim]H1[/] {escape(found.h1)}\n[dim]H0[/] {escape(found.h0)}")
    for metric in dict.fromkeys(e.metric for e in found.effects):
        console.print(forest(found, metric), markup=False)
    for sentence in found.sentences:
        console.print(f"  {escape(sentence)}")
    for r in returns:
        console.print(
            f"[bold]ROI {escape(r.label)}[/] {escape(r.roi.headline + ' - ' + r.roi.verdict if r.roi else r.refused)}"
        )


def demo(
    folder: str = typer.Argument("butfor-demo", help="a new folder, or an earlier demo's"),
    people: int = typer.Option(20_000, min=500, help="people in the simulated shop"),
    seed: int = typer.Option(7, help="another seed is another shop"),
    browser: bool = typer.Option(
        True, "--browser/--no-browser", help="open the report where there is a browser"
    ),
    as_json: bool = JSON,
) -> None:
    """Simulate a shop whose truth is known, work it with butfor's own verbs, and put found beside planted.

    Example: `butfor demo` or `butfor demo my-demo --people 50000 --seed 3`
    """
    from butfor.demo import run_demo
    from butfor.pages import demo_page

    with progress(as_json) as tell:
        story = run_demo(Path(folder), people=people, seed=seed, progress=tell)
        tell("drawing the report")
        report = Path(folder) / "report.html"
        report.write_text(demo_page(story), encoding="utf-8")
    result = msgspec.structs.replace(story.result, report=str(report))
    emit(result, as_json, lambda console: show_demo(console, story, result))
    if browser and not as_json and sys.stdout.isatty():
        webbrowser.open(report.resolve().as_uri())


def show_demo(console: Console, story: DemoStory, result: DemoResult) -> None:
    """Print what was planted beside what was measured."""
    from butfor.charts.terminal import forest, lifecycle
    from butfor.pages import demo_sentence

    p, money = result.people, result.currency
    console.print(
        f"[bold]people[/]   {p['planted']:,} planted, {p['found']:,} found in {p['accounts']:,} accounts of six sources"
    )
    console.print(
        f"[bold]rows[/]     {result.events['rows_read']:,} read, {result.events['rows_quarantined']:,} quarantined"
    )
    console.print(lifecycle(story.lifecycle), markup=False)
    console.print(
        f"\n[bold]campaign[/] {story.run.sent:,} mails, {result.held_out:,} people held out as control"
    )
    planted = {a.arm: a.planted_per_person for a in result.arms}
    console.print(
        forest(story.readout, story.metrics["margin_per_person"], planted, currency=money), markup=False
    )
    rows = [
        {
            "arm": a.arm, "people": a.people, f"planted margin {money}": a.planted_margin, f"measured margin {money}": a.measured_margin,
            "95 % interval": f"{a.interval.low * a.people:,.0f} to {a.interval.high * a.people:,.0f}", "cost": a.cost,
            "ROI": f"{a.roi:+.0%}" if a.roi is not None else "", "verdict": a.verdict.split(":")[0],
        }
        for a in result.arms
    ]  # fmt: skip
    console.print()
    console.print(
        table(
            rows,
            list(rows[0]),
            right=["people", *[c for c in rows[0] if money in c], "95 % interval", "cost", "ROI"],
        )
    )
    console.print(f"\n[bold]{escape(demo_sentence(result))}[/]\n{escape(result.verdict)}")
    console.print(
        f"[dim]report[/] {result.report}   [dim]workspace[/] {result.folder}   [dim]{result.seconds:.0f} s[/]"
    )


def case(
    name: str = typer.Argument(help="online_retail, hillstrom or cdnow"),
    data: str = typer.Option(
        ..., metavar="DIR", help="the folder with the public file (docs/cases.md says where to get it)"
    ),
    keep: str = typer.Option(None, metavar="DIR", help="keep the workspace here"),
    report: str = typer.Option(None, metavar="FILE", help="write a page with pictures here"),
    as_json: bool = JSON,
) -> None:
    """Run a case on public data, from its files to its results.

    Example: `butfor case hillstrom --data ../shared/data/hillstrom --report hillstrom.html`
    """
    from butfor.case import run_case
    from butfor.pages import case_page

    with progress(as_json) as tell:
        result = run_case(name, Path(data), Path(keep) if keep else None, tell)
        if report:
            tell("drawing the report")
            Path(report).write_text(case_page(result), encoding="utf-8")
    emit(result.to_dict(), as_json, lambda console: show_case(console, result))


def show_case(console: Console, result: CaseResult) -> None:
    """Print a case's results."""
    from butfor.charts.terminal import bars, lifecycle
    from butfor.cli.daily import show_loaded
    from butfor.pages import case_sentence

    console.print(f"[bold]{escape(result.title)}[/]")
    for each in result.loads:
        show_loaded(console, each, result.currency)
    if result.lifecycle:
        console.print(lifecycle(result.lifecycle), markup=False)
    if result.ran.audiences:
        console.print(bars([(a.audience, a.people) for a in result.ran.audiences]), markup=False)
    if result.inactive:
        console.print(result.inactive.sentence())
    for readout, returns in zip(result.readouts, result.returns, strict=True):
        show_readout(console, readout, returns)
    if result.value:
        show_predicted(console, result.value, result.currency)
    if result.recommendations:
        show_recommendations(console, result.recommendations)
    console.print(f"[bold]{escape(case_sentence(result))}[/]")
