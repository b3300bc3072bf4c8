"""Audiences leave: to files, tables and webhooks, whole or as changes; who may not leave is counted by reason."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from shops import CRM, EVERYBODY, MAIL, NOW, TILL, changed, shop, till_file, write

from butfor.app import Workspace
from butfor.app.export import Exported, export_audience, exports, sync
from butfor.app.privacy import erase_person
from butfor.channels.consent import EVENT, Statement, say
from butfor.channels.sync import Answer, signature
from butfor.model import BadInput, Refused, StoreError
from butfor.plan.kinds import Audience, Borders, Cell, Rfm, Rule

CELLS = {"fresh": Cell(recency=[3], frequency=[1, 2, 3]), "older": Cell(recency=[1, 2], frequency=[1, 2, 3])}
BORDERS = Borders(recency=[28, 90], frequency=[1, 3], monetary=[50, 100])
GRID = Audience(id="rfm", label="RFM", why="a test", rfm=Rfm(levels=3, borders=BORDERS, cells=CELLS))
BUYERS = Audience(id="buyers", label="Buyers", why="a test", rule=Rule(trait="orders", at_least=1))
PEOPLE = ["customer,email,first,city,born"] + [f"C{i},c{i}@x.org,Ann,Bonn,1980-01-01" for i in range(1, 6)]


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with shop(tmp_path, TILL, CRM, MAIL, BUYERS, GRID) as made:
        made.load("crm", write(tmp_path / "crm.csv", PEOPLE))
        made.load(
            "till",
            till_file(tmp_path / "till.csv", [f"R{i},2026-06-0{i},C{i},tea,1,9.99" for i in range(1, 5)]),
        )
        made.run()
        yield made


def buy(ws: Workspace, customer: str, receipt: str = "R9") -> None:
    ws.load("till", till_file(ws.folder / f"{receipt}.csv", [f"{receipt},2026-06-30,{customer},tea,1,5"]))
    ws.run()


def consent(ws: Workspace, address: str, verdict: str, channel: str = "email") -> None:
    one = Statement(
        channel=channel, address=address, verdict=verdict, occurred_at=NOW, source="test", stated=EVENT
    )
    say(ws.hub, [one], NOW)


def rows(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open() as file:
        return list(csv.DictReader(file))


class Receiver:
    """A system at the other end: keeps what it takes by key, and can be busy."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.calls, self.taken = list(answers), [], {}  # type: ignore[var-annotated]
        self.waits: list[float] = []

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.calls.append((dict(headers), body))
        said = self.answers.pop(0) if self.answers else Answer(200)
        if said.status in (0, 200):
            # A time-out after the batch had arrived.
            self.taken.setdefault(headers["webhook-id"], json.loads(body))
        return said

    @property
    def people(self) -> dict[str, Any]:
        held: dict[str, Any] = {}
        for batch in self.taken.values():
            for person in batch["people"]:
                if batch["part"] == "removed":
                    held.pop(person["person_id"])
                else:
                    held[person["person_id"]] = person
        return held


def send(ws: Workspace, to: Receiver, **more: Any) -> Exported:
    return export_audience(
        ws, "buyers", "https://hook.example/in", "email", post=to, wait=to.waits.append, **more
    )


@pytest.mark.requirement("R-068")
def test_file_holds_each_person_who_may_be_reached(ws: Workspace, tmp_path: Path) -> None:
    consent(ws, "c1@x.org", "withdrawn")
    ws.load(
        "mail",
        write(
            tmp_path / "m.csv", ["email,at,what", "c2@x.org,2026-06-20,unsub", "c3@x.org,2026-06-20,bounce"]
        ),
    )
    ws.run()
    done = export_audience(ws, "buyers", str(tmp_path / "out.csv"), "email", columns=["city", "spend"])
    assert (done.people, done.exported) == (4, 1)
    assert done.left_out == {"address bounced": 1, "said no": 2}
    (row,) = rows(tmp_path / "out.csv")
    assert (row["email"], row["city"], row["spend"]) == ("c4@x.org", "Bonn", "9.9900")
    assert not list(tmp_path.glob("*.part"))


def test_parquet_keeps_types(ws: Workspace, tmp_path: Path) -> None:
    export_audience(ws, "buyers", str(tmp_path / "out.parquet"), columns=["spend", "last_order_at"])
    table = pq.read_table(tmp_path / "out.parquet")
    assert [str(t) for t in table.schema.types] == ["string", "decimal128(18, 4)", "timestamp[us]"]
    assert table["person_id"].to_pylist() == ws.members("buyers")["person_id"].to_pylist()


@pytest.mark.requirement("R-070")
def test_hash_is_that_of_the_members_on_every_channel(ws: Workspace, tmp_path: Path) -> None:
    members = ws.members("buyers")["person_id"].to_pylist()
    done = [
        export_audience(ws, "buyers", str(tmp_path / f"{c}.csv"), c) for c in ("list", "email", "sms", "push", "promotion")
    ]  # fmt: skip
    assert {d.membership_hash for d in done} == {
        hashlib.sha256("\n".join(sorted(members)).encode()).hexdigest()
    }
    assert [d.exported for d in done] == [4, 4, 0, 0, 4]
    assert done[2].left_out == {"no phone": 4}
    buy(ws, "C5")
    again = export_audience(ws, "buyers", str(tmp_path / "list.csv"))
    assert again.membership_hash != done[0].membership_hash


def test_grid_is_all_its_cells(ws: Workspace, tmp_path: Path) -> None:
    """R4 was bought within 30 days, the others longer ago; C5 bought nothing."""
    done = export_audience(ws, "rfm", str(tmp_path / "rfm.csv"))
    assert {a.audience: a.people for a in ws.audiences() if a.audience.startswith("rfm.")} == {
        "rfm.fresh": 2, "rfm.older": 2, "rfm.no_purchase": 1
    }  # fmt: skip
    assert done.people == 4
    assert export_audience(ws, "rfm.no_purchase", str(tmp_path / "none.csv")).people == 1


@pytest.mark.requirement("R-193")
@pytest.mark.parametrize(
    ("column", "said"), [("first_name", "target: deny"), ("birth_date", "content: deny")]
)
def test_denied_column_is_refused_by_name(ws: Workspace, tmp_path: Path, column: str, said: str) -> None:
    with pytest.raises(Refused, match=f"exporting {column}: {said}"):
        export_audience(ws, "buyers", str(tmp_path / "out.csv"), columns=[column])
    assert not (tmp_path / "out.csv").exists()
    assert exports(ws) == []


@pytest.mark.requirement("R-193")
def test_audience_by_a_denied_term_is_refused(tmp_path: Path) -> None:
    bad = changed(BUYERS, rule=Rule(trait="first_name", equals="Ann"))
    with shop(tmp_path, TILL, CRM, bad) as ws:
        ws.load("crm", write(tmp_path / "crm.csv", PEOPLE))
        ws.run()
        with pytest.raises(Refused, match="targeting by first_name"):
            export_audience(ws, "buyers", str(tmp_path / "out.csv"))


def test_audience_that_was_never_computed_is_not_exported_as_empty(ws: Workspace, tmp_path: Path) -> None:
    key = ("audience", "fresh")
    ws.plan.definitions[key] = changed(BUYERS, id="fresh")
    with pytest.raises(BadInput, match="who is in it was computed"):
        export_audience(ws, "fresh", str(tmp_path / "out.csv"))


def test_changes_are_exactly_who_came_and_went(ws: Workspace, tmp_path: Path) -> None:
    to = str(tmp_path / "out.csv")
    first = export_audience(ws, "buyers", to, "email", changes=True)
    assert (first.mode, first.exported) == ("full", 4)
    assert export_audience(ws, "buyers", to, "email", changes=True).mode == "unchanged"
    assert len(exports(ws)) == 1
    buy(ws, "C5")
    consent(ws, "c1@x.org", "withdrawn")
    second = export_audience(ws, "buyers", to, "email", changes=True)
    assert (second.mode, second.exported, second.removed) == ("changes", 1, 1)
    found = rows(second.where)
    assert [(r["change"], r["email"]) for r in found] == [("removed", "c1@x.org"), ("added", "c5@x.org")]
    assert len(rows(to)) == 4


def test_changed_address_goes_and_comes(ws: Workspace, tmp_path: Path) -> None:
    to = str(tmp_path / "out.csv")
    export_audience(ws, "buyers", to, "email")
    consent(ws, "c1@x.org", "withdrawn", channel="sms")
    ws.load("crm", write(tmp_path / "crm2.csv", [PEOPLE[0], "C1,a1@x.org,Ann,Bonn,1980-01-01"]))
    ws.run()
    done = export_audience(ws, "buyers", to, "email", changes=True)
    assert [(r["change"], r["email"]) for r in rows(done.where)] == [
        ("removed", "c1@x.org"),
        ("added", "a1@x.org"),
    ]


def test_channels_and_targets_have_lists_of_their_own(ws: Workspace, tmp_path: Path) -> None:
    export_audience(ws, "buyers", str(tmp_path / "a.csv"), "email")
    other = export_audience(ws, "buyers", str(tmp_path / "b.csv"), "email", changes=True)
    assert other.mode == "full"
    assert export_audience(ws, "buyers", str(tmp_path / "a.csv"), "promotion", changes=True).mode == "full"


def test_table_holds_the_list_after_every_sync(ws: Workspace, tmp_path: Path) -> None:
    to = f"sql:sqlite:///{tmp_path}/lists.db#buyers"
    export_audience(ws, "buyers", to, "email", columns=["spend"])
    buy(ws, "C5")
    consent(ws, "c2@x.org", "withdrawn")
    (done,) = sync(ws, "buyers")
    assert (done.mode, done.exported, done.removed) == ("changes", 1, 1)
    with sqlite3.connect(tmp_path / "lists.db") as database:
        held = database.execute("SELECT email, spend FROM buyers ORDER BY email").fetchall()
    assert held == [("c1@x.org", 9.99), ("c3@x.org", 9.99), ("c4@x.org", 9.99), ("c5@x.org", 5.0)]
    (again,) = sync(ws, "buyers")
    assert again.mode == "unchanged"


def test_table_of_somebody_else_is_left_alone(ws: Workspace, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "lists.db") as database:
        database.execute("CREATE TABLE staff (name TEXT)")
    with pytest.raises(BadInput, match="the list has the columns person_id, email"):
        export_audience(ws, "buyers", f"sql:sqlite:///{tmp_path}/lists.db#staff", "email")
    assert [r["status"] for r in exports(ws)] == ["started"]


def test_postgres_table(ws: Workspace, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTS", postgres_url)
    done = export_audience(ws, "buyers", "sql:env:LISTS#buyers", "email", columns=["spend", "last_order_at"])
    assert done.target == "sql:env:LISTS#buyers"
    assert done.where == "table buyers, which holds 4 people now"
    buy(ws, "C5")
    assert sync(ws, "buyers")[0].where == "table buyers, which holds 5 people now"


@pytest.mark.parametrize(
    "to",
    [
        "out.txt", "sql:sqlite:///x.db", "sql:postgresql://ann:hunter2@host/db#t", "http://hook.example/in",
        "https://ann:hunter2@hook.example/in", "ftp://hook.example/in", "sql:env:NOT_SET#t",
    ],
)  # fmt: skip
def test_bad_target_is_refused_and_no_password_is_shown(ws: Workspace, to: str) -> None:
    with pytest.raises(BadInput) as caught:
        export_audience(ws, "buyers", to, "email")
    assert "hunter2" not in str(caught.value)
    assert exports(ws) == []


@pytest.mark.requirement("R-095")
def test_busy_webhook_gets_each_batch_once_per_key(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUTFOR_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAAA")
    to = Receiver(Answer(0), Answer(503, "7"), Answer(429, "Wed, 01 Jul 2026 00:00:20 GMT"), Answer(200))
    done = send(ws, to)
    assert to.waits == [1.0, 7.0, 20.0]
    assert len(to.calls) == 4
    assert len({h["webhook-id"] for h, _ in to.calls}) == len(to.taken) == 1
    assert {p["email"] for p in to.people.values()} == {f"c{i}@x.org" for i in range(1, 5)}
    headers, body = to.calls[-1]
    secret = b"1\xf2\x90\xf6\xbf\x06)\x8a\xabO\x08\xd4<?\x08,\xf6H\xa3b\xda-\xa4\xb0\x00\x00\x00"
    assert headers["webhook-signature"] == signature(
        secret, headers["webhook-id"], int(headers["webhook-timestamp"]), body
    )
    assert done.where == "1 batches in 4 requests, signed"


def test_signature_is_that_of_the_published_example() -> None:
    """The example of the Standard Webhooks libraries: key, time and body, and the signature that they all give."""
    import base64

    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="  # fmt: skip


@pytest.mark.requirement("R-095")
def test_failed_webhook_is_sent_again_under_the_same_keys(ws: Workspace) -> None:
    to = Receiver(*[Answer(0)] * 5)
    with pytest.raises(StoreError, match="no answer"):
        send(ws, to, changes=True)
    assert [r["status"] for r in exports(ws)] == ["started"]
    ws._now = NOW + timedelta(minutes=5)
    assert send(ws, to, changes=True).mode == "full"
    assert len({h["webhook-id"] for h, _ in to.calls}) == 1
    assert len(to.taken) == 1


@pytest.mark.requirement("R-095")
def test_real_server_that_is_busy_once(ws: Workspace) -> None:
    """Over a real connection: 503 with Retry-After, then 204; and a server that is not there."""
    calls: list[tuple[str, dict[str, Any]]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            calls.append((self.headers["webhook-id"], json.loads(body)))
            self.send_response(503 if len(calls) == 1 else 204)
            self.send_header("retry-after", "3")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    waits: list[float] = []
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/in"
        done = export_audience(ws, "buyers", url, "email", wait=waits.append)
        server.shutdown()
    assert (waits, [c[0] for c in calls], len(calls[1][1]["people"])) == ([3.0], [calls[0][0]] * 2, 4)
    assert done.where == "1 batches in 2 requests, not signed: BUTFOR_WEBHOOK_SECRET is not set"
    with pytest.raises(StoreError, match="no answer ConnectError"):
        export_audience(ws, "buyers", url, "email", wait=waits.append)
    assert waits[1:] == [1.0, 2.0, 4.0, 8.0]


def test_refusal_is_not_tried_again(ws: Workspace) -> None:
    to = Receiver(Answer(401, None, "who are you"))
    with pytest.raises(StoreError, match="401 who are you"):
        send(ws, to)
    assert (len(to.calls), to.waits) == (1, [])


def test_membership_that_returns_is_sent_again(ws: Workspace) -> None:
    """The hash of the members is the same as at first; the batch that adds somebody again is another one."""
    to = Receiver()
    send(ws, to)
    hashes, keys = [], []
    for verdict in ("withdrawn", "given", "withdrawn", "given"):
        ws._now = ws.now + timedelta(minutes=1)
        one = Statement(channel="email", address="c1@x.org", verdict=verdict, occurred_at=ws.now, source="t")
        say(ws.hub, [one], ws.now)
        (done,) = sync(ws, "buyers", post=to)
        hashes.append(done.membership_hash)
        keys.append(to.calls[-1][0]["webhook-id"])
        assert len(to.people) == (3 if verdict == "withdrawn" else 4)
    assert (len(set(hashes)), len(set(keys))) == (1, 4)


def test_big_list_goes_in_batches(ws: Workspace, tmp_path: Path) -> None:
    lines = [f"X{i},x{i}@x.org,Ann,Bonn,1980-01-01" for i in range(2_100)]
    ws.load("crm", write(tmp_path / "many.csv", [PEOPLE[0], *lines]))
    ws.run()
    to = Receiver()
    done = export_audience(ws, "everybody", "https://hook.example/in", "email", post=to)
    assert [len(b["people"]) for b in to.taken.values()] == [1000, 1000, 105]
    assert [(b["number"], b["of"]) for b in to.taken.values()] == [(1, 3), (2, 3), (3, 3)]
    assert len(to.people) == done.exported == 2105


def test_empty_list_is_told(ws: Workspace) -> None:
    to = Receiver()
    export_audience(ws, "rfm.no_purchase", "https://hook.example/in", "sms", post=to)
    assert [b["people"] for b in to.taken.values()] == [[]]


def test_ads_take_only_an_explicit_yes_and_a_hash(ws: Workspace, tmp_path: Path) -> None:
    consent(ws, "c1@x.org", "given", "ads")
    consent(ws, "c2@x.org", "given", "ads")
    consent(ws, "c2@x.org", "withdrawn", "email")
    done = export_audience(ws, "buyers", str(tmp_path / "ads.csv"), "email", purpose="ads")
    assert done.left_out == {"no explicit yes to ads": 2, "said no": 1}
    assert [r["email_sha256"] for r in rows(tmp_path / "ads.csv")] == [
        hashlib.sha256(b"c1@x.org").hexdigest()
    ]
    assert "c1@" not in (tmp_path / "ads.csv").read_text()


def test_erased_person_is_told_to_be_gone_without_a_name(ws: Workspace, tmp_path: Path) -> None:
    to = str(tmp_path / "out.csv")
    export_audience(ws, "buyers", to, "email")
    erase_person(ws, "c1@x.org", "a request")
    assert "c1@x.org" not in str(ws.lake.fetch(_all_exported()).to_pylist())
    done = export_audience(ws, "buyers", to, "email", changes=True)
    (gone,) = [r for r in rows(done.where) if r["change"] == "removed"]
    assert (gone["person_id"] != "", gone["email"]) == (True, "")


def _all_exported() -> Any:
    from butfor.store import Query, sql

    return Query("test.exported", sql("SELECT * FROM exported"))


def test_record_says_who_and_why_not(ws: Workspace, tmp_path: Path) -> None:
    export_audience(ws, "buyers", str(tmp_path / "out.csv"), "sms", who="Ann")
    (row,) = exports(ws, "buyers")
    assert (row["who"], row["mode"], row["people"], row["exported"], row["status"]) == (
        "Ann",
        "full",
        4,
        0,
        "done",
    )
    assert json.loads(row["left_out"]) == {"no phone": 4}


def test_place_that_is_down_keeps_no_other_waiting(ws: Workspace, tmp_path: Path) -> None:
    send(ws, Receiver())
    export_audience(ws, "buyers", str(tmp_path / "out.csv"), "email")
    buy(ws, "C5")
    with pytest.raises(StoreError, match="401"):
        sync(ws, post=Receiver(Answer(401)))
    assert [r["email"] for r in rows(next(tmp_path.glob("out.changes-*.csv")))] == ["c5@x.org"]
    to = Receiver()
    assert [d.mode for d in sync(ws, post=to)] == ["changes", "unchanged"]
    assert [p["email"] for p in to.people.values()] == ["c5@x.org"]


def test_sync_needs_an_export(ws: Workspace) -> None:
    assert sync(ws) == []
    with pytest.raises(BadInput, match="never exported"):
        sync(ws, "buyers")


@pytest.mark.parametrize(("channel", "purpose"), [("fax", "messages"), ("email", "fun"), ("push", "ads")])
def test_unknown_channel_and_purpose(ws: Workspace, tmp_path: Path, channel: str, purpose: str) -> None:
    with pytest.raises(BadInput):
        export_audience(ws, EVERYBODY.id, str(tmp_path / "o.csv"), channel, purpose=purpose)
