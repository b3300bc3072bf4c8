"""Who is one person: joined by what links, never by what is generic or shared, and in no order."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shops import CRM, NOW, TILL, changed, people, plan_of, shop, till_file, write

from butfor import ingest
from butfor.identity import PeopleFound, judge_people, keep_people
from butfor.identity.facts import Said
from butfor.model import Refused
from butfor.plan import Plan
from butfor.plan.kinds import Column, IdentityDecision, Source
from butfor.store import Lake, open_lake

TERMS = ["email", "customer_id", "first_name", "city", "birth_date"]
HEADER = "customer,email,first,city,born"
CARDS = Source(
    id="cards", label="Cards", connector="csv", grain="person", account="card",
    columns={
        "card": "id.loyalty_card", "customer": "id.customer_id", "email": Column(to="id.email", clean="email"),
        "device": "id.device_id",
    },
)  # fmt: skip


def resolve_people(lake: Lake, plan: Plan) -> PeopleFound:
    judged = judge_people(lake, plan, Said(), {})
    keep_people(lake, judged)
    return judged.found


def crm(folder: Path, rows: Sequence[tuple[str, str]], name: str = "crm.csv") -> str:
    return write(folder / name, [HEADER, *(f"{customer},{email},,," for customer, email in rows)])


def cards(folder: Path, *rows: str) -> str:
    return write(folder / "cards.csv", ["card,customer,email,device", *rows])


def test_accounts_that_share_a_linking_value_are_one_person(tmp_path: Path) -> None:
    with shop(tmp_path, CRM, CARDS) as ws:
        ws.load("crm", crm(tmp_path, [("c1", "a@b.de"), ("c2", "A@B.de "), ("c3", "c@b.de")]))
        ws.load("cards", cards(tmp_path, "k1,c3,,"))
        found = ws.run().people
        assert people(ws.lake) == {frozenset({"c1", "c2"}), frozenset({"c3", "k1"})}
        assert (found.people, found.accounts, found.joined, found.by_source) == (
            2,
            4,
            2,
            {"cards": 1, "crm": 3},
        )


def test_a_device_that_is_shared_joins_nobody(tmp_path: Path) -> None:
    with shop(tmp_path, CARDS) as ws:
        ws.load("cards", cards(tmp_path, "k1,c1,,d1", "k2,c2,,d1"))
        assert ws.run().people.people == 2


def test_an_account_with_two_customer_numbers_joins_nobody_and_is_nobody(tmp_path: Path) -> None:
    with shop(tmp_path, CRM, CARDS) as ws:
        ws.load("crm", crm(tmp_path, [("c1", "a@b.de"), ("c2", "b@b.de")]))
        ws.load("cards", cards(tmp_path, "k1,c1,,", "k1,c2,,"))
        found = ws.run().people
        assert people(ws.lake) == {frozenset({"c1"}), frozenset({"c2"})}
        assert (found.shared_accounts, found.anonymous_accounts) == (1, 0)


def test_a_browser_nobody_logged_in_on_is_no_person(tmp_path: Path) -> None:
    source = changed(CARDS, account="device")
    with shop(tmp_path, source) as ws:
        ws.load("cards", cards(tmp_path, ",,,d1", ",c2,,d2"))
        found = ws.run().people
        assert (people(ws.lake), found.anonymous_accounts) == ({frozenset({"d2"})}, 1)


@pytest.mark.parametrize(("accounts", "joined"), [(10, 9), (11, 0)])
def test_a_value_of_more_accounts_than_allowed_is_generic_and_joins_nobody(
    accounts: int, joined: int, tmp_path: Path
) -> None:
    with shop(tmp_path, CRM) as ws:
        ws.load("crm", crm(tmp_path, [(f"c{i}", "info@shop.de") for i in range(accounts)]))
        found = ws.run().people
        assert (found.joined, found.generic_values) == (joined, {} if joined else {"email": 1})


def test_a_decision_on_identifiers_that_link_nothing_leaves_each_account_alone(
    lake_url: str, tmp_path: Path
) -> None:
    decision = IdentityDecision(primary="phone")
    source = changed(CRM, columns=CRM.columns | {"city": "id.phone"})
    with shop(tmp_path, source, identity=decision, lake=lake_url, terms=[*TERMS, "phone"]) as ws:
        ws.load("crm", write(tmp_path / "d.csv", [HEADER, "c1,a@b.de,,030,", "c2,a@b.de,,030,"]))
        assert resolve_people(ws.lake, ws.plan).people == 2


def test_a_workspace_without_accounts_has_no_people(tmp_path: Path) -> None:
    with shop(tmp_path, CRM) as ws:
        assert ws.run().people.people == 0


@pytest.mark.requirement("R-183")
def test_nobody_is_a_person_before_the_identity_decision(tmp_path: Path) -> None:
    with shop(tmp_path, CRM, identity=None) as ws, pytest.raises(Refused, match="R-183"):
        ws.run()


def test_a_withdrawn_link_gives_back_the_people_of_before(tmp_path: Path) -> None:
    with shop(tmp_path, CRM) as ws:
        ws.load("crm", crm(tmp_path, [("c1", "a@b.de"), ("c2", "a@b.de")]))
        joined = ws.run().people.people
        only_numbers = changed(ws.plan.workspace, identity=IdentityDecision(primary="customer_id"))
        apart = resolve_people(ws.lake, changed(ws.plan, workspace=only_numbers)).people
        assert (joined, apart, ws.run().people.people) == (1, 2, 1)


ROWS = st.lists(
    st.tuples(st.sampled_from(["c1", "c2", "c3", "c4", "c5"]), st.sampled_from(["", "a@b.de", "b@b.de", "c@b.de", "d@b.de"])),
    min_size=1, max_size=9, unique=True,
)  # fmt: skip


def expected(rows: Sequence[tuple[str, str]]) -> set[frozenset[str]]:
    """The partition by hand: join sets until no two share an address."""
    groups = [({c}, {e for k, e in rows if k == c and e}) for c in {c for c, _ in rows}]
    for i in range(len(groups)):
        for other in groups[:i]:
            if other[1] & groups[i][1]:
                groups[i] = (groups[i][0] | other[0], groups[i][1] | other[1])
                other[0].clear()
                other[1].clear()
    return {frozenset(names) for names, _ in groups if names}


def partition(folder: Path, deliveries: Sequence[Sequence[tuple[str, str]]]) -> set[frozenset[str]]:
    plan = plan_of(folder, CRM, terms=TERMS)
    with closing(open_lake("duckdb::memory:", folder)) as lake:
        for rows in deliveries:
            ingest.load(lake, plan, CRM, crm(folder, rows), load_id=1, now=NOW)
        resolve_people(lake, plan)
        return people(lake)


@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_the_order_of_loading_does_not_change_the_partition(
    rows: list[tuple[str, str]], random: object, cut: int
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        one = partition(Path(folder), [rows])
        two = partition(Path(folder), [part for part in (shuffled[:cut], shuffled[cut:]) if part])
    assert one == two == expected(rows)


def test_sales_before_and_after_a_merge_belong_to_the_person(tmp_path: Path) -> None:
    with shop(tmp_path, CRM, TILL) as ws:
        ws.load("till", till_file(tmp_path / "d.csv", ["r1,2026-01-05,c1,x,1,5", "r2,2026-01-06,c2,x,1,7"]))
        before = ws.run(datetime(2026, 2, 1)).people.people
        ws.load("crm", crm(tmp_path, [("c1", "a@b.de"), ("c2", "a@b.de")]))
        assert (before, ws.run(datetime(2026, 2, 1)).people.people) == (2, 1)
        assert {a.audience: (a.people, a.spend) for a in ws.audiences()}["everybody"] == (1, 12.0)
