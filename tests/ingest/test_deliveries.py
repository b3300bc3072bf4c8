"""Deliveries: encodings, separators and headers, read as rows of text."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from shops import WEB, ask, changed, shop, write

from butfor.ingest.deliveries import as_text, list_path
from butfor.model import BadInput, StoreError
from butfor.plan.kinds import Reading

LINES = ["order,at,customer,total,store", "o1,2026-01-01,Jürgen,12.5,Köln–Süd"]
SOURCE = changed(WEB, columns=WEB.columns | {"store": "event.store"})


def loaded(folder: Path, path: str, **fields: Any) -> list[dict[str, Any]]:
    with shop(folder, changed(SOURCE, **fields)) as ws:
        ws.load("web", path)
        query = "SELECT a.account_key AS who, e.store, e.total, e.occurred_at FROM ev_order_completed AS e "
        return ask(ws.lake, query + "JOIN account AS a ON a.account_id = e.account_id ORDER BY 1")


def only(rows: list[dict[str, Any]]) -> tuple[str, str, Decimal]:
    assert len(rows) == 1
    return rows[0]["who"], rows[0]["store"], rows[0]["total"]


WANTED = ("Jürgen", "Köln–Süd", Decimal("12.5"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("packed", [False, True])
def test_text_files_are_read_in_their_own_encoding(encoding: str, packed: bool, tmp_path: Path) -> None:
    path = Path(write(tmp_path / "d.csv", LINES, encoding))
    if packed:
        path.with_name("d.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        path = path.with_name("d.csv.gz")
    stated = None if encoding.startswith("utf-8") else encoding
    assert only(loaded(tmp_path, str(path), read=Reading(encoding=stated))) == WANTED


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_separators_and_decimal_commas(separator: str, tmp_path: Path) -> None:
    lines = [line.replace(",", separator).replace("12.5", "1.012,50") for line in LINES]
    read = Reading(separator=separator, decimal=",")
    found = only(loaded(tmp_path, write(tmp_path / "d.csv", lines), read=read))
    assert found == (*WANTED[:2], Decimal("1012.5"))


def test_a_file_without_header_is_read_by_the_names_of_its_source(tmp_path: Path) -> None:
    read = Reading(header=False, names=LINES[0].split(","))
    assert only(loaded(tmp_path, write(tmp_path / "d.csv", LINES[1:]), read=read)) == WANTED


def test_cells_may_hold_separators_quotes_and_lines(tmp_path: Path) -> None:
    row = 'o1,2026-01-01,"Ann ""A"", Bob",1,"two\nlines"'
    assert only(loaded(tmp_path, write(tmp_path / "d.csv", [LINES[0], row]))) == (
        'Ann "A", Bob',
        "two\nlines",
        Decimal(1),
    )


@pytest.mark.parametrize("word", ["NULL", " null ", "N/A", "-", "NaN"])
def test_words_that_say_nothing_are_no_customer_in_any_connector(word: str, tmp_path: Path) -> None:
    row = f"o1,2026-01-01,{word},1,x"
    assert loaded(tmp_path, write(tmp_path / "d.csv", [LINES[0], row])) == []


def test_json_lines_with_a_byte_order_mark_and_in_utf_16(tmp_path: Path) -> None:
    row = json.dumps(dict(zip(LINES[0].split(","), LINES[1].split(","), strict=True)), ensure_ascii=False)
    for encoding in ("utf-8-sig", "utf-16"):
        path = write(tmp_path / "d.jsonl", [row], encoding)
        read = Reading(encoding=None if encoding == "utf-8-sig" else encoding)
        assert only(loaded(tmp_path / encoding, path, connector="jsonl", read=read)) == WANTED


@pytest.mark.parametrize("connector", ["jsonl", "parquet", "excel", "sql"])
def test_true_numbers_are_no_texts_with_decimal_commas(connector: str, tmp_path: Path) -> None:
    row = {"order": "o1", "at": "2026-01-01", "customer": "Jürgen", "total": 1012.125, "store": "Köln–Süd"}
    path = {"jsonl": as_jsonl, "parquet": as_parquet, "excel": as_excel, "sql": as_sql}[connector](
        tmp_path, row
    )
    read = Reading(decimal=",", table="orders")
    assert only(loaded(tmp_path, path, connector=connector, read=read)) == (*WANTED[:2], Decimal("1012.125"))


def as_jsonl(folder: Path, row: dict[str, Any]) -> str:
    return write(folder / "d.jsonl", [json.dumps(row)])


def as_parquet(folder: Path, row: dict[str, Any]) -> str:
    pq.write_table(pa.Table.from_pylist([row]), folder / "d.parquet")
    return str(folder / "d.parquet")


def as_excel(folder: Path, row: dict[str, Any]) -> str:
    book = openpyxl.Workbook()
    for cells in (list(row), list(row.values()), [None] * len(row)):
        book.active.append(cells)
    book.save(folder / "d.xlsx")
    return str(folder / "d.xlsx")


def as_sql(folder: Path, row: dict[str, Any]) -> str:
    engine = sa.create_engine(f"sqlite:///{folder}/shop.db")
    kinds = {"total": sa.Numeric(12, 4)}
    table = sa.Table("orders", sa.MetaData(), *(sa.Column(c, kinds.get(c, sa.Text)) for c in row))
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), [row | {"total": Decimal(str(row["total"]))}])
    engine.dispose()
    return f"sqlite:///{folder}/shop.db"


def test_parquet_times_with_a_zone_are_not_moved_twice(tmp_path: Path) -> None:
    at = pa.array([datetime(2026, 7, 1, 10)], pa.timestamp("us", tz="UTC"))
    row = {"order": ["o1"], "at": at, "customer": ["c"], "total": [1.0], "store": ["x"]}
    pq.write_table(pa.table(row), tmp_path / "d.parquet")
    found = loaded(tmp_path, str(tmp_path / "d.parquet"), connector="parquet", time_zone="Europe/Berlin")
    assert found[0]["occurred_at"] == datetime(2026, 7, 1, 10)


def test_excel_reads_the_sheet_that_is_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["notes"])
    sheet = book.create_sheet("Orders")
    for cells in (LINES[0].split(","), ["o1", datetime(2026, 1, 1), "Jürgen", 12.5, "Köln–Süd"]):
        sheet.append(cells)
    book.save(tmp_path / "d.xlsx")
    read = Reading(sheet="Orders")
    assert only(loaded(tmp_path, str(tmp_path / "d.xlsx"), connector="excel", read=read)) == WANTED
    with pytest.raises(BadInput, match="there is: Sheet, Orders"):
        loaded(tmp_path / "other", str(tmp_path / "d.xlsx"), connector="excel", read=Reading(sheet="Order"))


@pytest.mark.parametrize(
    ("url", "table", "words"),
    [
        ("sqlite:///{}/none.db", "orders", "check the path in the URL"),
        ("sqlite:///{}/shop.db", "order", "there is: orders"),
        ("sqlite:///{}/shop.db", "main.order", "there is: orders"),
        ("nonsense", "orders", "it is an SQLAlchemy URL"),
        ("sqlite:///{}/d.csv", "orders", "database"),
    ],
)
def test_a_database_that_cannot_be_read_says_why(url: str, table: str, words: str, tmp_path: Path) -> None:
    as_sql(tmp_path, dict.fromkeys(LINES[0].split(","), "1"))
    write(tmp_path / "d.csv", ["no database" * 100])
    with pytest.raises((BadInput, StoreError), match=words) as caught:
        loaded(tmp_path, url.format(tmp_path), connector="sql", read=Reading(table=table))
    assert "hub" not in caught.value.thing


def test_as_text_writes_what_a_csv_export_would() -> None:
    given = [None, " ", 3.0, 2.5, True, datetime(2026, 1, 5, 10), Decimal("1.20"), "n/a", "x"]
    assert [as_text(v) for v in given] == [
        None,
        None,
        "3",
        "2.5",
        "True",
        "2026-01-05 10:00:00",
        "1.20",
        None,
        "x",
    ]


def test_list_path_splits_a_nested_column() -> None:
    assert (list_path("a.items[].sku"), list_path("plain")) == (("a.items", "sku"), None)
