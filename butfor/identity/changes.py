"""How people changed between two maps of accounts: who was merged, who was split."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from butfor.store import Hub, Session


class PersonChange(msgspec.Struct, frozen=True, order=True):
    """``accounts`` left ``other_id`` for ``person_id``: a merge when nobody stayed there, a split when somebody did."""

    kind: str
    person_id: str
    other_id: str
    accounts: tuple[str, ...]


def changes_between(before: pa.Table, after: pa.Table) -> list[PersonChange]:
    """Return the changes between two maps with columns ``account_id`` and ``person_id``; accounts in one map only are none."""
    if before.num_rows == 0:
        return []
    now = pc.take(
        after["person_id"].combine_chunks(),
        pc.index_in(before["account_id"], after["account_id"].combine_chunks()),
    )
    moved = pc.fill_null(pc.not_equal(before["person_id"], now), False)
    rows = pa.table({"account": before["account_id"], "was": before["person_id"], "now": now}).filter(moved)
    still = set(after["person_id"].to_pylist()) if rows.num_rows else set()
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows.to_pylist():
        groups.setdefault((row["now"], row["was"]), []).append(row["account"])
    return sorted(
        PersonChange("split" if was in still else "merge", now, was, tuple(sorted(accounts)))
        for (now, was), accounts in groups.items()
    )


def known_as(hub: Hub, ids: Collection[str]) -> dict[str, str]:
    """Return the id that people merged since have now, for those of some ids that are nobody's any more.

    A merge that was undone gave its id back, so what counts is the last that the ledger says of an id.
    """
    with hub.session() as session:
        step = _went_to(session, ids)
        out, ahead = dict(step), set(step.values())
        while ahead:
            further = _went_to(session, ahead)
            out = {was: further.get(now, now) for was, now in out.items()}
            ahead = set(further.values())
    return out


def former_ids(hub: Hub, person: str) -> set[str]:
    """Return the ids under which something may be written down of a person: theirs, and those merged into it for good."""
    found = ahead = {person}
    while ahead:
        with hub.session() as session:
            rows = session.rows_in("person_change", "person_id", ahead, ["other_id"], kind="merge")
        ahead = {other for (other,) in rows} - found
        found = found | ahead
    now = known_as(hub, found)
    return {each for each in found if now.get(each, each) == person}


def _went_to(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Return where the accounts of ids that are nobody's any more went at last, most of them."""
    gained: dict[str, int] = {}
    for person, number in session.rows_in("person_change", "person_id", ids, ["person_id", "id"]):
        gained[person] = max(number, gained.get(person, 0))
    out: dict[str, tuple[datetime, int, str]] = {}
    columns = ["other_id", "id", "person_id", "made_at", "accounts"]
    for was, number, person, made, accounts in session.rows_in(
        "person_change", "other_id", ids, columns, kind="merge"
    ):
        if number > gained.get(was, 0):
            out[was] = max(out.get(was, (made, 0, person)), (made, len(accounts), person))
    return {was: person for was, (_, _, person) in out.items()}
