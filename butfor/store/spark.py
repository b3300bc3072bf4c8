"""The lake on Spark Connect: Apache Spark, Databricks or Sail, on the brand's own tables.

Ledgers are appended to. A rebuilt table gets a new name or folder and a row in a manifest, so that a kill
in the middle of a rebuild leaves the old one in force. With ``warehouse=DIR`` tables are Parquet folders
that are registered again at each start (Sail keeps its catalog in memory); without it the server's own
catalog keeps them.
"""

from __future__ import annotations

import socket
import sys
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa

from butfor.model import BadInput, StoreError
from butfor.store.query import Query
from butfor.store.tables import ARROW_TYPES, SPARK_TYPES, Table
from butfor.store.workbench import Workbench

_MANIFEST = Table(
    "butfor_manifest", {"name": "text", "physical": "text", "columns": "text", "made_at": "timestamp"}
)
# Servers take messages of up to 128 MB; Arrow needs some room for its own framing.
_MESSAGE = 32 * 1024 * 1024


class SparkLake:
    """A lake behind a Spark Connect server."""

    engine = "spark"

    def __init__(self, url: str, warehouse: str = "", database: str = "butfor") -> None:
        self._spark = _connect(url)
        self._warehouse = warehouse.rstrip("/")
        self._physical: dict[str, str] = {}
        self._staged: list[str] = []
        self._scratch: dict[str, str] = {}
        self._columns: dict[str, dict[str, str]] = {}
        self._spark.conf.set("spark.sql.session.timeZone", "UTC")
        self._run(f"CREATE DATABASE IF NOT EXISTS `{database}`")
        self._spark.catalog.setCurrentDatabase(database)
        self._create(_MANIFEST.name, dict(_MANIFEST.columns))
        self._recall()

    def ensure(self, *tables: Table) -> None:
        """Create tables that are missing; a new column gives the table a new version that holds both."""
        for table in tables:
            have = self._columns.get(table.name)
            if have is None:
                self._switch(table.name, dict(table.columns), None)
            elif set(table.columns) - set(have):
                both = have | {c: t for c, t in table.columns.items() if c not in have}
                old = ", ".join(
                    f"`{c}`" if c in have else f"CAST(NULL AS {SPARK_TYPES[t]}) AS `{c}`"
                    for c, t in both.items()
                )
                self._switch(table.name, both, f"SELECT {old} FROM `{table.name}`")

    def tables(self) -> set[str]:
        """Return the names of all tables."""
        return set(self._physical)

    def fetch(self, query: Query) -> pa.Table:
        """Return the rows of a query; times come back as UTC without a zone."""
        return _without_zone(self._run(query.sql("spark")).toArrow())

    def insert(self, name: str, query: Query) -> int:
        """Append the rows of a query to a table, by column name."""
        self._run(query.sql("spark")).createOrReplaceTempView("_inserted")
        given = set(self._spark.table("_inserted").columns)
        columns = ", ".join(_cast(c, t, c in given) for c, t in self._columns[name].items())
        before = self._count(name)
        self._run(f"INSERT INTO `{self._physical[name]}` SELECT {columns} FROM _inserted")
        return self._count(name) - before

    def rebuild(self, table: Table, query: Query) -> int:
        """Replace a derived table by the rows of a query."""
        columns = ", ".join(_cast(c, t, True) for c, t in table.columns.items())
        self._switch(table.name, dict(table.columns), f"SELECT {columns} FROM ({query.sql('spark')})")
        return self._count(table.name)

    def scratch(self, table: Table, query: Query) -> None:
        """Keep the rows of a query in a table that goes when its name is used again, or with the session."""
        columns = ", ".join(_cast(c, t, True) for c, t in table.columns.items())
        physical = f"stage__{uuid.uuid4().hex[:12]}"
        self._create(physical, dict(table.columns))
        self._run(f"INSERT INTO `{physical}` SELECT {columns} FROM ({query.sql('spark')})")
        self._run(f"CREATE OR REPLACE TEMPORARY VIEW `{table.name}` AS SELECT * FROM `{physical}`")
        self._staged.append(physical)
        if old := self._scratch.get(table.name):
            self._staged.remove(old)
            self._run(f"DROP TABLE IF EXISTS `{old}`")
        self._scratch[table.name] = physical

    def replace(self, table: Table, key: str, keys: Query, query: Query) -> int:
        """Put the rows of a query in the place of those whose key is among some; the whole table is written anew."""
        columns = ", ".join(_cast(c, t, True) for c, t in table.columns.items())
        fresh = f"SELECT {columns} FROM ({query.sql('spark')})"
        # Rows without a key (anonymous events) are among no keys; NOT IN would lose them.
        gone = f"({keys.sql('spark')}) AS gone(gone_key)"
        kept = f"SELECT {columns} FROM `{table.name}` LEFT ANTI JOIN {gone} ON `{key}` = gone.gone_key"
        left = int(self._run(f"SELECT count(*) AS n FROM ({kept}) AS t").toArrow()["n"][0].as_py())
        self._switch(table.name, dict(table.columns), f"{kept} UNION ALL {fresh}")
        return self._count(table.name) - left

    def stage(self, name: str, rows: pa.Table, like: Table | None = None) -> None:
        """Put rows under a temporary name (ids are text here); large ones go in several messages, for each has a size limit."""
        fields = [
            pa.field(
                f.name, pa.timestamp("us", tz="UTC") if pa.types.is_timestamp(f.type) else _plain(f.type)
            )
            for f in rows.schema
        ]
        typed = rows.cast(pa.schema(fields))
        step = max(1, rows.num_rows * _MESSAGE // max(rows.nbytes, 1))
        if rows.num_rows == 0:
            nulls = ", ".join(f"CAST(NULL AS {_spark_type(f.type)}) AS `{f.name}`" for f in fields)
            self._run(f"SELECT {nulls} WHERE false").createOrReplaceTempView(name)
            return
        if rows.num_rows <= step:
            self._spark.createDataFrame(typed).createOrReplaceTempView(name)
            return
        physical = f"stage__{uuid.uuid4().hex[:12]}"
        for start in range(0, rows.num_rows, step):
            self._spark.createDataFrame(typed.slice(start, step)).createOrReplaceTempView("_part")
            if start == 0:
                self._create(physical, {f.name: _spark_type(f.type) for f in fields})
            self._run(f"INSERT INTO `{physical}` SELECT * FROM _part")
        self._staged.append(physical)
        self._run(f"CREATE OR REPLACE TEMPORARY VIEW `{name}` AS SELECT * FROM `{physical}`")

    @contextmanager
    def workbench(self) -> Iterator[Workbench]:
        """Give a scratch DuckDB in memory."""
        with duckdb.connect(":memory:") as connection:
            connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
            yield Workbench(connection)

    def adopt(self, bench: Workbench, name: str) -> None:
        """Send a table of the workbench to the server."""
        self.stage(name, bench.rows(f'SELECT * FROM "{name}"'))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Spark has no transactions over tables; writes are ordered so that repeating them heals a kill."""
        yield

    def close(self) -> None:
        """Leave the session; staged rows go with it."""
        for physical in self._staged:
            self._run(f"DROP TABLE IF EXISTS `{physical}`")
        self._spark.stop()

    def _switch(self, name: str, columns: dict[str, str], query: str | None) -> None:
        physical = f"{name}__{uuid.uuid4().hex[:12]}"
        self._create(physical, columns)
        if query:
            self._run(f"INSERT INTO `{physical}` {query}")
        declared = ",".join(f"{c}:{t}" for c, t in columns.items())
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        self._run(
            f"INSERT INTO `{_MANIFEST.name}` SELECT '{name}', '{physical}', '{declared}', CAST('{now}' AS TIMESTAMP)"
        )
        self._point(name, physical, columns)

    def _create(self, physical: str, columns: dict[str, str]) -> None:
        typed = ", ".join(f"`{c}` {SPARK_TYPES.get(t, t)}" for c, t in columns.items())
        where = f" LOCATION '{self._warehouse}/{physical}'" if self._warehouse else ""
        self._run(f"CREATE TABLE IF NOT EXISTS `{physical}` ({typed}) USING parquet{where}")

    def _recall(self) -> None:
        rows = (
            self._run(f"SELECT name, physical, columns FROM `{_MANIFEST.name}` ORDER BY made_at")
            .toArrow()
            .to_pylist()
        )
        for row in {r["name"]: r for r in rows}.values():
            columns = dict(part.split(":") for part in row["columns"].split(","))
            self._create(row["physical"], columns)
            self._point(row["name"], row["physical"], columns)

    def _point(self, name: str, physical: str, columns: dict[str, str]) -> None:
        self._physical[name], self._columns[name] = physical, columns
        self._run(f"CREATE OR REPLACE TEMPORARY VIEW `{name}` AS SELECT * FROM `{physical}`")

    def _count(self, name: str) -> int:
        return int(self._run(f"SELECT count(*) AS n FROM `{self._physical[name]}`").toArrow()["n"][0].as_py())

    def _run(self, text: str) -> Any:
        try:
            return self._spark.sql(text)
        except Exception as error:
            if "ConnectException" in type(error).__name__ or "UNAVAILABLE" in str(error):
                raise _unreachable("the Spark Connect server", error) from error
            raise


def _connect(url: str) -> Any:
    # The client takes a main module without a file (python -c, an embedded interpreter) for its own doctests, and exits.
    main = sys.modules["__main__"]
    if not hasattr(main, "__file__"):
        main.__file__ = "<butfor>"
    try:
        # The thin client warns about the age of pandas, which butfor does not use.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pyspark.sql import SparkSession
    except ImportError as error:
        raise BadInput(
            "lake",
            value=url,
            rule="a Spark lake needs the Spark Connect client",
            next_step="pip install 'butfor[spark]'",
        ) from error
    _check_listening(url)
    try:
        session = SparkSession.builder.remote(url).create()
        session.sql("SELECT 1").collect()
    except Exception as error:
        raise _unreachable(url, error) from error
    return session


def _check_listening(url: str) -> None:
    # The client would retry a missing server for a quarter of an hour.
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "localhost", parts.port or 15002), timeout=10).close()
    except OSError as error:
        raise _unreachable(url, error) from error


def _unreachable(thing: str, error: Exception) -> StoreError:
    return StoreError(
        f"lake {thing}",
        value=str(error).splitlines()[0] if str(error) else type(error).__name__,
        rule="the Spark Connect server answers",
        next_step="start it, check host and port, then run the command again; loads repeat safely",
    )


def _cast(name: str, kind: str, given: bool) -> str:
    return f"CAST({f'`{name}`' if given else 'NULL'} AS {SPARK_TYPES[kind]}) AS `{name}`"


def _spark_type(kind: pa.DataType) -> str:
    from pyspark.sql.pandas.types import from_arrow_type

    return str(from_arrow_type(kind).simpleString())


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_large_string(kind) or pa.types.is_dictionary(kind) else kind


def _without_zone(rows: pa.Table) -> pa.Table:
    fields = [
        pa.field(f.name, ARROW_TYPES["timestamp"] if pa.types.is_timestamp(f.type) else f.type)
        for f in rows.schema
    ]
    return rows.cast(pa.schema(fields))
