"""One simulated shop before anything is written down: the truth, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from butfor.simulate.buying import Purchases, card_border, habitual_days, make_purchases, show_cards
from butfor.simulate.catalogue import Catalogue, make_catalogue
from butfor.simulate.clock import DAY, Clock, make_clock, stream
from butfor.simulate.people import Habits, Persons, draw_habits, draw_persons
from butfor.simulate.settings import ShopSettings
from butfor.simulate.text import Array, choose, glue, scrambled


@dataclass(frozen=True)
class World:
    """Settings, people and what they bought in the history.

    ``cards_since`` is the first carded receipt of a person in local seconds, -1 for people without a card;
    ``border`` is the card score up to which a card is shown at the till.
    """

    settings: ShopSettings
    clock: Clock
    goods: Catalogue
    habits: Habits
    persons: Persons
    history: Purchases
    cards_since: Array
    border: float

    @property
    def people(self) -> int:
        """Number of real persons."""
        return self.settings.people

    @property
    def end(self) -> int:
        """First local second after the history."""
        return (self.clock.first + self.clock.days) * DAY

    @property
    def has_card(self) -> Array:
        """Say for each person whether a loyalty card exists, shape (people,)."""
        return self.cards_since >= 0


def make_world(settings: ShopSettings) -> World:
    """Draw a shop; fully determined by ``settings``."""
    clock = make_clock(settings.ends, settings.days)
    goods = make_catalogue(stream(settings.seed, "catalogue"))
    habits = draw_habits(stream(settings.seed, "habits"), settings, clock)
    bought = _history(stream(settings.seed, "history"), settings, clock, goods, habits)
    score = show_cards(stream(settings.seed, "cards"), bought, habits, clock)
    border = card_border(score, bought.web, settings.anonymous_receipts)
    carded = ~bought.web & (score <= border)
    persons = draw_persons(stream(settings.seed, "persons"), settings)
    since = _first_time(bought.person[carded], bought.at[carded], settings.people)
    return World(settings, clock, goods, habits, persons, replace(bought, carded=carded), since, border)


def _history(
    rng: np.random.Generator, settings: ShopSettings, clock: Clock, goods: Catalogue, habits: Habits
) -> Purchases:
    """Draw the history: a buyer's first order on the day of joining, then habit; the others buy nothing."""
    who, day = habitual_days(rng, clock, habits, 0.0, float(clock.days))
    keep = habits.buyer[who]
    first = np.flatnonzero(habits.buyer)
    who, day = np.concatenate([first, who[keep]]), np.concatenate([habits.joined[first], day[keep]])
    return make_purchases(rng, clock, goods, habits, who, day, settings.return_rate, settings.guest_orders)


def _first_time(person: Array, at: Array, people: int) -> Array:
    out = np.full(people, -1, np.int64)
    out[person[::-1]] = at[::-1]
    return out


def card_numbers(person: Array) -> pa.Array:
    """Write the loyalty card number of people: 12 digits."""
    return glue("2900", scrambled(person, 8, 73_856_093))


def own_numbers(person: Array) -> pa.Array:
    """Write the webshop customer number of people's own accounts."""
    return glue("W", scrambled(person, 8, 39_916_801))


def webshop_numbers(person: Array, guest: Array, serial: Array) -> pa.Array:
    """Write the customer number of web orders: the person's own, or a fresh one for a guest's order."""
    return choose(guest.astype(np.int8), own_numbers(person), glue("G", scrambled(serial, 9, 479_001_599)))


def device_numbers(device: Array) -> pa.Array:
    """Write browser ids; browser ``i`` below the number of people is a person's first, the rest second."""
    return glue("dev-", scrambled(device, 9, 674_506_081))


def record_numbers(record: Array) -> pa.Array:
    """Write CRM customer numbers."""
    return glue("K", scrambled(record, 8, 83_492_791))
