"""S-18: ads do not chase what was bought, from whichever source; coffee comes back when its refill is due."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from calling import calling
from stories import make_shop
from typer.testing import CliRunner

from butfor.cli.main import app
from butfor.plan import load_workspace_file, save_workspace_file
from butfor.plan.kinds import Source

RUNNER = CliRunner()
TILL = Source(
    id="till", label="Till", connector="csv", grain="order_line", event="order_completed", account="customer",
    columns={
        "receipt": "event.order_id", "bought": "time", "customer": "id.customer_id", "email": "id.email",
        "sku": "product.product_id", "category": "product.category", "pieces": "product.quantity", "price": "product.price",
    },
)  # fmt: skip
VIEWS = Source(
    id="views", label="Web views", connector="csv", grain="event", event="product_viewed", account="login",
    columns={
        "login": "id.customer_id", "email": "id.email", "at": "time", "sku": "event.product_id", "category": "event.category"
    },
)  # fmt: skip
PEOPLE = ("ann", "bea", "cid", "dan")


class Shop:
    """A workspace worked through the command line only."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = make_shop(folder, TILL, VIEWS), 0
        file = load_workspace_file(folder)
        save_workspace_file(
            folder,
            type(file)(
                **{f: getattr(file, f) for f in file.__struct_fields__}
                | {"clock": "data", "replenish": ["coffee*"]}
            ),
        )

    def do(self, *arguments: str) -> Any:
        done = RUNNER.invoke(app, ["-C", str(self.folder), *arguments, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.output)

    def load(self, source: str, *lines: str) -> None:
        self.files += 1
        path = self.folder / f"{self.files}.csv"
        head = ",".join(TILL.columns if source == "till" else VIEWS.columns)
        path.write_text("\n".join([head, *lines]) + "\n")
        assert self.do("load", source, str(path))["accepted"] == len(lines)
        self.do("run")

    def buy(self, day: str, who: str, sku: str, category: str) -> None:
        self.load("till", f"r{self.files},{day},{who},{who}@x.org,{sku},{category},1,10")

    def view(self, day: str, who: str, sku: str, category: str) -> str:
        return f"{who},{who}@x.org,{day},{sku},{category}"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    for day in ("2026-06-01", "2026-06-11"):
        made.buy(day, "bea", "beans", "coffee beans")
    made.load(
        "views", made.view("2026-06-19 10:00:00", "ann", "shoe-1", "shoes"), made.view("2026-06-19 10:00:00", "bea", "beans", "coffee beans"),
        made.view("2026-06-19 10:00:00", "cid", "shoe-1", "shoes"), made.view("2026-06-20 12:00:00", "dan", "shoe-2", "shoes"),
    )  # fmt: skip
    for who in PEOPLE:
        made.do("consent", "give", f"{who}@x.org", "--channel", "ads")
    return made


def names(path: str | Path) -> set[str]:
    """Return who is meant by the hashed addresses of a file, with + and - for changes."""
    known = {hashlib.sha256(f"{p}@x.org".encode()).hexdigest(): p for p in PEOPLE}
    sign = {"added": "+", "removed": "-", None: ""}
    with Path(path).open() as file:
        return {sign[r.get("change")] + known[r["email_sha256"]] for r in csv.DictReader(file)}


@pytest.mark.requirement("S-18", "R-101")
def test_purchase_at_the_till_ends_the_chase_and_a_refill_is_exempt(shop: Shop, tmp_path: Path) -> None:
    shop.do(
        "audience",
        "set",
        "looked",
        "--rule",
        "product_viewed in last 30 days",
        "--why",
        "they looked",
        "--accept",
    )
    to = str(tmp_path / "ads.csv")
    first = shop.do("audience", "export", "looked", "--to", to, "--channel", "email", "--purpose", "ads")
    assert (names(to), first["left_out"]) == (set(PEOPLE), {})
    shop.buy("2026-06-20 18:00:00", "ann", "shoe-1", "shoes")
    shop.buy("2026-06-20 18:00:00", "bea", "beans", "coffee beans")
    (second,) = shop.do("audience", "sync", "looked")
    assert names(second["where"]) == {"-ann", "-bea"}
    assert second["left_out"] == {"bought what was looked at": 2}
    assert second["membership_hash"] == first["membership_hash"]
    # Six days on: half of the ten days after which Bea buys coffee again have passed.
    shop.buy("2026-06-26 18:00:00", "eve", "soap", "care")
    (third,) = shop.do("audience", "sync", "--all")
    assert names(third["where"]) == {"+bea"}
    (fourth,) = shop.do("audience", "sync", "--all")
    assert fourth["mode"] == "unchanged"


@pytest.mark.requirement("S-18", "R-101")
def test_every_ads_export_leaves_out_what_was_bought_and_messages_do_not(shop: Shop, tmp_path: Path) -> None:
    shop.do(
        "audience",
        "set",
        "shoes",
        "--rule",
        'product_viewed where category = "shoes"',
        "--why",
        "they looked",
    )
    shop.do(
        "audience",
        "set",
        "anybody",
        "--rule",
        "orders >= 0",
        "--why",
        "an audience about nothing",
        "--accept",
    )
    shop.buy("2026-06-20 18:00:00", "ann", "shoe-1", "shoes")
    for audience, chased in (("shoes", {"cid", "dan"}), ("anybody", {"bea", "cid", "dan"})):
        ads = shop.do(
            "audience",
            "export",
            audience,
            "--to",
            str(tmp_path / "ads.csv"),
            "--channel",
            "email",
            "--purpose",
            "ads",
        )
        assert names(tmp_path / "ads.csv") == chased
        assert ads["left_out"] == {"bought what was looked at": 1}
        mail = shop.do(
            "audience", "export", audience, "--to", str(tmp_path / "mail.csv"), "--channel", "email"
        )
        assert mail["exported"] == len(chased) + 1


@pytest.mark.requirement("R-101")
def test_what_was_bought_before_the_look_or_given_back_does_not_count(shop: Shop, tmp_path: Path) -> None:
    """Bea bought coffee before she looked; Cid bought the shoes after and brought them back."""
    shop.do(
        "audience",
        "set",
        "looked",
        "--rule",
        "product_viewed in last 30 days",
        "--why",
        "they looked",
        "--accept",
    )
    shop.buy("2026-06-20 18:00:00", "cid", "shoe-1", "shoes")
    shop.load("till", "back,2026-06-21,cid,cid@x.org,shoe-1,shoes,-1,10")
    shop.do(
        "audience",
        "export",
        "looked",
        "--to",
        str(tmp_path / "ads.csv"),
        "--channel",
        "email",
        "--purpose",
        "ads",
    )
    assert names(tmp_path / "ads.csv") == set(PEOPLE)


@pytest.mark.requirement("S-18", "R-101")
def test_the_same_over_http(shop: Shop) -> None:
    with calling(shop.folder) as api:
        api.put(
            "audiences/looked",
            text="product_viewed in last 30 days",
            why="they looked",
            who="Mia",
            accept=True,
        )
        first = api.post("audiences/looked/exports", to="ads.csv", channel="email", purpose="ads", who="Mia")
        assert (names(first["where"]), first["left_out"]) == (set(PEOPLE), {})
    shop.buy("2026-06-20 18:00:00", "ann", "shoe-1", "shoes")
    with calling(shop.folder) as api:
        (second,) = api.post("exports/sync", who="Mia")
        assert (names(second["where"]), second["left_out"]) == ({"-ann"}, {"bought what was looked at": 1})
