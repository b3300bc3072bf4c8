"""A recount of all people: judged from everything, checked against the circuit breaker, stored and written down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from butfor.identity.judgements import all_said
from butfor.identity.moves import change_row, review_row
from butfor.identity.people import Judged, PeopleFound, judge_people, keep_people
from butfor.identity.sync import mirror
from butfor.model import Refused
from butfor.plan import Plan
from butfor.store import Hub, Lake

# Fewer people than this say nothing about a usual share.
_FEW = 200
_SEE = "see them with butfor identity diff; if they are right: butfor run --accept-merges"


def judge_all(hub: Hub, lake: Lake, plan: Plan) -> Judged:
    """Judge all accounts with what people judged and the points at stake; write nothing."""
    return judge_people(lake, plan, all_said(hub), stakes(hub))


def recount(hub: Hub, lake: Lake, plan: Plan, now: datetime, *, accept: bool = False) -> PeopleFound:
    """Judge all accounts and store the map; raise Refused when it would merge an unusual share of the people.

    ``accept`` lets it merge them all the same.
    """
    judged = judge_all(hub, lake, plan)
    if not accept:
        merged = sum(c.kind == "merge" for c in judged.changes)
        break_circuit(plan, merged, judged.people_before, _SEE)
    keep_people(lake, judged)
    mirror(hub, judged.rows)
    hub.append("person_change", [change_row(c, now, "recount") for c in judged.changes])
    hub.append("review", [review_row(h, now) for h in judged.held], once=True)
    return judged.found


def stakes(hub: Hub) -> Mapping[str, int]:
    """Return the points that each account ever earned."""
    with hub.session() as session:
        earned = session.sums("points", "account_id", "amount", gains=True)
    return {a: n for a, n in earned.items() if not a.startswith("issuer:")}


def break_circuit(plan: Plan, merged: int, people: int, next_step: str) -> None:
    """Raise Refused where a run would merge more of the people than the plan takes for usual."""
    decision = plan.workspace.identity
    most = decision.max_merge_share if decision else 1.0
    if people >= _FEW and merged > most * people:
        raise Refused(
            "people",
            value=f"{merged} of {people} people would be merged into others",
            rule=f"a run that merges more than {most:.0%} of all people at once stops before it writes (identity.max_merge_share)",
            next_step=next_step,
        )


def as_rows(judged: Judged) -> list[dict[str, Any]]:
    """Return the changes as plain rows, largest first."""
    found = sorted(judged.changes, key=lambda c: (-len(c.accounts), c))
    return [msgspec.to_builtins(c) for c in found]
