"""Add a ready-made trait to a workspace: a definition that from then on is the brand's own."""

from __future__ import annotations

from pathlib import Path

import msgspec

from butfor.model import BadDefinition, BadInput, ButforError, Refused
from butfor.plan import Plan, did_you_mean, load_plan, save_definition
from butfor.plan.files import kind_name
from butfor.plan.kinds import Rule, Term
from butfor.plan.properties import properties_of, where_leaves
from butfor.plan.retail import trait_library


class LibraryTrait(msgspec.Struct, frozen=True, kw_only=True):
    """A ready-made trait, whether the workspace has it, and what it lacks for it (empty where nothing)."""

    trait: str
    label: str
    means: str
    there: bool
    lacks: str


def library(folder: str | Path) -> list[LibraryTrait]:
    """Return the ready-made traits, and for each whether the workspace's plan can compute it."""
    plan = load_plan(Path(folder))
    return [
        LibraryTrait(trait=t.id, label=t.label, means=t.means, there=plan.find(Term, t.id) is not None, lacks=_lacks(plan, t))
        for t in trait_library().values()
    ]  # fmt: skip


def add_trait(folder: str | Path, name: str) -> Path:
    """Write a ready-made trait into a workspace and return its file; the next run computes it from all of history.

    Raises BadInput for an unknown trait, Refused where a term of that name is there, BadDefinition where the plan lacks what it reads.
    """
    path, known = Path(folder), trait_library()
    if name not in known:
        raise BadInput(
            "trait", value=name, rule="a trait of the library", next_step=did_you_mean(name, list(known)) or "butfor term add lists them"
        )  # fmt: skip
    plan, term = load_plan(path), known[name]
    if (kind_name(Term), name) in plan.definitions:
        raise Refused(
            f"term {name}", value="is there already", rule="a term that is in use is not written over",
            next_step=f"edit plan/terms/{name}.yaml; the next run recomputes all of history",
        )  # fmt: skip
    lacks = _lacks(plan, term)
    if lacks:
        raise BadDefinition(
            f"term {name}", value=lacks, rule="a trait is computed from what the plan knows",
            next_step="add it to the event's term and map a column of a source to it, then add the trait again",
        )  # fmt: skip
    return save_definition(path, term)


def _lacks(plan: Plan, term: Term) -> str:
    fact = term.compute or Rule()
    for event in filter(None, (fact.event, fact.less)):
        try:
            found = plan.get(Term, event)
        except ButforError:
            return f"no event {event}"
        read = [n for n in (fact.of, *(leaf.property for leaf in where_leaves(fact.where))) if n]
        missing = [n for n in read if n not in properties_of(found)]
        if missing:
            return f"{event} has no property {missing[0]}"
    return ""
