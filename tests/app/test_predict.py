"""Predictions in a workspace: the purchase summary on every engine, the gate, what is written, and what is not."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from engines import new_lake_url
from shops import NOW, TILL, ask, shop, till_file
from typer.testing import CliRunner

from butfor.app import Workspace
from butfor.app.people import judge_pair, open_live
from butfor.app.privacy import erase_person
from butfor.app.value import data_readiness, predict, prediction_runs
from butfor.cli.main import app
from butfor.model import BadInput, Refused
from butfor.plan import retail_plan, save_definition, save_workspace_file
from butfor.plan.kinds import IdentityDecision, Readiness
from butfor.plan.kinds import Workspace as WorkspaceFile
from butfor.profiles import predicted_columns, prediction_column, prediction_table
from butfor.profiles.value import purchase_summary

SMALL = Readiness(buyers=20, regulars=5, history_days=60)
ORDERS = ["ev_order_completed"]
REFUNDS = ["ev_order_refunded"]


def regulars(n: int = 60, seed: int = 1, until: datetime = NOW) -> list[str]:
    """Return receipts of people with rates of their own over 400 days; some stop early."""
    rng = np.random.default_rng(seed)
    lines = []
    for i in range(n):
        day, end = float(rng.uniform(0, 60)), float(rng.choice([400, 400, rng.uniform(60, 400)]))
        gap = rng.gamma(2, 15) + 3
        for k in range(200):
            if day > end:
                break
            price = round(float(rng.gamma(5, 4)) + 1, 2)
            lines.append(f"r{i}-{k},{until - timedelta(days=400 - day):%Y-%m-%d %H:%M:%S},c{i},x,1,{price}")
            day += float(rng.exponential(gap))
    return lines


def loaded(tmp_path: Path, lines: list[str], **more: Any) -> Workspace:
    ws = shop(tmp_path, TILL, **{"readiness": SMALL} | more)
    ws.load("till", till_file(tmp_path / "d.csv", lines))
    ws.run()
    return ws


def rows(ws: Workspace, cut: date, since: date, as_of: datetime = NOW) -> dict[str, dict[str, Any]]:
    found = ws.lake.fetch(purchase_summary(ORDERS, REFUNDS, as_of, cut, since)).to_pylist()
    keys = {
        str(r["person_id"]): r["k"]
        for r in ask(
            ws.lake,
            "SELECT p.person_id, a.account_key AS k FROM people_map AS p JOIN account AS a ON a.account_id = p.account_id",
        )
    }
    return {keys[str(r["person_id"])]: {k: v for k, v in r.items() if k != "person_id"} for r in found}


@pytest.mark.parametrize("engine", ["duckdb", "sail"])
def test_the_summary_counts_days_apart_from_the_first(
    request: pytest.FixtureRequest, engine: str, tmp_path: Path
) -> None:
    lines = [
        "a1,2026-01-01 09:00:00,ann,x,1,100", "a2,2026-01-01 19:00:00,ann,x,1,7", "a3,2026-01-11 09:00:00,ann,x,2,10",
        "a4,2026-01-11 10:00:00,ann,x,1,5", "a5,2026-02-10 09:00:00,ann,x,1,50", "a6,2026-02-12 09:00:00,ann,x,-1,8",
        "a7,2026-03-10 09:00:00,ann,x,1,30", "a8,2026-03-12 09:00:00,ann,x,-1,4", "a9,2026-08-01 09:00:00,ann,x,1,99",
        "b1,2026-02-01 09:00:00,bob,x,1,12", "c1,2026-03-09 09:00:00,cyd,x,1,12", "n1,2026-01-02 09:00:00,,x,1,12",
    ]  # fmt: skip
    lake = new_lake_url(request, engine, tmp_path)
    with loaded(tmp_path, lines, lake=lake) as ws:
        found = rows(ws, date(2026, 3, 1), date(2026, 1, 31))
    assert found == {
        "ann": {
            "recency": 40, "age": 59, "repeats": 2, "repeat_value": 67.0, "recent": 1, "recent_value": 42.0,
            "later": 1, "later_value": 26.0,
        },
        "bob": {
            "recency": 0, "age": 28, "repeats": 0, "repeat_value": 0.0, "recent": 0, "recent_value": 0.0,
            "later": 0, "later_value": 0.0,
        },
    }  # fmt: skip


@pytest.mark.parametrize("engine", ["duckdb", "sail"])
def test_predictions_are_written_once_and_the_same_again(
    request: pytest.FixtureRequest, engine: str, tmp_path: Path
) -> None:
    lake = new_lake_url(request, engine, tmp_path)
    with loaded(tmp_path, regulars(), lake=lake) as ws:
        first = predict(ws, 90)
        again = predict(ws, 90)
        assert (first.address, first.people, first.written) == (again.address, 60, True)
        found = ask(ws.lake, "SELECT * FROM prediction ORDER BY expected_orders")
        assert set(found[0]) == set(prediction_table().columns)
        assert len(found) == 60
        assert sum(r["expected_orders"] for r in found) == pytest.approx(first.orders)
        assert first.money is not None
        assert float(sum(r["expected_value"] for r in found)) == pytest.approx(first.money, abs=0.01)
        assert all(0 <= r["churn_risk"] <= 1 and r["as_of"] == NOW for r in found)
        assert found[-1]["next_order_on"] > NOW.date()
        runs = prediction_runs(ws)
        assert [r.address for r in runs] == [first.address] * 2
        assert runs[0].models == first.models
        assert first.holdout is not None
        assert first.holdout.cut == NOW.date() - timedelta(days=90)


def test_what_comes_after_the_as_of_time_is_not_seen(tmp_path: Path) -> None:
    with loaded(tmp_path, regulars()) as ws:
        then = NOW - timedelta(days=100)
        before = predict(ws, 60, then, dry=True)
        more = [f"z{i},{NOW - timedelta(days=i):%Y-%m-%d %H:%M:%S},c{i},x,1,500" for i in range(60)]
        ws.load("till", till_file(tmp_path / "e.csv", more))
        ws.run()
        assert predict(ws, 60, then, dry=True).address == before.address


@pytest.mark.requirement("R-103", "R-104")
def test_too_few_buyers_are_refused_with_reasons_and_nothing_is_written(tmp_path: Path) -> None:
    with loaded(tmp_path, regulars(30), readiness=Readiness()) as ws:
        with pytest.raises(Refused) as error:
            predict(ws)
        assert "30 people have bought; at least 500 are needed." in error.value.rule
        assert error.value.value == "buyers"
        assert "lifecycle" in error.value.next_step
        assert not {"prediction", "value_run"} & ws.lake.tables()
        assert prediction_runs(ws) == []


@pytest.mark.requirement("R-103")
@pytest.mark.parametrize(
    ("missing", "need", "lines"),
    [
        ("history", Readiness(buyers=20, regulars=5, history_days=500), regulars()),
        ("freshness", SMALL, regulars(until=NOW - timedelta(days=40))),
        ("regulars", Readiness(buyers=20, regulars=61, history_days=60), regulars()),
        ("coverage", SMALL, regulars() + [f"n{i},2026-05-01 09:00:00,,x,1,1" for i in range(5000)]),
    ],
)
def test_each_lack_is_named(tmp_path: Path, missing: str, need: Readiness, lines: list[str]) -> None:
    with loaded(tmp_path, lines, readiness=need) as ws:
        found = data_readiness(ws)
        assert [c.name for c in found if not c.ok] == [missing]
        with pytest.raises(Refused, match=missing):
            predict(ws, dry=True)


@pytest.mark.requirement("R-103")
def test_duplicates_that_wait_for_a_judgement_stop_it(tmp_path: Path) -> None:
    with loaded(tmp_path, regulars(40)) as ws:
        open_live(ws)
        names = [f"c{i}" for i in range(40)]
        at = {r["account_key"]: r["account_id"] for r in ws.hub.rows("account")}
        pairs = [(at[a], at[b]) for a, b in zip(names[:8], names[8:16], strict=True)]
        ws.hub.append(
            "review",
            [
                {
                    "left_account": min(p), "right_account": max(p), "why": "alike", "at_stake": 0, "evidence": "{}",
                    "status": "open", "made_at": NOW,
                }
                for p in pairs
            ],
        )  # fmt: skip
        found = {c.name: c for c in data_readiness(ws)}
        assert found["duplicates"].figure == pytest.approx(16 / 40)
        with pytest.raises(Refused, match="duplicates"):
            predict(ws)


@pytest.mark.requirement("R-104")
def test_what_cannot_be_told_is_said(tmp_path: Path) -> None:
    with loaded(tmp_path, [line.rsplit(",", 1)[0] + ",0" for line in regulars()]) as ws:
        done = predict(ws, 250)
        assert done.holdout is None
        assert "No holdout: 250 days" in done.no_holdout
        assert done.money is None
        assert [each.split(":")[0] for each in done.limits] == ["No season is known", "No value is predicted"]
        assert ask(ws.lake, "SELECT count(expected_value) AS n FROM prediction") == [{"n": 0}]


def test_a_dry_run_writes_nothing_and_days_have_limits(tmp_path: Path) -> None:
    with loaded(tmp_path, regulars()) as ws:
        assert not predict(ws, dry=True).written
        assert "prediction" not in ws.lake.tables()
        with pytest.raises(BadInput, match="1 to 730 days"):
            predict(ws, 0)


def test_merged_people_are_predicted_as_one_and_erased_ones_not(tmp_path: Path) -> None:
    with loaded(tmp_path, regulars()) as ws:
        predict(ws, 90)
        judge_pair(ws, "till:c1", "till:c2", "same", "a test")
        assert predict(ws, 90).people == 59
        erase_person(ws, "till:c3", "a test")
        assert ask(ws.lake, "SELECT count(*) AS n FROM prediction") == [{"n": 58}]


def test_trait_names_lead_to_columns() -> None:
    assert {prediction_column(t): kind for t, kind in predicted_columns().items()}.items() <= (
        prediction_table().columns.items()
    )
    assert list(predicted_columns()) == [
        "predicted_orders",
        "predicted_value",
        "alive",
        "churn_risk",
        "next_order_on",
    ]


def folder_of(tmp_path: Path, readiness: Readiness) -> str:
    folder = tmp_path / "w"
    for definition in (*retail_plan(), TILL):
        save_definition(folder, definition)
    file = WorkspaceFile(
        version=1, name="shop", currency="EUR", clock="data", readiness=readiness,
        identity=IdentityDecision(primary="customer_id", why="one number"),
    )  # fmt: skip
    save_workspace_file(folder, file)
    run = CliRunner().invoke
    assert (
        run(app, ["-C", str(folder), "load", "till", till_file(tmp_path / "d.csv", regulars())]).exit_code
        == 0
    )
    assert run(app, ["-C", str(folder), "run"]).exit_code == 0
    return str(folder)


def test_the_command_prints_readiness_model_and_holdout(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, SMALL)
    shown = CliRunner().invoke(app, ["-C", folder, "predict", "--days", "60", "--dry-run"])
    assert shown.exit_code == 0, shown.output
    for words in (
        "60 people have bought",
        "log-likelihood",
        "holdout learnt until",
        "own rate so far",
        "Nothing was written",
    ):
        assert words in " ".join(shown.output.split())
    data = json.loads(CliRunner().invoke(app, ["-C", folder, "predict", "--json"]).output)
    assert data["written"]
    assert {c["name"] for c in data["checks"]} >= {"buyers", "history", "coverage"}
    listed = json.loads(CliRunner().invoke(app, ["-C", folder, "predict", "--list", "--json"]).output)
    assert [r["address"] for r in listed] == [data["address"]]


def test_the_command_shows_what_is_missing_before_it_refuses(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["-C", folder_of(tmp_path, Readiness()), "predict"])
    assert isinstance(done.exception, Refused)
    assert "missing 60 people have bought; at least 500 are needed." in " ".join(done.output.split())


def test_limits_of_a_workspace_are_read_and_checked(tmp_path: Path) -> None:
    assert msgspec.convert({"buyers": 50}, Readiness).buyers == 50
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"buyers": 0}, Readiness)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"buyer": 5}, Readiness)
