"""An audience has one rule or one grid, conditions that can be read, no cycle, and a reason."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Audience, Definition, Experiment, Rule, Term
from butfor.plan.walk import leaves, operators

CODE = "AUDIENCE"
LEVEL = "error"
WHY = "everybody must be able to say who is in an audience, and why (R-191)"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield audiences without exactly one rule, broken conditions, cycles, and missing reasons."""
    for audience in plan.all(Audience):
        if (audience.rule is None) == (audience.rfm is None):
            yield Finding(
                audience, "", f"audience {audience.id} needs either rule or rfm", "keep one of the two"
            )
        if not audience.why.strip():
            yield Finding(
                audience,
                "",
                f"audience {audience.id} has no why",
                "write why: in one sentence",
                level="warning",
            )
        yield from _conditions(audience, "rule", audience.rule)
        cycle = _cycle(plan, audience.id, [])
        if cycle:
            yield Finding(
                audience,
                "rule",
                f"audiences form a cycle: {' -> '.join(cycle)}",
                "take one of them out of the other's rule",
            )
    for term in plan.all(Term):
        for i, case in enumerate(term.logic):
            yield from _conditions(term, f"logic.{i}.when", case.when)
    for experiment in plan.all(Experiment):
        for name, policy in experiment.policies.items():
            for i, choice in enumerate(policy.cases):
                yield from _conditions(experiment, f"policies.{name}.cases.{i}.when", choice.when)


def _conditions(definition: Definition, root: str, rule: Rule | None) -> Iterator[Finding]:
    for path, leaf in leaves(rule, root):
        used = operators(leaf)
        if leaf.audience and not leaf.trait and not used:
            continue
        if not leaf.trait or leaf.audience:
            yield Finding(
                definition,
                path,
                "a condition names a trait with one operator, or an audience",
                "write {trait: orders, at_least: 2}",
            )
        elif len(used) != 1:
            yield Finding(
                definition, path, f"trait {leaf.trait} has {len(used)} operators ({', '.join(used) or 'none'})",
                "give exactly one; combine several conditions under all:",
            )  # fmt: skip


def _cycle(plan: Plan, name: str, path: list[str]) -> list[str]:
    if name in path:
        return [*path[path.index(name) :], name]
    audience = plan.find(Audience, name)
    for _, leaf in leaves(audience.rule if audience else None):
        if leaf.audience:
            found = _cycle(plan, leaf.audience, [*path, name])
            if found:
                return found
    return []
