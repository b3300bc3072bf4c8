import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from butfor.experiments.intervals import score_test, skew_corrected, welch_df
from butfor.model import BadInput

counts = st.integers(2, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_without_skew_it_is_welch():
    found = skew_corrected(1.0, 0.4, 37.0, 0.0)
    half = stats.t.ppf(0.975, 37) * 0.4
    assert (found.interval.low, found.interval.high) == pytest.approx((1 - half, 1 + half))
    assert found.pvalue == pytest.approx(2 * stats.t.sf(2.5, 37))


@given(st.floats(-5, 5), st.floats(-0.3, 0.3), st.sampled_from([0.9, 0.95, 0.99]))
def test_interval_holds_zero_exactly_when_not_rejected(z, skew, level):
    found = skew_corrected(z, 1.0, math.inf, skew, level)
    assume(found.interval is not None and abs(found.pvalue - (1 - level)) > 1e-9)
    assert found.interval.covers(0.0) == (found.pvalue > 1 - level)


def test_too_much_skew_leaves_the_difference_unbounded():
    assert skew_corrected(1.0, 1.0, math.inf, 2.0).interval is None


@given(counts, counts)
def test_score_interval_agrees_with_its_pvalue(treatment, control):
    (x1, n1), (x0, n0) = treatment, control
    found = score_test((x1, x0), (n1, n0))
    assume(abs(found.pvalue - 0.05) > 1e-6)
    assert -1 <= found.interval.low <= x1 / n1 - x0 / n0 + 1e-9
    assert found.interval.high >= x1 / n1 - x0 / n0 - 1e-9
    assert found.interval.covers(0.0) == (found.pvalue > 0.05)


def test_score_pvalue_is_pearsons_chi_square_but_for_one_person():
    table = np.array([[30, 170], [12, 188]])
    chi2 = stats.chi2_contingency(table, correction=False).statistic * 399 / 400
    assert score_test((30, 12), (200, 200)).pvalue == pytest.approx(stats.chi2.sf(chi2, 1))


def test_score_interval_of_miettinen_and_nurminen():
    # The example of Newcombe, Statistics in Medicine 17 (1998) 873-890, table II (a): 56/70 - 48/80.
    found = score_test((56, 48), (70, 80)).interval
    assert (found.low, found.high) == pytest.approx((0.0528, 0.3382), abs=1e-4)


def test_welch_degrees_of_freedom():
    one, other = np.arange(12.0), np.arange(5.0) ** 2
    wanted = stats.ttest_ind(one, other, equal_var=False).df
    assert welch_df((one.var(ddof=1), other.var(ddof=1)), (12, 5)) == pytest.approx(wanted)


def test_impossible_counts_are_refused():
    with pytest.raises(BadInput, match="cannot be tested"):
        score_test((5, 1), (4, 10))
