"""A shop whose truth is known: simulate it, write its files, send it messages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import butfor.simulate.files as files
from butfor.simulate.browsing import Visits, draw_visits
from butfor.simulate.buying import Purchases
from butfor.simulate.clock import DAY, stream
from butfor.simulate.documents import make_documents
from butfor.simulate.mailing import Mails, past_newsletters
from butfor.simulate.records import Records, crm_records, loyalty_rows
from butfor.simulate.response import Window, draw_window, outcomes_table, planted_table
from butfor.simulate.settings import ShopSettings
from butfor.simulate.text import Array
from butfor.simulate.truth import accounts_table, source_accounts, truth_table
from butfor.simulate.world import World, card_numbers, make_world


@dataclass(frozen=True, eq=False)
class Shop:
    """One simulated shop at the end of its history; make it with ``simulate_shop``."""

    settings: ShopSettings
    world: World
    records: Records
    visits: Visits
    mails: Mails

    @cached_property
    def truth(self) -> pa.Table:
        """One row per real person.

        Columns: ``person`` (0, 1, ...), ``first_name``, ``last_name``, ``email`` and ``emails`` (the real
        addresses), ``phone`` (E.164), ``card_no`` (null without card), ``customer_ids`` (CRM),
        ``webshop_ids``, ``devices`` (lists), ``orders``, ``spend_cents`` (sales minus refunds in the
        history), ``spend_cents_seen`` (the part whose document carries an account), ``last_order_on``
        (null before the first order), ``active`` (the person has not lapsed).
        """
        return truth_table(self.world, self.records, self.visits)

    def accounts(self) -> pa.Table:
        """Return ``source``, ``key`` and true ``person`` of every account in the six files.

        A browser that two people share has a row for each of them.
        """
        cards = np.flatnonzero(self.world.has_card)
        return pa.concat_tables([
            accounts_table(cards, self.world.history, self.mails, self.visits),
            source_accounts("loyalty", card_numbers(cards), cards),
            source_accounts("crm", self.records.table["customer_id"], self.records.person),
        ])  # fmt: skip

    def write(self, folder: Path) -> dict[str, Path]:
        """Write the six source files into ``folder`` and return their paths by source name."""
        folder.mkdir(parents=True, exist_ok=True)
        dated = (self.world.clock.first * DAY, self.world.end)
        return _write_purchases(folder, "", self.world, self.world.history, dated, (0, 0)) | {
            "loyalty": files.write_loyalty(folder / "loyalty.csv", loyalty_rows(self.world)[0]),
            "crm": files.write_crm(folder / "crm.csv", self.records),
            "email_events": files.write_mails(folder / "email_events.jsonl", self.mails, "n"),
            "web": files.write_web(folder / "web.parquet", self.world, self.visits, "ev1"),
        }

    def respond(self, messages: pa.Table, days: int = 28, seed: int | None = None) -> Response:
        """Let the ``days`` after the history pass, with ``messages`` sent on their first morning.

        Everybody buys out of habit. A message to a real address of a person (upper case and outer blanks
        do not matter) may cause one order more: see ``butfor.simulate.response`` for the model and its
        exact expectation. An address that is nobody's bounces. Several messages to one person count as
        the strongest, so a person held out under one address and written to under another was written to.

        Args:
            messages: columns ``email`` and ``level`` ("none", "generic" or "personalised"); other columns
                are ignored. List the held-out with level "none".
            days: length of the window, 2 to 400.
            seed: start of the window's random streams; the shop's own seed when None. The same seed with
                other messages gives the same world but for what the messages cause.

        Raises:
            BadInput: a missing column, an unknown level, or ``days`` out of bounds.
        """
        return Response(self.world, draw_window(self.world, messages, days, seed))


@dataclass(frozen=True, eq=False)
class Response:
    """What happened in the window after a campaign, and what would have happened without it."""

    world: World
    window: Window

    @cached_property
    def planted(self) -> dict[str, dict[str, Any]]:
        """What the messages caused, by level ("none", "generic", "personalised").

        Each has ``people`` (reached, or held out, under that level), ``orders_caused``, ``margin_caused``
        (euros: margin under their level minus margin under none), ``margin_per_person``, and the exact
        ``expected_margin_caused`` and ``expected_margin_per_person``.
        """
        return planted_table(self.world, self.window)

    @cached_property
    def outcomes(self) -> pa.Table:
        """One row per person of the shop, messages or not.

        Columns: ``person``; ``level`` ("none" also for people outside the messages); ``messaged`` (reached
        by one); ``in_messages`` (reachable and listed, held-out included); ``margin`` and
        ``margin_without`` in euros, margin rate x (sales minus refunds in the window); ``net_cents``,
        ``net_cents_without``; ``net_cents_seen``, the part on documents that carry an account.
        """
        return outcomes_table(self.world, self.window)

    def accounts(self) -> pa.Table:
        """Return ``source``, ``key`` and ``person`` of every account in the second delivery.

        ``person`` is null for e-mail addresses that are nobody's.
        """
        bought, since = self.window.bought, self.world.end
        carded = np.unique(bought.person[bought.carded & _dated(bought, since)])
        return accounts_table(carded, bought, self.window.mails, self.window.visits)

    def write(self, folder: Path) -> dict[str, Path]:
        """Write the second deliveries into ``folder``; numbers go on where the history's files end."""
        folder.mkdir(parents=True, exist_ok=True)
        end = self.world.end
        before = (self.world.clock.first * DAY, end)
        counts = [make_documents(self.world.history, web, *before).order.size for web in (False, True)]
        dated = (end, end + self.window.days * DAY)
        return _write_purchases(
            folder, "_2", self.world, self.window.bought, dated, (counts[0], counts[1])
        ) | {
            "email_events": files.write_mails(folder / "email_events_2.jsonl", self.window.mails, "c"),
            "web": files.write_web(folder / "web_2.parquet", self.world, self.window.visits, "ev2"),
        }


def _dated(bought: Purchases, since: int) -> Array:
    return (bought.at >= since) | (bought.returned_at >= since)


def _write_purchases(
    folder: Path,
    tail: str,
    world: World,
    bought: Purchases,
    dated: tuple[int, int],
    numbered: tuple[int, int],
) -> dict[str, Path]:
    receipts, orders = (make_documents(bought, web, *dated) for web in (False, True))
    return {
        "till": files.write_till(folder / f"till{tail}.csv.gz", world, bought, receipts, numbered[0]),
        "webshop": files.write_webshop(folder / f"webshop{tail}.jsonl", world, bought, orders, numbered[1]),
    }


def simulate_shop(settings: ShopSettings | None = None) -> Shop:
    """Return the shop that ``settings`` fully determine.

    Example:
        >>> shop = simulate_shop(ShopSettings(people=200))
        >>> shop.truth.num_rows
        200
    """
    chosen = ShopSettings() if settings is None else settings
    world = make_world(chosen)
    records = crm_records(world)
    visits = draw_visits(stream(chosen.seed, "visits"), world, world.history, 0, world.clock.days)
    return Shop(chosen, world, records, visits, past_newsletters(world, records))
