"""From an event to a changed audience: 200 events a second arrive at a server whose lake holds 10 million."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec
import uvicorn

from butfor.app import Workspace, open_workspace, start
from butfor.app.keys import add_key
from butfor.app.people import follow, open_live
from butfor.identity import PEOPLE_MAP
from butfor.ingest import Drained, all_tables
from butfor.plan import save_definition
from butfor.plan.kinds import Audience, Rule
from butfor.store import Query, sql
from butfor.web.serve import Application

EVENTS, PEOPLE, RATE, SECONDS = 10_000_000, 500_000, 200, 30
TARGET = 1.0


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from sending a purchase until its buyer is in the audience that it changes."""

    events: int
    loaded: int
    p50: float
    p95: float
    worst: float
    missing: int

    @property
    def met(self) -> bool:
        return self.p95 <= TARGET and self.missing == 0

    def __str__(self) -> str:
        return (
            f"{'ok  ' if self.met else 'MISS'} event to changed audience at {RATE} events/s with {self.loaded:,} events loaded: "
            f"p50 {self.p50:.2f} s, p95 {self.p95:.2f} s (to reach {TARGET:.0f}), worst {self.worst:.2f} s over {self.events:,} purchases; "
            f"{self.missing} never arrived"
        )


def run() -> Latency:
    """Fill a workspace, serve it, send purchases of people who are not in the audience yet, and see when they are."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "w"
        start(folder)
        save_definition(
            folder,
            Audience(
                id="fresh", label="Bought today", why="a bench", rule=Rule(trait="recency_days", at_most=0)
            ),
        )
        key = add_key(folder, "site").write_key
        with open_workspace(folder) as ws:
            _fill(ws)
            open_live(ws)
            return _measured(ws, key)


def _fill(ws: Workspace) -> None:
    """Give each of the people a customer number at the site and purchases of a year that ended a month ago."""
    ws.lake.ensure(*all_tables(ws.plan))
    run_sql = ws.lake._con.execute  # type: ignore[attr-defined]
    run_sql(
        f"CREATE TEMP TABLE someone AS SELECT i, CAST(md5(concat('site', chr(31), 'u', i)) AS UUID) AS account_id FROM range({PEOPLE}) AS r(i)"
    )
    run_sql(
        "INSERT INTO account BY NAME SELECT account_id, 'site' AS source, concat('u', i) AS account_key FROM someone"
    )
    run_sql(
        "INSERT INTO identifier BY NAME SELECT account_id, 'customer_id' AS term, concat('u', i) AS val, TIMESTAMP '2025-01-01' AS seen_at, "
        "true AS verified FROM someone"
    )
    run_sql(
        "INSERT INTO ev_order_completed BY NAME SELECT CAST(lpad(hex(r.i), 32, 'f') AS UUID) AS event_id, 0 AS part, s.account_id, "
        "'site' AS source, (now() AT TIME ZONE 'UTC') - to_seconds(CAST(2600000 + hash(r.i + 7) % 31000000 AS BIGINT)) AS occurred_at, "
        f"1 AS load_id, CAST(5 + hash(r.i + 3) % 9000 / 100.0 AS DECIMAL(18,4)) AS total FROM range({EVENTS}) AS r(i) "
        f"JOIN someone AS s ON s.i = CAST(hash(r.i) % {PEOPLE} AS BIGINT)"
    )


class _Watch:
    """Notes when each buyer was first seen in the audience."""

    def __init__(self, ws: Workspace) -> None:
        self.ws, self.sent, self.seen = ws, dict[str, float](), dict[str, float]()

    def after(self, drained: Drained) -> None:
        """Follow the batch as the server does, then look who is in."""
        follow(self.ws, drained)
        members = self.ws.lake.fetch(
            Query("bench.fresh", sql("SELECT a.account_key FROM membership AS m JOIN _map AS p ON p.person_id = m.person_id "
                                     "JOIN account AS a ON a.account_id = p.account_id WHERE m.audience = 'fresh'", {"_map": PEOPLE_MAP.name}))
        )  # fmt: skip
        now = time.monotonic()
        for (buyer,) in zip(members["account_key"].to_pylist(), strict=True):
            self.seen.setdefault(buyer, now)


def _measured(ws: Workspace, key: str) -> Latency:
    watch = _Watch(ws)
    application = Application(ws, watch.after)
    server = uvicorn.Server(
        uvicorn.Config(
            application, port=0, log_level="error", access_log=False, lifespan="on", http="httptools"
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "bench.latency_load",
        f"http://127.0.0.1:{port}/v1/track",
        key,
        *map(str, (RATE, SECONDS, PEOPLE)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS + 120)
    watch.sent = json.loads(done.stdout)
    end = time.monotonic() + 20
    while len(watch.seen) < len(watch.sent) and time.monotonic() < end:
        time.sleep(0.1)
    server.should_exit = True
    thread.join(timeout=60)
    took = sorted(watch.seen[b] - t for b, t in watch.sent.items() if b in watch.seen)
    n = len(took)
    return Latency(
        events=n, loaded=EVENTS, p50=took[n // 2], p95=took[int(n * 0.95)], worst=took[-1], missing=len(watch.sent) - n
    )  # fmt: skip
