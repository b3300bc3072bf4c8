"""From fitted models to what is expected of each person in the next days."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import numpy as np

from butfor.profiles.value.buyers import DAYS_A_WEEK, Array, group
from butfor.profiles.value.choose import Fitted, fit
from butfor.profiles.value.spend import Spend, fit_spend

# A next order further away than this is not said: no calendar of a brand plans for it.
FARTHEST_DAYS = 730


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The purchase summary as arrays, one entry per person; times in days, values in money.

    ``recent`` is of the last part of the history, ``later`` of what came after it; both count repeat days.
    """

    repeats: Array
    recency: Array
    age: Array
    repeat_value: Array
    recent: Array
    recent_value: Array
    later: Array
    later_value: Array

    @property
    def value(self) -> Array:
        """Return the mean value of a repeat purchase, 0 for those without one."""
        return self.repeat_value / np.maximum(self.repeats, 1) * (self.repeats > 0)


class Models(msgspec.Struct, frozen=True):
    """How often people buy, and what a purchase is worth (None with fewer than 10 repeat buyers who spent)."""

    buying: Fitted
    spend: Spend | None


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of each person: purchase days, their value, P(alive), P(no purchase), median wait in days.

    ``money`` is None without a model of spend, ``alive`` where no dropout is visible.
    """

    orders: Array
    money: Array | None
    alive: Array | None
    silent: Array
    wait_days: Array


def fit_models(history: History) -> Models:
    """Fit both models to a history; raise BadInput where nobody came back."""
    buyers, _ = group(history.repeats, history.recency, history.age)
    return Models(fit(buyers), fit_spend(history.repeats, history.value))


def forecast(models: Models, history: History, days: int) -> Forecast:
    """Return what is expected in the next ``days``; equal histories are computed once."""
    buyers, place = group(history.repeats, history.recency, history.age)
    model, weeks = models.buying.model, days / DAYS_A_WEEK
    orders = model.expected(buyers, weeks)[place]
    alive = models.buying.alive(buyers)
    worth = models.spend.expected(history.repeats, history.value) if models.spend else None
    return Forecast(
        orders=orders,
        money=None if worth is None else orders * worth,
        alive=None if alive is None else alive[place],
        silent=model.silent(buyers, weeks)[place],
        wait_days=model.wait(buyers)[place] * DAYS_A_WEEK,
    )


def next_dates(wait_days: Array, today: date) -> list[date | None]:
    """Return the day by which half of such people who still buy have bought again; None beyond two years.

    >>> next_dates(np.array([0.2, 9.0, 9999.0]), date(2026, 7, 1))
    [datetime.date(2026, 7, 2), datetime.date(2026, 7, 10), None]
    """
    ahead = np.ceil(np.minimum(wait_days, FARTHEST_DAYS + 1)).astype(int)
    days = {n: today + timedelta(days=n) if n <= FARTHEST_DAYS else None for n in set(ahead.tolist())}
    return [days[n] for n in ahead.tolist()]
