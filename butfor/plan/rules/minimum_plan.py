"""Track at least registration, loyalty join and purchase."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Source, Term
from butfor.plan.walk import delivered_events

CODE = "MINIMUM"
LEVEL = "error"
WHY = "without registration, loyalty join and purchase no goal of a retail brand can be measured (R-200)"
ROLES = {"registration": "registered", "loyalty_join": "loyalty_joined", "purchase": "order_completed"}


def check(plan: Plan) -> Iterator[Finding]:
    """Yield each role that no event term has; warn of those that no source delivers."""
    delivered = delivered_events(plan)
    events = [t for t in plan.all(Term) if t.what == "event"]
    for role, usual in ROLES.items():
        having = [t for t in events if t.role == role]
        if not having:
            yield Finding(
                None,
                "",
                f"no event term has the role {role}",
                f"write plan/terms/{usual}.yaml with role: {role}",
            )
        elif plan.all(Source) and not any(t.id in delivered for t in having):
            yield Finding(
                having[0],
                "role",
                f"no source delivers {having[0].id} yet",
                "connect the system that knows it",
                level="warning",
            )
