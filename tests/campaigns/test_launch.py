"""Launching: who may be written to, once, with a control group and a record of why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shops import CRM, MAIL, NOW, TILL, ask, campaign_definitions, changed, counts, shop, till_file, write

from butfor.app import Workspace
from butfor.model import BadDefinition, ButforError, Refused, StoreError
from butfor.plan.kinds import Campaign, Cost, Experiment, Goal, Threshold, Variant

PEOPLE = 60


def crm(folder: Path, some: range, email: str = "p{}@b.de") -> str:
    lines = [f"c{i},{email.format(i) if i else ''},P{i},Rome,1990-01-01" for i in some]
    return write(folder / f"crm{some.start}.csv", ["customer,email,first,city,born", *lines])


def fill(ws: Workspace, folder: Path, reverse: bool = False) -> None:
    """Load people who each bought something yesterday; 0 has no address, 1 unsubscribed, 2 bounced."""
    sales = [f"r{i},2026-06-30,c{i},mug,1,5" for i in range(PEOPLE)]
    ws.load("till", till_file(folder / "d.csv", sales[::-1] if reverse else sales))
    ws.load("crm", crm(folder, range(PEOPLE)))
    mail = ["email,at,what", "p1@b.de,2026-06-01,unsub", "p2@b.de,2026-06-01,bounce"]
    ws.load("mail", write(folder / "mail.csv", mail))
    ws.run()


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with shop(tmp_path, TILL, CRM, MAIL, *campaign_definitions()) as opened:
        fill(opened, tmp_path)
        yield opened


def outbox(ws: Workspace) -> list[dict[str, Any]]:
    path = ws.folder / ".butfor/outbox/hello.jsonl"
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    )


def outcomes(ws: Workspace) -> dict[str, str]:
    """Return each person's outcome by customer number."""
    query = (
        "SELECT p.person_id, a.account_key AS k FROM people_map AS p JOIN account AS a ON a.account_id = p.account_id "
        "WHERE a.source = 'crm'"
    )
    keys = {str(r["person_id"]): r["k"] for r in ask(ws.lake, query)}
    return {
        keys[c["person_id"]]: f"{c['outcome']} {c['variant'] or c['reason']}" for c in ws.contacts("hello")
    }


def replace(ws: Workspace, kind: type, name: str, **fields: Any) -> None:
    ws.plan.definitions[kind.__struct_config__.tag, name] = changed(ws.plan.get(kind, name), **fields)  # type: ignore[attr-defined]


def test_everybody_in_the_audience_gets_one_decision_and_a_reason(ws: Workspace) -> None:
    run = ws.launch("hello")
    contacts = ws.contacts("hello")
    assert len(contacts) == len({c["person_id"] for c in contacts}) == run.audience == PEOPLE
    assert run.suppressed == {"no email": 1, "unsubscribed": 1, "address bounced": 1}
    assert run.sent + run.held == PEOPLE - 3
    assert all(c["reason"] for c in contacts)
    assert {k: v for k, v in outcomes(ws).items() if k in ("c0", "c1", "c2")} == {
        "c0": "suppressed no email", "c1": "suppressed unsubscribed", "c2": "suppressed address bounced",
    }  # fmt: skip


def test_the_held_out_get_no_message_and_a_note_of_what_they_would_have_got(ws: Workspace) -> None:
    run = ws.launch("hello")
    held = [c for c in ws.contacts("hello") if c["outcome"] == "held"]
    assert len(held) == run.held > 5
    assert {c["would_get"] for c in held} == {"plain", "named"}
    reached = {m["address"] for m in outbox(ws)}
    assert len(reached) == run.sent
    assert reached.isdisjoint({c["address"] for c in held} | {"p1@b.de", "p2@b.de"})


def test_a_message_is_rendered_for_its_person(ws: Workspace) -> None:
    ws.launch("hello")
    named = [m for m in outbox(ws) if m["body"] == "In Rome."]
    assert named
    assert all(m["subject"] == m["address"].replace("p", "P").replace("@b.de", ", new") for m in named)


def test_launching_twice_sends_nothing_twice(ws: Workspace) -> None:
    first = ws.launch("hello")
    before = outbox(ws), ws.contacts("hello"), ws.hub.rows("cost"), counts(ws.lake)
    again = ws.launch("hello")
    assert (outbox(ws), ws.contacts("hello"), ws.hub.rows("cost"), counts(ws.lake)) == before
    assert (again.sent, again.repeated) == (first.sent, PEOPLE)


def test_a_later_launch_reaches_the_new_and_books_what_they_cost(ws: Workspace, tmp_path: Path) -> None:
    ws.launch("hello")
    ws.load("crm", crm(tmp_path, range(PEOPLE, PEOPLE + 30)))
    ws.run()
    run = ws.launch("hello")
    assert (run.repeated, ws.hub.count("contact")) == (PEOPLE, PEOPLE + 30)
    assert len(outbox(ws)) == run.sent == len({m["key"] for m in outbox(ws)})
    assert sum(r["minor_units"] for r in ws.hub.rows("cost")) == 50 * run.sent


def test_a_fixed_cost_is_booked_once(ws: Workspace) -> None:
    replace(ws, Campaign, "hello", cost=Cost(one_off=100, hours=2, per_hour=50))
    ws.launch("hello")
    ws.launch("hello")
    assert [r["minor_units"] for r in ws.hub.rows("cost") if r["item"] == "campaign"] == [20_000]


def test_who_was_suppressed_stays_so_though_an_address_came_later(ws: Workspace, tmp_path: Path) -> None:
    ws.launch("hello")
    ws.load("crm", write(tmp_path / "late.csv", ["customer,email,first,city,born", "c0,late@b.de,,,"]))
    ws.run()
    run = ws.launch("hello")
    assert outcomes(ws)["c0"] == "suppressed no email"
    assert run.suppressed["no email"] == 1
    assert len(outbox(ws)) == run.sent == sum(c["outcome"] == "sent" for c in ws.contacts("hello"))


def test_who_says_no_between_a_kill_and_the_next_launch_is_not_written_to(
    ws: Workspace, tmp_path: Path
) -> None:
    ws.launch("hello")
    lost = outbox(ws)[0]["address"]
    (ws.folder / ".butfor/outbox/hello.jsonl").unlink()
    ws.load("mail", write(tmp_path / "no.csv", ["email,at,what", f"{lost},2026-06-30,unsub"]))
    ws.run()
    ws.launch("hello")
    assert lost not in {m["address"] for m in outbox(ws)}
    assert len(outbox(ws)) == sum(c["outcome"] == "sent" for c in ws.contacts("hello")) - 1


def test_decisions_do_not_depend_on_the_order_of_rows(ws: Workspace, tmp_path: Path) -> None:
    ws.launch("hello")
    (tmp_path / "back").mkdir()
    with shop(tmp_path / "back", MAIL, CRM, TILL, *campaign_definitions()) as other:
        fill(other, tmp_path / "back", reverse=True)
        other.launch("hello")
        assert outcomes(other) == outcomes(ws)


def test_a_dry_launch_writes_nothing(ws: Workspace) -> None:
    before = counts(ws.lake)
    run = ws.launch("hello", dry=True)
    assert run.sent > 0
    assert (ws.contacts("hello"), ws.hub.rows("assignment"), ws.hub.rows("cost"), outbox(ws)) == (
        [],
        [],
        [],
        [],
    )
    assert counts(ws.lake) == before
    assert (ws.launch("hello").sent, ws.launch("hello").by_arm) == (run.sent, run.by_arm)


@pytest.mark.requirement("R-013")
@pytest.mark.parametrize(
    "change",
    [
        {"threshold": Threshold(alpha=0.1)},
        {"salt": "other"},
        {"metrics": ["purchase_rate", "net_spend_per_person"]},
    ],
    ids=str,
)
def test_an_experiment_cannot_change_after_its_first_assignment(
    change: dict[str, Any], ws: Workspace
) -> None:
    ws.launch("hello")
    before = ws.hub.rows("assignment"), ws.contacts("hello"), outbox(ws)
    replace(ws, Experiment, "hello_test", **change)
    with pytest.raises(Refused, match="R-013"):
        ws.launch("hello")
    assert (ws.hub.rows("assignment"), ws.contacts("hello"), outbox(ws)) == before


@pytest.mark.requirement("R-013")
def test_an_experiment_may_change_its_label_and_its_owner(ws: Workspace) -> None:
    first = ws.launch("hello")
    replace(ws, Experiment, "hello_test", label="Another", owner="somebody")
    assert ws.launch("hello").definition_hash == first.definition_hash
    assert {r["definition_hash"] for r in ws.hub.rows("assignment")} == {first.definition_hash}


@pytest.mark.requirement("R-193")
@pytest.mark.parametrize(
    "text", ["born {{ birth_date }}", "you spent {{ spend }}", "{{ email }}", "{{ nonsense }}"]
)
@pytest.mark.parametrize("field", ["subject", "body"])
def test_content_that_names_what_may_not_be_shown_stops_the_launch(
    text: str, field: str, ws: Workspace
) -> None:
    variants = {"plain": Variant(subject="New"), "named": Variant(**{field: text})}
    replace(ws, Campaign, "hello", variants=variants)
    for dry in (True, False):
        with pytest.raises(Refused, match="R-193"):
            ws.launch("hello", dry=dry)
    assert (ws.contacts("hello"), ws.hub.rows("assignment"), ws.hub.rows("cost"), outbox(ws)) == (
        [],
        [],
        [],
        [],
    )


STOPS: list[tuple[type, str, dict[str, Any], str]] = [
    (Campaign, "hello", {"goal": ""}, "GATE-GOAL"),
    (Campaign, "hello", {"goal_event": ""}, "GATE-GOAL"),
    (Goal, "more", {"status": "draft"}, "GATE-AGREED"),
    (Goal, "more", {"expect": None}, "GATE-EXPECT"),
    (Campaign, "hello", {"audience": "everbody"}, "GATE-PLAN"),
    (Campaign, "hello", {"goal_event": "registered"}, "GATE-"),
    (Campaign, "hello", {"channel": "pigeon"}, "dry_run"),
    (Experiment, "hello_test", {"hypothesis": None}, "EXP-H1|GATE-PLAN"),
]


@pytest.mark.requirement("R-199")
@pytest.mark.parametrize(("kind", "name", "fields", "code"), STOPS)
def test_the_gate_stops_a_launch_before_anything_is_written(
    kind: type, name: str, fields: dict[str, Any], code: str, ws: Workspace
) -> None:
    replace(ws, kind, name, **fields)
    with pytest.raises((Refused, BadDefinition), match=code):
        ws.launch("hello")
    assert (ws.contacts("hello"), ws.hub.rows("assignment"), outbox(ws)) == ([], [], [])


@pytest.mark.requirement("R-197")
def test_the_gate_stops_a_launch_when_the_goal_event_went_silent(ws: Workspace) -> None:
    with pytest.raises(Refused, match="GATE-EVENT"):
        ws.launch("hello", as_of=NOW.replace(month=8))


def test_an_outbox_that_cannot_be_written_says_so_and_is_completed_later(ws: Workspace) -> None:
    blocked = ws.folder / ".butfor/outbox"
    blocked.write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError, match="free some disk space") as caught:
        ws.launch("hello")
    assert isinstance(caught.value, ButforError)
    blocked.unlink()
    assert len({m["key"] for m in outbox(ws)}) == 0
    assert ws.launch("hello").sent == len(outbox(ws))
