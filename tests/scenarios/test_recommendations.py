"""Public receipts, three months that no slot has seen: both slots reach what is known to be reachable, and beat what is simple."""

from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from butfor.app import open_workspace
from butfor.app.recommend import Reported, recommend_all, recommended
from butfor.case import CaseResult, run_case
from butfor.cli.results import show_case
from butfor.cli.show import to_json


@pytest.fixture(scope="module")
def receipts(data_folder: Path) -> Path:
    """The folder of the public receipts; skips where they are absent."""
    folder = data_folder / "online_retail_uci"
    if not (folder / "online_retail.csv.gz").is_file():
        pytest.skip("online_retail.csv.gz is absent: docs/cases.md says where it can be had")
    return folder


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory, receipts: Path) -> tuple[CaseResult, Path]:
    folder = tmp_path_factory.mktemp("case") / "w"
    return run_case("online_retail", receipts, folder), folder


@pytest.fixture(scope="module")
def measured(worked: tuple[CaseResult, Path]) -> Reported:
    found = worked[0].recommendations
    assert found is not None
    return found


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
def test_the_case_prints_the_report_and_postage_is_never_suggested(worked: tuple[CaseResult, Path]) -> None:
    result, folder = worked
    said = json.loads(to_json(result.to_dict()))["recommendations"]
    assert [s["slot"] for s in said["slots"]] == ["buy_again", "new_for_you"]
    console = Console(file=io.StringIO(), width=200)
    show_case(console, result)
    assert "NDCG@10" in console.file.getvalue()  # type: ignore[attr-defined]
    with open_workspace(folder) as ws:
        recommend_all(ws, "buy_again")
        rows = recommended(ws, "buy_again")
    assert len(rows) > 40_000
    assert all(r["product_id"][0].isdigit() for r in rows)
