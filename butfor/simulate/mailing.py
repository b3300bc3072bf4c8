"""What the e-mail provider reported: deliveries, opens, clicks, bounces and unsubscribes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from butfor.simulate.clock import DAY, stream, utc
from butfor.simulate.records import Records
from butfor.simulate.text import Array
from butfor.simulate.words import JUNK_EMAIL
from butfor.simulate.world import World

TYPES = ("delivered", "open", "click", "bounce", "unsubscribe")
DELIVERED, OPEN, CLICK, BOUNCE, UNSUBSCRIBE = range(5)


@dataclass(frozen=True)
class Mails:
    """Events of sent messages sorted by time, all of shape (events,).

    ``address`` is an index in ``addresses``; ``person`` is who stands behind it, -1 for nobody; ``kind``
    is an index in ``TYPES``; ``campaign`` an index in ``campaigns``; ``at`` in UTC seconds.
    """

    addresses: pa.Array
    campaigns: list[str]
    address: Array
    person: Array
    kind: Array
    campaign: Array
    at: Array


@dataclass(frozen=True)
class Book:
    """Real addresses and their owners: 2 n rows, first everybody's main address, then the other ones."""

    addresses: pa.Array
    people: int

    def owner(self, addresses: pa.Array) -> Array:
        """Return the person each address reaches, -1 for nobody; case and outer blanks do not matter."""
        clean = pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(addresses, pa.string())))
        row = pc.index_in(clean, value_set=self.addresses, skip_nulls=True)
        return np.where(row.is_valid(), pc.fill_null(row, 0).to_numpy() % self.people, -1)


def address_book(world: World) -> Book:
    """Return all real addresses of a shop's people."""
    return Book(pa.concat_arrays([world.persons.email, world.persons.other_email]), world.people)


def past_newsletters(world: World, records: Records) -> Mails:
    """Send ``settings.newsletters`` newsletters over the history to the CRM records that said yes.

    A wrong address bounces; who bounced or unsubscribed gets no further newsletter.
    """
    settings, rng = world.settings, stream(world.settings.seed, "newsletters")
    addresses, person, since = _subscribers(world, records)
    real = address_book(world).owner(addresses) >= 0
    listed = np.ones(len(addresses), bool)
    sent = []
    for index, day in enumerate(_send_days(settings.days, settings.newsletters)):
        row = np.flatnonzero(listed & (since <= world.clock.first + day))
        part = draw_events(rng, row, real[row], (world.clock.first + day) * DAY + 8 * 3600, index)
        listed[part[0][np.isin(part[1], (BOUNCE, UNSUBSCRIBE))]] = False
        sent.append(part)
    names = [
        _name(settings.ends, settings.days - day) for day in _send_days(settings.days, settings.newsletters)
    ]
    return _collected(addresses, person, names, sent)


def one_message(
    rng: np.random.Generator, addresses: pa.Array, person: Array, sure: Array, local: int
) -> Mails:
    """Send one message to every address at local second ``local``; addresses of ``sure`` rows click."""
    row = np.arange(len(addresses))
    return _collected(addresses, person, ["win-back"], [draw_events(rng, row, person >= 0, local, 0, sure)])


def draw_events(
    rng: np.random.Generator, row: Array, real: Array, local: int, campaign: int, sure: Array | None = None
) -> tuple[Array, ...]:
    """Return row, kind, campaign and UTC second of the events that one sending to ``row`` sets off.

    30 % of the delivered are opened, 15 % of the opened clicked, 0.4 % of the delivered unsubscribe.
    """
    size = row.size
    certain = np.zeros(size, bool) if sure is None else sure
    opened = real & ((rng.random(size) < 0.30) | certain)
    clicked = opened & ((rng.random(size) < 0.15) | certain)
    left = real & (rng.random(size) < 0.004)
    arrive = utc(np.full(size, local)) + rng.integers(0, 1_200, size)
    read = arrive + 60 + (rng.exponential(0.15, size).clip(0, 2) * DAY).astype(np.int64)
    events = (
        (real, DELIVERED, arrive), (opened, OPEN, read), (clicked, CLICK, read + 30), (~real, BOUNCE, arrive),
        (left, UNSUBSCRIBE, read + 90),
    )  # fmt: skip
    rows = np.concatenate([row[mark] for mark, _, _ in events])
    kinds = np.repeat([kind for _, kind, _ in events], [int(mark.sum()) for mark, _, _ in events])
    return rows, kinds, np.full(rows.size, campaign), np.concatenate([at[mark] for mark, _, at in events])


def _subscribers(world: World, records: Records) -> tuple[pa.Array, Array, Array]:
    """Return the distinct addresses that said yes, who stands behind each, and since which day."""
    email = records.table["email"].combine_chunks()
    usable = records.newsletter & pc.fill_null(pc.not_equal(email, JUNK_EMAIL), False).to_numpy(False)
    rows = np.flatnonzero(usable)
    coded = email.take(pa.array(rows)).dictionary_encode()
    _, first = np.unique(coded.indices.to_numpy(), return_index=True)
    person = records.person[rows[first]]
    return coded.dictionary, person, world.clock.first + world.habits.joined[person]


def _send_days(days: int, count: int) -> list[int]:
    return [int(days * (k + 1) / (count + 1)) for k in range(count)]


def _name(ends: date, days_before: int) -> str:
    return f"newsletter-{ends - timedelta(days=days_before - 1):%Y-%m-%d}"


def _collected(addresses: pa.Array, person: Array, names: list[str], sent: list[tuple[Array, ...]]) -> Mails:
    empty = np.zeros(0, np.int64)
    row, kind, campaign, at = (np.concatenate([empty, *(part[i] for part in sent)]) for i in range(4))
    rank = np.argsort(at, kind="stable")
    row = row[rank]
    return Mails(addresses, names, row, person[row], kind[rank], campaign[rank], at[rank])
