"""Everything that was delivered of some accounts: events, their products, and every value of every attribute."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from butfor.store import column, named, sql


@named("profiles.events_of")
def events_of(table: str, props: Sequence[str]) -> exp.Expression:
    """The events of one term of the staged accounts, newest first."""
    base = sql(
        """
        SELECT e.event_id, e.part, e.account_id, e.source, e.occurred_at FROM _events AS e
        JOIN staged_some AS s ON s.account_id = e.account_id ORDER BY e.occurred_at DESC, e.event_id, e.part
        """,
        {"_events": table},
    )
    assert isinstance(base, exp.Select)
    return base.select(*[column(p, "e") for p in props])


@named("profiles.products_of")
def products_of(table: str, lines: str, props: Sequence[str]) -> exp.Expression:
    """The products of the events of one term of the staged accounts."""
    base = sql(
        """
        SELECT l.event_id, l.row_id, l.amount FROM _lines AS l
        JOIN (SELECT DISTINCT e.event_id FROM _events AS e JOIN staged_some AS s ON s.account_id = e.account_id) AS e
          ON e.event_id = l.event_id ORDER BY l.event_id, l.row_id
        """,
        {"_events": table, "_lines": lines},
    )
    assert isinstance(base, exp.Select)
    return base.select(*[column(p, "l") for p in props])


@named("profiles.attributes_of")
def attributes_of(names: Sequence[str]) -> exp.Expression:
    """Every delivered value of attributes of the staged accounts, newest first, with source and time."""
    base = sql(
        """
        SELECT a.account_id, a.source, a.seen_at, a.row_id FROM attribute AS a
        JOIN staged_some AS s ON s.account_id = a.account_id ORDER BY a.seen_at DESC, a.row_id DESC
        """
    )
    assert isinstance(base, exp.Select)
    return base.select(*[exp.cast(column(n, "a"), "TEXT").as_(n, quoted=True) for n in names])


@named("profiles.identifiers_of")
def identifiers_of() -> exp.Expression:
    """Every identifier of the staged accounts, and whether it is verified for them."""
    return sql(
        """
        SELECT i.account_id, a.source, a.account_key, i.term, i.val,
               max(CASE WHEN coalesce(i.verified, true) THEN 1 ELSE 0 END) AS sure
        FROM identifier AS i JOIN staged_some AS s ON s.account_id = i.account_id JOIN account AS a ON a.account_id = i.account_id
        GROUP BY i.account_id, a.source, a.account_key, i.term, i.val ORDER BY i.account_id, i.term, i.val
        """
    )


@named("profiles.accounts_known_by")
def accounts_known_by(text: str) -> exp.Expression:
    """Accounts whose key or one of whose identifiers is a text, with the person they belong to."""
    return sql(
        """
        SELECT DISTINCT a.account_id, a.source, a.account_key, p.person_id FROM account AS a
        LEFT JOIN people_map AS p ON p.account_id = a.account_id
        LEFT JOIN identifier AS i ON i.account_id = a.account_id
        WHERE a.account_key = :text OR i.val = :text ORDER BY a.source, a.account_key
        """,
        text=text,
    )


@named("profiles.accounts_of_person")
def accounts_of_person(ids: Sequence[str]) -> exp.Expression:
    """The accounts of people, or the accounts named by their own ids."""
    return sql(
        """
        SELECT a.account_id, a.source, a.account_key, p.person_id FROM account AS a
        LEFT JOIN people_map AS p ON p.account_id = a.account_id
        WHERE CAST(p.person_id AS TEXT) IN :ids OR CAST(a.account_id AS TEXT) IN :ids ORDER BY a.source, a.account_key
        """,
        ids=list(ids),
    )


@named("profiles.traits_of")
def traits_of(person: str) -> exp.Expression:
    """The traits of one person as of the last run."""
    return sql("SELECT * FROM traits WHERE CAST(person_id AS TEXT) = :person", person=person)


@named("profiles.audiences_of")
def audiences_of(person: str) -> exp.Expression:
    """The audiences that one person is in."""
    return sql(
        "SELECT audience FROM membership WHERE CAST(person_id AS TEXT) = :person ORDER BY audience",
        person=person,
    )
