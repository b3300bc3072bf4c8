"""Twenty varied audiences over 2 M people and 50 M events: in full, for 1,000 people touched, and what a change would do."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from bench.rfm import account
from butfor.app import Workspace, open_workspace, start
from butfor.app.consequences import consequences
from butfor.app.members import compute_everybody
from butfor.app.people import refresh
from butfor.audiences import parse_rule
from butfor.ingest import all_tables
from butfor.plan.kinds import Audience, Borders, Term

NOW = datetime(2026, 7, 1)
RULES = [
    "orders >= 20", "spend > 1500", "recency_days > 60 and orders >= 10", "recency_days between 30 and 90",
    "in audience rfm.champions", "in audience rfm.lost or in audience rfm.hibernating", "last_order_at within last 14 days",
    "orders >= 2 in last 30 days", "sum(order_completed.total) > 100 in last 90 days",
    "average(order_completed.total) > 60 in last 180 days", "not order_completed in last 60 days and spend > 900",
    "order_completed >= 3 in last 90 days where total > 20", "product_viewed >= 2 in last 7 days",
    "product_viewed in last 14 days and not order_completed in last 14 days",
    "product_viewed then not order_completed within 3 days in last 30 days", "max(order_completed.total) > 90 in last 365 days",
    "first(order_completed) within last 500 days", 'random 10% by "spring"', "trend(order_completed) < 0 in last 90 days",
    "known to till and (orders between 5 and 9 or spend between 100 and 200)",
]  # fmt: skip
# Terms that the rules read; the rest of the default plan is not what is measured.
TERMS = ("orders", "spend", "last_order_at", "recency_days")
FULL, TOUCHED, DIFF = 10.0, 1.0, 2.0


class Measured(msgspec.Struct):
    """Seconds, each beside what is to be reached, and the floor: one count over all purchases by person."""

    people: int
    events: int
    floor: float
    full: float
    touched: float
    diff: float
    sizes: dict[str, int]

    @property
    def met(self) -> bool:
        """Say whether all three were reached."""
        return self.full <= FULL and self.touched <= TOUCHED and self.diff <= DIFF

    def __str__(self) -> str:
        return (
            f"{'ok  ' if self.met else 'MISS'} {len(RULES)} audiences of {self.people:,} people over {self.events:,} events: in full {self.full:.1f} s "
            f"(to reach {FULL:.0f}), {self.full / self.floor:.1f}x one hand-written count per person ({self.floor:.1f} s)\n"
            f"     1,000 people touched: {self.touched:.2f} s (to reach {TOUCHED:.0f}); what a change would do: {self.diff:.2f} s (to reach {DIFF:.0f})"
        )


def run(people: int = 2_000_000, events: int = 50_000_000) -> Measured:
    """Fill a workspace and time the three."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "w"
        start(folder)
        for path in (folder / "plan" / "terms").glob("*.yaml"):
            text = path.read_text()
            if ("what: trait" in text and path.stem not in TERMS) or "what: attribute" in text:
                path.unlink()
        with open_workspace(folder, now=NOW) as ws:
            return _measured(ws, people, events)


def _measured(ws: Workspace, people: int, events: int) -> Measured:
    _fill(ws, people, events)
    connection = ws.lake._con  # type: ignore[attr-defined]
    floor = _seconds(
        lambda: connection.execute(
            "CREATE OR REPLACE TEMP TABLE hand AS SELECT p.person_id, count(*) AS n FROM ev_order_completed AS e "
            "JOIN people_map AS p ON p.account_id = e.account_id GROUP BY p.person_id"
        )
    )
    ws.traits(NOW)
    compute_everybody(ws.plan, ws.hub, ws.lake, NOW)
    full = min(_seconds(lambda: compute_everybody(ws.plan, ws.hub, ws.lake, NOW)) for _ in range(2))
    some = [
        str(r[0])
        for r in connection.execute(
            "SELECT person_id FROM traits USING SAMPLE 1000 ROWS (reservoir, 7)"
        ).fetchall()
    ]
    refresh(ws, some)
    touched = min(_seconds(lambda: refresh(ws, some)) for _ in range(3))
    changed = ws.plan.get(Audience, "a_7")
    changed = msgspec.structs.replace(
        changed, rule=parse_rule(ws.plan, "orders >= 3 in last 45 days where total > 10")
    )
    diff = max(_seconds(lambda: consequences(ws, changed)) for _ in range(2))
    sizes = {a.audience: a.people for a in ws.audiences() if a.audience.startswith("a_")}
    return Measured(people, events, floor, full, touched, diff, sizes)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _fill(ws: Workspace, people: int, events: int) -> None:
    ws.lake.ensure(*all_tables(ws.plan))
    rfm = ws.plan.get(Audience, "rfm")
    assert rfm.rfm is not None
    borders = Borders(recency=[10, 25, 50, 100], frequency=[15, 18, 21, 24], monetary=[700, 900, 1100, 1300])
    ws.save(msgspec.structs.replace(rfm, rfm=msgspec.structs.replace(rfm.rfm, borders=borders)), "bench")
    for audience in ws.plan.all(Audience):
        if audience.id != "rfm":
            ws.save(msgspec.structs.replace(audience, status="retired"), "bench")
    for i, text in enumerate(RULES):
        ws.save(
            Audience(id=f"a_{i}", label=text[:60], why="a benchmark", rule=parse_rule(ws.plan, text)), "bench"
        )
    connection = ws.lake._con  # type: ignore[attr-defined]
    for event, share in (("order_completed", 0.8), ("product_viewed", 0.2)):
        n = round(events * share)
        total = (
            ", CAST(5 + hash(i + 3) % 9000 / 100.0 AS DECIMAL(18,4)) AS total"
            if "total" in ws.plan.get(Term, event).properties
            else ""
        )
        # In the order of time, as events come in.
        connection.execute(
            f"INSERT INTO ev_{event} BY NAME SELECT CAST(lpad(hex(i), 32, '{event[0]}') AS UUID) AS event_id, 0 AS part, ".replace(
                "'o'", "'e'"
            ).replace("'p'", "'f'")
            + f"{account(f'(hash(i) % {people})')} AS account_id, 'till' AS source, "
            f"TIMESTAMP '2025-01-01' + to_seconds(CAST(i * 47000000.0 / {n} AS BIGINT)) AS occurred_at, 1 AS load_id{total} FROM range({n}) AS r(i)"
        )
    connection.execute(
        f"CREATE OR REPLACE TABLE people_map AS SELECT {account('i')} AS account_id, {account('i')} AS person_id, {account('i')} AS home FROM range({people}) AS r(i)"
    )
    connection.execute(
        f"INSERT INTO account BY NAME SELECT {account('i')} AS account_id, 'till' AS source, CAST(i AS VARCHAR) AS account_key FROM range({people}) AS r(i)"
    )
