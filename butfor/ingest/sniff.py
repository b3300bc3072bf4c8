"""Look at a file, or a database table, that nobody has described yet: how is it written, what is in it?

Only what a person would look at is read: the head, and the end where it is cheap to reach, because files are
often sorted by time and the end tells how new they are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import python_calamine
from msgspec import Struct

from butfor.ingest.cells import NULL_LIKE
from butfor.ingest.deliveries import as_text, read_sheet
from butfor.ingest.glimpse import Glimpse, glimpse
from butfor.ingest.grid import Grid, find_grid
from butfor.ingest.shapes import Dates, decimal_mark, find_dates, written
from butfor.model import BadInput
from butfor.plan import did_you_mean
from butfor.plan.kinds import Reading
from butfor.store import read_sql_table

ROWS = 5_000
TAIL_ROWS = 500
Connector = Literal["csv", "parquet", "jsonl", "excel", "sql"]
Row = dict[str, str | None]
_ENDINGS: dict[str, Connector] = {
    ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl",
    ".ndjson": "jsonl", ".json": "jsonl", ".xlsx": "excel", ".xlsm": "excel", ".xls": "excel", ".ods": "excel",
}  # fmt: skip
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}


class Sample(Struct, frozen=True):
    """The beginning of a file and how it is written.

    ``rows`` hold text as the loader would see it, None where a cell says nothing. Columns of nested JSON
    are written ``customer.email`` and ``products[].sku``, of which the first item's value is shown.
    ``facts`` say in plain words what was detected.
    """

    connector: Connector
    reading: Reading
    columns: list[str]
    rows: list[Row]
    facts: list[str]


def sniff(path_or_url: str, table: str | None = None) -> Sample:
    """Sample a file, or a table of a database given by its URL, and detect how it is written.

    Raises BadInput when it is missing, empty, cannot be read, or has no rows.
    """
    if "://" in path_or_url:
        return _sql(path_or_url, table)
    file = Path(path_or_url)
    _check(file)
    found = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet, "excel": _excel}[_connector(file)](file)
    if not found.rows:
        raise BadInput(
            f"file {file.name}", value="no rows", rule="a sample has at least one row below its header",
            next_step="export it again with some rows",
        )  # fmt: skip
    return found


def _check(file: Path) -> None:
    if not file.is_file():
        near = [p.name for p in file.parent.iterdir() if p.is_file()] if file.parent.is_dir() else []
        raise BadInput(
            "file", value=str(file), rule="the file to look at exists and is no folder",
            next_step=did_you_mean(file.name, near) or "check the path",
        )  # fmt: skip
    if file.stat().st_size == 0:
        raise BadInput(
            f"file {file.name}", value="0 bytes", rule="a sample has a header and rows",
            next_step="export it again; this one is empty",
        )  # fmt: skip


def _connector(file: Path) -> Connector:
    """Tell the connector by the first bytes where they are unmistakable, else by the ending."""
    with file.open("rb") as raw:
        start = raw.read(8)
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return "excel"
    ending = next((s for s in reversed(file.suffixes) if s.lower() != ".gz"), "").lower()
    return _ENDINGS.get(ending) or ("jsonl" if start.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"{") else "csv")


# --- text ----------------------------------------------------------------------------------------


def _csv(file: Path) -> Sample:
    seen = glimpse(file)
    grid = find_grid(seen, ROWS, TAIL_ROWS)
    facts = [f"{_NAMES[grid.separator]} separate the columns"] if len(grid.columns) > 1 else ["one column"]
    facts += [] if grid.header else ["no header: the columns are called " + ", ".join(grid.columns)]
    facts += ["some columns share a name: later ones got a number"] if grid.header and grid.names else []
    rows = [dict(zip(grid.columns, map(_said, cells), strict=True)) for cells in grid.rows]
    return _sampled("csv", _csv_reading(seen, grid), grid.columns, rows, [*_encoding_fact(seen), *facts])


def _csv_reading(seen: Glimpse, grid: Grid) -> Reading:
    return Reading(
        encoding=None if seen.encoding == "utf-8" else seen.encoding,
        separator=grid.separator,
        header=grid.header,
        names=grid.names,
    )


def _encoding_fact(seen: Glimpse) -> list[str]:
    return [f"encoding {seen.encoding}" + (", with a byte order mark" if seen.marked else "")]


def _said(cell: str) -> str | None:
    cell = cell.strip()
    return None if cell in NULL_LIKE else cell


def _jsonl(file: Path) -> Sample:
    seen = glimpse(file)
    if seen.encoding != "utf-8":
        raise BadInput(
            f"file {file.name}: encoding", value=seen.encoding, rule="JSON lines are written in UTF-8",
            next_step="export it as UTF-8, or as CSV",
        )  # fmt: skip
    lines = chain(seen.head.splitlines()[:ROWS], seen.tail.splitlines()[-TAIL_ROWS:])
    found = [o for line in lines if (o := _json_object(line)) is not None]
    if not found:
        raise BadInput(
            f"file {file.name}", value=seen.head[:40].strip(), rule="every line is one JSON object",
            next_step="write one object per line (an array becomes so by: jq -c '.[]')",
        )  # fmt: skip
    return _sampled("jsonl", Reading(), *_table(found), ["one JSON object per line"])


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line, parse_float=str, parse_int=str)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _table(objects: Sequence[dict[str, Any]]) -> tuple[list[str], list[Row]]:
    flat = [_flat(o) for o in objects]
    columns = list(dict.fromkeys(c for row in flat for c in row))
    # A list that is empty here and full there is known by its fields.
    lists = {c.split("[].")[0] for c in columns if "[]." in c}
    columns = [c for c in columns if c not in lists]
    return columns, [{c: row.get(c) for c in columns} for row in flat]


def _flat(value: Mapping[str, Any], before: str = "") -> Row:
    out: Row = {}
    for key, cell in value.items():
        if isinstance(cell, dict):
            out |= _flat(cell, f"{before}{key}.")
        elif isinstance(cell, list) and cell and isinstance(cell[0], dict):
            out |= _flat(cell[0], f"{before}{key}[].")
        else:
            out[before + key] = _scalar(cell)
    return out


def _scalar(cell: Any) -> str | None:
    if isinstance(cell, bool | list):
        return json.dumps(cell) if cell != [] else None
    return None if cell is None else _said(str(cell))


# --- typed ---------------------------------------------------------------------------------------


def _parquet(file: Path) -> Sample:
    try:
        stored = pq.ParquetFile(file)
        parts = [next(stored.iter_batches(batch_size=ROWS), None)]
        groups = stored.num_row_groups
        if stored.metadata.num_rows > ROWS and stored.metadata.row_group(groups - 1).num_rows <= 1_000_000:
            last, new = stored.read_row_group(groups - 1), stored.metadata.num_rows - ROWS
            parts.append(last.slice(max(0, last.num_rows - min(TAIL_ROWS, new))))
    except (pa.ArrowException, OSError) as error:
        raise BadInput(
            f"file {file.name}", value=str(error), rule="it is a whole Parquet file",
            next_step="export it again, or copy it again if it was cut short",
        ) from error  # fmt: skip
    columns = stored.schema_arrow.names
    rows = [{c: _stored_text(r[c]) for c in columns} for part in parts if part for r in part.to_pylist()]
    return _sampled("parquet", Reading(), columns, rows, ["Parquet: types are stored in the file"])


def _stored_text(value: Any) -> str | None:
    # Unlike a workbook's, a stored 17850.0 reaches the loader with its point.
    if isinstance(value, bool | list | dict):
        return json.dumps(value, default=str)
    return _said(repr(value)) if isinstance(value, float) else as_text(value)


def _excel(file: Path) -> Sample:
    columns, cells = read_sheet(file, None)
    names = python_calamine.CalamineWorkbook.from_path(str(file)).sheet_names
    facts = [f"sheet {names[0]!r}" + (f", the first of {len(names)}" if len(names) > 1 else "")]
    rows = [dict(zip(columns, [*row, *[None] * len(columns)], strict=False)) for row in _ends(cells)]
    return _sampled("excel", Reading(sheet=names[0]), columns, rows, facts)


def _ends(cells: Sequence[Any]) -> Iterable[Any]:
    return chain(cells[:ROWS], cells[ROWS:][-TAIL_ROWS:])


def _sql(url: str, table: str | None) -> Sample:
    if not table:
        raise BadInput(
            "table", rule="a database is sampled one table at a time", next_step="name the table",
        )  # fmt: skip
    found = list(islice(read_sql_table(url, table), ROWS))
    if not found:
        raise BadInput(
            f"table {table}", value="no rows", rule="a sample has at least one row",
            next_step="name a table that holds rows",
        )  # fmt: skip
    rows = [{c: as_text(v) for c, v in row.items()} for row in found]
    return _sampled("sql", Reading(table=table), list(found[0]), rows, [f"table {table}"])


# --- what all connectors share --------------------------------------------------------------------


def _sampled(
    connector: Connector, reading: Reading, columns: list[str], rows: list[Row], facts: list[str]
) -> Sample:
    counts = {c: Counter(v for r in rows if (v := r[c]) is not None) for c in columns}
    decimal = decimal_mark(v for seen in counts.values() for v in seen)
    dates = {c: d for c, seen in counts.items() if (d := _dates(c, seen))}
    forms = list(dict.fromkeys(f for d in dates.values() for f in d.forms))
    reading = msgspec.structs.replace(
        reading, decimal=decimal, dates=sorted(forms, key=lambda f: "%y" not in f)
    )
    facts = facts + (["decimal comma"] if decimal == "," else [])
    return Sample(connector, reading, columns, rows, facts + _date_facts(dates))


def _dates(column: str, seen: Counter[str]) -> Dates | None:
    found = find_dates(seen)
    if not found or found.share < (0.95 if found.forms == ["%Y%m%d"] else 0.5):
        return None
    return found


def _date_facts(dates: dict[str, Dates]) -> list[str]:
    facts = []
    for column, found in dates.items():
        zone = " with its offset" if found.zoned else ""
        shapes = [written(f) + (" 14:05" if f == "iso" and found.timed else "") for f in found.forms]
        facts.append(f"{column}: dates as {' or '.join(shapes)}{zone}")
        if found.unclear:
            facts.append(f"{column}: no value tells whether day or month comes first")
    return facts
