"""The daily path: init, check, load, run, schema."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from butfor.app import Ran, Started, open_workspace, start
from butfor.charts.terminal import bars
from butfor.cli.people import identity_diff
from butfor.cli.show import JSON, emit, moment, progress, table, text, to_json
from butfor.ingest import Loaded
from butfor.ingest.propose import Question
from butfor.plan import Problem, check, load_plan, schemas


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for function in (init, check_plan, load, run, schema):
        app.command(name={"check_plan": "check"}.get(function.__name__, function.__name__))(function)


def init(
    folder: str = typer.Argument(help="the folder of the new workspace"),
    file: str = typer.Option(
        None, "--from", metavar="FILE", help="a delivery (or SQL URL) to propose a source from"
    ),
    name: str = typer.Option(None, help="the source's id; default: from the file's name"),
    table_name: str = typer.Option(None, "--table", help="the table, when FILE is an SQL URL"),
    currency: str = typer.Option(None, help="ISO code; default: guessed from the sample, else EUR"),
    margin: float = typer.Option(None, min=0, max=1, help="contribution margin as a share of revenue"),
    as_json: bool = JSON,
) -> None:
    """Make a workspace with a plan, and propose a source from a sample file.

    In a terminal it asks where it is unsure; elsewhere it takes its own proposals and lists the questions.

    Example: `butfor init shop --from receipts.csv.gz`
    """
    asking = sys.stdin.isatty() and not as_json
    made = start(
        folder,
        file,
        name=name,
        table=table_name,
        currency=currency,
        margin=margin,
        ask=_ask if asking else None,
    )
    emit(made, as_json, lambda console: _show_started(console, made))


def _ask(question: Question) -> str:
    shown = ", ".join(question.choices[:6]) + (", ..." if len(question.choices) > 6 else "")
    typer.echo(f"\n{question.text}" + (f"\n  one of: {shown}" if question.choices else ""))
    return str(typer.prompt("  answer", default=question.answer))


def _show_started(console: Console, made: Started) -> None:
    console.print(
        f"[bold]workspace {escape(made.folder)}[/]"
        + (f" with source [bold]{made.source}[/]" if made.source else "")
    )
    for fact in made.facts:
        console.print(f"  {escape(fact)}")
    rows = [
        {"column": c, "sure": f"{v:.0%}", "because": made.because.get(c, "")}
        for c, v in made.confidence.items()
    ]
    if rows:
        console.print(table(rows, ["column", "sure", "because"], right=["sure"]))
    for question in made.questions:
        console.print(f"[yellow]open[/] {escape(question.text)} [dim]taken: {escape(question.answer)}[/]")
    if made.write_key:
        console.print(
            f"write key of live source site: [bold]{made.write_key}[/]  [dim]shown once; butfor serve takes events[/]"
        )
    console.print(f"[dim]next[/] {escape(made.next)}")


def check_plan(ctx: typer.Context, as_json: bool = JSON) -> None:
    """Check the definitions; exit code 1 when there is an error, so that it can guard a CI job.

    Example: `butfor -C shop check`
    """
    found = check(load_plan(Path(ctx.obj)))
    errors = sum(p.level == "error" for p in found)
    data = {"errors": errors, "warnings": len(found) - errors, "problems": found}
    emit(data, as_json, lambda console: _show_problems(console, found))
    raise typer.Exit(1 if errors else 0)


def _show_problems(console: Console, found: list[Problem]) -> None:
    for p in found:
        colour = "red" if p.level == "error" else "yellow"
        console.print(f"[{colour}]{p.level}[/] [bold]{p.code}[/] {escape(p.file)}:{p.line}  {escape(p.what)}")
        console.print(f"  [dim]why[/]  {escape(p.why)}\n  [dim]next[/] {escape(p.next)}")
    errors = sum(p.level == "error" for p in found)
    console.print(
        f"{errors} errors, {len(found) - errors} warnings" if found else "[green]the plan is sound[/]"
    )


def load(
    ctx: typer.Context,
    source: str = typer.Argument(help="the source's id"),
    file: str = typer.Argument(help="the delivery: a file, or an SQL URL for a source with connector sql"),
    as_json: bool = JSON,
) -> None:
    """Load a delivery: type and check each row, quarantine what cannot be used, count everything.

    Loading the same file again changes nothing.

    Example: `butfor -C shop load till receipts.csv.gz`
    """
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        done = ws.load(source, file, tell)
        money = ws.plan.workspace.currency
    emit(done, as_json, lambda console: show_loaded(console, done, money))


def show_loaded(console: Console, done: Loaded, money: str) -> None:
    """Print what a load did."""
    console.print(
        f"[bold]{done.source}[/] {escape(done.file)}: {done.read:,} rows read = {done.accepted:,} accepted + "
        f"{done.repeated:,} repeated + {done.quarantined:,} quarantined, in {done.seconds:.1f} s"
    )
    for event, n in done.events.items():
        console.print(f"  {n:,} new {event}")
    if done.value:
        console.print(
            f"  value {done.value:,.2f} {money}; {done.accounts:,} accounts; {done.without_customer:,} rows without a customer"
        )
    for reason, n in done.reasons.items():
        console.print(f"  [yellow]quarantined[/] {n:,}: {escape(reason)}")
    for what, n in done.flagged.items():
        console.print(f"  [yellow]flagged[/] {n:,} {escape(what)}")
    for column, n in done.unplanned.items():
        console.print(
            f"  [yellow]not stored[/] {n:,} values of unplanned column {escape(column)}: add it to the plan or ask its sender"
        )


def run(
    ctx: typer.Context,
    as_of: str = typer.Option(None, metavar="TIME", help="compute as of a past time, such as 2026-06-30"),
    accept_merges: bool = typer.Option(False, help="merge people even when it is an unusual share of them"),
    dry: bool = typer.Option(
        False, "--dry-run", help="show who would be merged and split, and change nothing"
    ),
    as_json: bool = JSON,
) -> None:
    """Rebuild people, traits and audiences from all events.

    Example: `butfor -C shop run`
    """
    if dry:
        identity_diff(ctx, as_json)
        return
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        done = ws.run(moment(as_of), tell, accept_merges=accept_merges)
    emit(done, as_json, lambda console: _show_ran(console, done))


def _show_ran(console: Console, done: Ran) -> None:
    p = done.people
    console.print(f"[bold]{p.people:,} people[/] from {p.accounts:,} accounts, as of {text(done.as_of)}")
    console.print(
        f"  {p.joined:,} accounts joined others; {p.anonymous_accounts:,} belong to nobody known; {p.shared_accounts:,} are shared devices"
    )
    if p.merged or p.split or p.held:
        console.print(
            f"  since the last run {p.merged:,} people were merged and {p.split:,} split; {p.held:,} pairs wait: butfor review list"
        )
    for term, n in p.generic_values.items():
        console.print(f"  [yellow]{n:,} values of {term}[/] are carried by too many accounts and join nobody")
    for name in done.borders_set:
        console.print(f"  borders of {name} found and stored in audiences/{name}.yaml")
    console.print(bars([(a.audience, a.people) for a in done.audiences]), markup=False)


def schema(
    ctx: typer.Context,
    out: str = typer.Option(None, metavar="DIR", help="write one file per kind here instead of printing"),
    as_json: bool = JSON,
) -> None:
    """Print or write the JSON Schema of every kind of definition, for editors.

    Example: `butfor schema --out .schemas`
    """
    found = schemas()
    if out is None:
        emit(found, True, lambda console: None)
        return
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for kind, document in found.items():
        (folder / f"{kind}.json").write_text(to_json(document) + "\n", encoding="utf-8")
    written: dict[str, Any] = {"written": sorted(f"{out}/{kind}.json" for kind in found)}
    emit(written, as_json, lambda console: console.print("\n".join(written["written"])))
