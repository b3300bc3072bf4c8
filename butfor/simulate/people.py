"""The real people behind the accounts: who they are, and how they buy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from butfor.simulate.clock import Clock
from butfor.simulate.settings import ShopSettings
from butfor.simulate.text import Array, blank, choose, digits, glue, number, pick, ranks
from butfor.simulate.words import CATEGORIES, CITIES, DOMAINS, FIRST, LAST, mailbox


@dataclass(frozen=True)
class Habits:
    """How each person buys: a Pareto/NBD process whose lapsed phase is slow instead of silent.

    From ``joined`` to ``lapses`` (days since the history's start) a person orders ``rate`` times per average
    day, afterwards ``dormant`` times. Rates are gamma over people, the active phase Pareto of the second
    kind. All of shape (n,), but ``taste``, the running sums of category shares, of shape (n, 6).
    """

    joined: Array
    lapses: Array
    rate: Array
    dormant: Array
    buyer: Array
    lines: Array
    web: Array
    reluctance: Array
    taste: Array

    def shares(self) -> Array:
        """Return the chance of each category on an order line, shape (n, 6)."""
        return np.diff(self.taste, axis=1, prepend=0.0)


@dataclass(frozen=True)
class Persons:
    """Who each person is: text columns of n rows; ``other_email`` is null without a second real address.

    ``partner`` is the person whose browser this person also uses, or -1; ``phone`` is the national number
    without its zero.
    """

    first: Array
    last: Array
    city: Array
    born: Array
    email: pa.Array
    other_email: pa.Array
    phone: pa.Array
    partner: Array
    devices: Array


def draw_habits(rng: np.random.Generator, settings: ShopSettings, clock: Clock) -> Habits:
    """Draw how ``settings.people`` people buy."""
    n = settings.people
    joined = np.floor(clock.days * 0.97 * rng.beta(0.75, 1.6, n))
    pace = rng.gamma(3.0, 1 / 3.0, n)
    active = settings.active_days * rng.exponential(1.0, n) / np.maximum(pace, 0.05)
    taste = np.cumsum(rng.standard_gamma(0.6, (n, len(CATEGORIES))) + 1e-3, axis=1)
    return Habits(
        joined=joined,
        lapses=joined + active,
        rate=rng.gamma(1.2, settings.orders_per_month / 30 / 1.2, n),
        dormant=rng.gamma(0.8, 0.0015 / 0.8, n),
        buyer=rng.random(n) >= settings.never_bought,
        lines=rng.gamma(2.5, 1.2 / 2.5, n),
        web=np.clip(rng.beta(0.5, 0.6, n) * 1.1 - 0.05, 0, 1),
        reluctance=rng.random(n),
        taste=taste / taste[:, -1:],
    )


def draw_persons(rng: np.random.Generator, settings: ShopSettings) -> Persons:
    """Draw who ``settings.people`` people are; partners share surname, city, a browser, some a phone."""
    n = settings.people
    first, last = _skewed(rng, len(FIRST), n), _skewed(rng, len(LAST), n)
    city = _skewed(rng, len(CITIES), n)
    phone = rng.integers(1_000_000, 9_999_999, n)
    network = rng.integers(0, 4, n)
    partner = np.full(n, -1)
    pairs = rng.permutation(n)[: 2 * int(n * settings.shared_device_rate / 2)].reshape(2, -1)
    partner[pairs[1]] = pairs[0]
    last[pairs[1]], city[pairs[1]] = last[pairs[0]], city[pairs[0]]
    one_line = pairs[:, rng.random(pairs.shape[1]) < 0.3]
    phone[one_line[1]], network[one_line[1]] = phone[one_line[0]], network[one_line[0]]
    email, other = _addresses(rng, first, last)
    return Persons(
        first=first,
        last=last,
        city=city,
        born=rng.integers(-10_950, 13_500, n),
        email=email,
        other_email=blank(other, rng.random(n) >= settings.second_address_rate),
        phone=glue(pick(("151", "160", "171", "176"), network), digits(phone, 7)),
        partner=partner,
        devices=1 + (rng.random(n) < 0.35),
    )


def _skewed(rng: np.random.Generator, size: int, n: int) -> Array:
    return np.floor(size * rng.random(n) ** 1.3).astype(np.int64)


def _addresses(rng: np.random.Generator, first: Array, last: Array) -> tuple[pa.Array, pa.Array]:
    """Give each person two distinct addresses that nobody else has, numbered where a name is taken."""
    n = first.size
    f = pick([mailbox(w) for w in FIRST], np.tile(first, 2))
    s = pick([mailbox(w) for w in LAST], np.tile(last, 2))
    initial = pick([mailbox(w)[0] for w in FIRST], np.tile(first, 2))
    style = rng.integers(0, 4, 2 * n)
    local = choose(style, glue(f, ".", s), glue(f, s), glue(s, ".", f), glue(initial, ".", s))
    at = glue("@", pick(DOMAINS, _skewed(rng, len(DOMAINS), 2 * n)))
    taken = ranks(glue(local, at))
    suffix = choose((taken > 0).astype(np.int8), pick(("",), np.zeros(2 * n, np.int8)), number(taken + 1))
    both = glue(local, suffix, at)
    return both.slice(0, n), both.slice(n)
