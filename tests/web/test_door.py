"""The door: the codes that SDKs expect, every way in, and input that wants to break it. A real server answers."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import Server, live_workspace, serving

from butfor.app.keys import add_key, keys, revoke_key

CALL = {"event": "Product Viewed", "anonymousId": "d1", "properties": {"product_id": "mug"}}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    folder = tmp_path_factory.mktemp("door") / "shop"
    key = live_workspace(folder)
    with serving(folder) as server:
        yield server, key


def post(running: tuple[Server, str], path: str, content: Any, **more: Any) -> httpx.Response:
    server, key = running
    body = content if isinstance(content, (bytes, str)) else json.dumps(content)
    return httpx.post(server.url + path, content=body, timeout=30, **({"auth": (key, "")} | more))


def accepted(server: Server) -> int:
    return int(server.health()["accepted"])


@pytest.mark.parametrize("path", ["/v1/track", "/v1/t", "/v1/track/", "/api/s/track", "/api/s/s2s/track"])
def test_one_call_is_taken(running: tuple[Server, str], path: str) -> None:
    before = accepted(running[0])
    answer = post(running, path, CALL)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "ok": True})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert accepted(running[0]) == before + 1


@pytest.mark.parametrize("kind", ["identify", "page", "screen", "group", "alias"])
def test_every_kind_of_call_is_taken(running: tuple[Server, str], kind: str) -> None:
    assert post(running, f"/v1/{kind}", {"userId": "u1"}).status_code == 200


def test_a_repeated_message_is_taken_once(running: tuple[Server, str]) -> None:
    before, call = accepted(running[0]), CALL | {"messageId": "again-1"}
    assert [post(running, "/v1/track", call).status_code for _ in range(3)] == [200] * 3
    assert post(running, "/v1/batch", {"batch": [call | {"type": "track"}] * 3}).status_code == 200
    assert accepted(running[0]) == before + 1


def test_gzip_is_read_whatever_the_content_type_says(running: tuple[Server, str]) -> None:
    body = gzip.compress(json.dumps({"batch": [CALL | {"type": "track"}]}).encode())
    for headers in ({"content-encoding": "gzip"}, {"content-type": "application/x-www-form-urlencoded"}):
        assert post(running, "/v1/batch", body, headers=headers).status_code == 200


def test_keys_come_by_any_way(running: tuple[Server, str]) -> None:
    _, key = running
    ways: list[dict[str, Any]] = [
        {"headers": {"authorization": f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"}},
        {"headers": {"x-write-key": key}},
        {"headers": {"x-write-key": f"{key}:secret"}},
        {"params": {"writeKey": key}},
    ]
    for way in ways:
        assert post(running, "/v1/track", CALL, auth=None, **way).status_code == 200, way
    assert post(running, "/v1/track", CALL | {"writeKey": key}, auth=None).status_code == 200
    assert post(running, "/v1/batch", {"batch": [], "writeKey": key}, auth=None).status_code == 200


@pytest.mark.parametrize("given", [{}, {"auth": ("wrong", "")}, {"headers": {"authorization": "Basic ///"}}])
def test_no_known_key_is_401(running: tuple[Server, str], given: dict[str, Any]) -> None:
    answer = post(running, "/v1/track", CALL, **({"auth": None} | given))
    assert answer.status_code == 401
    assert {"error", "thing", "value", "rule", "next_step", "code", "message"} == set(answer.json())


def test_a_revoked_key_stops_within_a_second(running: tuple[Server, str]) -> None:
    server, _ = running
    made = add_key(server.folder, "site")
    deadline = time.monotonic() + 1.5
    while post(running, "/v1/track", CALL, auth=(made.write_key, "")).status_code != 200:
        assert time.monotonic() < deadline
    revoke_key(server.folder, made.id)
    revoked = time.monotonic()
    while post(running, "/v1/track", CALL, auth=(made.write_key, "")).status_code != 401:
        assert time.monotonic() < revoked + 1
    assert "hash" not in keys(server.folder)[0]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"17", b'"text"', b"\xff\xfe", b"{'a': 1}", b"\x1f\x8bbroken", b"\x00" * 10]
)  # fmt: skip
def test_what_is_no_call_is_400(running: tuple[Server, str], body: bytes) -> None:
    answer = post(running, "/v1/track", body)
    assert answer.status_code == 400
    assert answer.json()["rule"]


@pytest.mark.parametrize("body", [{}, {"batch": None}, {"batch": {}}, {"batch": "x"}, []])
def test_a_batch_without_a_list_is_400(running: tuple[Server, str], body: Any) -> None:
    assert post(running, "/v1/batch", body).status_code == 400


def test_what_is_nested_without_end_is_400(running: tuple[Server, str]) -> None:
    deep = b'{"batch": [{"type": "track", "properties": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}]}"
    assert post(running, "/v1/batch", deep).status_code == 400


@pytest.mark.parametrize("size", [40 * 1024, 3 * 1024 * 1024, 10 * 1024 * 1024])
def test_a_large_event_is_413(running: tuple[Server, str], size: int) -> None:
    answer = post(running, "/v1/track", CALL | {"properties": {"a": "x" * size}})
    assert answer.status_code == 413
    assert "smaller" in answer.json()["next_step"]


def test_a_large_batch_is_413_sent_in_any_way(running: tuple[Server, str]) -> None:
    body = json.dumps({"batch": [CALL | {"type": "track", "n": "x" * 20_000}] * 150}).encode()
    assert post(running, "/v1/batch", body).status_code == 413
    assert (
        post(running, "/v1/batch", gzip.compress(body), headers={"content-encoding": "gzip"}).status_code
        == 413
    )
    server, key = running
    chunks = (body[i : i + 65536] for i in range(0, len(body), 65536))
    assert httpx.post(f"{server.url}/v1/batch", content=chunks, auth=(key, ""), timeout=30).status_code == 413


def test_a_gzip_bomb_is_413_and_never_blown_up(running: tuple[Server, str]) -> None:
    bomb = gzip.compress(b"0" * 200_000_000, 9)
    began = time.perf_counter()
    assert post(running, "/v1/batch", bomb, headers={"content-encoding": "gzip"}).status_code == 413
    assert time.perf_counter() - began < 2


def test_a_browser_may_ask_first(running: tuple[Server, str]) -> None:
    server, _ = running
    answer = httpx.options(f"{server.url}/v1/t", headers={"origin": "https://shop.example"})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "authorization" in answer.headers["access-control-allow-headers"]


def test_other_methods_and_paths(running: tuple[Server, str]) -> None:
    server, _ = running
    answer = httpx.get(f"{server.url}/v1/track")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert httpx.get(f"{server.url}/v1/nothing").status_code == 404


def test_odd_events_cost_nobody_else(running: tuple[Server, str]) -> None:
    """Each of these shares its batch with a sound event; all of them are taken, and the worker gets over them."""
    server, _ = running
    odd: list[Any] = [
        None, 17, "text", [], {}, {"type": 3}, {"type": "track", "event": 7, "userId": "u"}, {"type": "nothing", "userId": "u"},
        {"type": "track", "event": "Product Viewed", "userId": {"a": 1}}, {"type": "track", "messageId": {"a": []}, "userId": "u"},
        CALL | {"type": "track", "messageId": 10**30}, CALL | {"type": "track", "properties": {"product_id": 10**400}},
        CALL | {"type": "track", "properties": {f"p{i}": i for i in range(2000)}}, CALL | {"type": "track", "messageId": "\ud800"},
        CALL | {"type": "track", "properties": {"product_id": "\u0000\ud800x"}}, CALL | {"type": "track", "userId": "u\u0000"},
        CALL | {"type": "track", "timestamp": "20026-01-01T00:00:00Z"}, CALL | {"type": "track", "timestamp": 1.5e300},
        {"type": "alias", "userId": "a", "previousId": "a"}, {"type": "alias", "userId": "a", "previousId": "b"},
        {"type": "alias", "userId": "b", "previousId": "a"}, {"type": "group", "userId": "a"},
        CALL | {"type": "track", "context": [1]}, CALL | {"type": "track", "properties": "text"}, CALL | {"type": "track", "sentAt": "x"},
    ]  # fmt: skip
    for n, event in enumerate(odd):
        sound = CALL | {"type": "track", "messageId": f"sound-{n}"}
        assert post(running, "/v1/batch", {"batch": [event, sound]}).status_code == 200, event
    for _ in range(100):
        found = server.health()
        if found["waiting"] == 0:
            break
        time.sleep(0.1)
    assert (found["status"], found["waiting"]) == ("ok", 0)
    assert found["quarantined"] >= 12


def test_a_caller_that_hangs_up_halfway_harms_nobody(running: tuple[Server, str]) -> None:
    server, _ = running
    for part in (
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"\x16\x03\x01 no http",
        b"POST",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
            line.sendall(part)
    assert post(running, "/v1/track", CALL).status_code == 200


def test_a_key_of_a_source_that_left_the_plan_goes_to_quarantine(tmp_path: Path) -> None:
    key = live_workspace(tmp_path / "shop")
    (tmp_path / "shop" / "plan" / "sources" / "site.yaml").unlink()
    with serving(tmp_path / "shop") as server:
        assert post((server, key), "/v1/track", CALL).status_code == 200
        for _ in range(50):
            if server.health()["quarantined"] == 1:
                break
            time.sleep(0.1)
        assert server.health()["quarantined"] == 1
