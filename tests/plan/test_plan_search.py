from pathlib import Path

import pytest
from plans import PURCHASE, trait, workspace

from butfor.plan import Plan, load_plan, search_terms

BALANCE = (
    trait("bonus_balance", more="aliases: [loyalty points, stars]\n")
    .replace("The bonus_balance", "Points")
    .replace("BONUS_BALANCE", "crm.pts_cur")
    .replace("What bonus_balance says", "Whatever may be redeemed today")
)
CARD = trait("card_tier").replace("What card_tier says", "A tier bought with points")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return load_plan(workspace(tmp_path, BALANCE, CARD, PURCHASE))


@pytest.mark.requirement("R-189")
@pytest.mark.parametrize(
    "words", ["points", "POINTS", "stars", "pts_cur", "bonus balance", "bonus_balance", "redeemed", "loyalty redeemed"]
)  # fmt: skip
def test_search_finds_a_term_by_any_of_its_names(plan: Plan, words: str) -> None:
    assert search_terms(plan, words)[0].id == "bonus_balance"


@pytest.mark.requirement("R-189")
def test_search_puts_names_before_meanings(plan: Plan) -> None:
    assert [t.id for t in search_terms(plan, "points")] == ["bonus_balance", "card_tier"]


def test_search_wants_every_word(plan: Plan) -> None:
    assert search_terms(plan, "points of sale") == []
