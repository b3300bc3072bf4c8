"""Load one delivery of one source: read, type, check, quarantine, write once, count everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

import butfor.ingest.write as write
from butfor.ingest.cells import ident, text, typed
from butfor.ingest.deliveries import Delivery, open_delivery
from butfor.ingest.erased import ERASED, keep_nothing_of, stage_marks, turn_away
from butfor.ingest.judge import stage_quality
from butfor.ingest.products import repeated_products, write_products
from butfor.ingest.proofs import prove
from butfor.ingest.stage import Staging, plan_staging, product_value, said, stage, unplanned
from butfor.ingest.tables import all_tables, event_table, line_table
from butfor.model import BadInput, Refused
from butfor.plan import Plan
from butfor.plan.kinds import Column, Source, Term
from butfor.plan.walk import confirms
from butfor.store import ROW, Lake, Query, Workbench, literal

Progress = Callable[[str], None]


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a load did. ``read`` = ``accepted`` + ``repeated`` + ``quarantined``; money in the workspace's currency.

    ``flagged`` counts the cells that were judged odd, such as ``email: junk``; their rows are used, and junk is no identifier.
    """

    source: str
    file: str
    read: int
    accepted: int
    repeated: int
    quarantined: int
    reasons: dict[str, int] = {}
    unplanned: dict[str, int] = {}
    flagged: dict[str, int] = {}
    events: dict[str, int] = {}
    value: Decimal = Decimal(0)
    without_customer: int = 0
    accounts: int = 0
    seconds: float = 0.0


def load(
    lake: Lake,
    plan: Plan,
    source: Source,
    path: str,
    *,
    load_id: int,
    now: datetime,
    progress: Progress | None = None,
) -> Loaded:
    """Load a file, or a database table by URL, into the lake; loading it again changes nothing (R-077).

    Raises Refused without an identity decision (R-183), BadInput when the delivery cannot be this source's,
    StoreError when the disk refuses; in each case the lake is as it was.
    """
    if plan.workspace.identity is None:
        raise Refused(
            f"source {source.id}",
            rule="a source may load once it is decided which identifier tells people apart (R-183)",
            next_step="add identity: {primary: ..., ranked: [...], why: ...} to butfor.yaml",
        )
    tell = progress or (lambda step: None)
    began = time.perf_counter()
    lake.ensure(*all_tables(plan))
    staging = plan_staging(plan, source, now)
    with lake.workbench() as bench:
        stage_marks(lake, bench)
        tell("reading")
        delivery = open_delivery(bench, source, path)
        tell("typing and checking")
        stage(bench, staging, delivery)
        staging = turn_away(bench, staging)
        _stage_quarantine(bench, staging, delivery)
        _refuse_useless(bench, staging, path)
        _stage_children(bench, staging)
        flagged = stage_quality(bench, source.id, staging.fields, staging.judges)
        tell("writing")
        with lake.transaction():
            writer = _Writer(lake, bench, plan, staging, load_id, now)
            again = writer.repeated()
            new = writer.write()
            prove(lake, plan, [t for t in new if new[t]])
            if source.grain == "product":
                new = write_products(lake, bench, staging, load_id, now, whole=not delivery.rejects)
        done = _counted(bench, staging, delivery, path, again, new, began)
        # Products are nobody's, so that no customer is missing.
        missing = 0 if source.grain == "product" else done.without_customer
        return msgspec.structs.replace(done, flagged=flagged, without_customer=missing)


def _refuse_useless(bench: Workbench, staging: Staging, path: str) -> None:
    """Raise BadInput when no row can be used: then the delivery or its mapping is wrong, and not a row."""
    usable = "SELECT count(*) FROM staged WHERE fault IS NULL"
    if bench.value(usable) or bench.value(
        f"SELECT count(*) FROM staged_quarantine WHERE reason = '{ERASED}'"
    ):
        return
    worst = _rows(
        bench,
        "SELECT reason, field, min(coalesce(val, raw)) AS val, count(*) AS n FROM staged_quarantine "
        "WHERE reason <> 'unplanned attribute' GROUP BY reason, field ORDER BY n DESC, reason LIMIT 1",
    )[0]
    name = _name(staging.source, path)
    raise BadInput(
        f"{name}: column {worst['field']}" if worst["field"] else name,
        value=worst["val"] or "nothing",
        rule=f"at least one row of a delivery can be used; {worst['n']} rows: {worst['reason']}; nothing was loaded",
        next_step="check separator, decimals and dates under read: "
        f"in plan/sources/{staging.source.id}.yaml, or ask for the delivery again",
    )


def _name(source: Source, path: str) -> str:
    return f"table {source.read.table}" if source.connector == "sql" else f"file {Path(path).name}"


class _Writer:
    """Runs the named queries of one load."""

    def __init__(
        self, lake: Lake, bench: Workbench, plan: Plan, staging: Staging, load_id: int, now: datetime
    ) -> None:
        self.lake, self.plan, self.staging, self.load_id, self.now = lake, plan, staging, load_id, now
        self.source = staging.source
        self.lines = self.source.grain == "order_line"
        names = ["staged", "staged_quarantine"]
        names += ["staged_lines"] if self.lines else []
        names += ["staged_products"] if not self.lines and nested(self.source) else []
        self.noted = bench.has("staged_quality")
        names += ["staged_quality"] if self.noted else []
        for name in names:
            lake.adopt(bench, name)

    def repeated(self) -> int:
        """Count the staged rows that are in the lake already."""
        if self.source.grain == "product":
            return self._count(repeated_products(self.source.id, self.now))
        if self.source.grain == "person":
            return self._count(write.repeated("attribute", "row_id", None))
        if self.lines:
            return sum(
                self._count(write.repeated(line_table(t).name, "row_id", t.id)) for t in self.staging.terms
            )
        return sum(
            self._count(write.repeated(event_table(t).name, "event_id", t.id)) for t in self.staging.terms
        )

    def write(self) -> dict[str, int]:
        """Write everything; lines before the orders made of them, so that a kill between them heals."""
        self.lake.insert("account", write.new_accounts(self.source.id))
        for f in self.staging.named("id."):
            sure = f.sure if f.name in self.staging.judges else None
            verified = confirms(self.source, f.target[3:])
            self.lake.insert("identifier", write.new_identifiers(f.target[3:], f.name, verified, sure))
        if self.noted:
            self.lake.insert("quality", write.new_quality(self.load_id))
        self._attributes()
        new = {t.id: self._orders(t) if self.lines else self._events(t) for t in self.staging.terms}
        self.lake.insert("quarantine", write.new_quarantine(self.load_id))
        return new

    def _attributes(self) -> None:
        names = [f.target[7:] for f in self.staging.named("person.")]
        if names or self.source.grain == "person":
            timed = bool(self.staging.named("time"))
            query = write.new_attributes(self.source.id, self.load_id, names, literal(self.now), timed)
            self.lake.insert("attribute", query)

    def _orders(self, term: Term) -> int:
        table, lines = event_table(term), line_table(term)
        refund = term.role == "refund"
        products = [f.target[8:] for f in self.staging.named("product.") if f.target[8:] in term.products]
        self.lake.insert(
            lines.name,
            write.new_products("staged_lines", term.id, lines.name, self.load_id, products, refund),
        )
        props = [f.target[6:] for f in self.staging.named("event.") if f.target[6:] in term.properties]
        query = write.orders(term.id, table.name, lines.name, self.source.id, self.load_id, props, refund)
        return self.lake.insert(table.name, query)

    def _events(self, term: Term) -> int:
        refund = term.role == "refund"
        if nested(self.source) and term.products:
            products = [c.to[8:] for c in nested(self.source).values() if c.to[8:] in term.products]
            lines = line_table(term).name
            self.lake.insert(
                lines, write.new_products("staged_products", term.id, lines, self.load_id, products, refund)
            )
        props = [f.target[6:] for f in self.staging.named("event.") if f.target[6:] in term.properties]
        name = event_table(term).name
        return self.lake.insert(
            name, write.new_events(term.id, name, self.source.id, self.load_id, props, refund)
        )

    def _count(self, query: Query) -> int:
        return int(self.lake.fetch(query)["n"][0].as_py())


def nested(source: Source) -> dict[str, Column]:
    """Return the columns of a source that stand in a list of products."""
    found = {n: c if isinstance(c, Column) else Column(to=c) for n, c in source.columns.items() if "[]." in n}
    return {n: c for n, c in found.items() if c.to.startswith("product.")}


def _stage_children(bench: Workbench, staging: Staging) -> None:
    source = staging.source
    if source.grain == "order_line":
        event_id = f"CAST(md5(concat_ws(chr(31), {text(source.id)}, term, \"event_order_id\", coalesce(account_key, ''))) AS UUID)"
        keep = [f.name for f in staging.named("event.")] + [f.name for f in staging.named("product.")]
        bench.make(
            "staged_lines",
            f'SELECT row_id, term, account_id, "time" AS occurred_at, {event_id} AS event_id, '
            'CAST("product_quantity" * "product_price" AS DECIMAL(18,4)) AS product_amount, '
            f"{', '.join(map(ident, keep))} FROM staged WHERE fault IS NULL AND is_first",
        )
    elif nested(source):
        explode(bench, staging)


def explode(bench: Workbench, staging: Staging) -> None:
    """Make one row per product of a staged event."""
    lists = nested(staging.source)
    top = ident(next(iter(lists)).split("[].")[0])
    props = {p: prop.type for t in staging.terms for p, prop in t.products.items()}
    parts = []
    for name, column in lists.items():
        kind = props.get(column.to[8:], "text")
        value = typed(product_value(name.split("[].")[1]), kind, staging.source)
        parts.append(f"{value} AS {ident('product_' + column.to[8:])}")
    bench.make(
        "items",
        f"SELECT row_id AS event_id, term, unnest(json_extract({top}, '$[*]')) AS item, "
        f"generate_subscripts(json_extract({top}, '$[*]'), 1) AS n FROM staged WHERE fault IS NULL AND is_first",
    )
    bench.make("typed_items", f"SELECT event_id, term, n, {', '.join(parts)} FROM items")
    bench.make(
        "staged_products",
        "SELECT * EXCLUDE (n), CAST(md5(concat(event_id, '-', n)) AS UUID) AS row_id, "
        "CAST(product_quantity * product_price AS DECIMAL(18,4)) AS product_amount FROM typed_items",
    )


def _stage_quarantine(bench: Workbench, staging: Staging, delivery: Delivery) -> None:
    source = text(staging.source.id)
    reasons = (
        " ".join(f"WHEN {i} THEN {text(c.reason)}" for i, c in enumerate(staging.checks)) or "WHEN -1 THEN ''"
    )
    fields = (
        " ".join(f"WHEN {i} THEN {text(c.field)}" for i, c in enumerate(staging.checks)) or "WHEN -1 THEN ''"
    )
    values = " ".join(
        f"WHEN {i} THEN r.{ident(c.field)}"
        for i, c in enumerate(staging.checks)
        if c.field in delivery.columns
    )
    bench.make(
        "staged_quarantine",
        f"SELECT s.row_id, {source} AS source, s.row_no, CASE s.fault {reasons} END AS reason, "
        f"CASE s.fault {fields} END AS field, {f'CASE s.fault {values} END' if values else 'NULL::VARCHAR'} AS val, "
        f"CAST(to_json(r) AS VARCHAR) AS raw FROM staged AS s JOIN raw AS r ON r.{ROW} = s.row_no WHERE s.fault IS NOT NULL",
    )
    parts = ["SELECT * FROM staged_quarantine"]
    for column in unplanned(staging, delivery):
        parts.append(
            f"SELECT s.row_id, {source}, s.row_no, 'unplanned attribute', {text(column)}, r.{ident(column)}, NULL "
            f"FROM staged AS s JOIN raw AS r ON r.{ROW} = s.row_no WHERE {said(column).replace(ident(column), 'r.' + ident(column))}"
        )
    if delivery.rejects:
        bench.put("rejected", _rejected(delivery))
        parts.append(
            f"SELECT CAST(md5(concat({source}, chr(31), raw, chr(31), row_no)) AS UUID), {source}, row_no, reason, '', NULL, raw FROM rejected"
        )
    if len(parts) > 1:
        bench.make("staged_quarantine", " UNION ALL ".join(parts))
    if staging.checks and staging.checks[-1].reason == ERASED:
        keep_nothing_of(bench)


def _rejected(delivery: Delivery) -> pa.Table:
    line, raw, why = zip(*delivery.rejects, strict=True)
    return pa.table(
        {
            "row_no": pa.array(line, pa.int64()),
            "raw": pa.array(raw, pa.string()),
            "reason": [f"unreadable row: {w}" for w in why],
        }
    )


def _counted(
    bench: Workbench,
    staging: Staging,
    delivery: Delivery,
    path: str,
    again: int,
    new: dict[str, int],
    began: float,
) -> Loaded:
    reasons = {
        r["reason"]: r["n"]
        for r in _rows(
            bench,
            "SELECT reason, count(*) AS n FROM staged_quarantine WHERE reason <> 'unplanned attribute' GROUP BY reason ORDER BY n DESC, reason",
        )
    }
    extra = {
        r["field"]: r["n"]
        for r in _rows(
            bench,
            "SELECT field, count(*) AS n FROM staged_quarantine WHERE reason = 'unplanned attribute' GROUP BY field ORDER BY field",
        )
    }
    read = delivery.rows + len(delivery.rejects)
    quarantined = sum(reasons.values())
    return Loaded(
        source=staging.source.id,
        file=Path(path).name if staging.source.connector != "sql" else staging.source.read.table or "",
        read=read,
        accepted=read - again - quarantined,
        repeated=again,
        quarantined=quarantined,
        reasons=reasons,
        unplanned=extra,
        events=new,
        value=_value(bench, staging),
        without_customer=int(
            bench.value("SELECT count(*) FROM staged WHERE fault IS NULL AND account_id IS NULL")
        ),
        accounts=int(bench.value("SELECT count(DISTINCT account_id) FROM staged WHERE fault IS NULL")),
        seconds=round(time.perf_counter() - began, 3),
    )


def _rows(bench: Workbench, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bench.rows(query).to_pylist()
    return found


def _value(bench: Workbench, staging: Staging) -> Decimal:
    """Return the money in the delivery's usable rows, returns counted down."""
    if staging.source.grain == "order_line":
        return Decimal(bench.value("SELECT coalesce(sum(product_amount), 0) FROM staged_lines"))
    if any(f.target == "event.total" for f in staging.fields):
        return Decimal(
            bench.value("SELECT coalesce(sum(event_total), 0) FROM staged WHERE fault IS NULL AND is_first")
        )
    return Decimal(0)
