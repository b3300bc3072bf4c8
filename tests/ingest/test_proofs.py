"""A click proves an address, unless a scanner clicked."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_calls import SITE, Live, track
from shops import ask, shop, write

from butfor.app import Workspace
from butfor.plan.kinds import Column, Source

MAIL = Source(
    id="mail", label="Mail", connector="csv", grain="event", account="email", confirms=[],
    columns={
        "email": Column(to="id.email", clean="email"), "at": "time", "message": "event.message_id", "agent": "event.agent",
        "what": Column(
            to="event", values={"delivered": "email_delivered", "click": "email_link_clicked", "open": "email_opened"}
        ),
    },
)  # fmt: skip


def sure(ws: Workspace) -> set[str]:
    return {r["val"] for r in ask(ws.lake, "SELECT val FROM identifier WHERE term = 'email' AND verified")}


def mails(path: Path, *rows: str) -> str:
    return write(path, ["email,at,message,agent,what", *rows])


@pytest.mark.requirement("R-080", "R-088")
def test_a_click_verifies_and_a_scanner_does_not(tmp_path: Path) -> None:
    rows = [
        "a@web.de,2026-05-01 10:00:00,m1,,delivered", "a@web.de,2026-05-01 10:00:01,m1,,click",
        "b@web.de,2026-05-01 10:00:00,m2,,delivered", "b@web.de,2026-05-01 10:09:00,m2,,click",
        "c@web.de,2026-05-01 10:00:00,m3,,delivered", "c@web.de,2026-05-01 10:09:00,m3,Barracuda/1.0,click",
        "d@web.de,2026-05-01 10:09:00,m4,,click", "e@web.de,2026-05-01 10:00:00,m5,,delivered",
        "e@web.de,2026-05-01 12:00:00,m5,Mozilla GoogleImageProxy,open",
    ]  # fmt: skip
    with shop(tmp_path, MAIL) as ws:
        ws.load("mail", mails(tmp_path / "m.csv", *rows))
        assert sure(ws) == {"b@web.de"}
        marked = ask(ws.lake, "SELECT term, why FROM machine ORDER BY term, why")
        assert [(m["term"], m["why"]) for m in marked] == [
            ("email_link_clicked", "known program"), ("email_link_clicked", "too soon"), ("email_opened", "known program"),
        ]  # fmt: skip
        ws.load("mail", mails(tmp_path / "late.csv", "d@web.de,2026-05-01 10:00:00,m4,,delivered"))
        assert sure(ws) == {"b@web.de", "d@web.de"}
        ws.load("mail", mails(tmp_path / "m.csv", *rows))
        assert len(ask(ws.lake, "SELECT * FROM machine")) == 3
        assert len(ask(ws.lake, "SELECT * FROM identifier WHERE verified")) == 2


def test_a_live_click_verifies(tmp_path: Path) -> None:
    with shop(tmp_path, SITE) as ws:
        live = Live(ws)
        live.put({"type": "identify", "messageId": "1", "userId": "u", "traits": {"email": "a@web.de"}})
        live.put(track("Email Delivered", "2", userId="u", timestamp="2026-05-01T10:00:00Z"))
        live.put(track("Email Link Clicked", "3", userId="u", timestamp="2026-05-01T10:05:00Z"))
        live.run()
        live.inbox.close()
        assert sure(ws) == {"a@web.de"}
