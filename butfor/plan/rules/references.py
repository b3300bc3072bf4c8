"""Every name that a definition uses must be defined."""

from collections.abc import Iterator

from butfor.plan.conditions import event_conditions, grid_return, steps, where_conditions
from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import (
    Audience,
    Campaign,
    Definition,
    Experiment,
    Goal,
    Metric,
    Offer,
    Quantity,
    Rule,
    Source,
    Term,
)
from butfor.plan.properties import properties_of
from butfor.plan.read import did_you_mean
from butfor.plan.walk import PRODUCT_FACTS, leaves, named_events, targets

CODE = "REF"
LEVEL = "error"
WHY = "a name without a definition means something else to everyone who reads it (R-158, R-202)"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield every unknown reference with the closest known names."""
    yield from _identity(plan)
    for source in plan.all(Source):
        yield from _source(plan, source)
    for metric in plan.all(Metric):
        for path in ("numerator", "denominator", "covariate"):
            yield from _quantity(plan, metric, path, getattr(metric, path))
    for audience in plan.all(Audience):
        yield from _rule(plan, audience, "rule", audience.rule)
    yield from _happenings(plan)
    for term in plan.all(Term):
        for i, case in enumerate(term.logic):
            yield from _rule(plan, term, f"logic.{i}.when", case.when)
        if term.verifies:
            yield from _one_of(term, "verifies", "identifier", term.verifies, _terms(plan, "identifier"))
        if term.machine:
            yield from _one_of(term, "machine.after", "event", term.machine.after, _terms(plan, "event"))
        if term.costs:
            yield from _one_of(term, "costs", "property", term.costs, list(term.properties))
    for goal in plan.all(Goal):
        if goal.leads_to:
            yield from _known(plan, goal, "leads_to", Metric, goal.leads_to)
        for i, name in enumerate(goal.guardrails):
            yield from _known(plan, goal, f"guardrails.{i}", Metric, name)
    for campaign in plan.all(Campaign):
        yield from _campaign(plan, campaign)
    for experiment in plan.all(Experiment):
        yield from _experiment(plan, experiment)


def _terms(plan: Plan, *what: str) -> list[str]:
    return [t.id for t in plan.all(Term) if t.what in what]


def _one_of(
    definition: Definition | None, path: str, noun: str, name: str, names: list[str]
) -> Iterator[Finding]:
    if name not in names:
        hint = did_you_mean(name, names) or f"define {noun} {name}"
        yield Finding(definition, path, f"{noun} {name!r} is not defined", hint)


def _known(
    plan: Plan, definition: Definition, path: str, kind: type[Definition], name: str
) -> Iterator[Finding]:
    noun = str(kind.__struct_config__.tag)
    yield from _one_of(definition, path, noun, name, [d.id for d in plan.all(kind)])


def _identity(plan: Plan) -> Iterator[Finding]:
    decision = plan.workspace.identity
    for name in [decision.primary, *decision.ranked] if decision else []:
        yield from _one_of(None, "identity", "identifier term", name, _terms(plan, "identifier"))


def _source(plan: Plan, source: Source) -> Iterator[Finding]:
    events = {t.id: t for t in plan.all(Term) if t.what == "event"}
    own = source.event or ""
    if own:
        yield from _one_of(source, "event", "event term", own, list(events))
    event = events.get(own)
    for name in dict.fromkeys(named_events(source).values()):
        yield from _one_of(source, "columns", "event term", name, list(events))
    for column, target in targets(source):
        head, _, name = target.partition(".")
        path = f"columns.{column}"
        if head == "id":
            yield from _one_of(source, path, "identifier term", name, _terms(plan, "identifier"))
        elif head == "person":
            yield from _one_of(source, path, "attribute term", name, _terms(plan, "attribute"))
        elif head == "event" and name and event:
            yield from _one_of(source, path, f"property of {own}", name, list(event.properties))
        elif head == "product" and source.grain == "product":
            yield from _one_of(source, path, "fact about a product", name, list(PRODUCT_FACTS))
        elif head == "product" and event:
            yield from _one_of(source, path, f"product property of {own}", name, list(event.products))
        elif head not in ("event", "product") and target not in ("time", "ignore"):
            yield Finding(
                source, path, f"target {target!r} is unknown",
                "use id.X, person.X, event.X, product.X, time, event or ignore",
            )  # fmt: skip


def _quantity(plan: Plan, metric: Metric, path: str, quantity: Quantity | None) -> Iterator[Finding]:
    if quantity is None:
        return
    if quantity.attribute:
        yield from _one_of(
            metric, path, "attribute term", quantity.attribute, _terms(plan, "attribute", "trait")
        )
    for name in filter(None, (quantity.event, quantity.less)):
        yield from _one_of(metric, path, "event term", name, _terms(plan, "event"))
    event = plan.find(Term, quantity.event or "")
    if quantity.property and event:
        yield from _one_of(metric, path, f"property of {event.id}", quantity.property, list(event.properties))


def _rule(plan: Plan, definition: Definition, root: str, rule: Rule | None) -> Iterator[Finding]:
    for path, leaf in leaves(rule, root):
        if leaf.trait:
            yield from _one_of(definition, path, "trait", leaf.trait, _terms(plan, "trait", "attribute"))
        if leaf.audience:
            yield from _one_of(definition, path, "audience", leaf.audience, audience_names(plan))
        if leaf.source:
            yield from _known(plan, definition, path, Source, leaf.source)
        if leaf.contacted:
            yield from _known(plan, definition, path, Campaign, leaf.contacted)
        for channel in filter(None, (leaf.consent, leaf.reachable)):
            yield from _one_of(definition, path, "identifier term", channel, _terms(plan, "identifier"))
        for place in ("latitude", "longitude") if leaf.near else ():
            yield from _one_of(definition, path, "attribute term", place, _terms(plan, "trait", "attribute"))


def _happenings(plan: Plan) -> Iterator[Finding]:
    """Yield events and properties that conditions, computed traits and grids name and nothing defines."""
    events = _terms(plan, "event")
    for definition, root, leaf in event_conditions(plan):
        for path, step in steps(leaf, root):
            for name in filter(None, (step.event, step.less)):
                yield from _one_of(definition, path, "event term", name, events)
            if step.of:
                yield from _property(plan, definition, path, step.event or "", step.of)
                if step.less:
                    yield from _property(plan, definition, path, step.less, step.of)
    for definition, path, event, leaf in where_conditions(plan):
        if leaf.property:
            yield from _property(plan, definition, path, event, leaf.property)
    for definition, root, leaf in event_conditions(plan):
        yield from _taken_off(plan, definition, f"{root}.where", leaf.less or "", leaf.where)
    for audience in plan.all(Audience):
        if audience.rfm:
            yield from _taken_off(
                plan, audience, "rfm.where", grid_return(plan, audience), audience.rfm.where
            )
        for field in ("event", "less") if audience.rfm else ():
            if named := getattr(audience.rfm, field):
                yield from _one_of(audience, f"rfm.{field}", "event term", named, events)


def _taken_off(
    plan: Plan, definition: Definition, path: str, less: str, where: Rule | None
) -> Iterator[Finding]:
    """Yield properties that what is taken off lacks: the same where chooses it."""
    for at, leaf in leaves(where, path):
        if leaf.property:
            yield from _property(plan, definition, at, less, leaf.property)


def _property(plan: Plan, definition: Definition, path: str, event: str, name: str) -> Iterator[Finding]:
    term = plan.find(Term, event)
    if term is not None and term.what == "event":
        yield from _one_of(definition, path, f"property of {event}", name, list(properties_of(term)))


def audience_names(plan: Plan) -> list[str]:
    """Return the ids of audiences, and of each cell of an RFM grid as ``grid.cell``."""
    names = []
    for audience in plan.all(Audience):
        names.append(audience.id)
        names += [f"{audience.id}.{cell}" for cell in (audience.rfm.cells if audience.rfm else {})]
    return names


def _campaign(plan: Plan, campaign: Campaign) -> Iterator[Finding]:
    if campaign.goal:
        yield from _known(plan, campaign, "goal", Goal, campaign.goal)
    if campaign.goal_event:
        yield from _one_of(campaign, "goal_event", "event term", campaign.goal_event, _terms(plan, "event"))
    yield from _one_of(campaign, "audience", "audience", campaign.audience, audience_names(plan))
    if campaign.status != "retired":
        yield from _one_of(
            campaign, "address", "identifier term", campaign.address, _terms(plan, "identifier")
        )
    for i, offer in enumerate(campaign.offers):
        yield from _known(plan, campaign, f"offers.{i}", Offer, offer)
    if not campaign.experiment:
        return
    yield from _known(plan, campaign, "experiment", Experiment, campaign.experiment)
    experiment = plan.find(Experiment, campaign.experiment)
    for name, arm in (experiment.arms if experiment else {}).items():
        if arm.variant and arm.variant not in campaign.variants:
            yield Finding(
                experiment, f"arms.{name}.variant", f"variant {arm.variant!r} is not in campaign {campaign.id}",
                did_you_mean(arm.variant, list(campaign.variants)) or f"add it to the variants of {campaign.id}",
            )  # fmt: skip


def _experiment(plan: Plan, experiment: Experiment) -> Iterator[Finding]:
    for i, name in enumerate(experiment.metrics):
        yield from _known(plan, experiment, f"metrics.{i}", Metric, name)
    for i, name in enumerate(experiment.guardrails):
        yield from _known(plan, experiment, f"guardrails.{i}", Metric, name)
    if experiment.hypothesis:
        yield from _known(plan, experiment, "hypothesis.metric", Metric, experiment.hypothesis.metric)
    if experiment.arm_attribute:
        yield from _one_of(
            experiment, "arm_attribute", "attribute term", experiment.arm_attribute, _terms(plan, "attribute")
        )
    for name, policy in experiment.policies.items():
        yield from _known(plan, experiment, f"policies.{name}.metric", Metric, policy.metric)
        yield from _one_of(
            experiment, f"policies.{name}.against", "arm", policy.against, list(experiment.arms)
        )
        for i, case in enumerate(policy.cases):
            at = f"policies.{name}.cases.{i}"
            yield from _one_of(experiment, f"{at}.arm", "arm", case.arm, list(experiment.arms))
            yield from _rule(plan, experiment, f"{at}.when", case.when)
