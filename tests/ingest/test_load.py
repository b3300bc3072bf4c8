"""Loading: every connector, every row counted once, nothing counted twice."""

from __future__ import annotations

import gzip
import json
import tempfile
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from shops import (
    CRM,
    HEADER,
    MAIL,
    TILL,
    WEB,
    ask,
    changed,
    consistent,
    order_totals,
    plan_of,
    shop,
    spends,
    till_file,
    write,
)

from butfor import ingest
from butfor.plan.kinds import Reading, Returns, Source
from butfor.store import open_lake

ROWS = [
    ("r1", "2026-01-05 10:00:00", "c1", "mug", 2, 5.5),
    ("r1", "2026-01-05 10:00:00", "c1", "tea", 1, 3.0),
    ("r2", "2026-02-01 09:30:00", "c2", "mug", 1, 5.5),
]
TOTALS = {"r1": 14.0, "r2": 5.5}
LINES = [",".join(map(str, row)) for row in ROWS]


def as_csv(folder: Path) -> str:
    return till_file(folder / "d.csv", LINES)


def as_gz(folder: Path) -> str:
    path = folder / "d.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *LINES]).encode()))
    return str(path)


def as_parquet(folder: Path) -> str:
    names = HEADER.split(",")
    rows = [dict(zip(names, r, strict=True)) | {"sold": datetime.fromisoformat(r[1])} for r in ROWS]
    pq.write_table(pa.Table.from_pylist(rows), folder / "d.parquet")
    return str(folder / "d.parquet")


def as_jsonl(folder: Path) -> str:
    return write(folder / "d.jsonl", [json.dumps(dict(zip(HEADER.split(","), r, strict=True))) for r in ROWS])


def as_excel(folder: Path) -> str:
    book = openpyxl.Workbook()
    for row in [HEADER.split(","), *([r[0], datetime.fromisoformat(r[1]), *r[2:]] for r in ROWS)]:
        book.active.append(row)
    book.save(folder / "d.xlsx")
    return str(folder / "d.xlsx")


def into_database(url: str) -> str:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    kinds = {"sold": sa.DateTime, "qty": sa.Integer, "price": sa.Numeric(12, 4)}
    table = sa.Table(
        "lines", sa.MetaData(), *(sa.Column(c, kinds.get(c, sa.Text)) for c in HEADER.split(","))
    )
    values = [dict(zip(HEADER.split(","), r, strict=True)) for r in ROWS]
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(
            table.insert(),
            [
                v | {"sold": datetime.fromisoformat(v["sold"]), "price": Decimal(str(v["price"]))}
                for v in values
            ],
        )
    engine.dispose()
    return url


def as_sqlite(folder: Path) -> str:
    return into_database(f"sqlite:///{folder}/shop.db")


FILES = {
    "csv": as_csv,
    "csv.gz": as_gz,
    "parquet": as_parquet,
    "jsonl": as_jsonl,
    "excel": as_excel,
    "sql": as_sqlite,
}


@pytest.mark.requirement("R-076", "R-077")
@pytest.mark.parametrize("kind", FILES)
def test_load_reads_every_connector_alike(kind: str, tmp_path: Path) -> None:
    source = changed(TILL, connector=kind.split(".")[0], read=Reading(table="lines"))
    path = FILES[kind](tmp_path)
    with shop(tmp_path, source) as ws:
        first, again = ws.load("till", path), ws.load("till", path)
        assert (first.read, first.accepted, first.value, first.accounts) == (3, 3, Decimal("19.5"), 2)
        assert (again.read, again.repeated, again.accepted) == (3, 3, 0)
        assert order_totals(ws.lake) == TOTALS
        assert {r["occurred_at"] for r in ask(ws.lake, "SELECT occurred_at FROM ev_order_completed")} == {
            datetime(2026, 1, 5, 10), datetime(2026, 2, 1, 9, 30),
        }  # fmt: skip


def test_load_reads_a_table_of_postgresql(postgres_url: str, tmp_path: Path) -> None:
    url = into_database(postgres_url)
    with shop(tmp_path, changed(TILL, connector="sql", read=Reading(table="public.lines"))) as ws:
        assert (ws.load("till", url).accepted, ws.load("till", url).repeated) == (3, 3)
        assert order_totals(ws.lake) == TOTALS


NESTED = Source(
    id="app", label="App", connector="jsonl", grain="event", account="user.id", event="order_completed",
    columns={
        "order": "event.order_id", "at": "time", "user.id": "id.customer_id", "total": "event.total",
        "items[].sku": "product.product_id", "items[].n": "product.quantity", "items[].each": "product.price",
    },
)  # fmt: skip


def nested_line(order: str, *items: dict[str, object], **more: object) -> str:
    total = sum(float(str(i["n"])) * float(str(i["each"])) for i in items)
    row = {
        "order": order,
        "at": "2026-03-01T10:00:00+02:00",
        "user": {"id": "c1"},
        "total": total,
        "items": items,
    }
    return json.dumps(row | more)


def test_load_keeps_nested_products_of_json_lines(tmp_path: Path) -> None:
    items = {"sku": "mug", "n": 2, "each": 5.5}, {"sku": "tea", "n": 1, "each": 3}
    path = write(tmp_path / "d.jsonl", [nested_line("o1", *items), nested_line("o2")])
    with shop(tmp_path, NESTED) as ws:
        assert ws.load("app", path).accepted == 2
        assert ws.load("app", path).repeated == 2
        assert order_totals(ws.lake) == {"o1": 14.0, "o2": 0.0}
        lines = ask(
            ws.lake, "SELECT product_id, amount FROM ev_order_completed__products ORDER BY product_id"
        )
        assert lines == [
            {"product_id": "mug", "amount": Decimal("11")},
            {"product_id": "tea", "amount": Decimal("3")},
        ]


def test_load_quarantines_a_nested_product_without_a_usable_price(tmp_path: Path) -> None:
    broken = nested_line("o2", total=1, items=[{"sku": "mug", "n": 1, "each": "two"}])
    path = write(tmp_path / "d.jsonl", [nested_line("o1", {"sku": "tea", "n": 1, "each": 3}), broken])
    with shop(tmp_path, NESTED) as ws:
        done = ws.load("app", path)
        assert (done.accepted, done.reasons) == (1, {"bad type: items[].each is no money": 1})
        assert order_totals(ws.lake) == {"o1": 3.0}


def test_load_takes_equal_lines_of_a_file_as_separate_sales(tmp_path: Path) -> None:
    path = till_file(tmp_path / "d.csv", [LINES[0], LINES[0], LINES[0]])
    with shop(tmp_path, TILL) as ws:
        assert ws.load("till", path).accepted == 3
        assert ws.load("till", path).repeated == 3
        assert order_totals(ws.lake) == {"r1": 33.0}


@pytest.mark.requirement("R-077")
def test_load_adds_of_an_overlapping_delivery_only_what_is_new(tmp_path: Path) -> None:
    with shop(tmp_path, TILL) as ws:
        ws.load("till", till_file(tmp_path / "d1.csv", [LINES[0], LINES[2]]))
        second = ws.load("till", till_file(tmp_path / "d2.csv", [LINES[0], LINES[0], LINES[1], LINES[2]]))
        assert (second.accepted, second.repeated) == (2, 2)
        assert order_totals(ws.lake) == {"r1": 25.0, "r2": 5.5}


@pytest.mark.requirement("R-076")
def test_load_adds_late_lines_of_a_known_order_as_a_second_part(tmp_path: Path) -> None:
    with shop(tmp_path, TILL) as ws:
        ws.load("till", till_file(tmp_path / "d1.csv", [LINES[0]]))
        ws.load("till", till_file(tmp_path / "d2.csv", [LINES[1]]))
        parts = ask(ws.lake, "SELECT part, total FROM ev_order_completed ORDER BY part")
        assert [(p["part"], float(p["total"])) for p in parts] == [(0, 11.0), (1, 3.0)]
        assert spends(ws) == {"c1": (1, 14.0)}
        consistent(ws.lake)


@pytest.mark.requirement("R-076")
def test_returns_and_cancellations_lower_spend_but_not_purchases(tmp_path: Path) -> None:
    back = ["k1,2026-03-01 10:00:00,c1,mug,-1,5.5", "k2,2026-03-02 10:00:00,c2,mug,-1,5.5"]
    with shop(tmp_path, TILL) as ws:
        ws.load("till", till_file(tmp_path / "d1.csv", LINES))
        assert spends(ws) == {"c1": (1, 14.0), "c2": (1, 5.5)}
        for _ in range(2):
            done = ws.load("till", till_file(tmp_path / "d2.csv", back))
        assert (done.events, done.repeated) == ({"order_completed": 0, "order_refunded": 0}, 2)
        assert spends(ws) == {"c1": (1, 8.5), "c2": (1, 0.0)}
        assert order_totals(ws.lake, "ev_order_refunded") == {"k1": 5.5, "k2": 5.5}


@pytest.mark.parametrize(
    ("when", "refunded"),
    [
        ("never", set()),
        ("negative_quantity", {"q"}),
        ("negative_amount", {"a"}),
        ("negative_either", {"q", "a"}),
    ],
)
def test_returns_are_the_rows_that_the_source_says(when: str, refunded: set[str], tmp_path: Path) -> None:
    lines = [f"{r},2026-03-01 10:00:00,c1,x,{n},{p}" for r, n, p in (("q", -1, 0), ("a", 1, -2), ("s", 1, 9))]
    with shop(tmp_path, changed(TILL, returns=Returns(when=when))) as ws:
        ws.load("till", till_file(tmp_path / "d.csv", lines))
        assert set(order_totals(ws.lake, "ev_order_refunded")) == refunded


def test_a_source_with_a_key_takes_each_key_once(tmp_path: Path) -> None:
    source = changed(WEB, key=["order"])
    lines = ["order,at,customer,total", "o1,2026-01-01,c1,5", "o1,2026-01-01,c1,7", "o2,2026-01-01,c1,9"]
    with shop(tmp_path, source) as ws:
        first = ws.load("web", write(tmp_path / "d.csv", lines))
        assert (first.accepted, first.repeated, first.value) == (2, 1, Decimal(14))
        assert order_totals(ws.lake) == {"o1": 5.0, "o2": 9.0}


def test_a_broken_row_does_not_use_up_its_key(tmp_path: Path) -> None:
    lines = ["order,at,customer,total", "o1,2026-01-01,c1,five", "o1,2026-01-01,c1,5"]
    with shop(tmp_path, changed(WEB, key=["order"])) as ws:
        done = ws.load("web", write(tmp_path / "d.csv", lines))
        assert (done.accepted, done.repeated, done.quarantined) == (1, 0, 1)
        assert order_totals(ws.lake) == {"o1": 5.0}


def test_person_rows_become_attributes_and_identifiers(tmp_path: Path) -> None:
    lines = ["customer,email,first,city,born", "c1, Ann@Shop.DE ,Ann,Köln,1990-02-03", "c2,,Bob,n/a,"]
    with shop(tmp_path, CRM) as ws:
        assert ws.load("crm", write(tmp_path / "d.csv", lines)).accepted == 2
        ws.run()
        rows = ask(ws.lake, "SELECT first_name, city, birth_date FROM traits ORDER BY first_name")
        assert [(r["first_name"], r["city"], str(r["birth_date"])) for r in rows] == [
            ("Ann", "Köln", "1990-02-03"),
            ("Bob", None, "None"),
        ]
        assert ask(ws.lake, "SELECT val FROM identifier WHERE term = 'email'") == [{"val": "ann@shop.de"}]


def test_person_rows_that_name_an_event_need_no_time(tmp_path: Path) -> None:
    lines = ["customer,email,first,city,born", "c1,a@b.de,Ann,Köln,1990-02-03"]
    with shop(tmp_path, changed(CRM, event="registered")) as ws:
        done = ws.load("crm", write(tmp_path / "d.csv", lines))
        assert (done.accepted, done.events) == (1, {"registered": 0})


ANONYMOUS = Source(
    id="list",
    label="A list",
    connector="csv",
    grain="person",
    account="row_number",
    columns={"city": "person.city"},
)


def test_rows_without_a_key_are_people_of_their_own_in_every_delivery(tmp_path: Path) -> None:
    with shop(tmp_path, ANONYMOUS) as ws:
        first = write(tmp_path / "d1.csv", ["city", "Rome", "Rome", "Bari"])
        assert [ws.load("list", first).accounts, ws.load("list", first).repeated] == [3, 3]
        ws.load("list", write(tmp_path / "d2.csv", ["city", "Oslo", "Bergen"]))
        assert ws.run().people.people == 5
        cities = ask(ws.lake, "SELECT city, count(*) AS n FROM traits GROUP BY city ORDER BY city")
        assert {r["city"]: r["n"] for r in cities} == {"Bari": 1, "Bergen": 1, "Oslo": 1, "Rome": 2}


@pytest.mark.requirement("R-076")
def test_receipts_without_a_customer_count_in_totals_and_belong_to_nobody(tmp_path: Path) -> None:
    lines = [LINES[0], "r9,2026-01-05 10:00:00,,mug,1,100"]
    with shop(tmp_path, TILL) as ws:
        done = ws.load("till", till_file(tmp_path / "d.csv", lines))
        assert (done.accepted, done.without_customer, done.value) == (2, 1, Decimal(111))
        assert spends(ws) == {"c1": (1, 11.0)}
        assert float(ws.source_totals()["order_completed"][0]["total"]) == 111
        assert ask(ws.lake, "SELECT count(*) AS n FROM traits") == [{"n": 1}]


# --- quarantine -----------------------------------------------------------------------------------

GOOD = "r1,2026-01-05 10:00:00,c1,mug,1,5"
BROKEN = {
    "bad type: price is no money": "r2,2026-01-05 10:00:00,c1,mug,1,five",
    "bad type: quantity is no number": "r2,2026-01-05 10:00:00,c1,mug,two,5",
    "bad type: time is no timestamp": "r2,yesterday,c1,mug,1,5",
    "missing time": "r2,NULL,c1,mug,1,5",
    "missing order_id": ",2026-01-05 10:00:00,c1,mug,1,5",
    "missing price": "r2,2026-01-05 10:00:00,c1,mug,1,",
    "future time": "r2,2027-01-05 10:00:00,c1,mug,1,5",
    "amount is too large": "r2,2026-01-05 10:00:00,c1,mug,1e12,1e12",
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_row_that_cannot_be_used_is_quarantined_with_its_reason(reason: str, tmp_path: Path) -> None:
    with shop(tmp_path, TILL) as ws:
        done = ws.load("till", till_file(tmp_path / "d.csv", [GOOD, BROKEN[reason]]))
        assert (done.read, done.accepted, done.reasons) == (2, 1, {reason: 1})
        kept = ws.quarantine()[0]
        assert (kept["reason"], kept["source"], kept["row_no"]) == (reason, "till", 2)
        assert order_totals(ws.lake) == {"r1": 5.0}


@pytest.mark.parametrize(
    "when", ["20026-01-05 10:00:00", "infinity", "-infinity", "2026-01-05 (BC)", "0026-01-05"]
)
def test_a_time_outside_the_plausible_is_quarantined(when: str, tmp_path: Path) -> None:
    with shop(tmp_path, TILL) as ws:
        done = ws.load(
            "till", till_file(tmp_path / "d.csv", [GOOD, GOOD.replace("2026-01-05 10:00:00", when)])
        )
        assert (done.accepted, done.quarantined) == (1, 1)
        assert spends(ws) == {"c1": (1, 5.0)}


@pytest.mark.parametrize("quantity", ["inf", "-Infinity", "1e400"])
def test_a_quantity_without_bounds_is_quarantined(quantity: str, tmp_path: Path) -> None:
    with shop(tmp_path, TILL) as ws:
        done = ws.load("till", till_file(tmp_path / "d.csv", [GOOD, f"r2,2026-01-05,c1,mug,{quantity},5"]))
        assert (done.accepted, done.reasons) == (1, {"bad type: quantity is no number": 1})


@pytest.mark.requirement("R-192")
def test_an_unplanned_attribute_is_quarantined_and_stored_nowhere_else(tmp_path: Path) -> None:
    lines = [
        "customer,email,first,city,born,religion",
        "c1,a@b.de,Ann,Rome,,Pastafarian",
        "c2,c@d.de,Bob,Rome,,",
    ]
    with shop(tmp_path, CRM) as ws:
        done = ws.load("crm", write(tmp_path / "d.csv", lines))
        assert (done.accepted, done.quarantined, done.unplanned) == (2, 0, {"religion": 1})
        kept = ws.quarantine()
        assert [(q["reason"], q["field"], q["val"]) for q in kept] == [
            ("unplanned attribute", "religion", "Pastafarian")
        ]
        ws.run()
        for table in ws.lake.tables() - {"quarantine"}:
            assert "Pastafarian" not in str(ask(ws.lake, f'SELECT * FROM "{table}"')), table


def test_an_unknown_event_is_quarantined(tmp_path: Path) -> None:
    lines = ["email,at,what", "a@b.de,2026-01-01,unsub", "a@b.de,2026-01-01,Unsubscribe?"]
    with shop(tmp_path, MAIL) as ws:
        done = ws.load("mail", write(tmp_path / "d.csv", lines))
        assert (done.events["unsubscribed"], done.reasons) == (1, {"unknown event": 1})
        assert ws.quarantine()[0]["val"] == "Unsubscribe?"


def test_a_person_without_identifier_is_quarantined(tmp_path: Path) -> None:
    lines = ["customer,email,first,city,born", "c1,a@b.de,Ann,Rome,", ",b@c.de,Bob,Rome,"]
    with shop(tmp_path, CRM) as ws:
        assert ws.load("crm", write(tmp_path / "d.csv", lines)).reasons == {"missing identifier": 1}


def test_an_identifier_longer_than_the_index_takes_is_quarantined(tmp_path: Path) -> None:
    lines = ["customer,email,first,city,born", f"{'c' * 321},a@b.de,Ann,Rome,", "c2,b@c.de,Bob,Rome,"]
    with shop(tmp_path, CRM) as ws:
        done = ws.load("crm", write(tmp_path / "d.csv", lines))
        assert (done.accepted, done.reasons) == (1, {"identifier is longer than 320 letters": 1})


def test_a_malformed_json_line_is_quarantined(tmp_path: Path) -> None:
    lines = [nested_line("o1", {"sku": "tea", "n": 1, "each": 3}), '{"order": "o2", ', "[1, 2]", '"text"']
    with shop(tmp_path, NESTED) as ws:
        done = ws.load("app", write(tmp_path / "d.jsonl", lines))
        assert (done.read, done.accepted, done.reasons) == (4, 1, {"unreadable row: not a JSON object": 3})
        assert [q["row_no"] for q in ws.quarantine()] == [2, 3, 4]


def test_csv_rows_of_another_width_are_quarantined_with_their_line(tmp_path: Path) -> None:
    lines = [GOOD, "r2,2026-01-05", GOOD + ",1,2", GOOD.replace("r1", "r3")]
    with shop(tmp_path, TILL) as ws:
        done = ws.load("till", till_file(tmp_path / "d.csv", lines))
        assert (done.read, done.accepted, done.quarantined) == (4, 2, 2)
        assert sorted((q["row_no"], q["raw"]) for q in ws.quarantine()) == [(3, lines[1]), (4, lines[2])]
        assert ws.load("till", str(tmp_path / "d.csv")).repeated == 2
        assert len(ws.quarantine()) == 2


def test_a_column_named_like_our_own_keeps_its_values(tmp_path: Path) -> None:
    source = changed(WEB, columns=WEB.columns | {"row_no": "event.store"})
    lines = ["order,at,customer,total,row_no", "o1,2026-01-01,c1,5,Rome", "o2,2026-01-01,c1,5,Bari"]
    with shop(tmp_path, source) as ws:
        ws.load("web", write(tmp_path / "d.csv", lines))
        stores = ask(ws.lake, "SELECT order_id, store FROM ev_order_completed ORDER BY order_id")
        assert [r["store"] for r in stores] == ["Rome", "Bari"]


# --- whatever a file holds, each of its rows is counted once -----------------------------------------

CELLS = {
    "receipt": ["r1", "r2", "r2", "r3", "", "null"],
    "sold": [*["2026-01-05 10:00:00"] * 9, "2026-02-30", "soon", "", "2030-01-01", "-infinity"],
    "customer": ["c1", "c2", "", "N/A", "ç'\""],
    "sku": ["mug", "", "a;b", "ß\x1f"],
    "qty": ["1", "2", "-1", "x", "", "inf", "1e300", "0"],
    "price": ["5", "5", "-2.5", "", "free", "1e30", "0.00001"],
}
ROW = st.tuples(*(st.sampled_from(cells) for cells in CELLS.values())).map(list)
MANGLED = st.one_of(ROW, ROW, ROW, ROW.map(lambda r: r[:-1]), ROW.map(lambda r: [*r, "more"]))


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if '"' in cell or "," in cell else cell


@given(st.lists(MANGLED, max_size=8), st.lists(MANGLED, max_size=8))
@settings(max_examples=15, deadline=None)
def test_read_is_accepted_plus_repeated_plus_quarantined(one: list[list[str]], two: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(open_lake("duckdb::memory:", Path(folder))) as lake:
        plan = plan_of(Path(folder), TILL)
        for rows in (one, [*one, *two], one):
            # One good row, for a delivery of which nothing can be used is refused.
            path = till_file(Path(folder) / "d.csv", [GOOD, *(",".join(map(quoted, row)) for row in rows)])
            done = ingest.load(lake, plan, TILL, path, load_id=1, now=datetime(2026, 7, 1))
            assert done.read == done.accepted + done.repeated + done.quarantined == len(rows) + 1
            assert sum(done.reasons.values()) == done.quarantined
        assert done.accepted == 0
        consistent(lake)


@pytest.mark.requirement("R-077")
def test_a_column_mapped_later_does_not_double_the_sales(tmp_path: Path) -> None:
    """The same file is the same sales, though its source has learnt to read one column more."""
    file = write(tmp_path / "d.csv", [f"{HEADER},label", *[f"{line},x{i}" for i, line in enumerate(LINES)]])
    bare = changed(TILL, columns={**TILL.columns, "label": "ignore"})
    with shop(tmp_path / "w", bare) as ws:
        ws.load("till", file)
        ws.plan = plan_of(tmp_path / "w", changed(TILL, columns={**TILL.columns, "label": "product.name"}))
        again = ws.load("till", file)
        assert (again.accepted, again.repeated) == (0, len(LINES))
        assert order_totals(ws.lake) == TOTALS
