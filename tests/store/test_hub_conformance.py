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


def test_rows_are_found_by_numbers_texts_and_never_by_nothing(hub: Hub) -> None:
    row = {
        "made_at": NOW,
        "who": "t",
        "what": "redeem",
        "account_id": "a",
        "amount": 5,
        "why": "a 'reason' % of :mine",
    }
    number = hub.start("refusal", row)
    with hub.session() as session:
        found = session.rows_in(
            "refusal", "id", [number, number + 1], ["account_id", "made_at", "amount", "why"]
        )
        assert found == [("a", NOW, 5, "a 'reason' % of :mine")]
        assert session.rows_in("refusal", "account_id", ["a", None], ["id"]) == [(number,)]
        assert session.rows_in("refusal", "account_id", [None], ["id"]) == []
        assert session.rows_in("refusal", "account_id", [], ["id"]) == []
        assert session.rows_at("refusal", ["account_id", "amount"], [("a", 5)], ["id"]) == [(number,)]
        assert session.gathered("refusal", ["account_id", "amount"], [("a", 5), ("b", 5)], "why", 2) == {
            ("a", 5): ["a 'reason' % of :mine"], ("b", 5): [],
        }  # fmt: skip


def test_two_who_redeem_at_once_never_take_more_than_there_is(hub: Hub) -> None:
    from butfor.catalog import balance, earn, redeem
    from butfor.model import Refused

    card = {"account_id": "a", "term": "card", "val": "k1", "first_seen": NOW, "verified_at": NOW}
    hub.append("identifier", [card])
    earn(hub, "a", 100, "start", now=NOW, who="t")
    done: list[int] = []

    def take(n: int) -> None:
        for i in range(5):
            try:
                done.append(
                    redeem(hub, "a", 30, f"{n}-{i}", identifier=("card", "k1"), now=NOW, who="t").balance
                )
            except Refused:
                continue

    threads = [threading.Thread(target=take, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert (sorted(done), balance(hub, "a").balance) == ([10, 40, 70], 10)
