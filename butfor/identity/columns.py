"""Identity on columns: what can be decided for a million accounts at once, with numpy and Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from butfor.identity.facts import Rules, Value

Array = npt.NDArray[Any]
_MARK = "\x1f"


class Links(msgspec.Struct, frozen=True):
    """Rows of (account, value): positions of accounts, codes of values, and whether the value is unsure there."""

    account: Array
    value: Array
    unsure: Array


class Generic(msgspec.Struct, frozen=True):
    """Values that more accounts carry than one person could."""

    values: frozenset[Value]

    def by_term(self) -> dict[str, int]:
        """Return how many there are of each term."""
        out: dict[str, int] = {}
        for term, _ in sorted(self.values):
            out[term] = out.get(term, 0) + 1
        return out


def positions(some: pa.Array, ids: pa.Array) -> Array:
    """Return where each id stands in ``ids``, -1 where it does not."""
    found: Array = pc.fill_null(pc.index_in(some, ids), -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def counted(column: pa.ChunkedArray) -> dict[str, int]:
    """Return how often each value occurs, by value."""
    rows = pc.value_counts(column.combine_chunks()).to_pylist()
    return {row["values"]: row["counts"] for row in sorted(rows, key=lambda r: str(r["values"]))}


def accounts_with_several(facts: pa.Table, terms: list[str]) -> set[str]:
    """Return the accounts that show several values of one of these terms."""
    mine = facts.filter(pc.is_in(facts["term"], pa.array(terms, pa.string())))
    sizes = mine.group_by(["account_id", "term"]).aggregate([("val", "count")])
    return set(sizes.filter(pc.greater(sizes["val_count"], 1))["account_id"].to_pylist())


def accounts_without(ids: pa.Array, carried: pa.Table, terms: list[str]) -> set[str]:
    """Return the accounts that carry identifiers, but none of these terms: a browser nobody logged in on."""
    named = carried.filter(pc.is_in(carried["term"], pa.array(terms)))["account_id"]
    some = pc.and_(
        pc.is_in(ids, carried["account_id"].combine_chunks()),
        pc.invert(pc.is_in(ids, named.combine_chunks())),
    )
    return set(ids.filter(some).to_pylist())


def without_blocked(facts: pa.Table, rules: Rules) -> pa.Table:
    """Leave out values that nobody may be known by; most terms block none, and cost nothing."""
    keep = pa.array(np.ones(facts.num_rows, bool))
    for term, patterns in rules.blocked.items():
        pattern = "(?i)^(?:" + "|".join(patterns) + ")$"
        hit = pc.and_(pc.equal(facts["term"], term), pc.match_substring_regex(facts["val"], pattern))
        keep = pc.and_(keep, pc.invert(hit))
    return facts.filter(keep)


def links_of(facts: pa.Table, ids: pa.Array, rules: Rules, shared: set[str]) -> tuple[Links, Generic]:
    """Return which values may join which accounts, and the values that are generic."""
    rows = facts.filter(pc.is_in(facts["term"], pa.array(list(rules.linking), pa.string())))
    limits = {t: r.max_accounts for t, r in rules.linking.items()}
    rows, generic = without_generic(rows, limits)
    rows = rows.filter(pc.invert(pc.is_in(rows["account_id"], pa.array(sorted(shared), pa.string()))))
    always = pa.array([t for t, r in rules.linking.items() if r.alone == "always"], pa.string())
    unsure = pc.and_(pc.equal(rows["sure"], 0), pc.invert(pc.is_in(rows["term"], always)))
    return Links(
        positions(rows["account_id"], ids), codes(rows), unsure.to_numpy(zero_copy_only=False)
    ), generic


def without_generic(rows: pa.Table, limits: dict[str, int]) -> tuple[pa.Table, Generic]:
    """Split values by whether more accounts carry them than their term allows."""
    sizes = rows.group_by(["term", "val"]).aggregate([("account_id", "count")])
    most = pa.array([limits[t] for t in sizes["term"].to_pylist()], pa.int64())
    many = sizes.filter(pc.greater(sizes["account_id_count"], most))
    generic = frozenset(zip(many["term"].to_pylist(), many["val"].to_pylist(), strict=True))
    hit = pc.is_in(_keys(rows), _keys(many).combine_chunks())
    return rows.filter(pc.invert(hit)), Generic(generic)


def codes(rows: pa.Table) -> Array:
    """Return a number for each different (term, val)."""
    encoded: Array = _keys(rows).combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    return encoded.astype(np.int64)


def _keys(rows: pa.Table) -> Any:
    return pc.binary_join_element_wise(rows["term"], rows["val"], _MARK)


def components(links: Links, accounts: int, pairs: tuple[Array, Array]) -> Array:
    """Return a number for each account, equal where a path of values or of pairs joins two."""
    nodes = accounts + (int(links.value.max()) + 1 if len(links.value) else 0)
    left = np.concatenate([links.account, pairs[0]])
    right = np.concatenate([links.value + accounts, pairs[1]])
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(nodes, nodes))
    found: Array = connected_components(graph, directed=False)[1][:accounts]
    return found


def first_of(label: Array) -> Array:
    """Return for each account the smallest position that has its label."""
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    out: Array = first[inverse].astype(np.int64)
    return out


def needs_judge(
    label: Array, links: Links, watched: Array, limited: Iterable[tuple[int, Array, pa.Array]]
) -> Array:
    """Return the labels whose accounts something could keep apart; labels of single accounts never need it."""
    hard = [label[watched], label[links.account[links.unsure]]]
    for most, account, val in limited:
        code = val.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
        different = (
            np.unique(np.stack([label[account], code]), axis=1)[0] if len(account) else np.empty(0, np.int64)
        )
        found, n = np.unique(different, return_counts=True)
        hard.append(found[n > most])
    sizes = np.bincount(label) if len(label) else np.empty(0, np.int64)
    every = np.unique(np.concatenate(hard)).astype(np.int64)
    out: Array = every[sizes[every] > 1]
    return out


def groups(label: Array, member: Array) -> Iterator[Array]:
    """Yield the positions of each label among some accounts."""
    where = np.flatnonzero(member)
    order = where[np.argsort(label[where], kind="stable")]
    cuts = np.flatnonzero(np.diff(label[order])) + 1
    yield from np.split(order, cuts) if len(order) else []


def followers(
    facts: pa.Table, ids: pa.Array, rules: Rules, label: Array, free: Array, shared: set[str]
) -> Array:
    """Return for each account known by a device alone the label of the one person who carries it too; else -1."""
    out = np.full(len(ids), -1, np.int64)
    rows = facts.filter(pc.is_in(facts["term"], pa.array(list(rules.following), pa.string())))
    rows, _ = without_generic(rows, {t: r.max_accounts for t, r in rules.following.items()})
    rows = rows.filter(pc.invert(pc.is_in(rows["account_id"], pa.array(sorted(shared), pa.string()))))
    if rows.num_rows == 0:
        return out
    account, value = positions(rows["account_id"], ids), codes(rows)
    named = free[account]
    owners = np.unique(np.stack([value[named], label[account[named]]]), axis=1)
    device, n = np.unique(owners[0], return_counts=True)
    # -2 marks a device of several people: an account that has it follows nobody.
    owner = np.full(int(value.max()) + 1, -1, np.int64)
    owner[owners[0]] = owners[1]
    owner[device[n > 1]] = -2
    who = np.unique(np.stack([account[~named], owner[value[~named]]]), axis=1)
    who = who[:, who[1] != -1]
    follower, n = np.unique(who[0], return_counts=True)
    alone = follower[n == 1]
    out[who[0]] = who[1]
    out[np.setdiff1d(who[0], alone)] = -1
    out[out == -2] = -1
    return out


def easy_ids(accounts: pa.Array, part: Array, home: pa.Array) -> tuple[pa.Array, Array]:
    """Return the id of each account's person where it is plain, and where it is not.

    It is plain where nobody of a part has a home (the id is the first account's) or all who have one share one that
    no other part has.
    """
    _, first, inverse = np.unique(part, return_index=True, return_inverse=True)
    person = accounts.take(pa.array(first[inverse]))
    if home.null_count == len(home):
        return person, np.zeros(len(accounts), bool)
    coded = home.dictionary_encode()
    code = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    has = code >= 0
    pairs = np.unique(np.stack([inverse[has], code[has]]), axis=1)
    homes_of = np.bincount(pairs[0], minlength=len(first))
    parts_of = np.bincount(pairs[1], minlength=len(coded.dictionary))
    only = np.full(len(first), -1, np.int64)
    only[pairs[0]] = pairs[1]
    clear = (homes_of == 0) | ((homes_of == 1) & (parts_of[only] == 1))
    lent = pc.is_in(accounts.take(pa.array(first)), coded.dictionary).to_numpy(zero_copy_only=False)
    clear &= ~((homes_of == 0) & lent)
    unclear = _spread(~clear, pairs)
    kept = pc.if_else(
        pa.array((only >= 0)[inverse]),
        pc.take(coded.dictionary, pa.array(np.maximum(only, 0)[inverse])),
        person,
    )
    return kept, unclear[inverse]


def _spread(unclear: Array, pairs: Array) -> Array:
    """Mark every part that shares a home with an unclear one, directly or through others."""
    if not unclear.any():
        return unclear
    links = Links(pairs[0], pairs[1], np.zeros(0, bool))
    group = components(links, len(unclear), (np.empty(0, np.int64), np.empty(0, np.int64)))
    out: Array = np.isin(group, group[unclear])
    return out
