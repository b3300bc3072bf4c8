"""No campaign without a goal and a goal event that arrives."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Campaign, Goal
from butfor.plan.walk import delivered_events

CODE = "GATE-GOAL"
LEVEL = "error"
WHY = "if the goal event is not tracked, nobody will ever know whether the campaign worked (R-197, R-199)"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield campaigns without goal, goal event, agreed goal, variants, test, or with an event no source delivers."""
    delivered = delivered_events(plan)
    for campaign in plan.all(Campaign):
        if campaign.status != "retired":
            yield from _reason(plan, campaign, delivered)
            yield from _content(campaign)


def _reason(plan: Plan, campaign: Campaign, delivered: set[str]) -> Iterator[Finding]:
    for field in ("goal", "goal_event"):
        if not getattr(campaign, field):
            yield Finding(
                campaign, field, f"campaign {campaign.id} has no {field}", f"name its {field} first"
            )
    if campaign.goal_event and campaign.goal_event not in delivered:
        yield Finding(
            campaign, "goal_event", f"no source delivers {campaign.goal_event}",
            "connect the source that knows it, then launch",
        )  # fmt: skip
    goal = plan.find(Goal, campaign.goal)
    if goal and goal.status not in ("agreed", "active"):
        yield Finding(
            campaign,
            "goal",
            f"goal {goal.id} is {goal.status}, not agreed",
            "have the goal signed first (R-044)",
        )


def _content(campaign: Campaign) -> Iterator[Finding]:
    if not campaign.variants:
        yield Finding(
            campaign, "variants", f"campaign {campaign.id} says nothing", "write at least one variant"
        )
    if campaign.experiment is None:
        yield Finding(
            campaign, "", f"campaign {campaign.id} has no test and no control group",
            "name an experiment; without one its effect stays an opinion (R-115)", level="warning",
        )  # fmt: skip
