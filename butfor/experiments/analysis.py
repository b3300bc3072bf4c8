"""Effects of one metric between two arms, from moments alone.

Means, proportions and ratios of means, each optionally adjusted by a covariate from before the test
(CUPED). tea-tasting computes Welch's test from the aggregates it is handed; the skew correction, the
score interval and the gate for money stand here, because no maintained library has them.
"""

from __future__ import annotations

import math
from typing import Any

from msgspec import Struct

from butfor.experiments.intervals import (
    Test,
    deciding,
    score_test,
    skew_corrected,
    skew_of_difference,
    welch_df,
)
from butfor.experiments.moments import ArmMoments, columns_of
from butfor.model import BadInput, Interval
from butfor.plan.kinds import Metric

MIN_BUYERS = 25
"""Fewer buyers than this in the smaller arm: no verdict. See ``bench/skew.py`` for what happens otherwise."""

PLAIN_BUYERS = 600
"""More buyers than this in the smaller arm: Welch's interval is right as it is."""


class Effect(Struct, frozen=True, kw_only=True):
    """The difference between a treatment arm and the control arm in one metric, per person.

    ``mean_*``, ``difference``, ``se`` and the intervals are in the metric's unit; with CUPED they are
    the adjusted ones. ``interval``, ``t``, ``df`` and ``pvalue`` are Welch's. ``corrected`` is the
    skew-corrected interval (means, ratios) or the score interval (proportions); ``decides`` names the one
    the verdict rests on: ``welch``, ``skew`` or ``score``. ``adjusted_pvalue`` is the deciding p-value after
    correction for several arms. ``refused`` says why there is no verdict, empty when there may be one.
    """

    metric: str
    treatment: str
    control: str
    n_treatment: int
    n_control: int
    mean_treatment: float
    mean_control: float
    difference: float
    se: float
    df: float
    interval: Interval
    t: float
    pvalue: float
    adjusted_pvalue: float
    relative: float | None
    relative_interval: Interval | None
    buyers_smaller_arm: int
    skew: float | None
    corrected: Interval | None
    corrected_pvalue: float | None
    decides: str
    method: str
    refused: str = ""

    @property
    def deciding_interval(self) -> Interval:
        """The interval the verdict rests on."""
        return deciding(self.decides, self.interval, self.corrected)

    @property
    def deciding_pvalue(self) -> float:
        """The p-value the verdict rests on, before correction for several arms."""
        return deciding(self.decides, self.pvalue, self.corrected_pvalue)


def analyse(metric: Metric, treatment: ArmMoments, control: ArmMoments, alpha: float = 0.05) -> Effect:
    """Compare two arms in one metric at confidence level ``1 - alpha``.

    The moments hold the columns named by ``columns_of(metric)``; raises BadInput when one is missing or
    an arm has fewer than two people. The covariate's coefficient is pooled over the two arms (Deng, Xu,
    Kohavi and Walker, WSDM 2013), a ratio's variance comes from the delta method (Deng, Knoblich and Lu,
    KDD 2018).
    """
    level = 1 - alpha
    arms = (treatment, control)
    if metric.take == "proportion":
        _check_proportion(metric.id, arms)
    weights = _weights(metric, treatment, control)
    variances = (treatment.var_of(weights[0]), control.var_of(weights[1]))
    people = (treatment.n, control.n)
    se = math.sqrt(variances[0] / people[0] + variances[1] / people[1])
    buyers = min(arm.buyers[metric.id] for arm in arms)
    if se == 0:
        return _without_spread(metric, treatment, control, level, buyers)
    df = welch_df(variances, people)
    welch = _welch(metric, treatment, control, level)
    skew = _skew(metric, arms, weights, se)
    better = _better_test(metric, arms, float(welch.effect_size), se, df, skew, level)
    decides, refused = _gate(metric, buyers, better)
    positive = welch.control > 0 and welch.treatment > 0
    pvalue = float(welch.pvalue)
    return Effect(
        metric=metric.id,
        treatment=treatment.arm,
        control=control.arm,
        n_treatment=people[0],
        n_control=people[1],
        mean_treatment=float(welch.treatment),
        mean_control=float(welch.control),
        difference=float(welch.effect_size),
        se=se,
        df=df,
        interval=Interval(float(welch.effect_size_ci_lower), float(welch.effect_size_ci_upper), level),
        t=float(welch.statistic),
        pvalue=pvalue,
        adjusted_pvalue=better.pvalue if better and decides != "welch" else pvalue,
        relative=float(welch.rel_effect_size) if welch.control > 0 else None,
        relative_interval=_relative(welch, level) if positive else None,
        buyers_smaller_arm=buyers,
        skew=skew,
        corrected=better.interval if better else None,
        corrected_pvalue=better.pvalue if better else None,
        decides=decides,
        method=_method(metric, decides),
        refused=refused,
    )


def _weights(metric: Metric, treatment: ArmMoments, control: ArmMoments) -> tuple[dict[str, float], ...]:
    """Return per arm the weights of the columns whose sum has the metric's variance (linearisation)."""
    pooled = treatment + control
    theta = _coefficient(metric, pooled)
    return tuple(_linear(metric, arm) | theta for arm in (treatment, control))


def _linear(metric: Metric, arm: ArmMoments) -> dict[str, float]:
    if metric.take != "ratio":
        return {metric.id: 1.0}
    below = f"{metric.id}__den"
    if arm.mean(below) == 0:
        raise BadInput(
            f"the denominator of '{metric.id}' is 0 in arm '{arm.arm}'",
            rule="a ratio needs a denominator whose mean is not zero",
            next_step="wait for the denominator to happen, or use a mean per person instead",
        )
    scale = 1 / arm.mean(below)
    return {metric.id: scale, below: -arm.mean(metric.id) * scale * scale}


def _coefficient(metric: Metric, pooled: ArmMoments) -> dict[str, float]:
    before = f"{metric.id}__pre"
    if metric.covariate is None or pooled.var(before) == 0:
        return {}
    together = sum(w * pooled.cov(column, before) for column, w in _linear(metric, pooled).items())
    return {before: -together / pooled.var(before)}


def _welch(metric: Metric, treatment: ArmMoments, control: ArmMoments, level: float) -> Any:
    # tea-tasting takes over a second to import (Ibis), so it is imported when the first test is run.
    import tea_tasting.aggr
    import tea_tasting.metrics

    def aggregates(arm: ArmMoments) -> tea_tasting.aggr.Aggregates:
        columns = columns_of(metric)
        return tea_tasting.aggr.Aggregates(
            count_=arm.n,
            mean_={c: arm.mean(c) for c in columns},
            var_={c: arm.var(c) for c in columns},
            cov_={(a, b): arm.cov(a, b) for a in columns for b in columns if a < b},
        )

    below = f"{metric.id}__den" if metric.take == "ratio" else None
    before = f"{metric.id}__pre" if metric.covariate is not None else None
    test = tea_tasting.metrics.RatioOfMeans(
        metric.id, below, before, None,
        alternative="two-sided", confidence_level=level, equal_var=False, use_t=True,
    )  # fmt: skip
    return test.analyze_aggregates(control=aggregates(control), treatment=aggregates(treatment))


def _skew(
    metric: Metric, arms: tuple[ArmMoments, ArmMoments], weights: tuple[dict[str, float], ...], se: float
) -> float | None:
    if not all(arm.has_cubes(w) for arm, w in zip(arms, weights, strict=True)):
        return None
    thirds = (arms[0].third_of(weights[0]), arms[1].third_of(weights[1]))
    return skew_of_difference(thirds, (arms[0].n, arms[1].n), se)


def _better_test(
    metric: Metric,
    arms: tuple[ArmMoments, ArmMoments],
    difference: float,
    se: float,
    df: float,
    skew: float | None,
    level: float,
) -> Test | None:
    if _plain_proportion(metric):
        counts = (arms[0].buyers[metric.id], arms[1].buyers[metric.id])
        return score_test(counts, (arms[0].n, arms[1].n), level)
    return None if skew is None else skew_corrected(difference, se, df, skew, level)


def _plain_proportion(metric: Metric) -> bool:
    return metric.take == "proportion" and metric.covariate is None


def _gate(metric: Metric, buyers: int, better: Test | None) -> tuple[str, str]:
    if _plain_proportion(metric):
        return "score", ""
    if buyers > PLAIN_BUYERS:
        return "welch", ""
    if buyers < MIN_BUYERS:
        return "skew" if better else "welch", (
            f"only {buyers} people with a value other than 0 in the smaller arm; with fewer than "
            f"{MIN_BUYERS} no method is right about a sum that few people make up"
        )
    if better is None:
        return "welch", (
            f"{buyers} people with a value other than 0 in the smaller arm call for the skew-corrected "
            "interval, and these moments hold no cubes: name the columns in `skewed` of moments_query"
        )
    if better.interval is None:
        return "skew", "the values are so skewed that the data do not bound the difference on both sides"
    return "skew", ""


def _without_spread(
    metric: Metric, treatment: ArmMoments, control: ArmMoments, level: float, buyers: int
) -> Effect:
    """Return the effect of two arms in which everybody has the same value: known, but not testable."""
    means = [_value(metric, arm) for arm in (treatment, control)]
    difference = means[0] - means[1]
    return Effect(
        metric=metric.id,
        treatment=treatment.arm,
        control=control.arm,
        n_treatment=treatment.n,
        n_control=control.n,
        mean_treatment=means[0],
        mean_control=means[1],
        difference=difference,
        se=0.0,
        df=float(treatment.n + control.n - 2),
        interval=Interval(difference, difference, level),
        t=0.0,
        pvalue=1.0,
        adjusted_pvalue=1.0,
        relative=difference / means[1] if means[1] > 0 else None,
        relative_interval=None,
        buyers_smaller_arm=buyers,
        skew=None,
        corrected=None,
        corrected_pvalue=None,
        decides="welch",
        method="no test: the values do not vary",
        refused="every person of both arms has the same value, so chance cannot be judged",
    )


def _value(metric: Metric, arm: ArmMoments) -> float:
    return arm.mean(metric.id) / (arm.mean(f"{metric.id}__den") if metric.take == "ratio" else 1.0)


def _check_proportion(column: str, arms: tuple[ArmMoments, ArmMoments]) -> None:
    for arm in arms:
        if not math.isclose(arm.mean(column) * arm.n, arm.buyers[column], rel_tol=1e-9, abs_tol=1e-6):
            raise BadInput(
                f"metric '{column}' is a proportion, but arm '{arm.arm}' holds values other than 0 and 1",
                value=f"sum {arm.mean(column) * arm.n:g} over {arm.buyers[column]} people who are not 0",
                rule="a proportion counts people: each is 0 or 1",
                next_step="use `take: any` in the numerator, or make the metric a mean",
            )


def _relative(welch: Any, level: float) -> Interval:
    return Interval(float(welch.rel_effect_size_ci_lower), float(welch.rel_effect_size_ci_upper), level)


def _method(metric: Metric, decides: str) -> str:
    kinds = {
        "mean": "difference of means",
        "proportion": "difference of proportions",
        "ratio": "difference of ratios of means (delta method)",
    }
    tests = {
        "welch": "Welch's t-test",
        "skew": "Welch's t-test corrected for skewness by the third moment (Edgeworth)",
        "score": "score test and interval (Miettinen and Nurminen)",
    }
    adjusted = ", adjusted by the same measure before the test (CUPED)" if metric.covariate else ""
    return f"{kinds[metric.take]}{adjusted}; {tests[decides]}"
