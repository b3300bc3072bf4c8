"""The micro-batch on the workbench: calls are typed, what they say of identities is observed, faults are listed."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from butfor.ingest.arrivals import Arrivals, Reject
from butfor.ingest.cells import ident, text
from butfor.ingest.deliveries import Delivery
from butfor.ingest.live_plan import Reading
from butfor.ingest.stage import stage
from butfor.plan.kinds import Source
from butfor.store import ROW, Workbench

OBSERVED = pa.schema(
    [
        ("account_id", pa.string()), ("source", pa.string()), ("account_key", pa.string()), ("term", pa.string()),
        ("val", pa.string()), ("seen_at", pa.timestamp("us")), ("verified", pa.bool_()),
    ]
)  # fmt: skip


def stage_calls(bench: Workbench, reading: Reading, source: Source) -> list[Reject]:
    """Make ``staged`` of the calls of one reading, add to ``observed``, and return those that failed a check."""
    bench.make("raw", reading.raw)
    stage(bench, reading.staging, Delivery(0, []))
    bench.make("observed", f"SELECT * FROM observed UNION ALL {_observed(reading, source)}")
    return _faults(bench, reading)


def _observed(reading: Reading, source: Source) -> str:
    verified = source.confirms or []
    fields = reading.staging.named("id.")
    shown = [
        f"SELECT account_id, account_key, {text(f.target[3:])} AS term, {ident(f.name)} AS val, \"time\" AS seen_at, "
        f"{str(f.target[3:] in verified).lower()} AS verified FROM staged WHERE fault IS NULL"
        for f in fields
    ]
    # A call with both ids says that the device's own account belongs to the user; so does an alias.
    key = f"CAST(md5(concat({text(source.id)}, chr(31), k)) AS UUID)"
    term = text(reading.device) if reading.device else "CAST(NULL AS VARCHAR)"
    for column in ("anonymous_id", "previous_id"):
        both = f"SELECT account_id, account_key, 'anon:' || r.{column} AS k, r.{column} AS v, s.\"time\" AS t FROM staged AS s JOIN raw AS r ON r.{ROW} = s.row_no WHERE s.fault IS NULL AND r.user_id IS NOT NULL AND r.{column} IS NOT NULL"
        shown.append(f"SELECT {key}, k, {term}, v, t, false FROM ({both})")
        shown.append(f"SELECT account_id, account_key, {term}, v, t, false FROM ({both})")
    return (
        f"SELECT CAST(account_id AS VARCHAR) AS account_id, {text(source.id)} AS source, account_key, "
        "CASE WHEN val IS NOT NULL THEN term END AS term, val, "
        f"CAST(min(seen_at) AS TIMESTAMP) AS seen_at, bool_or(verified) AS verified FROM ({' UNION ALL '.join(shown)}) GROUP BY ALL"
    )


def _faults(bench: Workbench, reading: Reading) -> list[Reject]:
    columns = [c.field for c in reading.staging.checks]
    found = bench.rows(f"SELECT s.fault, r.* FROM staged AS s JOIN raw AS r ON r.{ROW} = s.row_no WHERE s.fault IS NOT NULL ORDER BY s.row_no")
    out = []
    for r in found.to_pylist():
        check = reading.staging.checks[r["fault"]]
        out.append(Reject(r[ROW], r["message_id"], check.reason, check.field, r.get(check.field)))
    return out


def stage_refused(bench: Workbench, batch: Arrivals, faults: list[Reject]) -> None:
    """Make ``refused``: the faults with the text of their events."""
    rows = [
        {
            "row_id": hashlib.md5(f"{batch.source}\x1f{f.message_id}".encode(), usedforsecurity=False).hexdigest(),
            "source": batch.source, "row_no": batch.kept[batch.places[f.row][0]].seq, "reason": f.reason, "field": f.field,
            "val": f.val, "raw": batch.raw(f.row),
        }
        for f in faults
    ]  # fmt: skip
    schema = pa.schema([(n, pa.int64() if n == "row_no" else pa.string()) for n in rows[0]])
    bench.put("refused_text", pa.Table.from_pylist(rows, schema))
    bench.make("refused", "SELECT * REPLACE (CAST(row_id AS UUID) AS row_id) FROM refused_text")
