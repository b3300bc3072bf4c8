"""S-12: what is "inactive"? The same four customers, three rules, three answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from serving import serving
from stories import NOW, campaign_documents, load_receipts, make_shop
from typer.testing import CliRunner

from butfor.app import Workspace, open_workspace
from butfor.app.keys import add_key
from butfor.cli.main import app
from butfor.model import BadInput
from butfor.plan import load_workspace_file, save_definition, save_workspace_file
from butfor.plan.kinds import Audience, LogicCase, Rule, Term, to_builtins
from butfor.plan.write import dump_yaml
from butfor.store import Query, sql

AGES = {"today": 0.5, "weeks": 20, "late": 70, "gone": 100}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with open_workspace(make_shop(tmp_path), now=NOW) as ws:
        load_receipts(ws, AGES)
        yield ws


def inactive_after(ws: Workspace, days: int) -> Term:
    """Return the lifecycle term with another border for inactive, checked before it can decide anything else."""
    term = ws.plan.get(Term, "lifecycle")
    logic = [
        LogicCase(value="inactive", means=f"no purchase for {days} days", when=Rule(trait="recency_days", above=days)),
        LogicCase(value="returning", means="everybody else"),
    ]  # fmt: skip
    return msgspec.structs.replace(term, logic=logic)


@pytest.mark.requirement("S-12", "R-190")
@pytest.mark.parametrize(("days", "inactive"), [(90, 1), (60, 2), (1, 3)])
def test_inactive_depends_on_the_rule(shop: Workspace, days: int, inactive: int) -> None:
    shop.save(inactive_after(shop, days), f"the shop decided on {days} days")
    assert shop.check() == [p for p in shop.check() if p.level == "warning"]
    shop.run(as_of=NOW)
    stages = {row["stage"]: row["people"] for row in shop.lifecycle()}
    assert stages == {"inactive": inactive, "returning": 4 - inactive}


@pytest.mark.requirement("S-12", "R-190")
def test_inactive_can_change_its_mind_in_one_workspace(shop: Workspace) -> None:
    found = []
    for days in (90, 60, 1):
        shop.save(inactive_after(shop, days), "tried out")
        shop.run(as_of=NOW)
        found.append(shop.lifecycle()[0]["people"])
    assert found == [1, 2, 3]


@pytest.mark.requirement("S-12", "R-191")
@pytest.mark.parametrize("why", ["", "  ", "\n"])
def test_inactive_cannot_change_without_a_reason(shop: Workspace, why: str) -> None:
    before = shop.plan.get(Term, "lifecycle")
    with pytest.raises(BadInput, match="every change says why"):
        shop.save(inactive_after(shop, 60), why)
    assert shop.plan.get(Term, "lifecycle") == before
    assert shop.changes() == []


@pytest.mark.requirement("R-191")
def test_inactive_keeps_the_reason_beside_the_change(shop: Workspace) -> None:
    shop.save(inactive_after(shop, 60), "9 in 10 come back within 60 days", "Ann")
    (change,) = shop.changes()
    assert (change["ref"], change["who"], change["reason"]) == (
        "lifecycle",
        "Ann",
        "9 in 10 come back within 60 days",
    )


@pytest.mark.requirement("R-191")
def test_inactive_without_a_rationale_in_the_term_is_an_error(shop: Workspace) -> None:
    shop.save(msgspec.structs.replace(inactive_after(shop, 60), why=""), "forgot the rationale")
    errors = [p for p in shop.check() if p.level == "error"]
    assert [p.what for p in errors] == ["the logic of lifecycle has no why"]


@pytest.mark.requirement("R-171")
def test_lifecycle_out_of_the_box_adds_up_to_everybody(shop: Workspace) -> None:
    shop.run(as_of=NOW)
    stages = {row["stage"]: row["people"] for row in shop.lifecycle()}
    assert stages == {"never": 0, "lost": 0, "inactive": 1, "new": 3, "returning": 0}


GONE = Audience(
    id="gone",
    label="Inactive customers",
    why="they may come back",
    rule=Rule(trait="lifecycle", equals="inactive"),
)


@pytest.fixture
def story(tmp_path: Path) -> tuple[Path, str, Path]:
    """Three months is the rule; two campaigns go to the inactive. Returns the shop, who moves, and the changed term."""
    goal = campaign_documents()
    first = next(d for d in goal if type(d).__name__ == "Campaign")
    more = [msgspec.structs.replace(first, id=n, label=n, audience="gone") for n in ("win_back", "last_call")]
    folder = make_shop(tmp_path / "shop", *goal, GONE, *more)
    # A server's own clock is the present; this shop lives in its data.
    save_workspace_file(folder, msgspec.structs.replace(load_workspace_file(folder), clock="data"))
    with open_workspace(folder, now=NOW) as ws:
        load_receipts(ws, AGES)
        ws.save(inactive_after(ws, 90), "three months")
        ws.run(as_of=NOW)
        save_definition(folder, ws.plan.get(Term, "lifecycle"))
        rows = ws.hub.rows("account") or list(ws.lake.fetch(account_rows()).to_pylist())
        late = next(r["person_id"] for r in rows if r["account_key"] == "late")
        changed = tmp_path / "lifecycle.yaml"
        changed.write_text(dump_yaml(to_builtins(inactive_after(ws, 60))))
    return folder, str(late), changed


def account_rows() -> Query:
    return Query(
        "accounts",
        sql(
            "SELECT a.account_key, p.person_id FROM account AS a JOIN people_map AS p ON p.account_id = a.account_id"
        ),
    )


@pytest.mark.requirement("S-12", "R-190")
def test_the_difference_names_the_mover_the_money_and_the_campaigns(story: tuple[Path, str, Path]) -> None:
    folder, late, changed = story
    told = CliRunner().invoke(
        app, ["-C", str(folder), "term", "diff", "lifecycle", "--file", str(changed), "--json"]
    )
    assert told.exit_code == 0, told.output
    found = json.loads(told.output)
    assert [(m["before"], m["after"], m["people"], m["spend"]) for m in found["moves"]] == [
        ("returning", "inactive", 1, 10.0)
    ]
    assert [e["person_id"] for e in found["examples"]] == [late]
    assert {(u["kind"], u["id"]) for u in found["uses"]} >= {
        ("audience", "gone"),
        ("campaign", "win_back"),
        ("campaign", "last_call"),
    }
    shown = (
        CliRunner()
        .invoke(app, ["-C", str(folder), "term", "diff", "lifecycle", "--file", str(changed)])
        .output
    )
    assert "1 of 4 people move" in shown
    assert "win_back" in shown


@pytest.mark.requirement("S-12", "R-190", "R-122")
def test_a_change_is_saved_with_its_reason_and_undone_exactly(story: tuple[Path, str, Path]) -> None:
    folder, late, changed = story

    def act(*words: str) -> tuple[int, set[str]]:
        done = CliRunner().invoke(app, ["-C", str(folder), "term", *words, "--json"])
        with open_workspace(folder, now=NOW) as ws:
            return done.exit_code, {str(p) for p in ws.members("gone")["person_id"].to_pylist()}

    _, before = act("list")
    assert act("set", "lifecycle", "--file", str(changed)) == (1, before), "no reason, no change"
    assert act("set", "lifecycle", "--file", str(changed), "--why", "two months fit us") == (
        0,
        before | {late},
    )
    assert act("undo", "lifecycle", "--why", "too soon") == (0, before)


@pytest.mark.requirement("S-12", "R-190")
def test_the_same_over_http(story: tuple[Path, str, Path]) -> None:
    folder, late, _changed = story
    key = add_key(folder, "api").write_key
    with open_workspace(folder, now=NOW) as ws:
        logic = to_builtins(inactive_after(ws, 60))["logic"]
    with serving(folder) as server:
        base = f"{server.url}/v1/terms/lifecycle"
        told = httpx.post(f"{base}/diff", json={"logic": logic}, auth=(key, ""), timeout=20).json()
        assert [(m["before"], m["after"], m["people"]) for m in told["moves"]] == [
            ("returning", "inactive", 1)
        ]
        refused = httpx.put(base, json={"logic": logic, "why": " ", "who": "m"}, auth=(key, ""), timeout=20)
        assert refused.status_code == 400
        done = httpx.put(
            base, json={"logic": logic, "why": "two months fit us", "who": "m"}, auth=(key, ""), timeout=20
        )
        assert done.status_code == 200, done.text
        page = httpx.get(f"{server.url}/v1/audiences/gone", auth=(key, ""), timeout=20).json()
        assert (page["people"], page["exact"]) == (2, True)
        people = httpx.get(f"{server.url}/v1/audiences/gone/members", auth=(key, ""), timeout=20).json()
        assert late in people["members"]
        undone = httpx.post(f"{base}/undo", json={"why": "too soon", "who": "m"}, auth=(key, ""), timeout=20)
        assert undone.json()["moves"][0]["after"] == "returning"
        assert httpx.get(f"{server.url}/v1/audiences/gone", auth=(key, ""), timeout=20).json()["people"] == 1
