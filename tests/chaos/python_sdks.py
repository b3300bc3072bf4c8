"""A program of a brand that sends events with the Python SDK of Segment or RudderStack until it is told to stop.

``python python_sdks.py segment|rudder URL KEY STOP_FILE``; prints how many it sent.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any


def client(name: str, url: str, key: str) -> Any:
    # As in production but for one thing: a test has no minutes to wait between two tries.
    settings: dict[str, Any] = {
        "host": url,
        "max_retries": 100_000,
        "upload_size": 20,
        "upload_interval": 0.1,
        "gzip": True,
    }
    if name == "segment":
        import segment.analytics.client as segment
        import segment.analytics.consumer as consumer

        wait = consumer.Consumer._wait
        consumer.Consumer._wait = lambda self, seconds: wait(self, min(seconds, 0.5))
        return segment.Client(key, **settings)
    import backoff
    import rudderstack.analytics.client as rudder

    backoff.expo = lambda **_: backoff.constant(0.3)
    return rudder.Client(key, **settings)


def main(name: str, url: str, key: str, stop: str) -> int:
    made, n = client(name, url, key), 0
    while not Path(stop).exists():
        user, device = f"{name}-u{n % 40}", f"{name}-d{n % 90}"
        made.track(user, "Product Viewed", {"product_id": f"{name}-{n}"}, anonymous_id=device)
        if n % 10 == 0:
            products = [{"product_id": "mug", "quantity": 2, "price": 6.25}]
            made.track(
                user, "Order Completed", {"order_id": f"{name}-{n}", "total": 12.5, "products": products}
            )
            made.identify(user, {"email": f"{user}@shop.example", "firstName": "Ann"})
        n += 1
        time.sleep(0.02)
    made.flush()
    return n


if __name__ == "__main__":
    print(main(*sys.argv[1:5]))
