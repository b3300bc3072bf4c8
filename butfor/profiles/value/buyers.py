"""What models of buying are fitted to: how often, how lately and since when people buy, equal histories counted together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from butfor.model import BadInput

Array = npt.NDArray[np.float64]
DAYS_A_WEEK = 7
Bounds = Sequence[tuple[float, float]]
# Parameters stay inside, so that a flat likelihood ends at a border instead of an overflow. With r = 1000 people's
# rates differ by a thirtieth, which data cannot tell from one rate.
MOST_R = 1e3
RATES: Bounds = ((1e-4, MOST_R), (1e-4, 1e7))
_FEW_ROUNDS = 12


class Buyers(msgspec.Struct, frozen=True):
    """Groups of buyers with equal histories, one entry of each array per group.

    ``repeats`` counts days with a purchase after the first such day; ``recency`` is the time from the first
    to the last of them and ``age`` that from the first until the as-of day, both in weeks; ``people`` is the
    size of the group.
    """

    repeats: Array
    recency: Array
    age: Array
    people: Array

    @property
    def size(self) -> int:
        """Return the number of people."""
        return int(self.people.sum())


def group(repeats: Array, recency_days: Array, age_days: Array) -> tuple[Buyers, npt.NDArray[np.int64]]:
    """Return equal histories as groups, and for each person the place of its group.

    The three arrays have one entry per person, whole numbers of days; 1,000,000 people take about 0.2 s, for
    the three numbers are sorted as one. Raises BadInput for a history that cannot be.
    """
    _check(repeats, recency_days, age_days)
    span = int(age_days.max(initial=0)) + 1
    key = (repeats.astype(np.int64) * span + recency_days.astype(np.int64)) * span + age_days.astype(np.int64)
    found, place, people = np.unique(key, return_inverse=True, return_counts=True)
    rest, age = np.divmod(found, span)
    x, recency = np.divmod(rest, span)
    weeks = [(days / DAYS_A_WEEK).astype(np.float64) for days in (recency, age)]
    return Buyers(x.astype(np.float64), weeks[0], weeks[1], people.astype(np.float64)), place.astype(np.int64)


def _check(repeats: Array, recency: Array, age: Array) -> None:
    bad = (repeats < 0) | (recency < repeats) | (age < recency) | ((repeats == 0) & (recency > 0))
    if bad.any():
        i = int(np.argmax(bad))
        raise BadInput(
            "purchase history", value=(float(repeats[i]), float(recency[i]), float(age[i])),
            rule="repeat days <= days from first to last purchase <= days since the first; no repeat, no recency",
            next_step="count days with a purchase, not purchases",
        )  # fmt: skip


def rising(value: float, steps: Array) -> tuple[Array, Array]:
    """Return log(Gamma(value + n) / Gamma(value)) and its derivative for whole n >= 0, as running sums.

    Differences of log-gammas lose all digits where ``value`` is a million times n; sums do not.
    """
    top = int(steps.max(initial=0))
    factors = value + np.arange(top)
    at = steps.astype(np.int64)
    logs = np.concatenate(([0.0], np.cumsum(np.log(factors))))
    slopes = np.concatenate(([0.0], np.cumsum(1.0 / factors)))
    return logs[at], slopes[at]


def climb(
    likelihood: Callable[[Array], tuple[float, Array]],
    starts: Sequence[Sequence[float]],
    bounds: Bounds,
) -> tuple[Array, float]:
    """Return the parameters (positive) with the highest log-likelihood, and that.

    ``likelihood`` takes log-parameters and returns the mean log-likelihood with its gradient; ``starts`` are
    parameters to begin from, always in the same order, the first best wins. ``bounds`` are the least and the most of each.
    """

    def loss(theta: Array) -> tuple[float, Array]:
        value, slope = likelihood(theta)
        return -value, -slope

    inside = [(float(np.log(least)), float(np.log(most))) for least, most in bounds]

    def up(theta: Array, rounds: int) -> tuple[float, Array]:
        options = {"maxiter": rounds, "maxfun": 2 * rounds, "ftol": 1e-15, "gtol": 1e-9}
        end = minimize(loss, theta, jac=True, method="L-BFGS-B", bounds=inside, options=options)
        return float(end.fun), end.x

    # A few rounds from each start show which hill is the highest; only that one is climbed to its top.
    tried = [up(np.log(start), _FEW_ROUNDS) for start in starts]
    lowest, best = up(min(tried, key=lambda each: each[0])[1], 2000)
    return np.exp(best), -lowest


def need_repeats(buyers: Buyers) -> None:
    """Raise BadInput where there is nobody, or nobody who came back: no rate could be told from such data."""
    if not (buyers.repeats * buyers.people).sum() > 0:
        raise BadInput(
            "purchase histories", value=f"{buyers.size} people, no repeat purchase",
            rule="a rate of buying is learnt from people who bought on at least two days",
            next_step="wait for more history, or check that purchases carry the customer's number",
        )  # fmt: skip
