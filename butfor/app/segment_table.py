"""A brand's own segment table becomes audiences (S-05a); and the honest word on whether a brand needs more than a gateway."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
from sqlglot import exp

from butfor.app.workspace import Workspace
from butfor.audiences import members
from butfor.ingest.deliveries import open_delivery
from butfor.ingest.sniff import Sample, sniff
from butfor.ingest.tables import QUARANTINE
from butfor.ingest.write import new_quarantine
from butfor.model import BadInput
from butfor.plan import did_you_mean, load_workspace_file
from butfor.plan.kinds import Audience, Campaign, Column, Definition, Experiment, Rule, Source, Term, Uses
from butfor.plan.rules.naming import suggest
from butfor.store import literal, named, select, sql

SOURCE, TERM = "own_segments", "own_segment"
# The segment of who is in the table no more, or stands there without one.
NONE = "no segment"
_TIME = "butfor_imported_at"
# Other columns of the table that say how to reach somebody, by name.
_CLEAN = {"email": "email", "phone": "phone"}


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a gateway alone does what is done here, what speaks for that, and what would change it."""

    gateway_is_enough: bool
    verdict: str
    because: list[str]
    would_change: list[str]


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a segment table: ``rows`` = people in segments + ``repeats`` + ``quarantined`` + ``without_segment``.

    ``repeats`` are rows whose key comes again further down; the last one counts. ``unmatched`` people are known from no
    other source; they are listed in quarantine, and are in their audience all the same. ``gone`` were in the last table.
    """

    file: str
    rows: int
    audiences: dict[str, int]
    repeats: int
    quarantined: int
    without_segment: int
    unmatched: int
    gone: int
    advice: Advice


@named("app.keys_of_source")
def keys_of_source(source: str) -> exp.Expression:
    """The keys of the accounts of a source."""
    return sql(
        "SELECT account_key FROM account WHERE source = :source ORDER BY account_key", source=literal(source)
    )


@named("app.known_elsewhere")
def known_elsewhere(source: str) -> exp.Expression:
    """How many accounts there are of other sources."""
    return sql(
        "SELECT count(*) AS n FROM account WHERE source <> :source AND source <> 'erased'",
        source=literal(source),
    )


@named("app.only_of_source")
def only_of_source(source: str) -> exp.Expression:
    """The accounts of a source whose people are known from no other one."""
    return sql(
        """
        SELECT a.account_id, a.account_key FROM account AS a JOIN people_map AS p ON p.account_id = a.account_id
        WHERE a.source = :source AND p.person_id NOT IN (
          SELECT q.person_id FROM people_map AS q JOIN account AS b ON b.account_id = q.account_id WHERE b.source <> :source)
        ORDER BY a.account_key
        """,
        source=literal(source),
    )


def import_segments(
    ws: Workspace, path: str, key: str, segment: str, *, why: str = "", who: str | None = None
) -> Imported:
    """Load a table of customers and their segments, and make an audience ``own_...`` of each segment.

    ``key`` and ``segment`` are its columns; columns named like an identifier (``email``) are taken as such. The table is
    complete: who is not in it is in no segment. Raises BadInput when a column is not there.
    """
    sample = sniff(path)
    _need_columns(sample, path, key, segment)
    reason = why or "a segment of the brand's own table"
    _define(ws, [_term(), _source(ws, sample, key, segment)], reason, who)
    rows = _rows(ws, path)
    last = {r[key]: {**r, segment: r[segment] or NONE} for r in rows if r[key]}
    ws.ensure_tables()
    gone = set(ws.lake.fetch(keys_of_source(SOURCE))["account_key"].to_pylist()) - last.keys()
    keyless = [r for r in rows if not r[key]]
    quarantined = _load(
        ws, sample, [*keyless, *last.values(), *({key: k, segment: NONE} for k in sorted(gone))]
    )
    names = _names({r[segment] for r in last.values()} - {NONE})
    _define(ws, [_audience(n, value, reason) for value, n in names.items()], reason, who)
    ws.run()
    return Imported(
        file=Path(path).name, rows=len(rows), repeats=len(rows) - len(keyless) - len(last), quarantined=quarantined,
        without_segment=sum(r[segment] == NONE for r in last.values()), unmatched=_unmatched(ws, key), gone=len(gone),
        audiences={n: ws.lake.fetch(members(n)).num_rows for n in names.values()}, advice=advise(ws),
    )  # fmt: skip


def advise(ws: Workspace) -> Advice:
    """Say whether a brand that does what this one does needs more than a gateway for its lists (R-068)."""
    ws.ensure_tables()
    used = {
        "other sources": int(ws.lake.fetch(known_elsewhere(SOURCE))["n"][0].as_py()),
        "campaigns": _live(ws, Campaign), "tests": _live(ws, Experiment), "messages decided": ws.hub.count("contact"),
    }  # fmt: skip
    words = {"other sources": "accounts of other sources"}
    because = [
        f"{n:,} {words.get(what, what)}" if n else f"no {words.get(what, what)}" for what, n in used.items()
    ]
    enough = not any(used.values())
    verdict = (
        "a gateway is enough: your own table decides who gets what, and nothing else is used here"
        if enough
        else "more than a gateway is used: " + ", ".join(b for b in because if not b.startswith("no "))
    )
    changes = [
        "a second source: the same customer on the till and on the web is then one person, and consent holds for both",
        "a campaign with a control group: then you know what a message earned, and not only who opened it",
        "segments that change with every purchase, without a developer",
    ]
    return Advice(gateway_is_enough=enough, verdict=verdict, because=because, would_change=changes if enough else [])  # fmt: skip


def _live(ws: Workspace, kind: type[Definition]) -> int:
    return sum(d.status not in ("draft", "retired") for d in ws.plan.all(kind))


def _need_columns(sample: Sample, path: str, *wanted: str) -> None:
    for name in wanted:
        if name not in sample.columns:
            raise BadInput(
                f"file {Path(path).name}", value=", ".join(sample.columns), rule=f"it has the column {name}",
                next_step=did_you_mean(name, sample.columns) or "name its columns with --key and --segment",
            )  # fmt: skip


def _term() -> Term:
    return Term(
        id=TERM, what="attribute", type="text", label="Own segment", system="ownSegment", provenance="derived",
        means="The segment that our own table puts a customer in.", uses=Uses(target="allow", content="deny", insight="allow"),
        purposes=["marketing.communications"], sources=[SOURCE],
    )  # fmt: skip


def _source(ws: Workspace, sample: Sample, key: str, segment: str) -> Source:
    known = {t.id for t in ws.plan.all(Term) if t.what == "identifier"}
    decision = load_workspace_file(ws.folder).identity
    own = key if key in known else (decision.primary if decision else "customer_id")
    columns: dict[str, str | Column] = {c: _target(c, known) for c in sample.columns}
    columns |= {key: f"id.{own}", segment: f"person.{TERM}", _TIME: "time"}
    return Source(
        id=SOURCE, label="Our own segments", connector="csv", grain="person", account=key, columns=columns,
        means="A table of our own that says which segment each customer is in; each import replaces the one before.",
    )  # fmt: skip


def _target(name: str, known: set[str]) -> str | Column:
    term = name.strip().lower().replace("-", "").replace(" ", "_")
    if term not in known:
        return "ignore"
    return Column(to=f"id.{term}", clean=_CLEAN[term]) if term in _CLEAN else f"id.{term}"  # type: ignore[arg-type]


def _define(ws: Workspace, definitions: Sequence[Definition], why: str, who: str | None) -> None:
    """Save what is new or changed; a table that is imported every day makes no change of the plan every day."""
    for each in definitions:
        if ws.plan.find(type(each), each.id) != each:
            ws.save(each, why, who)


def _rows(ws: Workspace, path: str) -> list[dict[str, Any]]:
    """Return the rows of the table as text; what is no row at all raises BadInput, for a part would end memberships."""
    sample = sniff(path)
    reader = Source(id=SOURCE, label="", connector=sample.connector, grain="person", read=sample.reading)
    with ws.lake.workbench() as bench:
        found = open_delivery(bench, msgspec.structs.replace(reader, columns=dict.fromkeys(sample.columns, "ignore")), path)  # fmt: skip
        if found.rejects:
            line, _, said = found.rejects[0]
            raise BadInput(
                f"file {Path(path).name} line {line}", value=said, rule="a segment table is read whole, or nothing of it is taken",
                next_step="correct the line, and import again",
            )  # fmt: skip
        rows = bench.rows(select("raw", sample.columns)).to_pylist()
    return [{k: (v or "").strip() or None for k, v in r.items()} for r in rows]


def _load(ws: Workspace, sample: Sample, rows: Sequence[Mapping[str, Any]]) -> int:
    """Load rows with the time of the import, so that who comes back to an earlier segment is in it again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{SOURCE}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*sample.columns, _TIME])
            writer.writeheader()
            writer.writerows({**r, _TIME: f"{ws.now:%Y-%m-%d %H:%M:%S}"} for r in rows)
        return ws.load(SOURCE, str(path)).quarantined


def _names(values: set[str]) -> dict[str, str]:
    """Return an audience id for each segment; segments that would share one are numbered in their order."""
    seen: Counter[str] = Counter()
    out = {}
    for value in sorted(values):
        base = f"own_{suggest(value) or 'segment'}"[:70]
        seen[base] += 1
        out[value] = base if seen[base] == 1 else f"{base}_{seen[base]}"
    return out


def _audience(name: str, value: str, why: str) -> Audience:
    return Audience(id=name, label=f"Own segment {value}", rule=Rule(trait=TERM, equals=value), why=why)


def _unmatched(ws: Workspace, key: str) -> int:
    """Write whom no other source knows into quarantine, and return how many they are; the only source has none of them."""
    if not ws.lake.fetch(known_elsewhere(SOURCE))["n"][0].as_py():
        return 0
    found = ws.lake.fetch(only_of_source(SOURCE)).to_pylist()
    rows = [
        {
            "row_id": r["account_id"], "load_id": 0, "source": SOURCE, "row_no": None, "field": key,
            "reason": "customer known from no other source", "val": r["account_key"], "raw": None, "term": None,
        }
        for r in found
    ]  # fmt: skip
    if rows:
        load = max(r["id"] for r in ws.hub.rows("load", source=SOURCE))
        ws.lake.stage("staged_quarantine", pa.Table.from_pylist(rows, QUARANTINE.arrow_schema()), like=QUARANTINE)  # fmt: skip
        ws.lake.insert("quarantine", new_quarantine(load))
    return len(rows)
