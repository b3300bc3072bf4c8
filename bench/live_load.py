"""The load generator of the live benchmark: a few connections, each sends a batch and waits for its answer.

Started as ``python -m bench.live_load PORT KEY SECONDS CONNECTIONS [EVENTS PER SECOND]``; prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from typing import Any

import uvloop

BATCH = 10


def templates() -> list[bytes]:
    """Return batches of 10 realistic events, with marks for message ids and people."""
    return [
        json.dumps({"batch": [_event(k + n) for k in range(BATCH)], "sentAt": _NOW}).encode()
        for n in range(7)
    ]


_NOW = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


def _event(n: int) -> dict[str, Any]:
    call: dict[str, Any] = {
        "type": "track", "messageId": "%(m)s-" + str(n), "anonymousId": "d-%(p)s", "timestamp": _NOW,
        "context": {"library": {"name": "analytics-node", "version": "3.1.0"}, "locale": "de-DE", "ip": "203.0.113.7",
                    "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0"},
    }  # fmt: skip
    product = {
        "product_id": f"sku-{n}",
        "name": "Mug, blue, 0.3 l",
        "category": "kitchen",
        "quantity": 2,
        "price": 12.9,
    }
    kinds: list[dict[str, Any]] = [
        {"type": "page", "name": "Product", "properties": {"url": "https://shop.example/p/1", "category": "kitchen"}},
        {"event": "Product Viewed", "properties": {"product_id": f"sku-{n}", "category": "kitchen"}},
        {"event": "Product Added", "properties": {"product_id": f"sku-{n}", "category": "kitchen"}},
        {"event": "Order Completed", "userId": "u-%(p)s",
         "properties": {"order_id": "o-%(m)s", "total": 25.8, "currency": "EUR", "products": [product]}},
        {"type": "identify", "userId": "u-%(p)s", "traits": {"email": "p%(p)s@shop.example", "firstName": "Ann"}},
    ]  # fmt: skip
    return call | kinds[(0, 1, 1, 0, 1, 2, 0, 3, 1, 4)[n % 10]]


class Client(asyncio.Protocol):
    """One connection of a client that waits for each answer before it sends again."""

    def __init__(self, load: Load, number: int) -> None:
        self.load, self.number, self.sent = load, number, 0
        self.began, self.answer = 0.0, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        if time.perf_counter() >= self.load.until:
            self.load.finished()
            return
        body = self.load.templates[self.sent % len(self.load.templates)] % {
            b"m": b"%s-%d-%d" % (self.load.run, self.number, self.sent), b"p": b"%d" % ((self.sent * 37 + self.number) % 20_000),
        }  # fmt: skip
        self.sent += 1
        self.began = time.perf_counter()
        self.transport.write(b"%s%d\r\n\r\n%s" % (self.load.head, len(body), body))

    def data_received(self, data: bytes) -> None:
        # An answer may come in two pieces; each ends with the brace of its JSON.
        self.answer += data
        if not self.answer.endswith(b"}"):
            return
        answer, self.answer = self.answer, b""
        now = time.perf_counter()
        self.load.times.append(now - self.began)
        if not answer.startswith(b"HTTP/1.1 200"):
            self.load.refused += 1
        due = self.load.due()
        if due > now:
            asyncio.get_running_loop().call_later(due - now, self.send)
        else:
            self.send()

    def connection_lost(self, error: Exception | None) -> None:
        if error:
            self.load.finished()


class Load:
    """All connections together."""

    def __init__(self, key: str, seconds: float, connections: int, rate: float) -> None:
        auth = base64.b64encode(f"{key}:".encode()).decode()
        self.head = (
            f"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {auth}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self.templates = [
            t.replace(b"%(", b"\0(").replace(b"%", b"%%").replace(b"\0(", b"%(") for t in templates()
        ]
        self.run = b"%x" % time.time_ns()
        self.times: list[float] = []
        self.refused, self.open, self.connections = 0, connections, connections
        self.rate, self.planned = rate, 0
        self.began = time.perf_counter()
        self.until = self.began + seconds
        self.done = asyncio.get_running_loop().create_future()

    def due(self) -> float:
        """Return when the next batch is due at the wanted rate; at once without one."""
        self.planned += 1
        return self.began + self.planned * BATCH / self.rate if self.rate else 0.0

    def finished(self) -> None:
        self.open -= 1
        if self.open == 0 and not self.done.done():
            self.done.set_result(None)


async def run(port: int, key: str, seconds: float, connections: int, rate: float) -> dict[str, float]:
    load = Load(key, seconds, connections, rate)
    loop = asyncio.get_running_loop()
    for i in range(connections):
        await loop.create_connection(lambda i=i: Client(load, i), "127.0.0.1", port)  # type: ignore[misc]
    await load.done
    took, times = time.perf_counter() - load.began, sorted(load.times)
    return {
        "events": len(times) * BATCH, "seconds": took, "refused": load.refused,
        "p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)], "slowest": times[-1],
    }  # fmt: skip


if __name__ == "__main__":
    port, key, seconds, connections, rate = (*sys.argv[1:5], *sys.argv[5:], "0")[:5]
    print(json.dumps(uvloop.run(run(int(port), key, float(seconds), int(connections), float(rate)))))
