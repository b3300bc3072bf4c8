"""Cells: what text becomes a value, what says nothing, and what is no value."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shops import TILL, changed

from butfor.ingest.cells import NULL_LIKE, cleaned, filled, joined, text, typed
from butfor.plan.kinds import Column, Reading


def of(sql: str) -> Any:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        return connection.sql(f"SELECT {sql}").fetchall()[0][0]


def value(cell: str, kind: str, zone: str = "UTC", **reading: Any) -> Any:
    return of(typed(text(cell), kind, changed(TILL, read=Reading(**reading), time_zone=zone)))


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("1.234,56", "1234.56"), ("1.234.567", "1234567"), ("12,5", "12.5"), ("-0,99", "-0.99"), ("7", "7"),
        ("1 234,5", "1234.5"), ("1\u00a0234,5", "1234.5"), ("1.50", None), ("1.2345", None), ("12.345.6", None),
    ],
)  # fmt: skip
def test_decimal_commas_are_read_and_never_guessed(cell: str, read: str | None) -> None:
    assert value(cell, "money", decimal=",") == (Decimal(read) if read else None)


@given(st.decimals(-10_000_000, 10_000_000, places=2))
@settings(max_examples=50, deadline=None)
def test_german_numbers_come_back_as_they_were(number: Decimal) -> None:
    german = f"{number:,}".translate(str.maketrans(",.", ".,"))
    assert value(german, "money", decimal=",") == number


@pytest.mark.parametrize(
    ("cell", "kind", "read"),
    [
        ("3", "integer", 3), ("3.0", "integer", 3), ("2.5", "integer", None), ("0x10", "integer", None),
        ("2.5", "number", 2.5), ("inf", "number", None), ("-nan", "number", None), ("1e999", "number", None),
        ("1,234.5", "money", None), ("0.00005", "money", Decimal("0.0001")), ("1e15", "money", None),
        ("Yes", "boolean", True), ("nein", "boolean", False), ("maybe", "boolean", None),
        ("2026-02-29", "date", None), ("2024-02-29", "date", date(2024, 2, 29)), ("infinity", "date", None),
        ("20026-01-01", "timestamp", None), ("2026-01-01 (BC)", "timestamp", None), ("a'b", "text", "a'b"),
    ],
)  # fmt: skip
def test_a_text_is_a_value_of_its_type_or_nothing(cell: str, kind: str, read: object) -> None:
    assert value(cell, kind) == read


@pytest.mark.parametrize(
    ("zone", "cell", "utc"),
    [
        ("Europe/London", "2011-03-27 00:59:00", "2011-03-27 00:59"),
        ("Europe/London", "2011-03-27 02:00:00", "2011-03-27 01:00"),
        ("Europe/London", "2011-03-27 01:30:00", "2011-03-27 01:30"),
        ("Europe/Berlin", "2026-10-25 01:59:00", "2026-10-24 23:59"),
        ("Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25 01:30"),
        ("Europe/Berlin", "2026-10-25 03:00:00", "2026-10-25 02:00"),
        ("Europe/Berlin", "2026-10-25T02:30:00+02:00", "2026-10-25 00:30"),
        ("Europe/Berlin", "2026-07-01 12:00:00Z", "2026-07-01 12:00"),
        ("Europe/Berlin", "2026-07-01 12:00:00.25+00", "2026-07-01 12:00:00.25"),
        ("Asia/Kolkata", "2026-07-01", "2026-06-30 18:30"),
    ],
)
@pytest.mark.parametrize("form", ["iso", "%Y-%m-%d %H:%M:%S"])
def test_times_are_stored_in_utc_across_changes_of_the_clock(
    zone: str, cell: str, utc: str, form: str
) -> None:
    assert value(cell, "timestamp", zone, dates=[form]) == datetime.fromisoformat(utc)


@pytest.mark.parametrize(
    "cell", ["2026-01-05 10:00:00", "05.01.2026 10:00", "1/5/26 10:00 AM", "2026-01-05T11:00:00+0100"]
)
def test_mixed_forms_of_dates_in_one_column(cell: str) -> None:
    forms = ["iso", "%d.%m.%Y %H:%M", "%m/%d/%y %I:%M %p"]
    assert value(cell, "timestamp", dates=forms) == datetime(2026, 1, 5, 10)


def test_a_form_with_a_zone_says_its_own() -> None:
    assert value(
        "05.01.2026 10:00 +0300", "timestamp", "Asia/Tokyo", dates=["%d.%m.%Y %H:%M %z"]
    ) == datetime(2026, 1, 5, 7)


def test_typed_files_hold_dates_in_iso_form_beside_their_texts() -> None:
    source = changed(TILL, connector="excel", read=Reading(dates=["%d.%m.%Y"]))
    assert of(typed(text("2026-01-05 10:00:00"), "timestamp", source)) == datetime(2026, 1, 5, 10)


@pytest.mark.parametrize("word", [*NULL_LIKE, " ", " null ", "\tN/A"])
def test_words_that_say_nothing_are_nothing(word: str) -> None:
    assert of(filled(text(word.strip(" \t") if "\t" in word else word))) is None


@pytest.mark.parametrize("word", ["0", "none of these", "Nanette", "--"])
def test_words_that_say_something_stay(word: str) -> None:
    assert of(filled(text(word))) == word


@pytest.mark.parametrize(
    ("how", "cell", "clean"),
    [
        ("whole_number", "12345.0", "12345"), ("whole_number", "12345.50", "12345.50"), ("whole_number", "1.00", "1"),
        ("upper", "de", "DE"), ("none", "  x ", "x"), ("none", "   ", None),
    ],
)  # fmt: skip
def test_cleaned_says_the_same_in_one_way(how: Any, cell: str, clean: str | None) -> None:
    assert of(cleaned(text(cell), Column(to="id.email", clean=how))) == clean


def test_cleaned_renames_values() -> None:
    how = Column(to="event.country", clean="upper", values={"DE": "Germany"})
    assert [of(cleaned(text(c), how)) for c in ("de", "at")] == ["Germany", "AT"]


@given(*[st.lists(st.one_of(st.none(), st.text("ab, |", max_size=2)), min_size=3, max_size=3)] * 2)
@settings(max_examples=60, deadline=None)
def test_joined_tells_different_rows_apart(one: list[str | None], two: list[str | None]) -> None:
    cells = [[text(c) if c is not None else "NULL::VARCHAR" for c in row] for row in (one, two)]
    assert of(f"{joined(cells[0])} = {joined(cells[1])}") == (one == two)
