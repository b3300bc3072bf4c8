"""Type and check the rows of a delivery in the workbench: table ``raw`` becomes table ``staged``.

A staged row has an id that is the same whenever the same row is delivered again, typed values, and
``fault``, the number of the first check it fails (NULL when it may enter the lake).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from butfor.ingest.cells import cleaned, filled, ident, joined, text, typed
from butfor.ingest.deliveries import Delivery, list_path
from butfor.ingest.fields import Field
from butfor.ingest.judge import Judge, judge_cells, judges
from butfor.model import BadDefinition
from butfor.plan import Plan
from butfor.plan.kinds import Column, Property, Source, Term
from butfor.plan.walk import PRODUCT_FACTS, takes_returns
from butfor.store import ROW, Workbench

# Clocks of tills and servers differ a little; a day covers that and time zones read wrongly.
FUTURE = timedelta(days=1)
# A price list may say what holds from some later day on.
ANNOUNCED = timedelta(days=366)
# Nothing that a brand sells today happened earlier; an older time is a typing error or a system's empty date.
OLDEST = "1900-01-02"
# As many letters as the hub's index of identifiers holds.
LONGEST_ID = 320
# Money is kept in 14 digits before the point; a line this large is a typing error and would overflow sums of orders.
LARGEST = 10**12


class Check(msgspec.Struct, frozen=True):
    """A reason to quarantine a row, and the SQL condition that finds it."""

    reason: str
    field: str
    condition: str


class Staging(msgspec.Struct, frozen=True):
    """What staging a source means: its fields, its checks, the event terms its rows may become, and who judges which field."""

    source: Source
    fields: list[Field]
    checks: list[Check]
    terms: list[Term]
    judges: dict[str, Judge] = {}

    def named(self, head: str) -> list[Field]:
        """Return the fields whose target starts with ``head`` (such as ``event.``)."""
        return [f for f in self.fields if f.target.startswith(head)]


def plan_staging(plan: Plan, source: Source, now: datetime) -> Staging:
    """Decide fields, checks and terms of a source; pure, reads no data."""
    terms = possible_terms(plan, source)
    fields = [f for f in _fields(plan, source, terms) if not list_path(f.column)]
    if not terms and source.grain not in ("person", "product"):
        raise BadDefinition(
            f"source {source.id}",
            value="no event",
            rule="rows that are no people and no products become events of the plan; nothing was loaded",
            next_step=f"set event: to a term, or map a column to event, in plan/sources/{source.id}.yaml",
        )
    checks = [*_checks(source, fields, terms, now), *product_checks(source, terms)]
    return Staging(source, fields, checks, terms, judges(plan, source, fields))


def possible_terms(plan: Plan, source: Source) -> list[Term]:
    """Return the event terms that rows of a source may become."""
    names = [source.event] if source.event else []
    for column in source.columns.values():
        if isinstance(column, Column) and column.to == "event":
            names += list(column.values.values())
    if takes_returns(source):
        names.append(source.returns.event)
    return [plan.get(Term, name) for name in dict.fromkeys(names)]


def stage(bench: Workbench, staging: Staging, delivery: Delivery) -> None:
    """Make the table ``staged`` from ``raw``."""
    source = staging.source
    lists = sorted({c.split("[].")[0] for c in source.columns if "[]." in c})
    keys = _telling_apart(staging) + ([] if source.key else lists)
    content = joined([text(source.id), *map(ident, keys)])
    judged = judge_cells(bench, staging.fields, staging.judges)
    raw = [f"{judged.value(f)} AS {ident(f.text)}" for f in staging.fields]
    raw += [f"{judged.sure(f)} AS {ident(f.sure)}" for f in staging.fields if f.name in staging.judges]
    parts = [f"CAST(md5({content}) AS UUID) AS content", f"{_term(staging)} AS term", *map(ident, lists)]
    parts += [f"{f.value} AS {ident(f.name)}" for f in staging.fields]
    parts += [ident(f.sure) for f in staging.fields if f.name in staging.judges]
    parts += [] if staging.named("time") else ['CAST(NULL AS TIMESTAMP) AS "time"']
    parts += [f"{_fault(staging.checks)} AS fault", f"{_account(staging)} AS account_key"]
    # Texts are cleaned once, in a step of their own, because typing and checking both read them.
    clean = f"WITH clean AS MATERIALIZED (SELECT raw.*, {', '.join(raw)} FROM raw{judged.joins})"
    bench.make("typed", f"{clean} SELECT {ROW} AS row_no, {', '.join(parts)} FROM clean")
    # Equal rows of one delivery are separate sales: the n-th of them gets its own id, the same each time.
    # With a key they are one row delivered twice, and the first that can be used is the one that counts.
    # Only contents that occur again are numbered.
    again = (
        "WITH again AS (SELECT row_no, row_number() OVER (PARTITION BY content ORDER BY fault IS NOT NULL, row_no) AS n FROM typed "
        "WHERE content IN (SELECT content FROM typed GROUP BY content HAVING count(*) > 1))"
    )
    row_id = (
        "content"
        if source.key
        else "CASE WHEN n > 1 THEN CAST(md5(concat(content, '-', n)) AS UUID) ELSE content END"
    )
    first = "coalesce(n, 1) = 1" if source.key else "true"
    # Rows without a key are people of their own: their numbers would name others in the next delivery.
    key = "CAST(row_id AS VARCHAR)" if source.account == "row_number" else "account_key"
    bench.make(
        "staged",
        f"{again}, numbered AS (SELECT t.*, {row_id} AS row_id, {first} AS is_first "
        "FROM typed AS t LEFT JOIN again AS a ON a.row_no = t.row_no) "
        f"SELECT * REPLACE ({key} AS account_key), CASE WHEN {key} IS NOT NULL "
        f"THEN CAST(md5(concat({text(source.id)}, chr(31), {key})) AS UUID) END AS account_id FROM numbered",
    )


# What makes a receipt line that line. Names and categories may be mapped, or corrected, later: then a file
# loaded again must still be the same sales.
_LINE_FACTS = {
    "time",
    "event.order_id",
    "event.store",
    "product.product_id",
    "product.quantity",
    "product.price",
}


def _telling_apart(staging: Staging) -> list[str]:
    """Return the columns that tell rows of a source apart."""
    source = staging.source
    if source.key and source.grain != "product":
        return source.key
    if source.grain != "order_line":
        return [f.column for f in staging.fields]
    return [f.column for f in staging.fields if f.target in _LINE_FACTS or f.column == source.account]


def _fields(plan: Plan, source: Source, terms: list[Term]) -> Iterator[Field]:
    for name, how in source.columns.items():
        column = how if isinstance(how, Column) else Column(to=how)
        head, _, tail = column.to.partition(".")
        if head == "ignore":
            continue
        prop = _fact(tail) if source.grain == "product" and tail else _property(plan, terms, head, tail)
        out = f"{head}_{tail}" if tail else head
        cell = ident(f"text_{out}")
        value = (
            _known_values(cell, column) if head == "event" and not tail else typed(cell, prop.type, source)
        )
        yield Field(
            name, column.to, out, prop.type, prop.required, cleaned(ident(name), column), value, column.clean
        )


def _known_values(raw: str, column: Column) -> str:
    cases = " ".join(f"WHEN {text(k)} THEN {text(v)}" for k, v in column.values.items())
    return f"CASE {raw} {cases} END"


def _property(plan: Plan, terms: list[Term], head: str, tail: str) -> Property:
    if head == "time":
        return Property(type="timestamp", required=True)
    if head == "person":
        return Property(type=plan.get(Term, tail).type or "text")
    if head in ("event", "product") and tail:
        found = [getattr(t, "properties" if head == "event" else "products").get(tail) for t in terms]
        return next((p for p in found if p), Property(type="text"))
    return Property(type="text", required=head == "event")


def _fact(name: str) -> Property:
    return Property(type=PRODUCT_FACTS[name], required=name == "product_id")


def _checks(source: Source, fields: list[Field], terms: list[Term], now: datetime) -> Iterator[Check]:
    for f in fields:
        sold = source.grain != "product" and f.target in ("product.quantity", "product.price")
        needed = f.required or sold
        optional_time = f.target == "time" and source.grain in ("person", "product")
        if needed and not optional_time:
            yield Check(f"missing {f.target.split('.')[-1]}", f.column, f"{ident(f.text)} IS NULL")
        if f.target == "event":
            yield Check("unknown event", f.column, f"({f.value}) IS NULL")
        elif f.kind != "text":
            yield Check(
                f"bad type: {f.target.split('.')[-1]} is no {f.kind}",
                f.column,
                f"{ident(f.text)} IS NOT NULL AND ({f.value}) IS NULL",
            )
        if f.target == "time":
            ahead = ANNOUNCED if source.grain == "product" else FUTURE
            limit = (now + ahead).strftime("%Y-%m-%d %H:%M:%S")
            yield from _in_time(f, f"TIMESTAMP '{limit}'")
        if source.grain == "product" and f.kind == "money":
            yield Check(f"{f.target.split('.')[-1]} below 0", f.column, f"({f.value}) < 0")
    if source.grain == "order_line":
        price = next(f for f in fields if f.target == "product.price")
        quantity = next(f for f in fields if f.target == "product.quantity")
        yield Check(
            "amount is too large", price.column, f"abs(({quantity.value}) * ({price.value})) >= {LARGEST}"
        )
    yield from length_checks(fields)
    if source.grain == "person" and source.account != "row_number":
        yield Check("missing identifier", source.account or "", f"({_key(source, fields)}) IS NULL")


def length_checks(fields: Iterable[Field]) -> Iterator[Check]:
    """Checks that identifiers are no longer than the hub's index of them takes."""
    for f in fields:
        if f.target.startswith("id."):
            yield Check(
                f"identifier is longer than {LONGEST_ID} letters",
                f.column,
                f"length({f.value}) > {LONGEST_ID}",
            )


def time_checks(field: Field, limit: str) -> Iterator[Check]:
    """Checks of a time that need not be given; ``limit`` is SQL of the latest that it may be."""
    unread = f"{ident(field.text)} IS NOT NULL AND ({field.value}) IS NULL"
    yield Check("bad type: time is no timestamp", field.column, unread)
    yield from _in_time(field, limit)


def _in_time(field: Field, limit: str) -> Iterator[Check]:
    yield Check("future time", field.column, f"({field.value}) > {limit}")
    yield Check("time before 1900", field.column, f"({field.value}) < TIMESTAMP '{OLDEST}'")


def product_checks(source: Source, terms: list[Term]) -> Iterator[Check]:
    """Checks of the products inside a row: one that cannot be read would be missing from the order."""
    props = {p: prop for t in terms for p, prop in t.products.items()}
    for name, how in source.columns.items():
        path, to = list_path(name), how.to if isinstance(how, Column) else how
        if path is None or not to.startswith("product.") or to[8:] not in props:
            continue
        prop, raw = props[to[8:]], product_value(path[1])
        said = f"{raw} IS NOT NULL AND " if not prop.required else ""
        if prop.required or prop.type != "text":
            items = f"json_extract({ident(path[0])}, '$[*]')"
            bad = f"[item FOR item IN {items} IF {said}({typed(raw, prop.type, source)}) IS NULL]"
            yield Check(f"bad type: {name} is no {prop.type}", name, f"len({bad}) > 0")


def product_value(field: str) -> str:
    """Return SQL of the text of a field of ``item``, one product of a list."""
    return filled(f"json_extract_string(item, {text('$.' + field)})")


def _fault(checks: list[Check]) -> str:
    cases = " ".join(f"WHEN {c.condition} THEN {i}" for i, c in enumerate(checks))
    return f"CASE {cases} END" if cases else "CAST(NULL AS INTEGER)"


def _account(staging: Staging) -> str:
    nobody = "CAST(NULL AS VARCHAR)"
    return nobody if staging.source.account == "row_number" else _key(staging.source, staging.fields)


def _key(source: Source, fields: list[Field]) -> str:
    named = [f for f in fields if f.column == source.account] or [
        f for f in fields if f.target.startswith("id.")
    ]
    return ident(named[0].text) if named else "CAST(NULL AS VARCHAR)"


def _term(staging: Staging) -> str:
    source = staging.source
    kind = next((f for f in staging.fields if f.target == "event"), None)
    sale = kind.value if kind else text(source.event) if source.event else "CAST(NULL AS VARCHAR)"
    if not takes_returns(source):
        return sale
    by = {f.target: f"coalesce({f.value}, 0)" for f in staging.fields}
    quantity, amount = by.get("product.quantity", "0"), by.get("event.total", "0")
    if source.grain == "order_line":
        amount = (
            by["product.price"]
            if source.returns.when == "negative_either"
            else f"{quantity} * {by['product.price']}"
        )
    back = {
        "negative_quantity": f"{quantity} < 0",
        "negative_amount": f"{amount} < 0",
        "negative_either": f"{quantity} < 0 OR {amount} < 0",
    }[source.returns.when]
    return f"CASE WHEN {back} THEN {text(source.returns.event)} ELSE {sale} END"


def unplanned(staging: Staging, delivery: Delivery) -> list[str]:
    """Return the columns of a delivery that its source does not mention."""
    tops = {c.split("[].")[0] for c in staging.source.columns} | {
        c.split(".")[0] for c in staging.source.columns
    }
    return [c for c in delivery.columns if c not in staging.source.columns and c not in tops]


def said(column: str) -> str:
    """Return SQL that holds where a column says something."""
    return f"{filled(ident(column))} IS NOT NULL"
