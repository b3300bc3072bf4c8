"""How people changed between two maps of accounts: who was merged, who was split."""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pyarrow.compute as pc


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
