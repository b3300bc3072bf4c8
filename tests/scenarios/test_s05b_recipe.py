"""S-05b: an agency runs a win-back for a client, who approves once and sees every step, cost and the readout."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from calling import calling
from stories import NOW, TILL, make_shop
from typer.testing import CliRunner

from butfor.app import Workspace, open_workspace
from butfor.app.recipe import approve_recipe, recipe_log, run_recipe, show_recipe
from butfor.cli.main import app
from butfor.model import BadInput, Refused
from butfor.plan import load_workspace_file, save_workspace_file
from butfor.plan.kinds import Audience, Rule

NAME, CLIENT, AGENCY = "rfm-winback", "Ann, the client", "Fast Agency"


def receipts(path: Path, lines: list[str]) -> str:
    path.write_text("\n".join([",".join(TILL.columns), *lines]) + "\n")
    return str(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A shop with 60 customers who bought one to four times, most of them long ago."""
    made = make_shop(tmp_path, TILL)
    file = load_workspace_file(made)
    fields = {f: getattr(file, f) for f in file.__struct_fields__} | {"margin": 0.4, "clock": "data"}
    save_workspace_file(made, type(file)(**fields))
    lines = [
        f"r{i}-{n},{NOW - timedelta(days=3 + 7 * i + 10 * n):%Y-%m-%d %H:%M:%S},c{i},c{i}@x.org,1,{20 + i}"
        for i in range(60)
        for n in range(1 + i % 4)
    ]
    with open_workspace(made, now=NOW) as ws:
        ws.load("till", receipts(made / "till.csv", lines))
        ws.run()
    return made


def do(folder: Path, *arguments: str) -> Any:
    done = CliRunner().invoke(app, ["-C", str(folder), *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


@pytest.mark.requirement("S-05", "R-069")
def test_client_approves_once_and_sees_every_step_cost_and_readout(folder: Path) -> None:
    before = do(folder, "recipe", "show", NAME)
    assert [s.split()[0] for s in before["steps"]] == ["define"] * 4 + ["launch", "read"]
    assert (before["missing"], before["approved_by"]) == ([], None)
    assert before["people"] > before["held_out"] > 0
    assert before["cost_at_most"] == pytest.approx(160 + 0.02 * before["people"])
    assert do(folder, "recipe", "approve", NAME, "--who", CLIENT)["approved_by"] == CLIENT
    ran = do(folder, "recipe", "run", NAME, "--who", AGENCY)
    assert [r["step"] for r in ran] == ["approved", *["saved"] * 4, "launched", "cost"]
    launched = ran[5]["detail"]
    assert launched["sent"] + launched["held"] == launched["audience"] == before["people"]
    assert ran[-1]["detail"]["cost"] == pytest.approx(160 + 0.02 * launched["sent"])
    assert do(folder, "recipe", "run", NAME, "--who", AGENCY) == ran
    later = NOW + timedelta(days=35)
    do(
        folder,
        "load",
        "till",
        receipts(folder / "new.csv", [f"new,{later:%Y-%m-%d %H:%M:%S},c1,c1@x.org,1,30"]),
    )
    do(folder, "run")
    log = do(folder, "recipe", "run", NAME, "--who", AGENCY)
    assert [r["step"] for r in log[6:]] == ["read", "cost"]
    assert log[6]["detail"]["returns"][0]["arm"] == "mail"
    assert log[6]["detail"]["address"] in {do(folder, "readout", "show", "rfm_winback_test")["address"]}
    assert do(folder, "recipe", "log", NAME) == log
    assert {r["who"] for r in log} == {CLIENT, AGENCY, ""}
    assert sum(r["step"] == "approved" for r in log) == 1
    changes = [
        c
        for c in do(folder, "change", "log")
        if c["reason"].startswith(f"recipe {NAME}, approved by {CLIENT}")
    ]
    assert [(c["kind"], c["who"]) for c in changes] == [
        (kind, AGENCY) for kind in ("goal", "audience", "experiment", "campaign")
    ]


@pytest.fixture
def ws(folder: Path) -> Any:
    with open_workspace(folder, now=NOW) as opened:
        yield opened


@pytest.mark.requirement("R-069")
def test_nothing_is_done_without_the_clients_approval(ws: Workspace) -> None:
    with pytest.raises(Refused, match="not approved"):
        run_recipe(ws, NAME, AGENCY)
    approve_recipe(ws, NAME, CLIENT)
    with pytest.raises(Refused, match="who approves is not who runs it"):
        run_recipe(ws, NAME, CLIENT)
    assert (ws.plan.find(Audience, "rfm_winback_people"), ws.contacts("rfm_winback")) == (None, [])
    assert [r.step for r in recipe_log(ws, NAME)] == ["approved"]


@pytest.mark.requirement("R-069")
def test_more_than_was_approved_is_not_spent(ws: Workspace) -> None:
    approve_recipe(ws, NAME, CLIENT)
    row = ws.hub.rows("recipe_log")[0]
    body = json.loads(row["body"]) | {"cost_at_most": 1.0}
    ws.hub.update("recipe_log", {"body": json.dumps(body)}, id=row["id"])
    with pytest.raises(Refused, match=r"it may cost 1\.00 at most"):
        run_recipe(ws, NAME, AGENCY)
    assert ws.contacts("rfm_winback") == []


def test_a_recipe_writes_over_nothing(ws: Workspace) -> None:
    mine = Audience(id="rfm_winback_people", label="Mine", why="mine", rule=Rule(trait="orders", at_least=1))
    ws.save(mine, "mine")
    approve_recipe(ws, NAME, CLIENT)
    with pytest.raises(Refused, match="is there already and differs"):
        run_recipe(ws, NAME, AGENCY)
    assert ws.plan.get(Audience, "rfm_winback_people") == mine


def test_what_is_missing_is_named_and_cannot_be_approved(ws: Workspace) -> None:
    del ws.plan.definitions[("audience", "rfm")]
    assert show_recipe(ws, NAME).missing == ["audience rfm"]
    with pytest.raises(BadInput, match="audience rfm"):
        approve_recipe(ws, NAME, CLIENT)
    with pytest.raises(BadInput, match="did you mean rfm-winback"):
        show_recipe(ws, "rfm-winbck")


@pytest.mark.requirement("S-05", "R-069")
def test_the_same_over_http(folder: Path) -> None:
    with calling(folder) as api:
        shown = api.get(f"recipes/{NAME}")
        assert (shown["approved_by"], shown["people"] > 0) == (None, True)
        assert api.status(f"recipes/{NAME}/runs", who=AGENCY) == 409
        assert api.post(f"recipes/{NAME}/approval", who=CLIENT)["approved_by"] == CLIENT
        ran = api.post(f"recipes/{NAME}/runs", who=AGENCY)
        assert [r["step"] for r in ran] == ["approved", *["saved"] * 4, "launched", "cost"]
        assert [r["step"] for r in api.get(f"recipes/{NAME}/log")] == [r["step"] for r in ran]
