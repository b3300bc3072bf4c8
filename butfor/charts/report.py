"""A report as one page that stands alone: a verdict, the key numbers, and pictures with their tables.

The file holds no script and asks no other server for anything, so it can be mailed, printed and kept. Each chart
is drawn twice, for wide and for narrow screens, and shown by its width; its finding is set as text above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from msgspec import Struct

from butfor.charts import render
from butfor.charts.style import STYLE
from butfor.charts.theme import WIDTH

NARROW = 326
"""Pixels a chart has on a telephone 380 wide, between the borders of its card."""


class Tile(Struct, frozen=True):
    """A key number: what it is, the number as written, and what it rests on."""

    label: str
    value: str
    note: str = ""


class Section(Struct, frozen=True, kw_only=True):
    """One finding: sentences, a picture, and the table behind it.

    ``chart`` is an Altair chart or its Vega-Lite spec. ``table`` holds one mapping per row; the columns are those
    of the first row. ``notes`` say how to read it and what it cannot show.
    """

    heading: str
    sentences: Sequence[str] = ()
    chart: Any = None
    table: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()


class Report(Struct, frozen=True, kw_only=True):
    """A page: ``lead`` is the verdict in one sentence, ``title`` the name of the page, ``notes`` its small print."""

    title: str
    lead: str
    tiles: Sequence[Tile] = ()
    sections: Sequence[Section] = ()
    notes: Sequence[str] = ()
    language: str = "en"


def page(report: Report) -> str:
    """Return the report as one HTML file; the same report gives the same bytes."""
    sections = "\n".join(_section(section, f"s{i}") for i, section in enumerate(report.sections, 1))
    tiles = "".join(_tile(tile) for tile in report.tiles)
    return f"""<!doctype html>
<html lang="{escape(report.language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(report.title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<header>
<p class="name">{escape(report.title)}</p>
<h1>{escape(report.lead)}</h1>
{f'<dl class="tiles">{tiles}</dl>' if tiles else ""}
</header>
{sections}
{_notes(report.notes, "footer")}
</main>
</body>
</html>
"""


def _tile(tile: Tile) -> str:
    note = f'<dd class="note">{escape(tile.note)}</dd>' if tile.note else ""
    return f"<div><dt>{escape(tile.label)}</dt><dd>{escape(tile.value)}</dd>{note}</div>"


def _section(section: Section, name: str) -> str:
    parts = [
        f'<h2 id="{name}">{escape(section.heading)}</h2>',
        *(f"<p>{escape(sentence)}</p>" for sentence in section.sentences),
        _figure(section.chart, name) if section.chart is not None else "",
        _table(section.table, section.heading) if section.table else "",
        _notes(section.notes, "div"),
    ]
    inside = "\n".join(part for part in parts if part)
    return f'<section aria-labelledby="{name}">\n{inside}\n</section>'


def _figure(chart: Any, name: str) -> str:
    finding, shown = render.heading(chart)
    bare = render.bare(chart)
    label = f'role="img" aria-label="{escape(finding)}"'
    drawn = "\n".join(
        f'<div class="{kind}" {label}>{render.to_svg(bare, width, f"{name}-{kind}-")}</div>'
        for kind, width in (("wide", WIDTH), ("narrow", NARROW))
    )
    caption = f'<b>{escape(finding)}</b><span class="shown">{escape(shown)}</span>'
    return f"<figure>\n<figcaption>{caption}</figcaption>\n{drawn}\n</figure>"


def _table(rows: Sequence[Mapping[str, Any]], caption: str) -> str:
    columns = list(rows[0])
    # The first column names its row, so it stands at the left whatever it holds.
    aligned = ["", *(_align(rows[0][c]) for c in columns[1:])]
    heads = "".join(
        f'<th scope="col"{align}>{escape(_words(c))}</th>' for c, align in zip(columns, aligned, strict=True)
    )
    body = "\n".join(_row([row.get(c) for c in columns]) for row in rows)
    return (
        "<details>\n<summary>The numbers behind it</summary>\n"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table>\n<caption>{escape(caption)}</caption>\n"
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>\n</details>"
    )


def _row(cells: Sequence[Any]) -> str:
    first = f'<th scope="row">{escape(_written(cells[0]))}</th>'
    return f"<tr>{first}{''.join(f'<td{_align(c)}>{escape(_written(c))}</td>' for c in cells[1:])}</tr>"


def _align(value: Any) -> str:
    return ' class="n"' if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _written(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _words(column: str) -> str:
    return column.replace("_", " ")


def _notes(notes: Sequence[str], tag: str) -> str:
    inside = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f'<{tag} class="notes">{inside}</{tag}>' if notes else ""
