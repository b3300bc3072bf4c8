"""The lake: everything that happened, in sets. DuckDB beside the workspace, or Spark Connect beyond it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa

from butfor.model import BadInput
from butfor.store.query import Query
from butfor.store.tables import Table
from butfor.store.workbench import Workbench


class Lake(Protocol):
    """What every engine can do. Named queries go in, Arrow tables come out."""

    engine: str

    def ensure(self, *tables: Table) -> None:
        """Create tables that are missing and add columns that are new."""

    def tables(self) -> set[str]:
        """Return the names of all tables."""

    def fetch(self, query: Query) -> pa.Table:
        """Return the rows of a query; times are UTC without a zone."""

    def insert(self, name: str, query: Query) -> int:
        """Append the rows of a query to a table, by column name; return how many."""

    def rebuild(self, table: Table, query: Query) -> int:
        """Replace a derived table by the rows of a query; return how many."""

    def scratch(self, table: Table, query: Query) -> None:
        """Keep the rows of a query under a name until it is used again or the lake is closed; nobody else sees them."""

    def replace(self, table: Table, key: str, keys: Query, query: Query) -> int:
        """Put the rows of a query in the place of those whose ``key`` is among ``keys`` (one column); return how many."""

    def stage(self, name: str, rows: pa.Table, like: Table | None = None) -> None:
        """Put rows under a temporary name that queries of this process can read.

        Columns that ``like`` has too get its types, so that ids can be compared with ids.
        """

    def workbench(self) -> AbstractContextManager[Workbench]:
        """Give a scratch DuckDB to type and check rows in, before they enter the lake."""

    def adopt(self, bench: Workbench, name: str) -> None:
        """Make a table of the workbench readable by queries of this lake."""

    def transaction(self) -> AbstractContextManager[None]:
        """Make all writes inside visible together, where the engine can."""

    def close(self) -> None:
        """Release the engine."""


def open_lake(url: str, folder: Path) -> Lake:
    """Open ``duckdb`` (a file in ``folder``), ``duckdb:PATH``, or ``sc://HOST:PORT?warehouse=DIR&database=NAME``."""
    if url == "duckdb" or url.startswith("duckdb:"):
        from butfor.store.duck import DuckLake

        return DuckLake(Path(url[7:]) if url.startswith("duckdb:") else folder / "lake.duckdb")
    if url.startswith("sc://"):
        from butfor.store.spark import SparkLake

        parts = urlsplit(url)
        options = {k: v[-1] for k, v in parse_qs(parts.query).items()}
        return SparkLake(f"sc://{parts.netloc}{parts.path}", **options)
    raise BadInput(
        "butfor.yaml: lake",
        value=url,
        rule="a lake is duckdb, duckdb:PATH or sc://HOST:PORT (Spark Connect)",
        next_step="set lake: duckdb to keep the data in the workspace folder",
    )
