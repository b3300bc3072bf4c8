"""The sender of the latency benchmark: one purchase after the other at a steady rate, each of another buyer.

Started as ``python -m bench.latency_load URL KEY RATE SECONDS PEOPLE``; prints when each was sent, as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

import httpx


async def send(url: str, key: str, rate: int, seconds: int, people: int) -> dict[str, float]:
    """Send, and return when each buyer's purchase was handed over (seconds of the machine's monotonic clock)."""
    sent: dict[str, float] = {}
    async with httpx.AsyncClient(auth=(key, ""), timeout=30) as client:
        began, waiting = time.monotonic(), set[asyncio.Task[Any]]()
        for n in range(rate * seconds):
            delay = began + n / rate - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            buyer = f"u{n * 37 % people}"
            sent.setdefault(buyer, time.monotonic())
            waiting.add(asyncio.create_task(client.post(url, json=_purchase(buyer, n))))
            waiting = {t for t in waiting if not t.done()}
        await asyncio.gather(*waiting)
    return sent


def _purchase(buyer: str, n: int) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {
        "event": "Order Completed", "userId": buyer, "messageId": f"bench-{n}", "timestamp": now, "sentAt": now,
        "properties": {"order_id": f"o{n}", "total": 19.9},
    }  # fmt: skip


if __name__ == "__main__":
    logging.disable()
    address, secret, *numbers = sys.argv[1:]
    print(json.dumps(asyncio.run(send(address, secret, *map(int, numbers)))))
