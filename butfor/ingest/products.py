"""A delivery of products becomes facts with a history: what is new is added, nothing is overwritten."""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp

from butfor.ingest.stage import Staging
from butfor.store import Lake, Workbench, column, named, sql

# The last row of a product in a delivery counts, because exports append corrections.
_STAGED = """
  SELECT * FROM (
    SELECT s.*, coalesce(s."time", :now) AS valid_from, row_number() OVER (
      PARTITION BY s."product_product_id", coalesce(s."time", :now) ORDER BY s.row_no DESC) AS nth
    FROM staged AS s WHERE s.fault IS NULL) AS a WHERE nth = 1
"""
_HELD = """
  SELECT * FROM (
    SELECT p.product_id, p.content, p.gone, row_number() OVER (
      PARTITION BY p.product_id ORDER BY p.valid_from DESC, p.load_id DESC, p.row_no DESC) AS nth
    FROM product AS p WHERE p.source = :source AND p.valid_from <= :now) AS b WHERE nth = 1
"""


def _fresh(source: str, load_id: int, now: datetime) -> exp.Select:
    """Rows with a time are new when the lake has not got them; rows without, when they say something else than its newest."""
    found = sql(
        f"""
        WITH said AS ({_STAGED}), held AS ({_HELD})
        SELECT s.row_no, :load AS load_id, :source AS source, s.valid_from, s.content, false AS gone
        FROM said AS s LEFT JOIN held AS h ON h.product_id = s."product_product_id"
        WHERE CASE WHEN s."time" IS NULL THEN h.content IS NULL OR h.content <> s.content
              ELSE NOT EXISTS (SELECT 1 FROM product AS p WHERE p.source = :source
                               AND p.product_id = s."product_product_id" AND p.content = s.content) END
        """,
        source=source,
        load=load_id,
        now=now,
    )
    assert isinstance(found, exp.Select)
    return found


@named("ingest.new_facts")
def new_facts(source: str, load_id: int, now: datetime, facts: list[str]) -> exp.Expression:
    """Facts about products in staged rows that the lake does not hold; they hold from their time on, else from ``now``."""
    return _fresh(source, load_id, now).select(*[column(f"product_{f}", "s").as_(f) for f in facts])


@named("ingest.repeated_facts")
def repeated_products(source: str, now: datetime) -> exp.Expression:
    """How many usable staged rows say nothing new."""
    return sql(
        "SELECT (SELECT count(*) FROM staged WHERE fault IS NULL) - count(*) AS n FROM _fresh AS f",
        tables={"_fresh": _fresh(source, 0, now)},
    )


@named("ingest.gone_products")
def gone_products(source: str, load_id: int, moment: datetime) -> exp.Expression:
    """Products that a source named before ``moment`` and that no staged row names, not even an unusable one."""
    return sql(
        f"""
        WITH held AS ({_HELD})
        SELECT h.product_id, :load AS load_id, :source AS source, 0 AS row_no, :now AS valid_from, true AS gone
        FROM held AS h
        WHERE NOT h.gone AND NOT EXISTS (SELECT 1 FROM staged AS s WHERE s."product_product_id" = h.product_id)
        """,
        source=source,
        load=load_id,
        now=moment,
    )


def write_products(
    lake: Lake, bench: Workbench, staging: Staging, load_id: int, now: datetime, *, whole: bool
) -> dict[str, int]:
    """Write what a delivery says of products; return how many rows are new, and how many products are gone.

    Products vanish only where the source says that its deliveries are complete and every row of this one could be read.
    """
    source = staging.source.id
    facts = [f.target[8:] for f in staging.named("product.")]
    found = {"product facts": lake.insert("product", new_facts(source, load_id, now, facts))}
    named_all = not bench.value("SELECT count(*) FROM staged WHERE product_product_id IS NULL")
    if staging.source.complete and whole and named_all:
        moment = bench.value('SELECT max("time") FROM staged WHERE fault IS NULL') or now
        found["products gone"] = lake.insert("product", gone_products(source, load_id, moment))
    return found
