"""Put the commands together, and turn errors into exit codes: 0 fine, 1 problems or refused, 2 wrong usage."""

from __future__ import annotations

import sys

import typer

import butfor.cli.audiences as audiences
import butfor.cli.bench as bench
import butfor.cli.daily as daily
import butfor.cli.live as live
import butfor.cli.nouns as nouns
import butfor.cli.people as people
import butfor.cli.predict as predict
import butfor.cli.recipes as recipes
import butfor.cli.recommend as recommend
import butfor.cli.results as results
from butfor.cli.show import print_error
from butfor.model import ButforError

app = typer.Typer(
    name="butfor",
    help="Personalization that proves what it earned. Every command has --help with an example, and --json.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    folder: str = typer.Option(".", "-C", metavar="DIR", help="the workspace folder"),
    version: bool = typer.Option(False, "--version", help="print the version and stop"),
) -> None:
    """Personalization that proves what it earned."""
    if version:
        from butfor import __version__

        typer.echo(f"butfor {__version__}")
        raise typer.Exit
    ctx.obj = folder


daily.register(app)
nouns.register(app)
audiences.register(app)
people.register(app)
predict.register(app)
recommend.register(app)
recipes.register(app)
results.register(app)
live.register(app)
bench.register(app)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except ButforError as error:
        print_error(error, as_json="--json" in sys.argv)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("stopped; what was written before is whole, and every command can be repeated", err=True)
        sys.exit(1)
