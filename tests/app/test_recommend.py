"""From files to suggestions: the catalogue decides what may be promised, the plan what may be used and said."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from shops import GRID, NOW, TILL, changed, shop, till_file, write

from butfor.app import Workspace
from butfor.app.privacy import erase_person
from butfor.app.recommend import recommend, recommend_all, recommendation_report, recommended
from butfor.model import BadInput, Refused
from butfor.plan import retail_plan
from butfor.plan.kinds import Source, Term

STOCK = Source(
    id="stock", label="Stock", connector="csv", grain="product", freshness_hours=6,
    columns={"sku": "product.product_id", "name": "product.name", "price": "product.price", "left": "product.stock", "in": "product.channels"},
)  # fmt: skip
HEAD = "sku,name,price,left,in"
BOUGHT = {
    "ann": [("tea", 60), ("tea", 40), ("tea", 20), ("mug", 50)],
    "bob": [("tea", 30), ("pot", 30)],
    "eve": [("pot", 10)],
}


def lines() -> list[str]:
    return [
        f"r{n}-{who},{(NOW - timedelta(days=days)):%Y-%m-%d %H:%M:%S},{who},{what},1,5"
        for who, each in BOUGHT.items()
        for n, (what, days) in enumerate(each)
    ]


def stocked(ws: Workspace, *rows: str) -> None:
    ws.load("stock", write(ws.folder / "stock.csv", [HEAD, *rows]))


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    opened = shop(tmp_path, TILL, STOCK, GRID)
    opened.load("till", till_file(tmp_path / "till.csv", lines()))
    opened.run()
    return opened


def ids(ws: Workspace, name: str, slot: str, **more: str) -> list[str]:
    return [i.product_id for i in recommend(ws, f"till:{name}", slot, **more).items]


def test_without_a_catalogue_what_was_sold_is_suggested_and_that_is_said(ws: Workspace) -> None:
    found = recommend(ws, "till:ann", "buy_again")
    first = found.items[0]
    assert (first.place, first.product_id, first.price, first.reason) == (
        1,
        "tea",
        5,
        f"bought 3 times, last on {NOW - timedelta(days=20):%Y-%m-%d}",
    )
    assert found.said[0].startswith("no catalogue was delivered")
    assert ids(ws, "ann", "new_for_you") == ["pot"]


@pytest.mark.requirement("R-099")
def test_out_of_stock_is_replaced_and_when_all_are_out_nothing_is_suggested(ws: Workspace) -> None:
    stocked(ws, "tea,Tea,5,3,web", "mug,Mug,9,1,store", "pot,Pot,20,,")
    assert set(ids(ws, "ann", "buy_again")) == {"tea", "mug", "pot"}
    assert ids(ws, "ann", "buy_again", channel="web")[0] == "tea"
    assert "mug" not in ids(ws, "ann", "buy_again", channel="web")
    stocked(ws, "tea,Tea,5,0,web")
    assert ids(ws, "ann", "buy_again", channel="web") == ["pot"]
    stocked(ws, "mug,Mug,9,0,store", "pot,Pot,20,0,")
    found = recommend(ws, "till:ann", "buy_again")
    assert (found.items, found.left_out) == ([], {"out of stock": 3})


@pytest.mark.requirement("R-099")
def test_nothing_is_promised_from_an_old_feed(tmp_path: Path, ws: Workspace) -> None:
    stocked(ws, "tea,Tea,5,3,", "mug,Mug,9,1,", "pot,Pot,20,1,")
    ws._now = NOW + timedelta(hours=26)
    with pytest.raises(Refused, match="26 hours old"):
        recommend(ws, "till:ann", "buy_again")
    ws._now = NOW + timedelta(hours=5)
    assert ids(ws, "ann", "buy_again")


def test_the_past_is_seen_with_the_catalogue_and_the_purchases_of_then(ws: Workspace) -> None:
    stocked(ws, "tea,Tea,5,0,", "mug,Mug,9,1,", "pot,Pot,20,1,")
    then = recommend(ws, "till:ann", "buy_again", as_of=NOW - timedelta(days=25))
    assert then.items[0].reason.startswith("bought 2 times")
    assert "tea" not in ids(ws, "ann", "buy_again")


def test_the_batch_writes_what_one_person_is_told(ws: Workspace) -> None:
    for _ in range(2):
        done = recommend_all(ws, "buy_again", 2)
        recommend_all(ws, "new_for_you", 2)
    rows = recommended(ws, "buy_again")
    assert (done.rows, done.people) == (len(rows), len({r["person_id"] for r in rows}))
    assert sum(done.steps.values()) == len(rows)
    one = recommend(ws, "till:ann", "buy_again", n=2)
    mine = [r for r in rows if r["person_id"] == one.person_id]
    assert [(r["place"], r["product_id"], r["reason"], r["score"]) for r in mine] == [
        (i.place, i.product_id, i.reason, i.score) for i in one.items
    ]
    assert {r["slot"] for r in recommended(ws, "new_for_you")} == {"new_for_you"}


def test_an_erased_person_keeps_no_suggestions_and_teaches_nothing(ws: Workspace) -> None:
    recommend_all(ws, "buy_again", 2)
    person = recommend(ws, "till:bob", "buy_again").person_id
    erase_person(ws, "till:bob", "a test")
    assert person not in {r["person_id"] for r in recommended(ws, "buy_again")}
    ws.run()
    done = recommend_all(ws, "buy_again", 2)
    assert done.people == 2


@pytest.mark.requirement("R-194")
@pytest.mark.parametrize(
    ("use", "reasons", "steps"),
    [
        (
            "subtle",
            {"chosen for you", "popular with all customers"},
            {"own frequency", "popular", "popular in segment"},
        ),
        ("deny", {"popular with all customers"}, {"popular"}),
    ],
)
def test_the_plan_says_what_purchases_may_be_used_for(
    tmp_path: Path, use: str, reasons: set[str], steps: set[str]
) -> None:
    term = next(d for d in retail_plan() if isinstance(d, Term) and d.id == "order_completed")
    assert term.uses is not None
    denied = changed(term, uses=msgspec.structs.replace(term.uses, content=use))
    with shop(tmp_path, TILL, GRID, denied) as ws:
        ws.load("till", till_file(tmp_path / "till.csv", lines()))
        ws.run()
        found = recommend(ws, "till:ann", "buy_again").items
    assert {i.reason for i in found} <= reasons
    assert {i.step for i in found} <= steps
    assert found


def test_what_is_asked_for_must_exist(ws: Workspace) -> None:
    with pytest.raises(BadInput, match="buy_again"):
        recommend(ws, "till:ann", "buy_agian")
    with pytest.raises(BadInput, match="customer"):
        recommend(ws, "till:nobody", "buy_again")
    with pytest.raises(BadInput, match="at least one"):
        recommend_all(ws, "buy_again", 0)


def test_the_report_of_a_small_shop_says_that_nothing_could_be_learned(ws: Workspace) -> None:
    found = recommendation_report(ws, cut=NOW - timedelta(days=35), days=35)
    assert found.cut == NOW - timedelta(days=35)
    assert [s.people for s in found.slots] == [1, 0]
    assert any("too few to learn" in line for line in found.slots[1].said)


def test_the_command_line(tmp_path: Path) -> None:
    import butfor

    butfor.init(tmp_path / "w", currency="EUR")
    from butfor.app.sources import add_source

    for system in ("till", "catalogue"):
        add_source(tmp_path / "w", system)

    def cli(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "butfor", "-C", str(tmp_path / "w"), *words],
            capture_output=True,
            text=True,
            check=False,
        )

    for words in (
        ("load", "till", f"{tmp_path}/w/examples/till.csv"),
        ("load", "catalogue", f"{tmp_path}/w/examples/catalogue.csv"),
        ("run",),
    ):
        assert cli(*words).returncode == 0
    assert cli("recommend").returncode == 1
    batch = json.loads(cli("recommend", "--all", "--slot", "buy_again", "--json").stdout)
    assert batch["slot"] == "buy_again"
    assert "not in the catalogue" in batch["left_out"]
    assert cli("recommend", "--report").returncode == 0
    assert datetime.fromisoformat(batch["as_of"])
