"""A kill at any moment: the workspace opens, is consistent, and the same command completes what was begun."""

from __future__ import annotations

import json
import shutil
import signal
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from child import loading, sending
from family import large_file, run_child, small_file
from shops import ask, consistent, counts, order_totals, till_file, write

from butfor.app import Workspace


def whole(lake: Any) -> tuple[dict[str, int], dict[str, float], dict[str, float]]:
    """What a load leaves in a lake; orders may have been completed in several parts."""
    found = {t: n for t, n in counts(lake).items() if not t.startswith("ev_") or t.endswith("__products")}
    return found, order_totals(lake), order_totals(lake, "ev_order_refunded")


@pytest.mark.slow
def test_a_load_that_is_killed_at_any_moment_is_completed_by_loading_again(
    tmp_path: Path,
) -> None:
    with loading(tmp_path / "unkilled") as ws:
        began = time.perf_counter()
        ws.load("till", large_file(tmp_path))
        seconds, wanted = time.perf_counter() - began, whole(ws.lake)
    moments = [(seconds * share, False) for share in (0.02, 0.15, 0.3, 0.45, 0.6, 0.75)]
    moments += [(wait, True) for wait in (0, 0.001, 0.003)]
    killed = 0
    for i, (wait, at_commit) in enumerate(moments):
        killed += (
            run_child("load", tmp_path / str(i), large_file(tmp_path), wait, at_commit).code
            == -signal.SIGKILL
        )
        with loading(tmp_path / str(i)) as ws:
            consistent(ws.lake)
            assert whole(ws.lake) in (wanted, ({}, {}, {})), "a load is there as a whole or not at all"
            ws.load("till", large_file(tmp_path))
            assert whole(ws.lake) == wanted
    assert killed >= 8


@pytest.fixture
def sail_lake(sail_url: str, tmp_path: Path) -> str:
    return f"{sail_url}?warehouse={tmp_path}/warehouse&database=t{uuid.uuid4().hex[:8]}"


@pytest.mark.slow
@pytest.mark.requirement("R-094")
def test_a_load_into_a_lake_without_transactions_heals_after_a_kill_before_any_write(
    sail_lake: str, tmp_path: Path
) -> None:
    with loading(tmp_path / "unkilled") as ws:
        ws.load("till", small_file(tmp_path))
        wanted = whole(ws.lake)
    ended = []
    for n in range(1, 20):
        lake = sail_lake.replace("database=t", f"database=t{n}_").replace("/warehouse&", f"/warehouse{n}&")
        ended.append(run_child("insert", tmp_path / str(n), lake, small_file(tmp_path), n).code)
        with loading(tmp_path / str(n), lake) as ws:
            ws.load("till", small_file(tmp_path))
            assert whole(ws.lake) == wanted, n
            consistent(ws.lake)
        if ended[-1] != 9:
            break
    assert ended == [9] * 7 + [0]


@pytest.fixture
def audience(tmp_path: Path) -> Path:
    """A workspace whose campaign is ready to launch to 30 people, one of them without an address."""
    rows = [f"c{i},{f'p{i}@b.de' if i else ''},P{i},Rome," for i in range(30)]
    crm = write(tmp_path / "crm.csv", ["customer,email,first,city,born", *rows])
    sales = [f"r{i},2026-06-30 10:00:00,c{i},mug,1,5" for i in range(30)]
    with sending(tmp_path / "shop") as ws:
        ws.load("crm", crm)
        ws.load("till", till_file(tmp_path / "d.csv", sales))
        ws.run()
    return tmp_path / "shop"


def once_each(ws: Workspace) -> None:
    """Assert one decision per person, one assignment per reachable one, one message per sent, one cost per item."""
    contacts = ws.contacts("hello")
    outcomes = Counter(c["outcome"] for c in contacts)
    assert len({c["person_id"] for c in contacts}) == len(contacts) == 30
    assert outcomes["suppressed"] == 1
    assert outcomes["held"] > 0
    arms = {r["person_id"]: r["arm"] for r in ws.hub.rows("assignment")}
    assert arms == {c["person_id"]: c["arm"] for c in contacts if c["arm"]}
    published = ask(ws.lake, "SELECT person_id, arm FROM assignment")
    assert sorted((str(r["person_id"]), r["arm"]) for r in published) == sorted(arms.items())
    lines = (ws.folder / ".butfor/outbox/hello.jsonl").read_text(encoding="utf-8").splitlines()
    keys = [json.loads(line)["key"] for line in lines]
    assert sorted(keys) == sorted(c["message_key"] for c in contacts if c["outcome"] == "sent")
    booked = sum(r["minor_units"] for r in ws.hub.rows("cost"))
    assert booked == 50 * outcomes["sent"]


@pytest.mark.slow
def test_a_launch_that_is_killed_at_any_step_is_completed_by_launching_again(audience: Path) -> None:
    ended = []
    for n in range(1, 12):
        copy = shutil.copytree(audience, audience.with_name(f"copy{n}"))
        ended.append(run_child("launch", copy, n).code)
        with sending(copy) as ws:
            ws.launch("hello")
            once_each(ws)
            assert ws.launch("hello").repeated == 30
            once_each(ws)
        if ended[-1] != 9:
            break
    assert ended == [9] * 7 + [0]
