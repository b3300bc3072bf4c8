"""The purchase history of every person as of a day, and the tables that predictions are written to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlglot import exp

from butfor.store import Logical, Table, named, select, sql

# What may become a trait: id and logical type, in the order of the columns of the table.
_COLUMNS: dict[str, tuple[str, Logical]] = {
    "predicted_orders": ("expected_orders", "number"),
    "predicted_value": ("expected_value", "money"),
    "alive": ("alive", "number"),
    "churn_risk": ("churn_risk", "number"),
    "next_order_on": ("next_order_on", "date"),
}
RUNS = Table(
    "value_run",
    {"as_of": "timestamp", "made_at": "timestamp", "days": "integer", "model": "text", "body": "text"},
)


def predicted_columns() -> dict[str, Logical]:
    """Return the ids and types of traits that predictions give where the plan has a term of such an id."""
    return {trait: kind for trait, (_, kind) in _COLUMNS.items()}


def prediction_column(trait: str) -> str:
    """Return the column of the table ``prediction`` that a trait of ``predicted_columns`` is read from.

    >>> prediction_column("predicted_value")
    'expected_value'
    """
    return _COLUMNS[trait][0]


def prediction_table() -> Table:
    """Return the lake's table of predictions: one row per buyer, keyed by ``person_id``."""
    named_columns = dict(_COLUMNS.values())
    return Table("prediction", {"person_id": "uuid", **named_columns, "as_of": "timestamp", "model": "text"})


@named("profiles.purchase_summary")
def purchase_summary(
    purchases: Sequence[str], refunds: Sequence[str], as_of: datetime, cut: date, since: date
) -> exp.Expression:
    """How often, how lately, since when and for how much each person has bought until the day ``cut``.

    Days with a purchase are counted, the first one apart (``repeats``); ``recency`` and ``age`` are days from
    it. Values are purchases minus what went back in the same days. ``recent`` looks from the day after
    ``since`` to ``cut``, ``later`` from there to ``as_of``. One row per person who bought until ``cut``, by id.
    """
    day = "d.on_day > s.first_on AND d.on_day <= :cut"
    return sql(
        f"""
        WITH moved AS (
          SELECT p.person_id, CAST(e.occurred_at AS DATE) AS on_day, e.total AS amount,
                 CASE WHEN e.part = 0 THEN 1 ELSE 0 END AS bought
          FROM _purchases AS e JOIN people_map AS p ON p.account_id = e.account_id WHERE e.occurred_at <= :as_of
          UNION ALL
          SELECT p.person_id, CAST(e.occurred_at AS DATE) AS on_day, -e.total AS amount, 0 AS bought
          FROM _refunds AS e JOIN people_map AS p ON p.account_id = e.account_id WHERE e.occurred_at <= :as_of
        ), day AS (
          SELECT person_id, on_day, sum(amount) AS amount, max(bought) AS bought
          FROM moved GROUP BY person_id, on_day
        ), span AS (
          SELECT person_id, min(on_day) AS first_on, max(on_day) AS last_on
          FROM day WHERE bought = 1 AND on_day <= :cut GROUP BY person_id
        )
        SELECT s.person_id, date_diff('day', s.first_on, s.last_on) AS recency,
               date_diff('day', s.first_on, CAST(:cut AS DATE)) AS age,
               CAST(sum(CASE WHEN {day} THEN d.bought ELSE 0 END) AS BIGINT) AS repeats,
               CAST(sum(CASE WHEN {day} THEN d.amount ELSE 0 END) AS DOUBLE) AS repeat_value,
               CAST(sum(CASE WHEN {day} AND d.on_day > :since THEN d.bought ELSE 0 END) AS BIGINT) AS recent,
               CAST(sum(CASE WHEN {day} AND d.on_day > :since THEN d.amount ELSE 0 END) AS DOUBLE) AS recent_value,
               CAST(sum(CASE WHEN d.on_day > :cut THEN d.bought ELSE 0 END) AS BIGINT) AS later,
               CAST(sum(CASE WHEN d.on_day > :cut THEN d.amount ELSE 0 END) AS DOUBLE) AS later_value
        FROM span AS s JOIN day AS d ON d.person_id = s.person_id
        GROUP BY s.person_id, s.first_on, s.last_on ORDER BY person_id
        """,
        {"_purchases": _all(purchases), "_refunds": _all(refunds, purchases[0])},
        as_of=as_of,
        cut=cut,
        since=since,
    )


@named("profiles.purchases_known")
def purchases_known(purchases: Sequence[str], as_of: datetime) -> exp.Expression:
    """How many purchases there are, and how many of them carry an account."""
    return sql(
        "SELECT count(*) AS orders, count(account_id) AS known FROM _purchases AS e "
        "WHERE e.part = 0 AND e.occurred_at <= :as_of",
        {"_purchases": _all(purchases)},
        as_of=as_of,
    )


@named("profiles.staged_predictions")
def staged_predictions() -> exp.Expression:
    """The predictions just made."""
    return select("staged_prediction", list(prediction_table().columns))


@named("profiles.staged_run")
def staged_run() -> exp.Expression:
    """The record of the run just made."""
    return select("staged_run", list(RUNS.columns))


@named("profiles.value_runs")
def value_runs() -> exp.Expression:
    """The runs that were made, oldest first."""
    return sql("SELECT as_of, made_at, days, model, body FROM value_run ORDER BY made_at, as_of, days, body")


def _all(tables: Sequence[str], empty_like: str = "") -> exp.Expression | str:
    """Return one table as it is, several as a union; no table is an empty one like another."""
    if len(tables) == 1:
        return tables[0]
    columns = "SELECT account_id, part, total, occurred_at FROM "
    if not tables:
        return sql(f"{columns}{exp.to_identifier(empty_like, quoted=True)} WHERE 1 = 0")
    return sql(" UNION ALL ".join(f"{columns}{exp.to_identifier(t, quoted=True)}" for t in tables))
