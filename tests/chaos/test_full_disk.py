"""A full disk: the error says so, earlier data are intact, and the same command succeeds once there is space."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from child import loading, sending
from family import large_file, run_child, small_file
from shops import counts, write


def check_says_full(died: Any) -> None:
    assert died.code == 1, died
    assert died.said["error"] == "StoreError"
    assert "disk space" in died.said["next"]
    assert died.said["value"]
    assert "as they were" in died.said["rule"]


@pytest.mark.slow
@pytest.mark.parametrize("more", [1_000, 1_000_000])
def test_a_load_on_a_full_disk_keeps_what_was_there(more: int, tmp_path: Path) -> None:
    with loading(tmp_path) as ws:
        ws.load("till", small_file(tmp_path))
        before = counts(ws.lake)
    size = (tmp_path / ".butfor/lake.duckdb").stat().st_size
    check_says_full(run_child("full_load", tmp_path, large_file(tmp_path), size + more))
    with loading(tmp_path) as ws:
        assert counts(ws.lake) == before
        assert ws.hub.rows("load")[-1]["status"] == "failed"
        assert ws.load("till", large_file(tmp_path)).repeated == 180
        assert ws.hub.rows("load")[-1]["status"] == "done"


@pytest.mark.slow
@pytest.mark.parametrize("limit", [4096, 200_000])
def test_a_launch_on_a_full_disk_is_completed_later(limit: int, tmp_path: Path) -> None:
    rows = [f"c{i},p{i}@b.de,P{i},Rome," for i in range(3000)]
    with sending(tmp_path) as ws:
        ws.load("crm", write(tmp_path / "crm.csv", ["customer,email,first,city,born", *rows]))
        ws.load(
            "till",
            write(tmp_path / "d.csv", ["receipt,sold,customer,sku,qty,price", "r,2026-06-30,c1,x,1,5"]),
        )
        ws.run()
    check_says_full(run_child("full_launch", tmp_path, limit))
    with sending(tmp_path) as ws:
        done = ws.launch("hello")
        sent = [c["message_key"] for c in ws.contacts("hello") if c["outcome"] == "sent"]
        lines = (tmp_path / ".butfor/outbox/hello.jsonl").read_text(encoding="utf-8").splitlines()
        assert sorted(json.loads(line)["key"] for line in lines) == sorted(sent)
        assert (done.sent, ws.hub.count("contact")) == (len(sent), 3000)
