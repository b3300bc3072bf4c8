import pytest

from butfor.experiments.policies import PolicyGroup, compare_policies
from butfor.model import BadInput


@pytest.mark.requirement("R-015")
def test_hillstrom_personalised_by_past_category_is_not_proven(hillstrom, spend):
    cells = hillstrom.moments(spend, where="womens = 1 AND mens = 0")
    share = sum(cell.n for cell in cells.values()) / 64_000
    assert share == pytest.approx(0.448969, abs=1e-6)
    group = PolicyGroup("bought only women's goods", share, "Womens E-Mail", "Mens E-Mail", cells)
    found = compare_policies("by_category", "spend", [group])
    assert found.difference == pytest.approx(0.007146, abs=1e-6)
    assert (found.interval.low, found.interval.high) == pytest.approx((-0.176303, 0.190595), abs=5e-6)
    assert found.deciding_interval.covers(0.0)
    assert not found.refused


def test_groups_add_by_share(responders):
    group = {"b": responders("b", 300, 1000), "a": responders("a", 200, 1000)}
    one = compare_policies("p", "visit", [PolicyGroup("one", 0.5, "b", "a", group)])
    two = compare_policies("p", "visit", [PolicyGroup(n, 0.25, "b", "a", group) for n in ("one", "two")])
    same = PolicyGroup("same", 0.5, "a", "a", group)
    assert one.difference == pytest.approx(0.05)
    assert two.difference == pytest.approx(one.difference)
    assert two.se == pytest.approx(one.se / 2**0.5)
    assert compare_policies("p", "visit", [PolicyGroup("one", 0.5, "b", "a", group), same]).se == one.se
    assert "same arm" in compare_policies("p", "visit", [same]).refused


def test_few_buyers_refuse_and_errors_name_the_cell(responders):
    group = {"b": responders("b", 20, 1000), "a": responders("a", 200, 1000)}
    assert (
        "only 20 people" in compare_policies("p", "visit", [PolicyGroup("g", 1.0, "b", "a", group)]).refused
    )
    with pytest.raises(BadInput, match="nobody of group 'g' was in arm 'c'"):
        compare_policies("p", "visit", [PolicyGroup("g", 1.0, "c", "a", group)])
    with pytest.raises(BadInput, match="shares that cannot be"):
        compare_policies("p", "visit", [PolicyGroup("g", 1.5, "b", "a", group)])
