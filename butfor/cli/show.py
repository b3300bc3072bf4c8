"""Print results: JSON for machines; tables, bars and sentences for people."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from butfor.model import BadInput, ButforError

JSON = typer.Option(False, "--json", help="print JSON for machines")


def to_json(data: Any) -> str:
    """Return a result as indented JSON; money as text, so that no cent is rounded."""
    return msgspec.json.format(msgspec.json.encode(data, enc_hook=_plain), indent=2).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    return str(value)


def emit(data: Any, as_json: bool, render: Callable[[Console], None]) -> None:
    """Print ``data`` as JSON, or let ``render`` show it."""
    if as_json:
        sys.stdout.write(to_json(data) + "\n")
    else:
        render(Console(highlight=False))


def print_error(error: ButforError, *, as_json: bool) -> None:
    """Print an error with its four parts; as JSON on standard output when that was asked for."""
    if as_json:
        sys.stdout.write(to_json(error.to_dict()) + "\n")
        return
    console = Console(stderr=True, highlight=False)
    shown = "" if error.value is None else f": {escape(str(error.to_dict()['value']))}"
    console.print(f"[bold red]error[/] {escape(error.thing)}{shown}")
    for name, text in (("rule", error.rule), ("next", error.next_step)):
        if text:
            console.print(f"  [dim]{name}[/] {escape(text)}")


@contextmanager
def progress(as_json: bool) -> Iterator[Callable[[str], None]]:
    """Show the step that is running, on standard error, where somebody looks."""
    console = Console(stderr=True)
    if as_json or not console.is_terminal:
        yield lambda step: None
        return
    with console.status("starting") as status:
        yield lambda step: status.update(step + " ...")


def table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, right: Sequence[str] = (), title: str = ""
) -> Table:
    """Return rows as a table; columns in ``right`` are numbers."""
    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*[escape(text(row.get(name))) for name in columns])
    return made


def text(value: Any) -> str:
    """Return a value as people write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)


def moment(given: str | None, option: str = "--as-of") -> datetime | None:
    """Return a time of the command line, in UTC without a zone; raise BadInput when it cannot be read."""
    if given is None:
        return None
    try:
        found = datetime.fromisoformat(given)
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except ValueError as error:
        raise BadInput(
            option,
            value=given,
            rule="a time is written like 2026-06-30 or 2026-06-30T18:00",
            next_step="correct it",
        ) from error
