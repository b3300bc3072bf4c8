"""How small an effect a test can see, how many people it needs, and whether "no effect" is shown."""

from __future__ import annotations

import math

from msgspec import Struct

from butfor.experiments.analysis import Effect
from butfor.experiments.distributions import normal_quantile, t_quantile, t_tail
from butfor.model import BadInput, Interval


class Equivalence(Struct, frozen=True):
    """Two one-sided tests of "the effect is at least the margin away from 0".

    ``equivalent`` when both are rejected: the effect is shown to be smaller than the margin, in either
    direction. ``interval`` has level ``1 - 2 alpha``: it lies inside the margin exactly when equivalent.
    """

    margin: float
    pvalue: float
    interval: Interval
    equivalent: bool


def equivalence(effect: Effect, margin: float, alpha: float = 0.05) -> Equivalence:
    """Test whether an effect is practically zero: within ``margin`` (in the metric's unit) of it.

    D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680, with Welch's
    standard error and degrees of freedom. Raises BadInput when the margin is not above 0 or the effect
    has no standard error.
    """
    if margin <= 0 or effect.se == 0:
        raise BadInput(
            f"equivalence of '{effect.metric}' cannot be tested",
            value={"margin": margin, "standard error": effect.se},
            rule="the margin must be above 0, and the values must vary",
            next_step="state the smallest effect that would matter as the margin",
        )
    nearest = (margin - abs(effect.difference)) / effect.se
    pvalue = t_tail(nearest, effect.df)
    half = t_quantile(1 - alpha, effect.df) * effect.se
    interval = Interval(effect.difference - half, effect.difference + half, 1 - 2 * alpha)
    return Equivalence(margin, pvalue, interval, pvalue < alpha)


def minimum_detectable_effect(
    sd: float, n_treatment: int, n_control: int, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Return the smallest true difference found with the given power, in the unit of ``sd``.

    ``(z_{1-alpha/2} + z_power) * sd * sqrt(1/n_T + 1/n_C)``, the normal approximation for a two-sided test.
    """
    if min(n_treatment, n_control) < 1:
        raise BadInput(
            "no detectable effect without people",
            value={"treatment": n_treatment, "control": n_control},
            rule="each arm needs at least one person",
            next_step="plan a share above 0 for both arms",
        )
    return detectable_with(sd * math.sqrt(1 / n_treatment + 1 / n_control), alpha, power)


def detectable_with(se: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest true difference found with the given power by a test with this standard error."""
    return _quantiles(alpha, power) * se


def people_needed(
    sd: float, effect: float, share_treatment: float = 0.5, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Return how many people both arms together need to find a true difference ``effect``.

    ``share_treatment`` is the treatment's share of the two arms, between 0 and 1, ends excluded.
    """
    if effect == 0 or not 0 < share_treatment < 1:
        raise BadInput(
            "the number of people cannot be planned",
            value={"effect": effect, "share_treatment": share_treatment},
            rule="the effect must not be 0, and both arms need a share above 0",
            next_step="state the minimum effect of the hypothesis",
        )
    spread = sd**2 * (1 / share_treatment + 1 / (1 - share_treatment))
    return math.ceil((_quantiles(alpha, power) / effect) ** 2 * spread)


def people_per_arm(
    rate_control: float, rate_treatment: float, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Return how many people each of two equal arms needs to tell two proportions apart.

    J. L. Fleiss, Statistical Methods for Rates and Proportions, 2nd ed. 1981, formula 3.14: pooled
    variance under "no difference", separate variances under the difference.
    """
    if rate_control == rate_treatment or not all(0 <= rate <= 1 for rate in (rate_control, rate_treatment)):
        raise BadInput(
            "the number of people cannot be planned",
            value={"control": rate_control, "treatment": rate_treatment},
            rule="two different rates between 0 and 1 are needed",
            next_step="give rates as shares, such as 0.020 and 0.025",
        )
    pooled = (rate_control + rate_treatment) / 2
    apart = sum(rate * (1 - rate) for rate in (rate_control, rate_treatment))
    quantile_alpha, quantile_power = normal_quantile(1 - alpha / 2), normal_quantile(power)
    reach = quantile_alpha * math.sqrt(2 * pooled * (1 - pooled)) + quantile_power * math.sqrt(apart)
    return math.ceil((reach / (rate_treatment - rate_control)) ** 2)


def _quantiles(alpha: float, power: float) -> float:
    return normal_quantile(1 - alpha / 2) + normal_quantile(power)
