"""Identifiers that identify nobody: a shop's own number, a junk address, a placeholder. They give no evidence at all."""

from __future__ import annotations

from butfor.store.linker import LinkBench

NAMES = 5
"""Different people's names that one address or number may carry: a household, with a typing error or two."""
IDENTIFIERS = {"email": ("email", "mailbox"), "phone": ("phone",), "national_id": ("national_id",)}


def without_generic(bench: LinkBench) -> dict[str, int]:
    """Make the table ``person`` from ``numbered``, generic identifiers emptied; return how many values of each were.

    A value is generic when the records that carry it bear more than ``NAMES`` different names, spellings apart
    (first letters of first and last name, in either order); without names, when more than ``NAMES`` records bear it.
    """
    columns = bench.columns("numbered")
    found = {}
    for column in [c for c in IDENTIFIERS if c in columns]:
        bearer = _bearer(columns)
        found[column] = bench.make(
            f"generic_{column}",
            f'SELECT "{column}" FROM numbered WHERE "{column}" IS NOT NULL GROUP BY 1 HAVING count(*) > {NAMES} '
            f"AND count(DISTINCT {bearer}) > {NAMES}",
        )
    bench.make(
        "person", f"SELECT * REPLACE ({', '.join(_emptied(columns, found)) or 'i AS i'}) FROM numbered"
    )
    return found


def _bearer(columns: list[str]) -> str:
    if "name" not in columns:
        return "i"
    first, last = "left(given, 1)", "left(family, 1)"
    return f"concat(least({first}, {last}), greatest({first}, {last}))"


def _emptied(columns: list[str], found: dict[str, int]) -> list[str]:
    made = []
    for column, values in found.items():
        if values:
            known = f'"{column}" IN (SELECT "{column}" FROM generic_{column})'
            made += [
                f'CASE WHEN {known} THEN NULL ELSE "{c}" END AS "{c}"'
                for c in IDENTIFIERS[column]
                if c in columns
            ]
    return made
