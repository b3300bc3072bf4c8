"""Each datum says what it may be used for, and audiences keep to it."""

from collections.abc import Iterator

from butfor.plan.conditions import event_conditions, grid_event, steps
from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Audience, Definition, Term
from butfor.plan.walk import leaves, rule_trees

CODE = "USES"
LEVEL = "error"
WHY = "thoughtful, not creepy: each datum is declared for targeting, content and insight before it is used (R-193)"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield terms without declared uses, and rules that choose people by a term that denies it."""
    terms = {t.id: t for t in plan.all(Term)}
    for term in terms.values():
        if term.uses is None:
            yield Finding(
                term, "", f"term {term.id} declares no permitted use",
                "add uses: {target: allow, content: subtle, insight: allow} (each allow, subtle or deny)",
            )  # fmt: skip
        elif term.provenance in ("inferred", "bought") and term.uses.content == "allow":
            yield Finding(
                term, "uses.content", f"{term.id} is {term.provenance} and may be named in content",
                "set content: subtle (may choose content, may not be mentioned) or deny", level="warning",
            )  # fmt: skip
    for definition, root, rule in rule_trees(plan):
        for path, leaf in leaves(rule, root):
            used = terms.get(leaf.trait or "")
            if used and _denied(used) and not (isinstance(definition, Term) and _denied(definition)):
                kind = definition.__struct_config__.tag
                yield Finding(
                    definition, path, f"{kind} {definition.id} targets by {used.id}, whose use for targeting is denied",
                    f"choose another trait, or have the owner of {used.id} ({used.owner or 'nobody named'}) allow it",
                )  # fmt: skip
    for definition, root, leaf in event_conditions(plan):
        for path, step in steps(leaf, root):
            for name in filter(None, (step.event, step.less)):
                yield from _event(terms, definition, path, name)
    for audience in plan.all(Audience):
        for field in ("event", "less") if audience.rfm else ():
            yield from _event(terms, audience, f"rfm.{field}", getattr(audience.rfm, field) or "")
        if audience.rfm and (audience.rfm.where or audience.rfm.last) and not audience.rfm.event:
            yield from _event(terms, audience, "rfm", grid_event(plan, audience))


def _event(terms: dict[str, Term], definition: Definition, path: str, name: str) -> Iterator[Finding]:
    """Yield a condition, or a trait that may choose people, over an event that may not; computing does not clean it."""
    used = terms.get(name)
    if used and _denied(used) and not (isinstance(definition, Term) and _denied(definition)):
        kind = definition.__struct_config__.tag
        yield Finding(
            definition, path, f"{kind} {definition.id} targets by {used.id}, whose use for targeting is denied",
            f"choose another event, have the owner of {used.id} ({used.owner or 'nobody named'}) allow it, or deny targeting by {definition.id} too",
        )  # fmt: skip


def _denied(term: Term) -> bool:
    return term.uses is not None and term.uses.target == "deny"
