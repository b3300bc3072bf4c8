"""Facts of events: hours by the clock on the wall, machines left out, returns taken off what the same where holds."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from shops import MAIL, TILL, ask, changed, shop, write

from butfor.app import Workspace
from butfor.facts import clock_at, fact_queries
from butfor.model import BadDefinition
from butfor.plan.kinds import Column, Rule, Term, Uses

BERLIN = "Europe/Berlin"
USES = Uses(target="allow", content="allow", insight="allow")
LETTERS = changed(
    MAIL,
    columns={
        "email": "id.email", "at": "time", "message": "event.message_id", "agent": "event.agent",
        "what": Column(to="event", values={"sent": "email_delivered", "open": "email_opened", "click": "email_link_clicked"}),
    },
)  # fmt: skip


def trait(name: str, kind: str, compute: Rule) -> Term:
    return Term(
        id=name, what="trait", type=kind, label=name, system=name, means="a test", uses=USES, compute=compute
    )  # type: ignore[arg-type]


def values(ws: Workspace, column: str) -> dict[str, Any]:
    rows = ask(
        ws.lake,
        f"SELECT a.account_key AS k, t.{column} AS v FROM traits AS t JOIN people_map AS p ON p.person_id = t.person_id "
        "JOIN account AS a ON a.account_id = p.account_id",
    )
    return {r["k"]: r["v"] for r in rows}


class TestLocalTime:
    # In UTC 22:30 is half past midnight in Berlin in summer and half past eleven in winter.
    LINES = ["r1,2026-06-30T22:30:00,sue,x,1,5", "r2,2026-01-31T22:30:00,wim,x,1,5", "r3,2026-03-29T00:59:59,early,x,1,5",
             "r4,2026-03-29T01:00:00,late,x,1,5", "r5,2025-10-26T00:30:00,twice,x,1,5", "r6,2025-10-26T01:30:00,twice,x,1,5"]  # fmt: skip

    @pytest.mark.requirement("R-120")
    def test_hours_and_weekdays_follow_the_clock_on_the_wall(self, tmp_path: Path, lake_url: str) -> None:
        hour = trait("hour_of", "integer", Rule(event="order_completed", take="max", of="hour"))
        day = trait("day_of", "integer", Rule(event="order_completed", take="max", of="weekday"))
        night = Rule(property="hour", equals=2)
        twice = trait("at_two", "integer", Rule(event="order_completed", where=night))
        with shop(tmp_path, TILL, hour, day, twice, lake=lake_url, time_zone=BERLIN) as ws:
            ws.load("till", write(tmp_path / "d.csv", ["receipt,sold,customer,sku,qty,price", *self.LINES]))
            ws.run()
            assert values(ws, "hour_of") == {"sue": 0, "wim": 23, "early": 1, "late": 3, "twice": 2}
            assert values(ws, "day_of") == {"sue": 3, "wim": 6, "early": 7, "late": 7, "twice": 7}
            # The hour that autumn repeats is the same hour.
            assert values(ws, "at_two") == {"sue": 0, "wim": 0, "early": 0, "late": 0, "twice": 2}


class TestMachines:
    @pytest.mark.requirement("R-120")
    def test_what_scanners_and_proxies_did_is_no_fact_of_a_person(
        self, tmp_path: Path, lake_url: str
    ) -> None:
        opens = trait("opens", "integer", Rule(event="email_opened", take="distinct", of="message_id"))
        clicks = trait("clicks", "integer", Rule(event="email_link_clicked", last="90 days"))
        since = trait("quiet", "integer", Rule(event="email_link_clicked", take="days_since"))
        rows = [
            "a@x.org,2026-06-01 10:00:00,m1,,sent", "a@x.org,2026-06-01 10:00:01,m1,,open", "a@x.org,2026-06-01 10:00:01,m1,,click",
            "a@x.org,2026-06-01 12:00:00,m1,Firefox,open", "a@x.org,2026-06-20 12:00:00,m1,Barracuda scanner,click",
            "b@x.org,2026-06-01 10:00:00,m2,,sent", "b@x.org,2026-06-21 10:00:00,m2,Firefox,click",
        ]  # fmt: skip
        with shop(tmp_path, LETTERS, opens, clicks, since, lake=lake_url) as ws:
            ws.load("mail", write(tmp_path / "m.csv", ["email,at,message,agent,what", *rows]))
            ws.run()
            assert values(ws, "opens") == {"a@x.org": 1, "b@x.org": 0}
            assert values(ws, "clicks") == {"a@x.org": 0, "b@x.org": 1}
            assert values(ws, "quiet") == {"a@x.org": None, "b@x.org": 10}


class TestLess:
    def test_less_takes_off_what_the_same_where_holds(self, tmp_path: Path) -> None:
        dear = Rule(property="product.price", at_least=50)
        net = Rule(
            event="order_completed", take="sum", of="product.amount", less="order_refunded", where=dear
        )
        lines = ["r1,2026-06-01,c,x,1,100", "r2,2026-06-02,c,y,1,20", "b1,2026-06-03,c,x,-1,100", "b2,2026-06-04,c,y,-1,20"]  # fmt: skip
        with shop(tmp_path, TILL, trait("dear", "money", net)) as ws:
            ws.load("till", write(tmp_path / "d.csv", ["receipt,sold,customer,sku,qty,price", *lines[:2]]))
            ws.run()
            assert values(ws, "dear") == {"c": 100}
            ws.load("till", write(tmp_path / "e.csv", ["receipt,sold,customer,sku,qty,price", *lines[2:]]))
            ws.run()
            assert values(ws, "dear") == {"c": 0}

    @pytest.mark.parametrize("take", ["count", "average", "max"])
    def test_less_is_for_sums(self, tmp_path: Path, take: Any) -> None:
        fact = Rule(event="order_completed", take=take, of="total", less="order_refunded")
        with shop(tmp_path) as ws, pytest.raises(BadDefinition, match="less takes one sum off another"):
            fact_queries(ws.plan, {"f": fact}, clock_at(datetime(2026, 7, 1), "UTC"))


class TestMostFrequent:
    def test_an_order_in_two_deliveries_is_one_order(self, tmp_path: Path) -> None:
        hour = trait("at", "integer", Rule(event="order_completed", take="most_frequent", of="hour"))
        head = "receipt,sold,customer,sku,qty,price"
        with shop(tmp_path, TILL, hour) as ws:
            ws.load(
                "till",
                write(
                    tmp_path / "a.csv",
                    [head, "r1,2026-06-01 09:00:00,c,x,1,5", "r2,2026-06-02 08:00:00,c,x,1,5"],
                ),
            )
            for n, sku in enumerate("yz"):
                ws.load("till", write(tmp_path / f"b{n}.csv", [head, f"r1,2026-06-01 09:00:00,c,{sku},1,5"]))
            ws.run()
            assert values(ws, "at") == {"c": 8}
