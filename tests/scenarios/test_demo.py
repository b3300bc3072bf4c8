"""The demo, small: all its parts, planted beside measured, and nothing outside its folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from butfor.demo import run_demo
from butfor.model import Refused
from butfor.pages import demo_page

KEYS = {
    "people",
    "events",
    "arms",
    "planted_margin",
    "measured_margin",
    "interval",
    "cost",
    "roi",
    "roi_interval",
    "verdict",
}


@pytest.mark.slow
@pytest.mark.requirement("R-030", "R-109")
def test_demo_prints_its_keys_and_writes_a_page(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "butfor", "demo", str(tmp_path / "d"), "--people", "3000", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found.keys() >= KEYS
    assert found["people"]["planted"] == 3000
    assert found["interval"]["low"] < found["measured_margin"] < found["interval"]["high"]
    assert found["events"]["rows_quarantined"] == 0
    page = Path(found["report"]).read_text()
    assert page.count("<svg") >= 5
    assert "http://" not in page.replace("http://www.w3.org/", "")


@pytest.mark.slow
@pytest.mark.requirement("R-201")
def test_demo_is_the_same_twice(tmp_path: Path) -> None:
    one = run_demo(tmp_path / "a", people=1500, seed=3)
    two = run_demo(tmp_path / "b", people=1500, seed=3)
    assert one.readout.content_address == two.readout.content_address
    assert demo_page(one).replace(str(tmp_path), "").count("<svg") == demo_page(two).count("<svg")
    assert one.result.planted_margin == two.result.planted_margin
    assert one.result.measured_margin == pytest.approx(two.result.measured_margin, rel=1e-9)


def test_demo_spares_other_folders(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(Refused, match="name another folder"):
        run_demo(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"
