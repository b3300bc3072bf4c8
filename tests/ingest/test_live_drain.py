"""The drain: calls become typed events, identifiers and attributes; everything else is in quarantine with a reason."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_calls import SITE, Live, live, track
from shops import NOW, ask, changed, counts

from butfor.app.observed import observed
from butfor.plan.kinds import Property, Term

TERMS = ("order_completed", "order_refunded", "product_viewed", "page_viewed", "customer_id", "device_id", "email", "phone",
         "first_name", "city", "birth_date")  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Live]:
    with live(tmp_path, terms=TERMS) as opened:
        yield opened


@pytest.fixture
def anywhere(lake_url: str, tmp_path: Path) -> Iterator[Live]:
    with live(tmp_path, terms=TERMS, lake=lake_url) as opened:
        yield opened


def account(key: str) -> str:
    return str(uuid.UUID(bytes=hashlib.md5(f"site\x1f{key}".encode()).digest()))


def reasons(made: Live) -> list[tuple[str, str]]:
    rows = ask(made.ws.lake, "SELECT reason, field FROM quarantine ORDER BY reason, field")
    return [(r["reason"], r["field"]) for r in rows]


def test_an_order_becomes_an_event_and_its_lines(anywhere: Live) -> None:
    lines = [{"product_id": "mug", "quantity": 2, "price": "3.25"}, {"sku": "x", "quantity": 1, "price": 6}]
    anywhere.put(track("Order Completed", "m1", timestamp="2026-06-30T10:00:00+02:00",
                       properties={"order_id": 17, "total": 12.5, "products": lines}))  # fmt: skip
    done = anywhere.run()
    assert (done.events, done.quarantined, done.accounts) == (1, 0, {account("u1")})
    [order] = ask(
        anywhere.ws.lake, "SELECT order_id, total, occurred_at, source, event_id FROM ev_order_completed"
    )
    assert (order["order_id"], order["total"], order["occurred_at"]) == (
        "17",
        Decimal("12.5"),
        datetime(2026, 6, 30, 8),
    )
    assert str(order["event_id"]) == account("m1"), "md5 of source and message id"
    amounts = ask(anywhere.ws.lake, "SELECT amount FROM ev_order_completed__products ORDER BY amount")
    assert [float(r["amount"]) for r in amounts] == [6.0, 6.5]


def test_draining_again_changes_nothing(anywhere: Live) -> None:
    anywhere.put(
        track("Order Completed", "m1", properties={"order_id": "1", "total": 5, "products": [{"quantity": 1, "price": 5}]}),
        {"type": "identify", "messageId": "m2", "userId": "u1", "traits": {"email": "A@b.de", "colour": "red"}},
        track("Nonsense", "m3"), track("Product Viewed", "m4", timestamp="2020-01-01T00:00:00Z"),
        sent="2020-01-01T00:00:01Z",
    )  # fmt: skip
    anywhere.inbox.begin("lake", 0, anywhere.inbox.reach(0, 100))
    kept = anywhere.inbox.take(0, 100)
    first = anywhere.drain._write(kept, 1)
    there = counts(anywhere.ws.lake)
    again = anywhere.run()
    assert counts(anywhere.ws.lake) == there
    assert (again.events, again.quarantined) == (first.events, first.quarantined) == (3, 1)
    assert anywhere.drain.step() is None
    assert anywhere.inbox.waiting() == (0, None)


def test_identify_brings_attributes_and_identifiers_from_both_places(anywhere: Live) -> None:
    anywhere.put(
        {
            "type": "identify",
            "messageId": "1",
            "userId": "u1",
            "traits": {"email": " A@B.de ", "firstName": "Ann"},
        },
        {
            "type": "identify",
            "messageId": "2",
            "userId": "u2",
            "context": {"traits": {"phone": "+49 30/12", "address": {"city": "Rome"}}},
        },
    )
    found = anywhere.run().observations.to_pylist()
    assert {(r["account_key"], r["term"], r["val"]) for r in found} == {
        ("u1", "customer_id", "u1"), ("u1", "email", "a@b.de"), ("u2", "customer_id", "u2"), ("u2", "phone", "+493012"),
    }  # fmt: skip
    rows = ask(
        anywhere.ws.lake, "SELECT first_name, city, seen_at FROM attribute ORDER BY first_name NULLS LAST"
    )
    assert [(r["first_name"], r["city"], r["seen_at"]) for r in rows] == [
        ("Ann", None, NOW),
        (None, "Rome", NOW),
    ]


def test_a_call_with_both_ids_ties_the_device_to_the_user(made: Live) -> None:
    made.put({"type": "page", "messageId": "1", "anonymousId": "d1"})
    assert made.run().accounts == {account("anon:d1")}
    made.put(track("Product Viewed", "2", anonymousId="d1"))
    done = made.run()
    assert done.accounts == {account("anon:d1"), account("u1")}
    ids = ask(made.ws.lake, "SELECT account_id, term, val FROM identifier ORDER BY term, account_id")
    assert {(str(r["account_id"]), r["term"], r["val"]) for r in ids} == {
        (account("u1"), "customer_id", "u1"), (account("u1"), "device_id", "d1"), (account("anon:d1"), "device_id", "d1"),
    }  # fmt: skip


def test_alias_ties_the_earlier_id_and_loops_are_harmless(made: Live) -> None:
    loop = [("b", "a"), ("a", "b"), ("a", "a")]
    made.put(
        *[
            {"type": "alias", "messageId": f"{i}", "userId": u, "previousId": p}
            for i, (u, p) in enumerate(loop)
        ]
    )
    done = made.run()
    assert done.accounts == {account(k) for k in ("a", "b", "anon:a", "anon:b")}
    assert {(r["account_key"], r["val"]) for r in done.observations.to_pylist() if r["term"] == "device_id"} == {
        ("anon:a", "a"), ("b", "a"), ("anon:b", "b"), ("a", "b"), ("a", "a"),
    }  # fmt: skip


def test_a_user_on_20000_devices_is_one_account(made: Live) -> None:
    for part in range(4):
        made.put(*[track("Product Viewed", f"{part}-{i}", anonymousId=f"d{part}-{i}") for i in range(5000)])
    done = made.run()
    assert (done.events, len(done.accounts)) == (20_000, 20_001)
    assert ask(made.ws.lake, "SELECT count(*) AS n FROM account")[0]["n"] == 20_001


def test_verified_is_what_the_source_confirms(tmp_path: Path) -> None:
    with live(tmp_path, changed(SITE, confirms=["customer_id"]), terms=TERMS) as made:
        made.put({"type": "identify", "messageId": "1", "userId": "u1", "traits": {"email": "a@b.de"}})
        assert {(r["term"], r["verified"]) for r in made.run().observations.to_pylist()} == {
            ("customer_id", True), ("email", False),
        }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "sent", "got"),
    [
        ("2026-07-01T00:00:00Z", "2026-07-01T00:00:10Z", datetime(2026, 6, 30, 23, 59, 50)),
        ("2019-01-01T00:00:00Z", "2019-01-01T00:00:10Z", datetime(2026, 6, 30, 23, 59, 50)),
        ("2040-01-01T00:00:00+01:00", "2040-01-01T00:00:10+01:00", datetime(2026, 6, 30, 23, 59, 50)),
        ("2026-06-01T00:00:00.5Z", "2026-07-01T00:00:00Z", datetime(2026, 6, 1, 0, 0, 0, 500000)),
        ("2026-06-01T00:00:00Z", None, datetime(2026, 6, 1)),
        ("2026-06-01T00:00:00Z", "nonsense", datetime(2026, 6, 1)),
        (None, "2019-01-01T00:00:00Z", NOW),
    ],
)
def test_a_wrong_clock_is_put_right(made: Live, said: str | None, sent: str | None, got: datetime) -> None:
    made.put(track("Product Viewed", "1", timestamp=said), sent=sent)
    made.run()
    assert ask(made.ws.lake, "SELECT occurred_at FROM ev_product_viewed") == [{"occurred_at": got}]


def test_what_a_wrong_clock_said_is_kept(made: Live) -> None:
    made.put(track("Product Viewed", "1", timestamp="2019-01-01T00:00:00Z"), sent="2019-01-01T00:00:10Z")
    made.run()
    [row] = ask(made.ws.lake, "SELECT said_at, occurred_at, received_at FROM corrected")
    assert row == {
        "said_at": datetime(2019, 1, 1),
        "occurred_at": datetime(2026, 6, 30, 23, 59, 50),
        "received_at": NOW,
    }


def test_an_event_passed_on_with_both_times_was_put_right_before(made: Live) -> None:
    call = track(
        "Product Viewed", "1", timestamp="2026-06-01T00:00:00Z", originalTimestamp="2019-06-01T00:00:00Z"
    )
    made.put(call, sent="2019-06-01T00:00:00Z")
    made.run()
    assert ask(made.ws.lake, "SELECT occurred_at FROM ev_product_viewed") == [
        {"occurred_at": datetime(2026, 6, 1)}
    ]


@pytest.mark.parametrize(
    ("call", "reason", "field"),
    [
        (track("Nonsense", "1"), "unexpected event", "event"),
        ({"type": "track", "messageId": "1", "userId": "u"}, "unexpected event", "event"),
        ({"type": "nothing", "messageId": "1", "userId": "u"}, "unknown call", "type"),
        ({"type": "page", "messageId": "1"}, "missing identifier", "userId"),
        (track("Product Viewed", "1", timestamp="20026-06-30T00:00:00Z"), "bad type: time is no timestamp", "time"),
        (track("Product Viewed", "1", timestamp="2027-06-30T00:00:00Z"), "future time", "time"),
        (track("Product Viewed", "1", timestamp="1850-06-30T00:00:00Z"), "time before 1900", "time"),
        (track("Order Completed", "1"), "missing order_id", "properties.order_id"),
        (track("Order Completed", "1", properties={"order_id": "1", "total": "much"}), "bad type: total is no money", "properties.total"),
        (track("Order Completed", "1", properties={"order_id": "1", "total": 10**30}), "bad type: total is no money", "properties.total"),
        (
            track("Order Completed", "1", properties={"order_id": "1", "products": [{"quantity": "two", "price": 1}]}),
            "bad type: products[].quantity is no number", "products[].quantity",
        ),
        ({"type": "identify", "messageId": "1", "userId": "u", "traits": {"birthday": "soon"}}, "bad type: birth_date is no date", "traits.birthday"),
        (17, "event is no object", ""),
        (track("Product Viewed", "1", userId="u" * 321), "identifier is longer than 320 letters", "id.customer_id"),
        (track("Product Viewed", "1", userId="a\u0000"), "unreadable identifier: userId", ""),
        (track("Product Viewed", "1", properties={"a": "x" * 33_000}), "event is larger than 32 KB", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_quarantined_with_its_text(
    made: Live, call: Any, reason: str, field: str
) -> None:
    made.put(call, track("Product Viewed", "sound"))
    done = made.run()
    assert (done.events, done.quarantined) == (1, 1)
    assert reasons(made) == [(reason, field)]
    [row] = ask(made.ws.lake, "SELECT raw, source FROM quarantine")
    assert row["source"] == "site"
    assert row["raw"].startswith(("{", "17"))


def test_late_and_out_of_order_events_end_where_they_belong(made: Live) -> None:
    times = ["2026-06-30T00:00:00Z", "2024-01-01T00:00:00Z", "2026-06-29T00:00:00Z"]
    for i, said in enumerate(times):
        made.put(track("Product Viewed", str(i), timestamp=said))
        made.run()
    rows = ask(made.ws.lake, "SELECT occurred_at FROM ev_product_viewed ORDER BY occurred_at")
    assert [r["occurred_at"] for r in rows] == [
        datetime(2024, 1, 1),
        datetime(2026, 6, 29),
        datetime(2026, 6, 30),
    ]


def test_terms_whose_properties_differ_in_type_are_both_typed(tmp_path: Path) -> None:
    a = Term(
        id="a", what="event", label="A", system="A", means="a", properties={"size": Property(type="integer")}
    )
    b = Term(
        id="b", what="event", label="B", system="B", means="b", properties={"size": Property(type="text")}
    )
    with live(tmp_path, a, b, terms=("customer_id",)) as made:
        made.put(
            track("A", "1", properties={"size": 3}),
            track("B", "2", properties={"size": "large"}),
            track("A", "3", properties={"size": "large"}),
        )
        done = made.run()
        assert (done.events, done.quarantined) == (2, 1)
        assert ask(made.ws.lake, "SELECT size FROM ev_a") == [{"size": 3}]
        assert ask(made.ws.lake, "SELECT size FROM ev_b") == [{"size": "large"}]


def test_names_outside_the_plan_are_counted(made: Live) -> None:
    many = {f"p{i}": i for i in range(1200)}
    made.put(
        track("Product Viewed", "1", properties={"product_id": "x", "colour": "red"}),
        track("Product Viewed", "2", properties=many),
    )
    made.run()
    names = ask(made.ws.lake, "SELECT term, property, n FROM unplanned ORDER BY n DESC, property")
    assert len(names) == 500
    assert {"term": "product_viewed", "property": "colour", "n": 1} in names
    assert all(r["property"] != "product_id" for r in names)


@pytest.mark.requirement("R-197")
def test_the_observed_status_of_each_term(made: Live) -> None:
    made.put(
        track("Product Viewed", "1", properties={"product_id": "x", "colour": "red"}), track("Product Viewed", "2"),
        track("Product Viewed", "3", timestamp="2026-01-01T00:00:00Z"), track("Order Completed", "4"), track("Nonsense", "5"),
        {"type": "identify", "messageId": "6", "userId": "u", "traits": {"firstName": "Ann"}},
        {"type": "identify", "messageId": "7", "userId": "u", "traits": {"birthday": "soon"}},
    )  # fmt: skip
    made.run()
    found = observed(made.ws)
    by = {t.term: t for t in found.terms}
    viewed = by["product_viewed"]
    assert (viewed.valid, viewed.invalid, viewed.volume_30d, viewed.last_seen) == (3, 0, 2, NOW)
    assert viewed.shares == {"category": 0.0, "product_id": pytest.approx(1 / 3)}
    assert viewed.unplanned == {"colour": 1}
    assert by["order_completed"].reasons == {"missing order_id": 1}
    assert (by["first_name"].valid, by["birth_date"].reasons) == (1, {"bad type: birth_date is no date": 1})
    assert found.unexpected == {"Nonsense": 1}


def test_a_request_that_breaks_the_typing_is_quarantined_and_the_others_are_not(
    made: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    import butfor.ingest.live as module

    real = module.stage_calls

    def breaking(bench: Any, reading: Any, source: Any) -> Any:
        if bench.value("SELECT count(*) FROM live WHERE properties LIKE '%poison%'"):
            raise RuntimeError("nobody has thought of this")
        return real(bench, reading, source)

    monkeypatch.setattr(module, "stage_calls", breaking)
    for i in range(5):
        made.put(track("Product Viewed", str(i), properties={"product_id": "poison" if i == 3 else "mug"}))
    with pytest.raises(RuntimeError):
        made.drain.step()
    done = made.run()
    assert (done.events, done.quarantined) == (4, 1)
    assert reasons(made) == [("could not be typed: RuntimeError", "")]
    assert ask(made.ws.lake, "SELECT count(*) AS n FROM ev_product_viewed") == [{"n": 4}]


def test_two_sources_have_ids_and_accounts_of_their_own(tmp_path: Path) -> None:
    with live(tmp_path, changed(SITE, id="app"), terms=TERMS) as made:
        call = track("Product Viewed", "same")
        assert (made.put(call), made.put(call, source="app"), made.put(call)) == (1, 1, 0)
        done = made.run()
        assert (done.events, len(done.accounts)) == (2, 2)
        rows = ask(made.ws.lake, "SELECT source FROM ev_product_viewed ORDER BY source")
        assert [r["source"] for r in rows] == ["app", "site"]


def test_who_follows_the_drain_gets_a_batch_again_until_it_is_done_with_it(made: Live) -> None:
    seen: list[set[str]] = []

    def after(done: Any) -> None:
        seen.append(done.accounts)
        if len(seen) == 1:
            raise RuntimeError("interrupted")

    made.put(track("Product Viewed", "1"))
    with pytest.raises(RuntimeError):
        made.drain.step(after=after)
    there = counts(made.ws.lake)
    assert made.drain.step(after=after) is not None
    assert seen == [{account("u1")}] * 2
    assert counts(made.ws.lake) == there
    assert made.drain.step(after=after) is None
