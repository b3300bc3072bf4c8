"""BG/NBD: buyers with rates of their own who may stop after any purchase.

Fader, Hardie and Lee (Marketing Science 24(2), 2005). Rates of buying are Gamma(r, alpha) per week, the chance
to stop after a purchase is Beta(a, b).
"""

from __future__ import annotations

import msgspec
import numpy as np
from scipy.special import betaincinv, hyp2f1

from butfor.profiles.value.buyers import RATES, Array, Buyers, climb, need_repeats, rising

# With a = 100 people's chances to stop differ by a tenth, which data cannot tell from no difference; beyond it
# the series of the expectation loses its digits.
MOST_A = 100.0
BOUNDS = (*RATES, (1e-5, MOST_A), (1e-3, 1e6))


class Bgnbd(msgspec.Struct, frozen=True, tag="BG/NBD"):
    """A fitted BG/NBD; ``alpha`` in weeks, ``log_likelihood`` of all people with time in weeks."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float

    @property
    def leaving(self) -> float:
        """Return the mean chance to stop after a purchase."""
        return self.a / (self.a + self.b)

    def alive(self, buyers: Buyers) -> Array:
        """Return for each group the probability that its people still buy; 1 for those with one purchase.

        The model lets nobody stop before a second purchase.
        """
        x = buyers.repeats
        ratio = np.log(self.alpha + buyers.age) - np.log(self.alpha + buyers.recency)
        with np.errstate(over="ignore"):
            odds = self.a / (self.b + np.maximum(x, 1) - 1) * np.exp((self.r + x) * ratio)
        return np.where(x > 0, 1 / (1 + odds), 1.0)

    def expected(self, buyers: Buyers, weeks: float) -> Array:
        """Return for each group the expected purchase days per person in the next ``weeks``.

        Equation 10 of the paper. Its 2F1 grows without limit in the number of purchases; by Euler's
        transformation the factor in front is absorbed and what is left is bounded.
        """
        # At a = 1 the formula is 0/0 with a finite limit; a hair beside it the difference is below the fifth digit.
        a = self.a if abs(self.a - 1) > 1e-5 else 1 + 1e-5
        rest = a + self.b + buyers.repeats - 1
        rest = np.where(np.abs(rest) < 1e-6, 1e-6, rest)  # nor at a + b = 1 without a repeat
        z = weeks / (self.alpha + buyers.age + weeks)
        with np.errstate(all="ignore"):
            series = hyp2f1(a + self.b - 1 - self.r, a - 1, rest, z)
            still_buying = rest / (a - 1) * (1 - (1 - z) ** (a - 1) * series)
        # Nobody who may stop buys more than somebody who never does; where the series left that range it lost its digits.
        most = (self.r + buyers.repeats) * weeks / (self.alpha + buyers.age)
        lost = ~((still_buying >= 0) & (still_buying <= most))
        if lost.any():
            still_buying = np.where(lost, self._averaged(buyers, weeks), still_buying)
        return np.asarray(still_buying * self.alive(buyers))

    def _averaged(self, buyers: Buyers, weeks: float) -> Array:
        """Return what ``expected`` gives a person who still buys, averaged over chances to stop instead of by the series.

        With a chance p to stop after each purchase, and a rate averaged over its posterior, the mean is
        (1 - (1 + p t / (alpha + T)) ** -(r + x)) / p; p is Beta(a, b + x) by then.
        """
        places = (np.arange(400) + 0.5) / 400
        stop = np.maximum(betaincinv(self.a, self.b + buyers.repeats[:, None], places), 1e-12)
        grown = np.log1p(stop * weeks / (self.alpha + buyers.age)[:, None])
        return np.asarray((-np.expm1(-(self.r + buyers.repeats)[:, None] * grown) / stop).mean(axis=1))

    def silent(self, buyers: Buyers, weeks: float) -> Array:
        """Return for each group the probability of no purchase in the next ``weeks``.

        Nobody stops between two purchases, so a person who still buys has the next one at an exponential
        time; averaged over Gamma(r + x, alpha + T) the chance to wait longer than t is
        ((alpha + T) / (alpha + T + t)) ** (r + x).
        """
        waits = np.exp(-(self.r + buyers.repeats) * np.log1p(weeks / (self.alpha + buyers.age)))
        return np.asarray(1 - self.alive(buyers) * (1 - waits))

    def wait(self, buyers: Buyers) -> Array:
        """Return the median weeks until the next purchase of a person of each group who still buys."""
        return np.asarray(
            (self.alpha + buyers.age) * np.expm1(np.log(2) / (self.r + buyers.repeats)), dtype=np.float64
        )


def fit_bgnbd(buyers: Buyers) -> Bgnbd:
    """Return the most likely BG/NBD; raise BadInput where nobody came back."""
    need_repeats(buyers)
    rate = (buyers.repeats * buyers.people).sum() / max((buyers.age * buyers.people).sum(), 1e-9)
    starts = [(1, 1 / rate, 1, 3), (0.3, 0.3 / rate, 0.5, 5), (2, 2 / rate, 0.05, 20)]
    (r, alpha, a, b), mean = climb(lambda theta: bgnbd_likelihood(theta, buyers), starts, BOUNDS)
    return Bgnbd(float(r), float(alpha), float(a), float(b), mean * buyers.size)


def bgnbd_likelihood(theta: Array, buyers: Buyers) -> tuple[float, Array]:
    """Return the mean log-likelihood per person and its gradient by log(r, alpha, a, b)."""
    r, alpha, a, b = np.exp(theta)
    x = buyers.repeats
    steps = np.maximum(x, 1) - 1
    there = -r * np.log1p(buyers.age / alpha) - x * np.log(alpha + buyers.age)
    gone = (
        -r * np.log1p(buyers.recency / alpha) - x * np.log(alpha + buyers.recency) + np.log(a / (b + steps))
    )
    gone = np.where(x > 0, gone, -np.inf)
    both = np.logaddexp(there, gone)
    w = np.exp(gone - both)
    (up_r, dr), (up_b, db), (up_ab, dab) = rising(r, x), rising(b, x), rising(a + b, x)
    ages = ((1 - w, buyers.age), (w, buyers.recency))
    slopes = (
        r * (dr - sum(p * np.log1p(t / alpha) for p, t in ages)),
        sum(p * (r * t - x * alpha) / (alpha + t) for p, t in ages),
        w - a * dab,
        b * (db - dab - w / (b + steps)),
    )
    n = buyers.people / buyers.people.sum()
    # Not a dot product: its threads cost more than such a sum, and their number would decide the last digits.
    return float((n * (up_r + up_b - up_ab + both)).sum()), np.array([(n * s).sum() for s in slopes])
