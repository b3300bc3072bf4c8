"""A planted effect is there, is exactly known, and is what the second deliveries say."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from simulated_files import cents_by_person, json_rows, till_rows

from butfor.model import BadInput
from butfor.simulate import ShopSettings, simulate_shop
from butfor.simulate.response import GENERIC, NONE, PERSONALISED, expected_margin

SETTINGS = ShopSettings(people=3_000, generic_lift=0.2, personalised_lift=0.4)


@pytest.fixture(scope="module")
def shop():
    return simulate_shop(SETTINGS)


def messages(shop, levels, people=None):
    people = np.arange(shop.settings.people) if people is None else people
    return pa.table({"email": shop.truth["email"].take(pa.array(people)), "level": levels})


def arms(shop, seed, share=(0.1, 0.45, 0.45)):
    levels = np.random.default_rng(seed).choice(
        ["none", "generic", "personalised"], shop.settings.people, p=share
    )
    return levels, messages(shop, levels)


def test_second_deliveries_add_up_to_the_outcomes(shop, tmp_path):
    response = shop.respond(arms(shop, 1)[1])
    paths = response.write(tmp_path)
    rows = response.accounts().to_pylist()
    owner = {(r["source"], r["key"]): r["person"] for r in rows if r["source"] != "web"}
    till = till_rows(paths["till"])
    spent = cents_by_person(till, json_rows(paths["webshop"]), owner)
    assert [spent[p] for p in range(SETTINGS.people)] == response.outcomes["net_cents_seen"].to_pylist()
    assert sum(spent.values()) == sum(response.outcomes["net_cents"].to_pylist())
    first = min(int(r["receipt_no"].lstrip("R")) for r in till)
    history = till_rows(shop.write(tmp_path / "history")["till"])
    assert first == max(int(r["receipt_no"].lstrip("R")) for r in history) + 1


def test_messages_change_nothing_but_what_they_cause(shop):
    one, two = shop.respond(arms(shop, 1)[1]).outcomes, shop.respond(arms(shop, 2)[1]).outcomes
    assert one["net_cents_without"].equals(two["net_cents_without"])
    held = (one["level"].to_numpy() == "none") & (two["level"].to_numpy() == "none")
    assert np.array_equal(one["margin"].to_numpy()[held], two["margin"].to_numpy()[held])
    assert np.array_equal(one["margin"].to_numpy()[held], one["margin_without"].to_numpy()[held])


def test_caused_orders_are_never_anonymous(shop):
    table = shop.respond(messages(shop, ["personalised"] * SETTINGS.people)).outcomes
    quiet = shop.respond(messages(shop, ["none"] * SETTINGS.people)).outcomes
    caused = table["net_cents"].to_numpy() - table["net_cents_without"].to_numpy()
    seen = table["net_cents_seen"].to_numpy() - quiet["net_cents_seen"].to_numpy()
    assert np.array_equal(caused, seen)


@pytest.mark.parametrize(("level", "index"), [("generic", GENERIC), ("personalised", PERSONALISED)])
def test_margin_caused_is_what_the_closed_form_expects(shop, level, index):
    everyone = messages(shop, [level] * SETTINGS.people)
    planted = [shop.respond(everyone, seed=s).planted[level] for s in range(40)]
    caused = np.array([p["margin_caused"] for p in planted])
    error = caused.std(ddof=1) / np.sqrt(caused.size)
    assert planted[0]["expected_margin_caused"] == pytest.approx(expected_margin(shop.world)[:, index].sum())
    assert abs(caused.mean() - planted[0]["expected_margin_caused"]) < 4 * error
    assert error < 0.02 * caused.mean()


def test_a_difference_in_means_recovers_the_effect_over_random_arms(shop):
    potential = {
        level: shop.respond(messages(shop, [level] * SETTINGS.people)).outcomes["margin"].to_numpy()
        for level in ("none", "generic", "personalised")
    }
    truth = (potential["personalised"] - potential["none"]).mean()
    found, errors = [], []
    for seed in range(200):
        levels, _ = arms(shop, seed, (0.5, 0.0, 0.5))
        got, kept = (potential[name][levels == name] for name in ("personalised", "none"))
        found.append(got.mean() - kept.mean())
        errors.append(np.sqrt(got.var() / got.size + kept.var() / kept.size))
    assert abs(np.mean(found) - truth) < 4 * np.mean(errors) / np.sqrt(200)
    covered = np.abs(np.array(found) - truth) < 1.96 * np.array(errors)
    assert covered.mean() > 0.9


def test_arms_of_one_campaign_show_each_persons_potential_outcome(shop):
    levels, sent = arms(shop, 3)
    outcomes = shop.respond(sent).outcomes
    alone = shop.respond(messages(shop, ["generic"] * SETTINGS.people)).outcomes
    mask = levels == "generic"
    assert np.array_equal(outcomes["margin"].to_numpy()[mask], alone["margin"].to_numpy()[mask])


def test_only_real_addresses_reach_and_the_strongest_level_counts(shop):
    row = next(r for r in shop.truth.to_pylist() if len(r["emails"]) == 2)
    main, other = row["emails"]
    sent = pa.table({
        "email": [f" {main.upper()} ", other, "nobody@nowhere.example", None],
        "level": ["none", "personalised", "generic", "generic"],
    })  # fmt: skip
    response = shop.respond(sent)
    assert response.outcomes["level"][row["person"]].as_py() == "personalised"
    assert {k: v["people"] for k, v in response.planted.items()} == {
        "none": 0,
        "generic": 0,
        "personalised": 1,
    }
    assert response.planted["none"]["margin_caused"] == 0.0


def test_campaign_events_are_delivered(shop, tmp_path):
    paths = shop.respond(arms(shop, 1)[1]).write(tmp_path)
    mails = json_rows(paths["email_events"])
    delivered = {m["email"] for m in mails if m["type"] == "delivered"}
    assert {m["campaign"] for m in mails} == {"win-back"}
    assert {m["email"] for m in mails if m["type"] in ("open", "click")} <= delivered


@pytest.mark.parametrize(
    ("table", "days", "thing"),
    [
        ({"mail": ["a@b.de"], "level": ["none"]}, 28, "column email"),
        ({"email": ["a@b.de"], "level": ["loud"]}, 28, "message level"),
        ({"email": ["a@b.de"], "level": ["none"]}, 1, "days"),
    ],
)
def test_messages_that_cannot_be_sent_are_refused(shop, table, days, thing):
    with pytest.raises(BadInput, match=thing):
        shop.respond(pa.table(table), days)


def test_effects_are_plausible_for_lapsed_people():
    shop = simulate_shop(ShopSettings())
    last = shop.truth["last_order_on"].cast(pa.int32()).to_numpy(zero_copy_only=False)
    gap = (shop.settings.ends - date(1970, 1, 1)).days - last
    lapsed = np.flatnonzero((gap >= 90) & (gap < 365))
    assert 4_000 < lapsed.size < 9_000
    bought = {}
    for level in (NONE, GENERIC, PERSONALISED):
        name = ("none", "generic", "personalised")[level]
        rows = shop.respond(messages(shop, [name] * lapsed.size, lapsed)).outcomes
        bought[name] = (rows["net_cents"].to_numpy()[lapsed] > 0).mean()
    assert 0.04 < bought["none"] < 0.09
    assert bought["generic"] - bought["none"] == pytest.approx(0.020, abs=0.006)
    assert bought["personalised"] - bought["none"] == pytest.approx(0.045, abs=0.008)
