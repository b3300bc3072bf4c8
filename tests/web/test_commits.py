"""Group commit: everybody who waits is answered once it is durable; too many are turned away; errors reach their callers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx
import pytest

import butfor.web.commits as commits_module
from butfor.model import StoreError
from butfor.store import Request
from butfor.web.commits import Commits
from butfor.web.door import Door

NOW = datetime(2026, 7, 1)


class Disk:
    """An inbox whose disk waits until it is told to go on, or refuses."""

    def __init__(self, *, slow: bool = False, error: Exception | None = None) -> None:
        self.go, self.error = threading.Event(), error
        self.groups: list[int] = []
        if not slow:
            self.go.set()

    def append(self, requests: Sequence[Request]) -> int:
        self.go.wait(10)
        if self.error:
            raise self.error
        self.groups.append(len(requests))
        return len(requests)


class Ring:
    def source(self, key: str | None) -> str | None:
        return "site" if key == "k" else None


def client(disk: Disk, loop: asyncio.AbstractEventLoop) -> tuple[httpx.AsyncClient, Commits]:
    commits = Commits(disk, loop)  # type: ignore[arg-type]
    door = Door(Ring(), commits, lambda: NOW)  # type: ignore[arg-type]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await door("track", scope, receive, send)

    made = httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url="http://door", auth=("k", "")
    )
    return made, commits


def together(disk: Disk, calls: int, then: float = 0.05) -> list[httpx.Response]:
    """Make calls at once, let the disk go on a little later, and return the answers."""

    async def run() -> list[httpx.Response]:
        made, commits = client(disk, asyncio.get_running_loop())
        asyncio.get_running_loop().call_later(then, disk.go.set)
        answers = await asyncio.gather(*(made.post("/v1/track", content=b"{}") for _ in range(calls)))
        commits.close()
        return list(answers)

    return asyncio.run(run())


def test_what_waits_for_the_disk_is_kept_together() -> None:
    disk = Disk(slow=True)
    assert {a.status_code for a in together(disk, 50)} == {200}
    assert sum(disk.groups) == 50
    assert len(disk.groups) <= 3


def test_too_many_are_turned_away_and_told_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits_module, "MOST_REQUESTS", 5)
    answers = together(Disk(slow=True), 50)
    codes = [a.status_code for a in answers]
    assert set(codes) == {200, 429}
    assert {a.headers["retry-after"] for a in answers if a.status_code == 429} == {"1"}


@pytest.mark.parametrize("error", [StoreError("disk", value="full"), ZeroDivisionError("a mistake of ours")])
def test_whatever_the_disk_refuses_is_503_and_the_next_call_is_taken(error: Exception) -> None:
    disk = Disk(error=error)
    first = together(disk, 3)
    assert {a.status_code for a in first} == {503}
    assert all(int(a.headers["retry-after"]) > 0 for a in first)
    disk.error = None
    assert {a.status_code for a in together(disk, 3)} == {200}


def test_closing_keeps_what_waits() -> None:
    async def run() -> list[int]:
        disk = Disk()
        commits = Commits(disk, asyncio.get_running_loop())  # type: ignore[arg-type]
        futures = [commits.submit(Request("site", "track", NOW, b"{}", [b""])) for _ in range(600)]
        commits.close()
        await asyncio.gather(*futures)
        return disk.groups

    assert sum(asyncio.run(run())) == 600
