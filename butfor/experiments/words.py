"""Readouts in sentences a marketer reads: what was rejected, what was not, and what was expected."""

from __future__ import annotations

from typing import Literal

from butfor.experiments.analysis import Effect
from butfor.experiments.checks import SampleRatio
from butfor.experiments.policies import PolicyEffect
from butfor.model import Interval
from butfor.plan.kinds import Expectation, Hypothesis, Metric

Outcome = Literal["rejected", "opposite", "better", "worse", "no effect", "not proven", "refused"]


def signed(value: float, metric: Metric, currency: str = "") -> str:
    """Return a difference with its sign and unit: percentage points for shares, money, or a count."""
    if metric.unit == "share" or metric.take == "proportion":
        return f"{100 * value:+.3f} pp"
    digits = 2 if abs(value) >= 100 else 4
    money = f" {currency}" if metric.unit == "money" and currency else ""
    return f"{value:+,.{digits}f}{money}"


def between(interval: Interval, metric: Metric, currency: str = "") -> str:
    """Return an interval in words: "95 % interval +0.4851 to +1.0545"."""
    low, high = signed(interval.low, metric, currency), signed(interval.high, metric, currency)
    return f"{100 * interval.level:g} % interval {low} to {high}"


def blocked_sentence(srm: SampleRatio) -> str:
    """Say that the arms are not what was planned, and that nothing follows from the test."""
    split = ", ".join(f"{arm} {n:,} (planned {srm.expected[arm]:,.0f})" for arm, n in srm.observed.items())
    return (
        f"Blocked: the arms do not hold the planned shares of people ({split}; p = {srm.pvalue:.2g}). "
        "Something assigns or drops people unevenly, so no effect can be trusted until that is found."
    )


def effect_sentence(
    effect: Effect,
    outcome: Outcome,
    metric: Metric,
    h1: Hypothesis | None,
    margin: float | None,
    currency: str,
) -> str:
    """Say in one sentence what the data decided about one arm and one metric.

    ``h1`` is given when the metric is the hypothesis's own; ``margin`` when the effect was shown to be
    smaller than it.
    """
    compared = f"{effect.treatment} against {effect.control}, {metric.label}"
    if outcome == "refused":
        return f"{compared}: no verdict, because {effect.refused}."
    figures = (
        f"{signed(effect.difference, metric, currency)} per person, "
        f"{between(effect.deciding_interval, metric, currency)}, p = {effect.adjusted_pvalue:.2g}"
    )
    return f"{compared}: {_verdict(outcome, h1 is not None, margin, metric, currency)} ({figures})."


def _verdict(outcome: Outcome, own: bool, margin: float | None, metric: Metric, currency: str) -> str:
    if outcome == "no effect" and margin is not None:
        size = signed(margin, metric, currency).removeprefix("+")
        return f"practically no effect: shown to be smaller than {size} either way"
    words = {
        "rejected": "the null hypothesis is rejected, the effect goes the way of the hypothesis",
        "opposite": "the hypothesis is refuted, the effect goes the other way",
        "better": "better",
        "worse": "worse",
    }
    unproven = "not proven, the null hypothesis is not rejected" if own else "no difference proven"
    return words.get(outcome, unproven)


def policy_sentence(
    effect: PolicyEffect, label: str, against: str, metric: Metric, proven: bool, currency: str
) -> str:
    """Say whether choosing an arm per group beats one arm for all."""
    if effect.refused:
        return f"{label} against {against} for all: no verdict, because {effect.refused}."
    better = (effect.difference > 0) == (metric.direction == "up")
    verdict = ("better" if better else "worse") if proven else "not proven to make a difference"
    return (
        f"{label} against {against} for all, {metric.label}: {verdict} "
        f"({signed(effect.difference, metric, currency)} per customer, "
        f"{between(effect.deciding_interval, metric, currency)}, p = {effect.deciding_pvalue:.2g})."
    )


def expectation_met(effect: Effect, expected: Expectation) -> str:
    """Compare an observed interval with what was expected before the fact (R-047).

    ``below expectation`` or ``above expectation`` when the interval lies wholly outside the expected range,
    ``within expectation`` when the estimate lies in it, else ``... not certain``.
    """
    interval, low, high = effect.deciding_interval, expected.low, expected.high
    if low <= effect.difference <= high:
        return "within expectation"
    side = "below expectation" if effect.difference < low else "above expectation"
    apart = interval.high < low or interval.low > high
    return side if apart else f"{side}, not certain"


def expectation_sentence(effect: Effect, expected: Expectation, metric: Metric, currency: str) -> str:
    """Say how the observed effect compares with the expected one."""
    bounds = (expected.low, expected.likely, expected.high)
    low, likely, high = (signed(bound, metric, currency) for bound in bounds)
    shown = between(effect.deciding_interval, metric, currency)
    observed = f"{signed(effect.difference, metric, currency)}, {shown}"
    return (
        f"{effect.treatment}, {metric.label}: {expectation_met(effect, expected)} "
        f"(expected {low} to {high}, most likely {likely}; observed {observed})."
    )
