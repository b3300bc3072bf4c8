"""What rules mean, in plain Python over a list of events; written without a look at the compiler."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from butfor.plan.kinds import Rule

SPANS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 30 * 86400, "year": 365 * 86400}


def span(text: str) -> timedelta:
    number, unit = text.split()
    return timedelta(seconds=int(number) * SPANS[unit.removesuffix("s")])


@dataclass
class Happening:
    """One event: its own values, and those of its products."""

    id: str
    term: str
    at: datetime
    source: str
    values: dict[str, Any]
    products: list[dict[str, Any]] = field(default_factory=list)
    machine: bool = False


@dataclass
class Human:
    """Everything that conditions may ask of one person."""

    id: str
    traits: dict[str, Any]
    events: list[Happening]
    sources: set[str] = field(default_factory=set)
    consent: dict[str, str] = field(default_factory=dict)
    channels: set[str] = field(default_factory=set)
    contacts: list[tuple[str, str, datetime]] = field(default_factory=list)


@dataclass
class World:
    """When it is, in which zone, and the rules of other audiences."""

    now: datetime
    zone: str
    audiences: dict[str, Rule] = field(default_factory=dict)

    @property
    def today(self) -> date:
        return self.now.replace(tzinfo=UTC).astimezone(ZoneInfo(self.zone)).date()

    def instant(self, text: str) -> datetime:
        if len(text) == 10:
            local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(self.zone))
            return local.astimezone(UTC).replace(tzinfo=None)
        return datetime.fromisoformat(text)


NEGATIVE = {"not_equals", "none_of", "not_contains"}


def operator_of(rule: Rule) -> tuple[str, Any]:
    names = [
        "equals", "not_equals", "at_least", "at_most", "above", "below", "between", "one_of", "none_of", "contains", "not_contains",
        "starts_with", "ends_with", "matches", "has_any", "has_all", "within_last", "within_next", "longer_ago", "later_than",
        "anniversary", "exists",
    ]  # fmt: skip
    return next((n, getattr(rule, n)) for n in names if getattr(rule, n) is not None)


def fits(rule: Rule, value: Any, world: World) -> bool:
    name, wanted = operator_of(rule)
    if name == "exists":
        return (value is not None) is wanted
    if value is None:
        return name in NEGATIVE
    return _fits(name, wanted, value, world)


def _as(value: Any, like: Any, world: World) -> Any:
    if isinstance(like, datetime):
        return world.instant(value)
    if isinstance(like, date):
        return date.fromisoformat(value)
    if isinstance(like, Decimal):
        return Decimal(str(value))
    return value


def _fits(name: str, wanted: Any, value: Any, world: World) -> bool:
    text = str(value).lower()
    if name in ("within_last", "within_next", "longer_ago", "later_than"):
        return _moves(name, span(wanted), value, world)
    if name == "anniversary":
        return _anniversary(wanted, value, world)
    if name in ("contains", "not_contains"):
        return (wanted.lower() in text) is (name == "contains")
    if name == "starts_with":
        return text.startswith(wanted.lower())
    if name == "ends_with":
        return text.endswith(wanted.lower())
    if name == "matches":
        return re.search(wanted, value, re.ASCII) is not None
    if name in ("has_any", "has_all"):
        return (any if name == "has_any" else all)(w in value for w in wanted)
    many = [_as(w, value, world) for w in (wanted if isinstance(wanted, list) else [wanted])]
    return {
        "equals": lambda: value == many[0], "not_equals": lambda: value != many[0], "at_least": lambda: value >= many[0],
        "at_most": lambda: value <= many[0], "above": lambda: value > many[0], "below": lambda: value < many[0],
        "between": lambda: many[0] <= value <= many[1], "one_of": lambda: value in many, "none_of": lambda: value not in many,
    }[name]()  # fmt: skip


def _moves(name: str, by: timedelta, value: Any, world: World) -> bool:
    now: Any = world.now if isinstance(value, datetime) else world.today
    return {
        "within_last": now - by < value <= now, "within_next": now < value <= now + by, "longer_ago": value <= now - by,
        "later_than": value > now + by,
    }[name]  # fmt: skip


def _anniversary(wanted: str, born: date, world: World) -> bool:
    days = (
        [world.today]
        if wanted == "today"
        else [world.today + timedelta(days=i) for i in range(1, span(wanted).days + 1)]
    )
    return any(_kept(born, day) for day in days)


def _kept(born: date, day: date) -> bool:
    try:
        return born.replace(year=day.year) == day
    except ValueError:
        return (day.month, day.day) == (2, 28)


def holds(rule: Rule, who: Human, world: World) -> bool:
    """Say whether a person fulfils a rule."""
    if rule.all is not None:
        return all(holds(r, who, world) for r in rule.all)
    if rule.any is not None:
        return any(holds(r, who, world) for r in rule.any)
    if rule.not_ is not None:
        return not holds(rule.not_, who, world)
    if rule.trait:
        return fits(rule, who.traits.get(rule.trait), world)
    if rule.event:
        return fits(rule, fact(rule, who, world), world)
    if rule.audience:
        return holds(world.audiences[rule.audience], who, world)
    if rule.consent:
        return fits(rule, who.consent.get(rule.consent, "unknown"), world)
    if rule.reachable:
        return rule.reachable in who.channels and who.consent.get(rule.reachable) != "withdrawn"
    if rule.near:
        return _near(rule, who)
    if rule.share is not None:
        place = int(hashlib.md5(f"{rule.by}-{who.id}".encode()).hexdigest()[:8], 16) % 10_000
        return place < round(rule.share * 10_000)
    if rule.source:
        return rule.source in who.sources
    since = world.now - span(rule.last) if rule.last else datetime.min
    sent = [
        c
        for c in who.contacts
        if c[0] == rule.contacted and since < c[2] <= world.now and rule.outcome in (None, c[1])
    ]
    return fits(rule, len(sent), world)


def _near(rule: Rule, who: Human) -> bool:
    at = who.traits.get("latitude"), who.traits.get("longitude")
    if None in at:
        return False
    (a, b), (c, d) = [tuple(math.radians(x) for x in pair) for pair in (at, rule.near or ())]  # type: ignore[misc]
    half = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * 6371.0088 * math.asin(math.sqrt(half)) <= (rule.km or 0)


def counts(where: Rule | None, values: dict[str, Any], world: World) -> bool:
    """Say whether the values of one event, or of it and one of its products, fulfil a where."""
    if where is None:
        return True
    if where.all is not None:
        return all(counts(r, values, world) for r in where.all)
    if where.any is not None:
        return any(counts(r, values, world) for r in where.any)
    if where.not_ is not None:
        return not counts(where.not_, values, world)
    return fits(where, values.get(str(where.property)), world)


def rows(
    rule: Rule, who: Human, world: World, term: str, now: bool = True
) -> list[tuple[Happening, dict[str, Any]]]:
    """The events that count for a fact, once for each product where it asks for products."""
    found = []
    for e in who.events:
        if e.machine or e.term != term or (now and not _in_time(rule, e.at, world)):
            continue
        local = e.at.replace(tzinfo=UTC).astimezone(ZoneInfo(world.zone))
        own = {"hour": local.hour, "weekday": local.isoweekday(), **e.values, "source": e.source}
        rows = (
            [own | {f"product.{k}": v for k, v in p.items()} for p in e.products]
            if asks_products(rule)
            else [own]
        )
        found += [(e, r) for r in rows if counts(rule.where, r, world)]
    return found


def asks_products(rule: Rule) -> bool:
    return "product." in f"{rule.of} {rule.where}"


def _in_time(rule: Rule, at: datetime, world: World) -> bool:
    return (
        at <= world.now
        and (not rule.last or at > world.now - span(rule.last))
        and (not rule.since or at >= world.instant(rule.since))
        and (not rule.until or at < world.instant(rule.until))
    )


def fact(rule: Rule, who: Human, world: World) -> Any:
    """What a condition about events compares."""
    if rule.then or rule.then_not:
        return _followed(rule, who, world)
    found = rows(rule, who, world, str(rule.event))
    take, events = rule.take or "count", {e.id: e for e, _ in found}
    values = [(e.at, e.id, r[rule.of]) for e, r in found if rule.of and r.get(rule.of) is not None]
    times, days = sorted(e.at for e in events.values()), sorted({e.at.date() for e in events.values()})
    if take == "count":
        return len(events)
    if take == "sum":
        less = (
            [r[rule.of] for _, r in rows(rule, who, world, rule.less) if r.get(rule.of) is not None]
            if rule.less
            else []
        )
        return sum((v for *_, v in values), type(values[0][2])(0) if values else 0) - sum(less)
    if take == "average":
        return float(sum(v for *_, v in values)) / len(values) if values else None
    if take in ("min", "max", "first", "last") and rule.of is None:
        return (times[0] if take in ("min", "first") else times[-1]) if times else None
    if take in ("min", "max"):
        return (min if take == "min" else max)(v for *_, v in values) if values else None
    if take in ("first", "last"):
        return (min if take == "first" else max)(values)[2] if values else None
    if take == "distinct":
        return len({v for *_, v in values})
    if take == "list":
        return {str(v) for *_, v in values} or None
    if take == "most_frequent":
        ranked = sorted(Counter(v for *_, v in values).items(), key=lambda c: (-c[1], c[0]))
        return ranked[0][0] if ranked else None
    if take == "days_since":
        return (world.now.date() - days[-1]).days if days else None
    if take == "days_between":
        return (days[-1] - days[0]).days / (len(days) - 1) if len(days) > 1 else None
    half = world.now - span(str(rule.last)) / 2
    late = [t for t in times if t > half]
    return 2 * (len(late) / len(times)) - 1 if times else None


def _followed(rule: Rule, who: Human, world: World) -> int:
    second = rule.then or rule.then_not or Rule()
    firsts = {e.id: e for e, _ in rows(rule, who, world, str(rule.event))}
    after = [e.at for e, _ in rows(second, who, world, str(second.event), now=False) if e.at <= world.now]
    by, n = span(str(rule.within)), 0
    for e in firsts.values():
        came = any(e.at < at <= e.at + by for at in after)
        n += came if rule.then else (not came and e.at + by <= world.now)
    return n
