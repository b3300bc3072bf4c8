"""Read rule trees and column targets: what do they refer to, and where does it stand."""

from __future__ import annotations

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.kinds import Column, Rule, Source

OPERATORS = (
    "equals", "not_equals", "at_least", "at_most", "above", "below", "between", "one_of", "contains", "exists",
)  # fmt: skip


def leaves(rule: Rule | None, path: str = "rule") -> Iterator[tuple[str, Rule]]:
    """Yield every leaf of a rule tree with its dotted path."""
    if rule is None:
        return
    for name, branch in (("all", rule.all), ("any", rule.any)):
        for i, child in enumerate(branch or []):
            yield from leaves(child, f"{path}.{name}.{i}")
    if rule.not_ is not None:
        yield from leaves(rule.not_, f"{path}.not")
    if rule.all is None and rule.any is None and rule.not_ is None:
        yield path, rule


def operators(rule: Rule) -> list[str]:
    """Return the operators that a leaf uses."""
    return [name for name in OPERATORS if getattr(rule, name) is not None]


def targets(source: Source) -> Iterator[tuple[str, str]]:
    """Yield (column, target) for every mapped column of a source."""
    for name, column in source.columns.items():
        yield name, column.to if isinstance(column, Column) else column


def column_of(source: Source, target: str) -> str | None:
    """Return the column that is mapped to ``target``, or None."""
    return next((name for name, to in targets(source) if to == target), None)


def takes_returns(source: Source) -> bool:
    """Say whether rows of a source may take something back: order lines, and whole orders with a total."""
    totals = source.grain == "event" and column_of(source, "event.total") is not None
    return source.returns.when != "never" and (source.grain == "order_line" or totals)


def delivered_events(plan: Plan) -> set[str]:
    """Return the event terms that some source of the plan delivers."""
    found: set[str] = set()
    for source in plan.all(Source):
        found.add(source.event or "")
        if takes_returns(source):
            found.add(source.returns.event)
        for column in source.columns.values():
            if isinstance(column, Column) and column.to == "event":
                found |= set(column.values.values())
    return found - {""}
