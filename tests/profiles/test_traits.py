"""Traits: what is known of a person as of a time, from purchases, returns and records."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from shops import CRM, TILL, WEB, ask, changed, plan_of, shop, spends, till_file, write

from butfor.app import Workspace
from butfor.model import BadInput
from butfor.plan.kinds import Term

RECEIPTS = [
    "r1,2026-01-01 23:30:00,c1,mug,1,10",
    "r2,2026-03-01 08:00:00,c1,mug,2,10",
    "k1,2026-03-05 08:00:00,c1,mug,-1,10",
    "k9,2026-03-05 08:00:00,c2,mug,-1,4",
]


def traits(ws: Workspace, as_of: datetime, columns: str) -> list[dict[str, Any]]:
    ws.run(as_of)
    return ask(ws.lake, f"SELECT {columns} FROM traits ORDER BY orders DESC")


@pytest.mark.requirement("R-076")
@pytest.mark.parametrize(
    ("as_of", "orders", "spend", "recency"),
    [
        ((2025, 12, 31), 0, 0, None), ((2026, 1, 2), 1, 10, 1), ((2026, 3, 1, 8), 2, 30, 0),
        ((2026, 3, 1, 7, 59), 1, 10, 59), ((2026, 3, 6), 2, 20, 5),
    ],
)  # fmt: skip
def test_traits_are_as_of_a_time(
    as_of: tuple[int, ...], orders: int, spend: int, recency: int | None, tmp_path: Path
) -> None:
    with shop(tmp_path, TILL) as ws:
        ws.load("till", till_file(tmp_path / "d.csv", RECEIPTS[:3]))
        found = traits(ws, datetime(*as_of), "orders, spend, recency_days")[0]  # type: ignore[arg-type]
        assert (found["orders"], float(found["spend"]), found["recency_days"]) == (orders, spend, recency)


def test_somebody_who_only_gave_back_has_no_purchase_and_negative_spend(tmp_path: Path) -> None:
    with shop(tmp_path, TILL) as ws:
        ws.load("till", till_file(tmp_path / "d.csv", RECEIPTS))
        found = traits(ws, datetime(2026, 4, 1), "orders, spend, returned, average_order, lifecycle")[1]
        assert (found["orders"], float(found["spend"]), float(found["returned"])) == (0, -4.0, 4.0)
        assert (found["average_order"], found["lifecycle"]) == (None, "never")


def test_a_late_part_of_an_order_adds_money_and_no_purchase(tmp_path: Path) -> None:
    with shop(tmp_path, TILL) as ws:
        ws.load("till", till_file(tmp_path / "d1.csv", RECEIPTS[:1]))
        ws.load("till", till_file(tmp_path / "d2.csv", ["r1,2026-01-01 23:30:00,c1,tea,1,2.5"]))
        assert spends(ws) == {"c1": (1, 12.5)}


def test_purchases_of_two_terms_add_up(tmp_path: Path) -> None:
    bought = plan_of(tmp_path).get(Term, "order_completed")
    online = changed(bought, id="web_order", system="Web Order", label="Web order", aliases=[])
    with shop(tmp_path, TILL, online, changed(WEB, event="web_order")) as ws:
        ws.load("till", till_file(tmp_path / "d.csv", ["r1,2026-01-01,c1,mug,1,10"]))
        ws.load("web", write(tmp_path / "w.csv", ["order,at,customer,total", "o1,2026-01-02,c1,7"]))
        assert set(spends(ws).values()) == {(2, 17.0)}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newest_record_wins_whatever_arrives_first(order: tuple[int, int], tmp_path: Path) -> None:
    source = changed(CRM, columns=CRM.columns | {"seen": "time"})
    rows = ["c1,a@b.de,Ann,Rome,,2026-01-01 10:00:00", "c1,a@b.de,,Oslo,,2026-01-01 10:00:01"]
    with shop(tmp_path, source) as ws:
        for i in order:
            ws.load("crm", write(tmp_path / f"d{i}.csv", ["customer,email,first,city,born,seen", rows[i]]))
        found = traits(ws, datetime(2026, 2, 1), "first_name, city, orders")[0]
        assert (found["first_name"], found["city"]) == ("Ann", "Oslo")


@pytest.mark.requirement("R-171")
def test_lifecycle_stages_add_up_to_everybody(tmp_path: Path) -> None:
    days = ["2026-06-01", "2026-05-01,2026-06-20", "2026-02-01", "2024-01-01", "2026-04-02", "2025-07-01"]
    receipts = [
        f"r{i}{k},{day},c{i},mug,1,5" for i, each in enumerate(days) for k, day in enumerate(each.split(","))
    ]
    with shop(tmp_path, TILL, CRM) as ws:
        ws.load("till", till_file(tmp_path / "d.csv", receipts))
        ws.load("crm", write(tmp_path / "c.csv", ["customer,email,first,city,born", "new,n@b.de,,,"]))
        found = ws.run(datetime(2026, 7, 1)).people.people
        stages = {r["stage"]: r["people"] for r in ws.lifecycle()}
        assert stages == {"never": 1, "lost": 1, "inactive": 2, "new": 2, "returning": 1}
        assert sum(stages.values()) == found == 7


def test_results_before_a_run_are_refused(tmp_path: Path) -> None:
    with shop(tmp_path, TILL) as ws, pytest.raises(BadInput, match="butfor -C"):
        ws.lifecycle()
