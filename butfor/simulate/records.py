"""What the brand wrote down about its people: CRM records and loyalty rows, slips and duplicates included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from butfor.simulate.clock import DAY, stream
from butfor.simulate.text import Array, blank, choose, day_text, glue, number, pick, slipped
from butfor.simulate.words import CITIES, DOMAINS, FIRST, JUNK_EMAIL, LAST, NOTES, SLIPPED_DOMAINS, plain
from butfor.simulate.world import World, card_numbers, record_numbers


@dataclass(frozen=True)
class Records:
    """CRM records: the first n belong to persons 0..n-1, the rest are second records.

    ``table`` has the columns of ``crm.csv`` as text; ``person`` and ``newsletter`` are of shape (records,).
    """

    table: pa.Table
    person: Array
    newsletter: Array


def slip_marks(rng: np.random.Generator, size: int, rate: float) -> Array:
    """Draw the kind of slip per row: 0 none, else 1 to 3 as in ``text.slipped``."""
    return np.where(rng.random(size) < rate, rng.integers(1, 4, size), 0)


def written_email(rng: np.random.Generator, email: pa.Array, rate: float) -> pa.Array:
    """Write addresses with slips in the share ``rate`` of rows, half before the @ and half after."""
    slip = slip_marks(rng, len(email), rate)
    domain = rng.random(len(email)) < 0.5
    local = slipped(email, np.where(domain, 0, slip))
    wrong = local
    for right, bad in zip(DOMAINS, SLIPPED_DOMAINS, strict=True):
        wrong = pc.replace_substring(wrong, pattern=f"@{right}", replacement=f"@{bad}", max_replacements=1)
    return pc.if_else(pa.array(domain & (slip > 0)), wrong, local)


def written_phone(rng: np.random.Generator, phone: pa.Array) -> pa.Array:
    """Write national numbers in one of five ways that people really use."""
    net, rest = pc.utf8_slice_codeunits(phone, 0, 3), pc.utf8_slice_codeunits(phone, 3)
    ways = (
        glue("+49", phone), glue("0", phone), glue("0", net, "/", rest), glue("0049 ", net, " ", rest),
        glue("+49 (0)", net, " ", rest),
    )  # fmt: skip
    return choose(rng.integers(0, 5, len(phone)), *ways)


def crm_records(world: World) -> Records:
    """Write the CRM: one record per person, a second one for ``duplicate_rate`` of them."""
    rng, settings, n = stream(world.settings.seed, "crm"), world.settings, world.people
    second = np.flatnonzero(rng.random(n) < settings.duplicate_rate)
    person = np.concatenate([np.arange(n), second])
    is_second = np.arange(person.size) >= n
    day = world.clock.first + world.habits.joined[person] - rng.integers(0, 3, person.size)
    day = np.where(is_second, rng.integers(day, world.clock.first + world.clock.days), day)
    newsletter = rng.random(person.size) < settings.newsletter_rate
    first, last = _written_names(rng, world, person, is_second)
    table = pa.table({
        "customer_id": record_numbers(np.arange(person.size)),
        "first_name": first,
        "last_name": last,
        "email": _crm_emails(rng, world, person, is_second),
        "phone": _phones(rng, world, person, 0.12),
        "city": pick(CITIES, world.persons.city[person]),
        "birth_date": _birth_dates(rng, world.persons.born[person]),
        "registered_at": day_text(day),
        "newsletter": pick(("no", "yes"), newsletter.astype(np.int8)),
        "note": pick(NOTES, _mostly_zero(rng, person.size, len(NOTES))),
    })  # fmt: skip
    return Records(table, person, newsletter)


def _phones(rng: np.random.Generator, world: World, person: Array, missing: float) -> pa.Array:
    phone = written_phone(rng, world.persons.phone.take(pa.array(person)))
    return blank(phone, rng.random(person.size) < missing)


def _mostly_zero(rng: np.random.Generator, size: int, kinds: int) -> Array:
    return np.where(rng.random(size) < 0.12, rng.integers(0, kinds, size), 0)


def _birth_dates(rng: np.random.Generator, born: Array) -> pa.Array:
    """Write birth dates; 4 % are the system's default 1900-01-01, a tenth is missing."""
    default = day_text(np.full(born.size, -25_567))
    odd = rng.random(born.size)
    return blank(choose((odd < 0.04).astype(np.int8), day_text(born), default), odd > 0.9)


def _crm_emails(rng: np.random.Generator, world: World, person: Array, is_second: Array) -> pa.Array:
    """Write addresses: a second record slips ten times as often and may use the person's other address."""
    size, rate = person.size, world.settings.typo_rate
    main = world.persons.email.take(pa.array(person))
    other = pc.coalesce(world.persons.other_email.take(pa.array(person)), main)
    used = choose((is_second & (rng.random(size) < 0.5)).astype(np.int8), main, other)
    once = written_email(rng, used, rate)
    often = written_email(rng, used, min(1.0, rate * 10))
    mail = choose(is_second.astype(np.int8), once, often)
    odd = rng.random(size)
    junk = choose((odd < 0.006).astype(np.int8), mail, pick((JUNK_EMAIL,), np.zeros(size, np.int8)))
    return blank(junk, odd > 0.96)


def _written_names(
    rng: np.random.Generator, world: World, person: Array, is_second: Array
) -> tuple[pa.Array, pa.Array]:
    """Write names with slips; a second record is as known, plain, shortened, in capitals or turned round."""
    f, s = world.persons.first[person], world.persons.last[person]
    rate, size = world.settings.typo_rate, person.size
    kind = np.where(is_second, rng.integers(0, 5, size), 0)
    slips = slip_marks(rng, size, rate), slip_marks(rng, size, rate)
    known = slipped(pick(FIRST, f), slips[0]), slipped(pick(LAST, s), slips[1])
    bare = pick([plain(w) for w in FIRST], f), pick([plain(w) for w in LAST], s)
    short = pick([f"{w[0]}." for w in FIRST], f), known[1]
    loud = pc.utf8_upper(bare[0]), pc.utf8_upper(bare[1])
    turned = known[1], known[0]
    ways = (known, bare, short, loud, turned)
    return choose(kind, *(w[0] for w in ways)), choose(kind, *(w[1] for w in ways))


def loyalty_rows(world: World) -> tuple[pa.Table, Array]:
    """Write the loyalty programme: one row per card and the person of each row.

    Points are one per whole euro of net revenue on carded receipts, less what was redeemed.
    """
    rng = stream(world.settings.seed, "loyalty")
    person = np.flatnonzero(world.has_card)
    size, rate = person.size, world.settings.typo_rate
    main = world.persons.email.take(pa.array(person))
    used = choose(
        (rng.random(size) < 0.2).astype(np.int8), main,
        pc.coalesce(world.persons.other_email.take(pa.array(person)), main),
    )  # fmt: skip
    first = slipped(pick(FIRST, world.persons.first[person]), slip_marks(rng, size, rate))
    last = slipped(pick(LAST, world.persons.last[person]), slip_marks(rng, size, rate))
    points = np.maximum(_carded_cents(world)[person], 0) // 100
    table = pa.table({
        "card_no": card_numbers(person),
        "email": blank(written_email(rng, used, rate), rng.random(size) < 0.12),
        "phone": _phones(rng, world, person, 0.25),
        "first_name": first,
        "last_name": last,
        "joined_at": day_text(world.cards_since[person] // DAY),
        "points": number(points - np.floor(points * 0.5 * rng.random(size)).astype(np.int64)),
    })  # fmt: skip
    return table, person


def _carded_cents(world: World) -> Array:
    bought = world.history
    per_order = np.bincount(
        bought.order, world.goods.price[bought.sku] * bought.quantity * ~bought.back, bought.person.size
    )
    return np.bincount(bought.person, per_order * bought.carded, world.people).astype(np.int64)
