"""From records to people, in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from butfor.identity.link.blocking import block, chosen_keys, keys_for
from butfor.identity.link.clustering import Vetoes, join_greedily, labels_of
from butfor.identity.link.comparisons import comparisons_for
from butfor.identity.link.generic import without_generic
from butfor.identity.link.linked import Linked, pairs_table, proposals_table
from butfor.identity.link.prepare import Roles, put_records
from butfor.identity.link.scoring import CHUNK, Scored, refined, score
from butfor.identity.link.strangers import without_matches
from butfor.identity.link.threshold import Policy, lanes, least_review
from butfor.identity.link.training import Model, train
from butfor.model import BadInput
from butfor.store.linker import LinkBench, link_bench

Tell = Callable[[str], None]


def link_records(
    records: pa.Table,
    roles: Roles,
    *,
    key: str,
    source: str | None = None,
    across_only: bool = False,
    never_differ: Sequence[str] = (),
    apart: Sequence[tuple[str, str]] = (),
    policy: Policy | None = None,
    memory_mb: int = 800,
    threads: int = 2,
    tell: Tell = lambda step: None,
) -> Linked:
    """Say which of ``records`` are one person, without labels; typing errors and missing fields are expected.

    ``roles`` says which column plays which role (``ROLES``; any other role is a trait). ``across_only`` says that
    each ``source`` holds nobody twice. Records that differ in a column of ``never_differ``, and pairs judged
    ``apart``, never become one person, also not through a third. Equal records, in any order, give equal results.
    Raises BadInput for a missing column, a key that is not unique, or fields that no two records share.
    """
    policy = policy or Policy()
    with link_bench(memory_mb, threads) as bench:
        tell("reading records")
        put_records(bench, records, roles, key=key, source=source)
        generic = without_generic(bench)
        bench.forget("named_records", "numbered")
        keys = bench.rows("SELECT record FROM person ORDER BY i")["record"].combine_chunks()
        vetoes = _vetoes(bench, records, key, never_differ, apart, across_only)
        scored, model = _scored(bench, len(keys), across_only, tell)
    tell("joining records")
    joins = join_greedily(len(keys), scored.a, scored.b, scored.bits, vetoes)
    found = lanes(joins, policy)
    person = labels_of(len(keys), joins, found.merge)
    kept = scored.where(scored.bits >= least_review(policy))
    return Linked(
        people=pa.table({"record": keys, "person": keys.take(pa.array(person))}),
        pairs=pairs_table(kept, keys, person),
        proposals=proposals_table(kept, keys, person),
        model=model,
        lanes=found,
        looked_at=scored.a.size,
        generic_values=generic,
        _scored=kept,
        _keys=keys,
    )


def _scored(bench: LinkBench, records: int, across_only: bool, tell: Tell) -> tuple[Scored, Model]:
    tell("choosing keys")
    keys = keys_for(bench)
    comparisons = comparisons_for(bench.columns("person"))
    if not keys or not comparisons:
        raise BadInput(
            "records", value=f"{records} records", rule="linking needs fields that some records share",
            next_step="give more columns a role",
        )  # fmt: skip
    tell("training")
    model = train(bench, comparisons, keys)
    tell("looking for pairs")
    block(bench, chosen_keys(keys, records), across=across_only, chunk=CHUNK)
    tell("scoring pairs")
    everybody = records * (records - 1) / 2
    return refined(*without_matches(*refined(score(bench, model), model, everybody)), everybody)


def _vetoes(
    bench: LinkBench,
    records: pa.Table,
    key: str,
    never_differ: Sequence[str],
    apart: Sequence[tuple[str, str]],
    across_only: bool,
) -> Vetoes:
    numbers = bench.rows("SELECT record, origin, i FROM person ORDER BY i")
    at = pc.index_in(numbers["record"], pc.cast(records[key], pa.string())).to_numpy()
    same = [_codes(records[c].take(pa.array(at))) for c in never_differ]
    once = [_codes(numbers["origin"])] if across_only else []
    return Vetoes(same, once, _judged(numbers["record"], apart))


def _judged(records: pa.ChunkedArray, apart: Sequence[tuple[str, str]]) -> np.ndarray[Any, Any]:
    sides = [pc.index_in(pa.array([pair[s] for pair in apart], pa.string()), records) for s in (0, 1)]
    for side, found in enumerate(sides):
        if found.null_count:
            unknown = apart[pc.index(found.is_null(), True).as_py()][side]
            raise BadInput(
                "apart", value=unknown, rule="judgements are about records", next_step="leave it out"
            )
    return np.stack([found.to_numpy().astype(np.int64) for found in sides], axis=1)


def _codes(column: Any) -> np.ndarray[Any, Any]:
    text = pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(column, pa.string())))
    whole = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    whole = pc.if_else(pc.equal(whole, ""), pa.scalar(None, pa.string()), whole)
    return np.asarray(pc.fill_null(whole.dictionary_encode().indices, -1).to_numpy(zero_copy_only=False))
