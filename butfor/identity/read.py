"""Named queries that identity reads from the lake, and the map of accounts to people that it writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
from sqlglot import exp

from butfor.store import Lake, Table, column, named, sql

PEOPLE_MAP = Table("people_map", {"account_id": "uuid", "person_id": "uuid", "home": "uuid"})


def stage_ids(lake: Lake, name: str, ids: Iterable[str], column: str = "account_id") -> None:
    """Stage account or person ids under a name, so that queries can compare them with those of the lake."""
    lake.stage(name, pa.table({column: pa.array(sorted(ids), pa.string())}), like=PEOPLE_MAP)


@named("identity.accounts")
def accounts() -> exp.Expression:
    """Every account with its source, in a stable order."""
    return sql("SELECT account_id, source FROM account ORDER BY account_id")


@named("identity.values")
def values(terms: list[str]) -> exp.Expression:
    """Identifier values by account: whether they are verified, and when they were first seen."""
    return sql(
        """
        SELECT account_id, term, val, max(CASE WHEN coalesce(verified, true) THEN 1 ELSE 0 END) AS sure, min(seen_at) AS first_at
        FROM identifier WHERE term IN :terms GROUP BY account_id, term, val ORDER BY term, val, account_id
        """,
        terms=terms,
    )


@named("identity.known")
def known() -> exp.Expression:
    """Which identifier terms each account carries, and how many values of each."""
    return sql(
        "SELECT account_id, term, count(DISTINCT val) AS n FROM identifier GROUP BY account_id, term ORDER BY account_id, term"
    )


@named("identity.attribute_facts")
def attribute_facts(names: Sequence[str]) -> exp.Expression:
    """The different combinations of some attributes that each account was delivered with, as text."""
    cells = [exp.cast(column(n), "TEXT").as_(n, quoted=True) for n in names]
    said = exp.or_(*[exp.not_(exp.Is(this=column(n), expression=exp.null())) for n in names])
    keys: list[exp.Expression] = [column("account_id"), *(column(n) for n in names)]
    return exp.select(column("account_id"), *cells).distinct().from_("attribute").where(said).order_by(*keys)


@named("identity.joined")
def joined_accounts() -> exp.Expression:
    """How many accounts share their person with another account."""
    return sql("SELECT count(*) - count(DISTINCT person_id) AS n FROM people_map")


@named("identity.coverage")
def coverage() -> exp.Expression:
    """For each source and identifier: accounts, those that carry it, its values, and those that several accounts carry."""
    return sql(
        """
        WITH total AS (SELECT source, count(*) AS accounts FROM account GROUP BY source),
        carried AS (
          SELECT a.source, i.term, i.val, count(DISTINCT i.account_id) AS n FROM identifier AS i
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
    return sql("SELECT account_id, person_id, home FROM staged_people")


@named("identity.people_map")
def people_map() -> exp.Expression:
    """The map of accounts to people as it stands."""
    return sql("SELECT account_id, person_id, home FROM people_map ORDER BY account_id")
