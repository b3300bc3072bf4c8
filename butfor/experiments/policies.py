"""Would a policy have earned more than one arm for all? Judged from the same randomised data.

Because arms were drawn at random, the people of a group who happened to get an arm show what the whole
group would have done with it. A policy that gives each group an arm is compared group by group with the
arm it competes against; people for whom both choose the same arm contribute a difference of exactly 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from butfor.experiments.analysis import MIN_BUYERS, PLAIN_BUYERS
from butfor.experiments.distributions import normal_quantile, normal_two_sided
from butfor.experiments.intervals import deciding, skew_corrected
from butfor.experiments.moments import ArmMoments
from butfor.model import BadInput, Interval


class PolicyGroup(Struct, frozen=True):
    """People whom a policy treats alike: their share of all, the policy's arm, the other arm, the moments."""

    name: str
    share: float
    assigned: str
    baseline: str
    moments: Mapping[str, ArmMoments]


class GroupDifference(Struct, frozen=True):
    """One group's part: ``difference`` and ``se`` are per customer of the group."""

    name: str
    share: float
    assigned: str
    baseline: str
    n_assigned: int
    n_baseline: int
    difference: float
    se: float


class PolicyEffect(Struct, frozen=True, kw_only=True):
    """What a policy changes per customer of the whole population, in the unit of the column.

    ``interval`` is the normal one, ``corrected`` takes the skew out (None without cubes); ``decides`` and
    ``refused`` follow the same gate as ``Effect``.
    """

    policy: str
    metric: str
    difference: float
    se: float
    interval: Interval
    t: float
    pvalue: float
    corrected: Interval | None
    corrected_pvalue: float | None
    buyers_smaller_arm: int
    groups: tuple[GroupDifference, ...]
    decides: str
    refused: str = ""

    @property
    def deciding_interval(self) -> Interval:
        """The interval the verdict rests on."""
        return deciding(self.decides, self.interval, self.corrected)

    @property
    def deciding_pvalue(self) -> float:
        """The p-value the verdict rests on."""
        return deciding(self.decides, self.pvalue, self.corrected_pvalue)


class _Part(Struct, frozen=True):
    shown: GroupDifference
    third: float | None
    buyers: int


def compare_policies(
    policy: str, column: str, groups: Sequence[PolicyGroup], alpha: float = 0.05
) -> PolicyEffect:
    """Compare a policy with its baseline in one column (a mean per person).

    Difference per customer: ``sum(share * (mean[assigned] - mean[baseline]))`` over the groups; standard
    error ``sqrt(sum(share^2 * SE_g^2))`` with Welch's SE within the group. Shares are taken as known. Raises
    BadInput when shares exceed 1 or an arm has no people in a group.
    """
    _check_groups(policy, groups)
    differing = [group for group in groups if group.assigned != group.baseline]
    parts = [_part(column, group) for group in differing]
    difference = sum(part.shown.share * part.shown.difference for part in parts)
    variance = sum((part.shown.share * part.shown.se) ** 2 for part in parts)
    if variance == 0:
        return _same(policy, column, difference, parts, alpha)
    se = math.sqrt(variance)
    # At 95 % the customary 1.96, so that the published comparison comes out to its last digit.
    half = (1.96 if math.isclose(alpha, 0.05) else normal_quantile(1 - alpha / 2)) * se
    thirds = [part.third for part in parts if part.third is not None]
    skew = sum(thirds) / se**3 if len(thirds) == len(parts) else None
    better = None if skew is None else skew_corrected(difference, se, math.inf, skew, 1 - alpha)
    buyers = min(part.buyers for part in parts)
    corrected = better.interval if better else None
    decides = "skew" if corrected and buyers <= PLAIN_BUYERS else "welch"
    return PolicyEffect(
        policy=policy,
        metric=column,
        difference=difference,
        se=se,
        interval=Interval(difference - half, difference + half, 1 - alpha),
        t=difference / se,
        pvalue=normal_two_sided(difference / se),
        corrected=corrected,
        corrected_pvalue=better.pvalue if better else None,
        buyers_smaller_arm=buyers,
        groups=tuple(part.shown for part in parts),
        decides=decides,
        refused=_refusal(buyers, corrected),
    )


def _part(column: str, group: PolicyGroup) -> _Part:
    arms = [group.moments[arm] for arm in (group.assigned, group.baseline)]
    errors = [arm.var(column) / arm.n for arm in arms]
    shown = GroupDifference(
        group.name,
        group.share,
        group.assigned,
        group.baseline,
        arms[0].n,
        arms[1].n,
        arms[0].mean(column) - arms[1].mean(column),
        math.sqrt(sum(errors)),
    )
    thirds = [arm.third(column) / arm.n**2 for arm in arms if arm.has_cubes([column])]
    return _Part(
        shown=shown,
        third=group.share**3 * (thirds[0] - thirds[1]) if len(thirds) == 2 else None,
        buyers=min(arm.buyers[column] for arm in arms),
    )


def _same(policy: str, column: str, difference: float, parts: Sequence[_Part], alpha: float) -> PolicyEffect:
    return PolicyEffect(
        policy=policy,
        metric=column,
        difference=difference,
        se=0.0,
        interval=Interval(difference, difference, 1 - alpha),
        t=0.0,
        pvalue=1.0,
        corrected=None,
        corrected_pvalue=None,
        buyers_smaller_arm=min((part.buyers for part in parts), default=0),
        groups=tuple(part.shown for part in parts),
        decides="welch",
        refused="the policy and what it is compared with give everybody the same arm or the same outcome",
    )


def _refusal(buyers: int, corrected: Interval | None) -> str:
    smallest = f"{buyers} people with a value other than 0 in the smallest cell"
    if buyers < MIN_BUYERS:
        return f"only {smallest}; {MIN_BUYERS} are needed"
    if buyers <= PLAIN_BUYERS and corrected is None:
        return f"{smallest} call for a skew-corrected interval, which needs cubes"
    return ""


def _check_groups(policy: str, groups: Sequence[PolicyGroup]) -> None:
    total = sum(group.share for group in groups)
    if total > 1 + 1e-9 or any(group.share < 0 for group in groups):
        raise BadInput(
            f"the groups of policy '{policy}' have shares that cannot be",
            value={group.name: group.share for group in groups},
            rule="each share is at least 0 and together they are at most 1",
            next_step="make the policy's cases exclude each other",
        )
    for group in groups:
        for arm in (group.assigned, group.baseline):
            if group.assigned != group.baseline and arm not in group.moments:
                raise BadInput(
                    f"policy '{policy}': nobody of group '{group.name}' was in arm '{arm}'",
                    rule="a policy is judged from people of the group who were drawn into both arms",
                    next_step="give every arm a share in every group, or drop the group from the policy",
                )
