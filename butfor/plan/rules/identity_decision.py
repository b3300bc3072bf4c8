"""Before data moves, decide which identifier tells people apart."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Source
from butfor.plan.walk import targets

CODE = "IDENTITY"
LEVEL = "error"
WHY = "without one agreed identifier every later number counts somebody twice (R-183)"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield a missing decision, and sources that deliver none of the identifiers decided on."""
    decision = plan.workspace.identity
    if decision is None:
        yield Finding(
            None, "", "no identity decision: which identifier tells people apart?",
            "add identity: {primary: customer_id, ranked: [...]} to butfor.yaml",
        )  # fmt: skip
        return
    if not decision.why:
        yield Finding(
            None,
            "identity",
            "the identity decision has no why",
            "write identity.why in one sentence",
            level="warning",
        )
    usable = {decision.primary, *decision.ranked}
    for source in plan.all(Source):
        delivered = {t.removeprefix("id.") for _, t in targets(source) if t.startswith("id.")}
        of_people = source.connector != "segment" and source.grain != "product"
        if of_people and source.account != "row_number" and not delivered & usable:
            yield Finding(
                source, "columns", f"source {source.id} delivers none of the identifiers {', '.join(sorted(usable))}",
                "map one of its columns to id.X; until then its rows belong to no known person", level="warning",
            )  # fmt: skip
