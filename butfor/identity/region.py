"""Everything that is connected to some accounts by values or judgements, read from the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from butfor.identity.facts import NAME, Leaf, Rules, Said, Seen, Value
from butfor.identity.judgements import said_of
from butfor.identity.partition import is_shared
from butfor.store import Session


class Region:
    """Accounts that must be judged together: no value that may join, and no judgement, leads out of it."""

    def __init__(self, session: Session, rules: Rules) -> None:
        self._session, self._rules = session, rules
        self.facts: dict[str, dict[Value, Seen]] = {}
        self.generic: set[Value] = set()
        self.terms: dict[str, set[str]] = {}
        self._asked: set[Value] = set()
        self.said = Said()

    def grow(self, accounts: Iterable[str], new: Mapping[Value, int] | None = None) -> None:
        """Add accounts and all that is connected to them; ``new`` says how many accounts just showed a value."""
        frontier = set(accounts)
        for value, n in sorted((new or {}).items()):
            # A value that has just become generic joined its accounts until now: they are judged again.
            frontier |= self._carriers(value, n)
        while frontier:
            self._load(frontier)
            beyond = {a for f in frontier for v in self.facts[f] for a in self._carriers(v)}
            self.said, partners = said_of(self._session, [*self.facts])
            frontier = (beyond | self._there(partners - set(self.facts))) - set(self.facts)

    def _there(self, accounts: set[str]) -> set[str]:
        """Leave out accounts that were judged before anything was seen of them."""
        return {a for (a,) in self._session.rows_in("account", "account_id", accounts, ["account_id"])}

    def leaves(self) -> list[Leaf]:
        """Return the accounts with what they carry and the points they ever earned."""
        stakes = (
            self._session.sums("points", "account_id", "amount", self.facts, gains=True)
            if len(self.facts) > 1
            else {}
        )
        return [Leaf(a, held, stakes.get(a, 0)) for a, held in sorted(self.facts.items())]

    def verified(self, account: str) -> int:
        """Return how many verified values an account carries."""
        return sum(s.verified for s in self.facts[account].values())

    def first(self, account: str) -> datetime | None:
        """Return when the account first carried anything."""
        return min((s.first for s in self.facts[account].values() if s.first), default=None)

    def is_nobody(self, leaf: Leaf) -> bool:
        """Say whether an account tells nothing of whose it is: shared, or known by a device alone."""
        terms = self.terms[leaf.account]
        return is_shared(leaf, self._rules) or bool(terms and not terms & set(self._rules.ranked))

    def _load(self, accounts: set[str]) -> None:
        self.facts |= {a: {} for a in accounts}
        self.terms |= {a: set() for a in accounts}
        rules, columns = self._rules, ["account_id", "term", "val", "first_seen", "verified_at"]
        about = [*rules.attributes, NAME]
        for term in dict.fromkeys([*rules.terms, *about]):
            if term in rules.following:
                continue
            rows = self._session.rows_in("identifier", "account_id", accounts, columns, term=term)
            for account, _, val, first, sure in rows:
                if term not in about:
                    self.terms[account].add(term)
                if not rules.blocks(term, val):
                    self.facts[account][term, val] = Seen(sure is not None, first)
        for account in accounts:
            if not self.terms[account] & set(rules.ranked):
                found = self._session.some("identifier", ["term"], 50, account_id=account)
                self.terms[account] |= {t for (t,) in found if t not in about}

    def _carriers(self, value: Value, new: int = 0) -> set[str]:
        """Return the accounts that carry a linking value; of a generic one those who did when it became so, else nobody."""
        rule = self._rules.linking.get(value[0])
        if rule is None or value in self._asked or self._rules.blocks(*value):
            return set()
        self._asked.add(value)
        most = rule.max_accounts + new + 1
        found = self._session.some("identifier", ["account_id"], most, term=value[0], val=value[1])
        if len(found) > rule.max_accounts:
            self.generic.add(value)
            return {a for (a,) in found} if len(found) < most else set()
        return {a for (a,) in found}
