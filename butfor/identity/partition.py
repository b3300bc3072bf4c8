"""The one judge of who is one person: a pure function of a set of facts, so no order of events can change it.

Pairs are joined in a fixed order: what people judged first, then equal values that both sides verified, then what the
model of linkage found alike, then equal values with agreeing names; within each by the rank of the identifier. A pair joins unless the whole resulting
person would break a veto: a negative judgement, a limit of the plan, or points on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import combinations

import msgspec

from butfor.clean import names_agree
from butfor.identity.facts import NAME, Leaf, Limit, Rules, Said, Seen, Value, pair

BY_HAND, VERIFIED, ALIKE, AGREEING, OPEN = range(5)


class Edge(msgspec.Struct, frozen=True, order=True):
    """A reason to join two accounts; edges sort in the order in which they are tried."""

    strength: int
    rank: int
    value: str
    left: str
    right: str


class Held(msgspec.Struct, frozen=True, order=True):
    """Two accounts that have a reason to be joined and were not: why, by which value, and the points at stake."""

    left: str
    right: str
    why: str
    value: str
    at_stake: int = 0


class Parts(msgspec.Struct, frozen=True):
    """The people that accounts make up, the pairs held back, and why pairs were joined."""

    parts: list[frozenset[str]]
    held: list[Held]
    joined: list[Edge]


VALUE_BEARING = "value-bearing merge"
UNVERIFIED = "names agree, nothing is verified"


def partition(
    leaves: Sequence[Leaf], rules: Rules, said: Said, generic: frozenset[Value] = frozenset()
) -> Parts:
    """Split connected accounts into people. ``generic`` values join nobody; so do values of shared accounts.

    The result depends on the set of leaves only, not on their order.
    """
    known = {leaf.account: leaf for leaf in leaves}
    judge = _Judge(known, rules, said)
    held: dict[tuple[str, str, str], Held] = {}
    joined: list[Edge] = []
    for edge in sorted(_edges(known, rules, said, generic)):
        why = judge.against(edge)
        if why is None:
            if judge.join(edge):
                joined.append(edge)
        elif why:
            found = Held(edge.left, edge.right, why, edge.value, judge.at_stake(edge))
            held.setdefault((edge.left, edge.right, why), found)
    parts = sorted(judge.parts(), key=min)
    home = {account: i for i, part in enumerate(parts) for account in part}
    # A pair that another path joined after all needs no review.
    return Parts(parts, sorted(h for h in held.values() if home[h.left] != home[h.right]), joined)


class _Judge:
    def __init__(self, known: dict[str, Leaf], rules: Rules, said: Said) -> None:
        self.known, self.rules, self.said = known, rules, said
        self.part = {account: {account} for account in known}
        self.apart: dict[str, set[str]] = {}
        for left, right in said.different:
            self.apart.setdefault(left, set()).add(right)
            self.apart.setdefault(right, set()).add(left)

    def against(self, edge: Edge) -> str | None:
        """Return why the two may not be joined; None when they may, empty when they are one already or need no review."""
        left, right = self.part[edge.left], self.part[edge.right]
        if left is right:
            return "" if edge.strength == OPEN else None
        if any(self.apart[a] & right for a in left if a in self.apart):
            return ""
        if edge.strength == BY_HAND:
            return None
        if edge.strength == OPEN:
            return UNVERIFIED
        if any(self._breaks(limit, left | right) for limit in self.rules.limits):
            return ""
        return self._value(edge, left, right)

    def _value(self, edge: Edge, left: set[str], right: set[str]) -> str | None:
        sides = [any(self.known[a].stake for a in side) for side in (left, right)]
        if all(sides) or (any(sides) and edge.strength != VERIFIED):
            return VALUE_BEARING
        return None

    def _breaks(self, limit: Limit, accounts: Iterable[str]) -> bool:
        first: dict[str, datetime | None] = {}
        for account in accounts:
            for (term, value), seen in self.known[account].values.items():
                if term == limit.term and not self.rules.blocks(term, value):
                    first[value] = _earlier(first.get(value, seen.first), seen.first)
        return len(first) > limit.most and most_within(first.values(), limit.days) > limit.most

    def join(self, edge: Edge) -> bool:
        """Make one of two parts; say whether they were two."""
        small, large = sorted((self.part[edge.left], self.part[edge.right]), key=len)
        if small is large:
            return False
        large |= small
        self.part |= dict.fromkeys(small, large)
        return True

    def at_stake(self, edge: Edge) -> int:
        """Return the points of both sides together."""
        both = self.part[edge.left] | self.part[edge.right]
        return sum(self.known[a].stake for a in both)

    def parts(self) -> list[frozenset[str]]:
        """Return the people found."""
        return [frozenset(p) for p in {id(p): p for p in self.part.values()}.values()]


def most_within(times: Iterable[datetime | None], days: int | None) -> int:
    """Return the largest number of times that fall within some window of ``days``; times unknown count in every window."""
    every = list(times)
    if days is None:
        return len(every)
    known = sorted(t for t in every if t is not None)
    reach, start, most = timedelta(days=days), 0, 0
    for end, time in enumerate(known):
        while time - known[start] > reach:
            start += 1
        most = max(most, end - start + 1)
    return most + len(every) - len(known)


def is_shared(leaf: Leaf, rules: Rules) -> bool:
    """Say whether an account shows two values of an exclusive identifier: nobody knows whose it is."""
    return any(sum(t == term for t, _ in leaf.values) > 1 for term in rules.exclusive)


def _edges(known: dict[str, Leaf], rules: Rules, said: Said, generic: frozenset[Value]) -> Iterator[Edge]:
    for strength, pairs in (BY_HAND, said.same), (ALIKE, said.alike):
        for left, right in pairs:
            if left in known and right in known:
                yield Edge(strength, -1, "", left, right)
    free = [leaf for leaf in known.values() if not is_shared(leaf, rules)]
    for rank, (term, rule) in enumerate(rules.linking.items()):
        carriers: dict[str, list[Leaf]] = {}
        for leaf in free:
            for value in leaf.of(term):
                if (term, value) not in generic and not rules.blocks(term, value):
                    carriers.setdefault(value, []).append(leaf)
        for value, having in carriers.items():
            for one, other in combinations(having, 2):
                speaks = _strength(one, other, (term, value), rule.alone)
                if speaks is not None:
                    yield Edge(speaks, rank, value, *pair(one.account, other.account))


def _strength(left: Leaf, right: Leaf, value: Value, alone: str) -> int | None:
    sides: list[Seen] = [left.values[value], right.values[value]]
    sure = sum(s.verified for s in sides)
    if sure == 2 or alone == "always":
        return VERIFIED
    if not any(names_agree(a, b) for a in left.of(NAME) for b in right.of(NAME)):
        return None
    return AGREEING if sure else OPEN


def _earlier(left: datetime | None, right: datetime | None) -> datetime | None:
    return min(left, right) if left and right else None
