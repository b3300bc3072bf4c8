"""Drain the inbox into the lake in micro-batches, by the same typing and quarantine as files.

What a batch is gets noted before it is worked on, and every write leaves out what is there already; so a drain that
is killed anywhere is completed by the next one, and nothing is written twice on an engine without transactions either.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
import pyarrow as pa

import butfor.ingest.write as write
from butfor.ingest.arrivals import Arrivals, Reject, arrivals
from butfor.ingest.erased import stage_marks
from butfor.ingest.judge import stage_quality
from butfor.ingest.live_plan import Reading, event_readings, people_reading, words
from butfor.ingest.live_stage import (
    OBSERVATIONS,
    OBSERVED,
    stage_calls,
    stage_clocks,
    stage_refused,
    stage_surplus,
)
from butfor.ingest.live_write import (
    live_accounts,
    live_corrected,
    live_identifiers,
    live_quarantine,
    live_unplanned,
)
from butfor.ingest.load import explode, nested
from butfor.ingest.proofs import prove
from butfor.ingest.tables import all_tables, event_table, line_table
from butfor.model import ButforError
from butfor.plan import Plan
from butfor.plan.kinds import Source, Term
from butfor.store import Inbox, Kept, Lake, Query, Workbench, literal

READER = "lake"


class Drained(msgspec.Struct, frozen=True, kw_only=True):
    """What one micro-batch brought.

    ``observations`` has the columns account_id, source, account_key, term, val, seen_at, verified: each identifier
    that an account showed, once per batch. ``accounts`` are the ids of all accounts touched. ``proved`` says
    that events of the batch may have verified identifiers: the lake knows them, ``observations`` does not.
    """

    events: int
    quarantined: int
    upto: int
    accounts: set[str]
    observations: pa.Table
    proved: bool = False


class Drain:
    """Moves what is in the inbox to the lake. Belongs to the one thread that uses the lake."""

    def __init__(self, inbox: Inbox, lake: Lake, plan: Plan, load_of: Callable[[str], int]) -> None:
        self._inbox, self._lake, self._plan, self._load_of = inbox, lake, plan, load_of
        self._words = words(plan)
        self._readings: dict[str, list[Reading]] = {}
        lake.ensure(*all_tables(plan))
        self._failed = 0
        self._queries: dict[tuple[str, ...], Query] = {}

    def step(self, events: int = 20_000, after: Callable[[Drained], None] | None = None) -> Drained | None:
        """Drain the next about ``events`` events; None when there are none. Raises StoreError when a store refuses.

        ``after`` gets the batch when it is in the lake and before the inbox forgets it; when it fails, or the process
        is killed, it gets the same batch again.
        """
        position, upto = self._inbox.position(READER)
        # What was begun before may be in the lake already; what begins now cannot be, for message ids come once.
        begun = upto > position
        if not begun:
            upto = self._inbox.reach(position, events)
            if upto == position:
                return None
            self._inbox.begin(READER, position, upto)
        done = self._tried(self._inbox.take(position, upto), upto, begun)
        if after:
            after(done)
        self._inbox.done(READER, upto)
        return done

    def _tried(self, kept: list[Kept], upto: int, begun: bool) -> Drained:
        try:
            if self._failed == upto:
                return self._halved(kept, upto)
            return self._write(kept, upto, begun=begun)
        except ButforError:
            raise
        except Exception:
            # It may have been the moment; when it happens again it is something in these requests.
            self._failed = upto
            raise

    def _halved(self, kept: list[Kept], upto: int) -> Drained:
        """Write what can be written of requests of which one breaks the typing; the broken one goes to quarantine."""
        try:
            return self._write(kept, upto)
        except ButforError:
            raise
        except Exception as error:
            if len(kept) == 1:
                return self._write(kept, upto, refuse=f"could not be typed: {type(error).__name__}")
            half = len(kept) // 2
            return _together([self._halved(kept[:half], upto), self._halved(kept[half:], upto)], upto)

    def _write(self, kept: list[Kept], upto: int, refuse: str = "", begun: bool = True) -> Drained:
        batches = [
            arrivals(name, [k for k in kept if k.source == name], self._words)
            for name in dict.fromkeys(k.source for k in kept)
        ]
        with self._lake.workbench() as bench, self._lake.transaction():
            parts = [self._one_source(bench, batch, refuse, begun) for batch in batches]
        return _together(parts, upto)

    def _one_source(self, bench: Workbench, batch: Arrivals, refuse: str, begun: bool) -> Drained:
        source = self._plan.find(Source, batch.source)
        if source is None or refuse:
            batch = batch.refused(refuse or "unknown source")
            source = source or Source(id=batch.source, label=batch.source, connector="segment", grain="event")
        work = _Batch(
            self._lake, bench, self._plan, source, batch, self._load_of(source.id), begun, self._queries
        )
        return work.run(self._read(source))

    def _read(self, source: Source) -> list[Reading]:
        if source.id not in self._readings:
            self._readings[source.id] = [
                *event_readings(self._plan, source),
                people_reading(self._plan, source),
            ]
        return self._readings[source.id]


class _Batch:
    """The events of one source in one micro-batch."""

    def __init__(
        self, lake: Lake, bench: Workbench, plan: Plan, source: Source, batch: Arrivals, load_id: int, begun: bool,
        queries: dict[tuple[str, ...], Query],
    ) -> None:  # fmt: skip
        self.lake, self.bench, self.plan, self.source = lake, bench, plan, source
        self.batch, self.load_id = batch, load_id
        self.begun, self.queries = begun, queries

    def run(self, readings: list[Reading]) -> Drained:
        """Stage and write each kind of call, then what they have in common."""
        self.bench.put("live", self.batch.rows)
        self.bench.put("observed", OBSERVED.empty_table())
        stage_marks(self.lake, self.bench)
        faults = list(self.batch.rejects)
        present = set(self.batch.rows["term"].to_pylist())
        for reading in readings:
            terms = [t for t in reading.staging.terms if t.id in present]
            if terms or (not reading.staging.terms and None in present):
                faults += stage_calls(self.bench, reading, self.source)
                self._quality(reading)
                self._events(reading, terms) if terms else self._people(reading)
        proved = self._common(readings, faults)
        observations = self.bench.rows(OBSERVATIONS)
        touched = self.bench.rows("SELECT DISTINCT CAST(account_id AS VARCHAR) AS a FROM observed")[
            "a"
        ].to_pylist()
        return Drained(
            events=len(self.batch.places) - len(faults), quarantined=len(faults), upto=0, accounts=set(touched),
            observations=observations, proved=proved,
        )  # fmt: skip

    def _events(self, reading: Reading, terms: list[Term]) -> None:
        source, lake = reading.staging.source, self.lake
        with_lines = [t for t in terms if t.products]
        lake.adopt(self.bench, "staged")
        if with_lines:
            explode(self.bench, reading.staging)
            lake.adopt(self.bench, "staged_products")
        for t in terms:
            refund = t.role == "refund"
            if t.products:
                lake.insert(line_table(t).name, self._products(t, source, refund))
            lake.insert(event_table(t).name, self._typed(t, refund))

    def _products(self, term: Term, source: Source, refund: bool) -> Query:
        names = [c.to[8:] for c in nested(source).values() if c.to[8:] in term.products]
        lines = line_table(term).name
        return self._kept(
            ("lines", term.id),
            lambda: write.new_products(
                "staged_products", term.id, lines, self.load_id, names, refund, self.begun
            ),
        )

    def _typed(self, term: Term, refund: bool) -> Query:
        table, names = event_table(term).name, list(term.properties)
        return self._kept(
            ("events", term.id),
            lambda: write.new_events(term.id, table, self.source.id, self.load_id, names, refund, self.begun),
        )

    def _kept(self, name: tuple[str, ...], build: Callable[[], Query]) -> Query:
        """Return a query that is the same in every batch of this source, built once."""
        key = (*name, self.source.id, str(self.begun))
        if key not in self.queries:
            self.queries[key] = build()
        return self.queries[key]

    def _quality(self, reading: Reading) -> None:
        staging = reading.staging
        if stage_quality(self.bench, self.source.id, staging.fields, staging.judges):
            self._insert("staged_quality", {"quality": write.new_quality(self.load_id)})

    def _people(self, reading: Reading) -> None:
        self.lake.adopt(self.bench, "staged")
        names = [f.target[7:] for f in reading.staging.named("person.")]
        # Every staged call has a time; the last argument but one is never used.
        query = self._kept(
            ("people",),
            lambda: write.new_attributes(
                self.source.id, self.load_id, names, literal(datetime(1970, 1, 1)), True
            ),
        )
        self.lake.insert("attribute", query)

    def _common(self, readings: list[Reading], faults: list[Reject]) -> bool:
        observed = {
            "account": self._kept(("accounts",), live_accounts),
            "identifier": self._kept(("identifiers",), live_identifiers),
        }
        self._insert("observed", observed)
        if stage_surplus(self.bench, self.source.id, readings, self.batch.kept[0].seq):
            self._insert("surplus", {"unplanned": live_unplanned(self.load_id)})
        if stage_clocks(self.bench, self.source.id):
            self._insert("clocks", {"corrected": live_corrected(self.load_id)})
        if faults:
            stage_refused(self.bench, self.batch, faults)
            self._insert("refused", {"quarantine": live_quarantine(self.load_id)})
        return prove(self.lake, self.plan, set(self.batch.rows["term"].to_pylist()))

    def _insert(self, staged: str, queries: dict[str, Query]) -> None:
        self.lake.adopt(self.bench, staged)
        for table, query in queries.items():
            self.lake.insert(table, query)


def _together(parts: list[Drained], upto: int) -> Drained:
    return Drained(
        events=sum(p.events for p in parts), quarantined=sum(p.quarantined for p in parts), upto=upto,
        accounts=set().union(*(p.accounts for p in parts)),
        observations=pa.concat_tables([p.observations for p in parts]) if parts else OBSERVED.empty_table(),
        proved=any(p.proved for p in parts),
    )  # fmt: skip
