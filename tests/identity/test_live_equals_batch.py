"""The live lane after any order of observations and judgements equals the judge of everything at once."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from engines import new_database
from hypothesis import given, settings
from hypothesis import strategies as st

from butfor.identity.facts import NAME, Leaf, Limit, Rules, Said, Seen
from butfor.identity.judgements import judgement_row, said_of
from butfor.identity.live import Observation, judge_again, observe
from butfor.identity.partition import partition
from butfor.identity.people import judge_with
from butfor.identity.shelf import Shelf
from butfor.plan.kinds import Identity
from butfor.store import Hub

NOW = datetime(2026, 7, 1)
RULES = Rules(
    linking={
        "customer": Identity(exclusive=True, max_accounts=4),
        "email": Identity(max_accounts=3, blocked=[".*none@.*"]),
        "card": Identity(alone="always", max_per_person=1),
    },
    following={"device": Identity(follows=True, max_accounts=3)},
    limits=[Limit("card", 1, None), Limit("born", 1, None), Limit("email", 2, 30)],
    exclusive=["customer"],
    ranked=["customer", "card", "email"],
    names=["first", "last"],
    attributes=["born"],
    blocked={"email": [".*none@.*"]},
)
VALUES = {
    "customer": ["c1", "c2"],
    "email": ["a@x", "a@x", "b@x", "none@x"],
    "card": ["k1", "k2"],
    "device": ["d1", "d2"],
    "born": ["1980-01-01", "1990-01-01"],
    NAME: ["anna berg", "ann berg", "otto stein"],
}
ACCOUNTS = [f"{i:02d}" for i in range(7)]

facts = st.sampled_from(sorted(VALUES)).flatmap(lambda t: st.tuples(st.just(t), st.sampled_from(VALUES[t])))
seen = st.tuples(
    st.just("see"),
    st.sampled_from(ACCOUNTS),
    facts,
    st.sampled_from([True, True, False]),
    st.sampled_from([None, 0, 10, 50]),
)
judged = st.tuples(
    st.sampled_from(["same", "different", "alike"]), st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS)
).filter(lambda j: j[1] != j[2])
earned = st.tuples(st.just("earn"), st.sampled_from(ACCOUNTS))
withdrawn = st.tuples(st.just("withdraw"), st.integers(0, 5), st.just(ACCOUNTS[0]))
steps = st.lists(st.one_of(seen, seen, seen, seen, judged, earned, withdrawn), min_size=1, max_size=20)


def observation(step: Any) -> Observation:
    _, account, (term, val), sure, day = step
    when = None if day is None else NOW + timedelta(days=day)
    own = val if term in ("born", NAME) else f"{account.split('-')[0]}{val}"
    return Observation(account, "s", account, term, own, when, sure)


def in_world(step: Any, world: int) -> Any:
    """Name the accounts of a step after its sequence, so that all sequences can share one hub."""
    return tuple(f"{world}-{x}" if x in ACCOUNTS else x for x in step)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    url = "sqlite" if request.param == "sqlite" else new_database(request.getfixturevalue("postgres_url"))
    opened = Hub(url, tmp_path_factory.mktemp("hub"))
    yield opened
    opened.close()


WORLDS = itertools.count()


def play(hub: Hub, sequence: list[Any], rng: random.Random) -> tuple[list[Observation], dict[str, int]]:
    rows, stakes, pending = [], {}, []
    for i, step in enumerate(sequence):
        if step[0] == "see":
            rows.append(observation(step))
            pending.append(rows[-1])
            if rng.random() < 0.6:
                observe(hub, RULES, pending, NOW)
                pending = []
            continue
        observe(hub, RULES, pending, NOW)
        pending = []
        apply(hub, step, i, stakes)
    observe(hub, RULES, pending, NOW)
    return rows, stakes


def apply(hub: Hub, step: Any, i: int, stakes: dict[str, int]) -> None:
    if step[0] == "earn":
        stakes[step[1]] = stakes.get(step[1], 0) + 5
        row = {
            "entry": f"{step[1]}-{i}",
            "line": 0,
            "account_id": step[1],
            "amount": 5,
            "kind": "earn",
            "reference": "",
            "who": "",
        }
        hub.append("points", [row | {"occurred_at": NOW, "made_at": NOW}])
        touched = {step[1]}
    elif step[0] == "withdraw":
        have = judgements(hub, step[2])
        if not have:
            return
        old = have[step[1] % len(have)]
        touched = {old["left_account"], old["right_account"]}
        hub.append("judgement", [judgement_row(*sorted(touched), "withdrawn", "t", "r", "", NOW, old["id"])])
    else:
        touched = {step[1], step[2]}
        hub.append("judgement", [judgement_row(step[1], step[2], step[0], "t", "r", "", NOW)])
    with hub.session() as session:
        known = {a for (a,) in session.rows_in("account", "account_id", touched, ["account_id"])}
        judge_again(session, RULES, known, NOW, "test")


def groups(pairs: Iterator[tuple[str, str]] | Any) -> set[frozenset[str]]:
    out: dict[str, set[str]] = {}
    for account, person in pairs:
        if person:
            out.setdefault(person, set()).add(account)
    return {frozenset(g) for g in out.values()}


def judgements(hub: Hub, account: str) -> list[dict[str, Any]]:
    """Return the judgements of the world of an account."""
    world = account.split("-")[0] + "-"
    rows = [r for r in hub.rows("judgement") if r["left_account"].startswith(world)]
    return [r for r in rows if r["verdict"] != "withdrawn"]


@settings(max_examples=int(os.environ.get("BUTFOR_SEQUENCES", "150")), deadline=None)
@given(steps_=steps, rng=st.randoms(use_true_random=False))
def test_live_equals_batch(hub: Hub, steps_: list[Any], rng: random.Random) -> None:
    world = next(WORLDS)
    everyone = {f"{world}-{a}" for a in ACCOUNTS}
    rows, stakes = play(hub, [in_world(s, world) for s in steps_], rng)
    with hub.session() as session:
        live = groups(session.rows_in("account", "account_id", everyone, ["account_id", "person_id"]))
        said, _ = said_of(session, everyone)
    batch = judge_with(Shelf(rows, RULES), RULES, said, stakes)  # type: ignore[arg-type]
    assert groups(zip(*(batch.rows[c].to_pylist() for c in ("account_id", "person_id")), strict=True)) == live


@settings(max_examples=200, deadline=None)
@given(st.lists(seen, min_size=1, max_size=14), st.randoms(use_true_random=False))
def test_the_judge_does_not_care_about_order(sequence: list[Any], rng: random.Random) -> None:
    known: dict[str, dict[tuple[str, str], Seen]] = {}
    for step in sequence:
        _, account, value, sure, _ = step
        known.setdefault(account, {})[value] = Seen(sure)
    leaves = [Leaf(a, held) for a, held in known.items()]
    first = partition(leaves, RULES, Said())
    rng.shuffle(leaves)
    again = partition(
        [Leaf(x.account, dict(sorted(x.values.items(), reverse=True))) for x in leaves], RULES, Said()
    )
    assert first == again


def email(account: str, val: str = "a@shop", sure: bool = True) -> Observation:
    return Observation(account, "s", account, "email", val, None, sure)


def people(hub: Hub, *accounts: str) -> set[frozenset[str]]:
    with hub.session() as session:
        return groups(session.rows_in("account", "account_id", accounts, ["account_id", "person_id"]))


def test_a_value_that_becomes_generic_lets_go_of_those_it_joined(hub: Hub) -> None:
    four = ["g1", "g2", "g3", "g4"]
    for account in four[:3]:
        observe(hub, RULES, [email(account)], NOW)
    assert people(hub, *four) == {frozenset(four[:3])}
    observe(hub, RULES, [email("g4")], NOW)
    assert people(hub, *four) == {frozenset({a}) for a in four}


def test_an_unverified_address_joins_nobody_until_it_is_verified(hub: Hub) -> None:
    observe(hub, RULES, [email("u1", "u@shop"), email("u2", "u@shop", sure=False)], NOW)
    assert len(people(hub, "u1", "u2")) == 2
    found = observe(hub, RULES, [email("u2", "u@shop")], NOW)
    assert (people(hub, "u1", "u2"), found.merged) == ({frozenset({"u1", "u2"})}, 1)


def test_a_merge_that_is_withdrawn_gives_both_their_ids_back(hub: Hub) -> None:
    observe(hub, RULES, [email("w1", "w1@shop"), email("w2", "w2@shop")], NOW)
    before = {r["account_id"]: r["person_id"] for r in hub.rows("account")}
    number = hub.start("judgement", judgement_row("w1", "w2", "same", "ann", "by hand", "", NOW))
    for verdict, one in (("merged", True), ("withdrawn", False)):
        if verdict == "withdrawn":
            hub.append(
                "judgement", [judgement_row("w1", "w2", "withdrawn", "ann", "by hand", "", NOW, number)]
            )
        with hub.session() as session:
            judge_again(session, RULES, {"w1", "w2"}, NOW, verdict)
        assert (len(people(hub, "w1", "w2")) == 1) is one
    assert {r["account_id"]: r["person_id"] for r in hub.rows("account")} == before


def test_a_browser_belongs_to_who_logs_in_on_it_and_a_kiosk_to_nobody(hub: Hub) -> None:
    device = lambda a: Observation(a, "s", a, "device", "kiosk", None, False)  # noqa: E731
    observe(hub, RULES, [device("anon")], NOW)
    assert people(hub, "anon") == set()
    observe(hub, RULES, [email("v1", "v1@shop"), device("v1")], NOW)
    assert people(hub, "anon", "v1") == {frozenset({"anon", "v1"})}
    observe(hub, RULES, [email("v2", "v2@shop"), device("v2")], NOW)
    assert people(hub, "anon", "v1", "v2") == {frozenset({"v1"}), frozenset({"v2"})}


def judge(hub: Hub, left: str, right: str, verdict: str, of: int | None = None) -> int:
    number = hub.start("judgement", judgement_row(left, right, verdict, "t", "r", "", NOW, of))
    with hub.session() as session:
        judge_again(session, RULES, {left, right}, NOW, verdict)
    return number


def test_two_people_never_have_one_id(hub: Hub) -> None:
    """An account that lost its home is not called by its own name, for others may have that as their home."""
    observe(hub, RULES, [email("z1", "z@shop"), email("z2", "z@shop")], NOW)
    apart = judge(hub, "z1", "z2", "different")
    observe(hub, RULES, [email("z2", "y@shop"), email("z3", "y@shop")], NOW)
    judge(hub, "z1", "z2", "withdrawn", apart)
    observe(hub, RULES, [email(f"z{i}", "y@shop") for i in (4, 5)], NOW)
    judge(hub, "z1", "z2", "different")
    ids = {r["account_id"]: r["person_id"] for r in hub.rows("account") if r["account_id"][0] == "z"}
    assert len(set(ids.values())) == 5


def test_a_name_and_then_a_device_alone_is_nobody_in_both_lanes(hub: Hub) -> None:
    names = [Observation(a, "s", a, NAME, "anna berg", None, False) for a in ("n1", "n2")]
    observe(hub, RULES, names, NOW)
    judge(hub, "n1", "n2", "same")
    observe(hub, RULES, [Observation("n1", "s", "n1", "device", "phone", None, False)], NOW)
    rows = {
        r["account_id"]: (r["person_id"], r["home"]) for r in hub.rows("account") if r["account_id"][0] == "n"
    }
    assert rows == {"n1": (None, None), "n2": ("n2", "n2")}
