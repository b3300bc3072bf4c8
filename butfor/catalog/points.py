"""Points: a double-entry ledger bound to source accounts, never to people, so that no merge can move a point.

Every entry has two lines that add up to zero: the account's, and that of the issuer, who owes what accounts hold.
Redeeming needs an identifier that is verified for the account itself; that somebody is the same person as
somebody else gives no right to anybody's points (R-089).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from butfor.model import BadInput, Refused
from butfor.store import Hub, Session

ISSUER = "issuer"
KINDS = ("earn", "redeem", "expire", "correct", "opening")


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the ledger and the account's balance after it; ``repeated`` when the reference was known already."""

    account_id: str
    entry: str
    kind: str
    points: int
    balance: int
    repeated: bool = False


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds, and how it came to it."""

    account_id: str
    balance: int
    earned: int
    redeemed: int
    entries: int


def balance(hub: Hub, account_id: str) -> Balance:
    """Return what an account holds."""
    amounts = [r["amount"] for r in hub.rows("points", account_id=account_id)]
    return Balance(
        account_id=account_id, balance=sum(amounts), earned=sum(a for a in amounts if a > 0),
        redeemed=-sum(a for a in amounts if a < 0), entries=len(amounts),
    )  # fmt: skip


def statement(hub: Hub, account_id: str) -> list[dict[str, Any]]:
    """Return the lines of an account, oldest first."""
    rows = hub.rows("points", account_id=account_id)
    return sorted(rows, key=lambda r: (r["occurred_at"], r["id"]))


def earn(
    hub: Hub, account_id: str, points: int, reference: str, *, now: datetime, who: str,
    kind: str = "earn", occurred_at: datetime | None = None,
) -> Posted:  # fmt: skip
    """Credit an account, once per reference. Raises BadInput for points that are no positive whole number."""
    _need_positive(points)
    if kind not in KINDS:
        raise BadInput(
            "points: kind",
            value=kind,
            rule="an entry is of a known kind",
            next_step=f"one of {', '.join(KINDS)}",
        )
    amount = -points if kind in ("expire", "redeem") else points
    with hub.session() as session:
        session.lock(f"points {account_id}")
        return _post(session, account_id, amount, reference, kind, occurred_at or now, now, who)


def redeem(
    hub: Hub,
    account_id: str,
    points: int,
    reference: str,
    *,
    identifier: tuple[str, str],
    now: datetime,
    who: str,
) -> Posted:
    """Take points off an account, once per reference, for somebody who shows an identifier of the account's own.

    Raises Refused, and writes down why, when (term, value) is not verified for this very account, or the account holds
    less. Which person the account belongs to is not asked.
    """
    _need_positive(points)
    with hub.session() as session:
        # Two at once must not both find the balance high enough.
        session.lock(f"points {account_id}")
        why = _against(session, account_id, points, identifier, reference)
        if why is None:
            return _post(session, account_id, -points, reference, "redeem", now, now, who)
        session.append(
            "refusal",
            [
                {
                    "made_at": now,
                    "who": who,
                    "what": "redeem",
                    "account_id": account_id,
                    "amount": points,
                    "why": why,
                }
            ],
        )
    raise Refused(
        f"redeeming {points} points of account {account_id}", value=why,
        rule="points are redeemed with an identifier verified for the account that earned them; a merge gives no right to them (R-089)",
        next_step="let the account's owner confirm its own e-mail, phone or card (a click, a code), then redeem again",
    )  # fmt: skip


def check_balances(hub: Hub, told: dict[str, int]) -> list[dict[str, Any]]:
    """Return the accounts whose balance is another than their platform told (R-078)."""
    out = []
    for account, points in sorted(told.items()):
        have = balance(hub, account).balance
        if have != points:
            out.append(
                {"account_id": account, "told": points, "entries_say": have, "difference": points - have}
            )
    return out


def _against(
    session: Session, account_id: str, points: int, identifier: tuple[str, str], reference: str
) -> str | None:
    if session.some("points", ["id"], 1, entry=entry_of(account_id, "redeem", reference)):
        return None
    term, value = identifier
    own = session.rows_at(
        "identifier", ["account_id", "term", "val"], [(account_id, term, value)], ["verified_at"]
    )
    if not own:
        return f"{term} {value} is not an identifier of this account"
    if own[0][0] is None:
        return f"{term} {value} is not verified for this account"
    have = session.sums("points", "account_id", "amount", [account_id]).get(account_id, 0)
    return f"the account holds {have}" if have < points else None


def _post(
    session: Session,
    account_id: str,
    amount: int,
    reference: str,
    kind: str,
    occurred: datetime,
    now: datetime,
    who: str,
) -> Posted:
    entry = entry_of(account_id, kind, reference)
    repeated = bool(session.some("points", ["id"], 1, entry=entry))
    if not repeated:
        session.append("points", lines_of(account_id, amount, reference, kind, occurred, now, who))
    held = session.sums("points", "account_id", "amount", [account_id]).get(account_id, 0)
    return Posted(
        account_id=account_id, entry=entry, kind=kind, points=abs(amount), balance=held, repeated=repeated
    )


def entry_of(account_id: str, kind: str, reference: str) -> str:
    """Return the key of an entry: the same for the same account, kind and reference."""
    return f"{account_id}/{kind}/{reference}"[:200]


def lines_of(
    account_id: str, amount: int, reference: str, kind: str, occurred: datetime, now: datetime, who: str
) -> list[dict[str, Any]]:
    """Return the two lines of an entry, which add up to zero."""
    lines = [(account_id, amount), (f"{ISSUER}:{kind}"[:36], -amount)]
    return [
        {
            "entry": entry_of(account_id, kind, reference), "line": i, "account_id": account, "amount": n, "kind": kind,
            "reference": reference, "occurred_at": occurred, "made_at": now, "who": who,
        }
        for i, (account, n) in enumerate(lines)
    ]  # fmt: skip


def _need_positive(points: int) -> None:
    if points <= 0:
        raise BadInput(
            "points",
            value=points,
            rule="points are a whole number above 0",
            next_step="give how many points, such as 100",
        )
