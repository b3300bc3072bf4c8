"""A simulated shop's files say exactly what its truth says."""

import csv
import filecmp
from collections import Counter
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from simulated_files import cents_by_person, json_rows, order_cents, till_rows

from butfor.model import BadInput
from butfor.simulate import ShopSettings, simulate_shop
from butfor.simulate.clock import utc

SMALL = ShopSettings(people=600)


@pytest.fixture(scope="module")
def shop():
    return simulate_shop(SMALL)


@pytest.fixture(scope="module")
def paths(shop, tmp_path_factory):
    return shop.write(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def owner(shop):
    rows = shop.accounts().to_pylist()
    return {(r["source"], r["key"]): r["person"] for r in rows if r["source"] != "web"}


def test_equal_settings_give_identical_bytes_and_other_seeds_do_not(paths, tmp_path):
    again = simulate_shop(SMALL).write(tmp_path / "again")
    other = simulate_shop(ShopSettings(people=600, seed=8)).write(tmp_path / "other")
    assert all(filecmp.cmp(paths[name], again[name], shallow=False) for name in paths)
    assert not any(filecmp.cmp(paths[name], other[name], shallow=False) for name in paths)


def test_files_add_up_to_the_truth(shop, paths, owner):
    till, webshop = till_rows(paths["till"]), json_rows(paths["webshop"])
    spent = cents_by_person(till, webshop, owner)
    assert [spent[p] for p in range(SMALL.people)] == shop.truth["spend_cents_seen"].to_pylist()
    assert sum(spent.values()) == sum(shop.truth["spend_cents"].to_pylist())
    receipts = {r["receipt_no"] for r in till if not r["receipt_no"].startswith("R")}
    orders = [o for o in webshop if o["order_id"].startswith("W")]
    assert len(receipts) + len(orders) == sum(shop.truth["orders"].to_pylist())
    assert all(round(o["total"] * 100) == order_cents(o) for o in webshop)


def test_anonymous_receipts_and_returns_have_the_share_that_was_set(paths):
    till = till_rows(paths["till"])
    cards = {r["receipt_no"]: r["card_no"] for r in till if not r["receipt_no"].startswith("R")}
    assert np.mean([not c for c in cards.values()]) == pytest.approx(SMALL.anonymous_receipts, abs=0.01)
    returned = sum(r["receipt_no"].startswith("R") for r in till)
    assert returned / (len(till) - returned) == pytest.approx(SMALL.return_rate, rel=0.25)
    assert all((int(r["qty"]) < 0) == r["receipt_no"].startswith("R") for r in till)


def test_crm_has_second_records_in_cp1252_and_loyalty_a_byte_order_mark(shop, paths):
    with paths["crm"].open(encoding="cp1252", newline="") as file:
        crm = list(csv.DictReader(file, delimiter=";"))
    assert len(crm) == sum(map(len, shop.truth["customer_ids"].to_pylist()))
    assert len(crm) / SMALL.people == pytest.approx(1 + SMALL.duplicate_rate, abs=0.05)
    assert any("ü" in r["last_name"] for r in crm)
    assert {"yes", "no"} == {r["newsletter"] for r in crm}
    assert 'wünscht "keine" Anrufe' in {r["note"] for r in crm}
    assert paths["loyalty"].read_bytes()[:3] == b"\xef\xbb\xbf"
    with paths["loyalty"].open(encoding="utf-8-sig", newline="") as file:
        assert {r["card_no"] for r in csv.DictReader(file)} == set(
            shop.truth["card_no"].drop_null().to_pylist()
        )


def test_every_key_in_the_files_has_a_true_person(shop, paths, owner):
    web = pq.read_table(paths["web"])
    pairs = {(r["key"], r["person"]) for r in shop.accounts().to_pylist() if r["source"] == "web"}
    assert {k for k, _ in pairs} == set(web["device_id"].to_pylist())
    assert max(Counter(k for k, _ in pairs).values()) == 2
    assert web["at"].to_pylist() == sorted(web["at"].to_pylist())
    mails = json_rows(paths["email_events"])
    assert {("email_events", m["email"]) for m in mails} == {k for k in owner if k[0] == "email_events"}
    assert {"delivered", "open", "click", "bounce"} <= {m["type"] for m in mails}


def test_web_times_follow_the_zone(paths):
    offsets = {
        o["ordered_at"][19:] for o in json_rows(paths["webshop"]) if o["ordered_at"][5:7] in ("01", "12")
    }
    assert offsets == {"+01:00", "Z"}


def test_numbers_of_one_person_do_not_match_across_systems(shop):
    rows = [r for r in shop.truth.to_pylist() if r["card_no"] and r["webshop_ids"]]
    assert not any(r["card_no"][4:] in (r["webshop_ids"][0][1:], r["customer_ids"][0][1:]) for r in rows)


def test_addresses_are_nobody_elses(shop):
    mails = [m for row in shop.truth["emails"].to_pylist() for m in row]
    assert len(mails) == len(set(mails))


def test_shape_of_the_shop():
    orders = simulate_shop(ShopSettings(people=4_000)).truth["orders"].to_numpy()
    assert (orders == 0).mean() == pytest.approx(0.10, abs=0.02)
    assert 5.0 < orders[orders > 0].mean() < 7.0
    assert 0.1 < (orders[orders > 0] == 1).mean() < 0.3


def test_two_hundred_people_and_odd_settings_can_be_written(tmp_path):
    odd = ShopSettings(
        people=200, days=60, newsletters=0, anonymous_receipts=1.0, shared_device_rate=0.0, typo_rate=0.0
    )
    shop = simulate_shop(odd)
    assert len(shop.write(tmp_path)) == 6
    assert shop.truth["card_no"].null_count == 200
    assert shop.respond(
        pa.table({"email": pa.array([], pa.string()), "level": pa.array([], pa.string())})
    ).write(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("people", 3),
        ("people", 20.5),
        ("return_rate", 1.2),
        ("seed", -1),
        ("days", True),
        ("ends", "2026-06-30"),
    ],
)
def test_impossible_settings_are_refused_with_the_next_step(name, value):
    with pytest.raises(BadInput) as caught:
        ShopSettings(**{name: value})
    assert name in caught.value.thing
    assert caught.value.value == value
    assert caught.value.rule
    assert caught.value.next_step


def test_history_ends_on_the_day_set(paths):
    days = {r["sold_at"][:10] for r in till_rows(paths["till"])}
    last = max(date(int(d[6:]), int(d[3:5]), int(d[:2])) for d in days)
    assert last == SMALL.ends


def test_the_shops_zone_is_berlin_across_both_changes():
    hours = [
        datetime(y, m, d, h) for y in (2025, 2026) for m in (3, 10) for d in range(20, 32) for h in (0, 7, 22)
    ]
    local = np.array([int(t.replace(tzinfo=UTC).timestamp()) for t in hours])
    expected = [int(t.replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()) for t in hours]
    assert utc(local).tolist() == expected
