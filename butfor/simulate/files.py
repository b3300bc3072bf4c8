"""The six source files of a shop, each awkward in the way such files really are."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import butfor.simulate.browsing as browsing
import butfor.simulate.mailing as mailing
from butfor.simulate.browsing import Visits
from butfor.simulate.buying import Purchases
from butfor.simulate.catalogue import Catalogue
from butfor.simulate.clock import offset_hours
from butfor.simulate.documents import Documents
from butfor.simulate.mailing import Mails
from butfor.simulate.records import Records
from butfor.simulate.text import (
    CHUNK,
    Array,
    blank,
    choose,
    digits,
    filled,
    glue,
    json_text,
    money,
    number,
    pick,
    slices,
    stamp,
    write_lines,
)
from butfor.simulate.words import CATEGORIES, STORES
from butfor.simulate.world import World, card_numbers, device_numbers, own_numbers, webshop_numbers

TILL_HEADER = "receipt_no;line_no;store;sold_at;card_no;sku;product;category;qty;unit_price\n"
WEB_SCHEMA = pa.schema([
    ("event_id", pa.string()), ("device_id", pa.string()), ("customer_id", pa.string()),
    ("type", pa.string()), ("sku", pa.string()), ("category", pa.string()), ("at", pa.timestamp("us", "UTC")),
])  # fmt: skip


def write_till(path: Path, world: World, bought: Purchases, papers: Documents, numbered: int) -> Path:
    """Write receipt lines: semicolons, decimal comma, dd.mm.yyyy HH:MM, gzip; numbers go on."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        file = cast(IO[bytes], packed)
        write_lines(file, TILL_HEADER, _till_lines(world, bought, papers, numbered))
    return path


def _till_lines(world: World, bought: Purchases, papers: Documents, numbered: int) -> Iterator[pa.Array]:
    goods = world.goods
    for part in slices(papers.line.size):
        document, line = papers.document[part], papers.line[part]
        order = papers.order[document]
        refund = papers.refund[document]
        card = filled(blank(card_numbers(bought.person[order]), ~bought.carded[order]))
        product = bought.sku[line]
        yield glue(
            pick(("", "R"), refund.astype(np.int8)), digits(numbered + document + 1, 9), ";",
            number(papers.position[part]), ";", pick(STORES, _store(bought.person[order])), ";",
            stamp(papers.at[document], "%d.%m.%Y %H:%M"), ";", card, ";",
            _goods_text(goods, product), ";", number(np.where(refund, -1, 1) * bought.quantity[line]), ";",
            money(goods.price[product], ","), "\n",
        )  # fmt: skip


def _store(person: Array) -> Array:
    """Return the store a person goes to: everybody keeps to one."""
    return (person.astype(np.int64) * 2_654_435_761 >> 7) % len(STORES)


def _goods_text(goods: Catalogue, product: Array) -> pa.Array:
    rows = [
        ";".join(x) for x in zip(goods.sku, goods.name, (CATEGORIES[c] for c in goods.category), strict=True)
    ]
    return pick(rows, product)


def write_webshop(path: Path, world: World, bought: Purchases, papers: Documents, numbered: int) -> Path:
    """Write web orders, one JSON object per line; refunds have negative quantities and totals."""
    with path.open("wb") as file:
        parts = slices(papers.order.size, CHUNK // 2)
        write_lines(file, "", (_web_orders(world, bought, papers, numbered, p) for p in parts))
    return path


def _web_orders(world: World, bought: Purchases, papers: Documents, numbered: int, part: slice) -> pa.Array:
    order, refund = papers.order[part], papers.refund[part]
    person = pa.array(bought.person[order])
    lines = slice(papers.starts[part.start], papers.starts[part.stop])
    document = papers.document[lines] - part.start
    starts = papers.starts[part.start : part.stop + 1]
    product, quantity = bought.sku[papers.line[lines]], bought.quantity[papers.line[lines]]
    quantity = np.where(refund[document], -1, 1) * quantity
    total = np.bincount(document, world.goods.price[product] * quantity, order.size).astype(np.int64)
    phone = pc.if_else(pa.array(bought.person[order] % 5 < 3), world.persons.phone.take(person), None)
    return glue(
        '{"order_id":"', pick(("W", "RW"), refund.astype(np.int8)),
        digits(numbered + np.arange(part.start, part.stop) + 1, 9),
        '","ordered_at":"', _web_time(papers.at[part], bought.serial[order]),
        '","customer_id":"', webshop_numbers(bought.person[order], bought.guest[order], bought.serial[order]),
        '","email":', json_text(web_emails(world, bought.person[order])),
        ',"phone":', json_text(glue("+49", phone)),
        ',"currency":"EUR","total":', money(total, "."),
        ',"products":[', _products(world.goods, product, quantity, starts), "]}\n",
    )  # fmt: skip


def _products(goods: Catalogue, product: Array, quantity: Array, starts: Array) -> pa.Array:
    fronts = [
        f'{{"sku":"{s}","name":"{n}","category":"{CATEGORIES[c]}","quantity":'
        for s, n, c in zip(goods.sku, goods.name, goods.category, strict=True)
    ]
    each = glue(pick(fronts, product), number(quantity), ',"price":', money(goods.price[product], "."), "}")
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(starts - starts[0], pa.int32()), each), ",")


def _web_time(local: Array, serial: Array) -> pa.Array:
    """Write ISO times with the zone's offset; one order in seven came through the app, in UTC with Z."""
    app = serial % 7 == 0
    hours = offset_hours(local)
    offset = pick(("+01:00", "+02:00", "Z"), np.where(app, 2, hours - 1))
    return glue(stamp(np.where(app, local - hours * 3600, local), "%Y-%m-%dT%H:%M:%S"), offset)


def web_emails(world: World, person: Array) -> pa.Array:
    """Return the address people order with on the web: for one in four the other one, if there is one."""
    rows = pa.array(person)
    main = world.persons.email.take(rows)
    other = pc.coalesce(world.persons.other_email.take(rows), main)
    return choose((person % 4 == 1).astype(np.int8), main, other)


def write_csv(path: Path, table: pa.Table, separator: str, encoding: str) -> Path:
    """Write text columns as they are; the words that need quotes hold them already."""
    columns = [filled(c.combine_chunks()) for c in table.columns]
    parts = (
        _joined([c.slice(s.start, s.stop - s.start) for c in columns], separator)
        for s in slices(table.num_rows)
    )
    with path.open("wb") as file:
        write_lines(file, separator.join(table.column_names) + "\n", parts, encoding)
    return path


def _joined(columns: list[pa.Array], separator: str) -> pa.Array:
    return glue(pc.binary_join_element_wise(*columns, separator), "\n")


def write_crm(path: Path, records: Records) -> Path:
    """Write the CRM's export: semicolons, cp1252."""
    return write_csv(path, records.table, ";", "cp1252")


def write_loyalty(path: Path, table: pa.Table) -> Path:
    """Write the loyalty programme's export: commas, UTF-8 with a byte order mark."""
    write_csv(path, table, ",", "utf-8")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    return path


def write_mails(path: Path, mails: Mails, prefix: str) -> Path:
    """Write e-mail events, one JSON object per line; message ids begin with ``prefix``."""
    with path.open("wb") as file:
        write_lines(file, "", (_mail_lines(mails, prefix, part) for part in slices(mails.at.size)))
    return path


def _mail_lines(mails: Mails, prefix: str, part: slice) -> pa.Array:
    address, campaign = mails.address[part], mails.campaign[part]
    return glue(
        f'{{"message_id":"{prefix}', digits(campaign, 2), "-", digits(address, 8),
        '","email":"', mails.addresses.take(pa.array(address)),
        '","type":"', pick(mailing.TYPES, mails.kind[part]),
        '","campaign":"', pick(mails.campaigns, campaign),
        '","at":"', stamp(mails.at[part], "%Y-%m-%dT%H:%M:%SZ"), '"}\n',
    )  # fmt: skip


def write_web(path: Path, world: World, visits: Visits, prefix: str) -> Path:
    """Write website events as Parquet; event ids begin with ``prefix``."""
    with pq.ParquetWriter(path, WEB_SCHEMA) as file:
        for part in slices(visits.at.size):
            file.write_table(_web_table(world, visits, prefix, part))
    return path


def _web_table(world: World, visits: Visits, prefix: str, part: slice) -> pa.Table:
    person, sku = visits.person[part], visits.sku[part]
    shown = pa.array(np.maximum(sku, 0), mask=sku < 0)
    category = pa.array([CATEGORIES[c] for c in world.goods.category])
    customer = pc.if_else(pa.array(visits.logged_in[part]), own_numbers(person), None)
    columns = [
        glue(prefix, digits(np.arange(part.start, part.stop), 9)), device_numbers(visits.device[part]),
        customer, pick(browsing.TYPES, visits.kind[part]), pa.array(world.goods.sku).take(shown),
        category.take(shown),
        pa.array(visits.at[part] * 1_000_000, pa.timestamp("us", "UTC")),
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=WEB_SCHEMA)
