"""From a call of an SDK to a person, an audience and a decision, through a real server's API."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from serving import Server, live_workspace, serving

from butfor.app.keys import add_key
from butfor.plan import save_definition
from butfor.plan.kinds import Audience, Rule


class Client:
    """Sends events as an SDK does, and asks as a service of the brand does."""

    def __init__(self, server: Server, write: str, api: str) -> None:
        self.server, self.write, self.api = server, write, api

    def send(self, kind: str, **call: Any) -> None:
        found = httpx.post(f"{self.server.url}/v1/{kind}", json=call, auth=(self.write, ""), timeout=20)
        assert found.status_code == 200, found.text

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.server.url}/v1/{path}", auth=(self.api, ""), timeout=20)

    def post(self, path: str, **body: Any) -> httpx.Response:
        return httpx.post(f"{self.server.url}/v1/{path}", json=body, auth=(self.api, ""), timeout=20)

    def until(self, path: str, holds: Callable[[Any], bool], seconds: float = 20) -> Any:
        end = time.monotonic() + seconds
        while True:
            found = self.get(path)
            if found.status_code == 200 and holds(found.json()):
                return found.json()
            assert time.monotonic() < end, found.text
            time.sleep(0.05)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("live") / "shop"
    write = live_workspace(folder)
    buyers = Audience(id="buyers", label="Buyers", why="a test", rule=Rule(trait="orders", at_least=1))
    save_definition(folder, buyers)
    api = add_key(folder, "api").write_key
    with serving(folder) as server:
        yield Client(server, write, api)


@pytest.mark.requirement("R-082", "R-093")
def test_a_browser_then_a_login_then_a_purchase_are_one_person_in_the_audience(client: Client) -> None:
    client.send("track", event="Product Viewed", anonymousId="b1", properties={"product_id": "mug"})
    client.send(
        "identify", anonymousId="b1", userId="u1", traits={"email": "u1@shop.org", "firstName": "Ann"}
    )
    client.send("track", event="Order Completed", userId="u1", properties={"order_id": "o1", "total": 12})
    found = client.until(
        "customers/site:u1", lambda c: "buyers" in c["audiences"] and len(c["timeline"]) >= 2
    )
    assert {"Product view", "Purchase"} <= {h["what"] for h in found["timeline"]}
    assert found["traits"]["orders"] == 1
    assert {a["account_key"] for a in found["accounts"]} == {"u1", "anon:b1"}


@pytest.mark.requirement("S-07", "R-089")
def test_points_of_a_forced_merge_cannot_be_redeemed_by_the_other(client: Client) -> None:
    for user in ("p1", "p2"):
        client.send("identify", userId=user, traits={"email": f"{user}@shop.org"})
        client.until(f"customers/site:{user}", lambda c: True)
    assert client.post("points/site:p1/earn", points=500, reference="r1", who="club").json()["balance"] == 500
    merged = client.post(
        "judgements", left="site:p1", right="site:p2", verdict="same", why="the manager insists", who="m"
    ).json()
    assert (merged["merged"], len(client.get("customers/site:p1").json()["accounts"])) == (1, 2)
    shown = {"term": "customer_id", "value": "p2"}
    refused = client.post("points/site:p1/redeem", points=10, reference="t1", who="till", **shown)
    assert (refused.status_code, refused.json()["error"]) == (409, "Refused")
    own = client.post(
        "points/site:p1/redeem", points=10, reference="t2", who="till", term="customer_id", value="p1"
    )
    assert own.json()["balance"] == 490
    undone = client.post(f"judgements/{merged['judgement']}/withdrawal", why="cousins", who="m").json()
    assert (undone["split"], len(client.get("customers/site:p1").json()["accounts"])) == (1, 1)
    assert [client.get(f"points/site:{p}").json()["balance"] for p in ("p1", "p2")] == [490, 0]


def test_a_typed_address_joins_nobody(client: Client) -> None:
    client.send("identify", userId="t1", traits={"email": "same@shop.org"})
    client.send("identify", userId="t2", traits={"email": "same@shop.org"})
    for user in ("t1", "t2"):
        found = client.until(f"customers/site:{user}", lambda c: True)
        assert [a["account_key"] for a in found["accounts"]] == [user]


def test_a_write_key_reads_nothing_and_an_api_key_writes_no_events(client: Client) -> None:
    url = client.server.url
    assert httpx.get(f"{url}/v1/audiences", auth=(client.write, "")).status_code == 401
    assert httpx.get(f"{url}/v1/audiences").status_code == 401
    sent = httpx.post(f"{url}/v1/track", json={"event": "x", "anonymousId": "a"}, auth=(client.api, ""))
    assert sent.status_code == 401


def test_what_cannot_be_done_is_said_in_four_parts(client: Client) -> None:
    for found in (
        client.post("judgements", left="site:u1", right="site:nobody", verdict="same", why="x", who="m"),
        client.post("judgements", left="site:u1"),
        client.get("customers/nobody"),
        client.post("reviews/999", same=True, why="x", who="m"),
        client.post("points/site:u1/earn", points=-5, reference="x", who="m"),
    ):
        assert found.status_code in (400, 404), found.text
        assert set(found.json()) == {"error", "thing", "value", "rule", "next"}, found.text


def test_consent_by_address(client: Client) -> None:
    assert client.get("consents/email/c@shop.org").json() is None
    said = client.post("consents", channel="email", address="c@shop.org", verdict="withdrawn", source="form")
    assert said.json()["verdict"] == "withdrawn"
    assert client.get("consents/email/c@shop.org").json()["verdict"] == "withdrawn"


@pytest.mark.parametrize("odd", ["half \ud990 of a pair", "with a \x00 inside"])
def test_a_text_that_no_store_can_hold_is_refused(client: Client, odd: str) -> None:
    for path, body in (
        ("consents", {"channel": "email", "address": odd, "verdict": "withdrawn", "source": "form"}),
        ("judgements", {"left": odd, "right": "site:u1", "verdict": "same", "why": "x", "who": "m"}),
        ("points/site:u1/earn", {"points": 5, "reference": odd, "who": "m"}),
    ):
        sent = json.dumps(body)
        found = httpx.post(f"{client.server.url}/v1/{path}", content=sent, auth=(client.api, ""))
        assert (found.status_code, set(found.json())) == (400, {"error", "thing", "value", "rule", "next"})
    assert client.get("customers/a%00b").status_code == 404
