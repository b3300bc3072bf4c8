"""The command ``predict``: whether data can carry a prediction, which model they carry, and how good it was."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.markup import escape

from butfor.app import open_workspace
from butfor.app.value import Predicted, data_readiness, prediction_runs
from butfor.app.value import predict as predict_value
from butfor.charts.theme import money
from butfor.charts.value import foretold_text, score_rows
from butfor.cli.show import JSON, emit, moment, progress, table
from butfor.model import Refused
from butfor.profiles.value import Check, Holdout, Models
from butfor.profiles.value.bgnbd import Bgnbd


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(predict)


def predict(
    ctx: typer.Context,
    days: int = typer.Option(90, min=1, max=730, help="how far ahead"),
    as_of: str = typer.Option(None, metavar="TIME", help="as of a past time, such as 2026-06-30"),
    dry: bool = typer.Option(False, "--dry-run", help="show everything; write nothing"),
    earlier: bool = typer.Option(
        False, "--list", help="list the runs that were written, and predict nothing"
    ),
    as_json: bool = JSON,
) -> None:
    """Predict purchases, their value, the next order and churn of every buyer, checked on the last days.

    Refuses, with reasons, where the data cannot carry it. Example: `butfor -C shop predict --days 90 --dry-run`
    """
    if earlier:
        _list(ctx, as_json)
        return
    when = moment(as_of)
    with open_workspace(ctx.obj) as ws, progress(as_json) as tell:
        try:
            done = predict_value(ws, days, when, dry=dry, progress=tell)
        except Refused:
            if not as_json:
                show_checks(Console(highlight=False), data_readiness(ws, when))
            raise
        currency = ws.plan.workspace.currency
    emit(done.to_dict(), as_json, lambda console: show_predicted(console, done, currency))


def _list(ctx: typer.Context, as_json: bool) -> None:
    with open_workspace(ctx.obj) as ws:
        found = prediction_runs(ws)
    rows = [
        {
            "run": r.address[:12], "as of": r.as_of, "days": r.days, "model": r.models.buying.name,
            "buyers": r.people, "purchases": r.orders, "value": r.money,
        }
        for r in found
    ]  # fmt: skip
    columns = ["run", "as of", "days", "model", "buyers", "purchases", "value"]
    emit([r.to_dict() for r in found], as_json, lambda c: c.print(table(rows, columns, right=columns[2:])))


def show_checks(console: Console, checks: list[Check]) -> None:
    """Print what value needs of the data and what they hold."""
    for c in checks:
        mark = "[green]ok[/]     " if c.ok else "[red]missing[/]"
        console.print(
            f"  {mark} {escape(c.sentence)}" + ("" if c.ok else f" [dim]next[/] {escape(c.next_step)}")
        )


def show_predicted(console: Console, done: Predicted, currency: str) -> None:
    """Print readiness, models with their diagnosis, the holdout beside rules of thumb, and what is expected."""
    console.print(f"[bold]data[/] as of {done.as_of:%Y-%m-%d}")
    show_checks(console, done.checks)
    console.print("[bold]model[/]")
    show_models(console, done.models, currency)
    if done.holdout:
        show_holdout(console, done.holdout, currency)
    else:
        console.print(f"[yellow]{escape(done.no_holdout)}[/]")
    for each in done.limits:
        console.print(f"  [yellow]limit[/] {escape(each)}")
    worth = f" worth {money(done.money, currency)}" if done.money is not None else ""
    console.print(
        f"[bold]next {done.days} days[/] {done.orders:,.0f} purchases{worth} expected of {done.people:,} buyers; "
        f"{done.silent:.0%} of them buy nothing. {escape(_missed(done))}"
        + (
            f"Written to table prediction, run {done.address[:12]}."
            if done.written
            else "Nothing was written."
        )
    )


def _missed(done: Predicted) -> str:
    """Return by how much the total missed in the holdout: the only measure of its error there is."""
    ours = done.holdout.money or done.holdout.orders if done.holdout else []
    if not ours or not ours[0].actual:
        return ""
    return f"In the holdout the total was off by {ours[0].predicted / ours[0].actual - 1:+.0%}. "


def show_models(console: Console, models: Models, currency: str) -> None:
    """Print the parameters of both models and what follows from them."""
    buying, spend = models.buying, models.spend
    m = buying.model
    more = f", a {m.a:.3f}, b {m.b:.3f}" if isinstance(m, Bgnbd) else ""
    console.print(
        f"  {buying.name}: r {m.r:.3f}, alpha {m.alpha:.3f} weeks{more}; log-likelihood {m.log_likelihood:,.2f} "
        f"of {buying.people:,} people"
    )
    if spend:
        like = (
            "" if spend.correlation is None else f"; correlation of number and value {spend.correlation:.2f}"
        )
        console.print(
            f"  Gamma-Gamma: p {spend.p:.2f}, q {spend.q:.2f}, v {spend.v:.2f}; a purchase is worth "
            f"{money(spend.mean, currency)} on average{like}"
        )
    for each in buying.sentences:
        console.print(f"  {escape(each)}")


def show_holdout(console: Console, held: Holdout, currency: str) -> None:
    """Print how the models fitted until a day did in the days after it."""
    console.print(
        f"[bold]holdout[/] learnt until {held.cut}, {held.people:,} people; the {held.days} days after it:"
    )
    show_models(console, held.models, currency)
    rows = score_rows(held.orders)
    console.print(table(rows, list(rows[0]), right=list(rows[0])[1:]))
    console.print(foretold_text(held.bands), markup=False)
    console.print(
        f"  No purchase: {held.silent_predicted:.1%} of people foretold, {held.silent_actual:.1%} found."
    )
    for each in held.sentences:
        console.print(f"  {escape(each)}")
