"""What people judged of pairs of accounts: an append-only ledger; the last word on a pair counts until it is withdrawn."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec

from butfor.identity.facts import Said, pair
from butfor.model import BadInput
from butfor.store import Hub, Session

SAME, DIFFERENT, ALIKE, WITHDRAWN = "same", "different", "alike", "withdrawn"


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the ledger. ``refers_to`` is the judgement that a withdrawal takes back."""

    id: int
    made_at: datetime
    who: str
    left_account: str
    right_account: str
    verdict: str
    refers_to: int | None
    rule: str
    evidence: str


def said_of(session: Session, accounts: Collection[str]) -> tuple[Said, set[str]]:
    """Return the judgements in force that touch some accounts, and all accounts that they name."""
    rows = {
        r
        for side in ("left_account", "right_account")
        for r in session.rows_in("judgement", side, accounts, _COLUMNS)
    }
    said = fold(rows)
    return said, said.accounts()


def judgements_of(hub: Hub, accounts: Collection[str]) -> list[Judgement]:
    """Return every judgement about some accounts, withdrawn ones too, oldest first."""
    names = list(Judgement.__struct_fields__)
    with hub.session() as session:
        rows = {
            r
            for side in ("left_account", "right_account")
            for r in session.rows_in("judgement", side, accounts, names)
        }
    return [Judgement(**dict(zip(names, r, strict=True))) for r in sorted(rows)]


def all_said(hub: Hub) -> Said:
    """Return all judgements in force."""
    return fold([tuple(r[c] for c in _COLUMNS) for r in hub.rows("judgement")])


_COLUMNS = ["id", "left_account", "right_account", "verdict", "refers_to"]


def fold(rows: Iterable[tuple[Any, ...]]) -> Said:
    """Return what is in force after rows of (id, left, right, verdict, refers_to) in the order of their ids."""
    every = sorted(rows)
    gone = {refers for _, _, _, verdict, refers in every if verdict == WITHDRAWN}
    last = {
        pair(left, right): verdict
        for i, left, right, verdict, _ in every
        if verdict != WITHDRAWN and i not in gone
    }
    of = {v: frozenset(p for p, said in last.items() if said == v) for v in (SAME, DIFFERENT, ALIKE)}
    return Said(of[SAME], of[DIFFERENT], of[ALIKE])


def judgement_row(
    left: str,
    right: str,
    verdict: str,
    who: str,
    rule: str,
    evidence: str,
    now: datetime,
    refers_to: int | None = None,
) -> dict[str, Any]:
    """Return a row of the ledger; raise BadInput for a pair of one account."""
    if left == right:
        raise BadInput(
            "judgement",
            value=left,
            rule="a judgement is about two accounts",
            next_step="name two different ones",
        )
    one, other = pair(left, right)
    return {
        "made_at": now, "who": who, "left_account": one, "right_account": other, "verdict": verdict, "refers_to": refers_to,
        "rule": rule, "evidence": evidence,
    }  # fmt: skip


def judgement(hub: Hub, number: int) -> Judgement:
    """Return one judgement; raise BadInput when there is none of this number, or it was withdrawn."""
    row = hub.first("judgement", id=number)
    if row is None or row["verdict"] == WITHDRAWN:
        raise BadInput(
            "judgement",
            value=number,
            rule="it is a judgement of the ledger",
            next_step="butfor identity judgements lists them",
        )
    if hub.first("judgement", refers_to=number):
        raise BadInput(
            "judgement",
            value=number,
            rule="a judgement is withdrawn once",
            next_step="butfor identity judgements shows who did",
        )
    return Judgement(**row)
