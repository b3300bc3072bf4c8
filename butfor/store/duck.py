"""The lake on DuckDB: one file in the workspace, one process at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from butfor.model import StoreError
from butfor.store.query import Query
from butfor.store.tables import SQL_TYPES, Table
from butfor.store.workbench import Workbench, disk_error


class DuckLake:
    """A lake in one DuckDB file."""

    engine = "duckdb"

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._con = _connected(path)
        self._depth = 0

    def ensure(self, *tables: Table) -> None:
        """Create tables that are missing and add columns that are new."""
        known = "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND database_name = current_database()"
        have: dict[str, set[str]] = {}
        for table_name, column_name in self._run(known).fetchall():
            have.setdefault(table_name, set()).add(column_name)
        with self.transaction():
            for table in tables:
                typed = {c: f'"{c}" {SQL_TYPES[t]}' for c, t in table.columns.items()}
                if table.name not in have:
                    self._run(f'CREATE TABLE "{table.name}" ({", ".join(typed.values())})')
                for name in [c for c in typed if c not in have.get(table.name, typed)]:
                    self._run(f'ALTER TABLE "{table.name}" ADD COLUMN {typed[name]}')

    def tables(self) -> set[str]:
        """Return the names of all tables."""
        found = self._run(
            "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary"
        ).fetchall()
        return {row[0] for row in found}

    def fetch(self, query: Query) -> pa.Table:
        """Return the rows of a query."""
        try:
            return self._con.sql(query.sql("duckdb")).to_arrow_table()
        except duckdb.IOException as error:
            raise disk_error(error) from error

    def insert(self, name: str, query: Query) -> int:
        """Append the rows of a query to a table, by column name."""
        return _count(self._run(f'INSERT INTO "{name}" BY NAME {query.sql("duckdb")}'))

    def rebuild(self, table: Table, query: Query) -> int:
        """Replace a derived table by the rows of a query."""
        with self._unordered():
            return _count(self._run(f'CREATE OR REPLACE TABLE "{table.name}" AS {_typed(table, query)}'))

    def scratch(self, table: Table, query: Query) -> None:
        """Keep the rows of a query in a temporary table."""
        with self._unordered():
            self._run(f'CREATE OR REPLACE TEMP TABLE "{table.name}" AS {_typed(table, query)}')

    @contextmanager
    def _unordered(self) -> Iterator[None]:
        """Let rows of a derived table be written as they come: whoever reads in an order says so."""
        self._run("SET preserve_insertion_order = false")
        try:
            yield
        finally:
            # After an error the transaction takes no more statements; that error is the one to hear of.
            with suppress(duckdb.Error):
                self._con.execute("SET preserve_insertion_order = true")

    def replace(self, table: Table, key: str, keys: Query, query: Query) -> int:
        """Put the rows of a query in the place of those whose key is among some."""
        self._run(f'CREATE OR REPLACE TEMP TABLE "_fresh" AS {_typed(table, query)}')
        gone = f"SELECT CAST(k AS {SQL_TYPES[table.columns[key]]}) FROM ({keys.sql('duckdb')}) AS t(k)"
        with self.transaction():
            self._run(f'DELETE FROM "{table.name}" WHERE "{key}" IN ({gone})')
            return _count(self._run(f'INSERT INTO "{table.name}" BY NAME SELECT * FROM "_fresh"'))

    def stage(self, name: str, rows: pa.Table, like: Table | None = None) -> None:
        """Put rows under a temporary name, ids and times in the types that ``like`` gives them."""
        known = like.columns if like else {}
        columns = [
            f'CAST("{c}" AS {SQL_TYPES[known[c]]}) AS "{c}"' if c in known else f'"{c}"'
            for c in rows.column_names
        ]
        self._con.register("_staged", rows)
        self._run(f'CREATE OR REPLACE TEMP TABLE "{name}" AS SELECT {", ".join(columns)} FROM _staged')
        self._con.unregister("_staged")

    @contextmanager
    def workbench(self) -> Iterator[Workbench]:
        """Give temporary tables in the lake's own connection, so that nothing is copied."""
        self._revive()
        bench = Workbench(self._con)
        try:
            yield bench
        finally:
            bench.drop()

    def adopt(self, bench: Workbench, name: str) -> None:
        """Nothing to do: the workbench is in the same connection."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all writes inside visible together, or none of them."""
        if self._depth:
            yield
            return
        self._con.begin()
        self._depth = 1
        try:
            yield
            self._commit()
        except BaseException:
            # A failed COMMIT has rolled back already, and a second ROLLBACK would hide the first error.
            if self._depth:
                self._depth = 0
                self._con.rollback()
            raise
        finally:
            self._depth = 0

    def close(self) -> None:
        """Close the file."""
        self._con.close()

    def _revive(self) -> None:
        """Open the file again when a full disk has closed it; what was committed is there."""
        try:
            self._con.execute("SELECT 1").fetchall()
        except duckdb.FatalException:
            self._con.close()
            self._con = _connected(self._path)

    def _commit(self) -> None:
        self._depth = 0
        try:
            self._con.commit()
        except duckdb.Error as error:
            raise disk_error(error) from error

    def _run(self, text: str) -> duckdb.DuckDBPyConnection:
        try:
            return self._con.execute(text)
        except duckdb.IOException as error:
            raise disk_error(error) from error


def _typed(table: Table, query: Query) -> str:
    columns = ", ".join(f'CAST("{c}" AS {SQL_TYPES[t]}) AS "{c}"' for c, t in table.columns.items())
    return f"SELECT {columns} FROM ({query.sql('duckdb')})"


def _connected(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        made = duckdb.connect(str(path))
    except duckdb.IOException as error:
        raise _open_error(path, error) from error
    made.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = true; SET enable_progress_bar = false")
    return made


def _count(done: duckdb.DuckDBPyConnection) -> int:
    rows = done.fetchall()
    return int(rows[0][0]) if rows else 0


def _open_error(path: Path, error: Exception) -> StoreError:
    text = str(error)
    holder = re.search(r"PID (\d+)", text)
    if "lock" in text.lower():
        return StoreError(
            f"workspace {path.parent.parent.name}",
            value=f"in use by process {holder.group(1)}" if holder else "in use by another process",
            rule="one process at a time writes a DuckDB lake; nothing was changed",
            next_step="wait for the other butfor to finish, or stop it, then run the command again",
        )
    if "version" in text.lower():
        return StoreError(
            f"lake {path.name}",
            value=text.splitlines()[0],
            rule="a lake can be opened by the DuckDB that wrote it, or a newer one",
            next_step="update DuckDB (pip install -U duckdb)",
        )
    return StoreError(
        f"lake {path.name}",
        value=text.splitlines()[0],
        rule="the lake is one DuckDB file that this user may read and write",
        next_step="check the folder's permissions and disk space",
    )
