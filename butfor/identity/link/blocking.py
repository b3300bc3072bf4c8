"""Which pairs are looked at: those that share one of many keys, chosen by what the data's own profile makes cheap."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import msgspec

from butfor.store.linker import LinkBench

BLOCK = 60
"""Records that may share a key's value; a value that more share says too little, and costs the square of it."""
STRANGERS_PER_RECORD, LEAST_STRANGERS = 3, 1_200_000
"""How many pairs of strangers the keys may bring together, beside the matches that they are for."""
LEAST_YIELD = 0.02
"""Share of likely matches below which a key is not worth its pairs."""


_COARSER = {("born", "born_year"), ("born", "born_day"), ("email", "mailbox"), ("postcode", "area")}
"""Columns of which the first decides the second."""


class Part(msgspec.Struct, frozen=True):
    """A part of a key: a column, or its first letters; ``kind`` is the fact it stands for, ``field`` its comparison."""

    label: str
    column: str
    kind: str
    field: str
    letters: int = 0

    @property
    def coarse(self) -> bool:
        """Say whether another part decides this one."""
        return bool(self.letters) or self.column in {coarse for _, coarse in _COARSER}

    def on(self, side: str = "") -> str:
        """Return its SQL, of the record on one ``side``."""
        name = f'{side}."{self.column}"' if side else f'"{self.column}"'
        return f"left({name}, {self.letters})" if self.letters else name


PARTS = (
    Part("name", "name", "name", "name"),
    Part("first and last name", "pair", "name", "name"),
    Part("rarest word of the name", "rare", "name", "name"),
    Part("last name", "family", "last", "name"),
    Part("first name", "given", "first", "name"),
    Part("last name's letters", "family", "last", "name", 3),
    Part("first name's letters", "given", "first", "name", 3),
    Part("birth date", "born", "birth", "birth"),
    Part("birth year", "born_year", "birth", "birth"),
    Part("birthday", "born_day", "birth", "birth"),
    Part("email", "email", "email", "email"),
    Part("mailbox", "mailbox", "email", "email"),
    Part("phone", "phone", "phone", "phone"),
    Part("national id", "national_id", "national id", "national_id"),
    Part("address", "address", "address", "address"),
    Part("postcode", "postcode", "postcode", "place"),
    Part("area", "area", "postcode", "place"),
    Part("city", "city", "city", "place"),
)


class Key(msgspec.Struct, frozen=True):
    """A key of one to three parts; its pairs, those of them in blocks that are not too large, and those by chance."""

    parts: tuple[Part, ...]
    pairs: int
    looked_at: int
    by_chance: float = 0.0

    @property
    def label(self) -> str:
        """Return its parts' names."""
        return " + ".join(part.label for part in self.parts)

    @property
    def fields(self) -> frozenset[str]:
        """Return the comparisons that it uses."""
        return frozenset(part.field for part in self.parts)

    @property
    def likely_matches(self) -> float:
        """Return pairs beyond chance: if parts are independent among strangers, these are the matches."""
        return max(0.0, self.pairs - self.by_chance)

    def share(self, matches: float) -> float:
        """Return the likely share of matches in its pairs, where the data holds so many ``matches``."""
        return min(self.likely_matches, matches) / self.pairs


def keys_for(bench: LinkBench) -> list[Key]:
    """Return the keys that the columns allow and whose pairs can be borne, pairs counted, fewest first."""
    have = bench.columns("person")
    parts = [p for p in PARTS if p.column in have]
    parts += [
        Part(c.removeprefix("trait_"), c, c, c.removeprefix("trait_")) for c in have if c.startswith("trait_")
    ]
    records = int(bench.value("SELECT count(*) FROM person"))
    everybody = max(1.0, records * (records - 1) / 2)
    made = [_key(bench, (p,)) for p in parts]
    pairs = {key.parts[0]: key.pairs for key in made}
    whole = {key.parts[0] for key in made if key.looked_at == key.pairs and key.pairs <= records}
    for combined in _combinations(parts):
        # All pairs of a whole key are looked at anyway; only facts that may vouch for training are counted with it.
        if whole & set(combined) and any(part.coarse for part in combined):
            continue
        by_chance = everybody * math.prod(pairs[part] / everybody for part in combined)
        if by_chance <= _budget(records) / LEAST_YIELD:
            made.append(_key(bench, combined, by_chance))
    return sorted((k for k in made if k.looked_at), key=lambda k: (k.pairs, k.label))


def chosen_keys(keys: Sequence[Key], records: int) -> list[Key]:
    """Take the keys richest in likely matches, until the strangers that they bring along use up the budget.

    Matches are mostly brought by many keys, strangers by one; so strangers are what a further key costs. What a
    key of one part is worth follows from the most matches that any key of several parts promises.
    """
    matches = max((k.likely_matches for k in keys if len(k.parts) > 1), default=float("inf"))
    left = float(_budget(records))
    taken = []
    for key in sorted(keys, key=lambda k: (-round(k.share(matches), 4), k.pairs, k.label)):
        cost = key.looked_at * (1 - key.share(matches))
        if key.share(matches) >= LEAST_YIELD and cost <= left:
            taken.append(key)
            left -= cost
    return taken


def _budget(records: int) -> int:
    return max(LEAST_STRANGERS, STRANGERS_PER_RECORD * records)


def _combinations(parts: Sequence[Part]) -> Iterator[tuple[Part, ...]]:
    """Two parts that stand for different facts, and the letters of both names with any other fact."""
    yield from ((a, b) for a, b in combinations(parts, 2) if a.kind != b.kind and not _same_name(a, b))
    letters = tuple(p for p in parts if p.letters)
    if len(letters) == 2:
        yield from ((*letters, p) for p in parts if p.field != "name")


def _same_name(a: Part, b: Part) -> bool:
    return a.field == b.field == "name" and "name" in (a.kind, b.kind)


def _key(bench: LinkBench, parts: tuple[Part, ...], by_chance: float = 0.0) -> Key:
    query = (
        "SELECT CAST(sum(n * (n - 1) // 2) AS BIGINT) AS n, "
        f"CAST(sum(n * (n - 1) // 2) FILTER (n <= {BLOCK}) AS BIGINT) AS small FROM "
        f"(SELECT count(*) AS n FROM person WHERE {_known(parts)} GROUP BY {_of(parts)})"
    )
    found = bench.rows(query).to_pylist()[0]
    return Key(parts, found["n"] or 0, found["small"] or 0, by_chance)


def _known(parts: tuple[Part, ...]) -> str:
    return " AND ".join(f"{p.on()} IS NOT NULL" for p in parts)


def _of(parts: tuple[Part, ...]) -> str:
    return ", ".join(p.on() for p in parts)


def block(bench: LinkBench, keys: Sequence[Key], *, across: bool, chunk: int) -> int:
    """Make the table ``candidate`` of distinct pairs ``a < b`` that share a key, in parts of ``chunk``; return how many."""
    condition = "AND x.origin <> y.origin" if across else ""
    made = [_put_pairs(bench, number, key.parts, condition) for number, key in enumerate(_needed(keys))]
    bench.make("distinct_pair", "SELECT DISTINCT a, b FROM (" + " UNION ALL ".join(made) + ")")
    bench.forget(*[f"pair_{number}" for number in range(len(made))])
    found = bench.make(
        "candidate", f"SELECT a, b, (row_number() OVER () - 1) // {chunk} AS part FROM distinct_pair"
    )
    bench.forget("distinct_pair")
    return found


def _needed(keys: Sequence[Key]) -> list[Key]:
    """Leave out keys all of whose pairs another key brings: one of fewer or coarser parts whose blocks are all small."""
    whole = [k for k in keys if k.looked_at == k.pairs]
    return [k for k in keys if not any(_brings(other, k) for other in whole if other is not k)]


def _brings(coarse: Key, fine: Key) -> bool:
    return (
        all(any(_implies(p, part) for p in fine.parts) for part in coarse.parts) and coarse.pairs > fine.pairs
    )


def _implies(fine: Part, coarse: Part) -> bool:
    same = fine.column == coarse.column and (not fine.letters or fine.letters == coarse.letters)
    return same or (not fine.letters and (fine.column, coarse.column) in _COARSER)


def _put_pairs(bench: LinkBench, number: int, parts: tuple[Part, ...], condition: str) -> str:
    """Make the pairs that share one key; return the SQL that reads them."""
    keyed = f"SELECT i, origin, hash({_of(parts)}) AS k FROM person WHERE {_known(parts)}"
    blocks = f"SELECT k FROM ({keyed}) GROUP BY k HAVING count(*) BETWEEN 2 AND {BLOCK}"
    bench.make("keyed", f"SELECT i, origin, k FROM ({keyed}) WHERE k IN ({blocks})")
    bench.make(
        f"pair_{number}",
        "SELECT CAST(x.i AS INTEGER) AS a, CAST(y.i AS INTEGER) AS b FROM keyed AS x JOIN keyed AS y "
        f"ON x.k = y.k AND x.i < y.i {condition}",
    )
    return f"SELECT a, b FROM pair_{number}"
