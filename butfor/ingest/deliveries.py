"""Open a delivery of any connector as rows of text in the workbench, and check its columns."""

from __future__ import annotations

import codecs
import csv
import gzip
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa
import python_calamine

from butfor.ingest.cells import NULL_LIKE, filled, ident, text
from butfor.model import BadInput
from butfor.plan import did_you_mean
from butfor.plan.kinds import Column, Source
from butfor.store import ROW, Workbench, read_sql_table


class Delivery(msgspec.Struct, frozen=True):
    """A delivery on the workbench: table ``raw`` with ``ROW`` and text columns, and what it could not hold."""

    rows: int
    columns: list[str]
    rejects: list[tuple[int, str, str]] = []


def open_delivery(bench: Workbench, source: Source, path: str) -> Delivery:
    """Read a delivery into the table ``raw``; raise BadInput when it cannot be this source's delivery."""
    readers = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet, "excel": _excel}
    if source.connector == "sql":
        name, delivery = f"table {source.read.table}", _sql(bench, source, path)
    else:
        file = Path(path)
        _check_file(file, source)
        name, delivery = f"file {file.name}", readers[source.connector](bench, source, file)
    if delivery.rows + len(delivery.rejects) == 0:
        raise BadInput(
            name, value="0 rows", rule=f"a delivery of {source.id} holds at least one row below its header",
            next_step="if nothing happened in its time there is nothing to load; else ask for it again",
        )  # fmt: skip
    return delivery


def open_text(path: Path, encoding: str) -> IO[str]:
    """Open a text file, also .gz, for reading."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def list_path(column: str) -> tuple[str, str] | None:
    """Return (list, field) of a column such as ``products[].sku``, or None for a plain one."""
    head, mark, tail = column.partition("[].")
    return (head, tail) if mark else None


def _check_file(file: Path, source: Source) -> None:
    if file.is_dir():
        inside = sorted(p.name for p in file.iterdir() if p.is_file())
        raise BadInput(
            "file", value=str(file), rule="a delivery is one file, and this is a folder",
            next_step=f"load its files one by one: {', '.join(inside[:12])}" if inside else "the folder is empty: check the path",
        )  # fmt: skip
    if not file.is_file():
        near = [p.name for p in file.parent.iterdir() if p.is_file()] if file.parent.is_dir() else []
        raise BadInput(
            "file",
            value=str(file),
            rule="the file to load exists",
            next_step=did_you_mean(file.name, near) or "check the path",
        )
    if file.stat().st_size == 0:
        raise BadInput(
            f"file {file.name}", value="0 bytes", rule=f"a delivery of {source.id} has at least a header",
            next_step="ask for the delivery again; nothing was loaded",
        )  # fmt: skip


def _csv(bench: Workbench, source: Source, file: Path) -> Delivery:
    separator = source.read.separator or ","
    with ExitStack() as stack:
        utf8 = stack.enter_context(_as_utf8(file, source.read.encoding or "utf-8", separator == " "))
        # A blank as separator means any run of blanks; the copy has tabs instead.
        separator = "\t" if separator == " " else separator
        columns = source.read.names or _header(source, utf8, separator, file.name)
        check_columns(source, columns, file.name, separator)
        rows = bench.read_csv(
            "raw", utf8, columns=columns, separator=separator, header=source.read.header, nulls=NULL_LIKE
        )
        rejects = bench.rejects()
    for line, raw, why in rejects:
        # One row in quarantine would hide how many lines the quote has swallowed.
        if "unterminated quote" in why and "\n" in raw.strip():
            raise BadInput(
                f"file {file.name} line {line}", value=raw.splitlines()[0],
                rule="a quote that opens is closed, or all lines below it belong to one cell; nothing was loaded",
                next_step="close or double the quote in that line, or ask for the file again",
            )  # fmt: skip
    return Delivery(rows, list(columns), rejects)


@contextmanager
def _as_utf8(file: Path, encoding: str, blanks: bool = False) -> Iterator[Path]:
    plain = _codec(encoding)
    if plain == "utf-8" and not blanks and not _has_bom(file):
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "utf8.csv"
        try:
            with (
                open_text(file, "utf-8-sig" if plain == "utf-8" else encoding) as old,
                copy.open("w", encoding="utf-8", newline="") as new,
            ):
                if blanks:
                    new.writelines("\t".join(line.split()) + "\n" for line in old)
                while chunk := old.read(1 << 20):
                    new.write(chunk)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise _cut_off(file, error) from error
        except UnicodeError as error:
            raise BadInput(
                f"file {file.name}", value=str(error), rule=f"the file is in {encoding}",
                next_step="set read.encoding of the source to the file's own encoding",
            ) from error  # fmt: skip
        yield copy


def _codec(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise BadInput(
            "read.encoding", value=encoding, rule="an encoding has a name that Python knows",
            next_step="write utf-8, utf-16, cp1252 or another name of Python's codecs",
        ) from error  # fmt: skip


def _has_bom(file: Path) -> bool:
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as raw:
            return bool(raw.read(3) == codecs.BOM_UTF8)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _cut_off(file, error) from error


def _cut_off(file: Path, error: Exception) -> BadInput:
    return BadInput(
        f"file {file.name}", value=str(error), rule="a compressed file is whole; nothing was loaded",
        next_step="copy or ask for the file again: it was cut off on its way, or it is no gzip file",
    )  # fmt: skip


def _header(source: Source, file: Path, separator: str, name: str) -> list[str]:
    try:
        with open_text(file, "utf-8") as lines:
            names = next(csv.reader(lines, delimiter=separator), [])
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _cut_off(file, error) from error
    except (UnicodeError, OSError, csv.Error) as error:
        raise BadInput(
            f"file {name}", value=str(error), rule=f"the file is text in {source.read.encoding or 'utf-8'}, the encoding of its source",
            next_step="set read.encoding of the source, or ask for the file again",
        ) from error  # fmt: skip
    return [name.strip() or f"column_{i}" for i, name in enumerate(names, 1)]


def check_columns(source: Source, have: list[str], file: str, separator: str = "") -> None:
    """Raise BadInput when a column that the source maps is not in the delivery, or two have one name."""
    if twice := [name for name, n in Counter(c.casefold() for c in have).items() if n > 1]:
        raise BadInput(
            f"file {file}: columns", value=", ".join(c for c in have if c.casefold() == twice[0]),
            rule="each column of a delivery has a name of its own, upper and lower case being the same",
            next_step="rename one of them, or (in CSV) list all names under read.names of the source",
        )  # fmt: skip
    mapped = {c for c, to in source.columns.items() if (to.to if isinstance(to, Column) else to) != "ignore"}
    tops = {c.split(".")[0].removesuffix("[]") for c in have} | set(have)
    missing = sorted(c for c in mapped if c not in tops and c.split("[].")[0].split(".")[0] not in tops)
    if not missing:
        return
    if len(have) == 1 and len(mapped) > 1:
        other = next((s for s in (";", ",", "\t", "|") if s != separator and s in have[0]), None)
        raise BadInput(
            f"file {file}: separator", value=separator, rule=f"columns of {source.id} are separated by {separator!r}",
            next_step=f"the header looks separated by {other!r}: set read.separator, or correct the file" if other else "check the file",
        )  # fmt: skip
    hints = "; ".join(filter(None, (did_you_mean(m, [h for h in have if h not in mapped]) for m in missing)))
    raise BadInput(
        f"file {file}: missing column" + ("s" if len(missing) > 1 else ""), value=", ".join(missing),
        rule=f"source {source.id} maps {'them' if len(missing) > 1 else 'it'}; nothing was loaded",
        next_step=hints or f"ask for the column, or map it to ignore in plan/sources/{source.id}.yaml",
    )  # fmt: skip


def _jsonl(bench: Workbench, source: Source, file: Path) -> Delivery:
    with _as_utf8(file, source.read.encoding or "utf-8") as utf8:
        bench.read_lines("raw_lines", utf8)
    bench.make(
        "raw_json", f"SELECT {ROW}, line FROM raw_lines WHERE json_valid(line) AND json_type(line) = 'OBJECT'"
    )
    bad = bench.rows(
        f"SELECT {ROW}, line FROM raw_lines WHERE {ROW} NOT IN (SELECT {ROW} FROM raw_json) ORDER BY {ROW}"
    )
    rejects = [(r[ROW], r["line"], "not a JSON object") for r in bad.to_pylist()]
    keys = bench.rows("SELECT DISTINCT unnest(json_keys(line)) AS k FROM raw_json ORDER BY k")[
        "k"
    ].to_pylist()
    check_columns(source, keys, file.name)
    mapped = list(source.columns)
    lists = sorted({found[0] for c in mapped if (found := list_path(c))})
    plain = [c for c in dict.fromkeys([*mapped, *keys]) if not list_path(c) and c not in lists]
    parts = [_named(_json_text(source, _json_path(c)), c) for c in plain]
    parts += [f"json_extract(line, {text(_json_path(c))}) AS {ident(c)}" for c in lists]
    rows = bench.make("raw", f"SELECT {ROW}, {', '.join(parts)} FROM raw_json")
    nested = {c.split(".")[0] for c in mapped if "." in c and not list_path(c)}
    return Delivery(rows, [c for c in plain if c not in nested], rejects)


def _json_text(source: Source, path: str) -> str:
    value = f"json_extract_string(line, {text(path)})"
    if source.read.decimal == ".":
        return value
    # A number of JSON has a decimal point whatever the texts of its source have.
    number = f"json_type(line, {text(path)}) IN ('DOUBLE', 'DECIMAL')"
    return f"CASE WHEN {number} THEN replace({value}, '.', ',') ELSE {value} END"


def _json_path(column: str) -> str:
    return "$." + ".".join(f'"{part}"' for part in column.split("."))


def _parquet(bench: Workbench, source: Source, file: Path) -> Delivery:
    bench.read_parquet("raw_typed", file)
    columns = [c for c in bench.columns("raw_typed") if c != ROW]
    check_columns(source, columns, file.name)
    parts = [_named(_parquet_text(source, ident(c)), c) for c in columns]
    return Delivery(bench.make("raw", f"SELECT {ROW}, {', '.join(parts)} FROM raw_typed"), columns)


def _parquet_text(source: Source, column: str) -> str:
    value = f"CAST({column} AS VARCHAR)"
    if source.read.decimal == ".":
        return value
    number = f"regexp_matches(typeof({column}), '^(FLOAT|DOUBLE|DECIMAL)')"
    return f"CASE WHEN {number} THEN replace({value}, '.', ',') ELSE {value} END"


def _named(value: str, column: str) -> str:
    return f"{filled(value)} AS {ident(column)}"


def _excel(bench: Workbench, source: Source, file: Path) -> Delivery:
    columns, rows = read_sheet(file, source.read.sheet, source.read.decimal)
    check_columns(source, columns, file.name)
    return _put(bench, columns, rows)


def read_sheet(file: Path, sheet: str | None, decimal: str = ".") -> tuple[list[str], list[list[str | None]]]:
    """Return the header and the rows, as text, of one sheet (default: the first) of an Excel file."""
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(file))
    except python_calamine.CalamineError as error:
        raise BadInput(
            f"file {file.name}",
            value=str(error),
            rule="it is an Excel workbook",
            next_step="save it as .xlsx",
        ) from error
    names = book.sheet_names
    if sheet and sheet not in names:
        raise BadInput(
            f"file {file.name}: sheet",
            value=sheet,
            rule="the sheet is in the workbook",
            next_step="there is: " + ", ".join(names),
        )
    cells = book.get_sheet_by_name(sheet or names[0]).to_python()
    if not cells:
        raise BadInput(
            f"file {file.name}",
            value="no rows",
            rule="the sheet has a header",
            next_step="name another with read.sheet",
        )
    header = [str(c).strip() or f"column_{i}" for i, c in enumerate(cells[0], 1)]
    return header, [[as_text(c, decimal) for c in row] for row in cells[1:] if any(c != "" for c in row)]


def as_text(value: Any, decimal: str = ".") -> str | None:
    """Return a cell's value as the text that a CSV export of it would hold, with this decimal mark."""
    if value is None or (isinstance(value, str) and value.strip() in NULL_LIKE):
        return None
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (float, Decimal)):
        return str(value).replace(".", decimal)
    return str(value)


def _sql(bench: Workbench, source: Source, url: str) -> Delivery:
    if not source.read.table:
        raise BadInput(
            f"source {source.id}: read.table",
            value=None,
            rule="an sql source names its table",
            next_step="add read: {table: ...}",
        )
    rows = list(read_sql_table(url, source.read.table))
    columns = list(rows[0]) if rows else list(source.columns)
    check_columns(source, columns, f"table {source.read.table}")
    return _put(bench, columns, [[as_text(r[c], source.read.decimal) for c in columns] for r in rows])


def _put(bench: Workbench, columns: list[str], rows: list[list[str | None]]) -> Delivery:
    data = {
        c: pa.array([r[i] if i < len(r) else None for r in rows], pa.string()) for i, c in enumerate(columns)
    }
    table = pa.table({ROW: pa.array(range(1, len(rows) + 1), pa.int64()), **data})
    return Delivery(bench.put("raw", table), columns)
