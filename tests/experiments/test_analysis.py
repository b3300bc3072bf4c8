import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from butfor.experiments.analysis import analyse
from butfor.experiments.moments import ArmMoments
from butfor.model import BadInput
from butfor.plan.kinds import Metric, Quantity

SOME = Quantity(event="order_completed")


def arm(name: str, **columns: np.ndarray) -> ArmMoments:
    keys = sorted(columns)
    cube = {
        (a if a == b == c else f"{a}*{b}*{c}"): float((columns[a] * columns[b] * columns[c]).sum())
        for i, a in enumerate(keys)
        for j, b in enumerate(keys[i:], i)
        for c in keys[j:]
    }
    return ArmMoments(
        arm=name,
        n=len(next(iter(columns.values()))),
        buyers={k: int(np.count_nonzero(x)) for k, x in columns.items()},
        centre=dict.fromkeys(columns, 0.0),
        s1={k: float(x.sum()) for k, x in columns.items()},
        s2={k: float((x**2).sum()) for k, x in columns.items()},
        s3=cube,
        cross={f"{a}*{b}": float((columns[a] * columns[b]).sum()) for a in keys for b in keys if a < b},
    )


def metric(take="mean", covariate=False, unit="count") -> Metric:
    return Metric(
        id="m", label="m", means="", numerator=SOME, take=take, unit=unit,
        denominator=SOME if take == "ratio" else None, covariate=SOME if covariate else None,
    )  # fmt: skip


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_mean_is_scipys_welch_test(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.exponential(2, 300), rng.exponential(3, 200)
    found = analyse(metric(), arm("b", m=b), arm("a", m=a))
    wanted = stats.ttest_ind(b, a, equal_var=False)
    low, high = wanted.confidence_interval()
    assert (found.t, found.pvalue, found.df) == pytest.approx((wanted.statistic, wanted.pvalue, wanted.df))
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))
    assert found.difference / found.se == pytest.approx(found.t)


def test_ratio_is_the_delta_method(rng):
    sessions = rng.poisson(3, 500) + 1.0
    orders = rng.binomial(sessions.astype(int), 0.3).astype(float)
    arms = [arm(n, m=orders[s], m__den=sessions[s]) for n, s in (("b", slice(200)), ("a", slice(200, None)))]
    found = analyse(metric("ratio"), *arms)
    errors = []
    for s in (slice(200), slice(200, None)):
        ratio = orders[s].sum() / sessions[s].sum()
        errors.append(((orders[s] - ratio * sessions[s]) / sessions[s].mean()).var(ddof=1) / len(orders[s]))
    assert found.se == pytest.approx(np.sqrt(sum(errors)))
    assert found.difference / found.t == pytest.approx(found.se)
    assert found.skew is not None


@pytest.mark.parametrize("take", ["mean", "ratio"])
def test_covariate_narrows_and_agrees_with_tea_tasting(rng, take):
    before = rng.exponential(10, 4000)
    after = before + rng.exponential(2, 4000)
    parts = {"m": after, "m__pre": before} | (
        {"m__den": rng.poisson(2, 4000) + 1.0} if take == "ratio" else {}
    )
    arms = [
        arm(n, **{k: x[s] for k, x in parts.items()})
        for n, s in (("b", slice(2000)), ("a", slice(2000, None)))
    ]
    plain, adjusted = (analyse(metric(take, covariate), *arms) for covariate in (False, True))
    assert adjusted.se < plain.se
    assert adjusted.difference / adjusted.t == pytest.approx(adjusted.se)  # their scale, our linearisation
    assert adjusted.corrected is not None
    assert "CUPED" in adjusted.method


def test_covariate_third_moment_is_that_of_the_adjusted_values(rng):
    before = rng.exponential(10, 1000)
    after = before + rng.exponential(2, 1000)
    arms = [arm(n, m=after[s], m__pre=before[s]) for n, s in (("b", slice(300)), ("a", slice(300, None)))]
    theta = np.cov(after, before)[0, 1] / before.var(ddof=1)
    b, a = (x - x.mean() for x in ((after - theta * before)[:300], (after - theta * before)[300:]))
    found = analyse(metric(covariate=True), *arms)
    wanted = ((b**3).mean() / 300**2 - (a**3).mean() / 700**2) / found.se**3
    assert found.skew == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("buyers", "decides", "refused"),
    [(24, "skew", True), (25, "skew", False), (600, "skew", False), (601, "welch", False)],
)
def test_gate_on_buyers(buyers, decides, refused):
    few = np.array([0.0] * (5000 - buyers) + [10.0, 30.0] * (buyers // 2) + [20.0] * (buyers % 2))
    many = np.array([0.0] * 30_000 + [10.0, 30.0] * 2000)
    found = analyse(metric(unit="money"), arm("mailed", m=many), arm("held_out", m=few))
    assert (found.buyers_smaller_arm, found.decides, bool(found.refused)) == (buyers, decides, refused)
    assert found.corrected is not None
    assert found.deciding_interval == (found.interval if decides == "welch" else found.corrected)


def test_without_cubes_no_verdict_where_skew_matters():
    cells = [
        msgspec.structs.replace(arm(n, m=np.array([0.0] * 500 + [5.0] * 99 + [k])), s3={})
        for n, k in (("b", 9), ("a", 8))
    ]
    found = analyse(metric(), *cells)
    assert found.corrected is None
    assert "cubes" in found.refused


def test_constant_values_have_no_test():
    found = analyse(metric(), arm("b", m=np.zeros(50)), arm("a", m=np.zeros(60)))
    assert (found.difference, found.pvalue) == (0.0, 1.0)
    assert "same value" in found.refused


def test_proportion_of_other_values_is_refused():
    with pytest.raises(BadInput, match="values other than 0 and 1"):
        analyse(metric("proportion"), arm("b", m=np.array([0, 2.0, 1])), arm("a", m=np.array([0, 1.0, 1])))


@pytest.mark.requirement("R-015")
def test_hillstrom_spend(hillstrom, spend):
    arms = hillstrom.moments(spend)
    mens = analyse(spend, arms["Mens E-Mail"], arms["No E-Mail"])
    assert (mens.difference, mens.interval.low, mens.interval.high) == pytest.approx(
        (0.769827, 0.485140, 1.054515), abs=1e-6
    )
    assert mens.t == pytest.approx(5.300140, abs=1e-6)
    womens = analyse(spend, arms["Womens E-Mail"], arms["No E-Mail"])
    assert (womens.difference, womens.interval.low, womens.interval.high) == pytest.approx(
        (0.424412, 0.168957, 0.679868), abs=1e-6
    )
    assert womens.t == pytest.approx(3.256372, abs=1e-6)
    assert (womens.buyers_smaller_arm, womens.decides) == (122, "skew")


@pytest.mark.requirement("R-015")
def test_hillstrom_visits(hillstrom, visit):
    arms = hillstrom.moments(visit)
    mens = analyse(visit, arms["Mens E-Mail"], arms["No E-Mail"])
    assert (mens.difference, mens.interval.low, mens.interval.high) == pytest.approx(
        (0.07659, 0.06995, 0.08323), abs=1e-5
    )
    womens = analyse(visit, arms["Womens E-Mail"], arms["No E-Mail"])
    assert womens.difference == pytest.approx(0.045233, abs=1e-6)


@pytest.mark.requirement("R-015")
def test_false_positive_rate_of_ten_thousand_a_a_tests():
    rng = np.random.default_rng(15)
    people, rate, draws = 2000, 0.1, 10_000
    counts = rng.binomial(people, rate, size=(draws, 2))
    from butfor.experiments.intervals import score_test

    cases, weights = np.unique(counts, axis=0, return_counts=True)
    rejected = [score_test((int(b), int(a)), (people, people)).pvalue < 0.05 for b, a in cases]
    assert 100 * weights[rejected].sum() / draws == pytest.approx(5.0, abs=0.6)
