"""Conditions about what happened can be read: what is taken of what, in a time that is not empty."""

from collections.abc import Iterator
from datetime import UTC, datetime

from butfor.plan.conditions import OF_PROPERTY, event_conditions, property_type, steps, where_conditions
from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Audience, Definition, Rule
from butfor.plan.rule import length
from butfor.plan.walk import leaves, operators, parts, rule_trees

CODE = "EVENT"
LEVEL = "error"
WHY = "a condition that cannot be computed has nobody in it, and one over an empty time counts nothing"
# What says more about an event; a condition on anything else has no use for it.
ABOUT_EVENTS = ("take", "of", "less", "where", "last", "since", "until", "then", "then_not", "within")
SPANS = (
    "last",
    "within",
    "entered",
    "left",
    "within_last",
    "within_next",
    "longer_ago",
    "later_than",
    "anniversary",
)
NUMBERS = ("integer", "number", "money")


def check(plan: Plan) -> Iterator[Finding]:
    """Yield facts that cannot be taken, sequences that lack a part, empty spans, and words in the wrong place."""
    for definition, path, leaf in event_conditions(plan):
        yield from _taken(plan, definition, path, leaf)
        yield from _sequence(definition, path, leaf)
        for at, step in steps(leaf, path):
            yield from _time(definition, at, step)
        if path == "compute":
            for span in filter(None, (leaf.last, leaf.within)):
                yield from _span(definition, path, span)
    for definition, path, _, leaf in where_conditions(plan):
        yield from _where(definition, path, leaf)
    for definition, root, rule in rule_trees(plan):
        for path, leaf in leaves(rule, root):
            yield from _misplaced(definition, path, leaf)
    for audience in plan.all(Audience):
        if audience.rfm and audience.rfm.last:
            yield from _span(audience, "rfm.last", audience.rfm.last)


def _taken(plan: Plan, definition: Definition, path: str, leaf: Rule) -> Iterator[Finding]:
    take = leaf.take or "count"
    kind = property_type(plan, leaf.event or "", leaf.of)
    if take in OF_PROPERTY and leaf.of is None:
        yield Finding(
            definition,
            path,
            f"{take} is taken of a property, and there is none",
            "add of: and a property of the event",
        )
    if leaf.of and take == "count":
        yield Finding(
            definition,
            path,
            f"events are counted, and of: {leaf.of} says nothing",
            "add take: distinct to count its values",
        )
    if kind and take in ("sum", "average", "trend") and kind not in NUMBERS:
        yield Finding(definition, path, f"{take} of {leaf.of}, which is {kind}", "only numbers and money can be added up; take: distinct counts values")  # fmt: skip
    if take == "trend" and not leaf.last:
        yield Finding(
            definition, path, "a trend compares the halves of a span, and there is none", "add last: 90 days"
        )
    if leaf.less and take != "sum":
        yield Finding(
            definition,
            path,
            f"{take} less {leaf.less}: only a sum has something taken off",
            "write take: sum, or leave less out",
        )
    if leaf.take in ("days_since", "trend", "days_between") and (leaf.then or leaf.then_not):
        yield Finding(definition, path, f"a sequence is counted, and has no {take}", "leave take out")


def _sequence(definition: Definition, path: str, leaf: Rule) -> Iterator[Finding]:
    second = leaf.then or leaf.then_not
    if leaf.then and leaf.then_not:
        yield Finding(definition, path, "then and then_not in one condition", "write two, under all:")
    elif second and not leaf.within:
        yield Finding(definition, path, "a sequence does not say how soon", "add within: 7 days")
    elif leaf.within and not second:
        yield Finding(definition, path, "within says how soon something follows, and nothing does", "add then:, or write last: for a span up to now")  # fmt: skip
    if second and (
        second.event is None
        or any(
            getattr(second, n) for n in ("take", "of", "less", "last", "since", "until", "then", "then_not")
        )
    ):
        yield Finding(
            definition,
            path,
            "what follows is one event, with a where at most",
            "write then: {event: order_completed}",
        )
    if leaf.then_not and leaf.within and leaf.last and _length(leaf.within) >= _length(leaf.last):
        yield Finding(
            definition, path, f"nothing of the last {leaf.last} has waited {leaf.within} already, so this counts nothing",
            "make last longer than within",
        )  # fmt: skip


def _time(definition: Definition, path: str, leaf: Rule) -> Iterator[Finding]:
    moments = {n: getattr(leaf, n) for n in ("since", "until") if getattr(leaf, n)}
    bad = {n: text for n, text in moments.items() if moment(text) is None}
    for name, text in bad.items():
        yield Finding(
            definition, path, f"{name} {text!r} is no date", "write 2026-01-31, or 2026-01-31T12:00:00"
        )
    if len(moments) == 2 and not bad and (moment(leaf.since or "") or "") >= (moment(leaf.until or "") or ""):
        yield Finding(definition, path, f"since {leaf.since} is not before until {leaf.until}, so this counts nothing", "write the earlier one under since")  # fmt: skip
    if leaf.last and moments:
        said = " and ".join(moments)
        yield Finding(
            definition, path, f"last {leaf.last} together with {said}: only what is in both counts", "keep one of them",
            level="warning",
        )  # fmt: skip


def moment(text: str) -> str | None:
    """Return a date or time so written that texts sort as times do, None for what is neither."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found).isoformat()


def _where(definition: Definition, path: str, leaf: Rule) -> Iterator[Finding]:
    said, used = parts(leaf), operators(leaf)
    if said != ["property"] or len(used) != 1:
        what = " and ".join(said) or "nothing"
        yield Finding(
            definition, path, f"a where speaks of {what} with {len(used)} operators",
            "write {property: product.category, equals: shoes}: one property, one operator",
        )  # fmt: skip


def _misplaced(definition: Definition, path: str, leaf: Rule) -> Iterator[Finding]:
    """Yield words that this condition has no use for, and spans of no length."""
    known = set(ABOUT_EVENTS) if leaf.event else {"last"} if leaf.contacted else set()
    for name in ABOUT_EVENTS:
        if getattr(leaf, name) is not None and name not in known:
            yield Finding(definition, path, f"{name} speaks of something that happened, and this is no event", "name an event, or leave it out")  # fmt: skip
    for needed, name in (
        ("entered", "audience"),
        ("left", "audience"),
        ("km", "near"),
        ("by", "share"),
        ("outcome", "contacted"),
    ):
        if getattr(leaf, needed) is not None and getattr(leaf, name) is None:
            yield Finding(definition, path, f"{needed} without {name}", f"add {name}:, or leave {needed} out")
    for needed, name in (("km", "near"), ("by", "share")):
        if getattr(leaf, name) is not None and getattr(leaf, needed) is None:
            yield Finding(definition, path, f"{name} without {needed}", f"add {needed}:")
    if leaf.entered and leaf.left:
        yield Finding(definition, path, "entered and left in one condition", "write two, under all:")
    for name in SPANS:
        if isinstance(span := getattr(leaf, name), str) and span != "today":
            yield from _span(definition, path, span)


def _span(definition: Definition, path: str, span: str) -> Iterator[Finding]:
    if not _length(span):
        yield Finding(definition, path, f"{span} is no length of time", "write 30 days")


def _length(span: str) -> float:
    try:
        return length(span).total_seconds()
    except ValueError:
        return 0.0
