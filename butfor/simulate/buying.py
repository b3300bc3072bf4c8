"""Orders and their lines: drawn from people's habits, cut, joined and summed."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from butfor.simulate.catalogue import QUANTITIES, Catalogue
from butfor.simulate.clock import DAY, Clock, arrivals
from butfor.simulate.people import Habits
from butfor.simulate.text import Array

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Purchases:
    """Orders sorted by time, and their lines sorted by order.

    Of shape (orders,): ``person``; ``at`` and ``returned_at``, local seconds (``NEVER`` if nothing comes
    back); ``web``, else at the till; ``carded``, a card was shown; ``guest``, a web order under a fresh
    customer number; ``serial``, a number that no other order of the shop has. Of shape (lines,): ``order``,
    index of the order; ``sku``, index in the catalogue; ``quantity``; ``back``, the line is returned.
    """

    person: Array
    at: Array
    returned_at: Array
    web: Array
    carded: Array
    guest: Array
    serial: Array
    order: Array
    sku: Array
    quantity: Array
    back: Array

    @property
    def seen(self) -> Array:
        """Say for each order whether its document carries an account: web orders and carded receipts."""
        return self.web | self.carded


ORDER_FIELDS = ("person", "at", "returned_at", "web", "carded", "guest", "serial")
LINE_FIELDS = ("sku", "quantity", "back")


def times_of_day(rng: np.random.Generator, web: Array) -> Array:
    """Draw seconds after midnight: tills are open 9 to 20, web orders come 7 to 23."""
    till = 9 + 11 * rng.beta(2.0, 1.6, web.size)
    online = 7 + 16 * rng.beta(2.2, 1.5, web.size)
    return (np.where(web, online, till) * 3600).astype(np.int64)


def habitual_days(
    rng: np.random.Generator, clock: Clock, habits: Habits, start: float, stop: float
) -> tuple[Array, Array]:
    """Draw who orders on which day between two moments, out of habit, active and dormant alike."""
    begin = np.maximum(habits.joined, start)
    lapse = np.clip(habits.lapses, begin, stop)
    rate = np.where(habits.buyer, habits.rate, 0.0)
    phases = ((rate, begin, lapse), (habits.dormant, lapse, np.full(lapse.size, stop)))
    drawn = [arrivals(rng, clock, r, a, b) for r, a, b in phases]
    return np.concatenate([d[0] for d in drawn]), np.concatenate([d[1] for d in drawn])


def make_purchases(
    rng: np.random.Generator,
    clock: Clock,
    goods: Catalogue,
    habits: Habits,
    who: Array,
    day: Array,
    return_rate: float,
    guest_orders: float,
) -> Purchases:
    """Fill orders of given people on given days with a channel, a time, lines and returns.

    An order has 1 + Poisson(habits.lines) lines; each line's category follows the person's taste, its
    product the popularity, its quantity ``QUANTITIES``; it comes back with chance ``return_rate``, all
    returned lines of an order together 2 to 14 days later. No card is shown yet.
    """
    web = rng.random(who.size) < habits.web[who]
    at = clock.second(day) + times_of_day(rng, web)
    rank = np.argsort(at, kind="stable")
    who, web, at = who[rank].astype(np.int32), web[rank], at[rank]
    order = np.repeat(np.arange(who.size, dtype=np.int32), 1 + rng.poisson(habits.lines[who]))
    sku, quantity, back = draw_lines(rng, goods, habits, who[order], return_rate)
    returned_at = np.where(_any_line(order, back, who.size), at + rng.integers(2, 15, who.size) * DAY, NEVER)
    no = np.zeros(who.size, bool)
    guest = web & (rng.random(who.size) < guest_orders)
    serial = np.arange(who.size)
    return Purchases(who, at, returned_at, web, no, guest, serial, order, sku, quantity, back)


def draw_lines(
    rng: np.random.Generator, goods: Catalogue, habits: Habits, who: Array, return_rate: float
) -> tuple[Array, Array, Array]:
    """Draw product, quantity and return of one order line for each of ``who``."""
    sku = goods.draw(rng, draw_categories(rng, habits, who))
    quantity = 1 + np.searchsorted(np.cumsum(QUANTITIES)[:-1], rng.random(who.size)).astype(np.int16)
    return sku, quantity, rng.random(who.size) < return_rate


def draw_categories(rng: np.random.Generator, habits: Habits, who: Array) -> Array:
    """Draw a category index by the taste of each of ``who``."""
    u = rng.random(who.size)
    category = np.zeros(who.size, np.int8)
    for step in habits.taste.T[:-1]:
        category += u >= step[who]
    return category


def _any_line(order: Array, mark: Array, size: int) -> Array:
    return np.bincount(order[mark], minlength=size) > 0


def select(bought: Purchases, orders: Array, lines: Array | None = None) -> Purchases:
    """Keep marked orders and, of those, marked lines; an order without returned lines is not returned."""
    kept = orders[bought.order] if lines is None else orders[bought.order] & lines
    new_index = np.cumsum(orders) - 1
    out = replace(
        bought,
        **{name: getattr(bought, name)[orders] for name in ORDER_FIELDS},
        **{name: getattr(bought, name)[kept] for name in LINE_FIELDS},
        order=new_index[bought.order[kept]].astype(np.int32),
    )
    still = _any_line(out.order, out.back, out.person.size)
    return replace(out, returned_at=np.where(still, out.returned_at, NEVER))


def joined(one: Purchases, two: Purchases) -> Purchases:
    """Put two sets of purchases together, sorted by time."""
    shifted = replace(two, order=two.order + one.person.size)
    both = {
        f.name: np.concatenate([getattr(one, f.name), getattr(shifted, f.name)]) for f in fields(Purchases)
    }
    rank = np.argsort(both["at"], kind="stable")
    place = np.empty(rank.size, np.int32)
    place[rank] = np.arange(rank.size)
    order = place[both["order"]]
    by_order = np.argsort(order, kind="stable")
    both |= {name: both[name][rank] for name in ORDER_FIELDS}
    both |= {name: both[name][by_order] for name in LINE_FIELDS}
    return Purchases(**{**both, "order": order[by_order]})


def net_cents(
    bought: Purchases, goods: Catalogue, people: int, since: int, until: int, orders: Array | None = None
) -> Array:
    """Return each person's sales minus refunds in local seconds [since, until), in cents, shape (people,).

    ``orders`` marks the orders that count; without it all do.
    """
    cents = goods.price[bought.sku] * bought.quantity
    counts = np.ones(bought.person.size, bool) if orders is None else orders
    sold = counts & (bought.at >= since) & (bought.at < until)
    back = counts & (bought.returned_at >= since) & (bought.returned_at < until)
    signed = cents * (sold[bought.order].astype(np.int64) - (back[bought.order] & bought.back))
    return np.bincount(bought.person[bought.order], signed, people).astype(np.int64)


def show_cards(rng: np.random.Generator, bought: Purchases, habits: Habits, clock: Clock) -> Array:
    """Score how unlikely a card is shown with each order: reluctant people, first weeks, chance."""
    days = (bought.at - clock.second(habits.joined)[bought.person]) / DAY
    return habits.reluctance[bought.person] + 0.5 * np.exp(-days / 60) + 0.5 * rng.random(bought.person.size)


def card_border(score: Array, web: Array, anonymous: float) -> float:
    """Return the score up to which a card is shown, so that the given share of till receipts has none."""
    till = score[~web]
    return float(np.quantile(till, 1 - anonymous)) if till.size and anonymous < 1 else -1.0
