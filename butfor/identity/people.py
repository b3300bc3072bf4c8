"""People by declared identifiers: accounts that share a value of an identifier that links are one person.

What the identity decision of the plan says is all that joins: the primary identifier and the ranked
ones whose term has ``links``. A value shared by more accounts than its term allows is generic (a shop's own
address, a test number) and joins nobody; an account that carries two values of an exclusive
identifier (a shared device) joins nobody either, because nobody knows whose it is.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sqlglot import exp

from butfor.model import Refused
from butfor.plan import Plan
from butfor.plan.kinds import Identity, Term
from butfor.store import Lake, Table, named, sql

PEOPLE_MAP = Table("people_map", {"account_id": "uuid", "person_id": "uuid"})


class PeopleFound(msgspec.Struct, frozen=True, kw_only=True):
    """How accounts became people."""

    people: int
    accounts: int
    joined: int
    by_source: dict[str, int]
    generic_values: dict[str, int]
    shared_accounts: int
    anonymous_accounts: int


@named("identity.accounts")
def accounts() -> exp.Expression:
    """Every account with its source, in a stable order."""
    return sql("SELECT account_id, source FROM account ORDER BY account_id")


@named("identity.values")
def values(terms: list[str]) -> exp.Expression:
    """Identifier values of the terms that may join accounts."""
    return sql(
        "SELECT account_id, term, val FROM identifier WHERE term IN :terms ORDER BY term, val, account_id",
        terms=terms,
    )


@named("identity.known")
def known() -> exp.Expression:
    """Which identifier terms each account carries, and how many values of each."""
    return sql(
        "SELECT account_id, term, count(*) AS n FROM identifier GROUP BY account_id, term ORDER BY account_id, term"
    )


@named("identity.joined")
def joined_accounts() -> exp.Expression:
    """How many accounts belong to a person named after another account."""
    return sql("SELECT count(*) AS n FROM people_map WHERE account_id <> person_id")


@named("identity.coverage")
def coverage() -> exp.Expression:
    """For each source and identifier: accounts, those that carry it, its values, and those that several accounts carry."""
    return sql(
        """
        WITH total AS (SELECT source, count(*) AS accounts FROM account GROUP BY source),
        carried AS (
          SELECT a.source, i.term, i.val, count(*) AS n FROM identifier AS i
          JOIN account AS a ON a.account_id = i.account_id GROUP BY a.source, i.term, i.val
        ), holding AS (
          SELECT a.source, i.term, count(DISTINCT i.account_id) AS having_it FROM identifier AS i
          JOIN account AS a ON a.account_id = i.account_id GROUP BY a.source, i.term
        )
        SELECT c.source, c.term, max(t.accounts) AS accounts, max(h.having_it) AS having_it, count(*) AS distinct_values,
               count(CASE WHEN c.n > 1 THEN 1 END) AS shared_values
        FROM carried AS c JOIN total AS t ON t.source = c.source
        JOIN holding AS h ON h.source = c.source AND h.term = c.term
        GROUP BY c.source, c.term ORDER BY c.source, c.term
        """
    )


@named("identity.map")
def map_rows() -> exp.Expression:
    """The staged map of accounts to people."""
    return sql("SELECT account_id, person_id FROM staged_people")


def resolve_people(lake: Lake, plan: Plan) -> PeopleFound:
    """Rebuild the map of accounts to people; raise Refused without an identity decision."""
    decision = plan.workspace.identity
    if decision is None:
        raise Refused(
            "people",
            rule="who is one person follows from the identity decision (R-183)",
            next_step="add identity: to butfor.yaml",
        )
    ranked = list(dict.fromkeys([decision.primary, *decision.ranked]))
    rules = {name: (plan.get(Term, name).identity or Identity()) for name in ranked}
    linking = [name for name, rule in rules.items() if rule.links]
    all_accounts = lake.fetch(accounts())
    carried = lake.fetch(known())
    shared = _shared(carried, [name for name, rule in rules.items() if rule.exclusive])
    anonymous = _anonymous(carried, ranked) | shared
    # Not every engine takes an empty list; no term has an empty name.
    links = lake.fetch(values(linking or [""]))
    links = links.filter(pc.invert(pc.is_in(links["account_id"], pa.array(sorted(shared), pa.string()))))
    links, generic = _without_generic(links, rules)
    people = _components(all_accounts, links, anonymous)
    lake.stage("staged_people", people)
    lake.rebuild(PEOPLE_MAP, map_rows())
    count = len(pc.unique(people["person_id"]))
    return PeopleFound(
        people=count,
        accounts=all_accounts.num_rows,
        joined=people.num_rows - count,
        by_source=_by_source(all_accounts),
        generic_values=generic,
        shared_accounts=len(shared),
        anonymous_accounts=len(anonymous - shared),
    )


def _shared(carried: pa.Table, exclusive: list[str]) -> set[str]:
    held = pc.is_in(carried["term"], pa.array(exclusive, pa.string()))
    several = pc.and_(held, pc.greater(carried["n"], 1))
    return set(carried.filter(several)["account_id"].to_pylist())


def _anonymous(carried: pa.Table, ranked: list[str]) -> set[str]:
    """Accounts that carry identifiers, but none that tells people apart: a browser nobody logged in on."""
    named_ = set(carried.filter(pc.is_in(carried["term"], pa.array(ranked)))["account_id"].to_pylist())
    return set(carried["account_id"].to_pylist()) - named_


def _without_generic(links: pa.Table, rules: dict[str, Identity]) -> tuple[pa.Table, dict[str, int]]:
    sizes = links.group_by(["term", "val"]).aggregate([("account_id", "count")])
    limit = pa.array([rules[t].max_accounts for t in sizes["term"].to_pylist()], pa.int64())
    too_many = sizes.filter(pc.greater(sizes["account_id_count"], limit))
    generic: dict[str, int] = {}
    for term in too_many["term"].to_pylist():
        generic[term] = generic.get(term, 0) + 1
    keys = pc.binary_join_element_wise(links["term"], links["val"], "\x1f")
    blocked = pc.binary_join_element_wise(too_many["term"], too_many["val"], "\x1f")
    return links.filter(pc.invert(pc.is_in(keys, blocked.combine_chunks()))), generic


def _components(all_accounts: pa.Table, links: pa.Table, anonymous: set[str]) -> pa.Table:
    """Give each account the smallest account id of its component as person id."""
    ids = all_accounts["account_id"].combine_chunks()
    left = pc.index_in(links["account_id"], ids).to_numpy(zero_copy_only=False).astype(np.int64)
    keys: Any = pc.binary_join_element_wise(links["term"], links["val"], "\x1f")
    right = keys.combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    nodes = len(ids) + (int(right.max()) + 1 if len(right) else 0)
    graph = coo_array((np.ones(len(left), np.int8), (left, right + len(ids))), shape=(nodes, nodes))
    label = connected_components(graph, directed=False)[1][: len(ids)]
    # Accounts are sorted by id, so the first of a component has its smallest id.
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    person = ids.take(pa.array(first[inverse]))
    keep = pc.invert(pc.is_in(ids, pa.array(sorted(anonymous), pa.string())))
    return pa.table({"account_id": ids, "person_id": person}).filter(keep)


def _by_source(all_accounts: pa.Table) -> dict[str, int]:
    counted = pc.value_counts(all_accounts["source"].combine_chunks()).to_pylist()
    return {row["values"]: row["counts"] for row in sorted(counted, key=lambda r: str(r["values"]))}
