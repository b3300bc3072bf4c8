"""Judge what people typed, each different text of a delivery once: the verdicts are a small table that rows are joined to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import msgspec
import pyarrow as pa

from butfor.clean import Gazetteer, Verdict, clean_email, clean_name, clean_phone, geonames, own_gazetteer
from butfor.ingest.cells import NULL_LIKE, ident, text
from butfor.ingest.fields import Field
from butfor.plan import Plan
from butfor.plan.kinds import Source
from butfor.store import ROW, Workbench

Judge = Callable[[str], Verdict]
# A dump of GeoNames in the workspace's folder takes the place of the small list that comes with butfor.
GEONAMES = "cities15000.txt"
_NULLS = frozenset(NULL_LIKE)
_SCHEMA = pa.schema(
    [
        ("butfor_said", pa.string()), ("butfor_value", pa.string()), ("butfor_sure", pa.bool_()), ("flags", pa.string()),
        ("suggestion", pa.string()), ("place", pa.string()), ("confidence", pa.float64()),
    ]
)  # fmt: skip


def judges(plan: Plan, source: Source, fields: Iterable[Field]) -> dict[str, Judge]:
    """Return who judges which field, by the ``clean`` of its column."""
    country = source.country or plan.workspace.country
    known: dict[str, Judge] = {
        "email": clean_email,
        "name": clean_name,
        "phone": lambda said: clean_phone(said, country),
        "city": lambda said: gazetteer(plan.folder).clean(said, country),
    }
    return {f.name: known[f.clean] for f in fields if f.clean in known}


def gazetteer(folder: Path) -> Gazetteer:
    """Return the gazetteer of a workspace: its own dump of GeoNames, or the one that comes with butfor."""
    file = folder / GEONAMES
    return _dump(file, file.stat().st_mtime_ns) if file.is_file() else own_gazetteer()


@lru_cache(maxsize=2)
def _dump(file: Path, changed: int) -> Gazetteer:
    with file.open(encoding="utf-8") as rows:
        return geonames(rows)


class Judged(msgspec.Struct, frozen=True):
    """The verdict tables of one delivery, by field: how to join them, and what they say."""

    columns: dict[str, str]

    @property
    def joins(self) -> str:
        """Return the joins that bring each row its verdicts."""
        return "".join(
            f" LEFT JOIN {ident(_table(name))} ON {ident(_table(name))}.butfor_said = raw.{ident(column)}"
            for name, column in self.columns.items()
        )

    def value(self, field: Field) -> str:
        """Return SQL of the cleaned text of a field."""
        if field.name not in self.columns:
            return field.raw
        return field.raw.replace(ident(field.column), f"{ident(_table(field.name))}.butfor_value")

    def sure(self, field: Field) -> str:
        """Return SQL that says whether nothing suggests that a field was mistyped."""
        return f"coalesce({ident(_table(field.name))}.butfor_sure, true)"


def judge_cells(bench: Workbench, fields: Iterable[Field], by: Mapping[str, Judge]) -> Judged:
    """Make a table of verdicts for each field that is judged."""
    columns = {f.name: f.column for f in fields if f.name in by}
    for name, column in columns.items():
        said = bench.rows(
            f"SELECT DISTINCT {ident(column)} AS said FROM raw WHERE {ident(column)} IS NOT NULL"
        )
        bench.put(_table(name), verdicts(said["said"].to_pylist(), by[name]))
    return Judged(columns)


def verdicts(said: list[str], judge: Judge) -> pa.Table:
    """Return the table of verdicts on different texts."""
    found = [_NOTHING if t.strip() in _NULLS else judge(t) for t in said]
    columns = [
        said, [v.value for v in found], [v.sure for v in found], [", ".join(v.flags) or None for v in found],
        [v.suggestion for v in found], [v.place for v in found], [v.confidence for v in found],
    ]  # fmt: skip
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, _SCHEMA, strict=True)], _SCHEMA)


def stage_quality(
    bench: Workbench, source: str, fields: Iterable[Field], by: Mapping[str, Judge]
) -> dict[str, int]:
    """Make ``staged_quality`` of what is worth noting; return how many rows each flag was raised for, by term and flag."""
    parts = [_noted(source, f) for f in fields if f.name in by and _worth(bench, f)]
    if not parts:
        return {}
    bench.make("noted_cells", " UNION ALL ".join(parts))
    bench.make(
        "staged_quality",
        "SELECT * EXCLUDE (n) FROM (SELECT *, row_number() OVER (PARTITION BY account_id, term, val) AS n FROM noted_cells "
        "WHERE account_id IS NOT NULL) WHERE n = 1",
    )
    counted = bench.rows(
        "SELECT term || ': ' || flags AS what, count(*) AS n FROM noted_cells WHERE flags IS NOT NULL GROUP BY what ORDER BY n DESC, what"
    )
    return {r["what"]: r["n"] for r in counted.to_pylist()}


def _worth(bench: Workbench, field: Field) -> bool:
    query = f"SELECT count(*) FROM {ident(_table(field.name))} WHERE flags IS NOT NULL OR place IS NOT NULL"
    return bool(bench.value(query))


def _noted(source: str, field: Field) -> str:
    return (
        f"SELECT s.account_id, {text(source)} AS source, {text(field.target.partition('.')[2])} AS term, v.butfor_said AS val, "
        f"v.butfor_value AS became, v.flags, v.suggestion, v.place, v.confidence "
        f"FROM {ident(_table(field.name))} AS v JOIN raw AS r ON r.{ident(field.column)} = v.butfor_said "
        f"JOIN staged AS s ON s.row_no = r.{ROW} WHERE (v.flags IS NOT NULL OR v.place IS NOT NULL) AND s.fault IS NULL"
    )


def _table(name: str) -> str:
    return f"judged_{name}"


_NOTHING = Verdict(None)
