"""Everything that is connected to some accounts by values or judgements, read from the hub."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from butfor.identity.facts import NAME, Leaf, Rules, Said, Seen, Value
from butfor.identity.ids import Member
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
        about = [*rules.terms, *rules.attributes, NAME]
        self._read = [t for t in dict.fromkeys(about) if t not in rules.following]

    def grow(self, accounts: Iterable[str], new: Mapping[Value, int] | None = None) -> None:
        """Add accounts and all that is connected to them; ``new`` says how many accounts just showed a value."""
        # A value that has just become generic joined its accounts until now: they are judged again.
        frontier = set(accounts) | self._carriers(new or {})
        judged = not self._session.empty("judgement")
        while frontier:
            self._load(frontier)
            beyond = self._carriers({v: 0 for f in frontier for v in self.facts[f]})
            if judged:
                self.said, partners = said_of(self._session, [*self.facts])
                beyond |= self._there(partners - set(self.facts))
            frontier = beyond - set(self.facts)

    def _there(self, accounts: set[str]) -> set[str]:
        """Leave out accounts that were judged before anything was seen of them."""
        return {a for (a,) in self._session.rows_in("account", "account_id", accounts, ["account_id"])}

    def leaves(self) -> list[Leaf]:
        """Return the accounts with what they carry and the points they ever earned."""
        judged = len(self.facts) > 1 and not self._session.empty("points")
        stakes = (
            self._session.sums("points", "account_id", "amount", self.facts, gains=True) if judged else {}
        )
        return [Leaf(a, held, stakes.get(a, 0)) for a, held in sorted(self.facts.items())]

    def member(self, account: str, home: str | None) -> Member:
        """Return an account as far as ids go."""
        return member_of(account, home, self.facts[account], self._rules)

    def is_nobody(self, leaf: Leaf) -> bool:
        """Say whether an account tells nothing of whose it is: shared, or known by a device alone."""
        terms = self.terms[leaf.account]
        return is_shared(leaf, self._rules) or bool(terms and not terms & set(self._rules.ranked))

    def _load(self, accounts: set[str]) -> None:
        self.facts |= {a: {} for a in accounts}
        self.terms |= {a: set() for a in accounts}
        rules, about = self._rules, [*self._rules.attributes, NAME]
        keys = [(a, t) for a in accounts for t in self._read]
        columns = ["account_id", "term", "val", "first_seen", "verified_at"]
        for account, term, val, first, sure in self._session.rows_at(
            "identifier", ["account_id", "term"], keys, columns
        ):
            if term not in about:
                self.terms[account].add(term)
            if not rules.blocks(term, val):
                self.facts[account][term, val] = Seen(sure is not None, first)
        nameless = [(a,) for a in accounts if not self.terms[a] & set(rules.ranked)]
        for (account,), terms in self._session.gathered(
            "identifier", ["account_id"], nameless, "term", 50
        ).items():
            self.terms[account] |= set(terms) - set(about)

    def _carriers(self, values: Mapping[Value, int]) -> set[str]:
        """Return the accounts that carry linking values; of a generic one those who did when it became so, else nobody.

        ``values`` says of each value how many accounts have just shown it.
        """
        rules = self._rules
        asked = {
            v: n
            for v, n in values.items()
            if v[0] in rules.linking and v not in self._asked and not rules.blocks(*v)
        }
        self._asked |= set(asked)
        most = max((rules.linking[t].max_accounts + n + 1 for (t, _), n in asked.items()), default=0)
        out: set[str] = set()
        for (term, val), found in self._session.gathered(
            "identifier", ["term", "val"], list(asked), "account_id", most
        ).items():
            limit = rules.linking[term].max_accounts
            if len(found) > limit:
                self.generic.add((term, val))
            if len(found) <= limit + asked[term, val]:
                out |= set(found)
        return out


def member_of(account: str, home: str | None, held: Mapping[Value, Seen], rules: Rules) -> Member:
    """Return an account as far as ids go, by the identifiers that the batch lane counts too."""
    mine = [s for (term, _), s in held.items() if term in rules.claiming]
    first = min((s.first for s in mine if s.first), default=None)
    return Member(account, home, sum(s.verified for s in mine), first)


def facts_of(session: Session, rules: Rules, accounts: Collection[str]) -> dict[str, dict[Value, Seen]]:
    """Return the identifiers of accounts that nobody judges now."""
    held: dict[str, dict[Value, Seen]] = {a: {} for a in accounts}
    columns = ["account_id", "term", "val", "first_seen", "verified_at"]
    for account, term, val, first, sure in session.rows_in("identifier", "account_id", accounts, columns):
        if not rules.blocks(term, val):
            held[account][term, val] = Seen(sure is not None, first)
    return held
