"""Every system that a brand has: its definitions are added by one command, and its deliveries do what they should."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from shops import ask, campaign_definitions, write

import butfor.catalog.points as points
from butfor.app import Workspace, open_workspace, start
from butfor.app.sources import add_source, reconcile
from butfor.campaigns.render import Renderer, content_attributes
from butfor.model import BadInput, ButforError, Refused
from butfor.plan import load_workspace_file, save_definition, save_workspace_file
from butfor.plan.kinds import Audience, Rule, Source, Term, Variant
from butfor.plan.retail import SYSTEMS, system_definitions, system_examples

NOW = datetime(2026, 7, 1)


@contextmanager
def brand(folder: Path, *systems: str) -> Iterator[Workspace]:
    start(folder, currency="EUR", margin=0.4, now=NOW)
    file = load_workspace_file(folder)
    save_workspace_file(folder, msgspec.structs.replace(file, country="DE"))
    for system in systems:
        add_source(folder, system)
    with open_workspace(folder, now=NOW) as ws:
        yield ws


def load_examples(ws: Workspace, *sources: str) -> dict[str, int]:
    return {name: ws.load(name, str(ws.folder / "examples" / f"{name}.csv")).accepted for name in sources}


def spend(ws: Workspace) -> dict[str, float]:
    ws.run()
    rows = ask(
        ws.lake,
        "SELECT a.account_key AS k, t.spend FROM traits AS t JOIN people_map AS p ON p.person_id = t.person_id "
        "JOIN account AS a ON a.account_id = p.account_id",
    )
    return {r["k"]: float(r["spend"]) for r in rows}


@pytest.mark.requirement("R-077")
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_is_added_checked_and_its_example_loads_once(tmp_path: Path, system: str) -> None:
    with brand(tmp_path / "b", system) as ws:
        assert [p for p in ws.check() if p.level == "error"] == []
        for name in system_examples(system):
            path = str(ws.folder / "examples" / f"{name}.csv")
            first, again = ws.load(name, path), ws.load(name, path)
            assert (first.accepted, first.quarantined) == (first.read, 0)
            assert (again.accepted, again.repeated) == (0, first.read)


def test_adding_twice_and_an_unknown_system_are_refused(tmp_path: Path) -> None:
    with brand(tmp_path / "b", "till"):
        pass
    with pytest.raises(Refused, match="not written over"):
        add_source(tmp_path / "b", "till")
    with pytest.raises(BadInput, match="till"):
        add_source(tmp_path / "b", "tils")


@pytest.mark.requirement("R-076")
def test_a_return_receipt_lowers_spend(tmp_path: Path) -> None:
    with brand(tmp_path / "b", "till") as ws:
        load_examples(ws, "till")
        assert spend(ws) == {"90001": 15.5, "90002": 49.0}
        head = (ws.folder / "examples" / "till.csv").read_text().splitlines()[0]
        ws.load(
            "till",
            write(
                tmp_path / "late.csv",
                [head, "R-9,2026-06-02 10:00:00,Mitte,90002,C1,Lamp,living,-1,49.00,cash"],
            ),
        )
        assert spend(ws) == {"90001": 15.5, "90002": 0.0}


@pytest.mark.requirement("R-077")
def test_a_later_export_brings_only_what_is_new(tmp_path: Path) -> None:
    with brand(tmp_path / "b", "webshop") as ws:
        load_examples(ws, "webshop_orders")
        rows = (ws.folder / "examples" / "webshop_orders.csv").read_text().splitlines()
        done = ws.load(
            "webshop_orders", write(tmp_path / "more.csv", [*rows, "W-4,w1,2026-06-05 19:45:00,10.00,DE"])
        )
        assert (done.accepted, done.repeated) == (1, 3)


@pytest.mark.requirement("R-078")
def test_points_become_entries_once_and_a_told_balance_that_differs_is_quarantined(tmp_path: Path) -> None:
    with brand(tmp_path / "b", "points") as ws:
        file = str(ws.folder / "examples" / "points.csv")
        assert ws.load("points", file).flagged == {"points: balance differs": 1}
        ws.load("points", file)
        account = {r["account_key"]: r["account_id"] for r in ask(ws.lake, "SELECT * FROM account")}
        assert points.balance(ws.hub, str(account["90001"])).balance == 150
        assert points.balance(ws.hub, str(account["90002"])).balance == 490
        assert sum(r["amount"] for r in ws.hub.rows("points")) == 0
        assert len(ws.hub.rows("points")) == 6
        assert [(q["reason"], q["val"]) for q in ws.quarantine()] == [
            ("balance told 500, entries say 490", "500")
        ]


@pytest.mark.requirement("R-078")
def test_entries_of_a_load_that_was_killed_are_booked_by_the_next(tmp_path: Path) -> None:
    with brand(tmp_path / "b", "points") as ws:
        file = str(ws.folder / "examples" / "points.csv")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("butfor.app.workspace.settle", _killed)
            with pytest.raises(KeyboardInterrupt):
                ws.load("points", file)
        assert ws.hub.rows("points") == []
        ws.load("points", file)
        assert len(ws.hub.rows("points")) == 6


def _killed(*given: object) -> dict[str, int]:
    raise KeyboardInterrupt


@pytest.mark.requirement("R-079")
def test_a_note_of_a_clerk_is_used_for_nothing_until_somebody_allows_it(tmp_path: Path) -> None:
    note = next(d for d in system_definitions("crm") if d.id == "crm_note")
    assert isinstance(note, Term)
    assert note.uses is not None
    assert (note.uses.content, note.uses.target) == ("deny", "deny")
    with brand(tmp_path / "b", "crm") as ws:
        load_examples(ws, "crm")
        assert len(ask(ws.lake, "SELECT crm_note FROM attribute WHERE crm_note IS NOT NULL")) == 2
        assert "crm_note" not in content_attributes(ws.plan)
        with pytest.raises(ButforError, match="crm_note"):
            Renderer(ws.plan, "You said: {{ crm_note }}")


@pytest.mark.requirement("R-080")
def test_a_scanner_clicks_and_nothing_is_verified(tmp_path: Path) -> None:
    with brand(tmp_path / "b", "email") as ws:
        load_examples(ws, "email")
        sure = ask(ws.lake, "SELECT val FROM identifier WHERE verified")
        assert [r["val"] for r in sure] == ["bob@web.de"]
        why = ask(ws.lake, "SELECT why FROM machine ORDER BY why")
        assert [r["why"] for r in why] == ["known program", "too soon"]


@pytest.mark.requirement("R-081")
def test_each_message_writes_one_cost_row(tmp_path: Path) -> None:
    with brand(tmp_path / "b", "sms", "push") as ws:
        load_examples(ws, "sms", "push")
        load_examples(ws, "sms", "push")
        rows = ws.hub.rows("cost")
        assert (
            sorted((r["item"], r["campaign"]) for r in rows)
            == [("push_sent", "spring")] * 2 + [("sms_sent", "spring")] * 2
        )
        assert sum(r["minor_units"] for r in rows if r["item"] == "sms_sent") == 15


@pytest.mark.requirement("R-083")
def test_analytics_differs_and_the_shop_counts(tmp_path: Path) -> None:
    with brand(tmp_path / "b", "analytics", "webshop") as ws:
        load_examples(ws, "analytics", "webshop_orders")
        found = reconcile(ws, ["webshop_orders"])
        assert (found.analytics_orders, found.shop_orders, found.truth) == (2, 3, "shop")
        assert found.orders_differ == pytest.approx(-1 / 3)
        assert spend(ws)["w1"] == 37.5


@pytest.mark.requirement("R-084")
def test_no_promotion_while_a_complaint_is_open(tmp_path: Path) -> None:
    with brand(tmp_path / "b", "calls", "webshop", "crm") as ws:
        head = "contact,email,phone,first_name,last_name,city,newsletter,owner,note,changed_at"
        people = [f"{k},{k}@web.de,,Ann,Lee,Berlin,yes,mk,,2026-05-01 08:00:00" for k in ("w1", "w3")]
        ws.load("crm", write(tmp_path / "crm.csv", [head, *people]))
        load_examples(ws, "calls", "webshop_orders")
        ws.load(
            "webshop_orders",
            write(
                tmp_path / "o.csv",
                ["order,customer,paid_at,total,country", "W-9,w3,2026-06-28 10:00:00,5.00,DE"],
            ),
        )
        for d in [
            *campaign_definitions({"plain": Variant(subject="New", body="See what is new.")}),
            _everybody(),
        ]:
            save_definition(ws.folder, d)
    assert _suppressed(tmp_path / "b") == {"open case": 1}
    with open_workspace(tmp_path / "b", now=NOW) as ws:
        ws.load(
            "calls",
            write(
                tmp_path / "closed.csv",
                ["case,customer,at,outcome,event", "K-1,w1,2026-06-04 09:00:00,refunded,closed"],
            ),
        )
    assert _suppressed(tmp_path / "b") == {}


def _everybody() -> Audience:
    return Audience(id="everybody", label="Everybody", why="a test", rule=Rule(trait="orders", at_least=1))


def _suppressed(folder: Path) -> dict[str, int]:
    with open_workspace(folder, now=NOW) as ws:
        ws.run()
        return ws.launch("hello", dry=True).suppressed


@pytest.mark.requirement("R-085")
def test_the_webhook_owns_its_trait(tmp_path: Path) -> None:
    affinity = next(d for d in system_definitions("webhook") if isinstance(d, Term))
    assert affinity.sources == ["webhook"]
    made = add_source(_new(tmp_path / "b"), "webhook")
    assert made.write_key
    assert made.sources == ["webhook"]


def _new(folder: Path) -> Path:
    start(folder, currency="EUR", now=NOW)
    return folder


def test_every_template_has_its_kind() -> None:
    for system in SYSTEMS:
        assert any(isinstance(d, Source) for d in system_definitions(system))
