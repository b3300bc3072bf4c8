"""A shelf: facts of accounts held in memory, given to the batch lane under the names of the lake's queries.

With it tests and benchmarks judge the same facts in both lanes without a lake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from butfor.identity.facts import NAME, Rules
from butfor.identity.live import Observation
from butfor.store import Query

_MAP = ["account_id", "person_id", "home"]


class Shelf:
    """Stands in for a lake that holds these observations, and the map of people that stands (default: none)."""

    def __init__(
        self, rows: Sequence[Observation], rules: Rules, people: Sequence[tuple[Any, ...]] = ()
    ) -> None:
        self._rows, self._rules = rows, rules
        self._map = _table(_MAP, sorted(people))
        self._about = {*rules.attributes, NAME}

    def ensure(self, *tables: object) -> None:
        """Do nothing: every table is there."""

    def tables(self) -> set[str]:
        """Return the tables that identity asks for by name."""
        return {"attribute"}

    def fetch(self, query: Query) -> pa.Table:
        """Answer a query of the batch lane."""
        answers: dict[str, Callable[[], pa.Table]] = {
            "identity.people_map": lambda: self._map,
            "identity.accounts": self._accounts,
            "identity.known": self._known,
            "identity.values": self._values,
            "identity.attribute_facts": lambda: self._attributes(
                [c.alias for c in query.expression.expressions[1:]]
            ),
        }
        return answers[query.name]()

    def _accounts(self) -> pa.Table:
        return _table(
            ["account_id", "source"], [(a, "s") for a in sorted({r.account_id for r in self._rows})]
        )

    def _identifiers(self) -> dict[tuple[str, str, str], list[Observation]]:
        out: dict[tuple[str, str, str], list[Observation]] = {}
        for r in self._rows:
            if r.term and r.term not in self._about:
                out.setdefault((r.term, r.val, r.account_id), []).append(r)
        return dict(sorted(out.items()))

    def _known(self) -> pa.Table:
        n: dict[tuple[str, str], int] = {}
        for term, _, account in self._identifiers():
            n[account, term] = n.get((account, term), 0) + 1
        return _table(["account_id", "term", "n"], [(*k, v) for k, v in sorted(n.items())], n=pa.int64())

    def _values(self) -> pa.Table:
        rows = []
        for (term, val, account), seen in self._identifiers().items():
            times = [s.seen_at for s in seen]
            first = min(t for t in times if t) if all(times) else None
            rows.append((account, term, val, int(any(s.verified for s in seen)), first))
        names = ["account_id", "term", "val", "sure", "first_at"]
        return _table(names, rows, sure=pa.int64(), first_at=pa.timestamp("us"))

    def _attributes(self, names: list[str]) -> pa.Table:
        if names == self._rules.names:
            rows = sorted({(r.account_id, *r.val.split()) for r in self._rows if r.term == NAME})
        else:
            rows = sorted({(r.account_id, r.val) for r in self._rows if r.term == names[0]})
        return _table(["account_id", *names], rows)


def _table(names: list[str], rows: Sequence[tuple[Any, ...]], **types: pa.DataType) -> pa.Table:
    columns = {n: pa.array([r[i] for r in rows], types.get(n, pa.string())) for i, n in enumerate(names)}
    return pa.table(columns)
