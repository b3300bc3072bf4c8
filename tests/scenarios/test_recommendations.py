"""Public receipts, three months that no slot has seen: both slots reach what is known to be reachable, and beat what is simple."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from butfor.app.recommend import Reported, recommend_all, recommendation_report
from butfor.case import run_case


@pytest.fixture(scope="module")
def receipts(data_folder: Path) -> Path:
    """The folder of the public receipts; skips where they are absent."""
    folder = data_folder / "online_retail_uci"
    if not (folder / "online_retail.csv.gz").is_file():
        pytest.skip("online_retail.csv.gz is absent: docs/cases.md says where it can be had")
    return folder


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, receipts: Path) -> Reported:
    folder = tmp_path_factory.mktemp("case") / "w"
    found = run_case("online_retail", receipts, folder)
    assert found.recommendations is not None
    return found.recommendations


def slot(measured: Reported, name: str) -> Any:
    return next(s for s in measured.slots if s.slot == name)


@pytest.mark.slow
def test_buy_again_on_the_next_three_months(measured: Reported) -> None:
    found = slot(measured, "buy_again")
    own = found.measured[0]
    assert measured.cut == datetime(2011, 9, 10)
    assert 1_900 <= found.people <= 1_930
    assert own.ndcg >= 0.37
    assert own.interval.low < own.ndcg < own.interval.high
    assert {m.method for m in found.measured[1:]} == {"popular", "random", "last basket"}
    assert all(m.ahead_interval.low > 0.04 for m in found.measured[1:])
    assert found.sentence.startswith("buy again beats last basket")


@pytest.mark.slow
def test_new_for_you_on_the_next_three_months(measured: Reported) -> None:
    found = slot(measured, "new_for_you")
    assert 1_830 <= found.people <= 1_860
    assert found.measured[0].ndcg >= 0.115
    assert all(m.ahead_interval.low > 0.04 for m in found.measured[1:])
    assert any("method ease" in line for line in found.said)


@pytest.mark.slow
def test_postage_is_never_suggested(tmp_path: Path, receipts: Path) -> None:
    from butfor.app import open_workspace
    from butfor.app.recommend import recommended

    run = subprocess.run(
        [sys.executable, "-m", "butfor", "case", "online_retail", "--data", str(receipts), "--keep", str(tmp_path / "w"), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = json.loads(run.stdout)["recommendations"]
    assert [s["slot"] for s in said["slots"]] == ["buy_again", "new_for_you"]
    with open_workspace(tmp_path / "w") as ws:
        recommend_all(ws, "buy_again")
        rows = recommended(ws, "buy_again")
        assert (
            recommendation_report(ws, seed=1).slots[0].measured[0].ndcg
            == said["slots"][0]["measured"][0]["ndcg"]
        )
    assert len(rows) > 40_000
    assert all(r["product_id"][0].isdigit() for r in rows)
