"""One suite over every lake; and every named query of the code base gives equal results on all of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from engines import SPARK, new_lake_url
from live_calls import SITE, Live, track

from butfor import store
from butfor.app import Workspace, open_workspace
from butfor.app.audience_page import audience_page
from butfor.app.consequences import change, consequences, undo_change
from butfor.app.customer import customer, find_people
from butfor.app.export import export_audience
from butfor.app.link import person_records
from butfor.app.members import consented
from butfor.app.observed import observed
from butfor.app.people import judge_pair, look_again, open_live, touch
from butfor.app.privacy import erase_person
from butfor.app.recommend import recommend_all, recommendation_report, recommended
from butfor.app.segment_table import import_segments
from butfor.app.sources import add_source, reconcile
from butfor.app.value import predict, prediction_runs
from butfor.audiences import parse_rule
from butfor.channels.sync import Answer
from butfor.demo import demo_definitions, make_workspace, messages_of
from butfor.model import StoreError
from butfor.plan import load_plan, load_workspace_file, retail_plan, save_definition, save_workspace_file
from butfor.plan.kinds import (
    Audience,
    Experiment,
    Metric,
    Policy,
    PolicyCase,
    Property,
    Quantity,
    Readiness,
    Rule,
    Source,
    Term,
)
from butfor.simulate import Shop, ShopSettings, simulate_shop
from butfor.store import REGISTRY, Lake, Query, Table, literal, named, open_lake, sql

NOW = datetime(2026, 7, 1)
ROWS = Table("thing", {"id": "uuid", "at_": "timestamp", "amount": "money", "n": "integer", "word": "text"})
FEW = Readiness(buyers=20, regulars=5, history_days=60)
ID = "6f4922f4-5568-161a-8cdf-4ad2299f6d23"


@named("test.insert")
def insert_query() -> Any:
    return sql("SELECT id, at_, amount, n FROM staged_thing")


@named("test.sums")
def sums(word: str) -> Any:
    return sql(
        "SELECT n, sum(amount) AS total, max(at_) AS newest, :word AS word FROM thing GROUP BY n ORDER BY n NULLS LAST",
        word=word,
    )


def staged(n: int = 2) -> pa.Table:
    return pa.table(
        {
            "id": [ID] * n,
            "at_": pa.array([datetime(2026, 3, 29, 1, 30, tzinfo=None)] * n, pa.timestamp("us")),
            "amount": pa.array([Decimal("1.0001")] * n, pa.decimal128(18, 4)),
            "n": pa.array([1] + [None] * (n - 1), pa.int64()),
        }
    )


@pytest.fixture
def lake(lake_url: str, tmp_path: Path) -> Iterator[Lake]:
    opened = open_lake(lake_url, tmp_path)
    yield opened
    opened.close()


def test_insert_fetch_and_types(lake: Lake) -> None:
    lake.ensure(ROWS)
    lake.stage("staged_thing", staged())
    assert lake.insert("thing", insert_query()) == 2
    assert lake.fetch(sums("it's")).to_pylist() == [
        {"n": 1, "total": Decimal("1.0001"), "newest": datetime(2026, 3, 29, 1, 30), "word": "it's"},
        {"n": None, "total": Decimal("1.0001"), "newest": datetime(2026, 3, 29, 1, 30), "word": "it's"},
    ]


def test_a_new_column_keeps_old_rows(lake: Lake) -> None:
    lake.ensure(ROWS)
    lake.stage("staged_thing", staged())
    lake.insert("thing", insert_query())
    lake.ensure(Table("thing", ROWS.columns | {"extra": "boolean"}))
    assert lake.fetch(
        Query("q", sql("SELECT extra, count(*) AS n FROM thing GROUP BY extra"))
    ).to_pylist() == [{"extra": None, "n": 2}]


def test_rebuild_replaces(lake: Lake) -> None:
    lake.ensure(ROWS)
    lake.stage("staged_thing", staged(3))
    lake.insert("thing", insert_query())
    derived = Table("derived", {"n": "integer", "total": "money"})
    for _ in range(2):
        assert lake.rebuild(derived, sums("x")) == 2
    assert lake.tables() >= {"thing", "derived"}


def test_replace_keeps_rows_without_a_key(lake: Lake) -> None:
    lake.ensure(ROWS)
    lake.stage("staged_thing", staged(3))
    lake.insert("thing", insert_query())
    keys = Query("keys", sql("SELECT n FROM thing WHERE n = 1"))
    lake.replace(ROWS, "n", keys, Query("none", store.select("thing", list(ROWS.columns)).where("false")))
    assert lake.fetch(Query("q", sql("SELECT n, count(*) AS c FROM thing GROUP BY n"))).to_pylist() == [
        {"n": None, "c": 2}
    ]


def test_empty_staging(lake: Lake) -> None:
    lake.ensure(ROWS)
    lake.stage("staged_thing", staged(2).slice(0, 0))
    assert lake.insert("thing", insert_query()) == 0


def test_everything_is_there_after_opening_again(lake_url: str, tmp_path: Path) -> None:
    first = open_lake(lake_url, tmp_path)
    first.ensure(ROWS)
    first.stage("staged_thing", staged())
    first.insert("thing", insert_query())
    first.close()
    again = open_lake(lake_url, tmp_path)
    assert again.fetch(sums("x")).num_rows == 2
    again.close()


def test_large_staging_arrives_whole(lake: Lake) -> None:
    """More than one message of a Spark Connect server."""
    rows = pa.table({"n": pa.array(range(600_000), pa.int64()), "word": pa.array(["x" * 100] * 600_000)})
    lake.stage("many", rows)
    found = lake.fetch(
        Query("q", sql("SELECT count(*) AS n, CAST(sum(n) AS BIGINT) AS s FROM many"))
    ).to_pylist()
    assert found == [{"n": 600_000, "s": 600_000 * 599_999 // 2}]


def test_duckdb_transaction_keeps_all_or_nothing(tmp_path: Path) -> None:
    lake = open_lake("duckdb", tmp_path)
    lake.ensure(ROWS)
    lake.stage("staged_thing", staged())
    with pytest.raises(ZeroDivisionError), lake.transaction():
        print(1 // (lake.insert("thing", insert_query()) - 2))
    assert lake.fetch(sums("x")).num_rows == 0


def test_no_server_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="start it, check host and port"):
        open_lake("sc://127.0.0.1:1", tmp_path)


@pytest.mark.parametrize(
    "value", [None, True, 3, 2.5, "a'b", Decimal("1.25"), datetime(2026, 1, 1, 2, 3), [1, 2]]
)
def test_literals_survive_both_dialects(value: object) -> None:
    for dialect in ("duckdb", "spark"):
        assert literal(value).sql(dialect=dialect)


class Recorder:
    """A lake that notes what each named query gave."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self.seen: list[tuple[str, Any]] = []
        self._transaction = lake.transaction

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lake, name)

    def fetch(self, query: Query) -> pa.Table:
        rows = self._lake.fetch(query)
        self.seen.append((query.name, normal(rows, query.ordered)))
        return rows

    def insert(self, name: str, query: Query) -> int:
        self.seen.append((query.name, normal(self._lake.fetch(query), query.ordered)))
        return self._lake.insert(name, query)

    def scratch(self, table: Table, query: Query) -> None:
        self._lake.scratch(table, query)
        content = Query("content", store.select(table.name, list(table.columns)))
        self.seen.append((query.name, normal(self._lake.fetch(content), False)))

    def replace(self, table: Table, key: str, keys: Query, query: Query) -> int:
        for each in (keys, query):
            self.seen.append((each.name, normal(self._lake.fetch(each), each.ordered)))
        return self._lake.replace(table, key, keys, query)

    def rebuild(self, table: Table, query: Query) -> int:
        done = self._lake.rebuild(table, query)
        content = Query("content", store.select(table.name, list(table.columns)))
        self.seen.append((query.name, normal(self._lake.fetch(content), False)))
        return done

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lake.transaction():
            yield


def normal(rows: pa.Table, ordered: bool) -> list[Any]:
    """Return rows as comparable values: columns by name, floats to 9 digits, decimals by value."""
    names = sorted(rows.column_names)
    found = [tuple(_plain(row[n]) for n in names) for row in rows.to_pylist()]
    return found if ordered else sorted(found, key=repr)


def _plain(value: Any) -> Any:
    if isinstance(value, (float, Decimal)):
        return float(f"{float(value):.9g}")
    return value


@pytest.fixture(scope="module")
def shop() -> Shop:
    return simulate_shop(ShopSettings(people=250, seed=5, days=200))


def everything(folder: Path, lake_url: str, shop: Shop) -> list[tuple[str, Any]]:
    """Work through all that the product can do, and return what each named query gave, in order."""
    files = shop.write(folder / "deliveries")
    make_workspace(folder, files, NOW, shop)
    workspace = load_workspace_file(folder)
    save_workspace_file(folder, msgspec.structs.replace(workspace, lake=lake_url, readiness=FEW))
    for definition in [*demo_definitions(NOW.date()), *extra_definitions(), SITE]:
        save_definition(folder, definition)
    for system in ("points", "sms", "analytics", "calls"):
        add_source(folder, system)
    with recorded(folder, NOW) as (ws, seen):
        for name in ("points", "sms", "analytics", "calls"):
            ws.load(name, str(folder / "examples" / f"{name}.csv"))
        for name, path in [*files.items(), *list(files.items())[:2]]:
            ws.load(name, str(path))
        ws.run()
        ws.audiences()
        ws.members("slipping")
        ws.suggest_inactive()
        ws.rfm_cells()
        ws.lifecycle()
        predict(ws, 30)
        prediction_runs(ws)
        ws.launch("win_back")
        later = shop.respond(messages_of(ws.contacts("win_back"))).write(folder / "deliveries")
    with recorded(folder, NOW + timedelta(days=29)) as (ws, more):
        for name, path in later.items():
            ws.load(name, str(path))
        ws.run()
        ws.readout("win_back_test")
        ws.contaminated("win_back_test")
        ws.quarantine()
        ws.source_totals()
        ws.identifier_coverage()
        reconcile(ws, ["web", "till"])
        suggestions(ws, folder)
        live_events(ws)
        save_workspace_file(folder, msgspec.structs.replace(load_workspace_file(folder), clock="data"))
    with recorded(folder, NOW + timedelta(days=29)) as (ws, last):
        ws.as_of()
        leaving(ws, folder)
        changing(ws)
        people_and_privacy(ws)
    return seen + more + last


def changing(ws: Workspace) -> None:
    """Ask what a change would do, make it, look at the audience then and now, and take it back."""
    rule = parse_rule(
        ws.plan,
        "orders >= 1 and (sum(order_completed.total less order_refunded) > 10 in last 90 days or product_viewed then not order_completed "
        "within 3 days or entered audience rfm.champions in last 30 days or reachable by email or known to till or contacted win_back)",
    )
    before = ws.computed_as_of()
    changed = msgspec.structs.replace(ws.plan.get(Audience, "slipping"), rule=rule)
    tried = msgspec.structs.replace(changed, id="tried", label="Tried")
    for definition in (changed, tried, ws.plan.get(Audience, "rfm"), ws.plan.get(Term, "lifecycle")):
        consequences(ws, definition)
    change(ws, tried, "a try", "ann", accept=True)
    audience_page(ws, "tried")
    ws.members("tried", before)
    consented(ws.plan, ws.lake, "nobody@example.org", before)
    undo_change(ws, "audience", "tried", "enough", "ann")
    look_again(ws)


def leaving(ws: Workspace, folder: Path) -> None:
    """Bring a segment table in, and take an audience out, for messages and for ads, whole and as changes."""
    table = folder / "own.csv"
    table.write_text("customer_id,segment\nC1,best\nnobody,rest\n")
    import_segments(ws, str(table), "customer_id", "segment")
    for purpose in ("messages", "ads"):
        for changes in (False, True):
            export_audience(
                ws, "slipping", "https://lists.example/in", "email", purpose=purpose, changes=changes, columns=["city"],
                post=lambda url, body, headers: Answer(200),
            )  # fmt: skip


def people_and_privacy(ws: Workspace) -> None:
    """Merge two people, look at one, follow a live observation, and erase one."""
    open_live(ws)
    people = {r["person_id"]: r["account_id"] for r in ws.hub.rows("account") if r["person_id"]}
    one, other, third = (people[p] for p in sorted(people)[:3])
    judge_pair(ws, one, other, "same", "a test")
    customer(ws, one)
    find_people(ws, "nobody@nowhere")
    touch(ws, [one, third])
    ws.lake.fetch(person_records(["first_name", "city"], ["email"]))
    ws.run()
    erase_person(ws, third, "a test", pseudonym=ID)


CATALOGUE_HEADER = "sku,name,category,price,list_price,stock,available,sold_in,valid_from"


def suggestions(ws: Workspace, folder: Path) -> None:
    """Measure both slots, write them without a catalogue, and again when one was delivered that lacks most products."""
    recommendation_report(ws)
    recommend_all(ws, "buy_again", 3)
    first = recommended(ws, "buy_again")[0]["product_id"]
    add_source(folder, "catalogue")
    ws.plan = load_plan(folder)
    ws.save(msgspec.structs.replace(ws.plan.get(Source, "catalogue"), complete=True), "a test")
    for day, names in ((1, [first, "tea-1"]), (2, [first])):
        rows = [f"{n},{n},any,9,9,{day},yes,web,2026-06-0{day} 08:00:00" for n in names]
        path = folder / f"catalogue{day}.csv"
        path.write_text("\n".join([CATALOGUE_HEADER, *rows]) + "\n", encoding="utf-8")
        ws.load("catalogue", str(path))
    recommend_all(ws, "new_for_you", 3)
    recommended(ws, "new_for_you")


def live_events(ws: Workspace) -> None:
    """Drain calls of every kind, one of them from a wrong clock, one unexpected and one with a name outside the plan."""
    live = Live(ws)
    order = {
        "order_id": "l1",
        "total": 9,
        "colour": "red",
        "products": [{"product_id": "mug", "quantity": 1, "price": 9}],
    }
    for n in range(2):
        live.put(
            track("Order Completed", f"{n}1", properties=order, anonymousId="d1"), track("Nonsense", f"{n}2"),
            track("Product Viewed", f"{n}3", timestamp="2019-01-01T00:00:00Z"), track("Order Completed", f"{n}4"),
            {"type": "identify", "messageId": f"{n}5", "userId": "u1", "traits": {"email": "A@b.de", "firstName": "Ann"}},
            {"type": "identify", "messageId": f"{n}6", "userId": "u2", "traits": {"email": "none@none.com"}},
            track("Email Delivered", f"{n}7", userId="u1"), track("Email Link Clicked", f"{n}8", userId="u1"),
            received=NOW, sent="2019-01-01T00:00:10Z",
        )  # fmt: skip
        live.run()
    live.inbox.close()
    observed(ws)


def extra_definitions() -> list[Any]:
    """A ratio metric, a policy in the campaign's test and an event with products, so that their queries run too."""
    basket = Metric(
        id="basket", label="Value of a purchase", means="Net spend over purchases.", take="ratio", unit="money",
        numerator=Quantity(event="order_completed", property="total", less="order_refunded"),
        denominator=Quantity(event="order_completed", take="count"),
    )  # fmt: skip
    test = next(d for d in demo_definitions(NOW.date()) if isinstance(d, Experiment))
    policy = Policy(
        label="personal mail for regulars", against="generic", metric="margin_per_person",
        cases=[PolicyCase(when=Rule(trait="orders", at_least=3), arm="personal"), PolicyCase(arm="generic")],
    )  # fmt: skip
    metrics = [*test.metrics, "basket"]
    added = next(d for d in retail_plan() if d.id == "product_added" and isinstance(d, Term))
    listed = msgspec.structs.replace(added, products={"product_id": Property(type="text")})
    return [listed, basket, msgspec.structs.replace(test, metrics=metrics, policies={"regulars": policy})]


@contextmanager
def recorded(folder: Path, now: datetime) -> Iterator[tuple[Workspace, list[tuple[str, Any]]]]:
    with open_workspace(folder, now=now) as ws:
        recorder = Recorder(ws.lake)
        ws.lake = recorder  # type: ignore[assignment]
        yield ws, recorder.seen


@pytest.fixture(scope="module")
def on_duckdb(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> list[tuple[str, Any]]:
    return everything(tmp_path_factory.mktemp("duck"), "duckdb", shop)


def test_every_named_query_runs_in_the_suite(on_duckdb: list[tuple[str, Any]]) -> None:
    own = {name for name in REGISTRY if not name.startswith("test.")}
    assert own - {name for name, _ in on_duckdb} == set()


@pytest.mark.requirement("R-094")
@pytest.mark.parametrize("engine", ["sail", SPARK])
def test_every_named_query_gives_equal_results(
    request: pytest.FixtureRequest, engine: str, tmp_path: Path, shop: Shop, on_duckdb: list[tuple[str, Any]]
) -> None:
    there = everything(tmp_path, new_lake_url(request, engine, tmp_path), shop)
    assert [name for name, _ in there] == [name for name, _ in on_duckdb]
    for (name, here), (_, found) in zip(on_duckdb, there, strict=True):
        assert found == here, name


def test_a_spark_lake_opens_where_the_main_module_has_no_file(sail_url: str, tmp_path: Path) -> None:
    url = f"{sail_url}?warehouse={tmp_path}/warehouse&database=embedded"
    code = (
        f"from pathlib import Path; from butfor.store import open_lake; lake = open_lake({url!r}, Path('.')); "
        "print(sorted(lake.tables())); lake.close()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
