"""Rules about words: names, the dictionary, words that mean two things."""

from pathlib import Path

import pytest
from plans import PURCHASE, assert_says, audience, found, one, trait, workspace

from butfor.plan.rules.naming import suggest


@pytest.mark.requirement("R-188")
@pytest.mark.parametrize(
    ("name", "what", "better"),
    [
        ("Loyalty-Join2024", "date in name", "loyalty_join"),
        ("signup_2024_11", "date in name", "signup"),
        ("sale_q3", "date in name", "sale"),
        ("buyers_100eur", "value in name", "buyers"),
        ("spent_500", "value in name", "spent"),
        ("LoyaltyJoin", "not lower_snake_case", "loyalty_join"),
        ("loyalty-join", "not lower_snake_case", "loyalty_join"),
    ],
)
def test_name_against_the_convention_gets_a_suggestion(
    tmp_path: Path, name: str, what: str, better: str
) -> None:
    folder = workspace(tmp_path, audience(name, "{trait: orders, at_least: 2}"))
    assert_says(one(folder, "NAME"), f"audiences/{name}.yaml:2", what, f"call it '{better}'")


@pytest.mark.requirement("R-188")
def test_name_in_the_convention_passes(tmp_path: Path) -> None:
    folder = workspace(tmp_path, *(trait(name) for name in ("loyalty_join", "sha256", "top10", "x92019")))
    assert found(folder, "NAME") == []


def test_name_of_a_property_is_judged_too(tmp_path: Path) -> None:
    term = PURCHASE.replace("  total:", "  Order-Total:")
    assert_says(one(workspace(tmp_path, term), "NAME"), "plan/terms/order_completed.yaml:11", "'Order-Total'", "'order_total'")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "better"), [("Größe", "grosse"), ("Città", "citta"), ("2024", "name_me"), ("日本", "name_me")]
)
def test_suggest_writes_letters_of_the_alphabet(name: str, better: str) -> None:
    assert suggest(name) == better


@pytest.mark.requirement("R-189")
@pytest.mark.parametrize(
    ("line", "instead", "place", "what", "next_step"),
    [
        ("label: The orders", "label: ' '", 5, "orders has no label", "write label:"),
        ("system: ORDERS", "system: ''", 6, "orders has no system", "write system:"),
        ("means: What orders says.", "means: ''", 7, "orders has no means", "write means:"),
        ("means: What orders says.", "means: The orders.", 7, "only repeats its name", "what counts"),
        ("type: integer\n", "", 1, "orders has no type", "give text, integer"),
    ],
)
def test_term_without_its_four_parts_is_found(
    tmp_path: Path, line: str, instead: str, place: int, what: str, next_step: str
) -> None:
    folder = workspace(tmp_path, trait("orders").replace(line, instead))
    assert_says(one(folder, "TERM"), f"plan/terms/orders.yaml:{place}", what, next_step)


def test_term_with_all_parts_passes(tmp_path: Path) -> None:
    assert found(workspace(tmp_path, trait("orders"), PURCHASE), "TERM") == []


@pytest.mark.requirement("R-189")
@pytest.mark.parametrize(
    ("line", "instead", "place", "what"),
    [
        ("label: The spend", "label: the ORDERS", 5, "label 'the ORDERS' is also the label of term orders"),
        ("system: SPEND", "system: orders", 6, "system 'orders' is also the system of term orders"),
        ("uses:", "aliases: [money, orders]\nuses:", 8, "alias 'orders' also names orders"),
    ],
)
def test_word_for_two_terms_is_found(tmp_path: Path, line: str, instead: str, place: int, what: str) -> None:
    folder = workspace(tmp_path, trait("orders"), trait("spend").replace(line, instead))
    problem = one(folder, "AMBIGUOUS")
    assert_says(problem, f"plan/terms/spend.yaml:{place}", what, "")
    assert problem.next


def test_word_for_two_traits_is_found_behind_an_event_of_that_name(tmp_path: Path) -> None:
    event = PURCHASE.replace("label: Purchase", "label: Same")
    same = [trait(name).replace(f"The {name}", "Same") for name in ("x_one", "x_two")]
    assert "x_two" in one(workspace(tmp_path, event, *same), "AMBIGUOUS").file


def test_word_for_a_trait_and_an_event_is_no_clash(tmp_path: Path) -> None:
    folder = workspace(tmp_path, PURCHASE, trait("orders").replace("The orders", "Purchase"))
    assert found(folder, "AMBIGUOUS") == []
