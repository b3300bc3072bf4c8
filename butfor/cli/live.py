"""Live ingestion: serve, and key list, add and revoke."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.markup import escape

from butfor.app import open_workspace
from butfor.app.keys import add_key, keys, revoke_key
from butfor.app.observed import Observed, observed
from butfor.app.people import follow, look_again, open_live
from butfor.cli.show import JSON, emit, progress, table, to_json
from butfor.plan.kinds import Term
from butfor.web import Served
from butfor.web import serve as run_server


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)
    terms = next(g.typer_instance for g in app.registered_groups if g.name == "term")
    assert terms is not None
    terms.command(name="status")(term_status)
    group = typer.Typer(no_args_is_help=True, help="key: list, add, revoke")
    for name, verb in (("list", key_list), ("add", key_add), ("revoke", key_revoke)):
        group.command(name=name)(verb)
    app.add_typer(group, name="key")


def serve(
    ctx: typer.Context,
    host: str = typer.Option("127.0.0.1", help="the address to listen on; 0.0.0.0 for all of this machine"),
    port: int = typer.Option(8710, min=0, max=65535, help="the port; 0 takes a free one"),
    as_json: bool = JSON,
) -> None:
    """Take live events from SDKs of Segment, RudderStack and Jitsu, and drain them into the lake.

    Example: `butfor -C shop serve --port 8710`
    """
    with open_workspace(ctx.obj) as ws:
        with progress(as_json) as tell:
            tell("reading who is who")
            open_live(ws)
        run_server(
            ws,
            host,
            port,
            ready=lambda made: _show_ready(made, as_json),
            after_drain=lambda done: follow(ws, done),
            tend=lambda: look_again(ws),
        )


def _show_ready(made: Served, as_json: bool) -> None:
    if as_json:
        typer.echo(to_json(made).replace("\n", ""))
        return
    console = Console(highlight=False)
    console.print(f"[bold green]butfor listens[/] on [bold]{made.url}[/]  [dim]stop it with ctrl-c[/]")
    if not made.sources:
        console.print("  [yellow]no write key yet[/]: butfor key add site")
        return
    console.print(f"  sources with a key: {escape(', '.join(made.sources))}; how it is: {made.url}/health")
    console.print("  [dim]send a test event[/]")
    typer.echo(
        f'  curl -u WRITE_KEY: {made.url}/v1/track -d \'{{"event": "Product Viewed", "anonymousId": "test"}}\''
    )


def term_status(
    ctx: typer.Context,
    term: str = typer.Argument(None, help="one term; default: all that were seen, and all problems"),
    as_json: bool = JSON,
) -> None:
    """Show what really comes in for each term: usable, refused, last seen, 30-day volume, share with each property.

    Example: `butfor -C shop term status order_completed`
    """
    with open_workspace(ctx.obj) as ws:
        if term:
            ws.plan.get(Term, term)
        found = observed(ws)
    if term:
        found = Observed(
            terms=[t for t in found.terms if t.term == term], unexpected={}, unplanned_columns={}
        )
    emit(found, as_json, lambda console: _show_observed(console, found, alone=term is not None))


def _show_observed(console: Console, found: Observed, *, alone: bool) -> None:
    rows = [
        {
            "term": t.term,
            "usable": t.valid,
            "refused": t.invalid,
            "30 days": t.volume_30d,
            "last seen": t.last_seen,
        }
        for t in found.terms
    ]
    console.print(
        table(
            rows,
            ["term", "usable", "refused", "30 days", "last seen"],
            right=["usable", "refused", "30 days"],
        )
    )
    for t in found.terms:
        if alone:
            console.print(
                "\n".join(f"  {share:>4.0%} with {escape(name)}" for name, share in t.shares.items())
            )
        for reason, n in t.reasons.items():
            console.print(f"  [yellow]refused[/] {n:,} {t.term}: {escape(reason)}")
        for name, n in t.unplanned.items():
            console.print(f"  [yellow]not in the plan[/] {n:,} {t.term}: {escape(name)}")
    for name, n in found.unexpected.items():
        console.print(f"  [yellow]unexpected event[/] {n:,}: {escape(name)}")


def key_list(ctx: typer.Context, as_json: bool = JSON) -> None:
    """List the write keys. Example: `butfor -C shop key list`."""
    found = keys(ctx.obj)
    rows = [
        {
            "key": r["id"],
            "source": r["source"],
            "starts": r["hint"],
            "made": r["made_at"],
            "revoked": r["revoked_at"],
        }
        for r in found
    ]
    emit(found, as_json, lambda c: c.print(table(rows, ["key", "source", "starts", "made", "revoked"])))


def key_add(ctx: typer.Context, source: str, as_json: bool = JSON) -> None:
    """Make a write key for a live source, or a key of the API (`api`); it is shown once. Example: `butfor -C shop key add site`."""
    made = add_key(ctx.obj, source)
    emit(
        made,
        as_json,
        lambda c: c.print(
            f"key {made.id} of {made.source}: [bold]{made.write_key}[/]\n[dim]shown once; kept as a hash[/]"
        ),
    )


def key_revoke(
    ctx: typer.Context,
    number: int = typer.Argument(metavar="KEY", help="its number in key list"),
    as_json: bool = JSON,
) -> None:
    """Revoke a write key; a running server refuses it within a second. Example: `butfor -C shop key revoke 1`."""
    row = revoke_key(ctx.obj, number)
    emit(
        row,
        as_json,
        lambda c: c.print(f"key {row['id']} of {row['source']} is revoked since {row['revoked_at']}"),
    )
