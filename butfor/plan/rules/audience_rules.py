"""An audience has one rule or one grid, conditions that can be read, no cycle, and a reason."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Audience, Definition, Rule
from butfor.plan.walk import SUBJECTS, WHOLE, leaves, nodes, operators, parts, rule_trees

CODE = "AUDIENCE"
LEVEL = "error"
WHY = "everybody must be able to say who is in an audience, and why (R-191)"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield audiences without exactly one rule, broken conditions, cycles, and missing reasons."""
    for audience in plan.all(Audience):
        yield from _audience(plan, audience)
    for definition, root, rule in rule_trees(plan):
        for path, node in nodes(rule, root):
            yield from _node(definition, path, node)
        for path, leaf in leaves(rule, root):
            yield from _before(definition, path, leaf)


def _audience(plan: Plan, audience: Audience) -> Iterator[Finding]:
    if (audience.rule is None) == (audience.rfm is None):
        yield Finding(audience, "", f"audience {audience.id} needs either rule or rfm", "keep one of the two")
    if not audience.why.strip():
        yield Finding(
            audience, "why", f"audience {audience.id} has no why", "write why: in one sentence", level="warning"
        )  # fmt: skip
    cycle = _cycle(plan, audience.id)
    if cycle:
        yield Finding(
            audience,
            "rule",
            f"audiences form a cycle: {' -> '.join(cycle)}",
            "take one of them out of the other's rule",
        )


def _node(definition: Definition, path: str, node: Rule) -> Iterator[Finding]:
    said, used = parts(node), operators(node)
    if len(said) > 1:
        yield Finding(
            definition, path, f"a condition has {' and '.join(said)}; only one of them would be read",
            "keep one, and combine several conditions under all:",
        )  # fmt: skip
    elif not said or said == ["property"]:
        yield Finding(
            definition, path, f"a condition is about one of {', '.join(s for s in SUBJECTS if s != 'property')}, with one operator",
            "write {trait: orders, at_least: 2}; a property stands inside where:",
        )  # fmt: skip
    elif said[0] in ("all", "any", "not", *WHOLE):
        if used:
            yield Finding(
                definition, path, f"{said[0]} is true or not, and {used[0]} has nothing to compare", "leave the operator out; negate with not:"
            )  # fmt: skip
    elif len(used) != 1:
        yield Finding(
            definition, path, f"{said[0]} {getattr(node, said[0])} has {len(used)} operators ({', '.join(used) or 'none'})",
            "give exactly one; combine several conditions under all:",
        )  # fmt: skip


def _before(definition: Definition, path: str, leaf: Rule) -> Iterator[Finding]:
    """Yield conditions of lifecycle logic and policies that need more than the traits, which are computed before them."""
    asked = [s for s in ("event", "consent", "reachable", "source", "contacted") if getattr(leaf, s)]
    if not isinstance(definition, Audience) and (asked or leaf.entered or leaf.left):
        what = asked[0] if asked else "when people came into an audience"
        yield Finding(
            definition, path, f"{definition.id} asks for {what}, and reads traits alone",
            "give it a name: a term with what: trait and compute:, and use that",
        )  # fmt: skip


def _cycle(plan: Plan, start: str) -> list[str]:
    """Return the shortest way from an audience back to itself, or nothing."""
    ways, seen = [[start]], set[str]()
    for way in ways:
        audience = plan.find(Audience, way[-1])
        for _, leaf in leaves(audience.rule if audience else None):
            if leaf.audience == start:
                return [*way, start]
            if leaf.audience and leaf.audience not in seen:
                seen.add(leaf.audience)
                ways.append([*way, leaf.audience])
    return []
