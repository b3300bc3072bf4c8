"""Devices: an account known by a device alone belongs to the one person who carries the device too (R-082)."""

from __future__ import annotations

from collections.abc import Mapping

from butfor.identity.facts import Rules, Value
from butfor.identity.moves import Moves
from butfor.store import Session


def follow(session: Session, rules: Rules, moves: Moves, devices: Mapping[Value, int]) -> None:
    """Let the followers of new devices, and of accounts that moved or have a name now, follow who carries their devices."""
    if not rules.following:
        return
    moved = set(moves.touched)
    columns = ["account_id", "term", "val"]
    mine = session.rows_in("identifier", "account_id", moved, columns)
    asked = set(devices) | {(t, v) for _, t, v in mine if t in rules.following}
    carriers = _carriers(session, rules, {d: devices.get(d, 0) for d in asked})
    everyone = {a for c in carriers.values() for a in c}
    followers = everyone - named(session, rules, everyone) if everyone else set()
    if not followers:
        return
    theirs = session.rows_in("identifier", "account_id", followers, columns)
    further = {(t, v) for _, t, v in theirs if t in rules.following}
    carriers |= _carriers(session, rules, dict.fromkeys(further - asked, 0))
    owners = _owners(session, rules, moves, carriers)
    before = dict(session.rows_in("account", "account_id", followers, ["account_id", "person_id"]))
    shown: dict[str, set[Value]] = {a: set() for a in followers}
    for account, term, val in theirs:
        shown[account].add((term, val))
    for account, having in shown.items():
        who = {p for d in having for p in owners.get(d, ())}
        moves.before[account], moves.home[account] = before.get(account), None
        moves.after[account] = next(iter(who)) if len(who) == 1 else None


def _carriers(session: Session, rules: Rules, devices: Mapping[Value, int]) -> dict[Value, set[str]]:
    """Return the accounts that carry each device; of a kiosk those who did when it became one."""
    asked = {d: n for d, n in devices.items() if not rules.blocks(*d)}
    most = max((rules.following[t].max_accounts + n + 1 for (t, _), n in asked.items()), default=0)
    found = session.gathered("identifier", ["term", "val"], list(asked), "account_id", most)
    return {(t, v): set(accounts) for (t, v), accounts in found.items()}


def named(session: Session, rules: Rules, accounts: set[str]) -> set[str]:
    """Return the accounts that carry an identifier which tells people apart."""
    keys = [(a, t) for a in accounts for t in rules.ranked]
    return {a for (a,) in session.rows_at("identifier", ["account_id", "term"], keys, ["account_id"])}


def _owners(
    session: Session, rules: Rules, moves: Moves, carriers: dict[Value, set[str]]
) -> dict[Value, set[str]]:
    everyone = {a for c in carriers.values() for a in c}
    having = named(session, rules, everyone)
    person = dict(session.rows_in("account", "account_id", having, ["account_id", "person_id"])) | moves.after
    # A device of too many accounts is a kiosk, and nobody's.
    kiosks = {d for d, c in carriers.items() if len(c) > rules.following[d[0]].max_accounts}
    return {
        d: {p for a in c & having if (p := person.get(a)) and d not in kiosks} for d, c in carriers.items()
    }
