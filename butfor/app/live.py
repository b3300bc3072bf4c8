"""Verbs of live ingestion on a workspace."""

from __future__ import annotations

from butfor.app.workspace import Workspace
from butfor.ingest import Drain
from butfor.store import Inbox


def live_drain(ws: Workspace, inbox: Inbox) -> Drain:
    """Return the drain of a workspace's inbox; each source's events belong to one row of the load ledger per server."""
    loads: dict[str, int] = {}

    def load_of(source: str) -> int:
        if source not in loads:
            row = {"source": source, "file": "live events", "started_at": ws.now, "status": "live"}
            loads[source] = ws.hub.start("load", row)
        return loads[source]

    return Drain(inbox, ws.lake, ws.plan, load_of)
