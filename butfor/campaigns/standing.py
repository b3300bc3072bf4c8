"""What stands when a campaign is launched again: whatever was decided for any part of a person, held-out first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from butfor.decide import COOL_OFF, Decision

# Of two people who became one, the held-out part decides; else what was sent is not sent again.
_FIRST = {"held": 0, "sent": 1, "pending": 2, "suppressed": 3}


def standing(
    rows: Iterable[Mapping[str, Any]], known_as: Mapping[str, str], fresh: Iterable[Decision], as_of: datetime,
    belongs: Mapping[str, str] | None = None,
) -> list[Decision]:  # fmt: skip
    """Return what stands for each person: a decision of the ledger for them or a part of them, else the fresh one.

    ``known_as`` gives the id that people merged since have now, ``belongs`` the person of each account that a held-out
    one had: whoever has one of them now is held out too. A person whom an earlier run suppressed stays so: the
    ledger would show a message as never sent. Who was held by a cool-off is decided anew, and what waited for its
    time is sent when it has come.
    """
    earlier: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if may_change(row) and row["outcome"] == "held":
            continue
        for person in _now(row, known_as, belongs or {}):
            if person not in earlier or _FIRST[row["outcome"]] < _FIRST[earlier[person]["outcome"]]:
                earlier[person] = row
    return [_stands(d, earlier[d.person_id], as_of) if d.person_id in earlier else d for d in fresh]


def held_accounts(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the accounts of people who were held out."""
    return {a for r in rows if r["outcome"] == "held" and not may_change(r) for a in _accounts(r)}


def _now(row: Mapping[str, Any], known_as: Mapping[str, str], belongs: Mapping[str, str]) -> set[str]:
    was = row["person_id"]
    if row["outcome"] == "held" and (accounts := _accounts(row)):
        return {belongs[a] for a in accounts if a in belongs}
    return {known_as.get(was, was)}


def _accounts(row: Mapping[str, Any]) -> list[str]:
    return msgspec.json.decode(row["accounts"], type=list[str]) if row["accounts"] else []


def may_change(row: Mapping[str, Any]) -> bool:
    """Say whether a contact waits for its time, or for the end of a cool-off."""
    return row["outcome"] == "pending" or (
        row["outcome"] == "held" and str(row["reason"]).startswith(COOL_OFF)
    )


def waiting(decision: Decision) -> Decision:
    """Return a message to be sent as one that waits for its time."""
    return msgspec.structs.replace(decision, outcome="pending") if decision.outcome == "sent" else decision


def _stands(fresh: Decision, row: Mapping[str, Any], as_of: datetime) -> Decision:
    found = Decision(
        **{f: row[f] for f in Decision.__struct_fields__ if f != "person_id"}, person_id=fresh.person_id
    )
    due = row["outcome"] == "pending" and row["due_at"] and row["due_at"] <= as_of
    # What would not be sent now is not sent because its time has come.
    if due and fresh.outcome != "sent":
        return msgspec.structs.replace(found, outcome=fresh.outcome, reason=fresh.reason)
    return msgspec.structs.replace(found, outcome="sent") if due else found
