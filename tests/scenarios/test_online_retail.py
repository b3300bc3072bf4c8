"""Someone with a CSV of receipts gets RFM audiences from one command: 541,909 public lines, on both engines."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from butfor.app import open_workspace
from butfor.plan import load_workspace_file, save_workspace_file
from butfor.plan.kinds import Audience


def cli(*arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "butfor", *arguments, "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def receipts(data_folder: Path) -> str:
    return str(data_folder / "online_retail_uci" / "online_retail.csv.gz")


@pytest.fixture(scope="module")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory, receipts: str) -> dict[str, Any]:
    """What the four commands of the issue print, and what they print the second time."""
    w = str(tmp_path_factory.mktemp("or") / "w")
    started = cli("init", w, "--from", receipts)
    found = {"init": started, "folder": w, "load": cli("-C", w, "load", started["source"], receipts)}
    found |= {"run": cli("-C", w, "run"), "list": cli("-C", w, "audience", "list")}
    found["again"] = cli("-C", w, "load", started["source"], receipts)
    cli("-C", w, "run")
    return found | {"list_again": cli("-C", w, "audience", "list")}


@pytest.mark.slow
@pytest.mark.requirement("R-076")
def test_load_counts_every_line(on_duckdb: dict[str, Any]) -> None:
    done = on_duckdb["load"]
    assert (done["read"], done["repeated"], done["quarantined"]) == (541_909, 0, 0)
    assert done["accepted"] == 541_909
    assert round(Decimal(done["value"]), 2) == Decimal("9747747.93")
    assert (done["accounts"], done["without_customer"]) == (4372, 135_080)
    assert sum(done["events"].values()) == 25_900


@pytest.mark.slow
@pytest.mark.requirement("R-077")
def test_second_load_is_all_repeats(on_duckdb: dict[str, Any]) -> None:
    done = on_duckdb["again"]
    assert (done["read"], done["accepted"], done["repeated"]) == (541_909, 0, 541_909)
    assert set(done["events"].values()) == {0}


@pytest.mark.slow
@pytest.mark.requirement("R-070", "R-171")
def test_audiences_add_up_and_stay(on_duckdb: dict[str, Any]) -> None:
    assert sum(a["people"] for a in on_duckdb["list"] if a["audience"].startswith("rfm.")) == 4372
    assert on_duckdb["list"] == on_duckdb["list_again"]


@pytest.mark.slow
def test_questions_stay_listed(on_duckdb: dict[str, Any]) -> None:
    keys = {q["key"] for q in on_duckdb["init"]["questions"]}
    assert {"time_zone", "currency", "returns"} <= keys
    assert len(load_workspace_file(Path(on_duckdb["folder"])).questions) == len(keys)


@pytest.mark.slow
@pytest.mark.requirement("R-094")
def test_audiences_are_the_same_on_spark(
    on_duckdb: dict[str, Any], receipts: str, sail_url: str, tmp_path: Path
) -> None:
    """Borders are found anew on the other engine, so they must come out the same too."""
    w = tmp_path / "w"
    cli("init", str(w), "--from", receipts)
    lake = f"{sail_url}?warehouse={tmp_path}/warehouse&database=online_retail"
    save_workspace_file(w, msgspec.structs.replace(load_workspace_file(w), lake=lake))
    with open_workspace(w) as ws, open_workspace(on_duckdb["folder"]) as other:
        ws.load(on_duckdb["init"]["source"], receipts)
        ws.run()
        assert (
            ws.plan.get(Audience, "rfm").rfm.borders.recency
            == other.plan.get(Audience, "rfm").rfm.borders.recency
        )  # type: ignore[union-attr]
        for mine, theirs in zip(ws.audiences(), other.audiences(), strict=True):
            assert mine == theirs
            assert ws.members(mine.audience).equals(other.members(mine.audience))
