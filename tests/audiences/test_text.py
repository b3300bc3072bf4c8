"""The one-line form: what people write, what they get wrong, and what must stay data."""

from __future__ import annotations

from pathlib import Path

import pytest
from shops import plan_of

from butfor.audiences import parse_rule, rule_sentence, rule_text
from butfor.audiences.text import DEEPEST, LONGEST
from butfor.model import BadInput
from butfor.plan.kinds import Rule

PLAN = plan_of(Path())

SAID = [
    (
        'orders >= 2 in last 30 days where category = "shoes" and not opened_email in last 60 days',
        Rule(all=[
            Rule(event="order_completed", at_least=2, last="30 days", where=Rule(property="product.category", equals="shoes")),
            Rule(not_=Rule(event="email_opened", at_least=1, last="60 days")),
        ]),
    ),
    ("orders >= 2", Rule(trait="orders", at_least=2)),
    ("orders between 2 and 5 or city in (\"Rome\", \"Bari\")", Rule(any=[Rule(trait="orders", between=[2, 5]), Rule(trait="city", one_of=["Rome", "Bari"])])),
    ("not (city is known and newsletter = true)", None),
    ("birth_date anniversary within 7 days", Rule(trait="birth_date", anniversary="7 days")),
    ("in audience everybody", Rule(audience="everybody")),
    ("entered audience everybody in last 1 week", Rule(audience="everybody", entered="1 week")),
    ("sum(order_completed.total less order_refunded) > 100 in last 3 months", Rule(event="order_completed", take="sum", of="total", less="order_refunded", above=100, last="3 months")),
    ("product_viewed then not order_completed within 2 days in last 1 month", Rule(event="product_viewed", then_not=Rule(event="order_completed"), within="2 days", last="1 month", at_least=1)),
    ("order_completed since 2026-01-01 until 2026-02-01 where (total > 10 and source = \"till\")", None),
    ("within 25 km of 52.52, -13.4", Rule(near=[52.52, -13.4], km=25.0)),
    ("random 12.5% by \"spring\"", Rule(share=0.125, by="spring")),
    ("consent email = \"given\" and reachable by phone and known to till", None),
    ("contacted win_back sent in last 14 days", Rule(contacted="win_back", outcome="sent", at_least=1, last="14 days")),
    ("everybody", Rule(all=[])), ("nobody", Rule(any=[])),
    ('city = "say \\"hi\\" \\\\ \\n ä"', Rule(trait="city", equals='say "hi" \\ \n ä')),
    ("ORDERS >= 2", None),
]  # fmt: skip


@pytest.mark.requirement("R-120")
@pytest.mark.parametrize(("text", "rule"), SAID[:-1], ids=[t for t, _ in SAID[:-1]])
def test_a_line_is_read_and_written_back(text: str, rule: Rule | None) -> None:
    found = parse_rule(PLAN, text)
    assert rule is None or found == rule
    assert parse_rule(PLAN, rule_text(found)) == found
    assert rule_text(parse_rule(PLAN, rule_text(found))) == rule_text(found)
    assert rule_sentence(PLAN, found)


BAD = [
    ("ordres >= 2", "did you mean orders"),
    ("orders", "an operator"),
    ("orders >= ", "a value"),
    ("orders >= 2 and", "a condition"),
    ("orders >= 2)", "goes on with and, or"),
    ("(orders >= 2", "'\\)'"),
    ("orders >= 2 in last 30 parsecs", "a span such as 30 days"),
    ("orders >= 2 in last 0 days", "a span such as 30 days"),
    ("city = Rome", "a text in quotes"),
    ('city = "Rome', "names, numbers"),
    ('orders >= 2 where colour = "red"', "a property of order_completed"),
    ("spend > 3 in last 30 days", "only what happened has a time"),
    ("__import__('os').system('ls')", "names, numbers"),
    ("orders >= 2; DROP TABLE traits", "names, numbers"),
    ("orders >= (SELECT 1)", "a number, a date"),
    ("exec(order_completed) > 1", "there is no exec"),
    ("lambda x: x", "names, numbers"),
    ("random 200% by \"x\"", "from 0 % to 100 %"),
    ("", "a condition"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), BAD, ids=[t for t, _ in BAD])
def test_what_cannot_be_read_says_where_and_what_comes_there(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        parse_rule(PLAN, text)
    assert ">>>" in str(caught.value.value)


def test_a_rule_of_500_conditions_is_read() -> None:
    text = " or ".join(f"orders = {i}" for i in range(500))
    assert len(parse_rule(PLAN, text).any or []) == 500


def test_endless_rules_are_refused() -> None:
    with pytest.raises(BadInput, match="at most"):
        parse_rule(PLAN, "orders >= 2 and " * LONGEST)
    with pytest.raises(BadInput, match="brackets inside each other"):
        parse_rule(PLAN, "(" * (DEEPEST + 5) + "orders >= 2" + ")" * (DEEPEST + 5))
    nots = parse_rule(PLAN, "not " * 100 + "orders >= 2")
    assert nots.not_ is not None
