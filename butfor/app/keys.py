"""Write keys of live sources. They need the hub alone, so a running server is not disturbed."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from butfor.app.workspace import DATA
from butfor.model import BadInput
from butfor.plan import did_you_mean, load_plan
from butfor.plan.kinds import Source
from butfor.store import Hub


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A write key; this is the only time that it can be read."""

    id: int
    source: str
    write_key: str


@contextmanager
def open_hub(folder: str | Path) -> Iterator[Hub]:
    """Open the hub of a workspace, but not its lake, which a running server holds."""
    path = Path(folder)
    hub = Hub(load_plan(path).workspace.hub, path / DATA)
    try:
        yield hub
    finally:
        hub.close()


# The name under which keys of the API are kept; such a key may read and decide, and no write key may.
API = "api"


def hashed(key: str) -> str:
    """Return what the hub keeps of a key. Keys are long and random, so a plain hash cannot be guessed backwards."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def add_key(folder: str | Path, source: str, now: datetime | None = None) -> NewKey:
    """Make a write key for a live source, or with ``api`` a key of the API; raise BadInput when there is no such source."""
    plan = load_plan(Path(folder))
    live = [s.id for s in plan.all(Source) if s.connector == "segment"]
    if source not in (API, *live):
        raise BadInput(
            "source", value=source, rule="a write key belongs to a source whose connector is segment",
            next_step=did_you_mean(source, live) or f"write plan/sources/{source}.yaml with connector: segment and grain: event",
        )  # fmt: skip
    key = secrets.token_urlsafe(24)
    row = {
        "source": source,
        "hash": hashed(key),
        "hint": key[:4],
        "made_at": now or _now(),
        "revoked_at": None,
    }
    with open_hub(folder) as hub:
        return NewKey(id=hub.start("write_key", row), source=source, write_key=key)


def keys(folder: str | Path) -> list[dict[str, Any]]:
    """Return the write keys: number, source, first letters, made and revoked."""
    with open_hub(folder) as hub:
        return [{k: v for k, v in r.items() if k != "hash"} for r in hub.rows("write_key")]


def revoke_key(folder: str | Path, number: int, now: datetime | None = None) -> dict[str, Any]:
    """Revoke a write key; a running server refuses it within a second. Revoking twice changes nothing."""
    with open_hub(folder) as hub:
        found = hub.first("write_key", id=number)
        if found is None:
            raise BadInput(
                "write key",
                value=number,
                rule="the number is one of butfor key list",
                next_step="butfor key list",
            )
        if found["revoked_at"] is None:
            hub.update("write_key", {"revoked_at": now or _now()}, id=number)
        row = hub.first("write_key", id=number) or {}
    return {k: v for k, v in row.items() if k != "hash"}


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
