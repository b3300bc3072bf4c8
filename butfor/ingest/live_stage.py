"""The micro-batch on the workbench: calls are typed, what they say of identities is observed, faults are listed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import pyarrow as pa

from butfor.ingest.arrivals import Arrivals, Reject
from butfor.ingest.cells import ident, text
from butfor.ingest.deliveries import Delivery
from butfor.ingest.erased import ERASED, is_erased, turn_away
from butfor.ingest.fields import Field
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

# Calls of several kinds may show the same; each is handed on once.
OBSERVATIONS = (
    "SELECT account_id, source, account_key, term, val, min(seen_at) AS seen_at, bool_or(verified) AS verified FROM observed "
    "WHERE term IS NOT NULL GROUP BY account_id, source, account_key, term, val ORDER BY account_id, term, val"
)
# Names that a batch brings by the thousand are a fault of the sender; the most frequent ones say enough.
MOST_NAMES = 500


def stage_calls(bench: Workbench, reading: Reading, source: Source) -> list[Reject]:
    """Make ``staged`` of the calls of one reading, add to ``observed``, and return those that failed a check."""
    bench.make("raw", reading.raw)
    stage(bench, reading.staging, Delivery(0, []))
    reading = msgspec.structs.replace(reading, staging=turn_away(bench, reading.staging))
    bench.make("observed", f"SELECT * FROM observed UNION ALL {_observed(reading, source)}")
    return _faults(bench, reading)


def _observed(reading: Reading, source: Source) -> str:
    fields = reading.staging.named("id.")
    shown = [
        f'SELECT account_id, account_key, {text(f.target[3:])} AS term, {ident(f.name)} AS val, "time" AS seen_at, '
        f"{_verified(reading, source, f)} AS verified FROM staged WHERE fault IS NULL"
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
        f"CAST(min(seen_at) AS TIMESTAMP) AS seen_at, bool_or(verified) AS verified FROM ({' UNION ALL '.join(shown)}) "
        f"WHERE NOT {is_erased('account_id')} GROUP BY ALL"
    )


def _verified(reading: Reading, source: Source, field: Field) -> str:
    if field.target[3:] not in (source.confirms or []):
        return "false"
    return ident(field.sure) if field.name in reading.staging.judges else "true"


def _faults(bench: Workbench, reading: Reading) -> list[Reject]:
    found = bench.rows(
        f"SELECT s.fault, r.* FROM staged AS s JOIN raw AS r ON r.{ROW} = s.row_no WHERE s.fault IS NOT NULL ORDER BY s.row_no"
    )
    out = []
    for r in found.to_pylist():
        check = reading.staging.checks[r["fault"]]
        out.append(
            Reject(
                r[ROW], r["message_id"], check.reason, check.field, r.get(check.field), r["term"] or r["kind"]
            )
        )
    return out


def stage_refused(bench: Workbench, batch: Arrivals, faults: list[Reject]) -> None:
    """Make ``refused``: the faults with the text of their events."""
    rows = [
        {
            "row_id": hashlib.md5(f"{batch.source}\x1f{f.message_id}".encode(), usedforsecurity=False).hexdigest(),
            "source": batch.source, "row_no": batch.kept[batch.places[f.row][0]].seq, "reason": f.reason, "field": f.field,
            "val": f.val, "raw": None if f.reason == ERASED else batch.raw(f.row), "term": f.term,
        }
        for f in faults
    ]  # fmt: skip
    schema = pa.schema([(n, pa.int64() if n == "row_no" else pa.string()) for n in rows[0]])
    bench.put("refused_text", pa.Table.from_pylist(rows, schema))
    bench.make("refused", "SELECT * REPLACE (CAST(row_id AS UUID) AS row_id) FROM refused_text")


def stage_surplus(bench: Workbench, source: str, readings: Sequence[Reading], first: int) -> int:
    """Make ``surplus``: per term, or identify call, the names that the plan does not know and how often they came.

    ``first`` is the number of the batch's first request, so that the same batch gives the same rows again.
    """
    known = sorted(
        {(term, name) for reading in readings for term, names in reading.known.items() for name in names}
    )
    columns = {
        "term": pa.array([k[0] for k in known], pa.string()),
        "property": pa.array([k[1] for k in known], pa.string()),
    }
    bench.put("known_names", pa.table(columns))
    parts = [
        "SELECT term, unnest(json_keys(properties)) AS property FROM live WHERE term IS NOT NULL AND properties IS NOT NULL",
        "SELECT kind, unnest(json_keys(traits)) FROM live WHERE kind = 'identify' AND traits IS NOT NULL",
        "SELECT kind, unnest(json_keys(context_traits)) FROM live WHERE kind = 'identify' AND context_traits IS NOT NULL",
    ]
    row_id = f"CAST(md5(concat_ws(chr(31), {text(source)}, '{first}', term, property)) AS UUID)"
    return bench.make(
        "surplus",
        f"SELECT {row_id} AS row_id, {text(source)} AS source, term, property, count(*) AS n, "
        "(SELECT CAST(max(received) AS TIMESTAMP) FROM live) AS seen_at "
        f"FROM (SELECT term, left(property, 200) AS property FROM ({' UNION ALL '.join(parts)})) "
        "WHERE (term, property) NOT IN (SELECT (term, property) FROM known_names) "
        f"GROUP BY term, property ORDER BY n DESC, term, property LIMIT {MOST_NAMES}",
    )


def stage_clocks(bench: Workbench, source: str) -> int:
    """Make ``clocks``: the events whose sender's clock was wrong."""
    return bench.make(
        "clocks",
        f"SELECT CAST(md5(concat({text(source)}, chr(31), message_id)) AS UUID) AS event_id, {text(source)} AS source, "
        "TRY_CAST(original AS TIMESTAMP) AS said_at, TRY_CAST(time AS TIMESTAMP) AS occurred_at, "
        "CAST(received AS TIMESTAMP) AS received_at FROM live WHERE original IS NOT NULL",
    )
