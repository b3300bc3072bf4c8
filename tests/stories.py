"""A small shop whose receipts are written by hand: a workspace folder, its definitions, its deliveries."""

from datetime import date, datetime, timedelta
from pathlib import Path

from butfor.app import Workspace
from butfor.plan import retail_plan, save_definition, save_workspace_file
from butfor.plan.kinds import (
    Arm,
    Audience,
    Campaign,
    Definition,
    Expectation,
    Experiment,
    Goal,
    Hypothesis,
    IdentityDecision,
    Rule,
    Source,
    Variant,
)
from butfor.plan.kinds import Workspace as WorkspaceFile

NOW = datetime(2026, 7, 1, 12)
TILL = Source(
    id="till", label="Till", connector="csv", grain="order_line", event="order_completed", account="customer",
    columns={
        "receipt": "event.order_id", "bought": "time", "customer": "id.customer_id", "email": "id.email",
        "pieces": "product.quantity", "price": "product.price",
    },
)  # fmt: skip
CLUB = Source(
    id="club", label="Loyalty club", connector="csv", grain="event", event="loyalty_joined", account="customer",
    columns={"joined": "time", "customer": "id.customer_id"},
)  # fmt: skip
CAMPAIGN = Campaign(
    id="join_us", label="Join the club", goal="more_margin", goal_event="loyalty_joined", audience="everybody",
    experiment="join_test", variants={"mail": Variant(subject="Join us", body="Join our club.")},
)  # fmt: skip


def make_shop(folder: Path, *more: Definition) -> Path:
    """Write a workspace with the retail plan, a till, a loyalty club and these definitions."""
    for definition in (*retail_plan(), TILL, CLUB, *more):
        save_definition(folder, definition)
    identity = IdentityDecision(primary="customer_id", ranked=["email"], why="one number per customer")
    save_workspace_file(folder, WorkspaceFile(version=1, name="shop", currency="EUR", identity=identity))
    return folder


def campaign_documents() -> list[Definition]:
    """Return a sound sign-up campaign with its goal, audience and test."""
    expect = Expectation(low=0.1, likely=0.2, high=0.4)
    return [
        CAMPAIGN,
        Goal(
            id="more_margin", status="agreed", want="a sign-up mail", to_do="invite everybody who bought",
            leads_to="margin_per_person", by_when=date(2026, 12, 31), how_much="+0.20 EUR per person",
            method="incremental", accountable="CRM", approver="head of CRM", expect=expect,
        ),
        Audience(id="everybody", label="Everybody", why="all may join", rule=Rule(trait="orders", at_least=1)),
        Experiment(
            id="join_test", label="Mail or none", metrics=["margin_per_person"], expect=expect,
            hypothesis=Hypothesis(
                audience="everybody", change="a mail", metric="margin_per_person", direction="up", minimum_effect=0.1,
            ),
            arms={"mail": Arm(share=0.5, variant="mail"), "none": Arm(share=0.5, control=True)},
        ),
    ]  # fmt: skip


def load_receipts(ws: Workspace, days_ago: dict[str, float]) -> None:
    """Load one receipt per customer, bought that many days before NOW."""
    lines = ["receipt,bought,customer,email,pieces,price"]
    for name, days in days_ago.items():
        when = NOW - timedelta(days=days)
        lines.append(f"r-{name},{when:%Y-%m-%d %H:%M:%S},{name},{name}@example.org,1,10")
    assert ws.load("till", str(_written(ws.folder / "till.csv", lines))).accepted == len(days_ago)


def load_joined(ws: Workspace, customer: str, when: datetime) -> None:
    """Load one loyalty sign-up."""
    lines = ["joined,customer", f"{when:%Y-%m-%d %H:%M:%S},{customer}"]
    assert ws.load("club", str(_written(ws.folder / "club.csv", lines))).accepted == 1


def _written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
