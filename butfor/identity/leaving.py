"""When accounts leave for good: who is judged again without them, and under which id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from butfor.identity.facts import Rules, Value
from butfor.identity.judgements import said_of
from butfor.identity.live import LOCK, judge_again
from butfor.identity.moves import Moves
from butfor.store import Session


def leave(
    session: Session, rules: Rules, accounts: Collection[str], people: Collection[str], now: datetime
) -> Moves:
    """Drop accounts, what they carried and what was judged of them, and judge again who is left around them.

    ``people`` are the ids that nobody keeps afterwards: an account whose home was there gets the id it goes by.
    """
    session.lock(LOCK)
    gone = set(accounts)
    values = _values(session, gone)
    _, partners = said_of(session, gone)
    around = (_carriers(session, rules, values) | partners | _with_their_homes(session, gone)) - gone
    for table in ("account", "identifier", "moved"):
        session.drop_in(table, "account_id", gone)
    for side in ("left_account", "right_account"):
        session.drop_in("judgement", side, gone)
        session.drop_in("review", side, gone)
    _rehome(session, people)
    there = {a for (a,) in session.rows_in("account", "account_id", around, ["account_id"])}
    devices = {v: n for v, n in values.items() if v[0] in rules.following}
    return judge_again(session, rules, there, now, "erasure", None, devices)


def _with_their_homes(session: Session, accounts: Collection[str]) -> set[str]:
    """Return who is at home where some accounts are: without these they may win that id."""
    homes = {h for (h,) in session.rows_in("account", "account_id", accounts, ["home"]) if h}
    return {a for (a,) in session.rows_in("account", "home", homes, ["account_id"])}


def _values(session: Session, accounts: Collection[str]) -> Counter[Value]:
    rows = session.rows_in("identifier", "account_id", accounts, ["term", "val"])
    return Counter((term, val) for term, val in rows)


def _carriers(session: Session, rules: Rules, values: Counter[Value]) -> set[str]:
    """Return who carries a value that may join without the accounts that leave; a generic one may not be so any more."""
    asked = {v: rules.linking[v[0]].max_accounts + n for v, n in values.items() if v[0] in rules.linking}
    most = max(asked.values(), default=0) + 1
    found = session.gathered("identifier", ["term", "val"], list(asked), "account_id", most)
    return {a for (t, v), having in found.items() if len(having) <= asked[t, v] for a in having}


def _rehome(session: Session, people: Collection[str]) -> None:
    """Let nobody claim the id of a person who is gone, in the hub and, by the list of those who moved, in the lake."""
    rows = session.rows_in("account", "home", people, ["account_id", "person_id"])
    left = [{"account_id": a, "home": person} for a, person in sorted(rows, key=lambda r: r[0])]
    session.change("account", "account_id", left)
    session.append("moved", [{"account_id": r["account_id"]} for r in left], once=True)
