"""S-06: two one-off buyers turn out to be one loyal customer, and nobody is careless about it (002:171)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from stories import NOW, campaign_documents, make_shop
from typer.testing import CliRunner

from butfor.app import Workspace, open_workspace
from butfor.app.people import judge_pair, touch, undo, withdraw
from butfor.cli.main import app
from butfor.model import BadInput
from butfor.plan.kinds import Audience, Campaign, Offer, Rule, Source, Variant

CRM = Source(
    id="crm", label="Customer records", connector="csv", grain="person", account="customer",
    columns={"customer": "id.customer_id", "email": "id.email", "name": "person.first_name"},
)  # fmt: skip
BUYERS = Audience(id="everybody", label="Everybody", why="all", rule=Rule(trait="orders", at_least=1))
RICH = Audience(id="rich", label="Spent 400 or more", why="a test", rule=Rule(trait="spend", at_least=400))
LOYAL = Audience(id="loyal", label="Two orders", why="a test", rule=Rule(trait="orders", at_least=2))


def campaign(name: str, audience: str, offer: str) -> Campaign:
    return Campaign(
        id=name, label=name, goal="more_margin", goal_event="order_completed", audience=audience, offers=[offer],
        variants={"mail": Variant(subject="Hello {{ first_name }}", body="An offer for you.")},
    )  # fmt: skip


MORE = [
    CRM, RICH, LOYAL,
    Offer(id="ten_off", label="-10 %", mechanics="percent_off", amount=10),
    Offer(id="twenty_off", label="-20 % on premium", mechanics="percent_off", amount=20),
    campaign("win_back", "everybody", "ten_off"), campaign("last_call", "everybody", "ten_off"),
    campaign("premium", "loyal", "twenty_off"), campaign("thanks", "loyal", "ten_off"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = make_shop(tmp_path / "shop", *campaign_documents(), *MORE)
    old, new = (
        f"{NOW - timedelta(days=40):%Y-%m-%d %H:%M:%S}",
        f"{NOW - timedelta(days=5):%Y-%m-%d %H:%M:%S}",
    )
    lines = [
        "receipt,bought,customer,email,pieces,price",
        f"r1,{old},a,ann@shop.org,1,40",
        f"r2,{new},b,,1,460",
    ]
    till = tmp_path / "till.csv"
    till.write_text("\n".join(lines) + "\n")
    with at(path, NOW - timedelta(days=2)) as ws:
        ws.load("till", str(till))
        ws.run()
        ws.launch("win_back")
    return path


def at(folder: Path, when: datetime) -> Workspace:
    return open_workspace(folder, now=when)


def same_address(ws: Workspace, folder: Path) -> None:
    """The club's card of customer b carries the verified address of customer a."""
    file = folder.parent / "late.csv"
    file.write_text(
        f"receipt,bought,customer,email,pieces,price\nr2,{NOW - timedelta(days=5):%Y-%m-%d %H:%M:%S},b,ann@shop.org,1,460\n"
    )
    ws.load("till", str(file))
    accounts = [r["account_id"] for r in ws.hub.rows("account")]
    touch(ws, accounts)


def picture(ws: Workspace) -> dict[str, Any]:
    """Everything that a merge may touch."""
    return {
        "people": sorted((r["account_key"], r["person_id"]) for r in ws.hub.rows("account")),
        "audiences": {
            a.audience: sorted(ws.members(a.audience)["person_id"].to_pylist()) for a in ws.audiences()
        },
        "pending": sorted((r["person_id"], r["outcome"], r["reason"]) for r in ws.contacts("last_call")),
        "consents": ws.hub.rows("consent"),
        "points": ws.hub.rows("points"),
    }


@pytest.fixture
def merged(folder: Path) -> Iterator[tuple[Workspace, dict[str, Any]]]:
    with at(folder, NOW) as ws:
        from butfor.app.people import open_live

        open_live(ws)
        ws.launch("last_call", send_at=NOW + timedelta(days=1))
        before = picture(ws)
        same_address(ws, folder)
        yield ws, before


@pytest.mark.requirement("S-06", "R-091", "R-092")
def test_two_one_off_buyers_become_one_loyal_customer_at_once(
    merged: tuple[Workspace, dict[str, Any]],
) -> None:
    ws, _ = merged
    traits = ws.lake.fetch(ws.trait_query(ws.as_of(), joined=True)).to_pylist()
    assert [(t["orders"], float(t["spend"]), t["average_order"]) for t in traits] == [(2, 500.0, 250.0)]
    sizes = {a.audience: a.people for a in ws.audiences()}
    assert (sizes["loyal"], sizes["rich"], sizes["everybody"]) == (1, 1, 1)


@pytest.mark.requirement("S-06", "R-092")
def test_an_offer_that_neither_got_is_held_and_one_that_one_got_is_not(
    merged: tuple[Workspace, dict[str, Any]],
) -> None:
    ws, _ = merged
    ws.launch("premium")
    ws.launch("thanks")
    assert [(c["outcome"], c["reason"]) for c in ws.contacts("premium")] == [("held", "merge cool-off 7 d")]
    assert [c["outcome"] for c in ws.contacts("thanks")] == ["sent"]


@pytest.mark.requirement("S-06")
def test_after_the_cool_off_the_offer_goes_out(
    merged: tuple[Workspace, dict[str, Any]], folder: Path
) -> None:
    ws, _ = merged
    ws.launch("premium")
    ws.close()
    with at(folder, NOW + timedelta(days=8)) as later:
        later.launch("premium", as_of=NOW + timedelta(days=8))
        assert [c["outcome"] for c in later.contacts("premium")] == ["sent"]


@pytest.mark.requirement("S-06")
def test_undoing_the_merge_restores_people_audiences_and_pending_messages(
    merged: tuple[Workspace, dict[str, Any]],
) -> None:
    ws, before = merged
    assert picture(ws)["people"] != before["people"]
    change = next(r for r in ws.hub.rows("person_change") if r["kind"] == "merge")
    done = undo(ws, change["id"], "two sisters share an address", "ann")
    assert done.split == 1
    assert picture(ws) == before
    again = withdraw(ws, done.judgement, "no, one person after all", "ann")
    assert again.merged == 1


@pytest.mark.requirement("S-06")
def test_a_merge_by_hand_and_its_withdrawal_change_nothing(folder: Path) -> None:
    with at(folder, NOW) as ws:
        ws.launch("last_call", send_at=NOW + timedelta(days=1))
        judge_pair(ws, "till:a", "till:b", "same", "the clerk knows her", "ann")
        held = picture(ws)
        number = ws.hub.rows("judgement")[-1]["id"]
        withdraw(ws, number, "she does not", "ann")
        after = picture(ws)
    assert len({p for _, p in held["people"]}) == 1
    assert len({p for _, p in after["people"]}) == 2
    assert sorted(o for _, o, _ in after["pending"]) == ["pending", "suppressed"]


def test_a_pending_message_with_another_offer_is_held_by_the_merge(folder: Path) -> None:
    with at(folder, NOW) as ws:
        plan = ws.plan.get(Campaign, "last_call")
        ws.save(msgspec.structs.replace(plan, offers=["twenty_off"]), "a better offer", "ann")
        ws.launch("last_call", send_at=NOW + timedelta(days=1))
        judge_pair(ws, "till:a", "till:b", "same", "the clerk knows her", "ann")
        assert "merge cool-off 7 d; was: in the audience and reachable" in [
            c["reason"] for c in ws.contacts("last_call")
        ]
        ws.launch("last_call", as_of=NOW + timedelta(days=2))
        assert not [c for c in ws.contacts("last_call") if c["outcome"] == "sent"]


def test_a_campaign_is_decided_now_and_sent_later_from_the_command_line(folder: Path) -> None:
    def launch(*more: str) -> list[str]:
        done = CliRunner().invoke(
            app, ["-C", str(folder), "campaign", "launch", "last_call", "--json", *more]
        )
        assert done.exit_code == 0, done.output
        with at(folder, NOW) as ws:
            return sorted(c["outcome"] for c in ws.contacts("last_call"))

    today, then = f"{NOW:%Y-%m-%dT%H:%M}", f"{NOW + timedelta(days=1):%Y-%m-%dT%H:%M}"
    assert launch("--as-of", today, "--send-at", then + "+00:00") == ["pending", "suppressed"]
    assert launch("--as-of", today) == ["pending", "suppressed"]
    assert launch("--as-of", then) == ["sent", "suppressed"]
    wrong = CliRunner().invoke(
        app, ["-C", str(folder), "campaign", "launch", "last_call", "--send-at", "soon"]
    )
    assert isinstance(wrong.exception, BadInput)
    assert wrong.exception.thing == "--send-at"
