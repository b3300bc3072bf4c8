"""People found in sets: the judge of ``partition``, for all accounts of a lake at once.

Most connected accounts have nothing that could keep them apart, and are one person as they are; only the others go
to the judge. Both give what the judge alone would give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import butfor.identity.columns as columns
from butfor.clean import name_key
from butfor.identity.changes import PersonChange, changes_between
from butfor.identity.columns import Array, Links
from butfor.identity.facts import NAME, Leaf, Rules, Said, Seen, Value, rules_of
from butfor.identity.ids import Member, person_ids
from butfor.identity.partition import Held, partition
from butfor.identity.read import PEOPLE_MAP, accounts, attribute_facts, known, map_rows, people_map, values
from butfor.plan import Plan
from butfor.store import Lake


class PeopleFound(msgspec.Struct, frozen=True, kw_only=True):
    """How accounts became people. ``held`` pairs wait for a review; ``merged`` and ``split`` people had another id before."""

    people: int
    accounts: int
    joined: int
    by_source: dict[str, int]
    generic_values: dict[str, int]
    shared_accounts: int
    anonymous_accounts: int
    followers: int = 0
    held: int = 0
    merged: int = 0
    split: int = 0


class Judged(msgspec.Struct, frozen=True):
    """A map of accounts to people that nobody has stored yet, and how it differs from the one that stands."""

    rows: pa.Table
    found: PeopleFound
    held: list[Held]
    changes: list[PersonChange]
    people_before: int


def keep_people(lake: Lake, judged: Judged) -> None:
    """Store a judged map."""
    lake.stage("staged_people", judged.rows)
    lake.rebuild(PEOPLE_MAP, map_rows())


def judge_people(lake: Lake, plan: Plan, said: Said, stakes: Mapping[str, int]) -> Judged:
    """Judge all accounts of the lake, and write nothing.

    ``said`` are the judgements of people, ``stakes`` the points that accounts ever earned.
    Raises Refused without an identity decision.
    """
    return judge_with(lake, rules_of(plan), said, stakes)


def judge_with(lake: Lake, rules: Rules, said: Said, stakes: Mapping[str, int]) -> Judged:
    """Judge all accounts of the lake by rules, and write nothing."""
    lake.ensure(PEOPLE_MAP)
    before = lake.fetch(people_map())
    everyone = lake.fetch(accounts())
    ids = everyone["account_id"].combine_chunks()
    carried = lake.fetch(known())
    # Not every engine takes an empty list; no term has an empty name.
    facts = columns.without_blocked(lake.fetch(values(rules.terms or [""])), rules)
    shared = columns.accounts_with_several(facts, rules.exclusive)
    anonymous = columns.accounts_without(ids, carried, rules.ranked) | shared
    links, generic = columns.links_of(facts, ids, rules, shared)
    raw = columns.components(links, len(ids), _pairs(ids, said))
    label, held = _split(lake, rules, said, stakes, facts, ids, links, raw, generic)
    free = pc.invert(pc.is_in(ids, pa.array(sorted(anonymous), pa.string()))).to_numpy(zero_copy_only=False)
    follows = columns.followers(facts, ids, rules, label, free, shared)
    label = np.where(follows >= 0, follows, label)
    inside = free | (follows >= 0)
    rows = _named(ids, label, free, before, facts, rules.claiming)
    rows = pa.concat_tables([rows, _following(ids, follows, label, free, rows)])
    changes = changes_between(before, rows)
    people = len(pc.unique(rows["person_id"]))
    found = PeopleFound(
        people=people,
        accounts=len(ids),
        joined=int(inside.sum()) - people,
        by_source=columns.counted(everyone["source"]),
        generic_values=generic.by_term(),
        shared_accounts=len(shared),
        anonymous_accounts=int((~inside).sum()) - len(shared),
        followers=int((follows >= 0).sum()),
        held=len(held),
        merged=sum(c.kind == "merge" for c in changes),
        split=sum(c.kind == "split" for c in changes),
    )
    return Judged(rows, found, held, changes, len(pc.unique(before["person_id"])))


def _pairs(ids: pa.Array, said: Said) -> tuple[Array, Array]:
    pairs = sorted(said.joins)
    left, right = (columns.positions(pa.array([p[i] for p in pairs], pa.string()), ids) for i in (0, 1))
    both = (left >= 0) & (right >= 0)
    return left[both], right[both]


def _split(
    lake: Lake, rules: Rules, said: Said, stakes: Mapping[str, int], facts: pa.Table, ids: pa.Array,
    links: Links, raw: Array, generic: columns.Generic,
) -> tuple[Array, list[Held]]:  # fmt: skip
    """Return the part of each account, as the number of one of its accounts, and the pairs held back."""
    attributes = _attribute_facts(lake, rules, names=bool(links.unsure.any()))
    watched = columns.positions(pa.array(sorted({*said.accounts(), *stakes}), pa.string()), ids)
    hard = columns.needs_judge(raw, links, watched[watched >= 0], _limited(facts, attributes, rules, ids))
    label, held = columns.first_of(raw), []
    if not len(hard):
        return label, []
    member = np.isin(raw, hard)
    leaves = _leaves(facts, attributes, ids, member, stakes)
    told = [_by_label(pairs, ids, raw) for pairs in (said.same, said.different, said.alike)]
    for part in columns.groups(raw, member):
        own = int(raw[part[0]])
        about = Said(*(frozenset(pairs.get(own, ())) for pairs in told))
        accounts_ = [leaves[ids[int(i)].as_py()] for i in part]
        judged = partition(accounts_, rules, about, generic.values)
        held += judged.held
        at = {ids[int(i)].as_py(): int(i) for i in part}
        for people in judged.parts:
            label[[at[a] for a in people]] = min(at[a] for a in people)
    return label, held


def _by_label(
    pairs: frozenset[tuple[str, str]], ids: pa.Array, raw: Array
) -> dict[int, set[tuple[str, str]]]:
    """Sort judgements by the connected accounts that they are about, so that each is looked at once."""
    out: dict[int, set[tuple[str, str]]] = {}
    every = sorted(pairs)
    for each, at in zip(
        every, columns.positions(pa.array([p[0] for p in every], pa.string()), ids), strict=True
    ):
        if at >= 0:
            out.setdefault(int(raw[at]), set()).add(each)
    return out


def _attribute_facts(lake: Lake, rules: Rules, names: bool) -> dict[str, pa.Table]:
    """Return tables of (account_id, val) by term, for the limited attributes and, where asked, the names."""
    if "attribute" not in lake.tables():
        return {}
    out = {}
    for limit in rules.attributes:
        rows = lake.fetch(attribute_facts([limit]))
        out[limit] = rows.rename_columns(["account_id", "val"])
    if names and rules.names:
        rows = lake.fetch(attribute_facts(rules.names)).to_pylist()
        keys = [name_key(*(r[n] for n in rules.names)) for r in rows]
        held = pa.array([r["account_id"] for r in rows], pa.string())
        out[NAME] = pa.table({"account_id": held, "val": pa.array(keys, pa.string())})
    return out


def _limited(
    facts: pa.Table, attributes: Mapping[str, pa.Table], rules: Rules, ids: pa.Array
) -> Iterable[tuple[int, Array, pa.Array]]:
    for limit in rules.limits:
        rows = attributes.get(limit.term, facts.filter(pc.equal(facts["term"], limit.term)))
        free = pa.array([not rules.blocks(limit.term, v) for v in rows["val"].to_pylist()], pa.bool_())
        rows = rows.filter(free)
        yield limit.most, columns.positions(rows["account_id"], ids), rows["val"].combine_chunks()


def _leaves(
    facts: pa.Table,
    attributes: Mapping[str, pa.Table],
    ids: pa.Array,
    member: Array,
    stakes: Mapping[str, int],
) -> dict[str, Leaf]:
    wanted = ids.filter(pa.array(member))
    carried: dict[str, dict[Value, Seen]] = {a: {} for a in wanted.to_pylist()}
    for row in facts.filter(pc.is_in(facts["account_id"], wanted)).to_pylist():
        carried[row["account_id"]][row["term"], row["val"]] = Seen(bool(row["sure"]), row["first_at"])
    for term, rows in attributes.items():
        for row in rows.filter(pc.is_in(rows["account_id"], wanted)).to_pylist():
            carried[row["account_id"]][term, row["val"]] = Seen(verified=True)
    return {a: Leaf(a, held, stakes.get(a, 0)) for a, held in carried.items()}


def _named(
    ids: pa.Array, label: Array, inside: Array, before: pa.Table, facts: pa.Table, claiming: list[str]
) -> pa.Table:
    """Give each account its person's id and its home: old ids stay, new people are named after their smallest account."""
    accounts_ = ids.filter(pa.array(inside))
    part = label[inside]
    home = pc.take(
        before["home"].combine_chunks(), pc.index_in(accounts_, before["account_id"].combine_chunks())
    )
    person, unclear = columns.easy_ids(accounts_, part, home)
    homes = pc.coalesce(home, person)
    if unclear.any():
        mine = facts.filter(pc.is_in(facts["term"], pa.array(claiming, pa.string())))
        person, homes = _by_claims(accounts_, part, home, person, unclear, mine)
    return pa.table({"account_id": accounts_, "person_id": person, "home": homes})


def _following(ids: pa.Array, follows: Array, label: Array, free: Array, rows: pa.Table) -> pa.Table:
    """Return the rows of followers: the person they follow, and no home, for they claim nobody's id."""
    where = np.flatnonzero(follows >= 0)
    name = dict(zip(label[free].tolist(), rows["person_id"].to_pylist(), strict=True)) if len(where) else {}
    people = pa.array([name[int(follows[i])] for i in where], pa.string())
    return pa.table(
        {
            "account_id": ids.take(pa.array(where)),
            "person_id": people,
            "home": pa.nulls(len(where), pa.string()),
        }
    )


def _by_claims(
    accounts_: pa.Array, part: Array, home: pa.Array, person: pa.Array, unclear: Array, facts: pa.Table
) -> tuple[pa.Array, pa.Array]:
    """Give ids and homes to the people who share a home with others, or hold several."""
    where = np.flatnonzero(unclear)
    some = accounts_.take(pa.array(where))
    mine = facts.filter(pc.is_in(facts["account_id"], some))
    grouped = mine.group_by("account_id").aggregate([("sure", "sum"), ("first_at", "min")]).to_pylist()
    facts_of = {r["account_id"]: (r["sure_sum"], r["first_at_min"]) for r in grouped}
    members: dict[str, Member] = {}
    parts: dict[int, set[str]] = {}
    for i, account in zip(where.tolist(), some.to_pylist(), strict=True):
        members[account] = Member(account, home[i].as_py(), *facts_of.get(account, (0, None)))
        parts.setdefault(int(part[i]), set()).add(account)
    homes = set(pc.unique(home).to_pylist())
    named = person_ids([frozenset(p) for _, p in sorted(parts.items())], members, homes.intersection)
    out = person.to_numpy(zero_copy_only=False).copy()
    homes_ = pc.coalesce(home, person).to_numpy(zero_copy_only=False).copy()
    out[where] = [named.person[a] for a in some.to_pylist()]
    homes_[where] = [named.home[a] for a in some.to_pylist()]
    return pa.array(out, pa.string()), pa.array(homes_, pa.string())
