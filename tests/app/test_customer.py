"""One customer: golden record with sources, one timeline, everything exported, everything erased."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from stories import NOW, campaign_documents, load_joined, load_receipts, make_shop

from butfor.app import Workspace, open_workspace
from butfor.app.customer import customer, find_people
from butfor.app.people import account_of, open_live
from butfor.app.privacy import erase_person, export_person
from butfor.catalog import balance, earn
from butfor.channels.consent import Statement, consents, say
from butfor.model import BadInput
from butfor.plan import save_definition
from butfor.plan.kinds import Column, Source, Term
from butfor.store import Query, sql

CRM = Source(
    id="crm", label="Customer records", connector="csv", grain="person", account="customer",
    columns={
        "customer": "id.customer_id", "email": Column(to="id.email", clean="email"), "first": "person.first_name",
        "city": "person.city", "noted": "time",
    },
)  # fmt: skip


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    path = make_shop(
        tmp_path / "shop", CRM, msgspec.structs.replace(CRM, id="club_data"), *campaign_documents()
    )
    with open_workspace(path, now=NOW) as opened:
        load_receipts(opened, {"ann": 3, "otto": 4})
        person(opened, tmp_path, "crm", "2026-05-01", "Leeds")
        person(opened, tmp_path, "club_data", "2026-06-01", "York")
        opened.run()
        open_live(opened)
        earn(opened.hub, account_of(opened, "till:ann"), 70, "r-ann", now=NOW, who="club")
        said = Statement(
            channel="email", address="ann@example.org", verdict="withdrawn", occurred_at=NOW, source="form"
        )
        say(opened.hub, [said], NOW)
        yield opened


def person(ws: Workspace, folder: Path, source: str, day: str, city: str) -> None:
    file = folder / f"{source}.csv"
    file.write_text(f"customer,email,first,city,noted\nann,ann@example.org,Ann,{city},{day} 10:00:00\n")
    ws.load(source, str(file))


@pytest.mark.requirement("R-090", "R-185")
def test_one_timeline_of_purchases_prices_points_and_consents(ws: Workspace) -> None:
    found = customer(ws, "ann@example.org")
    assert [a.source for a in found.accounts] == ["club_data", "crm", "till"]
    assert {(h.kind, h.what, h.source) for h in found.timeline} >= {
        ("event", "Purchase", "till"), ("points", "points: earn", "club"), ("consent", "email: withdrawn", "form"),
    }  # fmt: skip
    bought = next(h for h in found.timeline if h.what == "Purchase")
    assert float(bought.details["products"][0]["paid"]) == 10.0
    assert (found.traits["orders"], found.audiences) == (1, ["everybody", "rfm.new"])
    assert found.timeline == sorted(found.timeline, key=lambda h: (h.at, h.kind, h.what), reverse=True)


@pytest.mark.requirement("R-085")
def test_the_declared_owner_of_an_attribute_wins_over_the_newest_value_and_the_conflict_shows(
    ws: Workspace,
) -> None:
    city = next(k for k in customer(ws, "till:ann").record if k.term == "city")
    assert (city.value, city.source, city.others) == ("York", "club_data", {"crm": "Leeds"})
    save_definition(ws.folder, msgspec.structs.replace(ws.plan.get(Term, "city"), sources=["crm"]))
    ws.close()
    with open_workspace(ws.folder, now=NOW) as again:
        again.run()
        found = customer(again, "till:ann")
        city = next(k for k in found.record if k.term == "city")
        assert (city.value, city.others, found.traits["city"]) == ("Leeds", {"club_data": "York"}, "Leeds")


def test_whoever_is_not_there_or_not_one_is_named(ws: Workspace) -> None:
    assert [r["account_key"] for r in find_people(ws, "OTTO@example.org")] == ["otto"]
    with pytest.raises(BadInput, match="nobody@x"):
        customer(ws, "nobody@x")


def test_everything_is_exported_and_erased_with_proof(ws: Workspace, tmp_path: Path) -> None:
    spend = "SELECT CAST(sum(total) AS DOUBLE) AS n FROM ev_order_completed"
    before = ws.lake.fetch(Query("q", sql(spend)))["n"][0].as_py()
    exported = export_person(ws, "till:ann", tmp_path / "ann.json")
    assert msgspec.json.decode((tmp_path / "ann.json").read_bytes())["person_id"] == exported.person_id
    done = erase_person(ws, "till:ann", "her request")
    assert set(done.found_after.values()) == {0}
    assert done.kept_events == {"order_completed": 1}
    assert ws.lake.fetch(Query("q", sql(spend)))["n"][0].as_py() == before
    with pytest.raises(BadInput):
        customer(ws, "ann@example.org")
    assert (ws.folder / done.kept_apart).is_file()
    assert balance(ws.hub, done.pseudonym).balance == 70
    assert sum(r["amount"] for r in ws.hub.rows("points")) == 0
    assert consents(ws.hub, "email", ["ann@example.org"])["ann@example.org"].verdict == "withdrawn"
    assert "ann@example.org" not in "".join(p.read_text(errors="ignore") for p in ws.folder.rglob("*.jsonl"))
    assert customer(ws, "till:otto").traits["orders"] == 1


def test_an_erased_person_stays_nobody_after_the_next_run(ws: Workspace) -> None:
    done = erase_person(ws, "till:ann", "her request")
    found = ws.run()
    assert {a.audience: a.people for a in found.audiences}["everybody"] == 2
    assert customer(ws, done.pseudonym).record == []


def test_old_consent_and_new_consent_and_boxes_in_records(ws: Workspace) -> None:
    def at(days: int, verdict: str, stated: str = "event") -> Statement:
        return Statement(
            channel="email",
            address="x@y.org",
            verdict=verdict,
            occurred_at=NOW + timedelta(days=days),
            source="s",
            stated=stated,
        )

    for statement, holds in (
        (at(0, "given"), "given"),
        (at(1, "withdrawn"), "withdrawn"),
        (at(2, "given", "state"), "withdrawn"),
        (at(3, "given"), "given"),
        (at(3, "withdrawn", "state"), "withdrawn"),
        (at(-5, "given"), "withdrawn"),
    ):
        say(ws.hub, [statement, statement], NOW)
        assert consents(ws.hub, "email", ["x@y.org"])["x@y.org"].verdict == holds


def test_a_no_at_an_address_reaches_everybody_who_has_it(ws: Workspace) -> None:
    load_joined(ws, "otto", NOW - timedelta(days=1))
    ws.run()
    assert ws.launch("join_us", dry=True).suppressed == {"unsubscribed": 1}
