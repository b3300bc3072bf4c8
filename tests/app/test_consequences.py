"""What a change of an audience would do is what it does, and undoing it restores exactly what was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from stories import NOW, campaign_documents, load_joined, load_receipts, make_shop

from butfor.app import Workspace, open_workspace
from butfor.app.audience_page import audience_page
from butfor.app.consequences import change, consequences, undo_change
from butfor.app.members import consented
from butfor.app.people import look_again
from butfor.audiences import parse_rule
from butfor.channels.consent import Statement, say
from butfor.model import BadDefinition, BadInput, Refused
from butfor.plan.kinds import Audience, Borders, Cell, Rfm, Rule, Term, Uses

DAYS = {f"c{i}": float(i) for i in range(1, 41)}
LATE = Audience(id="late", label="Late", why="a test", rule=Rule(trait="recency_days", at_least=30))
GRID = Audience(
    id="grid", label="Grid", why="a test",
    rfm=Rfm(
        levels=2, borders=Borders(recency=[20], frequency=[1], monetary=[5]),
        cells={"fresh": Cell(recency=[2], frequency=[1, 2]), "stale": Cell(recency=[1], frequency=[1, 2])},
    ),
)  # fmt: skip


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    nested = Audience(id="nested", label="Nested", why="a test", rule=Rule(not_=Rule(audience="late")))
    folder = make_shop(tmp_path / "shop", LATE, GRID, nested, *campaign_documents())
    with open_workspace(folder, now=NOW) as opened:
        load_receipts(opened, DAYS)
        opened.run(as_of=NOW)
        yield opened


def late(days: int) -> Audience:
    return msgspec.structs.replace(LATE, rule=Rule(trait="recency_days", at_least=days))


def members(ws: Workspace, name: str) -> set[str]:
    return {str(p) for p in ws.members(name)["person_id"].to_pylist()}


@pytest.mark.requirement("R-122", "R-190")
def test_what_is_foretold_is_what_happens_and_undo_restores_it(ws: Workspace) -> None:
    before = {n: members(ws, n) for n in ("late", "nested")}
    told = consequences(ws, late(20))
    assert (told.before, told.after, told.entered, told.left) == (11, 21, 10, 0)
    assert [(m.before, m.after, m.people, m.spend) for m in told.moves] == [("", "late", 10, 100.0)]
    assert members(ws, "late") == before["late"], "asking changes nothing"
    done = change(ws, late(20), "a wider net", "ann")
    assert (done.entered, len(members(ws, "late")), len(members(ws, "nested"))) == (10, 21, 19)
    undo_change(ws, "audience", "late", "too wide", "ann")
    assert {n: members(ws, n) for n in ("late", "nested")} == before
    assert [c["reason"] for c in ws.changes()][-2:] == [
        "a wider net",
        f"undo of change {ws.changes()[-2]['id']}: too wide",
    ]


@pytest.mark.requirement("R-190")
def test_it_names_all_that_builds_on_it(ws: Workspace) -> None:
    everybody = ws.plan.get(Audience, "everybody")
    used = {(u.kind, u.id) for u in consequences(ws, everybody).uses}
    assert {("campaign", "join_us"), ("experiment", "join_test")} <= used
    assert ("audience", "nested") in {(u.kind, u.id) for u in consequences(ws, late(20)).uses}


@pytest.mark.requirement("R-190")
def test_a_running_test_gives_the_day_after_it(ws: Workspace) -> None:
    everybody = ws.plan.get(Audience, "everybody")
    assert consequences(ws, everybody).from_day == NOW.date()
    load_joined(ws, "c1", NOW - timedelta(days=1))
    ws.run(as_of=NOW)
    ws.launch("join_us", as_of=NOW)
    found = consequences(ws, everybody)
    window = ws.plan.get(type(campaign_documents()[3]), "join_test").window_days  # type: ignore[attr-defined]
    assert found.from_day == (NOW + timedelta(days=window + 1)).date()
    assert "join_test" in found.because


@pytest.mark.requirement("R-120", "R-122")
def test_a_grid_says_from_where_to_where(ws: Workspace) -> None:
    rfm = GRID.rfm
    assert rfm is not None
    wider = msgspec.structs.replace(rfm, borders=msgspec.structs.replace(rfm.borders, recency=[25.0]))
    new = msgspec.structs.replace(GRID, rfm=wider)
    told = consequences(ws, new)
    assert [(m.before, m.after, m.people) for m in told.moves] == [("stale", "fresh", 5)]
    before = {c: members(ws, f"grid.{c}") for c in ("fresh", "stale")}
    change(ws, new, "slower customers", "ann")
    assert len(members(ws, "grid.fresh")) == len(before["fresh"]) + 5
    undo_change(ws, "audience", "grid", "no", "ann")
    assert {c: members(ws, f"grid.{c}") for c in ("fresh", "stale")} == before


@pytest.mark.requirement("R-191")
def test_what_empties_or_floods_is_warned_of_before_it_is_saved(ws: Workspace) -> None:
    for days, words in ((999, "nobody would be in it"), (0, "40 of 40 people")):
        with pytest.raises(BadInput, match=words):
            change(ws, late(days), "a try", "ann")
        assert len(members(ws, "late")) == 11
    assert change(ws, late(999), "on purpose", "ann", accept=True).after == 0
    with pytest.raises(BadInput, match="every change says why"):
        change(ws, late(20), "  ", "ann")


def test_what_cannot_be_used_is_refused_and_nothing_is_saved(ws: Workspace) -> None:
    secret = Term(
        id="genre", what="attribute", type="text", label="Genre", system="genre", means="A genre.",
        uses=Uses(target="deny", content="allow", insight="allow"),
    )  # fmt: skip
    ws.save(secret, "for the story", "ann")
    bad = {
        "targeting by genre": Rule(trait="genre", equals="x"), "did you mean": Rule(trait="recency_dayz", at_least=1),
        "contain themselves|cycle": Rule(audience="nested"), "is compared with|compared with": Rule(trait="orders", at_least="many"),
        "operator": Rule(trait="orders"),
    }  # fmt: skip
    for words, rule in bad.items():
        with pytest.raises((BadDefinition, Refused), match=words):
            change(ws, msgspec.structs.replace(LATE, rule=rule), "a try", "ann")
    assert ws.plan.get(Audience, "late") == LATE


@pytest.mark.requirement("R-191")
def test_a_trait_removed_while_used_empties_the_audience_and_says_so(ws: Workspace) -> None:
    ws.save(
        Audience(id="loyal", label="Loyal", why="a test", rule=parse_rule(ws.plan, "tenure_days >= 1")),
        "a test",
    )
    ws.run(as_of=NOW)
    assert len(members(ws, "loyal")) == 40
    (ws.folder / "plan/terms/tenure_days.yaml").unlink()
    with _again(ws) as again:
        again.run(as_of=NOW + timedelta(hours=1))
        found = {a.audience: a for a in again.audiences()}
        assert (found["loyal"].people, "tenure_days" in str(found["loyal"].why)) == (0, True)
        assert found["late"].people == 11, "one broken audience breaks no other"
        assert members(again, "loyal") == set()
        page = audience_page(again, "loyal")
        assert "tenure_days" in str(page.why_not)
        assert [h["people"] for h in page.history][-1] == 0


def _again(ws: Workspace) -> Workspace:
    folder = ws.folder
    ws.close()
    return open_workspace(folder, now=NOW)


@pytest.mark.requirement("R-091")
def test_members_of_a_past_time_are_counted_again(ws: Workspace) -> None:
    then = members(ws, "late")
    ws.run(as_of=NOW + timedelta(days=10))
    now = members(ws, "late")
    assert (len(then), len(now)) == (11, 21)
    assert {str(p) for p in ws.members("late", NOW)["person_id"].to_pylist()} == then
    change(ws, late(45), "fewer", "ann")
    assert {str(p) for p in ws.members("late", NOW)["person_id"].to_pylist()} == then
    assert [h["people"] for h in audience_page(ws, "late").history] == [11, 21, 6]


@pytest.mark.requirement("R-091")
def test_who_came_into_another_audience_lately(ws: Workspace) -> None:
    for name, word in (("fresh_late", "entered"), ("back", "left")):
        rule = parse_rule(ws.plan, f"{word} audience late in last 2 days")
        ws.save(Audience(id=name, label=name, why="a test", rule=rule), "a test")
    ws.run(as_of=NOW + timedelta(days=3))
    assert (len(members(ws, "late")), len(members(ws, "fresh_late")), members(ws, "back")) == (14, 3, set())
    change(ws, late(40), "fewer", "ann")
    assert (len(members(ws, "late")), len(members(ws, "back"))) == (4, 7), (
        "three came and went at one instant"
    )
    ws.run(as_of=NOW + timedelta(days=6))
    assert members(ws, "back") == set()


def test_who_was_contacted_or_said_no_is_looked_at_at_once(ws: Workspace) -> None:
    for name, text in (("mailed", "contacted join_us sent"), ("can_mail", "reachable by email")):
        ws.save(Audience(id=name, label=name, why="a test", rule=parse_rule(ws.plan, text)), "a test")
    load_joined(ws, "c1", NOW - timedelta(days=1))
    ws.run(as_of=NOW)
    assert (members(ws, "mailed"), len(members(ws, "can_mail"))) == (set(), 40)
    ws.launch("join_us", as_of=NOW)
    look_again(ws)
    sent = {c["person_id"] for c in ws.contacts("join_us") if c["outcome"] == "sent"}
    assert (members(ws, "mailed"), bool(sent)) == (sent, True)
    no = Statement(
        channel="email", address="c3@example.org", verdict="withdrawn", occurred_at=NOW, source="form"
    )
    say(ws.hub, [no], NOW)
    consented(ws.plan, ws.lake, "c3@example.org", NOW)
    look_again(ws)
    assert len(members(ws, "can_mail")) == 39
