"""What identity is judged from: accounts with their identifiers, the rules of the plan, and what people have judged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

import msgspec

from butfor.model import Refused
from butfor.plan import Plan
from butfor.plan.kinds import Identity, Term

# The fact that holds the key of a name; names never join accounts, they only agree or not.
NAME = "name"
Value = tuple[str, str]


class Seen(msgspec.Struct, frozen=True, gc=False):
    """When an account first carried a value, and whether it was verified for this account."""

    verified: bool
    first: datetime | None = None


class Leaf(msgspec.Struct, frozen=True):
    """An account: the values it carries by (term, value), and the points at stake on it (0: it never had any)."""

    account: str
    values: Mapping[Value, Seen]
    stake: int = 0

    def of(self, term: str) -> list[str]:
        """Return the values of a term, sorted."""
        return sorted(v for t, v in self.values if t == term)


class Limit(msgspec.Struct, frozen=True):
    """At most ``most`` different values of a term for one person, within ``days`` (None: ever)."""

    term: str
    most: int
    days: int | None


class Rules(msgspec.Struct, frozen=True):
    """The identity decision as data: which terms join, best first, which follow, and what no person may hold."""

    linking: dict[str, Identity]
    following: dict[str, Identity]
    limits: list[Limit]
    exclusive: list[str]
    ranked: list[str]
    names: list[str]
    attributes: list[str]
    blocked: dict[str, list[str]]

    @property
    def terms(self) -> list[str]:
        """Return every identifier term that identity reads."""
        found = dict.fromkeys([*self.ranked, *self.following, *(x.term for x in self.limits)])
        return [t for t in found if t not in self.attributes]

    @property
    def judged(self) -> frozenset[str]:
        """Return the terms of which a new value may change who is one person."""
        return frozenset([*self.ranked, *(x.term for x in self.limits), NAME]) - frozenset(self.following)

    @property
    def claiming(self) -> list[str]:
        """Return the terms by which an account claims the id of its home; a device claims nothing."""
        return [t for t in self.terms if t not in self.following]

    def blocks(self, term: str, value: str) -> bool:
        """Say whether a value is one that nobody may be known by."""
        return any(_pattern(p).fullmatch(value) for p in self.blocked.get(term, ()))


class Said(msgspec.Struct, frozen=True):
    """Pairs of accounts that were judged, the smaller account first: the same or never the same person by somebody, or alike by a model."""

    same: frozenset[tuple[str, str]] = frozenset()
    different: frozenset[tuple[str, str]] = frozenset()
    alike: frozenset[tuple[str, str]] = frozenset()

    @property
    def joins(self) -> frozenset[tuple[str, str]]:
        """Return the pairs that speak for one person."""
        return self.same | self.alike

    def accounts(self) -> set[str]:
        """Return every account that was judged."""
        return {a for pair in (*self.joins, *self.different) for a in pair}


def rules_of(plan: Plan) -> Rules:
    """Return the identity rules of a plan; raise Refused without an identity decision (R-183)."""
    decision = plan.workspace.identity
    if decision is None:
        raise Refused(
            "people",
            rule="who is one person follows from the identity decision (R-183)",
            next_step="add identity: to butfor.yaml",
        )
    ranked = list(dict.fromkeys([decision.primary, *decision.ranked]))
    rules = {t.id: t.identity for t in plan.all(Term) if t.identity}
    given = {name: rules.get(name) or Identity() for name in ranked}
    return Rules(
        linking={name: rule for name, rule in given.items() if rule.links},
        following={t: r for t, r in rules.items() if r.follows and t not in given},
        limits=[Limit(t, r.max_per_person, r.window_days) for t, r in rules.items() if r.max_per_person],
        exclusive=[name for name, rule in given.items() if rule.exclusive],
        ranked=ranked,
        names=[n for n in decision.names if plan.find(Term, n)],
        attributes=[
            t for t, r in rules.items() if r.max_per_person and plan.get(Term, t).what == "attribute"
        ],
        blocked={t: r.blocked for t, r in rules.items() if r.blocked},
    )


def pair(left: str, right: str) -> tuple[str, str]:
    """Return two accounts in the order in which pairs are kept."""
    return (left, right) if left <= right else (right, left)


@lru_cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)
