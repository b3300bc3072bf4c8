"""The weeks after a campaign: what everybody bought, and what they would have bought without a message.

Common random numbers: purchases out of habit are drawn without looking at the messages, and so is, for each
person, the one order a message could cause. The level of the message only decides whether it happens.

Closed form. A person ``i`` whose level is ``l`` orders once more with chance ``lift[l]``, in the first half
of the window. That order has ``1 + Poisson(lines_i)`` lines, and ``Poisson(personalised_lines)`` more when
the message was personalised; each line brings ``sum_c share_ic * E_c`` cents, with ``E_c`` the sum over the
category's products of popularity * price * mean quantity, and comes back inside the window with chance
``return_rate``. All draws are independent, so the expected margin caused is exactly::

    margin_rate * lift[l] * (1 - return_rate) * (1 + lines_i + more[l]) * sum_c share_ic * E_c
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from butfor.model import BadInput
from butfor.simulate.browsing import Visits, draw_visits
from butfor.simulate.buying import (
    NEVER,
    Purchases,
    draw_lines,
    habitual_days,
    joined,
    make_purchases,
    net_cents,
    select,
    show_cards,
)
from butfor.simulate.clock import DAY, HORIZON, stream
from butfor.simulate.mailing import Mails, address_book, one_message
from butfor.simulate.text import Array
from butfor.simulate.world import World

LEVELS = ("none", "generic", "personalised")
NONE, GENERIC, PERSONALISED = range(3)


@dataclass(frozen=True)
class Window:
    """What happened in the days after the history, and what would have happened without messages.

    ``bought`` holds the window's orders and those orders of the history that come back in it; ``level``
    is each person's strongest message, -1 for people who are not in the messages; ``net``,
    ``net_without`` and ``net_seen`` are cents per person; ``caused`` marks people with an order caused.
    """

    days: int
    bought: Purchases
    level: Array
    net: Array
    net_without: Array
    net_seen: Array
    caused: Array
    mails: Mails
    visits: Visits


def draw_window(world: World, messages: pa.Table, days: int, seed: int | None) -> Window:
    """Draw the ``days`` after the history; see ``Shop.respond``."""
    if isinstance(days, bool) or not isinstance(days, int) or not 2 <= days <= HORIZON:
        rule = f"a whole number from 2 to {HORIZON}"
        raise BadInput("response days", value=days, rule=rule, next_step="use 28")
    address, wanted = read_messages(messages)
    person = address_book(world).owner(address)
    level = np.full(world.people, -1)
    np.maximum.at(level, person[person >= 0], wanted[person >= 0])
    root = world.settings.seed if seed is None else seed
    since, until = world.end, world.end + days * DAY
    habit = _habitual(world, root, days)
    extra, more_lines, chance = _candidates(world, root, days)
    happens = chance[extra.person] < _lifts(world)[np.maximum(level[extra.person], NONE)]
    extra = select(extra, happens, ~more_lines | (level[extra.person] == PERSONALISED)[extra.order])
    bought = joined(habit, extra)
    caused = np.bincount(extra.person, minlength=world.people) > 0
    counted = ((bought, None), (habit, None), (bought, bought.seen))
    net, without, seen = (net_cents(b, world.goods, world.people, since, until, o) for b, o in counted)
    sent = np.flatnonzero(wanted != NONE)
    owner = person[sent]
    sure = (owner >= 0) & caused[owner]
    mails = one_message(stream(root, "campaign"), address.take(pa.array(sent)), owner, sure, since + 6 * 3600)
    last = world.clock.days + days
    visits = draw_visits(stream(root, "visits after"), world, bought, world.clock.days, last)
    return Window(days, bought, level, net, without, seen, caused, mails, visits)


def read_messages(messages: pa.Table) -> tuple[pa.Array, Array]:
    """Return addresses and level indices of a table of messages, repeated addresses once.

    Raises:
        BadInput: a column is missing or a level is not one of the three.
    """
    for name in ("email", "level"):
        if name not in messages.column_names:
            raise BadInput(
                f"messages column {name}", value=messages.column_names, rule="needs columns email and level",
                next_step="rename the columns of the table passed to respond()",
            )  # fmt: skip
    index = pc.index_in(messages["level"].cast(pa.string()), value_set=pa.array(LEVELS))
    if index.null_count:
        odd = messages["level"].filter(pc.is_null(index))[0].as_py()
        rule = f"one of {', '.join(LEVELS)}"
        raise BadInput("message level", value=odd, rule=rule, next_step="correct the level column")
    table = pa.table({"email": messages["email"].cast(pa.string()), "level": index}).drop_null()
    best = table.group_by("email", use_threads=False).aggregate([("level", "max")])
    return best["email"].combine_chunks(), best["level_max"].to_numpy().astype(np.int64)


def _lifts(world: World) -> Array:
    return np.array([0.0, world.settings.generic_lift, world.settings.personalised_lift])


def _habitual(world: World, root: int, days: int) -> Purchases:
    """Return orders out of habit in the window, and those of the history that come back in it."""
    rng, settings = stream(root, "habit after"), world.settings
    who, day = habitual_days(rng, world.clock, world.habits, world.clock.days, world.clock.days + days)
    new = make_purchases(
        rng, world.clock, world.goods, world.habits, who, day, settings.return_rate, settings.guest_orders
    )
    score = show_cards(rng, new, world.habits, world.clock)
    carded = ~new.web & (score <= world.border) & world.has_card[new.person]
    old = world.history
    pending = (old.returned_at >= world.end) & (old.returned_at < world.end + days * DAY)
    return joined(select(old, pending), replace(new, carded=carded, serial=new.serial + old.serial.size))


def _candidates(world: World, root: int, days: int) -> tuple[Purchases, Array, Array]:
    """Return the orders that a message could cause, at most one per person.

    They are never anonymous: with the card at the till, else in the web account; they come in the first
    half of the window and what comes back does so inside it. Also returned: the lines (of shape (lines,))
    that only a personalised message adds, and each person's uniform draw (of shape (people,)): the order
    happens when it lies below the lift.
    """
    rng, clock, settings = stream(root, "caused"), world.clock, world.settings
    chance = rng.random(world.people)
    who = np.flatnonzero(chance < _lifts(world).max()).astype(np.int32)
    half = days - days // 2
    day = clock.days + np.floor(half * rng.random(who.size) ** 2).astype(np.int64)
    web = (rng.random(who.size) < world.habits.web[who]) | ~world.has_card[who]
    at = clock.second(day) + (9.5 * 3600 + 10 * 3600 * rng.beta(2, 1.6, who.size)).astype(np.int64)
    base = 1 + rng.poisson(world.habits.lines[who])
    count = base + rng.poisson(settings.personalised_lines, who.size)
    order = np.repeat(np.arange(who.size, dtype=np.int32), count)
    more = np.arange(order.size) - (np.cumsum(count) - count)[order] >= base[order]
    sku, quantity, back = draw_lines(rng, world.goods, world.habits, who[order], settings.return_rate)
    lag = rng.integers(1, days // 2 + 1, who.size) * DAY
    returned_at = np.where(np.bincount(order[back], minlength=who.size) > 0, at + lag, NEVER)
    serial = 500_000_000 + np.arange(who.size)
    guest = np.zeros(who.size, bool)
    made = Purchases(who, at, returned_at, web, ~web, guest, serial, order, sku, quantity, back)
    return made, more, chance


def expected_margin(world: World) -> Array:
    """Return the expected margin caused in euros per person and level, shape (people, 3); see the module."""
    line = world.habits.shares() @ world.goods.expected_line() / 100 * (1 - world.settings.return_rate)
    lines = 1 + world.habits.lines[:, None] + np.array([0.0, 0.0, world.settings.personalised_lines])
    euros: Array = world.settings.margin_rate * _lifts(world) * line[:, None] * lines
    return euros


def planted_table(world: World, window: Window) -> dict[str, dict[str, Any]]:
    """Return what the messages caused, by level; see ``Response.planted``."""
    caused = (window.net - window.net_without) * world.settings.margin_rate / 100
    expected = expected_margin(world)
    out = {}
    for index, level in enumerate(LEVELS):
        reached = window.level == index
        people = int(reached.sum())
        margin, hoped = float(caused[reached].sum()), float(expected[reached, index].sum())
        out[level] = {
            "people": people,
            "orders_caused": int(window.caused[reached].sum()),
            "margin_caused": margin,
            "margin_per_person": margin / people if people else 0.0,
            "expected_margin_caused": hoped,
            "expected_margin_per_person": hoped / people if people else 0.0,
        }
    return out


def outcomes_table(world: World, window: Window) -> pa.Table:
    """Return one row per person; see ``Response.outcomes``."""
    rate = world.settings.margin_rate / 100
    return pa.table({
        "person": np.arange(world.people),
        "level": pa.array(LEVELS).take(pa.array(np.maximum(window.level, NONE))),
        "messaged": window.level > NONE,
        "in_messages": window.level >= NONE,
        "margin": window.net * rate,
        "margin_without": window.net_without * rate,
        "net_cents": window.net,
        "net_cents_without": window.net_without,
        "net_cents_seen": window.net_seen,
    })  # fmt: skip
