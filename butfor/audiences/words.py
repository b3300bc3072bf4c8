"""The words of the one-line form: what stands for which operator, and a rule written with them."""

from __future__ import annotations

import json
import re
from typing import Any

from butfor.plan.kinds import Rule
from butfor.plan.walk import operators

SYMBOLS = {"=": "equals", "!=": "not_equals", ">=": "at_least", "<=": "at_most", ">": "above", "<": "below"}
# Operators of several words, longest first; what follows each is of the kind named.
PHRASES: list[tuple[tuple[str, ...], str, str]] = [
    (("is", "not", "known"), "exists", "no"), (("is", "known"), "exists", "yes"),
    (("not", "in"), "none_of", "many"), (("in",), "one_of", "many"), (("between",), "between", "pair"),
    (("does", "not", "contain"), "not_contains", "one"), (("contains",), "contains", "one"),
    (("starts", "with"), "starts_with", "one"), (("ends", "with"), "ends_with", "one"), (("matches",), "matches", "one"),
    (("has", "any", "of"), "has_any", "many"), (("has", "all", "of"), "has_all", "many"),
    (("within", "last"), "within_last", "span"), (("within", "next"), "within_next", "span"),
    (("longer", "ago", "than"), "longer_ago", "span"), (("further", "ahead", "than"), "later_than", "span"),
    (("anniversary", "within"), "anniversary", "span"), (("anniversary", "today"), "anniversary", "today"),
]  # fmt: skip
_SIGNS = {name: sign for sign, name in SYMBOLS.items()}
# A date or time that needs no quotes.
DATE = r"\d{4}-\d{2}-\d{2}(?:T[\d:.+Z-]+)?"


def rule_text(rule: Rule) -> str:
    """Return a rule as one line that reads back as the same rule; a list of one condition reads back as that condition."""
    return _text(rule, inside=False)


def _text(rule: Rule, *, inside: bool) -> str:
    if rule.all is not None or rule.any is not None:
        parts, word, none = (
            (rule.all, "and", "everybody") if rule.all is not None else (rule.any, "or", "nobody")
        )
        if not parts:
            return none
        if len(parts) == 1:
            return _text(parts[0], inside=inside)
        joined = f" {word} ".join(_text(p, inside=True) for p in parts)
        return f"({joined})" if inside else joined
    if rule.not_ is not None:
        return f"not {_text(rule.not_, inside=True)}"
    return _leaf_text(rule)


def _leaf_text(rule: Rule) -> str:
    compared = _compared_text(rule)
    if rule.trait or rule.property:
        return f"{rule.trait or rule.property} {compared}"
    if rule.event:
        return _event_text(rule, compared)
    if rule.audience:
        word = "entered" if rule.entered else "left" if rule.left else ""
        return (
            f"{word} audience {rule.audience} in last {rule.entered or rule.left}"
            if word
            else f"in audience {rule.audience}"
        )
    if rule.consent:
        return f"consent {rule.consent} {compared}"
    if rule.reachable:
        return f"reachable by {rule.reachable}"
    if rule.near:
        return f"within {rule.km!r} km of {rule.near[0]!r}, {rule.near[1]!r}"
    if rule.share is not None:
        return f"random {round(rule.share * 100, 10)!r}% by {json.dumps(rule.by, ensure_ascii=False)}"
    if rule.source:
        return f"known to {rule.source}"
    outcome = f" {rule.outcome}" if rule.outcome else ""
    return f"contacted {rule.contacted}{outcome} {compared}" + (f" in last {rule.last}" if rule.last else "")


def _event_text(rule: Rule, compared: str) -> str:
    of = f".{rule.of}" if rule.of else ""
    less = f" less {rule.less}" if rule.less else ""
    name = f"{rule.take or 'count'}({rule.event}{of}{less})" if rule.take or of or less else str(rule.event)
    if compared == ">= 1" and (rule.take or "count") == "count":
        compared = ""
    parts = [name, compared]
    second = rule.then or rule.then_not
    if second:
        where = f" where {_text(second.where, inside=True)}" if second.where else ""
        parts.append(f"then {'not ' if rule.then_not else ''}{second.event}{where} within {rule.within}")
    parts += [f"in last {rule.last}"] if rule.last else []
    parts += [
        f"{word} {_day_text(day)}" for word, day in (("since", rule.since), ("until", rule.until)) if day
    ]
    parts += [f"where {_text(rule.where, inside=True)}"] if rule.where else []
    return " ".join(p for p in parts if p)


def _day_text(text: str) -> str:
    return text if re.fullmatch(DATE, text) else json.dumps(text, ensure_ascii=False)


def _compared_text(rule: Rule) -> str:
    used = operators(rule)
    if not used:
        return ""
    name, value = used[0], getattr(rule, used[0])
    if name in _SIGNS:
        return f"{_SIGNS[name]} {_value_text(value)}"
    if name == "exists":
        return "is known" if value else "is not known"
    if value == "today" and name == "anniversary":
        return "anniversary today"
    words, kind = next((w, k) for w, n, k in PHRASES if n == name and k not in ("no", "today"))
    said = {
        "many": lambda: f"({', '.join(map(_value_text, value))})", "pair": lambda: " and ".join(map(_value_text, value)),
        "span": lambda: str(value),
    }.get(kind, lambda: _value_text(value))()  # fmt: skip
    return f"{' '.join(words)} {said}"


def _value_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
