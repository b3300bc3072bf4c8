"""A catalogue's deliveries: facts with a history, bad rows in quarantine, and what a complete delivery leaves out."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from shops import NOW, changed, plan_of, shop, write

from butfor.catalog.products import products
from butfor.ingest import Loaded
from butfor.model import ButforError
from butfor.plan import check
from butfor.plan.kinds import Source

STOCK = Source(
    id="stock", label="Stock", connector="csv", grain="product",
    columns={
        "sku": "product.product_id", "name": "product.name", "price": "product.price", "left": "product.stock",
        "on": "product.available", "in": "product.channels",
    },
)  # fmt: skip
TIMED = changed(
    STOCK, id="prices", columns={"sku": "product.product_id", "price": "product.price", "since": "time"}
)


def load(
    folder: Path, source: Source, *rows: str, day: int = 0, head: str = "sku,name,price,left,on,in"
) -> Loaded:
    path = write(folder / f"{source.id}.csv", [head, *rows])
    with shop(folder, source, now=NOW + timedelta(days=day)) as ws:
        return ws.load(source.id, path)


def prices(folder: Path, *rows: str, day: int = 0) -> Loaded:
    return load(folder, TIMED, *rows, day=day, head="sku,price,since")


def state(folder: Path, day: float) -> dict[str, dict[str, Any]]:
    with shop(folder, STOCK) as ws:
        rows = ws.lake.fetch(products(NOW + timedelta(days=day))).to_pylist()
    return {r.pop("product_id"): r for r in rows}


def test_a_product_row_becomes_a_typed_fact(tmp_path: Path) -> None:
    done = load(tmp_path, STOCK, "1,Mug,5.50,3,yes,web;store", "2,Tea,,,,")
    assert (done.read, done.accepted, done.without_customer, done.events) == (2, 2, 0, {"product facts": 2})
    assert state(tmp_path, 0)["1"] == {
        "gone": False, "valid_from": NOW, "name": "Mug", "category": None, "price": Decimal("5.5"), "list_price": None,
        "stock": 3, "available": True, "channels": "web;store",
    }  # fmt: skip
    assert state(tmp_path, 0)["2"]["stock"] is None


@pytest.mark.requirement("R-076")
def test_what_cannot_be_used_goes_to_quarantine_with_its_reason(tmp_path: Path) -> None:
    done = load(
        tmp_path,
        STOCK,
        "1,Mug,5,3,yes,",
        ",Tea,5,3,yes,",
        "3,Pot,x,3,yes,",
        "4,Pan,5,2.5,yes,",
        "5,Cup,5,1,maybe,",
        "6,Jar,-1,1,yes,",
    )
    assert done.reasons == {
        "bad type: available is no boolean": 1, "bad type: price is no money": 1, "bad type: stock is no integer": 1,
        "missing product_id": 1, "price below 0": 1,
    }  # fmt: skip
    assert list(state(tmp_path, 0)) == ["1"]


@pytest.mark.requirement("R-077")
def test_the_same_delivery_again_changes_nothing(tmp_path: Path) -> None:
    rows = ["1,Mug,5,3,yes,", "2,Tea,6,1,yes,"]
    load(tmp_path, STOCK, *rows)
    again = load(tmp_path, STOCK, *rows, day=1)
    assert (again.accepted, again.repeated, again.events) == (0, 2, {"product facts": 0})
    assert state(tmp_path, 5)["1"]["valid_from"] == NOW


def test_any_past_day_can_be_looked_at_and_a_price_that_comes_back_is_news(tmp_path: Path) -> None:
    for day, price in ((0, 5), (10, 6), (20, 5)):
        assert load(tmp_path, STOCK, f"1,Mug,{price},3,yes,", day=day).accepted == 1
    assert [state(tmp_path, day)["1"]["price"] for day in (0, 9.9, 10, 25)] == [5, 5, 6, 5]
    assert state(tmp_path, -1) == {}


def test_what_a_delivery_does_not_name_stays_unless_it_is_complete(tmp_path: Path) -> None:
    load(tmp_path, STOCK, "1,Mug,5,3,yes,", "2,Tea,6,1,yes,", "3,Pot,6,1,yes,")
    load(tmp_path, STOCK, "1,Mug,5,2,yes,", day=1)
    assert [p["gone"] for p in state(tmp_path, 1).values()] == [False, False, False]
    whole = changed(STOCK, complete=True)
    done = load(tmp_path, whole, "1,Mug,5,2,yes,", "3,Pot,broken,1,yes,", day=2)
    # A row that cannot be used still says that the product is there.
    assert done.events == {"product facts": 0, "products gone": 1}
    assert {p: s["gone"] for p, s in state(tmp_path, 2).items()} == {"1": False, "2": True, "3": False}
    assert load(tmp_path, whole, "1,Mug,5,2,yes,", "2,Tea,6,1,yes,", "3,Pot,6,1,yes,", day=3).accepted == 1
    assert {s["gone"] for s in state(tmp_path, 3).values()} == {False}
    assert state(tmp_path, 2)["2"]["gone"]


def test_nothing_vanishes_from_a_complete_delivery_that_could_not_be_read_whole(tmp_path: Path) -> None:
    whole = changed(STOCK, complete=True)
    load(tmp_path, whole, "1,Mug,5,3,yes,", "2,Tea,6,1,yes,")
    done = load(tmp_path, whole, "1,Mug,5,2,yes,", ",Tea,6,1,yes,", day=1)
    assert done.events == {"product facts": 1}
    assert not state(tmp_path, 1)["2"]["gone"]


def test_a_time_in_the_row_says_since_when(tmp_path: Path) -> None:
    rows = [
        "1,7,2026-06-20 00:00:00",
        "1,5,2026-06-01 00:00:00",
        "1,9,2026-07-11 00:00:00",
        "1,3,2028-01-01 00:00:00",
    ]
    done = prices(tmp_path, *rows)
    assert (done.accepted, done.reasons) == (3, {"future time": 1})
    assert [state(tmp_path, d)["1"]["price"] for d in (-30, -5, 0, 10)] == [5, 7, 7, 9]
    assert prices(tmp_path, *rows[:3], day=2).repeated == 3


def test_the_last_row_of_a_product_in_a_delivery_counts(tmp_path: Path) -> None:
    done = load(tmp_path, STOCK, "1,Mug,5,3,yes,", "1,Mug,5,0,yes,")
    assert (done.accepted, done.repeated) == (1, 1)
    assert state(tmp_path, 0)["1"]["stock"] == 0


def test_two_sources_each_say_their_own(tmp_path: Path) -> None:
    feed = changed(STOCK, id="feed", columns={"sku": "product.product_id", "left": "product.stock"})
    load(tmp_path, STOCK, "1,Mug,5,3,yes,web")
    load(tmp_path, feed, "1,0", day=1, head="sku,left")
    found = state(tmp_path, 1)["1"]
    assert (found["name"], found["price"], found["stock"], found["channels"]) == ("Mug", 5, 0, "web")


def test_a_mapping_that_no_catalogue_has_is_found_before_loading(tmp_path: Path) -> None:
    wrong = changed(STOCK, columns={"sku": "product.product_id", "left": "product.pieces"})
    nameless = changed(STOCK, columns={"left": "product.stock"})
    said = [p.what for s in (wrong, nameless) for p in check(plan_of(tmp_path, s)) if p.level == "error"]
    assert "fact about a product 'pieces' is not defined" in said[0]
    assert "source stock maps no column to product.product_id" in said
    with pytest.raises(ButforError):
        load(tmp_path, wrong, "1,3", head="sku,left")
    assert state(tmp_path, 1) == {}
