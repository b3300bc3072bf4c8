"""One suite over every hub: the inbox keeps each message once for ever, in order, or refuses a group whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from butfor.model import StoreError
from butfor.store import Hub, Inbox, Request

NOW = datetime(2026, 7, 1, 12, 30, 0, 123456)


def request(*ids: str, source: str = "site", body: bytes = b"{}") -> Request:
    keys = [hashlib.md5(f"{source}\x1f{i}".encode()).digest() if i else b"" for i in ids]
    return Request(source, "batch", NOW, body, keys)


@pytest.fixture
def inbox(hub_url: str, tmp_path: Path) -> Iterator[Inbox]:
    hub = Hub(hub_url, tmp_path)
    opened = Inbox(hub)
    yield opened
    opened.close()
    hub.close()


def test_a_request_comes_back_as_it_was(inbox: Inbox) -> None:
    body = b'{"a": "\xff\\u0000"}\x00'
    assert inbox.append([request("a", "b", body=body)]) == 2
    [kept] = inbox.take(0, 10**9)
    assert (kept.body, kept.source, kept.kind, kept.received_at, kept.skip) == (
        body, "site", "batch", NOW, frozenset(),
    )  # fmt: skip


def test_events_that_came_before_are_left_out(inbox: Inbox) -> None:
    assert inbox.append([request("a", "b"), request("c")]) == 3
    assert inbox.append([request("a"), request("b", "d"), request("d", "e", "e")]) == 2
    assert [k.skip for k in inbox.take(0, 10**9)] == [frozenset(), frozenset(), {0}, {0, 2}]
    assert inbox.messages() == 5


def test_another_source_has_its_own_ids(inbox: Inbox) -> None:
    assert inbox.append([request("a")]) == 1
    assert inbox.append([request("a", source="app")]) == 1


def test_events_without_id_are_always_kept(inbox: Inbox) -> None:
    assert inbox.append([request("", "")]) == 2
    assert inbox.append([request("", "a"), request("", "a")]) == 3
    assert inbox.messages() == 1


def test_ids_outlive_the_drained_requests(inbox: Inbox) -> None:
    inbox.append([request("a"), request("b")])
    last = inbox.reach(0, 100)
    inbox.begin("lake", 0, last)
    assert inbox.position("lake") == (0, last)
    inbox.done("lake", last)
    assert (inbox.take(0, 10**9), inbox.position("lake")) == ([], (last, last))
    assert inbox.append([request("a"), request("b", "c")]) == 1
    assert inbox.reach(last, 100) > last


def test_reach_counts_events_and_takes_at_least_one_request(inbox: Inbox) -> None:
    inbox.append([request("a", "b"), request("c", "d"), request("e")])
    seqs = [k.seq for k in inbox.take(0, 10**9)]
    assert [inbox.reach(0, n) for n in (1, 2, 3, 4, 5)] == [seqs[0], seqs[0], seqs[0], seqs[1], seqs[2]]
    assert inbox.reach(seqs[2], 5) == seqs[2]


def test_waiting_says_how_many_and_since_when(inbox: Inbox) -> None:
    assert inbox.waiting() == (0, None)
    inbox.append([request("a", "b")])
    assert inbox.waiting() == (2, NOW)


def test_a_large_group_is_kept_whole(inbox: Inbox) -> None:
    group = [request(*[f"{i}-{k}" for k in range(10)], body=b"x" * 3000) for i in range(300)]
    assert inbox.append(group) == 3000
    assert inbox.append(group) == 0
    assert len(inbox.take(0, 10**9)) == 300


def test_two_processes_know_of_each_other(hub_url: str, tmp_path: Path) -> None:
    hub = Hub(hub_url, tmp_path)
    first, second = Inbox(hub), Inbox(hub)
    assert first.append([request("a")]) == 1
    assert second.append([request("a", "b")]) == 1
    assert first.append([request("b", "c")]) == 1
    first.done("lake", first.reach(0, 100))
    assert second.append([request("a", "c", "d")]) == 1
    again = Inbox(hub)
    assert again.append([request("a"), request("d")]) == 0
    for opened in (first, second, again):
        opened.close()


def test_a_refused_group_is_not_known_later(inbox: Inbox) -> None:
    broken = request("a")
    broken.kind = None  # type: ignore[assignment]
    with pytest.raises(StoreError):
        inbox.append([request("b"), broken])
    assert inbox.waiting() == (0, None)
    assert inbox.append([request("a", "b")]) == 2
