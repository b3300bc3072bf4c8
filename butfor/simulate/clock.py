"""Days, weekly and yearly rhythm, and the shop's own zone; random streams by name."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import date

import numpy as np

from butfor.simulate.text import Array

DAY = 86_400
HORIZON = 400
"""Days after the history for which the clock still knows the rhythm."""
WEEKDAYS = np.array([0.85, 0.85, 0.9, 1.0, 1.25, 1.45, 0.7])
"""Orders on Monday to Sunday relative to an average day."""
MONTHS = np.array([0.85, 0.85, 0.95, 1.0, 1.0, 0.95, 1.0, 0.9, 1.0, 1.05, 1.1, 1.35])
"""Orders in January to December relative to an average month."""


def stream(seed: int, purpose: str) -> np.random.Generator:
    """Return the random stream of one purpose; streams of different purposes do not disturb each other."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


@dataclass(frozen=True)
class Clock:
    """Days since the history's start, and the shop's pace: average days of business since then.

    ``grid`` (days) and ``paced`` (average days) are the knots of the piecewise linear pace, shape (H + 1,).
    """

    first: int
    days: int
    grid: Array
    paced: Array

    def pace(self, day: Array) -> Array:
        """Return the business done by ``day`` in average days, a fraction of a day counted in full step."""
        return np.interp(day, self.grid, self.paced)

    def day(self, pace: Array) -> Array:
        """Return the day by which ``pace`` average days of business are done; inverse of ``pace``."""
        return np.interp(pace, self.paced, self.grid)

    def second(self, day: Array) -> Array:
        """Return midnight of ``day`` as local seconds since 1970, shape of ``day``."""
        return (self.first + np.floor(day).astype(np.int64)) * DAY


def make_clock(ends: date, days: int) -> Clock:
    """Return the clock of a history of ``days`` days whose last day is ``ends``."""
    first = (ends - date(1970, 1, 1)).days + 1 - days
    grid = np.arange(days + HORIZON + 1)
    dates = (first + grid[:-1]).astype("datetime64[D]")
    month = dates.astype("datetime64[M]").astype(np.int64) % 12
    weights = WEEKDAYS[(first + grid[:-1] + 3) % 7] * MONTHS[month]
    return Clock(first, days, grid, np.concatenate([[0.0], np.cumsum(weights)]))


def arrivals(
    rng: np.random.Generator, clock: Clock, rate: Array, start: Array, stop: Array
) -> tuple[Array, Array]:
    """Draw Poisson arrivals that follow the shop's rhythm.

    Args:
        rng: the stream to draw from.
        clock: gives the rhythm.
        rate: arrivals per average day, shape (n,).
        start: first moment in days, shape (n,).
        stop: last moment in days, shape (n,); before ``start`` means no time at all.

    Returns:
        The index in 0..n-1 and the whole day of each arrival, both of shape (arrivals,).
    """
    low = clock.pace(start)
    span = clock.pace(np.maximum(start, stop)) - low
    who = np.repeat(np.arange(rate.size, dtype=np.int32), rng.poisson(rate * span))
    return who, np.floor(clock.day(low[who] + rng.random(who.size) * span[who])).astype(np.int32)


def offset_hours(local: Array) -> Array:
    """Return the offset of Europe/Berlin from UTC at local seconds: 2 in summer time, else 1."""
    year = local.astype("datetime64[s]").astype("datetime64[Y]")
    summer = _last_sunday(year, 3) * DAY + 2 * 3600
    winter = _last_sunday(year, 10) * DAY + 3 * 3600
    return np.where((local >= summer) & (local < winter), 2, 1)


def utc(local: Array) -> Array:
    """Turn local seconds of Europe/Berlin into UTC seconds."""
    seconds: Array = local - offset_hours(local) * 3600
    return seconds


def _last_sunday(year: Array, month: int) -> Array:
    last = (year.astype("datetime64[M]") + month).astype("datetime64[D]").astype(np.int64) - 1
    sunday: Array = last - (last + 4) % 7
    return sunday
