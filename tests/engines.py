"""Addresses of empty lakes on every engine, and the list of what was tested."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

TESTED: dict[str, str] = {}

# Apache Spark's tests share one server, so they run in one worker.
SPARK = pytest.param("spark", marks=[pytest.mark.xdist_group("spark"), pytest.mark.slow])


def new_lake_url(request: pytest.FixtureRequest, engine: str, tmp_path: Path) -> str:
    """Return the address of an empty lake on DuckDB, Sail or Apache Spark."""
    if engine == "duckdb":
        import duckdb

        TESTED["lake duckdb"] = f"DuckDB {duckdb.__version__}"
        return "duckdb"
    server = request.getfixturevalue("sail_url" if engine == "sail" else "apache_spark_url")
    return f"{server}?warehouse={tmp_path}/warehouse&database=t{uuid.uuid4().hex[:8]}"


def new_database(url: str) -> str:
    """Create a database with a name of its own and return its address."""
    import psycopg

    name = f"t{uuid.uuid4().hex[:10]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.replace("/postgres?", f"/{name}?")
