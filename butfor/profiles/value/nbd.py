"""NBD: buyers with rates of their own who never stop; what is left of the BG/NBD where no dropout is visible.

Ehrenberg (Applied Statistics 8, 1959): a Poisson rate per person, rates Gamma(r, alpha) per week.
"""

from __future__ import annotations

import msgspec
import numpy as np

from butfor.profiles.value.buyers import RATES, Array, Buyers, climb, need_repeats, rising


class Nbd(msgspec.Struct, frozen=True, tag="NBD"):
    """A fitted NBD; its log-likelihood is of the times of purchases, like that of the BG/NBD, so the two compare."""

    r: float
    alpha: float
    log_likelihood: float

    def expected(self, buyers: Buyers, weeks: float) -> Array:
        """Return the expected purchase days per person of each group: t (r + x) / (alpha + T)."""
        return weeks * (self.r + buyers.repeats) / (self.alpha + buyers.age)

    def silent(self, buyers: Buyers, weeks: float) -> Array:
        """Return the probability of no purchase in the next ``weeks``."""
        waits = np.exp(-(self.r + buyers.repeats) * np.log1p(weeks / (self.alpha + buyers.age)))
        return np.asarray(waits)

    def wait(self, buyers: Buyers) -> Array:
        """Return the median weeks until the next purchase."""
        return np.asarray(
            (self.alpha + buyers.age) * np.expm1(np.log(2) / (self.r + buyers.repeats)), dtype=np.float64
        )


def fit_nbd(buyers: Buyers) -> Nbd:
    """Return the most likely NBD; raise BadInput where nobody came back."""
    need_repeats(buyers)
    rate = (buyers.repeats * buyers.people).sum() / max((buyers.age * buyers.people).sum(), 1e-9)
    starts = [(1, 1 / rate), (0.3, 0.3 / rate), (5, 5 / rate)]
    (r, alpha), mean = climb(lambda theta: nbd_likelihood(theta, buyers), starts, RATES)
    return Nbd(float(r), float(alpha), mean * buyers.size)


def nbd_likelihood(theta: Array, buyers: Buyers) -> tuple[float, Array]:
    """Return the mean log-likelihood per person and its gradient by log(r, alpha)."""
    r, alpha = np.exp(theta)
    x, age = buyers.repeats, buyers.age
    up, slope = rising(r, x)
    each = up - r * np.log1p(age / alpha) - x * np.log(alpha + age)
    slopes = (r * (slope - np.log1p(age / alpha)), (r * age - x * alpha) / (alpha + age))
    n = buyers.people / buyers.people.sum()
    return float((n * each).sum()), np.array([(n * s).sum() for s in slopes])
