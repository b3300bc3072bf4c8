"""Calls of SDKs put straight into the inbox and drained, without a server."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from shops import NOW, shop

from butfor.app import Workspace
from butfor.app.live import live_drain
from butfor.ingest import Drain, Drained
from butfor.plan.kinds import Definition, Source
from butfor.store import Inbox, Request

SITE = Source(id="site", label="Our site", connector="segment", grain="event")


def track(event: str, n: str, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "messageId": n, "userId": "u1", "properties": {}} | more


class Live:
    """A workspace with an inbox and a drain."""

    def __init__(self, ws: Workspace) -> None:
        self.ws, self.inbox = ws, Inbox(ws.hub)
        self.drain: Drain = live_drain(ws, self.inbox)

    def put(
        self, *calls: Any, source: str = "site", received: datetime = NOW, sent: str | None = None
    ) -> int:
        """Keep calls as one batch, as the door would; return how many are new."""
        ids = [c.get("messageId") if isinstance(c, dict) else None for c in calls]
        keys = [hashlib.md5(f"{source}\x1f{i}".encode()).digest() if isinstance(i, str) else b"" for i in ids]
        body = json.dumps({"batch": calls} | ({"sentAt": sent} if sent else {})).encode()
        return self.inbox.append([Request(source, "batch", received, body, keys)])

    def run(self) -> Drained:
        """Drain once; there must be something."""
        done = self.drain.step()
        assert done is not None
        return done


@contextmanager
def live(folder: Path, *definitions: Definition, **workspace: Any) -> Iterator[Live]:
    with shop(folder, SITE, *definitions, **workspace) as ws:
        made = Live(ws)
        try:
            yield made
        finally:
            made.inbox.close()
