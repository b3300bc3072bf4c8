"""When a condition may change though nothing happens: the times at which a value passes what it is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlglot import exp

from butfor.facts import Clock
from butfor.facts.clock import later
from butfor.facts.compare import calendar_days, month_and_day, whole_days
from butfor.plan.rule import length
from butfor.store import literal

# As far as days of the year are looked ahead; then they are looked at again.
LOOK_AHEAD = 8


def day_counter(at: exp.Expression, value: Any, clock: Clock) -> list[exp.Expression]:
    """Return when a count of days (of UTC) passes a number, in both directions of comparison."""
    numbers = [
        v
        for v in (value if isinstance(value, list) else [value])
        if isinstance(v, (int, float)) and not isinstance(v, bool)
    ]
    bounds = sorted(
        {whole + step for v in numbers if abs(v) < 200_000 for whole in [int(v // 1)] for step in (0, 1)}
    )
    return [_counter_at(at, n, clock) for n in bounds]


def _counter_at(at: exp.Expression, n: int, clock: Clock) -> exp.Expression:
    today = exp.cast(exp.cast(clock.now(), "DATE"), "TIMESTAMP")
    days = exp.Mul(this=exp.paren(exp.Sub(this=literal(n), expression=at.copy())), expression=_day())
    ahead = exp.GT(this=literal(n), expression=at.copy())
    return exp.Case().when(ahead, exp.Add(this=today, expression=days))


def _day() -> exp.Interval:
    return exp.Interval(this=exp.Literal.string("1"), unit=exp.var("DAY"))


def trait_rechecks(
    at: exp.Expression, kind: str, name: str, value: Any, clock: Clock
) -> list[exp.Expression]:
    """Return when a time or date passes what an operator compares it with; only those that speak of now have any."""
    if name == "anniversary":
        return [_anniversary(at, value, clock)]
    moves = _MOVES.get(name)
    if moves is None:
        return []
    moments = [_moved(at, kind, way, value, clock) for way in moves]
    return [exp.Case().when(exp.GT(this=m, expression=clock.now()), m.copy()) for m in moments]


# Counted from the value: it matters when now reaches it (0), or has passed it by the span (1), or is the span before it (-1).
_MOVES = {"within_last": (0, 1), "longer_ago": (1,), "within_next": (-1, 0), "later_than": (-1,)}


def _moved(at: exp.Expression, kind: str, way: int, span: str, clock: Clock) -> exp.Expression:
    by = way * length(span)
    if kind == "timestamp":
        return later(at, by)
    # The day after: a date is reached when its day begins, and passed when the span has gone by since.
    return _midnight(later(exp.cast(at.copy(), "TIMESTAMP"), way * timedelta(days=whole_days(span))), clock)


def _midnight(day: exp.Expression, clock: Clock) -> exp.Expression:
    """Return when a day of the workspace's zone begins in UTC, through its changes of clock in the next two years."""
    offset: exp.Expression = _minutes(_offset(clock, 0))
    case = exp.Case()
    changes = list(_changes(clock))
    for begins, minutes in reversed(changes):
        case = case.when(exp.GT(this=day.copy(), expression=literal(begins)), _minutes(minutes))
    moved = case.else_(offset) if changes else offset
    return exp.Sub(this=day.copy(), expression=moved)


def _minutes(n: int) -> exp.Interval:
    return exp.Interval(this=exp.Literal.string(str(n)), unit=exp.var("MINUTE"))


def _offset(clock: Clock, days: int) -> int:
    day = datetime(
        clock.today.year, clock.today.month, clock.today.day, tzinfo=ZoneInfo(clock.zone)
    ) + timedelta(days=days)
    return round(((day.replace(tzinfo=UTC)) - day.astimezone(UTC)).total_seconds() / 60)


def _changes(clock: Clock) -> Iterable[tuple[datetime, int]]:
    """Yield the days after which midnight has another offset from UTC, in minutes."""
    before = _offset(clock, 0)
    for days in range(1, 731):
        now = _offset(clock, days)
        if now != before:
            last = clock.today + timedelta(days=days - 1)
            yield datetime(last.year, last.month, last.day), now
        before = now


def _anniversary(at: exp.Expression, value: str, clock: Clock) -> exp.Expression:
    """Return the next midnight at which a day of the year comes into the span or leaves it, looking some days ahead."""
    ahead = 0 if value == "today" else whole_days(value)
    case, before = exp.Case(), _kept(clock, 0, ahead)
    for i in range(1, LOOK_AHEAD + 1):
        now = _kept(clock, i, ahead)
        turned = sorted(before ^ now)
        moment = literal(clock.midnight(clock.today + timedelta(days=i)))
        if turned:
            case = case.when(exp.In(this=month_and_day(at), expressions=[literal(n) for n in turned]), moment)
        before = now
    known = exp.not_(exp.Is(this=at.copy(), expression=exp.null()))
    return case.when(known, literal(clock.midnight(clock.today + timedelta(days=LOOK_AHEAD))))


def _kept(clock: Clock, shift: int, ahead: int) -> set[int]:
    start = clock.today + timedelta(days=shift)
    days = [start] if ahead == 0 else [start + timedelta(days=i) for i in range(1, ahead + 1)]
    return set(calendar_days(days))
