"""A drain killed at each of its steps, and a disk that is full: nothing accepted is lost, nothing is stored twice."""

from __future__ import annotations

import resource
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from child import LIVE
from family import run_child
from live_calls import live, track
from serving import live_workspace, serving
from shops import ask, counts

from butfor.app import open_workspace


def fill(folder: Path) -> None:
    """Put calls of every kind into an inbox, so that the drain takes one batch."""
    lines = [{"product_id": "mug", "quantity": 1, "price": 5}]
    with live(folder, terms=LIVE) as made:
        for i in range(2):
            made.put(
                track(
                    "Order Completed", f"{i}a", properties={"order_id": f"{i}", "total": 5, "products": lines}
                ),
                track(
                    "Product Viewed", f"{i}b", timestamp="2019-01-01T00:00:00Z", properties={"colour": "red"}
                ),
                {
                    "type": "identify",
                    "messageId": f"{i}c",
                    "userId": f"u{i}",
                    "traits": {"email": f"{i}@b.de"},
                },
                track("Nonsense", f"{i}d"),
                sent="2019-01-01T00:00:05Z",
            )


@pytest.mark.slow
def test_a_drain_killed_before_any_step_is_completed_by_the_next(tmp_path: Path) -> None:
    fill(tmp_path / "full")
    shutil.copytree(tmp_path / "full", tmp_path / "unkilled")
    assert run_child("drain", tmp_path / "unkilled", 0).code == 0
    with live(tmp_path / "unkilled", terms=LIVE) as made:
        wanted = counts(made.ws.lake)
    ended = []
    for n in range(1, 80):
        copy = shutil.copytree(tmp_path / "full", tmp_path / f"killed{n}")
        ended.append(run_child("drain", copy, n).code)
        with live(copy, terms=LIVE) as made:
            while made.drain.step():
                pass
            assert counts(made.ws.lake) == wanted, n
            assert made.inbox.waiting() == (0, None)
            assert made.inbox.messages() == 8
        shutil.rmtree(copy)
        if ended[-1] != 9:
            break
    assert ended[-1] == 0
    assert len(ended) > 10


def send(url: str, key: str, names: range) -> dict[int, httpx.Response]:
    """Send one call per name, and return the answers."""
    found = {}
    with httpx.Client(auth=(key, ""), timeout=30) as client:
        for i in names:
            call: dict[str, Any] = {"event": "Product Viewed", "messageId": f"m{i}", "userId": f"u{i}"}
            call["properties"] = {"product_id": f"p{i}", "text": "x" * 10_000}
            found[i] = client.post(f"{url}/v1/track", json=call)
    return found


@pytest.mark.slow
def test_a_full_disk_refuses_loses_nothing_and_once_freed_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    key = live_workspace(folder)
    with serving(folder) as server:
        server.stop()
    largest = max(p.stat().st_size for p in (folder / ".butfor").iterdir())
    limit = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({largest + 400_000}, -1))"
    with serving(folder, before=limit) as server:
        answers = send(server.url, key, range(150))
        assert {a.status_code for a in answers.values()} == {200, 503}
        refused = next(a for a in answers.values() if a.status_code == 503)
        assert int(refused.headers["retry-after"]) > 0
        assert "nothing of this request was kept" in refused.json()["next_step"]
        assert server.health()["status"] == "trouble"
        assert server.process is not None
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (-1, -1))
        again = send(server.url, key, range(150))
        assert {a.status_code for a in again.values()} == {200}
        for _ in range(300):
            if server.health()["waiting"] == 0:
                break
            time.sleep(0.1)
        assert (server.health()["status"], server.health()["waiting"]) == ("ok", 0)
        server.stop()
    taken = [i for i, a in answers.items() if a.status_code == 200]
    with open_workspace(folder) as ws:
        stored = Counter(r["product_id"] for r in ask(ws.lake, "SELECT product_id FROM ev_product_viewed"))
    assert 0 < len(taken) < 150
    assert stored == Counter(f"p{i}" for i in range(150))
