"""Judging people in a workspace: ids that died or came back, points that begin, reviews that open again, erasures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from live_calls import SITE, Live
from stories import NOW, campaign_documents, load_joined, load_receipts, make_shop

from butfor.app import Workspace, open_workspace
from butfor.app.customer import customer
from butfor.app.people import account_of, credit, decide_review, judge_pair, open_live, undo, withdraw
from butfor.app.privacy import erase_person
from butfor.channels.consent import Statement, consents, say
from butfor.identity.read import people_map
from butfor.model import BadInput
from butfor.plan import load_workspace_file, save_workspace_file
from butfor.plan.kinds import Column, Source

FORM = Source(
    id="form", label="Web form", connector="csv", grain="person", account="visitor", confirms=[],
    columns={"visitor": "id.customer_id", "email": Column(to="id.email", clean="email"), "first": "person.first_name"},
)  # fmt: skip
CRM = Source(
    id="crm", label="Customer records", connector="csv", grain="person", account="customer",
    columns={"customer": "id.customer_id", "email": Column(to="id.email", clean="email"), "first": "person.first_name"},
)  # fmt: skip


@pytest.fixture
def ws(tmp_path: Path, hub_url: str) -> Iterator[Workspace]:
    path = make_shop(tmp_path / "shop", FORM, CRM, *campaign_documents())
    save_workspace_file(path, msgspec.structs.replace(load_workspace_file(path), hub=hub_url))
    with open_workspace(path, now=NOW) as opened:
        load_receipts(opened, {"ann": 3, "otto": 4, "eve": 5})
        opened.run()
        open_live(opened)
        yield opened


def load(ws: Workspace, source: str, *rows: str) -> Any:
    header = {"form": "visitor,email,first", "crm": "customer,email,first"}[source]
    file = ws.folder / f"{source}-{abs(len(''.join(rows)))}.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return ws.load(source, str(file))


def person(ws: Workspace, name: str) -> str:
    row = ws.hub.first("account", account_id=account_of(ws, name))
    assert row
    return str(row["person_id"])


def contact(ws: Workspace, person_id: str, campaign: str = "old") -> None:
    row = {
        "message_key": f"{campaign}-{person_id}", "campaign": campaign, "person_id": person_id, "channel": "email", "outcome": "sent",
        "reason": "r", "made_at": NOW,
    }  # fmt: skip
    ws.hub.append("contact", [row])


def test_a_merge_that_was_undone_leaves_nothing_of_the_one_with_the_other(ws: Workspace) -> None:
    for name in ("ann", "otto"):
        contact(ws, person(ws, f"till:{name}"))
    judge_pair(ws, "till:ann", "till:otto", "same", "a test", "t")
    assert sum(h.kind == "contact" for h in customer(ws, "till:ann").timeline) == 2
    change = next(r for r in ws.hub.rows("person_change") if r["kind"] == "merge")
    undo(ws, change["id"], "they are not", "t")
    for name in ("ann", "otto"):
        assert sum(h.kind == "contact" for h in customer(ws, f"till:{name}").timeline) == 1
    erase_person(ws, "till:otto", "his request")
    erased = {r["person_id"] for r in ws.hub.rows("contact")}
    assert person(ws, "till:ann") in erased
    assert customer(ws, "till:ann").traits["orders"] == 1


def test_an_id_that_another_account_bears_is_the_person_and_not_the_account(ws: Workspace) -> None:
    """After a split an id may stay with the part that the account of this name is not in."""
    ids = {n: account_of(ws, f"till:{n}") for n in ("ann", "otto", "eve")}
    home = min(ids.values())
    with ws.hub.session() as session:
        session.change("account", "account_id", [{"account_id": a, "home": home} for a in ids.values()])
        session.append("moved", [{"account_id": a} for a in ids.values()], once=True)
    left = next(n for n, a in ids.items() if a == home)
    stay = sorted(n for n in ids if n != left)
    judge_pair(ws, f"till:{stay[0]}", f"till:{stay[1]}", "same", "a test", "t")
    assert {person(ws, f"till:{n}") for n in stay} == {home}
    contact(ws, home)
    assert [a.account_key for a in customer(ws, home).accounts] == stay
    alone = customer(ws, f"till:{left}")
    assert ([a.account_key for a in alone.accounts], [h for h in alone.timeline if h.kind == "contact"]) == (
        [left],
        [],
    )
    erase_person(ws, f"till:{left}", "a request")
    assert [h.what for h in customer(ws, home).timeline if h.kind == "contact"] == ["sent: old"]


def test_first_points_judge_the_account_again_as_a_recount_would(ws: Workspace) -> None:
    load(ws, "form", "v1,ann@example.org,")
    load(ws, "crm", "c1,c@example.org,Ann", "c2,ann@example.org,Ann")
    load(ws, "form", "v2,c@example.org,Ann")
    ws.run()
    assert person(ws, "form:v2") == person(ws, "crm:c1")
    credit(ws, "crm:c1", 50, "r1", who="t")
    live = ws.lake.fetch(people_map()).to_pylist()
    assert person(ws, "form:v2") != person(ws, "crm:c1")
    ws.run()
    assert ws.lake.fetch(people_map()).to_pylist() == live


def test_a_file_that_brings_identifiers_is_known_to_the_hub_too(ws: Workspace) -> None:
    load(ws, "crm", "c1,first@example.org,Ann")
    open_live(ws)
    load(ws, "crm", "c1,second@example.org,Ann")
    ws.run()
    values = {
        r["val"]
        for r in ws.hub.rows("identifier", account_id=account_of(ws, "crm:c1"))
        if r["term"] == "email"
    }
    assert values == {"first@example.org", "second@example.org"}


def test_a_review_opens_again_when_its_decision_is_withdrawn(ws: Workspace) -> None:
    load(ws, "crm", "c1,c@example.org,Ann")
    open_live(ws)
    credit(ws, "crm:c1", 50, "r1", who="t")
    load(ws, "form", "v2,c@example.org,Ann")
    ws.run()
    number = next(r["id"] for r in ws.hub.rows("review") if r["why"] == "value-bearing merge")
    done = decide_review(ws, number, True, "a passport", "t")
    withdraw(ws, done.judgement, "it was forged", "t")
    row = ws.hub.first("review", id=number)
    assert row
    assert row["status"] == "open"


def test_a_judgement_that_fails_to_be_carried_out_is_not_in_the_ledger(
    ws: Workspace, monkeypatch: Any
) -> None:
    import butfor.app.people as people

    def broken(*_: Any) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(people, "judge_again", broken)
    with pytest.raises(RuntimeError):
        judge_pair(ws, "till:ann", "till:otto", "same", "a test", "t")
    assert ws.hub.rows("judgement") == []


def test_people_who_were_assigned_before_they_merged_can_be_erased(ws: Workspace) -> None:
    load_joined(ws, "eve", NOW - timedelta(days=1))
    ws.launch("join_us")
    assert ws.hub.count("assignment") == 3
    judge_pair(ws, "till:ann", "till:otto", "same", "a test", "t")
    done = erase_person(ws, "till:ann", "her request")
    left = {r["person_id"] for r in ws.hub.rows("assignment")}
    assert left <= {done.pseudonym, person(ws, "till:eve")}


def test_who_was_erased_does_not_come_back_with_the_next_file(ws: Workspace) -> None:
    done = erase_person(ws, "till:ann", "her request")
    again = ws.load("till", str(ws.folder / "till.csv"))
    assert again.reasons == {"erased": 1}
    assert (again.quarantined, again.accepted) == (1, 0)
    row = next(r for r in ws.quarantine() if r["reason"] == "erased")
    assert (row["val"], row["raw"]) == (None, None)
    with pytest.raises(BadInput):
        customer(ws, "till:ann")
    assert customer(ws, done.pseudonym).record == []


def test_who_is_left_is_judged_again_after_an_erasure(ws: Workspace) -> None:
    """An address that too many accounts had joins those who are left of them."""
    from butfor.plan.kinds import Term

    most = (ws.plan.get(Term, "email").identity or pytest.fail("email links")).max_accounts
    load(ws, "crm", *[f"c{i:02d},shared@example.org,Ann" for i in range(most + 1)])
    open_live(ws)
    assert person(ws, "crm:c01") != person(ws, "crm:c02")
    erase_person(ws, "crm:c00", "her request")
    assert person(ws, "crm:c01") == person(ws, "crm:c02")
    live = ws.lake.fetch(people_map()).to_pylist()
    ws.run()
    assert ws.lake.fetch(people_map()).to_pylist() == live


def test_quarantined_rows_of_the_erased_are_found_however_they_are_written(ws: Workspace) -> None:
    load(ws, "crm", "c1,ann@example.org,Ann")
    file = ws.folder / "bad.csv"
    file.write_text(
        "receipt,bought,customer,email,pieces,price\nr9,no day,zz,Ann@Example.ORG,1,10\nr10,2026-06-01 10:00:00,kim,kim@example.org,1,10\n"
    )
    ws.load("till", str(file))
    assert any("Ann@Example.ORG" in (r["raw"] or "") for r in ws.quarantine())
    ws.run()
    erase_person(ws, "crm:c1", "her request")
    assert not any("Ann@Example.ORG" in (r["raw"] or "") for r in ws.quarantine())


def test_consent_of_somebody_else_is_not_touched_by_an_undone_merge(ws: Workspace) -> None:
    judge_pair(ws, "till:ann", "till:otto", "same", "a test", "t")
    said = Statement(
        channel="email", address="otto@example.org", verdict="given", occurred_at=NOW, source="t"
    )
    say(ws.hub, [said], NOW)
    withdraw(ws, 1, "no", "t")
    erase_person(ws, "till:ann", "her request")
    assert consents(ws.hub, "email", ["otto@example.org"])["otto@example.org"].verdict == "given"


def test_a_held_out_person_stays_held_out_under_an_id_that_no_account_bears(ws: Workspace) -> None:
    """An id made by a split is nobody's account; its decision still stands when the people are one again."""
    ids = {n: account_of(ws, f"till:{n}") for n in ("ann", "otto")}
    home = min(ids.values())
    odd = "11111111-1111-5111-8111-111111111111"
    other = next(a for a in ids.values() if a != home)
    ws.hub.append("person_change", [{
        "made_at": NOW - timedelta(days=30), "kind": "merge", "person_id": home, "other_id": odd, "accounts": f'["{other}"]', "cause": "t",
    }])  # fmt: skip
    ws.hub.append("contact", [{
        "message_key": "k", "campaign": "join_us", "experiment": "join_test", "person_id": odd, "arm": "none", "channel": "email",
        "outcome": "held", "reason": "held out by join_test", "made_at": NOW,
    }])  # fmt: skip
    judge_pair(ws, "till:ann", "till:otto", "same", "a test", "t")
    load_joined(ws, "eve", NOW - timedelta(days=1))
    ws.launch("join_us")
    assert not [r for r in ws.contacts("join_us") if r["person_id"] == home and r["outcome"] == "sent"]


def test_live_events_of_the_erased_are_turned_away_with_nothing_of_what_they_said(tmp_path: Path) -> None:
    path = make_shop(tmp_path / "live", SITE, *campaign_documents())
    with open_workspace(path, now=NOW) as ws:
        live = Live(ws)
        call = {
            "type": "identify",
            "userId": "u1",
            "traits": {"email": "una@example.org", "firstName": "Una"},
        }
        live.put(call | {"messageId": "m1"}, received=NOW)
        live.run()
        ws.run()
        open_live(ws)
        erase_person(ws, "site:u1", "her request")
        live.put(
            call | {"messageId": "m2"}, call | {"messageId": "m3", "userId": "u2", "traits": {}}, received=NOW
        )
        live.run()
        live.inbox.close()
        row = next(r for r in ws.quarantine() if r["reason"] == "erased")
        assert (row["val"], row["raw"]) == (None, None)
        with pytest.raises(BadInput):
            customer(ws, "una@example.org")
        assert [a.account_key for a in customer(ws, "site:u2").accounts] == ["u2"]
