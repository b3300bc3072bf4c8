"""Between lake and hub: the lake knows every account, the hub those that live calls ask for; both hold the same map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlglot import exp

from butfor.clean import name_key
from butfor.identity.facts import NAME, Rules
from butfor.identity.live import Observation
from butfor.identity.read import PEOPLE_MAP, attribute_facts, map_rows, people_map, stage_ids
from butfor.store import Hub, Lake, Query, column, named, sql

_STEP = 20_000


@named("identity.account_keys")
def account_keys() -> exp.Expression:
    """Every account with its source and key."""
    return sql("SELECT account_id, source, account_key FROM account ORDER BY account_id")


@named("identity.account_count")
def account_count() -> exp.Expression:
    """How many accounts there are."""
    return sql("SELECT count(*) AS n FROM account")


@named("identity.all_values")
def all_values() -> exp.Expression:
    """Every identifier value by account: whether it is verified, and when it was first seen."""
    return sql(
        """
        SELECT account_id, term, val, max(CASE WHEN coalesce(verified, true) THEN 1 ELSE 0 END) AS sure, min(seen_at) AS first_at,
               count(*) - count(seen_at) AS untimed
        FROM identifier GROUP BY account_id, term, val ORDER BY account_id, term, val
        """
    )


@named("identity.of_some")
def of_some(whole: Query, among: str) -> exp.Expression:
    """The rows of a query whose account is in a staged table of accounts."""
    picked = exp.select("*").from_(whole.expression.copy().subquery("w"))  # type: ignore[attr-defined]
    inside = sql("SELECT account_id FROM _among", {"_among": among})
    return picked.where(column("account_id", "w").isin(query=inside))


@named("identity.moved_accounts")
def moved_accounts() -> exp.Expression:
    """The accounts of the staged map."""
    return sql("SELECT account_id FROM staged_moved")


def observations(lake: Lake, rules: Rules, accounts: Iterable[str] | None = None) -> Iterator[Observation]:
    """Yield what the lake knows of some accounts (default: all) as observations.

    Identifiers, and the attributes and names that identity reads.
    """
    read = _Some(lake, accounts)
    keys = {r["account_id"]: (r["source"], r["account_key"]) for r in read.rows(account_keys())}
    for account, (source, key) in keys.items():
        yield Observation(account, source, key)
    for row in read.rows(all_values()):
        if row["account_id"] in keys:
            first = row["first_at"] if not row["untimed"] else None
            yield Observation(
                row["account_id"], *keys[row["account_id"]], row["term"], row["val"], first, bool(row["sure"])
            )
    for account, term, val in _attributes(read, rules):
        if account in keys:
            yield Observation(account, *keys[account], term, val)


def attributes_of_accounts(lake: Lake, rules: Rules, shown: Iterable[Observation]) -> Iterator[Observation]:
    """Yield the names and attributes that the lake knows of accounts that just showed something."""
    keys = {o.account_id: (o.source, o.account_key) for o in shown}
    for account, term, val in _attributes(_Some(lake, keys), rules):
        yield Observation(account, *keys[account], term, val)


class _Some:
    """Reads the rows of some accounts, or of all."""

    def __init__(self, lake: Lake, accounts: Iterable[str] | None) -> None:
        self.lake, self.all = lake, accounts is None
        if accounts is not None:
            stage_ids(lake, "staged_some", accounts)

    def rows(self, query: Query) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.lake.fetch(
            query if self.all else of_some(query, "staged_some")
        ).to_pylist()
        return found


def _attributes(read: _Some, rules: Rules) -> Iterator[tuple[str, str, str]]:
    if "attribute" not in read.lake.tables():
        return
    for term in rules.attributes:
        for row in read.rows(attribute_facts([term])):
            yield row["account_id"], term, row[term]
    if rules.names:
        for row in read.rows(attribute_facts(rules.names)):
            yield row["account_id"], NAME, name_key(*(row[n] for n in rules.names))


@named("identity.digest")
def digest() -> exp.Expression:
    """How many identifier values each account carries, and how many of them are verified."""
    return sql(
        """
        SELECT account_id, count(*) AS n, sum(sure) AS sure FROM (
          SELECT account_id, term, val, max(CASE WHEN coalesce(verified, true) THEN 1 ELSE 0 END) AS sure
          FROM identifier GROUP BY account_id, term, val) AS v
        GROUP BY account_id ORDER BY account_id
        """
    )


def keep_up(hub: Hub, lake: Lake, rules: Rules, now: datetime) -> int:
    """Bring accounts of which files told something new up to date in a hub that is in use; return how many."""
    if not hub.first("account"):
        return 0
    known: dict[str, tuple[int, int]] = {
        r["account_id"]: (int(r["n"]), int(r["sure"])) for r in lake.fetch(digest()).to_pylist()
    }
    for account, _, _ in _attributes(_Some(lake, None), rules):
        n, sure = known.get(account, (0, 0))
        known[account] = (n + 1, sure)
    with hub.session() as session:
        have = session.sizes("identifier", "account_id", "verified_at")
        there = session.sizes("account", "account_id", "account_id")
    everyone = lake.fetch(account_keys())["account_id"].to_pylist()
    stale = [a for a in everyone if a not in there or known.get(a, (0, 0)) != have.get(a, (0, 0))]
    return fill_hub(hub, lake, rules, now, stale) if stale else 0


def fill_hub(hub: Hub, lake: Lake, rules: Rules, now: datetime, among: list[str] | None = None) -> int:
    """Bring accounts (default: all), identifiers and people of the hub up to what the lake knows; return how many accounts.

    The lake's map of accounts to people must be of a run that has seen all of its accounts.
    """
    people = {r["account_id"]: (r["person_id"], r["home"]) for r in lake.fetch(people_map()).to_pylist()}
    accounts: dict[str, dict[str, Any]] = {}
    values: dict[tuple[str, str, str], dict[str, Any]] = {}
    for seen in observations(lake, rules, among):
        person, home = people.get(seen.account_id, (None, None))
        if not seen.term:
            accounts[seen.account_id] = {
                "account_id": seen.account_id, "source": seen.source, "account_key": seen.account_key, "first_seen": now,
                "person_id": person, "home": home,
            }  # fmt: skip
        elif (seen.account_id, seen.term, seen.val) not in values:
            values[seen.account_id, seen.term, seen.val] = {
                "account_id": seen.account_id, "term": seen.term, "val": seen.val, "first_seen": seen.seen_at,
                "verified_at": now if seen.verified else None,
            }  # fmt: skip
    _put(hub, "account", list(accounts.values()))
    _put(hub, "identifier", list(values.values()))
    return len(accounts)


def _put(hub: Hub, table: str, rows: list[Mapping[str, Any]]) -> None:
    for start in range(0, len(rows), _STEP):
        with hub.session() as session:
            session.put(table, rows[start : start + _STEP])


def publish_moves(hub: Hub, lake: Lake) -> set[str]:
    """Write the accounts that moved into the lake's map, and return the people whom they left or joined.

    A kill between lake and hub leaves the accounts marked, and they are written again.
    """
    moved = [r["account_id"] for r in hub.rows("moved")]
    if not moved:
        return set()
    with hub.session() as session:
        rows = session.rows_in("account", "account_id", moved, ["account_id", "person_id", "home"])
    lake.ensure(PEOPLE_MAP)
    stage_ids(lake, "staged_moved", moved)
    old = lake.fetch(of_some(people_map(), "staged_moved"))["person_id"].to_pylist()
    inside = [r for r in sorted(rows) if r[1]]
    names = ["account_id", "person_id", "home"]
    lake.stage(
        "staged_people",
        pa.table({n: pa.array([r[i] for r in inside], pa.string()) for i, n in enumerate(names)}),
    )
    lake.replace(PEOPLE_MAP, "account_id", moved_accounts(), map_rows())
    with hub.session() as session:
        session.drop_in("moved", "account_id", moved)
    return {p for p in old if p} | {p for _, p, _ in inside}


def mirror(hub: Hub, rows: pa.Table) -> int:
    """Give the hub's accounts the people of a map that was judged in batch; return how many changed."""
    if not hub.first("account"):
        return 0
    now = dict(
        zip(
            rows["account_id"].to_pylist(),
            zip(rows["person_id"].to_pylist(), rows["home"].to_pylist(), strict=True),
            strict=True,
        )
    )
    changed = [
        {"account_id": r["account_id"], "person_id": to[0], "home": to[1]}
        for r in hub.rows("account")
        if (to := now.get(r["account_id"], (None, None))) != (r["person_id"], r["home"])
    ]
    with hub.session() as session:
        session.change("account", "account_id", changed)
    return len(changed)


@named("identity.map_of_people")
def map_of_people(among: str) -> exp.Expression:
    """The rows of the map of the people in a staged table."""
    return sql(
        "SELECT account_id, person_id FROM people_map WHERE person_id IN (SELECT person_id FROM _among) ORDER BY account_id",
        {"_among": among},
    )
