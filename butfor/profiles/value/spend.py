"""Gamma-Gamma: what a purchase of a person is worth, between their own mean and everybody's.

Fader and Hardie, "The Gamma-Gamma Model of Monetary Value" (2013), after Colombo and Jiang (1999): values of
one person are Gamma(p, nu), and nu is Gamma(q, v) among people.
"""

from __future__ import annotations

import msgspec
import numpy as np
from scipy.special import digamma, gammaln

from butfor.profiles.value.buyers import Array, climb

# More repeat buyers than this are counted in bins of half a percent of their mean value.
EXACT = 20_000
# Below q = 1 the mean of all people is infinite; the fit stops just above.
BOUNDS = ((1e-4, 1e6), (1.005, 1e6), (1e-6, 1e8))
FEWEST = 10


class Spend(msgspec.Struct, frozen=True):
    """A fitted Gamma-Gamma; ``v`` in money, ``people`` with a repeat purchase of positive value were used.

    ``correlation`` is that of number and mean value of their repeat purchases: the model takes it to be none.
    """

    p: float
    q: float
    v: float
    people: int
    correlation: float | None

    @property
    def mean(self) -> float:
        """Return the mean value of a purchase over all people."""
        return self.p * self.v / (self.q - 1)

    def expected(self, repeats: Array, value: Array) -> Array:
        """Return the expected value per purchase of each person, from repeat days and their mean value.

        Who has no repeat purchase, or gave back as much as they bought, gets everybody's mean.
        """
        known = np.where(value > 0, repeats, 0.0)
        worth = self.p * (self.v + known * np.maximum(value, 0)) / (self.p * known + self.q - 1)
        return np.asarray(worth)

    def notes(self) -> list[str]:
        """Return what should be known before money is read from it."""
        found = []
        if self.q < 1.01:
            found.append(
                "A few very large purchases dominate (q is at its border 1): the mean value is not reliable."
            )
        if self.correlation is not None and abs(self.correlation) > 0.3:
            more = "more" if self.correlation > 0 else "less"
            found.append(
                f"Who buys often spends {more} per purchase (correlation {self.correlation:.2f}), which the "
                "Gamma-Gamma model takes not to be so: read value in sums, not for single people."
            )
        return found


def fit_spend(repeats: Array, value: Array) -> Spend | None:
    """Return the most likely Gamma-Gamma from repeat days and their mean value per person.

    People without a repeat, or whose mean is not above zero after returns, are left out; None with fewer
    than 10 people left.
    """
    used = (repeats > 0) & (value > 0)
    x, z = repeats[used], value[used]
    if x.size < FEWEST:
        return None
    scale = float(np.exp(np.log(z).mean()))
    binned = _binned(x, z / scale)
    starts = [(2.0, 3.0, 1.0), (6.0, 4.0, 0.5), (1.0, 1.5, 1.0)]
    (p, q, v), _ = climb(lambda theta: spend_likelihood(theta, *binned), starts, BOUNDS)
    return Spend(float(p), float(q), float(v) * scale, int(x.size), _correlation(x, z))


def spend_likelihood(theta: Array, x: Array, z: Array, people: Array) -> tuple[float, Array]:
    """Return the mean log-likelihood of mean values ``z`` of ``x`` purchases, and its gradient by log(p, q, v)."""
    p, q, v = np.exp(theta)
    n = people / people.sum()
    shape, total = p * x, v + x * z
    each = (
        gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v / total)
        + shape * np.log(x * z / total) - np.log(z)
    )  # fmt: skip
    both = digamma(shape + q)
    slopes = (
        shape * (both - digamma(shape) + np.log(x * z / total)),
        q * (both - digamma(q) + np.log(v / total)),
        q - (shape + q) * v / total,
    )
    return float((n * each).sum()), np.array([(n * s).sum() for s in slopes])


def _binned(x: Array, z: Array) -> tuple[Array, Array, Array]:
    if x.size <= EXACT:
        return x, z, np.ones_like(x)
    step = np.rint(np.log(z) * 200).astype(np.int64)
    step -= step.min()
    key = x.astype(np.int64) * (int(step.max()) + 1) + step
    _, place, people = np.unique(key, return_inverse=True, return_counts=True)
    means = [np.bincount(place, weights=values) / people for values in (x, np.log(z))]
    return means[0], np.exp(means[1]), people.astype(np.float64)


def _correlation(x: Array, z: Array) -> float | None:
    if np.ptp(x) == 0 or np.ptp(z) == 0:
        return None
    return float(np.corrcoef(x, z)[0, 1])
