"""The live lane: what was just observed changes who is one person at once, and equals a recount of everything.

Only accounts that something new is known of are judged again, together with all that any value or judgement
connects to them; the judge is the one of ``partition``, so no order of events gives another result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from butfor.identity.facts import Rules, Value
from butfor.identity.following import follow, named
from butfor.identity.moves import Moves, settle
from butfor.identity.region import Region
from butfor.store import Hub, Session

# Two who judge connected accounts at once would each not see what the other found.
LOCK = "identity"


class Observation(msgspec.Struct, frozen=True, gc=False):
    """An account showed a value of a term at a time; an empty term only says that the account is there."""

    account_id: str
    source: str
    account_key: str
    term: str = ""
    val: str = ""
    seen_at: datetime | None = None
    verified: bool = False


class Observed(msgspec.Struct, frozen=True):
    """The people whom observations touched, whether they changed or not, and how many merges and splits came of it."""

    people: frozenset[str]
    merged: int = 0
    split: int = 0
    held: int = 0


def observe(hub: Hub, rules: Rules, seen: Iterable[Observation], now: datetime) -> Observed:
    """Take observations in, durably and in one transaction; observing the same again changes nothing."""
    rows = list(seen)
    with hub.session() as session:
        session.lock(LOCK)
        fresh = _take_in(session, rules, rows, now)
        moves = judge_again(session, rules, fresh.accounts, now, "observed", fresh.values, fresh.devices)
        known = session.rows_in("account", "account_id", {r.account_id for r in rows}, ["person_id"])
    people = {p for (p,) in known if p} | moves.people
    return Observed(frozenset(people), moves.merged, moves.split, moves.held)


def judge_again(
    session: Session, rules: Rules, accounts: set[str], now: datetime, cause: str,
    values: Mapping[Value, int] | None = None, devices: Mapping[Value, int] | None = None,
) -> Moves:  # fmt: skip
    """Judge some accounts and all that is connected to them; ``values`` and ``devices`` are new to somebody."""
    session.lock(LOCK)
    region = Region(session, rules)
    region.grow(accounts, values)
    moves = settle(session, rules, region)
    follow(session, rules, moves, devices or {})
    moves.write(session, now, cause)
    return moves


class _Fresh(msgspec.Struct):
    """Accounts of which something is new, and how many accounts just showed a value or a device."""

    accounts: set[str]
    values: Counter[Value]
    devices: Counter[Value]


def _take_in(session: Session, rules: Rules, rows: list[Observation], now: datetime) -> _Fresh:
    """Write what is new, and say of whom."""
    there = dict(
        session.rows_in("account", "account_id", {r.account_id for r in rows}, ["account_id", "home"])
    )
    firsts: dict[str, Observation] = {}
    for row in rows:
        if row.account_id not in there:
            firsts.setdefault(row.account_id, row)
    session.append(
        "account",
        [
            {"account_id": r.account_id, "source": r.source, "account_key": r.account_key, "first_seen": r.seen_at or now}
            for r in firsts.values()
        ],
        once=True,
    )  # fmt: skip
    new = _new_values(session, rows, now)
    session.put("identifier", list(new.values()))
    values = Counter((t, v) for _, t, v in new if t in rules.judged)
    devices = Counter((t, v) for _, t, v in new if t in rules.following)
    homes = {a for a, t, _ in new if t in rules.following and there.get(a)}
    # Nothing was known of them but a name; now they are known by a device alone, and leave the people they made up.
    lost = homes - named(session, rules, homes) if homes else set()
    return _Fresh({a for a, t, _ in new if t in rules.judged} | set(firsts) | lost, values, devices)


def _new_values(
    session: Session, rows: list[Observation], now: datetime
) -> dict[tuple[str, str, str], dict[str, object]]:
    wanted: dict[tuple[str, str, str], tuple[datetime | None, bool]] = {}
    for r in rows:
        if r.term:
            key = (r.account_id, r.term, r.val)
            first, sure = wanted.get(key, (r.seen_at, False))
            wanted[key] = (_earlier(first, r.seen_at), sure or r.verified)
    names = ["account_id", "term", "val"]
    have = session.rows_at("identifier", names, list(wanted), [*names, "first_seen", "verified_at"])
    known = {(a, t, v): (first, sure) for a, t, v, first, sure in have}
    out: dict[tuple[str, str, str], dict[str, object]] = {}
    for key, (first, sure) in wanted.items():
        old = known.get(key)
        if old and _earlier(old[0], first) == old[0] and (old[1] or not sure):
            continue
        verified = (old[1] if old else None) or (now if sure else None)
        out[key] = {
            "account_id": key[0], "term": key[1], "val": key[2],
            "first_seen": _earlier(old[0], first) if old else first, "verified_at": verified,
        }  # fmt: skip
    return out


def _earlier(left: datetime | None, right: datetime | None) -> datetime | None:
    """Return the earlier time; a value whose time somebody did not say may be older than any."""
    return min(left, right) if left and right else None
