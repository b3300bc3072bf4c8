"""Every variant of a campaign is somebody's message."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Campaign, Experiment

CODE = "VARIANT"
LEVEL = "warning"
WHY = "a variant nobody gets was paid for and proves nothing"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield variants that no arm of the campaign's test gets; without a test only the first is sent."""
    for campaign in plan.all(Campaign):
        experiment = plan.find(Experiment, campaign.experiment or "")
        if campaign.experiment and experiment is None:
            continue
        names = list(campaign.variants)
        used = {arm.variant for arm in experiment.arms.values()} if experiment else set(names[:1])
        for name in names:
            if name not in used:
                where = (
                    f"add an arm to {experiment.id} that gets it"
                    if experiment
                    else "add a test that compares them"
                )
                yield Finding(
                    campaign, f"variants.{name}", f"nobody gets variant {name} of campaign {campaign.id}", f"{where}, or remove it"
                )  # fmt: skip
