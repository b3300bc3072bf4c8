"""Live ingestion over HTTP: events a second that are validated, deduplicated and durable, with the worker draining beside.

Server and load generator share the machine. The floor is SQLite keeping the same bodies, synced as often, and nothing else.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bench.live_load import BATCH, templates
from butfor.app import start

CONNECTIONS = 32
SECONDS = 8.0
TARGET = 20_000
SLOWEST = 0.25


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """Events a second as fast as they go and at the wanted rate, seconds of answers, and how the worker keeps up."""

    rate: float
    p50: float
    p99: float
    floor: float
    beside: float
    alone: float
    steady_rate: float
    steady_p99: float
    steady_lag: float

    @property
    def met(self) -> bool:
        return self.rate >= TARGET and self.p99 <= SLOWEST

    def __str__(self) -> str:
        return (
            f"{'ok  ' if self.met else 'MISS'} live ingestion: {self.rate:,.0f} events/s (to reach {TARGET:,}), "
            f"p50 {1000 * self.p50:.1f} ms, p99 {1000 * self.p99:.1f} ms (to reach {1000 * SLOWEST:.0f}) over {CONNECTIONS} connections, "
            f"batches of {BATCH}; {self.floor / self.rate:.1f}x slower than bare SQLite ({self.floor:,.0f}/s)\n"
            f"     worker: drains {self.beside:,.0f}/s beside that, {self.alone:,.0f}/s after it; "
            f"at {self.steady_rate:,.0f} events/s p99 {1000 * self.steady_p99:.1f} ms and an event is in the lake after {self.steady_lag:.1f} s"
        )


def run() -> Live:
    """Serve a new workspace and send to it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "shop"
        key = start(folder).write_key
        assert key is not None
        with _served(folder) as port:
            _load(port, key, 2, 0)
            _drained(port)
            before = _health(port)
            full = _load(port, key, SECONDS, 0)
            after = _health(port)
            alone, waited = after["waiting"], _drained(port)
            steady = _load(port, key, SECONDS, 5_000)
            lag = _lag(port)
        if full["refused"] or steady["refused"]:
            raise RuntimeError(f"{full['refused'] + steady['refused']} requests were refused")
        return Live(
            rate=full["events"] / full["seconds"], p50=full["p50"], p99=full["p99"], floor=_floor(Path(name) / "floor.db"),
            beside=(after["drained"] - before["drained"]) / full["seconds"], alone=alone / waited,
            steady_rate=steady["events"] / steady["seconds"], steady_p99=steady["p99"], steady_lag=lag,
        )  # fmt: skip


@contextmanager
def _served(folder: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "butfor", "-C", str(folder), "serve", "--json", "--port", "0"]
    root = str(Path(__file__).parent.parent)
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": root}) as server:
        assert server.stdout is not None
        try:
            yield int(json.loads(server.stdout.readline())["url"].rpartition(":")[2])
        finally:
            server.terminate()


def _load(port: int, key: str, seconds: float, rate: int) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "bench.live_load",
        str(port),
        key,
        str(seconds),
        str(CONNECTIONS),
        str(rate),
    ]
    done = subprocess.run(command, capture_output=True, check=True, timeout=seconds + 60)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _health(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    if found["trouble"]:
        raise RuntimeError(str(found["trouble"]))
    return found


def _drained(port: int) -> float:
    """Wait until nothing waits, and return for how long."""
    began = time.perf_counter()
    while _health(port)["waiting"]:
        time.sleep(0.05)
    return time.perf_counter() - began


def _lag(port: int) -> float:
    """Return how long the events took that came last in a steady stream."""
    return _drained(port)


def _floor(path: Path) -> float:
    """Return events a second of SQLite keeping bodies with as many syncs as there are groups of connections."""
    bodies = [t.decode().encode() for t in templates()]
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
        began, events = time.perf_counter(), 0
        while time.perf_counter() - began < 3:
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO t (body) VALUES (?)", [(bodies[i % 7],) for i in range(CONNECTIONS)]
            )
            connection.execute("COMMIT")
            events += CONNECTIONS * BATCH
        return events / (time.perf_counter() - began)
