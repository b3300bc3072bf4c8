"""Staging: what a source's definition means, before any row is read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from shops import CRM, MAIL, NOW, TILL, WEB, changed, plan_of, shop, till_file, write

from butfor.ingest.stage import Staging, plan_staging, possible_terms
from butfor.model import BadDefinition
from butfor.plan.kinds import Returns, Source


def staging(source: Source) -> Staging:
    return plan_staging(plan_of(Path(), source), source, NOW)


@pytest.mark.parametrize(
    ("source", "terms"),
    [
        (TILL, ["order_completed", "order_refunded"]),
        (changed(TILL, returns=Returns(when="never")), ["order_completed"]),
        (MAIL, ["unsubscribed", "email_bounced"]),
        (CRM, []),
    ],
)
def test_possible_terms_are_what_rows_may_become(source: Source, terms: list[str]) -> None:
    assert [t.id for t in possible_terms(plan_of(Path(), source), source)] == terms


def test_plan_staging_types_fields_by_the_plan() -> None:
    kinds = {f.name: f.kind for f in staging(TILL).fields}
    assert kinds == {
        "event_order_id": "text", "time": "timestamp", "id_customer_id": "text", "product_product_id": "text",
        "product_quantity": "number", "product_price": "money",
    }  # fmt: skip


def test_plan_staging_checks_the_future_by_the_clock_that_is_given() -> None:
    held = [c.condition for c in staging(TILL).checks if c.reason == "future time"]
    assert len(held) == 1
    assert "2026-07-02 00:00:00" in held[0]


def test_plan_staging_refuses_a_source_without_events() -> None:
    with pytest.raises(BadDefinition, match="set event: to a term"):
        staging(changed(WEB, event=None, returns=Returns(when="never")))


def test_plan_staging_refuses_a_term_that_is_not_planned() -> None:
    with pytest.raises(BadDefinition, match="did you mean first_name"):
        staging(changed(CRM, columns=CRM.columns | {"first": "person.firstname"}))


def test_a_row_keeps_its_id_in_another_file_and_place(tmp_path: Path) -> None:
    line = "r1,2026-01-05 10:00:00,c1,mug,1,5"
    with shop(tmp_path, TILL) as ws:
        ws.load("till", till_file(tmp_path / "d1.csv", [line]))
        other = write(
            tmp_path / "d2.csv", ["price,qty,sku,customer,sold,receipt", "5,1,mug,c1,2026-01-05 10:00:00,r1"]
        )
        assert ws.load("till", other).repeated == 1


def test_the_same_row_of_another_source_is_another_sale(tmp_path: Path) -> None:
    line = "r1,2026-01-05 10:00:00,c1,mug,1,5"
    with shop(tmp_path, TILL, changed(TILL, id="till2")) as ws:
        path = till_file(tmp_path / "d.csv", [line])
        assert [ws.load(s, path).accepted for s in ("till", "till2")] == [1, 1]
        assert len({r["source"] for r in ws.source_totals()["order_completed"]}) == 2


def test_orders_of_two_customers_with_one_number_are_two_orders(tmp_path: Path) -> None:
    lines = ["r1,2026-01-05 10:00:00,c1,mug,1,5", "r1,2026-01-05 10:00:00,c2,mug,1,7"]
    with shop(tmp_path, TILL) as ws:
        ws.load("till", till_file(tmp_path / "d.csv", lines))
        assert ws.source_totals()["order_completed"][0]["events"] == 2


def test_a_time_of_the_day_after_tomorrow_is_the_future_and_of_tomorrow_a_wrong_clock(tmp_path: Path) -> None:
    lines = [f"r{d},2026-07-0{d} 00:00:00,c1,mug,1,5" for d in (1, 2, 3)]
    with shop(tmp_path, TILL, now=datetime(2026, 7, 1)) as ws:
        assert ws.load("till", till_file(tmp_path / "d.csv", lines)).reasons == {"future time": 1}
