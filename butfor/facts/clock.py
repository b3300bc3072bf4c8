"""The time that conditions refer to: an instant for spans, and the workspace's calendar day for dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import msgspec
from sqlglot import exp

from butfor.plan.rule import length
from butfor.store import literal


class Clock(msgspec.Struct, frozen=True):
    """``as_of`` is UTC without a zone; ``today`` is the calendar day there in the workspace's ``zone``.

    Spans count back from the instant, so that a day of 23 or 25 hours changes no count; dates without a time follow the
    calendar of the zone.
    """

    as_of: datetime
    today: date
    zone: str = "UTC"

    def now(self) -> exp.Expression:
        """Return the instant as an expression."""
        return literal(self.as_of)

    def ago(self, span: str) -> exp.Expression:
        """Return the instant a span ago."""
        return later(self.now(), -length(span))

    def ahead(self, span: str) -> exp.Expression:
        """Return the instant a span from now."""
        return later(self.now(), length(span))

    def midnight(self, day: date) -> datetime:
        """Return when a calendar day of the zone begins, in UTC without a zone.

        >>> Clock(datetime(2026, 3, 1), date(2026, 3, 1), "Europe/Berlin").midnight(date(2026, 3, 30))
        datetime.datetime(2026, 3, 29, 22, 0)
        """
        begins = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone))
        return begins.astimezone(UTC).replace(tzinfo=None)

    def instant(self, text: str) -> datetime:
        """Return a written date or time in UTC: a date begins at midnight of the zone, a time without a zone is UTC.

        Raises ValueError for what is neither.
        """
        if len(text) == 10:
            return self.midnight(date.fromisoformat(text))
        said = datetime.fromisoformat(text)
        return said.astimezone(UTC).replace(tzinfo=None) if said.tzinfo else said


def clock_at(as_of: datetime, zone: str) -> Clock:
    """Return the clock at an instant (UTC without a zone)."""
    return Clock(as_of, as_of.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date(), zone)


def later(moment: exp.Expression, by: timedelta) -> exp.Expression:
    """Return a time moved by a length of whole minutes, back where it is negative."""
    minutes = round(abs(by).total_seconds() / 60)
    number, unit = (minutes // 1440, "DAY") if minutes % 1440 == 0 else (minutes, "MINUTE")
    span = exp.Interval(this=exp.Literal.string(str(number)), unit=exp.var(unit))
    kind = exp.Sub if by < timedelta(0) else exp.Add
    return cast(exp.Expression, kind(this=moment.copy(), expression=span))


def least(moments: Sequence[exp.Expression]) -> exp.Expression:
    """Return the earliest of some times, those that are NULL left out."""
    nothing: exp.Expression = exp.cast(exp.null(), "TIMESTAMP")
    if not moments:
        return nothing
    if len(moments) == 1:
        return moments[0]
    return exp.Least(this=moments[0], expressions=list(moments[1:]), ignore_nulls=True)
