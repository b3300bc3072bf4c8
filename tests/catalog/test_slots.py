"""The slots as pure functions: what is never suggested, what EASE is, and that equal scores come out alike."""

from __future__ import annotations

from itertools import product as pairs

import numpy as np
import pytest
import scipy.sparse as sp
from histories import crowd, history
from hypothesis import given, settings
from hypothesis import strategies as st

from butfor.catalog.recommend import SLOTS, Product, Rules, eligible, fit, reason, report, suggest
from butfor.catalog.recommend.again import RIPE, not_due, own_frequency, refill_cycles
from butfor.catalog.recommend.eligible import channels_of, hindrance
from butfor.catalog.recommend.measure import bootstrap, gains, ndcg
from butfor.catalog.recommend.ranking import order_of, top
from butfor.catalog.recommend.serve import Suggestion
from butfor.catalog.recommend.together import ease, item_item

NOW = 300.0
some_products = st.lists(
    st.builds(
        Product, product_id=st.integers(0, 7).map(lambda i: f"i{i}"), stock=st.none() | st.integers(-2, 3),
        available=st.none() | st.booleans(), channels=st.sampled_from([None, "", "web", "store;web", "store"]),
        gone=st.booleans(), category=st.sampled_from([None, "tea", "postage"]),
    ),
    unique_by=lambda p: p.product_id,
)  # fmt: skip
purchases = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 7).map(lambda i: f"i{i}"), st.floats(0, 299)),
    max_size=40,
)


@given(
    bought=purchases,
    known=some_products,
    slot=st.sampled_from(SLOTS),
    cells=st.booleans(),
    channel=st.sampled_from(["web", "store"]),
)
@settings(max_examples=150, deadline=None)
def test_only_what_may_be_suggested_is(
    bought: list[tuple[str, str, float]], known: list[Product], slot: str, cells: bool, channel: str
) -> None:
    past = history(bought, people=["a", "b", "c", "nobody"], products=[p.product_id for p in known])
    rules = Rules(never=["post.*"], channel=channel)
    by_id = {p.product_id: p for p in known}
    allowed, left_out = eligible(past.products, by_id, rules)
    fitted = fit(past, NOW, ["loyal" if cells else None] * len(past.people))
    waiting = not_due(past, NOW).toarray()
    mine = past.bought().toarray()
    found = suggest(fitted, slot, range(len(past.people)), allowed, 5)
    assert sum(left_out.values()) == (~allowed).sum()
    for person, each in enumerate(found):
        assert len({s.product for s in each}) == len(each) <= 5
        for s in each:
            p = by_id[past.products[s.product]]
            assert not p.gone
            assert p.available is not False
            assert p.stock is None or p.stock > 0
            assert p.channels is None or channel in p.channels
            assert p.category != "postage"
            assert not (mine[person, s.product] if slot == "new_for_you" else waiting[person, s.product])
            assert reason(s, past.products, by_id)


@pytest.mark.requirement("R-099")
def test_each_hindrance_says_which_it_is() -> None:
    p = {"product_id": "x", "category": "gift cards"}
    found = [
        hindrance(Product(**p, stock=0), Rules()), hindrance(Product(**p, available=False), Rules()),
        hindrance(Product(**p, channels="Store"), Rules(channel="web")), hindrance(Product(**p), Rules(never=["gift.*"])),
        hindrance(Product(**p, gone=True), Rules()), hindrance(Product(**p, stock=1, channels="WEB|app"), Rules(channel="web")),
    ]  # fmt: skip
    assert found == [
        "out of stock", "not available", "not for sale in web", "never to be suggested (butfor.yaml)",
        "no longer in the catalogue", None,
    ]  # fmt: skip


def test_what_is_sold_in_a_channel_may_be_suggested_there() -> None:
    for text in ("store", "Store; web", "web|store", "web store"):
        assert hindrance(Product(product_id="x", channels=text), Rules(channel="store")) is None
    assert channels_of("mass; kiosk") == {"mass", "kiosk"}


def test_a_purchase_counts_half_after_its_half_life() -> None:
    past = history([("a", "tea", NOW), ("a", "tea", NOW - 30), ("a", "mug", NOW - 60)])
    weights = own_frequency(past, NOW, 30).toarray()[0]
    assert dict(zip(past.products, weights, strict=True)) == pytest.approx({"tea": 1.5, "mug": 0.25})


def test_a_refill_is_due_by_own_gaps_then_by_the_product_then_by_the_category() -> None:
    own = [("a", "tea", d) for d in (0.0, 10.0, 22.0)]
    others = [(f"p{n}", "tea", d) for n in range(5) for d in (0.0, 40.0)]
    past = history([*own, *others, ("b", "tea", 3.0), ("b", "pot", 3.0)])
    cycle = refill_cycles(past).toarray()
    tea, pot = past.products.index("tea"), past.products.index("pot")
    a, b = past.people.index("a"), past.people.index("b")
    assert (cycle[a, tea], cycle[b, tea], cycle[b, pot]) == (11.0, 40.0, 40.0)
    many = [(f"q{n}", f"cup{n}", d) for n in range(20) for d in (0.0, 90.0)]
    grouped = history([*own, *others, *many, ("b", "plate", 3.0)])
    groups = ["china" if p.startswith(("cup", "plate")) else None for p in grouped.products]
    plate = refill_cycles(grouped, groups).toarray()[
        grouped.people.index("b"), grouped.products.index("plate")
    ]
    assert plate == 90.0


def test_what_was_just_bought_waits_and_what_is_never_bought_twice_waits_for_ever() -> None:
    past = history([("a", "tea", d) for d in (0.0, 20.0, 40.0)] + [("a", "sofa", 0.0)])
    early = not_due(past, 40.0 + RIPE * 20 - 0.1).toarray()[0]
    later = not_due(past, 40.0 + RIPE * 20).toarray()[0]
    assert (early[past.products.index("tea")], later[past.products.index("tea")]) == (1, 0)
    single = history([("a", "sofa", 0.0)])
    assert not_due(single, 10_000.0).toarray().tolist() == [[1.0]]


def test_who_gave_everything_back_has_not_bought_it() -> None:
    past = history(
        [("a", "mug", 1.0), ("a", "tea", 1.0), ("b", "mug", 1.0)],
        back=[("a", "mug", 2.0), ("z", "mug", 2.0), ("b", "new", 2.0)],
    )
    assert past.bought().toarray().tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_ease_is_the_best_of_all_weights_with_a_zero_diagonal() -> None:
    """Column j minimises |x_j - X b|^2 + penalty |b|^2 with b_j = 0: an ordinary ridge regression on the other columns."""
    bought = (np.random.default_rng(3).random((40, 7)) < 0.4).astype(float)
    found = ease(sp.csr_matrix(bought), 5.0)
    for j in range(7):
        others = [i for i in range(7) if i != j]
        x = bought[:, others]
        best = np.linalg.solve(x.T @ x + 5.0 * np.eye(6), x.T @ bought[:, j])
        assert found[others, j] == pytest.approx(best, abs=1e-9)
        assert found[j, j] == 0


def test_item_item_by_its_definition() -> None:
    bought = (np.random.default_rng(4).random((30, 6)) < 0.4).astype(float)
    n, size = bought.sum(axis=0), bought.sum(axis=1)
    length = 2.2 / (1 + 1.2 * (0.25 + 0.75 * size / size.mean()))
    rarity = np.log(1 + (30 - n + 0.5) / (n + 0.5))
    found = item_item(sp.csr_matrix(bought), shrink=2.0, keep=6).toarray()
    for i, j in pairs(range(6), range(6)):
        both = sum(length[u] * bought[u, i] * bought[u, j] for u in range(30)) * rarity[i]
        want = 0.0 if i == j else both / ((np.sqrt(n[i]) + 2) * (np.sqrt(n[j]) + 2))
        assert found[i, j] == pytest.approx(want)
    assert (item_item(sp.csr_matrix(bought), keep=2) > 0).sum(axis=0).max() <= 2


def test_ties_go_to_the_popular_and_then_to_the_first() -> None:
    order = order_of(np.array([1.0, 5.0, 1.0, 5.0]))
    assert order.tolist() == [1, 3, 0, 2]
    score = np.array([[1.0, 1.0, 1.0, -np.inf]])
    assert top(score, 5, order).tolist() == [[1, 0, 2, -1, -1]]


@pytest.mark.parametrize("slot", SLOTS)
def test_the_order_of_rows_changes_nothing(slot: str) -> None:
    past = crowd(120, 60, 300, seed=1)
    mixed = past.where(np.random.default_rng(0).permutation(len(past.day)))
    allowed = np.ones(60, dtype=bool)
    cells = ["loyal", "new"] * 60
    one, two = (
        suggest(fit(h, NOW, cells[: len(h.people)]), slot, range(len(h.people)), allowed, 8)
        for h in (past, mixed)
    )
    assert one == two


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("bought", [[], [("a", "tea", 1.0)], [("a", "tea", 1.0), ("b", "mug", 1.0)]])
def test_almost_nothing_is_known(slot: str, bought: list[tuple[str, str, float]]) -> None:
    past = history(bought, people=["nobody"])
    fitted = fit(past, 2.0, [None] * len(past.people))
    found = suggest(fitted, slot, range(len(past.people)), np.ones(len(past.products), dtype=bool), 3)
    assert len(found) == len(past.people)
    assert {s.step for each in found for s in each} <= {"popular"}
    assert fitted.settings.said
    sentences = [
        s.sentence
        for s in report(past, 1.5, [None] * len(past.people), np.ones(len(past.products), dtype=bool))
    ]
    assert all("nothing was measured" in s for s in sentences)


def test_a_cold_person_gets_the_segment_and_then_everybody() -> None:
    bought = [(f"l{n}", "tea", 290.0) for n in range(3)] + [(f"o{n}", "mug", 290.0) for n in range(5)]
    past = history(bought, people=["cold", "colder"])
    cells = ["loyal" if p.startswith("l") or p == "cold" else None for p in past.people]
    fitted = fit(past, NOW, cells)
    cold, colder = (
        suggest(fitted, "new_for_you", [past.people.index(p)], np.array([True, True]), 5)[0]
        for p in ("cold", "colder")
    )
    assert [(past.products[s.product], s.step, s.segment) for s in cold] == [
        ("tea", "popular in segment", "loyal"),
        ("mug", "popular", None),
    ]
    assert [(past.products[s.product], s.step) for s in colder] == [("mug", "popular"), ("tea", "popular")]


def test_reasons_say_what_the_step_knew() -> None:
    products, known = ["mug", "tea"], {"tea": Product(product_id="tea", name="Green tea")}
    again = Suggestion(product=0, score=0.5, step="own frequency", times=4, last=20_600.0)
    new = Suggestion(product=0, score=0.5, step="goes with", goes_with=1)
    liked = Suggestion(product=0, score=0.5, step="popular in segment", segment="slipping_loyal")
    assert [reason(s, products, known) for s in (again, new, liked)] == [
        "bought 4 times, last on 2026-05-27", "goes with Green tea, which you bought", "popular with customers who buy as you do",
    ]  # fmt: skip


@pytest.mark.requirement("R-194")
def test_what_may_choose_but_not_be_said_is_not_said() -> None:
    kinds = [
        Suggestion(product=0, score=0.5, step=s, times=2, goes_with=1, segment="loyal")
        for s in ("own frequency", "goes with", "popular in segment")
    ]
    assert {reason(s, ["mug", "tea"], {}, subtle=True) for s in kinds} == {"chosen for you"}


@pytest.mark.requirement("R-104")
def test_a_short_history_says_what_it_cannot_support() -> None:
    past = crowd(200, 60, 60, seed=2)
    short = fit(past, 60.0, [None] * len(past.people))
    assert short.settings.method == "item-item"
    assert "seasonality off; popular + co-purchase only" in short.settings.said[0]
    thin = fit(crowd(20, 60, 60, seed=2), 60.0, [None] * 20)
    assert thin.settings.method is None
    assert "too few to learn what goes with what" in thin.settings.said[-1]


def test_ndcg_by_hand() -> None:
    wanted = sp.csr_matrix(np.array([[1, 0, 1, 0], [0, 0, 0, 1]]))
    hit = gains(np.array([[2, 1], [-1, 0]]), wanted)
    assert hit.tolist() == [[1, 0], [0, 0]]
    assert ndcg(hit, np.array([2, 1])) == pytest.approx([1 / (1 + 1 / np.log2(3)), 0])


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    samples = rng.beta(0.5, 2, size=(300, 80))
    covered = [bootstrap(s, seed=k, draws=300).covers(0.2) for k, s in enumerate(samples)]
    assert 0.90 < np.mean(covered) < 0.98
    assert bootstrap(samples[0], 1) == bootstrap(samples[0], 1)


def test_the_report_tells_a_slot_that_works_from_chance() -> None:
    past = crowd(400, 60, 300, seed=6)
    again, new = report(past, 200.0, [None] * len(past.people), np.ones(60, dtype=bool))
    assert "beats" in again.sentence
    assert "beats popular" in new.sentence
    shuffled = np.random.default_rng(1).permutation(past.person)
    noise = type(past)(past.people, past.products, shuffled, past.product, past.day, past.pieces)
    assert "beats" not in report(noise, 200.0, [None] * len(past.people), np.ones(60, dtype=bool))[1].sentence


def test_the_future_has_no_say() -> None:
    """Whatever is bought after the cut, the same is suggested at the cut."""
    past = crowd(150, 60, 300, seed=7)
    cells: list[str | None] = [None] * len(past.people)
    known = past.where(past.day < 200)
    one, two = (fit(h, 200.0, cells) for h in (past, known))
    assert one.settings == two.settings
    allowed = np.ones(60, dtype=bool)
    for slot in SLOTS:
        assert suggest(one, slot, range(50), allowed, 5) == suggest(two, slot, range(50), allowed, 5)


def test_a_model_that_popularity_beats_is_not_used() -> None:
    """People who buy at random, most often the same few products: nothing goes with anything."""
    rng = np.random.default_rng(8)
    chance = 1 / np.arange(1, 61) ** 1.5
    found = [
        (f"p{p:03d}", f"i{i:03d}", float(rng.integers(0, 300)))
        for p in range(400)
        for i in rng.choice(60, size=6, replace=False, p=chance / chance.sum())
    ]
    past = history(found)
    fitted = fit(past, NOW, [None] * len(past.people))
    assert fitted.settings.method is None
    assert "no better than popularity" in fitted.settings.said[-1]
    some = suggest(fitted, "new_for_you", [0, 1], np.ones(len(past.products), dtype=bool), 3)
    assert {s.step for each in some for s in each} == {"popular"}
