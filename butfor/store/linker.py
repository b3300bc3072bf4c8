"""A DuckDB of its own for linking records: bounded memory, few threads, and the door through which Splink enters it."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from butfor.store.workbench import Workbench


class LinkBench(Workbench):
    """A workbench on which Splink works too; nothing of it outlives the ``with`` block that opened it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, threads: int) -> None:
        super().__init__(connection)
        self._threads = threads

    def splink_api(self) -> Any:
        """Return Splink's handle of this DuckDB."""
        from splink import DuckDBAPI

        logging.getLogger("splink").setLevel(logging.ERROR)
        return DuckDBAPI(self._con)

    def relation(self, name: str) -> Any:
        """Return a table here in the form that Splink's ``register`` takes."""
        return self._con.table(name)

    def forget(self, *names: str) -> None:
        """Drop tables that are no longer needed, so that their memory is free again."""
        for name in names:
            self._con.execute(f'DROP TABLE IF EXISTS temp."{name}"')

    @contextmanager
    def serial(self) -> Iterator[None]:
        """Work with one thread inside: sums of floats then do not depend on who finished first."""
        self._con.execute("SET threads = 1")
        try:
            yield
        finally:
            self._con.execute(f"SET threads = {self._threads}")


@contextmanager
def link_bench(memory_mb: int = 800, threads: int = 2) -> Iterator[LinkBench]:
    """Open a scratch DuckDB that spills to a temporary folder above ``memory_mb`` megabytes."""
    with tempfile.TemporaryDirectory(prefix="butfor-link-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        connection = duckdb.connect()
        connection.execute(
            f"SET memory_limit = '{memory_mb}MB'; SET threads = {threads}; SET preserve_insertion_order = false;"
            f"SET temp_directory = '{folder}'; SET enable_progress_bar = false"
        )
        try:
            yield LinkBench(connection, threads)
        finally:
            connection.close()
