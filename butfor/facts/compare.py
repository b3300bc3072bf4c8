"""The operators of conditions: what each compares, in SQL, in words and in the text form. One operator is one entry."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, cast

import msgspec
from sqlglot import exp

from butfor.facts.clock import Clock
from butfor.model import BadDefinition
from butfor.plan.rule import length
from butfor.plan.walk import TYPES_OF
from butfor.store import all_of, any_of, literal

# What stands between the values of a list, and around it.
BAR = "\n"
Column = exp.Expression
Takes = Literal["value", "pair", "values", "text", "texts", "span", "flag"]


class Operator(msgspec.Struct, frozen=True):
    """What an operator takes, of which types, in words; and whether somebody without a value passes."""

    build: Callable[[Column, str, Any, Clock], exp.Expression]
    types: tuple[str, ...]
    takes: Takes
    words: str
    missing: bool = False


def _binary(kind: type[exp.Binary]) -> Callable[[Column, str, Any, Clock], exp.Expression]:
    def build(at: Column, type_: str, value: Any, clock: Clock) -> exp.Expression:
        made: Any = kind(this=at, expression=value_of(type_, value, clock))
        return cast(exp.Expression, made)

    return build


def _between(at: Column, type_: str, value: Any, clock: Clock) -> exp.Expression:
    low, high = (value_of(type_, v, clock) for v in value)
    return exp.Between(this=at, low=low, high=high)


def _one_of(at: Column, type_: str, value: Any, clock: Clock) -> exp.Expression:
    if not value:
        return exp.false()
    return exp.In(this=at, expressions=[value_of(type_, v, clock) for v in value])


def _contains(at: Column, type_: str, value: Any, clock: Clock) -> exp.Expression:
    return exp.Contains(this=exp.Lower(this=at), expression=literal(str(value).lower()))


def _starts(at: Column, type_: str, value: Any, clock: Clock) -> exp.Expression:
    return exp.StartsWith(this=exp.Lower(this=at), expression=literal(str(value).lower()))


def _ends(at: Column, type_: str, value: Any, clock: Clock) -> exp.Expression:
    return exp.EndsWith(this=exp.Lower(this=at), expression=literal(str(value).lower()))


def _matches(at: Column, type_: str, value: Any, clock: Clock) -> exp.Expression:
    return exp.RegexpLike(this=at, expression=literal(safe_pattern(value)))


def _has(every: bool) -> Callable[[Column, str, Any, Clock], exp.Expression]:
    def build(at: Column, type_: str, value: Any, clock: Clock) -> exp.Expression:
        parts = [exp.Contains(this=at.copy(), expression=literal(f"{BAR}{v}{BAR}")) for v in value]
        if not parts:
            return _exists(at, type_, value=every, clock=clock) if every else exp.false()
        return exp.paren(all_of(*parts) if every else any_of(*parts))

    return build


def _past(older: bool) -> Callable[[Column, str, Any, Clock], exp.Expression]:
    """Within the last span: after its beginning and not after now; longer ago: not after its beginning."""

    def build(at: Column, type_: str, value: Any, clock: Clock) -> exp.Expression:
        now, then = _edges(type_, value, clock, -1)
        if older:
            return exp.LTE(this=at, expression=then)
        return all_of(exp.GT(this=at, expression=then), exp.LTE(this=at.copy(), expression=now))

    return build


def _coming(later: bool) -> Callable[[Column, str, Any, Clock], exp.Expression]:
    """Within the next span: after now and not after its end; later than that: after its end."""

    def build(at: Column, type_: str, value: Any, clock: Clock) -> exp.Expression:
        now, then = _edges(type_, value, clock, 1)
        if later:
            return exp.GT(this=at, expression=then)
        return all_of(exp.GT(this=at, expression=now), exp.LTE(this=at.copy(), expression=then))

    return build


def _edges(type_: str, span: str, clock: Clock, way: int) -> tuple[exp.Expression, exp.Expression]:
    if type_ == "timestamp":
        return clock.now(), clock.ahead(span) if way > 0 else clock.ago(span)
    return literal(clock.today), literal(clock.today + way * timedelta(days=whole_days(span)))


def _anniversary(at: Column, type_: str, value: Any, clock: Clock) -> exp.Expression:
    days = (
        [clock.today + timedelta(days=i) for i in range(1, whole_days(value) + 1)]
        if value != "today"
        else [clock.today]
    )
    return exp.In(this=month_and_day(at), expressions=[literal(n) for n in sorted(set(calendar_days(days)))])


def calendar_days(days: list[date]) -> list[int]:
    """Return which days of the year are kept on some days, as month * 100 + day.

    Who was born on 29 February keeps it on the 28th in other years.

    >>> calendar_days([date(2026, 2, 28)])
    [228, 229]
    """
    kept = [100 * d.month + d.day for d in days]
    for d in days:
        leap = (d + timedelta(days=1)).day == 29
        if (d.month, d.day) == (2, 28) and not leap:
            kept.append(229)
    return kept


def month_and_day(at: Column) -> exp.Expression:
    """Return the day of the year of a date, as month * 100 + day."""
    month, day = (exp.Extract(this=exp.var(part), expression=at.copy()) for part in ("month", "day"))
    return exp.paren(exp.Add(this=exp.Mul(this=month, expression=literal(100)), expression=day))


def _exists(at: Column, type_: str, value: Any, clock: Clock) -> exp.Expression:
    known = exp.not_(exp.Is(this=at, expression=exp.null()))
    return known if value else exp.not_(known)


def _negated(
    build: Callable[[Column, str, Any, Clock], exp.Expression],
) -> Callable[[Column, str, Any, Clock], exp.Expression]:
    def negated(at: Column, type_: str, value: Any, clock: Clock) -> exp.Expression:
        return exp.not_(exp.paren(build(at, type_, value, clock)))

    return negated


# A person without a value passes 'is not', 'is none of' and 'does not contain', and nothing else.
OPERATORS: dict[str, Operator] = {
    "equals": Operator(_binary(exp.EQ), TYPES_OF["equals"], "value", "is"),
    "not_equals": Operator(_binary(exp.NEQ), TYPES_OF["not_equals"], "value", "is not", missing=True),
    "at_least": Operator(_binary(exp.GTE), TYPES_OF["at_least"], "value", "is at least"),
    "at_most": Operator(_binary(exp.LTE), TYPES_OF["at_most"], "value", "is at most"),
    "above": Operator(_binary(exp.GT), TYPES_OF["above"], "value", "is above"),
    "below": Operator(_binary(exp.LT), TYPES_OF["below"], "value", "is below"),
    "between": Operator(_between, TYPES_OF["between"], "pair", "is from"),
    "one_of": Operator(_one_of, TYPES_OF["one_of"], "values", "is one of"),
    "none_of": Operator(_negated(_one_of), TYPES_OF["none_of"], "values", "is none of", missing=True),
    "contains": Operator(_contains, TYPES_OF["contains"], "text", "contains"),
    "not_contains": Operator(_negated(_contains), TYPES_OF["not_contains"], "text", "does not contain", missing=True),
    "starts_with": Operator(_starts, TYPES_OF["starts_with"], "text", "starts with"),
    "ends_with": Operator(_ends, TYPES_OF["ends_with"], "text", "ends with"),
    "matches": Operator(_matches, TYPES_OF["matches"], "text", "matches the pattern"),
    "has_any": Operator(_has(every=False), TYPES_OF["has_any"], "texts", "has any of"),
    "has_all": Operator(_has(every=True), TYPES_OF["has_all"], "texts", "has all of"),
    "within_last": Operator(_past(older=False), TYPES_OF["within_last"], "span", "is within the last"),
    "within_next": Operator(_coming(later=False), TYPES_OF["within_next"], "span", "is within the next"),
    "longer_ago": Operator(_past(older=True), TYPES_OF["longer_ago"], "span", "is longer ago than"),
    "later_than": Operator(_coming(later=True), TYPES_OF["later_than"], "span", "is further ahead than"),
    "anniversary": Operator(_anniversary, TYPES_OF["anniversary"], "span", "has its day of the year within the next"),
    "exists": Operator(_exists, TYPES_OF["exists"], "flag", "is known"),
}  # fmt: skip


def compare(what: str, at: Column, type_: str, name: str, value: Any, clock: Clock) -> exp.Expression:
    """Return an operator applied to a column of a type, as true or false and never NULL; ``what`` is named in errors.

    Raises BadDefinition when the operator does not fit the type, or the value does not fit the operator.
    """
    operator = OPERATORS[name]
    if type_ not in operator.types:
        raise BadDefinition(
            f"condition on {what}", value=name, rule=f"{what} is {_an(type_)}, and {name} compares {_either(operator.types)}",
            next_step=f"use one of {', '.join(n for n, o in OPERATORS.items() if type_ in o.types)}",
        )  # fmt: skip
    try:
        built = operator.build(at.copy(), type_, value, clock)
    except (TypeError, ValueError, InvalidOperation) as error:
        raise BadDefinition(
            f"condition on {what}", value=value, rule=str(error) if operator.takes in ("span", "text") else f"{what} is compared with {_an(type_)}",
            next_step=f"write a value such as {example(operator, type_)}",
        ) from error  # fmt: skip
    if name == "exists":
        return built
    return exp.Coalesce(this=exp.paren(built), expressions=[exp.true() if operator.missing else exp.false()])


def value_of(type_: str, value: Any, clock: Clock) -> exp.Expression:
    """Return a rule's value as a literal of a type; raise TypeError or ValueError when it is of another."""
    match type_:
        case "integer" | "number":
            return literal(_number(value))
        case "money":
            amount = Decimal(str(_number(value)))
            if abs(amount) >= 10**14:
                raise ValueError("an amount has at most 14 digits")
            return literal(amount)
        case "boolean":
            return literal(_exactly(value, bool))
        case "date":
            return literal(date.fromisoformat(str(value)))
        case "timestamp":
            return literal(_moment(str(value), clock))
        case _:
            return literal(_exactly(value, str))


def _moment(text: str, clock: Clock) -> datetime:
    return clock.instant(text)


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("a number is needed")
    if not math.isfinite(value):
        raise ValueError("a finite number is needed")
    return value


def _exactly(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"a {kind.__name__} is needed")
    return value


def whole_days(span: str) -> int:
    """Return the days of a span; raise ValueError where it is no whole number of them, for dates know no hours."""
    found = length(span)
    if found % timedelta(days=1):
        raise ValueError(f"{span} is no whole number of days, and a date knows no hours")
    if found.days > 366 * 200:
        raise ValueError(f"{span} is longer than 200 years")
    return found.days


# Patterns are data from outside: what engines read differently, or may take for ever over, is refused.
_ODD = re.compile(r"\(\?|\\[1-9]|\\[^dws.\\+*?()\[\]{}|^$/-]|[*+?}]\+|\[:|&&")
LONGEST_PATTERN = 200


def safe_pattern(text: str) -> str:
    r"""Return a regular expression that all engines read alike; raise ValueError for one that they do not.

    Allowed are characters, classes, ``\d \w \s``, groups, alternatives, repetition and anchors.
    """
    if len(text) > LONGEST_PATTERN or _ODD.search(text):
        raise ValueError(
            f"a pattern has at most {LONGEST_PATTERN} characters, classes, groups, | * + ? {{n}} ^ $, and nothing beyond that"
        )
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"a pattern that can be read: {error}") from error
    return text


def _an(type_: str) -> str:
    return f"{'an' if type_ == 'integer' else 'a'} {type_}"


def _either(types: tuple[str, ...]) -> str:
    return ", ".join(types)


EXAMPLES = {
    "integer": "3", "number": "2.5", "money": "100", "boolean": "true", "date": "2026-01-31", "text": "'a text in quotes'",
    "timestamp": "2026-01-31T12:00:00", "list": "[shoes, hats]",
}  # fmt: skip


def example(operator: Operator, type_: str) -> str:
    """Return a value that would fit."""
    return "'30 days'" if operator.takes == "span" else EXAMPLES[type_]
