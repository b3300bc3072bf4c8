"""Claims, measured: ``butfor bench identity``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer
from rich.console import Console

from butfor.cli.show import JSON, emit, progress, table

if TYPE_CHECKING:
    from butfor.proof import Measured

bench = typer.Typer(
    help="Measure what butfor claims, on data whose truth is known.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(bench, name="bench")


@bench.callback()
def root() -> None:
    """Measure what butfor claims, on data whose truth is known."""


@bench.command()
def identity(
    data: str = typer.Option(
        ..., metavar="DIR", help="the folder with the public files (docs/cases.md says where to get them)"
    ),
    records: int = typer.Option(
        0, min=0, help="also link so many simulated records, clean and with junk identifiers"
    ),
    only: str = typer.Option(None, metavar="NAME", help="one set, such as historical_50k or simulated"),
    as_json: bool = JSON,
) -> None:
    """Link labelled records of people without their labels, then compare with the labels.

    Example: `butfor bench identity --data ../shared/data/people --records 1000000`
    """
    from butfor.proof import prove_identity

    found: list[Measured] = []
    with progress(as_json) as tell:
        for measured in prove_identity(Path(data), records=records, only=only, tell=tell):
            found.append(measured)
            if as_json or not sys.stderr.isatty():
                typer.echo(f"{measured.name}: {measured.seconds:.1f} s", err=True)
    emit({"sets": msgspec.to_builtins(found)}, as_json, lambda console: show_identity(console, found))


def show_identity(console: Console, found: list[Measured]) -> None:
    """Print what was measured, one line per set."""
    rows = [_row(m) for m in found]
    console.print(table(rows, list(rows[0]), right=list(rows[0])[1:]))
    console.print(
        "[dim]prec., recall and F1 are of pairs, B3 F1 of records; promise is the precision that the model expected"
        " without labels; max is the largest person; bits is the threshold found. One set of defaults for all.[/]"
    )
    for m in [m for m in found if m.identical is not None]:
        word = "[green]identical[/]" if m.identical else "[red]not identical[/]"
        console.print(f"{m.name}: {word} over repeated runs and with rows in another order")


def _row(m: Measured) -> dict[str, object]:
    return {
        "set": m.name, "records": m.records, "prec.": f"{m.precision:.4f}", "promise": f"{m.estimated_precision:.4f}",
        "recall": f"{m.recall:.3f}", "F1": f"{m.f1:.4f}", "B3 F1": f"{m.b_cubed:.3f}", "max": m.largest,
        "bits": f"{m.threshold:.1f}", "s": f"{m.seconds:.0f}", "CPU s": f"{m.cpu_seconds:.0f}", "MB": f"{m.peak_rss_mb:,.0f}",
    }  # fmt: skip
