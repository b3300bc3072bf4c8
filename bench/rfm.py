"""RFM of 2 M people over 50 M events, against hand-written SQL on the same table."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

import msgspec

from bench.floor import Ratio, against
from butfor.app import Workspace, open_workspace, start
from butfor.ingest import all_tables
from butfor.plan.kinds import Audience, Borders

NOW = datetime(2026, 7, 1)
HAND_WRITTEN = """
CREATE OR REPLACE TABLE hand AS
WITH b AS (
  SELECT account_id, count(*) AS orders, sum(total) AS spend, max(occurred_at) AS last_at
  FROM ev_order_completed GROUP BY account_id
), r AS (SELECT *, date_diff('day', last_at, TIMESTAMP '2026-07-01') AS days FROM b)
SELECT *,
  CASE WHEN days <= 10 THEN 5 WHEN days <= 25 THEN 4 WHEN days <= 50 THEN 3 WHEN days <= 100 THEN 2 ELSE 1 END AS recency,
  CASE WHEN orders <= 20 THEN 1 WHEN orders <= 23 THEN 2 WHEN orders <= 26 THEN 3 WHEN orders <= 30 THEN 4 ELSE 5 END AS frequency,
  CASE WHEN spend < 900 THEN 1 WHEN spend < 1100 THEN 2 WHEN spend < 1300 THEN 3 WHEN spend < 1500 THEN 4 ELSE 5 END AS monetary
FROM r
"""
CELLS = {
    "champions": (505, 504), "loyal": (405, 404), "promising": (502, 503, 402, 403), "new": (501, 401),
    "needing_attention": (302, 303), "slipping_loyal": (204, 205, 304, 305), "about_to_sleep": (301,),
    "at_risk": (202, 203), "hibernating": (101, 201), "cannot_lose": (104, 105), "lost": (102, 103),
}  # fmt: skip
SEGMENTS = " ".join(
    f"WHEN recency * 100 + frequency IN {pairs if len(pairs) > 1 else f'({pairs[0]})'} THEN '{name}'"
    for name, pairs in CELLS.items()
)
HAND_WRITTEN = HAND_WRITTEN.replace("CREATE OR REPLACE TABLE hand AS\n", "").join(
    ("CREATE OR REPLACE TABLE hand AS SELECT *, CASE " + SEGMENTS + " END AS cell FROM (", ")")
)
# What a hand-written RFM has: the rest of the default plan is more than the floor computes.
RFM_TERMS = ("orders", "spend", "last_order_at", "recency_days")


def run(people: int = 2_000_000, events: int = 50_000_000) -> Ratio:
    """Time the product's traits with scores and cells, and the hand-written scores."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "w"
        start(folder)
        for path in (folder / "plan" / "terms").glob("*.yaml"):
            if (
                "what: trait" in path.read_text() and path.stem not in RFM_TERMS
            ) or "what: attribute" in path.read_text():
                path.unlink()
        with open_workspace(folder, now=NOW) as ws:
            _fill(ws, people, events)
            connection = ws.lake._con  # type: ignore[attr-defined]
            return against(
                f"RFM of {people:,} people over {events:,} events",
                lambda: ws.traits(NOW),
                lambda: connection.execute(HAND_WRITTEN).fetchall(),
                target=1.5,
                note="(scores and cells of people, on disk; the floor has no people, only accounts)",
            )


def _fill(ws: Workspace, people: int, events: int) -> None:
    ws.lake.ensure(*all_tables(ws.plan))
    rfm = ws.plan.get(Audience, "rfm")
    assert rfm.rfm is not None
    borders = Borders(recency=[10, 25, 50, 100], frequency=[20, 23, 26, 30], monetary=[900, 1100, 1300, 1500])
    ws.save(msgspec.structs.replace(rfm, rfm=msgspec.structs.replace(rfm.rfm, borders=borders)), "bench")
    connection = ws.lake._con  # type: ignore[attr-defined]
    connection.execute(
        f"INSERT INTO ev_order_completed BY NAME SELECT CAST(lpad(hex(i), 32, 'f') AS UUID) AS event_id, 0 AS part, "
        f"{account(f'(hash(i) % {people})')} AS account_id, 'till' AS source, "
        "TIMESTAMP '2025-01-01' + to_seconds(CAST(hash(i + 7) % 47000000 AS BIGINT)) AS occurred_at, 1 AS load_id, "
        f"CAST(5 + hash(i + 3) % 9000 / 100.0 AS DECIMAL(18,4)) AS total FROM range({events}) AS r(i)"
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE people_map AS SELECT {account('i')} AS account_id, {account('i')} AS person_id FROM range({people}) AS r(i)"
    )


def account(n: str) -> str:
    """Return SQL of the id of an account by a number."""
    return f"CAST(lpad(hex({n} * 7919), 32, '0') AS UUID)"
