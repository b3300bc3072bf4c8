"""How a file is written is seen in the file: encoding, separator, decimals, dates, header."""

from __future__ import annotations

import gzip
import json
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from proposing import data_file, written

from butfor.ingest.shapes import find_dates, read_time
from butfor.ingest.sniff import sniff
from butfor.model import BadInput

GERMAN = "Beleg;Datum;Betrag;Ort\n1;31.12.2025 14:05;1.234,56;Köln\n2;01.01.2026 09:30;-7,10;München\n"


def test_a_german_export_is_read_as_written(tmp_path: Path) -> None:
    seen = sniff(str(written(tmp_path, GERMAN, encoding="cp1252")))
    assert (seen.reading.encoding, seen.reading.separator, seen.reading.decimal) == ("cp1252", ";", ",")
    assert seen.reading.dates == ["%d.%m.%Y %H:%M"]
    assert seen.rows[0] == {"Beleg": "1", "Datum": "31.12.2025 14:05", "Betrag": "1.234,56", "Ort": "Köln"}
    assert seen.facts == [
        "encoding cp1252", "semicolons separate the columns", "decimal comma", "Datum: dates as 31.12.2026 14:05",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("name;town\nŁukasz;Kraków\nŻaneta;Wrocław\n", "cp1250"),
        ("имя;город\nИван;Москва\nОльга;Казань\nПётр;Санкт-Петербург\n", "cp1251"),
        ("이름;도시\n홍길동;서울\n김영희;부산\n박철수;대구\n", "cp949"),
        ("name;town\nHélène;Besançon\nJürgen;Göttingen\n", "cp1252"),
        ("name;town\nHélène;Besançon\n", "utf-16"),
    ],
)
def test_code_pages_are_told_apart(tmp_path: Path, text: str, encoding: str) -> None:
    seen = sniff(str(written(tmp_path, text, encoding=encoding)))
    assert seen.reading.encoding == encoding
    assert seen.columns == text.splitlines()[0].split(";")


def test_utf8_needs_no_statement_and_a_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert sniff(str(written(tmp_path, "a,b\n1,é\n"))).reading.encoding is None
    seen = sniff(str(written(tmp_path, "a,b\n1,é\n", encoding="utf-8-sig")))
    assert (seen.columns, seen.reading.encoding) == (["a", "b"], None)


def test_a_letter_cut_in_two_at_the_end_of_the_head_does_not_mislead(tmp_path: Path) -> None:
    line = "1,한국어\n"
    for shift in range(4):
        text = "a,b\n" + "x" * shift + line * (2_200_000 // len(line.encode()))
        assert sniff(str(written(tmp_path, text))).reading.encoding is None


def test_a_foreign_letter_far_below_the_head_is_found(tmp_path: Path) -> None:
    text = "a;b\n" + "1;plain\n" * 400_000 + "2;Köln\n3;München\n"
    assert sniff(str(written(tmp_path, text, encoding="cp1252"))).reading.encoding == "cp1252"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
def test_separators(tmp_path: Path, separator: str) -> None:
    rows = [["id", "date", "amount"], ["1", "20260101", "7.50"], ["2", "20260102", "8.00"]]
    text = "".join(separator.join(row) + "\n" for row in rows)
    seen = sniff(str(written(tmp_path, text, "sample.txt")))
    assert (seen.reading.separator, seen.columns) == (separator, rows[0])


def test_quotes_are_respected(tmp_path: Path) -> None:
    text = 'id;text\n1;"a;b"\n2;"line one\nline two, with commas, and more, commas"\n3;c\n'
    seen = sniff(str(written(tmp_path, text)))
    assert seen.reading.separator == ";"
    assert [row["text"] for row in seen.rows] == [
        "a;b",
        "line one\nline two, with commas, and more, commas",
        "c",
    ]


def test_a_missing_header_and_a_double_name_are_stated(tmp_path: Path) -> None:
    bare = sniff(str(written(tmp_path, "1,a@b.de,2026-01-01\n2,c@d.de,2026-01-02\n")))
    assert (bare.reading.header, bare.reading.names, len(bare.rows)) == (
        False, ["column_1", "column_2", "column_3"], 2,
    )  # fmt: skip
    twice = sniff(str(written(tmp_path, "id,name,name\n1,a,b\n")))
    assert (twice.reading.header, twice.reading.names) == (True, ["id", "name", "name_2"])


@pytest.mark.parametrize(
    ("values", "forms", "unclear"),
    [
        (["2026-01-02", "2026-01-02T10:00:00+01:00", "2026-01-02 10:00"], ["iso"], False),
        (["13/01/2026", "02/01/2026"], ["%d/%m/%Y"], False),
        (["01/13/2026 3:05 PM", "01/02/2026 4:00 AM"], ["%m/%d/%Y %I:%M %p"], False),
        (["01/02/2026", "03/04/2026"], ["%d/%m/%Y"], True),
        (["01.02.2026"], ["%d.%m.%Y"], False),
        (["31.12.2025", "31.12.2025 14:05", "31.12.25"], ["%d.%m.%y", "%d.%m.%Y", "%d.%m.%Y %H:%M"], False),
        (["20260102"], ["%Y%m%d"], False),
        (["02 Jan 2026", "3 Feb 2026"], ["%d %b %Y"], False),
        (["2026년 1월 2일"], ["%Y년 %m월 %d일"], False),
        (["2026. 1. 2.", "2026. 11. 12."], ["%Y. %m. %d."], False),
    ],
)
def test_date_forms(values: list[str], forms: list[str], unclear: bool) -> None:
    found = find_dates(Counter(values))
    assert found is not None
    assert (sorted(found.forms), found.unclear, found.share) == (sorted(forms), unclear, 1.0)


def test_two_digit_years_are_tried_first_and_words_are_no_dates() -> None:
    found = find_dates(Counter(["31.12.2025", "31.12.2024", "30.12.25"]))
    assert found is not None
    assert found.forms == ["%d.%m.%y", "%d.%m.%Y"]
    assert find_dates(Counter(["order 12", "99.99.2026", "12"])) is None


def test_nested_json_becomes_dotted_columns(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "who": {"mail": "a@b.de"}, "lines": [{"sku": "x", "n": 2}], "tags": ["new"], "ok": True},
        {"id": 2, "who": {"mail": None}, "lines": [], "tags": [], "total": 12.50},
    ]
    seen = sniff(str(written(tmp_path, "".join(json.dumps(r) + "\n" for r in rows), "orders.jsonl")))
    assert seen.columns == ["id", "who.mail", "lines[].sku", "lines[].n", "tags", "ok", "total"]
    assert seen.rows[0]["lines[].sku"] == "x"
    assert (seen.rows[0]["ok"], seen.rows[1]["total"], seen.rows[1]["who.mail"]) == ("true", "12.5", None)


def test_parquet_keeps_the_point_of_a_number_that_the_loader_will_see(tmp_path: Path) -> None:
    at = pa.array([datetime(2026, 1, 2, 3, 4)] * 5_200, pa.timestamp("us", "UTC"))
    pq.write_table(
        pa.table({"n": pa.array(range(5_200)).cast(pa.float64()), "at": at}), tmp_path / "x.parquet"
    )
    seen = sniff(str(tmp_path / "x.parquet"))
    assert seen.rows[7] == {"n": "7.0", "at": "2026-01-02 03:04:00+00:00"}
    assert len({row["n"] for row in seen.rows}) == len(seen.rows) == 5_200


def test_excel_and_sql(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["id", "at"])
    book.active.append([1, datetime(2026, 1, 2)])
    book.save(tmp_path / "x.xlsx")
    seen = sniff(str(tmp_path / "x.xlsx"))
    assert (seen.connector, seen.reading.sheet, seen.rows) == (
        "excel",
        "Sheet",
        [{"id": "1", "at": "2026-01-02"}],
    )
    url = f"sqlite:///{tmp_path / 'x.db'}"
    with sa.create_engine(url).begin() as connection:
        connection.execute(sa.text("CREATE TABLE people AS SELECT 1 AS id, 'a@b.de' AS email"))
    seen = sniff(url, "people")
    assert (seen.connector, seen.reading.table, seen.rows) == (
        "sql",
        "people",
        [{"id": "1", "email": "a@b.de"}],
    )
    with pytest.raises(BadInput, match="one table at a time"):
        sniff(url)


def test_what_cannot_be_sampled_says_why_and_what_next(tmp_path: Path) -> None:
    written(tmp_path, "a,b\n1,2\n", "orders.csv")
    with pytest.raises(BadInput, match=r"did you mean orders\.csv"):
        sniff(str(tmp_path / "order.csv"))
    for name, content, said in (
        ("empty.csv", b"", "0 bytes"),
        ("header.csv", b"a,b\n", "no rows"),
        ("picture.csv", b"\x89PNG\x00\x01\x02", "no text"),
        ("cut.csv.gz", gzip.compress(b"a,b\n1,2\n" * 9_000)[:60], "cut short"),
        ("broken.parquet", b"PAR1 and no more", "whole Parquet"),
        ("array.json", b'[{"a": 1}]', "one object per line"),
        ("table.xlsx", b"PK\x03\x04 and no more", "Excel workbook"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=said):
            sniff(str(tmp_path / name))


def test_half_a_million_lines_are_sampled_within_a_second() -> None:
    file = data_file("online_retail_uci/online_retail.csv.gz")
    began = time.perf_counter()
    seen = sniff(str(file))
    assert time.perf_counter() - began < 1
    assert seen.rows[-1]["InvoiceDate"].startswith("2011-12-09")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2026-05-01 10:00:00 +0200", "%Y-%m-%d %H:%M:%S %z"),
        ("2026-05-01 10:00:00.25+02", "%Y-%m-%d %H:%M:%S.%f%z"),
        ("2026-05-01T10:00:00+02:00", "iso"),
        ("2026-05-01T08:00:00.000Z", "iso"),
        ("2026-5-1 8:00 UTC", "iso"),
        ("01/05/2026 10:00 +0200", "%d/%m/%Y %H:%M %z"),
    ],
)
def test_offsets_are_stated_in_the_form_that_reads_them(text: str, form: str) -> None:
    found = find_dates(Counter([text]))
    assert found is not None
    assert found.forms == [form]
    read = read_time(text, found.forms, "Asia/Tokyo")
    assert read is not None
    assert read.replace(microsecond=0).isoformat() == "2026-05-01T08:00:00+00:00"
    assert found.zoned
