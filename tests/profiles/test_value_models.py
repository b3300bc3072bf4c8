"""Models of buying and spending: likelihoods, recovery of what was planted, borders, and data that hold nothing."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.stats import beta

from butfor.model import BadInput
from butfor.profiles.value import History, fit_models, forecast, hold_out
from butfor.profiles.value.bgnbd import Bgnbd, bgnbd_likelihood, fit_bgnbd
from butfor.profiles.value.buyers import Buyers, group
from butfor.profiles.value.choose import fit
from butfor.profiles.value.nbd import Nbd, nbd_likelihood
from butfor.profiles.value.spend import EXACT, fit_spend, spend_likelihood


def shop(n: int, r: float, alpha: float, a: float, b: float, days: int, seed: int = 1, later: int = 0):
    """Simulate people's purchase times day by day of the model; return repeats, recency, age and later purchases."""
    rng = np.random.default_rng(seed)
    age = rng.integers(days // 2, days, n).astype(float)
    rate, leave = rng.gamma(r, 1 / alpha, n) / 7, rng.beta(a, b, n) if a else np.zeros(n)
    clock, last = np.zeros(n), np.zeros(n)
    repeats, came, here = np.zeros(n), np.zeros(n), np.ones(n, bool)
    while here.any():
        clock = clock + rng.exponential(1 / np.maximum(rate, 1e-12))
        inside = here & (clock <= age)
        repeats, last = repeats + inside, np.where(inside, clock, last)
        came += here & (clock > age) & (clock <= age + later)
        here &= (clock <= age + later) & (rng.random(n) >= leave)
    return repeats, last, age, came


def weeks(repeats, last, age) -> Buyers:
    return Buyers(repeats, last / 7, age / 7, np.ones_like(age))


def some(*rows: tuple[float, float, float]) -> Buyers:
    x, last, age = np.array(rows, float).T
    return group(x, last, age)[0]


MIXED = some((0, 0, 50), (1, 20, 90), (4, 80, 90), (30, 200, 365), (364, 364, 364), (2, 9, 300))
HISTORY = {"recent": 0, "recent_value": 0, "later": 0, "later_value": 0}


def history(repeats, last, age, value, **more) -> History:
    n = len(repeats)
    given = {"repeats": repeats, "recency": last, "age": age, "repeat_value": value, **HISTORY, **more}
    return History(**{k: np.broadcast_to(np.asarray(v, float), (n,)).copy() for k, v in given.items()})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-2.5, 3.5), min_size=4, max_size=4))
def test_gradients_equal_finite_differences(theta: list[float]) -> None:
    at = np.array(theta)
    for likelihood, k in ((bgnbd_likelihood, 4), (nbd_likelihood, 2)):
        slope = likelihood(at[:k], MIXED)[1]
        found = approx_fprime(at[:k], lambda t, f=likelihood: f(t, MIXED)[0], 1e-6)
        assert np.allclose(slope, found, rtol=1e-4, atol=1e-3)
    x, z, n = np.array([1.0, 2, 9, 40]), np.array([5.0, 0.3, 2, 1]), np.ones(4)
    slope = spend_likelihood(at[:3], x, z, n)[1]
    found = approx_fprime(at[:3], lambda t: spend_likelihood(t, x, z, n)[0], 1e-6)
    assert np.allclose(slope, found, rtol=1e-4, atol=1e-3)


def test_planted_parameters_are_found_again() -> None:
    repeats, last, age, _ = shop(40_000, 0.6, 6, 0.8, 3, 500)
    found = fit_bgnbd(weeks(repeats, last, age))
    assert (found.r, found.alpha) == pytest.approx((0.6, 6), rel=0.06)
    assert found.leaving == pytest.approx(0.8 / 3.8, rel=0.06)


def test_planted_values_are_found_again_alone_and_in_bins() -> None:
    rng = np.random.default_rng(3)
    for n in (EXACT, 4 * EXACT):
        x = rng.integers(1, 9, n).astype(float)
        rate = rng.gamma(4.0, 1 / 15.0, n)
        z = rng.gamma(6.0 * x) / rate / x
        found = fit_spend(x, z)
        assert found is not None
        assert (found.p, found.q, found.v) == pytest.approx((6, 4, 15), rel=0.08)
        assert found.mean == pytest.approx(30, rel=0.03)
        assert abs(found.correlation or 0) < 0.02


def test_what_is_foretold_comes_when_the_model_is_true() -> None:
    repeats, last, age, came = shop(40_000, 0.6, 6, 0.8, 3, 400, seed=5, later=90)
    buyers = weeks(repeats, last, age)
    model = Bgnbd(0.6, 6, 0.8, 3, 0.0)
    assert model.expected(buyers, 90 / 7).sum() == pytest.approx(came.sum(), rel=0.02)
    assert model.silent(buyers, 90 / 7).mean() == pytest.approx((came == 0).mean(), abs=0.005)


def test_the_median_wait_halves_those_who_still_buy() -> None:
    for model in (Bgnbd(0.6, 6, 0.8, 3, 0.0), Nbd(0.6, 6, 0.0)):
        for x, last, age in ((0, 0, 70), (5, 60, 70)):
            buyers = some((x, last, age))
            half = float(model.wait(buyers)[0])
            alive = model.alive(buyers)[0] if isinstance(model, Bgnbd) else 1.0
            assert model.silent(buyers, half)[0] == pytest.approx(1 - alive / 2)


@pytest.mark.parametrize("a", [0.02, 0.79, 1.0, 50, 100])
@pytest.mark.parametrize(("r", "alpha"), [(0.24, 4.4), (50, 20)])
def test_expectation_equals_its_integral_up_to_daily_buyers(a: float, r: float, alpha: float) -> None:
    """Given who still buys, p is Beta(a, b + x) and a rate Gamma(r + x, alpha + T): averaged over both by brute force."""
    place = (np.arange(20_000) + 0.5) / 20_000
    for b in (2.4, 900):
        for x in (0, 20, 364):
            buyers = some((x, 280 if x <= 280 and x else x, 364))
            model = Bgnbd(r, alpha, a, b, 0.0)
            p = np.maximum(beta.ppf(place, a, b + x), 1e-300)
            mean = (-np.expm1(-(r + x) * np.log1p(p * 26 / (alpha + 52))) / p).mean()
            assert model.expected(buyers, 26)[0] == pytest.approx(mean * model.alive(buyers)[0], rel=1e-3)


@pytest.mark.requirement("R-103")
def test_where_nobody_leaves_the_border_is_said_and_alive_is_not() -> None:
    repeats, last, age, came = shop(4_000, 0.9, 7, 0, 1, 400, later=90)
    repeats, last = np.rint(repeats), np.ceil(last)
    seen = history(
        repeats, np.maximum(last, repeats), np.maximum(age, np.maximum(last, repeats)), 0, later=came
    )
    found = fit_models(seen)
    assert found.buying.boundary
    assert found.buying.name == "NBD"
    assert "No dropout is visible" in found.buying.sentences[0]
    assert (found.buying.model.r, found.buying.model.alpha) == pytest.approx((0.9, 7), rel=0.1)
    ahead = forecast(found, seen, 90)
    assert ahead.alive is None
    assert ahead.orders.sum() == pytest.approx(came.sum(), rel=0.04)


def test_few_people_who_never_leave_are_not_said_to_leave() -> None:
    """In small shops the fitted chance to stop is rarely exactly none; by chance alone it is believed 1 time in 20."""
    found = []
    for seed in range(40):
        repeats, last, age, _ = shop(150, 0.9, 7, 0, 1, 300, seed=seed)
        days = np.maximum(np.ceil(last), repeats)
        found.append(fit(group(repeats, days, np.maximum(age, days))[0]))
    assert sum(f.dropout > 1e-3 for f in found) >= 5
    assert sum(f.boundary for f in found) >= 36


def test_near_daily_buyers_are_fitted() -> None:
    rng = np.random.default_rng(2)
    age = rng.integers(200, 364, 600).astype(float)
    repeats = np.minimum(np.floor(age * rng.uniform(0.9, 1.0, 600)), age)
    found = fit(group(repeats, age - rng.integers(0, 2, 600) * (repeats < age), age)[0])
    assert found.boundary
    rate = found.model.expected(some((300, 320, 320)), 1)[0]
    assert 6 < rate < 7
    assert np.isfinite(found.model.log_likelihood)


def test_equal_buyers_give_their_own_rate() -> None:
    found = fit(group(np.full(50, 4.0), np.full(50, 80.0), np.full(50, 84.0))[0])
    assert found.model.expected(some((4, 80, 84)), 12)[0] == pytest.approx(4, rel=0.02)
    assert any("nearly one rate" in s for s in found.sentences)


def test_one_person_and_equal_values_give_finite_figures() -> None:
    one = fit_models(history([3.0], [40], [60], [90]))
    assert one.spend is None
    seen = history([3.0], [40], [60], [90])
    ahead = forecast(one, seen, 30)
    assert ahead.money is None
    assert np.isfinite([ahead.orders[0], ahead.silent[0], ahead.wait_days[0]]).all()
    same = fit_spend(np.full(40, 2.0), np.full(40, 9.5))
    assert same is not None
    assert same.correlation is None
    assert same.expected(np.array([0.0, 2.0]), np.array([0.0, 9.5])) == pytest.approx([9.5, 9.5], rel=0.02)


@pytest.mark.parametrize("repeats", [[], [0.0, 0.0]])
def test_nobody_who_came_back_is_refused(repeats: list[float]) -> None:
    with pytest.raises(BadInput, match="no repeat purchase"):
        fit_models(history(repeats, 0, 30, 0))


@pytest.mark.parametrize("row", [(2, 1, 50), (1, 60, 50), (0, 3, 50), (-1, 0, 50)])
def test_a_history_that_cannot_be_is_refused(row: tuple[float, float, float]) -> None:
    with pytest.raises(BadInput, match="count days with a purchase"):
        some(row)


def test_values_at_or_below_zero_take_the_mean_of_all() -> None:
    x, z = np.arange(1.0, 41), np.linspace(5, 50, 40)
    model = fit_spend(np.append(x, [3, 3]), np.append(z, [0, -20]))
    assert model is not None
    assert model.people == 40
    assert model.expected(np.array([3.0, 3.0, 0.0]), np.array([0.0, -20.0, 0.0])) == pytest.approx(model.mean)


def test_frequency_that_goes_with_value_is_said() -> None:
    x = np.arange(1.0, 201)
    model = fit_spend(x, x * 2)
    assert model is not None
    assert "buys often spends more" in model.notes()[-1]


def test_groups_lead_back_to_each_person() -> None:
    x, last, age = np.array([2.0, 0, 2, 1]), np.array([14.0, 0, 14, 7]), np.array([70.0, 70, 70, 21])
    buyers, place = group(x, last, age)
    assert buyers.size == 4
    assert buyers.people.sum() == 4
    assert len(buyers.people) == 3
    assert np.array_equal(buyers.repeats[place], x)
    assert np.allclose(buyers.age[place] * 7, age)


def test_a_holdout_says_when_a_rule_of_thumb_is_better() -> None:
    """All did later what they did lately, and nothing like their long history: the rule 'as lately' is exact."""
    rng = np.random.default_rng(4)
    n = 300
    repeats = rng.integers(0, 12, n).astype(float)
    lately = rng.permutation(repeats)
    seen = history(repeats, np.where(repeats > 0, 200, 0), 300, repeats * 10, recent=lately, later=lately)
    held = hold_out(seen, date(2026, 1, 1), 90)
    assert not held.beats_baselines
    assert held.orders[1].mae == 0
    assert held.sentences[0].startswith(
        "Not better than a rule of thumb in mean absolute error of purchase days"
    )


def test_a_holdout_of_the_true_model_beats_every_rule_of_thumb() -> None:
    repeats, last, age, came = shop(8_000, 0.5, 6, 0.9, 2.5, 400, seed=7, later=120)
    days = np.maximum(np.ceil(last), repeats)
    seen = history(repeats, days, np.maximum(age, days), repeats * 20, recent=repeats, later=came)
    held = hold_out(seen, date(2026, 1, 1), 120)
    assert held.beats_baselines
    assert held.orders[0].correlation == max(s.correlation for s in held.orders if s.correlation is not None)
    assert held.silent_predicted == pytest.approx(held.silent_actual, abs=0.02)
    assert any("'nobody buys' has the smaller mean absolute error" in s for s in held.sentences)
    assert sum(b.people for b in held.bands) == held.people == 8_000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1), st.floats(0, 1), st.floats(-5, 1e6)), min_size=1, max_size=30),
    st.integers(1, 730),
)  # fmt: skip
def test_any_history_gives_figures_that_can_be(
    people: list[tuple[int, float, float, float]], days: int
) -> None:
    """From shops of one buyer to daily buyers, all equal, worthless or nobody back: finite, and shares are shares."""
    age = np.array([a for a, *_ in people], float)
    repeats = np.floor(age * np.array([p for _, p, *_ in people]))
    rest = np.array([q for *_, q, _ in people])
    last = np.where(repeats > 0, np.floor(repeats + (age - repeats) * rest), 0)
    seen = history(repeats, last, age, repeats * np.array([v for *_, v in people]))
    if not repeats.any():
        return
    models = fit_models(seen)
    ahead = forecast(models, seen, days)
    assert (ahead.orders >= 0).all()
    assert (ahead.orders <= 1.5 * days + 1).all()
    assert ((ahead.silent >= 0) & (ahead.silent <= 1)).all()
    assert (ahead.wait_days >= 0).all()
    assert ahead.alive is None or ((ahead.alive >= 0) & (ahead.alive <= 1)).all()
    assert ahead.money is None or ((ahead.money >= 0) & np.isfinite(ahead.money)).all()
