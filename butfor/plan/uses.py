"""Which definitions build on which: what a change of one would reach."""

from __future__ import annotations

import msgspec

from butfor.plan.files import Plan, kind_name
from butfor.plan.kinds import Audience, Campaign, Definition, Experiment, Goal, Rule, Term
from butfor.plan.walk import nodes


class Use(msgspec.Struct, frozen=True, order=True):
    """A definition that builds on another one, directly or through others."""

    kind: str
    id: str
    label: str
    status: str


def uses_of(plan: Plan, definition: Definition) -> list[Use]:
    """Return the audiences, terms, campaigns, experiments and goals that build on a definition, near and far."""
    found: dict[tuple[str, str], Definition] = {}
    wanted = [(kind_name(type(definition)), definition.id)]
    for kind, name in wanted:
        for each in plan.definitions.values():
            key = (kind_name(type(each)), each.id)
            if key not in found and key != wanted[0] and _reads(each, kind, name):
                found[key] = each
                wanted.append(key)
    return sorted(
        Use(kind, d.id, str(getattr(d, "label", "") or d.id), d.status) for (kind, _), d in found.items()
    )


def _reads(definition: Definition, kind: str, name: str) -> bool:
    return any(_rule_reads(rule, kind, name) for rule in _rules(definition)) or _names(definition, kind, name)


def _rules(definition: Definition) -> list[Rule]:
    if isinstance(definition, Audience):
        return [definition.rule] if definition.rule else []
    if isinstance(definition, Term):
        return [c.when for c in definition.logic if c.when] + (
            [definition.compute] if definition.compute else []
        )
    if isinstance(definition, Experiment):
        return [c.when for p in definition.policies.values() for c in p.cases if c.when]
    return []


def _rule_reads(rule: Rule, kind: str, name: str) -> bool:
    for _, node in nodes(rule):
        if kind == "audience" and node.audience and name == node.audience.partition(".")[0]:
            return True
        events = [r.event for r in (node, node.then, node.then_not) if r is not None]
        if kind == "term" and name in (node.trait, node.less, *events):
            return True
    return False


def _names(definition: Definition, kind: str, name: str) -> bool:
    if isinstance(definition, Audience):
        grid = definition.rfm
        return kind == "term" and grid is not None and name in (grid.event, grid.less)
    if isinstance(definition, Campaign):
        return {
            "audience": definition.audience.partition(".")[0] == name, "experiment": definition.experiment == name,
            "goal": definition.goal == name, "term": definition.goal_event == name,
        }.get(kind, False)  # fmt: skip
    if isinstance(definition, Experiment):
        return (
            kind == "audience"
            and definition.hypothesis is not None
            and definition.hypothesis.audience.partition(".")[0] == name
        )
    return isinstance(definition, Goal) and kind == "metric" and definition.leads_to == name
