"""What is compared between two records: for each field a ladder of levels, from equal down to different.

The same ladders serve every data set; which of them apply follows from the columns that are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

SIMILAR = 0.88
"""Jaro-Winkler similarity from which two words of a name count as spellings of one."""


class Level(msgspec.Struct, frozen=True):
    """One rung: its SQL condition over ``x_l`` and ``x_r``, and the column whose frequency weighs it (common names count less)."""

    label: str
    condition: str
    frequency: str | None = None


class Comparison(msgspec.Struct, frozen=True):
    """A field that is compared; ``roles`` are the evidence it uses up, so that no other comparison counts it again."""

    name: str
    missing: str
    levels: tuple[Level, ...]

    def as_splink(self) -> dict[str, Any]:
        """Return the comparison in Splink's words."""
        ladder: list[dict[str, Any]] = [
            {"sql_condition": self.missing, "label_for_charts": "missing", "is_null_level": True}
        ]
        for level in self.levels:
            made: dict[str, Any] = {"sql_condition": level.condition, "label_for_charts": level.label}
            if level.frequency:
                made |= {"tf_adjustment_column": level.frequency, "tf_adjustment_weight": 1.0}
            ladder.append(made)
        ladder.append({"sql_condition": "ELSE", "label_for_charts": "different"})
        return {"output_column_name": self.name, "comparison_levels": ladder}


def comparisons_for(columns: Sequence[str]) -> list[Comparison]:
    """Return the comparisons that the columns of the table ``person`` allow."""
    have = set(columns)
    made = [
        *([_name()] if "name" in have else []),
        *([_birth()] if "born" in have else []),
        *([_email()] if "email" in have else []),
        *([_code("phone", "phone")] if "phone" in have else []),
        *([_code("national_id", "national id")] if "national_id" in have else []),
        *([_words("address", "address")] if "address" in have else []),
        *_place(have),
    ]
    return made + [
        _words(c, c.removeprefix("trait_").replace("_", " ")) for c in columns if c.startswith("trait_")
    ]


def equal(column: str) -> str:
    """Return the condition that both records carry the same value; Splink knows it as an exact match."""
    return f'"{column}_l" = "{column}_r"'


def _missing(*columns: str) -> str:
    return " AND ".join(f'("{c}_l" IS NULL OR "{c}_r" IS NULL)' for c in columns)


def _like(left: str, right: str) -> str:
    return f"jaro_winkler_similarity({left}, {right}) >= {SIMILAR}"


def _slips(column: str, most: int) -> str:
    """Letters changed, lost, added or swapped; the cheap distances come first, since this one costs ten times as much."""
    left, right = f"{column}_l", f"{column}_r"
    return (
        f"abs(len({left}) - len({right})) <= {most} AND jaro_winkler_similarity({left}, {right}) >= 0.75"
        f" AND levenshtein({left}, {right}) <= {2 * most} AND damerau_levenshtein({left}, {right}) <= {most}"
    )


def _name() -> Comparison:
    given = (
        f"({_like('given_l', 'given_r')} OR left(given_l, 3) = left(given_r, 3)"
        " OR (least(len(given_l), len(given_r)) = 1 AND left(given_l, 1) = left(given_r, 1)))"
    )
    crossed = f"({_like('given_l', 'family_r')} AND {_like('family_l', 'given_r')})"
    alone = (
        "((family_l IS NULL OR family_r IS NULL) AND (given_l IN (given_r, family_r) OR given_r = family_l))"
    )
    return Comparison(
        "name",
        _missing("name"),
        (
            Level("same words", equal("name"), "name"),
            Level("same first and last name, in either order", equal("pair"), "pair"),
            Level("same last name, similar first name", f"{equal('family')} AND {given}", "family"),
            Level("same first name, similar last name", f"{equal('given')} AND {_like('family_l', 'family_r')}", "given"),
            Level("both similar, in either order", f"({_like('family_l', 'family_r')} AND {given}) OR {crossed}"),
            Level("same rarest word", equal("rare"), "rare"),
            Level("one word known, and shared", alone),
            Level("same last name only", equal("family"), "family"),
            Level("similar rarest word", _like("rare_l", "rare_r")),
            Level("same first name only", equal("given"), "given"),
        ),
    )  # fmt: skip


def _birth() -> Comparison:
    month_or_day = (
        "(left(born_day_l, 2) = left(born_day_r, 2) OR right(born_day_l, 2) = right(born_day_r, 2))"
    )
    return Comparison(
        "birth",
        _missing("born"),
        (
            Level("same date", equal("born"), "born"),
            Level("one slip of the keys", _slips("born", 1)),
            Level("same year, and month or day", f"{equal('born_year')} AND {month_or_day}"),
            Level("same year", equal("born_year"), "born_year"),
            Level("same day, other year", equal("born_day"), "born_day"),
            Level("two slips of the keys", _slips("born", 2)),
            Level(
                "within ten years", "abs(try_cast(born_year_l AS INT) - try_cast(born_year_r AS INT)) <= 10"
            ),
        ),
    )


def _email() -> Comparison:
    """No level for similar mailboxes: people put their names there, and the name has been counted.

    For the same reason a slip between addresses that are made of names (``p.smith``, ``p.smith2``) says nothing.
    """
    slip = _slips("email", 1)
    namesakes = f"(mailbox_l IS NULL OR mailbox_r IS NULL) AND email_l <> email_r AND {slip}"
    return Comparison(
        "email",
        f"{_missing('email')} OR ({namesakes})",
        (
            Level("same address", equal("email"), "email"),
            Level("one slip of the keys", slip),
            Level("same mailbox, other provider", equal("mailbox"), "mailbox"),
        ),
    )


def _code(column: str, shown: str) -> Comparison:
    return Comparison(
        shown.replace(" ", "_"),
        _missing(column),
        (
            Level(f"same {shown}", equal(column), column),
            Level("one slip of the keys", _slips(column, 1)),
            Level("two slips of the keys", _slips(column, 2)),
        ),
    )


def _words(column: str, shown: str) -> Comparison:
    return Comparison(
        shown.replace(" ", "_"),
        _missing(column),
        (
            Level(f"same {shown}", equal(column), column),
            Level("similar", f'jaro_winkler_similarity("{column}_l", "{column}_r") >= 0.9'),
            Level("somewhat similar", f'jaro_winkler_similarity("{column}_l", "{column}_r") >= 0.8'),
        ),
    )


def _place(have: set[str]) -> list[Comparison]:
    """Postcode and city are one comparison: who shares one nearly always shares the other."""
    if not have & {"postcode", "city"}:
        return []
    city, code = "city" in have, "postcode" in have
    levels = [
        Level("same postcode", equal("postcode"), "postcode") if code else None,
        Level("same city and area", f"{equal('city')} AND {equal('area')}", "city")
        if code and city
        else None,
        Level("postcode with one slip", _slips("postcode", 1)) if code else None,
        Level("same city", equal("city"), "city") if city else None,
        Level("same area", equal("area"), "area") if code else None,
        Level("similar city", "jaro_winkler_similarity(city_l, city_r) >= 0.9") if city else None,
    ]
    missing = _missing(*[c for c, here in (("postcode", code), ("city", city)) if here])
    return [Comparison("place", missing, tuple(level for level in levels if level))]
