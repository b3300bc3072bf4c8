"""The answers a test may look up: who is behind every account, and what each person really did."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from butfor.simulate.browsing import Visits
from butfor.simulate.buying import Purchases, net_cents
from butfor.simulate.clock import DAY
from butfor.simulate.mailing import Mails
from butfor.simulate.records import Records
from butfor.simulate.text import Array, blank, glue, grouped, pick
from butfor.simulate.words import FIRST, LAST
from butfor.simulate.world import World, card_numbers, device_numbers, record_numbers, webshop_numbers


def truth_table(world: World, records: Records, visits: Visits) -> pa.Table:
    """Return one row per real person, in the order of ``person``; see ``Shop.truth`` for the columns."""
    n, bought = world.people, world.history
    everyone = np.arange(n)
    spend = net_cents(bought, world.goods, n, 0, world.end)
    seen = net_cents(bought, world.goods, n, 0, world.end, bought.seen)
    last = np.full(n, -1, np.int64)
    last[bought.person] = bought.at
    shop_ids, shop_person = webshop_accounts(bought)
    device, device_person = used_devices(visits)
    mails = pa.concat_arrays([world.persons.email, world.persons.other_email])
    kept = np.flatnonzero(mails.is_valid())
    return pa.table({
        "person": everyone,
        "first_name": pick(FIRST, world.persons.first),
        "last_name": pick(LAST, world.persons.last),
        "email": world.persons.email,
        "emails": grouped(kept % n, mails.take(pa.array(kept)), n),
        "phone": glue("+49", world.persons.phone),
        "card_no": blank(card_numbers(everyone), ~world.has_card),
        "customer_ids": grouped(records.person, record_numbers(np.arange(records.person.size)), n),
        "webshop_ids": grouped(shop_person, shop_ids, n),
        "devices": grouped(device_person, device_numbers(device), n),
        "orders": np.bincount(bought.person, minlength=n),
        "spend_cents": spend,
        "spend_cents_seen": seen,
        "last_order_on": pa.array(last // DAY, pa.int32(), mask=last < 0).cast(pa.date32()),
        "active": world.habits.buyer & (world.habits.lapses >= world.clock.days),
    })  # fmt: skip


def webshop_accounts(bought: Purchases) -> tuple[pa.Array, Array]:
    """Return the distinct webshop customer numbers that occur in orders, and the person of each."""
    own = np.unique(bought.person[bought.web & ~bought.guest])
    guest = np.flatnonzero(bought.guest)
    person = np.concatenate([own, bought.person[guest]])
    serial = np.concatenate([own * 0, bought.serial[guest]])
    return webshop_numbers(person, np.arange(person.size) >= own.size, serial), person


def used_devices(visits: Visits) -> tuple[Array, Array]:
    """Return the distinct (browser, person) pairs that occur in website events."""
    size = int(visits.person.max(initial=0)) + 1
    pairs = np.unique(visits.device.astype(np.int64) * size + visits.person)
    return pairs // size, pairs % size


def accounts_table(till: Array, bought: Purchases, mails: Mails, visits: Visits) -> pa.Table:
    """Return source, key and person of every account in four files; ``till`` are the people with a card.

    A browser that two people share has two rows; an e-mail address that reaches nobody has person null.
    """
    shop_ids, shop_person = webshop_accounts(bought)
    device, device_person = used_devices(visits)
    address, first = np.unique(mails.address, return_index=True)
    return pa.concat_tables([
        source_accounts("till", card_numbers(till), till),
        source_accounts("webshop", shop_ids, shop_person),
        source_accounts("email_events", mails.addresses.take(pa.array(address)), mails.person[first]),
        source_accounts("web", device_numbers(device), device_person),
    ])  # fmt: skip


def source_accounts(source: str, key: pa.Array, person: Array) -> pa.Table:
    """Return the accounts of one source; person -1 becomes null."""
    who = pa.array(person.astype(np.int64), mask=person < 0)
    return pa.table({"source": pa.repeat(source, len(key)), "key": key, "person": who})
