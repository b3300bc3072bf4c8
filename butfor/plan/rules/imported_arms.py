"""Arms that were drawn elsewhere stand in an attribute."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Experiment

CODE = "EXP-ARM"
LEVEL = "error"
WHY = "nobody can be compared before it is known who was in which arm (R-011)"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield imported experiments without an arm attribute, and drawn ones with one."""
    for experiment in plan.all(Experiment):
        if experiment.assignment == "imported" and not experiment.arm_attribute:
            yield Finding(
                experiment, "assignment", f"experiment {experiment.id} imports its arms and names no arm_attribute",
                "add arm_attribute: the attribute that holds each person's arm",
            )  # fmt: skip
        if experiment.assignment == "drawn" and experiment.arm_attribute:
            yield Finding(
                experiment, "arm_attribute", f"experiment {experiment.id} draws its arms, so {experiment.arm_attribute} is not read",
                "set assignment: imported, or remove arm_attribute", level="warning",
            )  # fmt: skip
