"""S-05a: a brand that computes its own segments sends a list to a gateway, and hears that this is all it needs."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest
from calling import calling
from shops import TILL, till_file
from typer.testing import CliRunner

import butfor
from butfor.app.segment_table import advise, import_segments
from butfor.cli.main import app
from butfor.plan import save_definition

RUNNER = CliRunner()
SEGMENTS = ("champions", "at risk", "lost")


def table(path: Path, rows: list[tuple[str, str, str]]) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("customer_id", "segment", "email"), *rows])
    return str(path)


def people(n: int, shift: int = 0) -> list[tuple[str, str, str]]:
    return [(f"K{i}", SEGMENTS[(i + shift) % 3], f"k{i}@x.org") for i in range(n)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    butfor.init(tmp_path / "shop", currency="EUR")
    return tmp_path / "shop"


def do(folder: Path, *arguments: str) -> Any:
    done = RUNNER.invoke(app, ["-C", str(folder), *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


@pytest.mark.requirement("S-05", "R-068")
def test_own_table_goes_to_a_gateway_with_equal_counts(folder: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    done = do(folder, "audience", "import", table(tmp_path / "rfm.csv", people(3_000)))
    assert done["audiences"] == {"own_at_risk": 1_000, "own_champions": 1_000, "own_lost": 1_000}
    assert (done["rows"], done["quarantined"], done["unmatched"]) == (3_000, 0, 0)
    for name, segment in (("own_at_risk", "at risk"), ("own_champions", "champions"), ("own_lost", "lost")):
        out = tmp_path / f"{name}.csv"
        sent = do(folder, "audience", "export", name, "--to", str(out), "--channel", "email")
        assert (sent["people"], sent["exported"], sent["left_out"]) == (1_000, 1_000, {})
        with out.open() as file:
            assert {r["email"] for r in csv.DictReader(file)} == {
                e for _, s, e in people(3_000) if s == segment
            }
    assert time.monotonic() - began < 180
    advice = do(folder, "audience", "advise")
    assert advice["gateway_is_enough"]
    assert advice["verdict"].startswith("a gateway is enough")
    assert done["advice"] == advice
    shown = RUNNER.invoke(app, ["-C", str(folder), "audience", "advise"]).output
    assert "a gateway is enough" in shown
    assert "what would change that" in shown


@pytest.mark.requirement("R-068")
def test_each_import_replaces_the_one_before(folder: Path, tmp_path: Path) -> None:
    do(folder, "audience", "import", table(tmp_path / "1.csv", people(9)))
    with butfor.open(folder) as ws:
        changes = len(ws.changes())
        ws._now = ws.now.replace(year=ws.now.year + 1)
        moved = import_segments(ws, table(tmp_path / "2.csv", people(6, shift=1)), "customer_id", "segment")
        assert (sum(moved.audiences.values()), moved.gone) == (6, 3)
        ws._now = ws.now.replace(year=ws.now.year + 1)
        back = import_segments(ws, table(tmp_path / "3.csv", people(9)), "customer_id", "segment")
        assert (back.audiences, back.gone) == ({"own_at_risk": 3, "own_champions": 3, "own_lost": 3}, 0)
        keys = {r["person_id"] for r in ws.members("own_lost").to_pylist()}
        assert len(keys) == 3
        assert len(ws.changes()) == changes


def test_odd_rows_are_counted(folder: Path, tmp_path: Path) -> None:
    rows = [
        ("K1", "A+", "k1@x.org"),
        ("K2", "A-", ""),
        ("", "A+", "x@x.org"),
        ("K3", "", ""),
        ("K1", "A-", ""),
    ]
    with butfor.open(folder) as ws:
        done = import_segments(ws, table(tmp_path / "odd.csv", rows), "customer_id", "segment")
    assert (done.rows, done.repeats, done.quarantined, done.without_segment) == (5, 1, 1, 1)
    assert sum(done.audiences.values()) == 2
    assert len(done.audiences) == 1


@pytest.mark.requirement("R-068")
def test_who_uses_more_is_told_so_and_strangers_are_listed(folder: Path, tmp_path: Path) -> None:
    save_definition(folder, TILL)
    receipts = till_file(tmp_path / "till.csv", ["R1,2026-05-04,K1,tea,2,4.50"])
    do(folder, "load", "till", receipts)
    done = do(folder, "audience", "import", table(tmp_path / "rfm.csv", people(3)))
    assert sum(done["audiences"].values()) == 3
    assert not done["advice"]["gateway_is_enough"]
    assert "accounts of other sources" in done["advice"]["verdict"]
    assert done["unmatched"] == 2
    found = [
        q["val"]
        for q in do(folder, "quarantine", "list")
        if q["reason"] == "customer known from no other source"
    ]
    assert sorted(found) == ["K0", "K2"]


@pytest.mark.parametrize("option", ["key", "segment"])
def test_wrong_column_is_named(folder: Path, tmp_path: Path, option: str) -> None:
    names = {"key": "customer_id", "segment": "segment"} | {option: "segmnt"}
    with butfor.open(folder) as ws:
        with pytest.raises(butfor.BadInput, match="it has the column segmnt"):
            import_segments(ws, table(tmp_path / "t.csv", people(3)), **names)
        assert advise(ws).gateway_is_enough


@pytest.mark.requirement("S-05", "R-068")
def test_the_same_over_http(folder: Path) -> None:
    rows = "\n".join(",".join(r) for r in [("customer_id", "segment", "email"), *people(30)])
    with calling(folder) as api:
        done = api.post(
            "segments", csv=rows, key="customer_id", segment="segment", why="our own RFM", who="Mia"
        )
        assert (done["audiences"]["own_at_risk"], done["rows"], done["quarantined"]) == (10, 30, 0)
        assert done["advice"]["gateway_is_enough"]
        assert "a gateway is enough" in api.get("advice")["verdict"]
        sent = api.post("audiences/own_at_risk/exports", to="at_risk.csv", channel="email", who="Mia")
        assert (sent["people"], sent["exported"]) == (10, 10)
        assert api.status("audiences/own_at_risk/exports", to="../out.csv", channel="email", who="Mia") == 400
    assert len((folder / "exports" / "at_risk.csv").read_text().splitlines()) == 11
