"""Which character separates the columns of a text file, and whether its first line names them."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from butfor.ingest.glimpse import Glimpse
from butfor.ingest.shapes import EMAIL, decimal_mark, find_dates, number

_TRIED = 300
_LIMIT = 10_000_000


class Grid(Struct, frozen=True):
    """A text file as columns and rows of cells; ``names`` only where the header cannot be used as it is."""

    separator: str
    header: bool
    columns: list[str]
    names: list[str]
    rows: list[list[str]]


def find_grid(seen: Glimpse, rows: int, tail_rows: int) -> Grid:
    """Return the columns and up to ``rows`` rows of the head and ``tail_rows`` of the end of a text file."""
    separator = _separator(seen.head)
    cut = bool(seen.tail)
    cells = list(islice(split(seen.head, separator), rows + 1))
    if cut and len(cells) <= rows:
        cells = cells[:-1]
    width = len(cells[0]) if cells else 0
    header = bool(cells) and _is_header(cells)
    columns, names = _columns(cells[0] if header else [""] * width, header)
    body = cells[1:] if header else cells
    end = list(split(seen.tail, separator))[-tail_rows:]
    return Grid(separator, header, columns, names, [r for r in [*body, *end] if len(r) == width])


def split(text: str, separator: str) -> Iterator[list[str]]:
    """Yield the cells of each line; the separator `` `` stands for any run of blanks."""
    if separator == " ":
        yield from (line.split() for line in text.splitlines() if line.strip())
        return
    csv.field_size_limit(_LIMIT)
    yield from (cells for cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if cells)


def _separator(text: str) -> str:
    best, found = 0.0, ","
    for separator in ",;\t|":
        score = _evenness(list(islice(split(text, separator), _TRIED)))
        if score > best:
            best, found = score, separator
    if best == 0 and _blanks(text):
        return " "
    return found


def _evenness(rows: list[list[str]]) -> float:
    """Score how well a separator makes rows of one width: 0 for none, more columns weigh little."""
    if not rows or len(rows[0]) < 2:
        return 0.0
    widths = Counter(len(row) for row in rows)
    share = widths[len(rows[0])] / len(rows)
    return share + min(len(rows[0]), 50) / 1000 if share > 0.5 else 0.0


def _blanks(text: str) -> bool:
    rows = list(islice(split(text, " "), _TRIED))
    aligned = any("  " in line.strip() or line[:1] == " " for line in text[:20_000].splitlines())
    return len({len(row) for row in rows}) == 1 and len(rows[0]) > 1 and (aligned or len(rows[0]) > 2)


def _is_header(cells: list[list[str]]) -> bool:
    """Say whether the first line names the columns: words only, none of which comes again below it."""
    first, below = [c.strip() for c in cells[0]], cells[1:200]
    decimal = decimal_mark(c.strip() for row in below for c in row)
    if any(_is_value(cell, decimal) for cell in first):
        return False
    again = sum(
        any(len(row) > i and row[i].strip() == cell for row in below) for i, cell in enumerate(first) if cell
    )
    return again * 2 <= len(first)


def _is_value(cell: str, decimal: str) -> bool:
    found = number(cell, decimal) is not None or bool(EMAIL.fullmatch(cell))
    return found or bool(find_dates(Counter([cell])))


def _columns(first: list[str], header: bool) -> tuple[list[str], list[str]]:
    """Return the columns' names, and again what must be stated because the header does not hold them so."""
    plain = [cell.strip() or f"column_{i}" for i, cell in enumerate(first, 1)]
    used: Counter[str] = Counter()
    names = []
    for name in plain:
        used[name.casefold()] += 1
        names.append(name if used[name.casefold()] == 1 else f"{name}_{used[name.casefold()]}")
    return names, [] if header and names == plain else names
