"""Every rule in a sentence, with the marketer's names."""

from __future__ import annotations

from typing import Any

from butfor.facts import OPERATORS, bare
from butfor.plan import Plan
from butfor.plan.kinds import Audience, Campaign, Rule, Source, Term
from butfor.plan.rule import UNITS, length
from butfor.plan.walk import operators

_TAKEN = {
    "sum": "the sum of {of}", "average": "the average {of}", "min": "the lowest {of}", "max": "the highest {of}",
    "first": "the first {of}", "last": "the last {of}", "distinct": "the number of different {of}",
    "most_frequent": "the most frequent {of}", "list": "the list of {of}", "days_since": "the days since the last",
    "days_between": "the mean days between", "trend": "the trend of {of}",
}  # fmt: skip


def rule_sentence(plan: Plan, rule: Rule) -> str:
    """Return a rule in plain words, with the marketer's names."""
    if rule.all is not None:
        return " and ".join(_inner(plan, r) for r in rule.all) or "everybody"
    if rule.any is not None:
        return " or ".join(_inner(plan, r) for r in rule.any) or "nobody"
    if rule.not_ is not None:
        return f"not {_inner(plan, rule.not_)}"
    return _leaf(plan, rule)


def _inner(plan: Plan, rule: Rule) -> str:
    text = rule_sentence(plan, rule)
    return f"({text})" if rule.all or rule.any else text


def _leaf(plan: Plan, rule: Rule) -> str:
    if rule.trait or rule.property:
        term = plan.find(Term, rule.trait or "")
        unit = f" {term.unit}" if term and term.unit else ""
        return f"{term.label if term else rule.property} {_compared(rule, unit)}"
    if rule.event:
        return _event(plan, rule)
    if rule.audience:
        audience = plan.find(Audience, rule.audience.partition(".")[0])
        name = rule.audience if audience is None or "." in rule.audience else audience.label
        word = "entered" if rule.entered else "left" if rule.left else ""
        return (
            f"{word} audience {name} in the last {span_words(rule.entered or rule.left or '')}"
            if word
            else f"in audience {name}"
        )
    if rule.consent:
        return f"consent for {rule.consent} {_compared(rule, '')}"
    if rule.reachable:
        return f"reachable by {rule.reachable}"
    if rule.near:
        return f"within {rule.km:g} km of {rule.near[0]:g}, {rule.near[1]:g}"
    if rule.share is not None:
        return f"in a fixed random {100 * rule.share:g} % (drawn by '{rule.by}')"
    if rule.source:
        source = plan.find(Source, rule.source)
        return f"known to {source.label if source else rule.source}"
    return _contacted(plan, rule)


def _contacted(plan: Plan, rule: Rule) -> str:
    campaign = plan.find(Campaign, rule.contacted or "")
    name = campaign.label if campaign else rule.contacted
    outcome = f" ({rule.outcome})" if rule.outcome else ""
    return f"the number of contacts of {name}{outcome}{_time(rule)} {_compared(rule, '')}"


def _event(plan: Plan, rule: Rule) -> str:
    term = plan.find(Term, rule.event or "")
    name = term.label if term else str(rule.event)
    take = rule.take or "count"
    said = _TAKEN.get(take, "").format(of=(rule.of or "it").replace("product.", "product "))
    what = f"{said} of {name}" if said and rule.of else f"{said} {name}" if said else f"the number of {name}"
    if rule.less:
        less = plan.find(Term, rule.less)
        what += f" less {less.label if less else rule.less}"
    where = f" where {_where(plan, rule.where)}" if rule.where else ""
    return f"{what}{where}{_then(plan, rule)}{_time(rule)} {_compared(rule, '')}"


def _where(plan: Plan, rule: Rule) -> str:
    return _inner(plan, rule).replace("product.", "product ")


def _then(plan: Plan, rule: Rule) -> str:
    second = rule.then or rule.then_not
    if second is None:
        return ""
    term = plan.find(Term, second.event or "")
    where = f" where {_where(plan, second.where)}" if second.where else ""
    return f", followed by {'no ' if rule.then_not else ''}{term.label if term else second.event}{where} within {span_words(rule.within or '')},"


def _time(rule: Rule) -> str:
    parts = [f"in the last {span_words(rule.last)}"] if rule.last else []
    parts += [f"since {rule.since}"] if rule.since else []
    parts += [f"before {rule.until}"] if rule.until else []
    return "".join(f" {p}" for p in parts)


def span_words(span: str) -> str:
    """Return a span with the days that a month or year is taken for.

    >>> span_words("3 months")
    '3 months (90 days)'
    """
    unit = next((u for u in ("month", "year") if u in span), None)
    return f"{span} ({length(span).days} days)" if unit and UNITS[unit] else span


def _compared(rule: Rule, unit: str) -> str:
    name = (operators(rule) or ["exists"])[0]
    value, words = getattr(rule, name), OPERATORS[name].words
    if name == "exists":
        return "is known" if value else "is not known"
    if name == "between":
        return f"is from {value[0]} to {value[1]}{unit}"
    if name == "anniversary" and value == "today":
        return "has its day of the year today"
    return f"{words} {_said(name, value)}{unit if OPERATORS[name].takes == 'value' else ''}"


def _said(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return span_words(value) if OPERATORS[name].takes == "span" else str(value)


def fact_sentence(plan: Plan, fact: Rule) -> str:
    """Return what a computed trait is taken from, in words."""
    return _event(plan, bare(fact)).removesuffix(" " + _compared(bare(fact), ""))
