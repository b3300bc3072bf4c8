"""S-07: bonus points must not change hands, whoever orders a merge (002:165)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stories import NOW, make_shop

from butfor.app import Workspace, open_workspace
from butfor.app.people import account_of, decide_review, judge_pair, open_live, undo
from butfor.catalog import balance, earn, redeem
from butfor.identity.read import people_map
from butfor.model import Refused
from butfor.plan import load_workspace_file, save_workspace_file
from butfor.plan.kinds import Column, IdentityDecision, Source

CLUB = Source(
    id="members", label="Loyalty platform", connector="csv", grain="person", account="card",
    columns={
        "card": "id.loyalty_card", "email": Column(to="id.email", clean="email"), "first": "person.first_name",
        "last": "person.last_name", "city": "person.city",
    },
)  # fmt: skip
FORM = Source(
    id="form", label="Web form", connector="csv", grain="person", account="visitor", confirms=[],
    columns={
        "visitor": "id.customer_id", "card": "id.loyalty_card", "first": "person.first_name", "last": "person.last_name",
    },
)  # fmt: skip
A, B = "members:K1", "members:K2"


@pytest.fixture
def ws(tmp_path: Path, hub_url: str) -> Iterator[Workspace]:
    import msgspec

    path = make_shop(tmp_path / "shop", CLUB, FORM)
    decision = IdentityDecision(
        primary="loyalty_card", ranked=["customer_id", "email"], why="cards tell people apart"
    )
    save_workspace_file(
        path, msgspec.structs.replace(load_workspace_file(path), identity=decision, hub=hub_url)
    )
    with open_workspace(path, now=NOW) as opened:
        rows = [
            "card,email,first,last,city",
            "K1,j.smith@one.org,John,Smith,Leeds",
            "K2,jon.smith@two.org,Jon,Smyth,Leeds",
        ]
        load(opened, "members", tmp_path, rows)
        opened.run()
        open_live(opened)
        earn(opened.hub, account_of(opened, A), 5000, "opening", now=NOW, who="platform")
        yield opened


def load(ws: Workspace, source: str, folder: Path, rows: list[str]) -> None:
    file = folder / f"{source}-{len(rows)}-{abs(len(''.join(rows)))}.csv"
    file.write_text("\n".join(rows) + "\n")
    ws.load(source, str(file))


def persons(ws: Workspace) -> int:
    return len(set(ws.lake.fetch(people_map())["person_id"].to_pylist()))


def points(ws: Workspace) -> list[int]:
    return [balance(ws.hub, account_of(ws, a)).balance for a in (A, B)]


@pytest.mark.requirement("S-07", "R-089")
def test_similar_names_in_one_city_are_not_merged(ws: Workspace) -> None:
    assert persons(ws) == 2


@pytest.mark.requirement("S-07", "R-089")
def test_after_a_forced_merge_the_other_cannot_redeem_and_undoing_restores_both(ws: Workspace) -> None:
    before = sorted((r["account_id"], r["person_id"]) for r in ws.hub.rows("account"))
    ledger = ws.hub.rows("points")
    judge_pair(ws, A, B, "same", "the manager insists", "manager")
    assert persons(ws) == 1
    with pytest.raises(Refused, match="not an identifier of this account"):
        redeem(
            ws.hub,
            account_of(ws, A),
            100,
            "till-1",
            identifier=("email", "jon.smith@two.org"),
            now=NOW,
            who="till",
        )
    with pytest.raises(Refused, match="holds 0"):
        redeem(
            ws.hub,
            account_of(ws, B),
            100,
            "till-2",
            identifier=("email", "jon.smith@two.org"),
            now=NOW,
            who="till",
        )
    assert [r["why"] for r in ws.hub.rows("refusal")] == [
        "email jon.smith@two.org is not an identifier of this account", "the account holds 0",
    ]  # fmt: skip
    assert (points(ws), ws.hub.rows("points")) == ([5000, 0], ledger)
    change = next(r for r in ws.hub.rows("person_change") if r["kind"] == "merge")
    undo(ws, change["id"], "they are cousins", "manager")
    assert sorted((r["account_id"], r["person_id"]) for r in ws.hub.rows("account")) == before
    assert ws.hub.rows("points") == ledger


@pytest.mark.requirement("S-07", "R-089")
def test_the_owner_redeems_with_a_verified_identifier_once_per_receipt(ws: Workspace) -> None:
    own = ("loyalty_card", "K1")
    for repeated in (False, True):
        done = redeem(ws.hub, account_of(ws, A), 300, "till-7", identifier=own, now=NOW, who="till")
        assert (done.balance, done.repeated) == (4700, repeated)


@pytest.mark.requirement("S-07", "R-089")
def test_a_card_number_typed_into_a_form_gives_neither_person_nor_points(
    ws: Workspace, tmp_path: Path
) -> None:
    load(ws, "form", tmp_path, ["visitor,card,first,last", "v1,K1,John,Smith"])
    ws.run()
    assert persons(ws) == 3
    review = ws.hub.rows("review")
    assert [(r["why"], r["at_stake"], r["status"]) for r in review] == [("value-bearing merge", 5000, "open")]
    with pytest.raises(Refused, match="not verified for this account"):
        redeem(
            ws.hub, account_of(ws, "form:v1"), 1, "t", identifier=("loyalty_card", "K1"), now=NOW, who="web"
        )
    decide_review(ws, review[0]["id"], True, "he showed his passport", "ann")
    with pytest.raises(Refused):
        redeem(
            ws.hub, account_of(ws, "form:v1"), 1, "t", identifier=("loyalty_card", "K1"), now=NOW, who="web"
        )
    assert points(ws) == [5000, 0]


@pytest.mark.requirement("R-089")
def test_two_accounts_with_points_wait_for_a_review_even_with_one_verified_address(
    ws: Workspace, tmp_path: Path
) -> None:
    earn(ws.hub, account_of(ws, B), 40, "first", now=NOW, who="platform")
    load(ws, "members", tmp_path, ["card,email,first,last,city", "K2,j.smith@one.org,Jon,Smyth,Leeds"])
    ws.run()
    assert persons(ws) == 2
    assert [(r["why"], r["at_stake"]) for r in ws.hub.rows("review")] == [("value-bearing merge", 5040)]


@pytest.mark.requirement("R-078")
def test_a_balance_that_the_entries_do_not_add_up_to_is_named(ws: Workspace) -> None:
    from butfor.catalog import check_balances

    a, b = account_of(ws, A), account_of(ws, B)
    assert check_balances(ws.hub, {a: 5000, b: 0}) == []
    assert check_balances(ws.hub, {a: 5100, b: 0}) == [
        {"account_id": a, "told": 5100, "entries_say": 5000, "difference": 100}
    ]
