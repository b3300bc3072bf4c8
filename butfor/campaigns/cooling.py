"""After a merge: for some days no offer goes to the merged person that neither part of them was promised (R-092)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from butfor.decide import COOL_OFF
from butfor.plan import Plan
from butfor.plan.kinds import Campaign
from butfor.store import Hub

# An offer made longer ago than this is no longer remembered as a promise.
REMEMBERED = timedelta(days=30)
_WAS = "; was: "


def fresh_merges(hub: Hub, now: datetime, days: int) -> dict[str, set[str]]:
    """Return the people merged in the last days and not split again since, with the ids they had before."""
    since = now - timedelta(days=days)
    out: dict[str, set[str]] = {}
    for row in hub.rows("person_change"):
        if row["kind"] == "merge" and row["made_at"] >= since:
            out.setdefault(row["person_id"], set()).add(row["other_id"])
        elif row["kind"] == "split":
            # The part that left was merged into the person it leaves.
            out.get(row["other_id"], set()).discard(row["person_id"])
    return {person: others for person, others in out.items() if others}


def promised(hub: Hub, plan: Plan, people: Collection[str], now: datetime) -> frozenset[str]:
    """Return the offers that were sent to any of these ids lately."""
    since = now - REMEMBERED
    rows = [r for person in people for r in hub.rows("contact", person_id=person)]
    sent = {r["campaign"] for r in rows if r["outcome"] == "sent" and r["made_at"] >= since}
    known = [plan.find(Campaign, c) for c in sorted(sent)]
    return frozenset(offer for c in known if c for offer in c.offers)


def hold_pending(hub: Hub, plan: Plan, now: datetime) -> int:
    """Hold the waiting contacts of people merged lately that promise what neither part got; return how many."""
    days, held = plan.workspace.cool_off_days, 0
    for person, others in fresh_merges(hub, now, days).items():
        before = promised(hub, plan, {person, *others}, now)
        for row in _waiting(hub, {person, *others}, "pending"):
            campaign = plan.find(Campaign, row["campaign"])
            if campaign and not set(campaign.offers) <= before:
                reason = f"{COOL_OFF} {days} d{_WAS}{row['reason']}"
                held += hub.update("contact", {"outcome": "held", "reason": reason}, id=row["id"])
    return held


def release_pending(hub: Hub, plan: Plan, people: Collection[str], now: datetime) -> int:
    """Let contacts wait again that a merge held and whose people are not merged any more; return how many."""
    still = {
        p
        for person, others in fresh_merges(hub, now, plan.workspace.cool_off_days).items()
        for p in (person, *others)
    }
    freed = 0
    for row in _waiting(hub, set(people) - still, "held"):
        if row["reason"].startswith(COOL_OFF) and _WAS in row["reason"]:
            reason = row["reason"].split(_WAS, 1)[1]
            freed += hub.update("contact", {"outcome": "pending", "reason": reason}, id=row["id"])
    return freed


def _waiting(hub: Hub, people: Collection[str], outcome: str) -> list[Mapping[str, Any]]:
    return [
        r for p in sorted(people) for r in hub.rows("contact", person_id=p, outcome=outcome) if r["due_at"]
    ]
