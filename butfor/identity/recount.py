"""A recount of all people: judged from everything, checked against the circuit breaker, stored and written down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from butfor.identity.judgements import all_said
from butfor.identity.moves import review_row
from butfor.identity.people import Judged, PeopleFound, judge_people, keep_people
from butfor.identity.sync import mirror
from butfor.model import Refused
from butfor.plan import Plan
from butfor.store import Hub, Lake

# Fewer people than this say nothing about a usual share.
_FEW = 200


def judge_all(hub: Hub, lake: Lake, plan: Plan) -> Judged:
    """Judge all accounts with what people judged and the points at stake; write nothing."""
    return judge_people(lake, plan, all_said(hub), stakes(hub))


def recount(hub: Hub, lake: Lake, plan: Plan, now: datetime, *, accept: bool = False) -> PeopleFound:
    """Judge all accounts and store the map; raise Refused when it would merge an unusual share of the people.

    ``accept`` lets it merge them all the same.
    """
    judged = judge_all(hub, lake, plan)
    if not accept:
        _break_circuit(plan, judged)
    keep_people(lake, judged)
    mirror(hub, judged.rows)
    changes = [
        {
            "made_at": now, "kind": c.kind, "person_id": c.person_id, "other_id": c.other_id,
            "accounts": msgspec.json.encode(c.accounts).decode(), "cause": "recount",
        }
        for c in judged.changes
    ]  # fmt: skip
    hub.append("person_change", changes)
    hub.append("review", [review_row(h, now) for h in judged.held], once=True)
    return judged.found


def stakes(hub: Hub) -> Mapping[str, int]:
    """Return the points that each account ever earned."""
    out: dict[str, int] = {}
    for row in hub.rows("points"):
        if row["amount"] > 0 and not row["account_id"].startswith("issuer:"):
            out[row["account_id"]] = out.get(row["account_id"], 0) + row["amount"]
    return out


def _break_circuit(plan: Plan, judged: Judged) -> None:
    decision = plan.workspace.identity
    most = decision.max_merge_share if decision else 1.0
    merged = sum(c.kind == "merge" for c in judged.changes)
    if judged.people_before >= _FEW and merged > most * judged.people_before:
        raise Refused(
            "people",
            value=f"{merged} of {judged.people_before} people would be merged into others",
            rule=f"a run that merges more than {most:.0%} of all people at once stops before it writes (identity.max_merge_share)",
            next_step="see them with butfor identity diff; if they are right: butfor run --accept-merges",
        )


def as_rows(judged: Judged) -> list[dict[str, Any]]:
    """Return the changes as plain rows, largest first."""
    found = sorted(judged.changes, key=lambda c: (-len(c.accounts), c))
    return [msgspec.to_builtins(c) for c in found]
