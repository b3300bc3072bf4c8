"""Small workspaces built in code: the retail plan in memory, sources of one line, files of a few rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from butfor.app import Workspace
from butfor.ingest import all_tables
from butfor.plan import Plan, retail_plan
from butfor.plan.files import Place, kind_name
from butfor.plan.kinds import (
    Arm,
    Audience,
    Borders,
    Campaign,
    Cell,
    Column,
    Cost,
    Definition,
    Expectation,
    Experiment,
    Goal,
    Hypothesis,
    IdentityDecision,
    Rfm,
    Rule,
    Source,
    Variant,
)
from butfor.plan.kinds import Workspace as WorkspaceFile
from butfor.store import Hub, Lake, Query, open_lake, sql

NOW = datetime(2026, 7, 1)
HEADER = "receipt,sold,customer,sku,qty,price"
TILL = Source(
    id="till", label="Tills", connector="csv", grain="order_line", account="customer", event="order_completed",
    columns={
        "receipt": "event.order_id", "sold": "time", "customer": "id.customer_id", "sku": "product.product_id",
        "qty": "product.quantity", "price": "product.price",
    },
)  # fmt: skip
WEB = Source(
    id="web", label="Web orders", connector="csv", grain="event", account="customer", event="order_completed",
    columns={
        "order": "event.order_id", "at": "time", "customer": "id.customer_id", "total": "event.total",
    },
)  # fmt: skip
CRM = Source(
    id="crm", label="Customer records", connector="csv", grain="person", account="customer",
    columns={
        "customer": "id.customer_id", "email": Column(to="id.email", clean="email"), "first": "person.first_name",
        "city": "person.city", "born": "person.birth_date",
    },
)  # fmt: skip
MAIL = Source(
    id="mail", label="Mail provider", connector="csv", grain="event", account="email",
    columns={
        "email": "id.email", "at": "time",
        "what": Column(to="event", values={"unsub": "unsubscribed", "bounce": "email_bounced"}),
    },
)  # fmt: skip
GRID = Audience(
    id="rfm", label="RFM", why="a test",
    rfm=Rfm(
        levels=3, borders=Borders(recency=[30, 90], frequency=[1, 3], monetary=[50, 100]),
        cells={"best": Cell(recency=[2, 3], frequency=[2, 3]), "rest": Cell(recency=[1], frequency=[1, 2, 3])},
    ),
)  # fmt: skip
EVERYBODY = Audience(id="everybody", label="Everybody", why="a test", rule=Rule(trait="orders", at_least=0))


@cache
def _retail() -> tuple[Definition, ...]:
    return tuple(d for d in retail_plan() if not isinstance(d, Audience))


def plan_of(folder: Path, *definitions: Definition, terms: Iterable[str] = (), **workspace: Any) -> Plan:
    """Return the retail plan (or some ``terms`` of it) with definitions added, as if read from a folder."""
    retail = [d for d in _retail() if not terms or d.id in terms]
    given = {(kind_name(type(d)), d.id): d for d in (*retail, EVERYBODY, *definitions)}
    decision = IdentityDecision(primary="customer_id", ranked=["email"])
    file = WorkspaceFile(
        **{"version": 1, "name": "shop", "currency": "EUR", "identity": decision} | workspace
    )
    places = {key: Place(f"{key[0]}/{key[1]}.yaml", {}) for key in given}
    return Plan(folder, file, given, places, [])


def shop(folder: Path, *definitions: Definition, now: datetime = NOW, **workspace: Any) -> Workspace:
    """Open a workspace with the retail plan and these definitions; close it, or use it in a ``with`` block."""
    plan = plan_of(folder, *definitions, **workspace)
    hub = Hub(plan.workspace.hub, folder / ".butfor")
    try:
        lake = open_lake(plan.workspace.lake, folder / ".butfor")
    except BaseException:
        hub.close()
        raise
    lake.ensure(*all_tables(plan))
    return Workspace(folder, plan, hub, lake, now)


def changed(definition: Any, **fields: Any) -> Any:
    """Return a definition with some fields changed."""
    return msgspec.structs.replace(definition, **fields)


def write(path: Path, lines: Iterable[str], encoding: str = "utf-8") -> str:
    """Write lines to a file and return its path as text."""
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))
    return str(path)


def till_file(path: Path, lines: Iterable[str]) -> str:
    """Write lines of the source TILL under its header."""
    return write(path, [HEADER, *lines])


def ask(lake: Lake, query: str) -> list[dict[str, Any]]:
    """Return the rows of a query."""
    return list(lake.fetch(Query("asked", sql(query))).to_pylist())


def counts(lake: Lake) -> dict[str, int]:
    """Return the number of rows of every table of the lake that holds any."""
    found = {t: ask(lake, f'SELECT count(*) AS n FROM "{t}"')[0]["n"] for t in sorted(lake.tables())}
    return {name: n for name, n in found.items() if n}


def order_totals(lake: Lake, table: str = "ev_order_completed") -> dict[str, float]:
    """Return the total of each order number, its parts summed."""
    rows = ask(lake, f"SELECT order_id, sum(total) AS t FROM {table} GROUP BY order_id ORDER BY order_id")
    return {r["order_id"]: float(r["t"]) for r in rows}


def spends(ws: Workspace, as_of: datetime | None = None) -> dict[str, tuple[int, float]]:
    """Run, and return purchases and net spend by the customer numbers of each person."""
    ws.run(as_of)
    rows = ask(
        ws.lake,
        "SELECT a.account_key AS k, t.orders, t.spend FROM traits AS t "
        "JOIN people_map AS p ON p.person_id = t.person_id JOIN account AS a ON a.account_id = p.account_id",
    )
    return {r["k"]: (r["orders"], float(r["spend"])) for r in rows}


def people(lake: Lake) -> set[frozenset[str]]:
    """Return the partition: the account keys of each person."""
    rows = ask(
        lake, "SELECT a.account_key AS k, p.person_id FROM people_map AS p JOIN account AS a ON a.account_id = p.account_id"
    )  # fmt: skip
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(str(row["person_id"]), set()).add(row["k"])
    return {frozenset(keys) for keys in found.values()}


def consistent(lake: Lake) -> None:
    """Assert what must hold at any time: totals equal their lines, and every event's account is known."""
    for table in ("ev_order_completed", "ev_order_refunded"):
        assert (
            ask(
                lake,
                f"SELECT o.event_id FROM (SELECT event_id, sum(total) AS t FROM {table} GROUP BY event_id) AS o "
                f"JOIN (SELECT event_id, sum(amount) AS t FROM {table}__products GROUP BY event_id) AS l "
                "ON l.event_id = o.event_id WHERE o.t <> l.t",
            )
            == []
        )
        assert (
            ask(
                lake,
                f"SELECT e.event_id FROM {table} AS e LEFT JOIN account AS a ON a.account_id = e.account_id "
                "WHERE e.account_id IS NOT NULL AND a.account_id IS NULL",
            )
            == []
        )


def campaign_definitions(
    variants: Mapping[str, Variant] | None = None, audience: str = "everybody", salt: str = "s"
) -> Sequence[Definition]:
    """Return an agreed goal, a campaign to an audience, and its test with a third held out."""
    expect = Expectation(low=0, likely=1, high=2, because="a test")
    texts = variants or {
        "plain": Variant(subject="New", body="See what is new.", cost=Cost(per_send=0.5)),
        "named": Variant(subject="{{ first_name }}, new", body="In {{ city }}.", cost=Cost(per_send=0.5)),
    }
    shares = {"none": Arm(share=0.34, control=True)}
    shares |= {name: Arm(share=0.66 / len(texts), variant=name) for name in texts}
    return [
        Goal(
            id="more", want="a mail", to_do="buy", leads_to="purchase_rate", by_when=date(2026, 12, 1), how_much="+1 %",
            method="incremental", accountable="CRM", doers=["CRM"], approver="head", expect=expect,
            sign_offs={"head": date(2026, 6, 1), "CFO": date(2026, 6, 1)},
        ),
        Campaign(
            id="hello", label="Hello", goal="more", goal_event="order_completed", audience=audience,
            experiment="hello_test", variants=dict(texts),
        ),
        Experiment(
            id="hello_test", label="Hello", metrics=["purchase_rate"], salt=salt, arms=shares, expect=expect,
            hypothesis=Hypothesis(
                audience="everybody", change="a mail", metric="purchase_rate", direction="up", minimum_effect=0.01
            ),
        ),
    ]  # fmt: skip
