import pytest
from hypothesis import given
from hypothesis import strategies as st

from butfor.experiments.checks import adjust, sample_ratio
from butfor.model import BadInput

pvalues = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@pytest.mark.requirement("R-015")
def test_sample_ratio_mismatch_blocks():
    found = sample_ratio({"a": 25_500, "b": 24_500}, {"a": 0.5, "b": 0.5})
    assert found.pvalue == pytest.approx(7.7e-6, abs=5e-8)
    assert found.blocked


def test_hillstrom_was_split_as_planned():
    found = sample_ratio({"m": 21_307, "w": 21_387, "n": 21_306}, {"m": 1 / 3, "w": 1 / 3, "n": 1 / 3})
    assert found.pvalue == pytest.approx(0.904, abs=5e-4)
    assert not found.blocked


def test_configured_shares_count_not_equal_ones():
    assert not sample_ratio({"mailed": 9_500, "held_out": 500}, {"mailed": 0.95, "held_out": 0.05}).blocked
    assert sample_ratio({"mailed": 10_000}, {"mailed": 0.95, "held_out": 0.05}).blocked


def test_unplanned_arm_is_refused():
    with pytest.raises(BadInput, match="arms that the experiment does not have"):
        sample_ratio({"a": 5, "c": 5}, {"a": 0.5, "b": 0.5})


def test_nobody_yet_is_no_mismatch():
    assert sample_ratio({}, {"a": 0.5, "b": 0.5}).pvalue == 1.0


def test_holm_and_bonferroni():
    assert adjust([0.01, 0.04, 0.03], "holm") == pytest.approx([0.03, 0.06, 0.06])
    assert adjust([0.01, 0.04, 0.5], "bonferroni") == pytest.approx([0.03, 0.12, 1.0])
    assert adjust([0.01, 0.04], "none") == [0.01, 0.04]


@given(pvalues)
def test_holm_lies_between_none_and_bonferroni(values):
    for raw, holm, bonferroni in zip(
        values, adjust(values, "holm"), adjust(values, "bonferroni"), strict=True
    ):
        assert raw <= holm <= bonferroni + 1e-12
