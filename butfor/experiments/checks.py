"""Checks that stand before and around every effect: the split of people, and several comparisons at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from butfor.experiments.distributions import chi_square_tail
from butfor.model import BadInput

SRM_LIMIT = 0.001
"""Below this p-value the arms are not what was planned, and nothing of the test can be trusted."""


class SampleRatio(Struct, frozen=True):
    """Planned and observed people per arm; ``blocked`` when they disagree beyond chance."""

    observed: dict[str, int]
    expected: dict[str, float]
    statistic: float
    pvalue: float
    blocked: bool


def sample_ratio(observed: Mapping[str, int], shares: Mapping[str, float]) -> SampleRatio:
    """Test the observed people per arm against the configured shares (Pearson's chi-square).

    Shares are scaled to sum to 1. Raises BadInput when people are in an arm that was not planned.
    """
    planned = {arm: share for arm, share in shares.items() if share > 0}
    if unplanned := sorted(arm for arm, n in observed.items() if n and arm not in planned):
        raise BadInput(
            "people are in arms that the experiment does not have",
            value=unplanned,
            rule=f"arms with a planned share: {', '.join(sorted(planned))}",
            next_step="add the arm to the experiment, or map its name in the source",
        )
    people, whole = sum(observed.values()), sum(planned.values())
    expected = {arm: people * share / whole for arm, share in planned.items()}
    counts = {arm: observed.get(arm, 0) for arm in planned}
    statistic, pvalue = _chi_square(counts, expected)
    return SampleRatio(counts, expected, statistic, pvalue, pvalue < SRM_LIMIT)


def _chi_square(counts: Mapping[str, int], expected: Mapping[str, float]) -> tuple[float, float]:
    if sum(counts.values()) == 0 or len(expected) < 2:
        return 0.0, 1.0
    statistic = sum((counts[arm] - e) ** 2 / e for arm, e in expected.items())
    return statistic, chi_square_tail(statistic, len(expected) - 1)


def adjust(pvalues: Sequence[float], how: Literal["holm", "bonferroni", "none"]) -> list[float]:
    """Return p-values adjusted for several comparisons, in the order given.

    Holm (1979) steps down from the smallest; Bonferroni multiplies by the number of comparisons.
    """
    count = len(pvalues)
    if how == "none":
        return list(pvalues)
    if how == "bonferroni":
        return [min(1.0, p * count) for p in pvalues]
    adjusted, highest = [0.0] * count, 0.0
    for rank, place in enumerate(sorted(range(count), key=pvalues.__getitem__)):
        highest = max(highest, min(1.0, pvalues[place] * (count - rank)))
        adjusted[place] = highest
    return adjusted
