"""Devices: an account known by a device alone belongs to the one person who carries the device too (R-082)."""

from __future__ import annotations

from collections.abc import Mapping

from butfor.identity.facts import Rules, Value
from butfor.identity.moves import Moves
from butfor.store import Session


def follow(session: Session, rules: Rules, moves: Moves, devices: Mapping[Value, int]) -> None:
    """Let the followers of new devices, and of accounts that moved, follow whoever carries their devices now."""
    if not rules.following:
        return
    moved = set(moves.moved)
    columns = ["account_id", "term", "val"]
    mine = session.rows_in("identifier", "account_id", moved, columns)
    asked = set(devices) | {(t, v) for _, t, v in mine if t in rules.following}
    carriers = {d: _carriers(session, rules, d, devices.get(d, 0)) for d in sorted(asked)}
    everyone = {a for c in carriers.values() for a in c}
    followers = {a for a in everyone if a not in _named(session, rules, everyone)}
    if not followers:
        return
    theirs = session.rows_in("identifier", "account_id", followers, columns)
    further = {(t, v) for _, t, v in theirs if t in rules.following}
    carriers |= {d: _carriers(session, rules, d) for d in sorted(further - asked)}
    owners = _owners(session, rules, moves, carriers)
    before = dict(session.rows_in("account", "account_id", followers, ["account_id", "person_id"]))
    for account in followers:
        having = [(t, v) for a, t, v in theirs if a == account and t in rules.following]
        who = set().union(*(owners[d] for d in having)) if having else set()
        moves.before[account], moves.home[account] = before.get(account), None
        moves.after[account] = next(iter(who)) if len(who) == 1 else None


def _carriers(session: Session, rules: Rules, device: Value, new: int = 0) -> set[str]:
    """Return the accounts that carry a device; of a kiosk those who did when it became one."""
    most = rules.following[device[0]].max_accounts + new + 1
    if rules.blocks(*device):
        return set()
    return {a for (a,) in session.some("identifier", ["account_id"], most, term=device[0], val=device[1])}


def _named(session: Session, rules: Rules, accounts: set[str]) -> set[str]:
    """Return the accounts that carry an identifier which tells people apart."""
    rows = session.rows_in("identifier", "account_id", accounts, ["account_id", "term"])
    return {a for a, t in rows if t in rules.ranked}


def _owners(
    session: Session, rules: Rules, moves: Moves, carriers: dict[Value, set[str]]
) -> dict[Value, set[str]]:
    everyone = {a for c in carriers.values() for a in c}
    named = _named(session, rules, everyone)
    person = dict(session.rows_in("account", "account_id", named, ["account_id", "person_id"])) | moves.after
    # A device of too many accounts is a kiosk, and nobody's.
    kiosks = {d for d, c in carriers.items() if len(c) > rules.following[d[0]].max_accounts}
    return {
        d: {p for a in c & named if (p := person.get(a)) and d not in kiosks} for d, c in carriers.items()
    }
