"""A scratch DuckDB where a delivery's rows are read, typed and checked before they enter the lake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from butfor.model import BadInput, StoreError

# The number of a row in its delivery; no column of a brand is likely to have this name.
ROW = "butfor_row"


class Workbench:
    """Temporary tables in one DuckDB connection. Everything made here is dropped when it is left."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._con = connection
        self._made: list[str] = []

    def make(self, name: str, query: exp.Expression | str) -> int:
        """Create a temporary table from a query; return its number of rows."""
        text = query if isinstance(query, str) else query.sql(dialect="duckdb")
        with disk_errors():
            self._con.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {text}')
        self._made.append(name)
        return int(self.value(f'SELECT count(*) FROM "{name}"'))

    def put(self, name: str, rows: pa.Table) -> int:
        """Create a temporary table from Arrow rows."""
        self._con.register("_put", rows)
        try:
            return self.make(name, "SELECT * FROM _put")
        finally:
            self._con.unregister("_put")

    def rows(self, query: exp.Expression | str) -> pa.Table:
        """Return the rows of a query."""
        text = query if isinstance(query, str) else query.sql(dialect="duckdb")
        with disk_errors():
            return self._con.sql(text).to_arrow_table()

    def value(self, query: exp.Expression | str) -> Any:
        """Return the single value of a query."""
        text = query if isinstance(query, str) else query.sql(dialect="duckdb")
        with disk_errors():
            found = self._con.execute(text).fetchall()
        return found[0][0] if found else None

    def has(self, name: str) -> bool:
        """Say whether a table was made here."""
        return name in self._made

    def columns(self, name: str) -> list[str]:
        """Return the columns of a table here."""
        return [row[0] for row in self._con.execute(f'DESCRIBE "{name}"').fetchall()]

    def read_csv(
        self,
        name: str,
        path: Path,
        *,
        columns: Sequence[str],
        separator: str,
        header: bool,
        nulls: Sequence[str],
    ) -> int:
        """Read a UTF-8 CSV (also .gz) as text columns plus ``ROW``; rows of a wrong shape go to ``reject_errors``.

        Cells that equal one of ``nulls`` are NULL.
        Returns the number of rows read; raises BadInput when the file cannot be read to its end.
        """
        for table in ("reject_errors", "reject_scans"):
            self._con.execute(f"DROP TABLE IF EXISTS temp.{table}")
        types = exp.Struct(
            expressions=[
                exp.PropertyEQ(
                    this=exp.to_identifier(c, quoted=True), expression=exp.Literal.string("VARCHAR")
                )
                for c in columns
            ]
        ).sql(dialect="duckdb")
        text = (
            f"SELECT row_number() OVER () AS {ROW}, * FROM read_csv({_quoted(str(path))}, auto_detect=false, "
            f"header={str(header).lower()}, delim={_quoted(separator)}, quote='\"', escape='\"', columns={types}, "
            f"nullstr=[{', '.join(map(_quoted, nulls))}], store_rejects=true, rejects_limit=0, max_line_size=10000000)"
        )
        return self._read(name, text, path)

    def rejects(self) -> list[tuple[int, str, str]]:
        """Return (line, raw text, why) of the rows that the last CSV read could not take."""
        query = (
            "SELECT line, min(csv_line), min(error_message) FROM reject_errors GROUP BY line ORDER BY line"
        )
        try:
            found = self._con.execute(query).fetchall()
        except duckdb.CatalogException:
            return []
        return [(line, raw, str(why).splitlines()[0]) for line, raw, why in found]

    def read_lines(self, name: str, path: Path) -> int:
        """Read a text file (also .gz) as ``ROW`` and ``line``; empty lines are left out."""
        text = (
            f"SELECT row_number() OVER () AS {ROW}, line FROM read_csv({_quoted(str(path))}, auto_detect=false, "
            "header=false, delim='\x01', quote='', escape='', columns={'line': 'VARCHAR'}, max_line_size=10000000) "
            "WHERE trim(line) <> ''"
        )
        return self._read(name, text, path)

    def read_parquet(self, name: str, path: Path) -> int:
        """Read a Parquet file with ``ROW``, types as stored."""
        text = f"SELECT row_number() OVER () AS {ROW}, * FROM read_parquet({_quoted(str(path))})"
        return self._read(name, text, path)

    def _read(self, name: str, query: str, path: Path) -> int:
        try:
            self._con.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {query}')
        except duckdb.Error as error:
            if is_disk_error(error):
                raise disk_error(error) from error
            raise _unreadable(path, error) from error
        self._made.append(name)
        return int(self.value(f'SELECT count(*) FROM "{name}"'))

    def drop(self) -> None:
        """Drop everything made here."""
        for name in self._made:
            # A database that a full disk has closed must not hide the error that says so.
            with suppress(duckdb.FatalException):
                self._con.execute(f'DROP TABLE IF EXISTS temp."{name}"')
        self._made.clear()


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn what DuckDB says of a disk that refuses into a StoreError."""
    try:
        yield
    except duckdb.Error as error:
        if is_disk_error(error):
            raise disk_error(error) from error
        raise


def is_disk_error(error: Exception) -> bool:
    """Say whether the disk refused, and not the statement or the file that it reads."""
    text = str(error).lower()
    full = (
        "no space left",
        "file too large",
        "could not write",
        "disk quota",
        "failed to write",
        "input/output error",
    )
    return isinstance(error, (duckdb.IOException, duckdb.FatalException, duckdb.OutOfMemoryException)) and (
        isinstance(error, duckdb.FatalException) or any(words in text for words in full)
    )


def disk_error(error: Exception) -> StoreError:
    """Return what to tell when the disk refuses a write; nothing of it was kept."""
    return StoreError(
        "the store could not be written",
        value=str(error).splitlines()[0],
        rule="a write is kept whole or not at all; the data from before are as they were",
        next_step="free some disk space (df -h), then run the same command again",
    )


def _unreadable(path: Path, error: Exception) -> BadInput:
    return BadInput(
        f"file {path.name}",
        value=str(error).splitlines()[0],
        rule="a delivery can be read from its first to its last row, or nothing of it is taken",
        next_step="check that it is complete and of the connector's kind (csv, parquet, jsonl)",
    )


def _quoted(text: str) -> str:
    return exp.Literal.string(text).sql(dialect="duckdb")
