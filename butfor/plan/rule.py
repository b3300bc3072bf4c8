"""Rules that choose people, as data: a tree of conditions, and the spans of time that they speak of."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from butfor.plan.envelope import Part, Scalar, Share

# A month is 30 days and a year 365: a span is as long in February as in July, so a count does not jump.
UNITS = {
    "minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7),
    "month": timedelta(days=30), "year": timedelta(days=365),
}  # fmt: skip
_SPAN = re.compile(rf"(\d{{1,6}}) ?({'|'.join(UNITS)})s?")
Span = Annotated[str, Meta(pattern=r"^\d{1,6} ?(minute|hour|day|week|month|year)s?$")]
Take = Literal[
    "count", "sum", "average", "min", "max", "first", "last", "distinct", "most_frequent", "list", "days_since",
    "days_between", "trend",
]  # fmt: skip


def length(span: str) -> timedelta:
    """Return how long a span such as ``30 days`` lasts; raise ValueError for what is none, or none of a length.

    >>> length("2 weeks").days
    14
    """
    found = _SPAN.fullmatch(span.strip())
    if found is None or int(found[1]) == 0:
        raise ValueError(f"{span!r} is no span of time")
    return int(found[1]) * UNITS[found[2]]


class Rule(Part, frozen=True, kw_only=True):
    """A tree of conditions: ``all``/``any``/``not``, or one condition: what it is about, and one operator.

    A condition is about a ``trait`` or attribute; another ``audience`` (by when people ``entered`` or ``left`` it, if said);
    an ``event`` (what to ``take`` ``of`` its properties, ``where`` they hold, in the ``last`` span or ``since`` and ``until``
    a date, ``then`` another one ``within`` a span, or ``then_not``); ``consent`` for a channel; whether somebody is ``reachable`` by one;
    a place ``near`` [latitude, longitude] within ``km``; a stable random ``share`` drawn ``by`` a salt; a ``source`` that
    knows the person; a ``contacted`` campaign and its ``outcome``. Inside ``where`` it is about a ``property``.
    """

    all: list[Rule] | None = None
    any: list[Rule] | None = None
    not_: Rule | None = msgspec.field(default=None, name="not")
    audience: str | None = None
    entered: Span | None = None
    left: Span | None = None
    trait: str | None = None
    property: str | None = None
    event: str | None = None
    take: Take | None = None
    of: str | None = None
    less: str | None = None
    where: Rule | None = None
    last: Span | None = None
    since: str | None = None
    until: str | None = None
    then: Rule | None = None
    then_not: Rule | None = None
    within: Span | None = None
    consent: str | None = None
    reachable: str | None = None
    near: Annotated[list[float], Meta(min_length=2, max_length=2)] | None = None
    km: Annotated[float, Meta(gt=0, le=20040)] | None = None
    share: Share | None = None
    by: str | None = None
    source: str | None = None
    contacted: str | None = None
    outcome: Literal["sent", "held", "suppressed", "pending"] | None = None
    equals: Scalar | None = None
    not_equals: Scalar | None = None
    at_least: Scalar | None = None
    at_most: Scalar | None = None
    above: Scalar | None = None
    below: Scalar | None = None
    between: Annotated[list[Scalar], Meta(min_length=2, max_length=2)] | None = None
    one_of: list[Scalar] | None = None
    none_of: list[Scalar] | None = None
    contains: str | None = None
    not_contains: str | None = None
    starts_with: str | None = None
    ends_with: str | None = None
    matches: str | None = None
    has_any: list[str] | None = None
    has_all: list[str] | None = None
    within_last: Span | None = None
    within_next: Span | None = None
    longer_ago: Span | None = None
    later_than: Span | None = None
    anniversary: Span | Literal["today"] | None = None
    exists: bool | None = None
