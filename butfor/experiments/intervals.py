"""Intervals and p-values in closed form, from a difference, its standard error and a few counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from butfor.experiments.distributions import normal_quantile, normal_two_sided, t_quantile, t_tail
from butfor.model import BadInput, Interval

T = TypeVar("T")


class Test(Struct, frozen=True):
    """A two-sided test of "no difference" and the interval of all differences it does not reject.

    ``interval`` is None when the data bound the difference on neither or only one side.
    """

    interval: Interval | None
    pvalue: float
    __test__ = False  # not a test case, whatever pytest thinks of the name


def deciding(decides: str, welch: T, better: T | None) -> T:
    """Return Welch's interval or p-value, or the better method's where that one ``decides`` and exists."""
    return welch if decides == "welch" or better is None else better


def welch_df(variances: tuple[float, float], people: tuple[int, int]) -> float:
    """Return Satterthwaite's degrees of freedom for the difference of two means (Welch 1947).

    ``variances`` are of single values, not of means.
    """
    parts = [v / n for v, n in zip(variances, people, strict=True)]
    below = sum(part**2 / (n - 1) for part, n in zip(parts, people, strict=True))
    return sum(parts) ** 2 / below if below else math.inf


def skew_of_difference(thirds: tuple[float, float], people: tuple[int, int], se: float) -> float:
    """Return the skewness of a difference of two means, treatment first.

    ``g = (m3_T / n_T^2 - m3_C / n_C^2) / SE^3`` where m3 are third central moments.
    """
    return (thirds[0] / people[0] ** 2 - thirds[1] / people[1] ** 2) / se**3


def skew_corrected(difference: float, se: float, df: float, skew: float, level: float = 0.95) -> Test:
    """Test and interval of a mean difference, corrected for skewness by one Edgeworth term.

    The studentised difference z is replaced by ``z + g/6 (2 z^2 + 1)`` with the skewness g of the
    difference, and compared with the same t quantile as Welch's test, which it equals at g = 0
    (P. Hall, The Bootstrap and Edgeworth Expansion, 1992, sections 2.6 and 3.10.6). The quadratic turns
    back at ``z = -3 / (2 g)``; beyond that point its value there is used, so the test stays monotone.
    """
    quantile = t_quantile((1 + level) / 2, df)
    z = _edgeworth(difference / se, skew)
    low, high = (_inverse_edgeworth(q, skew) for q in (quantile, -quantile))
    pvalue = 2 * t_tail(abs(z), df)
    if low is None or high is None:
        return Test(None, pvalue)
    return Test(Interval(difference - low * se, difference - high * se, level), pvalue)


def _edgeworth(z: float, skew: float) -> float:
    turn = -3 / (2 * skew) if skew else math.inf
    if skew < 0:
        z = min(z, turn)
    elif skew > 0:
        z = max(z, turn)
    return z + skew / 6 * (2 * z * z + 1)


def _inverse_edgeworth(value: float, skew: float) -> float | None:
    # Solves z + g/6 (2 z^2 + 1) = value for the branch through 0, in the form that is stable at g = 0.
    rest = value - skew / 6
    inside = 1 + 4 * (skew / 3) * rest
    return None if inside < 0 else 2 * rest / (1 + math.sqrt(inside))


def score_test(responders: tuple[int, int], people: tuple[int, int], level: float = 0.95) -> Test:
    """Score test and interval for the difference of two proportions, treatment first.

    O. Miettinen and M. Nurminen, Comparative analysis of two rates, Statistics in Medicine 4 (1985)
    213-226: the interval holds every difference whose score test is not rejected, with the variance
    under that difference and the factor N / (N - 1). It behaves for rare responses and unequal arms
    where p +- 1.96 SE does not, and never disagrees with its p-value.
    """
    _check_counts(responders, people)
    limit = normal_quantile((1 + level) / 2)
    observed = responders[0] / people[0] - responders[1] / people[1]

    def excess(delta: float, sign: int) -> float:
        return sign * _score(responders, people, delta) - limit

    edge = 1 - 1e-12
    low = -1.0 if excess(-edge, 1) < 0 else _root(lambda d: excess(d, 1), -edge, observed)
    high = 1.0 if excess(edge, -1) < 0 else _root(lambda d: excess(d, -1), observed, edge)
    return Test(Interval(low, high, level), normal_two_sided(_score(responders, people, 0.0)))


def _score(responders: tuple[int, int], people: tuple[int, int], delta: float) -> float:
    (x1, x0), (n1, n0), total = responders, people, sum(people)
    gap = x1 / n1 - x0 / n0 - delta
    p0 = _restricted(responders, people, delta)
    p1 = min(max(p0 + delta, 0.0), 1.0)
    variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * total / (total - 1)
    return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0


def _restricted(responders: tuple[int, int], people: tuple[int, int], delta: float) -> float:
    # The control's rate of greatest likelihood given the difference: a root of the cubic
    # l3 p^3 + l2 p^2 + l1 p + l0, in closed form (Miettinen and Nurminen 1985, appendix 1).
    (n1, n0), x0, l3, successes = people, responders[1], float(sum(people)), sum(responders)
    l2 = (n1 + 2 * n0) * delta - l3 - successes
    l1 = (n0 * delta - l3 - 2 * x0) * delta + successes
    l0 = x0 * delta * (1 - delta)
    third = l2 / (3 * l3)
    q = third**3 - l1 * l2 / (6 * l3**2) + l0 / (2 * l3)
    p = math.copysign(math.sqrt(max(third**2 - l1 / (3 * l3), 0.0)), q)
    angle = (math.pi + math.acos(min(max(q / p**3, -1.0), 1.0) if p else 1.0)) / 3
    return min(max(2 * p * math.cos(angle) - third, 0.0, -delta), 1.0, 1.0 - delta)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    # Bisection: the score falls steadily in the difference, and 60 halvings reach 1e-18 of the range.
    rising = function(high) > 0
    for _ in range(60):
        middle = (low + high) / 2
        if (function(middle) > 0) == rising:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def _check_counts(responders: tuple[int, int], people: tuple[int, int]) -> None:
    if any(n < 1 or not 0 <= x <= n for x, n in zip(responders, people, strict=True)):
        raise BadInput(
            "a proportion cannot be tested with these counts",
            value={"responders": responders, "people": people},
            rule="each arm needs at least one person, and between 0 and all of them may respond",
            next_step="check that the metric is 0 or 1 per person",
        )
