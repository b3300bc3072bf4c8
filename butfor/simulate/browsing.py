"""What browsers did on the website: sessions around orders, and visits that came to nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from butfor.simulate.buying import Purchases, draw_categories, habitual_days, select, times_of_day
from butfor.simulate.clock import DAY, utc
from butfor.simulate.text import Array
from butfor.simulate.world import World

TYPES = ("page_viewed", "product_viewed", "cart_added")


@dataclass(frozen=True)
class Visits:
    """Website events sorted by time, all of shape (events,).

    ``at`` is in UTC seconds; ``sku`` is -1 on a page; ``device`` is the browser's index (see
    ``world.device_numbers``); ``logged_in`` says whether the event carries the customer number.
    """

    at: Array
    kind: Array
    sku: Array
    person: Array
    device: Array
    logged_in: Array


@dataclass(frozen=True)
class _Sessions:
    person: Array
    at: Array
    logged_in: Array
    product_of: Array
    sku: Array
    in_cart: Array


def draw_visits(
    rng: np.random.Generator, world: World, bought: Purchases, since: float, until: float
) -> Visits:
    """Draw the events of days [since, until): those around the web orders of ``bought``, and mere visits."""
    start, stop = ((world.clock.first + int(day)) * DAY for day in (since, until))
    ordered = select(bought, bought.web & (bought.at >= start) & (bought.at < stop))
    return _events(rng, world, _around_orders(rng, ordered), _mere_visits(rng, world, since, until))


def _around_orders(rng: np.random.Generator, ordered: Purchases) -> _Sessions:
    begins = ordered.at - rng.integers(420, 1_200, ordered.at.size)
    cart = np.ones(ordered.order.size, bool)
    return _Sessions(ordered.person, begins, ~ordered.guest, ordered.order, ordered.sku, cart)


def _mere_visits(rng: np.random.Generator, world: World, since: float, until: float) -> _Sessions:
    """Draw sessions without an order: one to three per order of habit, by interest in the web."""
    person, day = (np.concatenate(x) for x in zip(*(
        habitual_days(rng, world.clock, world.habits, since, until) for _ in range(2)
    ), strict=True))  # fmt: skip
    keep = rng.random(person.size) < 0.1 + 0.8 * world.habits.web[person]
    person, day = person[keep], day[keep]
    at = world.clock.second(day) + times_of_day(rng, np.ones(person.size, bool))
    session = np.repeat(np.arange(person.size, dtype=np.int32), rng.poisson(1.5, person.size))
    sku = world.goods.draw(rng, draw_categories(rng, world.habits, person[session]))
    return _Sessions(
        person, at, rng.random(person.size) < 0.35, session, sku, rng.random(session.size) < 0.12
    )


def _events(rng: np.random.Generator, world: World, one: _Sessions, two: _Sessions) -> Visits:
    """Lay both kinds of session out as events: the page, then products, each maybe put in the cart."""
    person = np.concatenate([one.person, two.person])
    begins = np.concatenate([one.at, two.at])
    logged = np.concatenate([one.logged_in, two.logged_in])
    device = _devices(rng, world, person)
    of = np.concatenate([one.product_of, two.product_of + one.person.size])
    sku = np.concatenate([one.sku, two.sku])
    cart = np.concatenate([one.in_cart, two.in_cart])
    seen = begins[of] + rng.integers(10, 300, of.size)
    session = np.concatenate([np.arange(person.size, dtype=np.int32), of, of[cart]])
    at = np.concatenate([begins, seen, seen[cart] + rng.integers(5, 100, int(cart.sum()))])
    kind = np.repeat(np.arange(3, dtype=np.int8), [person.size, of.size, int(cart.sum())])
    product = np.concatenate([np.full(person.size, -1, np.int16), sku, sku[cart]])
    rank = np.argsort(at, kind="stable")
    session = session[rank]
    return Visits(utc(at[rank]), kind[rank], product[rank], person[session], device[session], logged[session])


def _devices(rng: np.random.Generator, world: World, person: Array) -> Array:
    """Draw each session's browser: the first, the second if there is one, or the partner's."""
    own, u = world.persons, rng.random(person.size)
    second = (own.devices[person] > 1) & (u < 0.35)
    device = np.where(second, person.astype(np.int64) + world.people, person)
    partner = own.partner[person]
    return np.where((partner >= 0) & (u > 0.6), partner, device)
