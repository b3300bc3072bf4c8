"""A source can be loaded: it says when, who and what each row is."""

from collections import Counter
from collections.abc import Iterator
from zoneinfo import available_timezones

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Source, Term
from butfor.plan.read import did_you_mean
from butfor.plan.walk import takes_returns, targets

CODE = "SOURCE"
LEVEL = "error"
WHY = "rows that cannot be dated, typed or tied to an account cannot be used, only quarantined"
NEEDED = {
    "order_line": ("time", "event.order_id", "product.quantity", "product.price"),
    "event": ("time",),
    "person": (),
    "product": ("product.product_id",),
}


def check(plan: Plan) -> Iterator[Finding]:
    """Yield sources whose mapping misses what their grain needs."""
    zones = available_timezones()
    for source in plan.all(Source):
        # Calls say by their own names when, who and what.
        if source.connector != "segment":
            yield from _mapping(source)
        yield from _event(plan, source)
        if source.time_zone not in zones:
            hint = did_you_mean(source.time_zone, sorted(zones))
            yield Finding(source, "time_zone", f"time zone {source.time_zone!r} is unknown", hint)
        if source.account and source.account != "row_number" and source.account not in dict(targets(source)):
            yield Finding(
                source, "account", f"account column {source.account!r} is not among the columns",
                "name a mapped column, or row_number",
            )  # fmt: skip


def _mapping(source: Source) -> Iterator[Finding]:
    mapped = Counter(target for _, target in targets(source) if target != "ignore")
    for needed in NEEDED[source.grain]:
        if needed not in mapped:
            what = f"source {source.id} maps no column to {needed}"
            yield Finding(source, "columns", what, f"rows of grain {source.grain} need it")
    for target, times in mapped.items():
        if times > 1:
            what = f"{times} columns of {source.id} map to {target}"
            yield Finding(source, "columns", what, "map one of them and ignore the others")
    if source.grain not in ("person", "product") and not source.event and "event" not in mapped:
        yield Finding(
            source, "", f"source {source.id} names no event", "set event: to a term, or map a column to event"
        )


def _event(plan: Plan, source: Source) -> Iterator[Finding]:
    event = plan.find(Term, source.event or "")
    if source.grain == "order_line" and event and not event.products:
        yield Finding(
            source,
            "event",
            f"event {event.id} has no products",
            "choose a purchase term, or set grain: event",
        )
    returns = plan.find(Term, source.returns.event)
    if takes_returns(source) and (returns is None or returns.what != "event"):
        yield Finding(
            source, "returns.event", f"returns become {source.returns.event!r}, which is no event term",
            "define it, or set returns.when: never",
        )  # fmt: skip
