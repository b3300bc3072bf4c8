"""After a load: entries of points go into the ledger, told balances are compared, and what messages cost is booked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

import butfor.catalog.platform as platform
from butfor.ingest.tables import QUARANTINE, event_table
from butfor.ingest.write import new_quarantine
from butfor.plan import Plan
from butfor.plan.kinds import Source, Term
from butfor.plan.walk import named_events
from butfor.store import Hub, Lake


def settle(
    hub: Hub, lake: Lake, plan: Plan, source: Source, loads: Sequence[int], now: datetime
) -> dict[str, int]:
    """Book what some loads of a source brought, each thing once; return how many told balances differ."""
    names = {source.event or "", *named_events(source).values()}
    terms = [t for t in plan.all(Term) if t.id in names]
    for term in [t for t in terms if t.ledger not in (None, "told")]:
        rows = platform.events(lake, event_table(term).name, loads, ["points", "reference"])
        platform.post(hub, rows, str(term.ledger), now=now, who=source.id)
    for term in [t for t in terms if t.costs]:
        _book(hub, plan, term, _costly(lake, term, loads), source, now)
    told = [t for t in terms if t.ledger == "told"]
    differ = [d for t in told for d in _differing(hub, lake, t, loads)]
    if differ:
        rows = [_quarantined(source, d) for d in differ]
        lake.stage(
            "staged_quarantine", pa.Table.from_pylist(rows, QUARANTINE.arrow_schema()), like=QUARANTINE
        )
        lake.insert("quarantine", new_quarantine(max(loads)))
    return {"points: balance differs": len(differ)} if differ else {}


def _differing(hub: Hub, lake: Lake, term: Term, loads: Sequence[int]) -> list[dict[str, Any]]:
    return platform.differing(hub, platform.events(lake, event_table(term).name, loads, ["points"]))


def _quarantined(source: Source, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "row_id": told["event_id"], "load_id": 0, "source": source.id, "row_no": None, "field": "points",
        "reason": f"balance told {told['points']}, entries say {told['entries_say']}", "val": str(told["points"]),
        "raw": None, "term": None,
    }  # fmt: skip


def _costly(lake: Lake, term: Term, loads: Sequence[int]) -> list[dict[str, Any]]:
    cost = str(term.costs)
    more = ["campaign"] if "campaign" in term.properties else []
    rows = platform.events(lake, event_table(term).name, loads, [cost, *more])
    return [{"campaign": None} | r | {"cost": r[cost]} for r in rows if r[cost]]


def _book(
    hub: Hub, plan: Plan, term: Term, rows: Sequence[dict[str, Any]], source: Source, now: datetime
) -> None:
    """Write one cost row per message. Prices are fractions of a cent: what is rounded off one is carried to the next."""
    made, exact, booked = [], Decimal(0), 0
    for r in rows:
        exact += Decimal(r["cost"]) * 100
        minor = round(exact) - booked
        booked += minor
        made.append(
            {
                "key": f"{term.id}/{r['event_id']}", "campaign": r["campaign"] or source.id, "item": term.id, "variant": None,
                "minor_units": minor, "currency": plan.workspace.currency, "made_at": now,
            }
        )  # fmt: skip
    hub.append("cost", made, once=True)
