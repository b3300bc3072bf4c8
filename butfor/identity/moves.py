"""From a judged region to rows: who belongs to which person now, under which id, and what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from butfor.identity.changes import PersonChange
from butfor.identity.facts import Rules
from butfor.identity.ids import Member, person_ids
from butfor.identity.partition import Held, partition
from butfor.identity.region import Region, facts_of, member_of
from butfor.store import Session


class Moves:
    """Accounts with their person before and after; written at once."""

    def __init__(self) -> None:
        self.before: dict[str, str | None] = {}
        self.after: dict[str, str | None] = {}
        self.home: dict[str, str | None] = {}
        self.home_before: dict[str, str | None] = {}
        self.pairs: list[Held] = []
        self.merged = self.split = self.held = 0

    @property
    def moved(self) -> list[str]:
        """Return the accounts whose person is another than before."""
        return sorted(a for a, p in self.after.items() if self.before.get(a) != p)

    @property
    def touched(self) -> list[str]:
        """Return the accounts that moved, or came to claim an id, or ceased to."""
        rehomed = {a for a, home in self.home_before.items() if self.home.get(a) != home}
        return sorted({*self.moved, *rehomed})

    @property
    def people(self) -> set[str]:
        """Return every person that lost or won an account."""
        return {p for a in self.moved for p in (self.before.get(a), self.after[a]) if p}

    def write(self, session: Session, now: datetime, cause: str) -> None:
        """Write persons and homes of the accounts that moved, what became of their old people, and reviews."""
        moved, touched = self.moved, self.touched
        rows = [{"account_id": a, "person_id": self.after[a], "home": self.home.get(a)} for a in touched]
        session.change("account", "account_id", rows)
        session.append("moved", [{"account_id": a} for a in touched], once=True)
        session.append("person_change", self._changes(session, moved, now, cause))
        reviews = [review_row(h, now) for h in self.pairs]
        session.append("review", reviews, once=True)
        self.held = len(reviews)

    def _changes(self, session: Session, moved: list[str], now: datetime, cause: str) -> list[dict[str, Any]]:
        groups: dict[tuple[str, str], list[str]] = {}
        for account in moved:
            old, new = self.before.get(account), self.after[account]
            if old and new:
                groups.setdefault((new, old), []).append(account)
        left = {old for _, old in groups}
        still = {p for (p,) in session.rows_in("account", "person_id", left, ["person_id"])}
        out = []
        for (new, old), accounts in sorted(groups.items()):
            kind = "split" if old in still else "merge"
            self.merged += kind == "merge"
            self.split += kind == "split"
            out.append(change_row(PersonChange(kind, new, old, tuple(accounts)), now, cause))
        return out


def settle(session: Session, rules: Rules, region: Region) -> Moves:
    """Judge a region and give its people their ids; nothing is written."""
    moves = Moves()
    leaves = {leaf.account: leaf for leaf in region.leaves()}
    if not leaves:
        return moves
    judged = partition(list(leaves.values()), rules, region.said, frozenset(region.generic))
    nobody = {a for a, leaf in leaves.items() if region.is_nobody(leaf)}
    parts = [p - nobody for p in judged.parts if p - nobody]
    moves.pairs = judged.held
    rows = session.rows_in("account", "account_id", leaves, ["account_id", "person_id", "home"])
    moves.before = {a: p for a, p, _ in rows}
    members = {a: region.member(a, home) for a, _, home in rows}
    others, more = _who_share_homes(
        session, rules, {m.home for m in members.values() if m.home}, set(members)
    )
    moves.before |= {a: p for a, (p, _) in more.items()}
    members |= {a: m for a, (_, m) in more.items()}

    def lent(names: Sequence[str]) -> set[str]:
        return {h for (h,) in session.rows_in("account", "home", names, ["home"])}

    named = person_ids([*parts, *others], members, lent)
    moves.after = {a: named.person.get(a) for a in moves.before}
    # Who tells nothing of whose it is claims nobody's id, whatever it was before.
    moves.home = {a: None if a in nobody else named.home.get(a, members[a].home) for a in moves.before}
    moves.home_before = {a: members[a].home for a in moves.before}
    return moves


def _who_share_homes(
    session: Session, rules: Rules, homes: set[str], inside: set[str]
) -> tuple[list[frozenset[str]], Mapping[str, tuple[str, Member]]]:
    """Return the people outside the region who hold accounts of the same homes, as they stand."""
    parts: dict[str, set[str]] = {}
    found: dict[str, tuple[str, Member]] = {}
    asked: set[str] = set()
    while homes - asked:
        rows = session.rows_in("account", "home", homes - asked, ["account_id", "person_id"])
        asked |= homes
        people = {p for a, p in rows if p and a not in inside and p not in parts}
        columns = ["account_id", "person_id", "home"]
        for account, person, home in session.rows_in("account", "person_id", people, columns):
            if account not in inside and home:
                parts.setdefault(person, set()).add(account)
                found[account] = (person, Member(account, home))
                homes = homes | {home}
    held = facts_of(session, rules, found)
    found = {a: (p, member_of(a, m.home, held[a], rules)) for a, (p, m) in found.items()}
    return [frozenset(p) for _, p in sorted(parts.items())], found


def change_row(change: PersonChange, now: datetime, cause: str) -> dict[str, Any]:
    """Return the row of the ledger of people for a merge or a split."""
    accounts = msgspec.json.encode(change.accounts).decode()
    return {
        "made_at": now, "kind": change.kind, "person_id": change.person_id, "other_id": change.other_id, "accounts": accounts,
        "cause": cause,
    }  # fmt: skip


def review_row(held: Held, now: datetime) -> dict[str, Any]:
    """Return the row of the review queue for a pair held back."""
    evidence = msgspec.json.encode({"value": held.value, "why": held.why}).decode()
    return {
        "left_account": held.left, "right_account": held.right, "why": held.why, "score": None, "at_stake": held.at_stake,
        "evidence": evidence, "made_at": now, "status": "open",
    }  # fmt: skip
