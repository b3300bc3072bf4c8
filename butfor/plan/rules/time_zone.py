"""The time zone of a workspace exists."""

from collections.abc import Iterator
from zoneinfo import available_timezones

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.read import did_you_mean

CODE = "ZONE"
LEVEL = "error"
WHY = "days, and with them recency and caps, begin at midnight of the workspace's zone"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield an unknown time zone with the nearest known ones."""
    zone, known = plan.workspace.time_zone, available_timezones()
    if zone not in known:
        yield Finding(
            None, "time_zone", f"time zone {zone!r} is unknown",
            did_you_mean(zone, sorted(known)) or "write one such as Europe/Berlin",
        )  # fmt: skip
