"""What the erasure of a person asks of the lake: rows to drop, rows to rename, and a search that must find nothing."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from butfor.store import column, named, select, sql


@named("forget.accounts")
def accounts() -> exp.Expression:
    """The accounts that go."""
    return sql("SELECT account_id FROM gone_accounts")


@named("forget.people")
def people() -> exp.Expression:
    """The people that go, under every id they had."""
    return sql("SELECT person_id FROM gone_people")


@named("forget.event_ids")
def event_ids(table: str) -> exp.Expression:
    """The events of accounts that go."""
    return sql(
        "SELECT DISTINCT e.event_id FROM _t AS e JOIN gone_accounts AS g ON g.account_id = e.account_id",
        {"_t": table},
    )


@named("forget.quarantined_with")
def quarantined_with() -> exp.Expression:
    """The rows in quarantine that hold an identifier of the person."""
    return sql(
        """
        SELECT DISTINCT q.row_id FROM quarantine AS q JOIN gone_values AS g
          ON lower(coalesce(q.val, '')) = lower(g.val) OR lower(coalesce(q.raw, '')) LIKE concat('%', lower(g.val), '%')
        """
    )


@named("forget.nothing")
def nothing(table: str, columns: Sequence[str]) -> exp.Expression:
    """No row, with the columns of a table."""
    return select(table, columns).where(exp.false())


@named("forget.without_address")
def without_address(table: str) -> exp.Expression:
    """The rows of exported lists about the people that go, without their addresses."""
    return sql(
        """
        SELECT e.list_id, e.person_id, CAST(NULL AS TEXT) AS address
        FROM _t AS e JOIN gone_people AS g ON g.person_id = e.person_id
        """,
        {"_t": table},
    )


@named("forget.renamed")
def renamed(table: str, columns: Sequence[str], pseudonym: str) -> exp.Expression:
    """The rows of accounts that go, under another account."""
    cells = [_id(pseudonym) if c == "account_id" else column(c, "e").as_(c, quoted=True) for c in columns]
    inside = sql("SELECT account_id FROM gone_accounts")
    return (
        exp.select(*cells)
        .from_(exp.alias_(exp.to_table(table), "e", table=True))
        .where(column("account_id", "e").isin(query=inside))
    )


@named("forget.renamed_people")
def renamed_people(table: str, columns: Sequence[str], pseudonym: str) -> exp.Expression:
    """The rows of people that go, under another id."""
    cells = [
        _id(pseudonym, "person_id") if c == "person_id" else column(c, "e").as_(c, quoted=True)
        for c in columns
    ]
    inside = sql("SELECT person_id FROM gone_people")
    return (
        exp.select(*cells)
        .from_(exp.alias_(exp.to_table(table), "e", table=True))
        .where(column("person_id", "e").isin(query=inside))
    )


@named("forget.nobody")
def nobody(columns: Sequence[str]) -> exp.Expression:
    """The account that kept receipts belong to."""
    return select("staged_nobody", columns)


@named("forget.marks")
def marks() -> exp.Expression:
    """The marks that the accounts leave behind, so that their next delivery is recognised."""
    return sql("SELECT mark FROM staged_marks")


@named("forget.size")
def size(table: str) -> exp.Expression:
    """How many rows a table has."""
    return sql("SELECT count(*) AS n FROM _t", {"_t": table})


@named("forget.left")
def left(table: str) -> exp.Expression:
    """How many rows of a table still belong to an account that is gone."""
    return sql(
        "SELECT count(*) AS n FROM _t AS e JOIN gone_accounts AS g ON g.account_id = e.account_id",
        {"_t": table},
    )


@named("forget.values_left")
def values_left() -> exp.Expression:
    """How many identifiers of the person are still carried by accounts that were not theirs."""
    return sql("SELECT count(*) AS n FROM identifier AS i JOIN gone_values AS g ON g.val = i.val")


def _id(pseudonym: str, name: str = "account_id") -> exp.Expression:
    return exp.Alias(this=exp.Literal.string(pseudonym), alias=exp.to_identifier(name, quoted=True))
