"""Commands about things: source, term, goal, quarantine, change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape

from butfor.app import open_workspace
from butfor.cli.audiences import term_diff, term_set, term_undo
from butfor.cli.show import JSON, emit, table
from butfor.cli.sources import source_add, source_reconcile
from butfor.cli.traits import term_add
from butfor.plan import Plan, load_plan, search_terms
from butfor.plan.kinds import Definition, Goal, Source, Term, to_builtins
from butfor.plan.rules.goals import rewrite
from butfor.plan.write import dump_yaml


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    groups: dict[str, tuple[Callable[..., None], ...]] = {
        "source": (source_list, source_show, source_coverage, source_add, source_reconcile),
        "term": (
            term_list,
            term_search,
            term_show,
            term_diff,
            term_set,
            term_undo,
            term_add,
        ),  # and status, in butfor.cli.live
        "goal": (goal_list,),
        "quarantine": (quarantine_list,),
        "change": (change_log,),
    }
    for noun, verbs in groups.items():
        group = typer.Typer(
            no_args_is_help=True, help=f"{noun}: {', '.join(v.__name__.split('_')[1] for v in verbs)}"
        )
        for verb in verbs:
            group.command(name=verb.__name__.split("_")[1])(verb)
        app.add_typer(group, name=noun)


def _plan(ctx: typer.Context) -> Plan:
    return load_plan(Path(ctx.obj))


def _show(definition: Definition, as_json: bool) -> None:
    built = to_builtins(definition)
    emit(built, as_json, lambda console: console.print(escape(dump_yaml(built)), end=""))


def source_list(ctx: typer.Context, as_json: bool = JSON) -> None:
    """List the sources. Example: `butfor -C shop source list`."""
    rows = [
        {"source": s.id, "label": s.label, "connector": s.connector, "rows are": s.grain, "event": s.event}
        for s in _plan(ctx).all(Source)
    ]
    emit(rows, as_json, lambda c: c.print(table(rows, ["source", "label", "connector", "rows are", "event"])))


def source_show(ctx: typer.Context, name: str, as_json: bool = JSON) -> None:
    """Show a source. Example: `butfor -C shop source show till`."""
    _show(_plan(ctx).get(Source, name), as_json)


def source_coverage(ctx: typer.Context, as_json: bool = JSON) -> None:
    """Show which identifiers each source delivers, for how many accounts. Example: `butfor -C shop source coverage`."""
    with open_workspace(ctx.obj) as ws:
        found = ws.identifier_coverage()
    rows = [
        {
            "source": r["source"],
            "identifier": r["term"],
            "accounts": r["accounts"],
            "covered": f"{r['share']:.0%}",
            "values": r["distinct_values"],
            "shared": r["shared_values"],
        }
        for r in found
    ]
    columns = ["source", "identifier", "accounts", "covered", "values", "shared"]
    emit(found, as_json, lambda c: c.print(table(rows, columns, right=columns[2:])))


def _term_rows(terms: list[Term]) -> list[dict[str, Any]]:
    return [
        {"term": t.id, "label": t.label, "system": t.system, "is": t.what, "type": t.type, "means": t.means}
        for t in terms
    ]


def _print_terms(terms: list[Term], as_json: bool) -> None:
    rows = _term_rows(terms)
    emit(rows, as_json, lambda c: c.print(table(rows, ["term", "label", "system", "is", "means"])))


def term_list(ctx: typer.Context, as_json: bool = JSON) -> None:
    """List the data dictionary. Example: `butfor -C shop term list`."""
    _print_terms(_plan(ctx).all(Term), as_json)


def term_search(ctx: typer.Context, words: str, as_json: bool = JSON) -> None:
    """Find a term by the marketer's, the system's or any other name. Example: `butfor -C shop term search receipt`."""
    _print_terms(search_terms(_plan(ctx), words), as_json)


def term_show(ctx: typer.Context, name: str, as_json: bool = JSON) -> None:
    """Show a term. Example: `butfor -C shop term show lifecycle`."""
    _show(_plan(ctx).get(Term, name), as_json)


def goal_list(ctx: typer.Context, as_json: bool = JSON) -> None:
    """List the goals as sentences. Example: `butfor -C shop goal list`."""
    rows = [{"goal": g.id, "status": g.status, "sentence": rewrite(g)} for g in _plan(ctx).all(Goal)]
    emit(rows, as_json, lambda c: c.print(table(rows, ["goal", "status", "sentence"])))


def quarantine_list(ctx: typer.Context, limit: int = typer.Option(50, min=1), as_json: bool = JSON) -> None:
    """List rows and values that could not be used, with the reason. Example: `butfor -C shop quarantine list`."""
    with open_workspace(ctx.obj) as ws:
        rows = ws.quarantine(limit)
    emit(
        rows,
        as_json,
        lambda c: c.print(table(rows, ["source", "row_no", "reason", "field", "val"], right=["row_no"])),
    )


def change_log(ctx: typer.Context, as_json: bool = JSON) -> None:
    """List changes of definitions: who, what and why. Example: `butfor -C shop change log`."""
    with open_workspace(ctx.obj) as ws:
        rows = ws.changes()
    emit(rows, as_json, lambda c: c.print(table(rows, ["made_at", "who", "kind", "ref", "reason"])))
