"""What a points platform delivered: its entries go into the ledger once, its told balances are compared with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlglot import exp

from butfor.catalog.points import entry_of, lines_of, statement
from butfor.store import Hub, Lake, column, named, sql

# One session holds the locks of all accounts of a step.
_STEP = 500


@named("catalog.brought")
def brought(table: str, loads: Sequence[int], columns: Sequence[str]) -> exp.Expression:
    """The events that some loads brought, oldest first, with some of their properties."""
    base = sql(
        "SELECT e.event_id, e.account_id, e.source, e.occurred_at FROM _events AS e WHERE e.load_id IN :loads "
        "AND e.account_id IS NOT NULL ORDER BY e.occurred_at, e.event_id",
        {"_events": table},
        loads=list(loads),
    )
    assert isinstance(base, exp.Select)
    return base.select(*[column(c, "e").as_(c) for c in columns])


def events(lake: Lake, table: str, loads: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the events that some loads brought, oldest first."""
    found: list[dict[str, Any]] = lake.fetch(brought(table, loads, columns)).to_pylist()
    return found


def post(hub: Hub, entries: Iterable[dict[str, Any]], kind: str, *, now: datetime, who: str) -> int:
    """Book entries of a platform, each once per account, kind and reference; return how many are new."""
    rows = {entry_of(e["account_id"], kind, e["reference"]): e for e in entries if e["points"]}
    keys, new = list(rows), 0
    for start in range(0, len(keys), _STEP):
        new += _post_some(hub, {k: rows[k] for k in keys[start : start + _STEP]}, kind, now, who)
    return new


def _post_some(hub: Hub, rows: dict[str, dict[str, Any]], kind: str, now: datetime, who: str) -> int:
    with hub.session() as session:
        for account in sorted({r["account_id"] for r in rows.values()}):
            session.lock(f"points {account}")
        known = {entry for (entry,) in session.rows_in("points", "entry", list(rows), ["entry"])}
        fresh = {k: r for k, r in rows.items() if k not in known}
        sign = -1 if kind in ("expire", "redeem") else 1
        for r in fresh.values():
            amount = sign * abs(r["points"])
            made = lines_of(r["account_id"], amount, r["reference"], kind, r["occurred_at"], now, who)
            session.append("points", made)
    return len(fresh)


def differing(hub: Hub, told: Collection[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the told balances that entries until then do not add up to, with what they say (R-078)."""
    out = []
    for row in told:
        lines = statement(hub, row["account_id"])
        have = sum(x["amount"] for x in lines if x["occurred_at"] <= row["occurred_at"])
        if have != row["points"]:
            out.append(row | {"entries_say": have})
    return out
