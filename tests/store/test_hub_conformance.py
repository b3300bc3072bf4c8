"""One suite over every hub."""

from __future__ import annotations

import sqlite3
import threading
from datetime import datetime
from pathlib import Path

import pytest

from butfor.model import BadInput, StoreError
from butfor.store import Hub

NOW = datetime(2026, 7, 1, 12, 30)


def assignment(person: str, arm: str = "a") -> dict[str, object]:
    return {"experiment": "e", "person_id": person, "arm": arm, "definition_hash": "h", "assigned_at": NOW}


@pytest.fixture
def hub(hub_url: str, tmp_path: Path) -> Hub:
    return Hub(hub_url, tmp_path)


def test_append_and_read_back(hub: Hub) -> None:
    assert hub.append("assignment", [assignment("p2"), assignment("p1")]) == 2
    assert [r["person_id"] for r in hub.rows("assignment", experiment="e")] == ["p1", "p2"]
    assert hub.first("assignment", person_id="p2") == assignment("p2")
    assert hub.count("assignment", arm="a") == 2


def test_append_once_keeps_the_first(hub: Hub) -> None:
    assert hub.append("assignment", [assignment("p", "a")], once=True) == 1
    assert hub.append("assignment", [assignment("p", "b"), assignment("q", "b")], once=True) == 1
    assert hub.first("assignment", person_id="p") == assignment("p", "a")


def test_a_failed_append_keeps_nothing(hub: Hub) -> None:
    with pytest.raises(Exception, match="assignment"):
        hub.append("assignment", [assignment("new"), assignment("p"), assignment("p")])
    assert hub.count("assignment") == 0


def test_start_and_update(hub: Hub) -> None:
    number = hub.start("load", {"source": "till", "file": "f", "started_at": NOW, "status": "started"})
    assert hub.update("load", {"status": "done"}, id=number) == 1
    assert hub.first("load", id=number)["status"] == "done"  # type: ignore[index]


def test_opening_again_keeps_everything(hub_url: str, tmp_path: Path) -> None:
    first = Hub(hub_url, tmp_path)
    first.append("assignment", [assignment("p")])
    first.close()
    assert Hub(hub_url, tmp_path).count("assignment") == 1


def test_many_writers_lose_nothing(hub: Hub) -> None:
    def write(n: int) -> None:
        for i in range(20):
            hub.append("assignment", [assignment(f"{n}-{i}"), assignment(f"shared-{i}")], once=True)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert hub.count("assignment") == 4 * 20 + 20


def test_a_newer_hub_is_refused_untouched(tmp_path: Path) -> None:
    Hub("sqlite", tmp_path).close()
    with sqlite3.connect(tmp_path / "hub.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer butfor"):
        Hub("sqlite", tmp_path)


def test_unknown_address_names_the_choices(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"sqlite, postgresql"):
        Hub("mysql://x", tmp_path)


def test_address_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_HUB", "sqlite")
    assert Hub("env:MY_HUB", tmp_path).engine == "sqlite"
    with pytest.raises(BadInput, match="export OTHER"):
        Hub("env:OTHER", tmp_path)


def test_unreachable_server_hides_the_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Hub("postgresql://me:secret@127.0.0.1:1/none?connect_timeout=2", tmp_path)
    assert "secret" not in str(caught.value)
    assert "answers" in str(caught.value)
