"""The door of live events: plain ASGI, because at 2,000 requests a second each layer is felt."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from butfor.app.keys import API
from butfor.ingest.calls import KINDS, LARGEST_EVENT
from butfor.model import ButforError
from butfor.store import Request
from butfor.web.answers import ALLOWED, TAKEN, Answer, problem
from butfor.web.commits import Commits
from butfor.web.keys import KeyRing
from butfor.web.reading import TooLarge, Unreadable, keys_of, message_ids, unpacked

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

LARGEST_BATCH = 2 * 1024 * 1024
# A body that is too large is read to its end as far as this, because clients send all of it before they listen.
PATIENCE = 64 * 1024 * 1024


def _paths() -> dict[str, str]:
    found = {}
    for kind in KINDS:
        for form in (kind, kind[0]):
            found[f"/v1/{form}"] = kind
            found[f"/api/s/{form}"] = found[f"/api/s/s2s/{form}"] = kind
    for form in ("batch", "b", "import"):
        found[f"/v1/{form}"] = found[f"/api/s/{form}"] = found[f"/api/s/s2s/{form}"] = "batch"
    return found


PATHS = _paths()


class Door:
    """Answers 200 for what is durable, and what SDKs expect for the rest: 400, 401, 413, 429, 503."""

    def __init__(self, keys: KeyRing, commits: Commits, now: Callable[[], datetime]) -> None:
        self._keys, self._commits, self._now = keys, commits, now

    def kind(self, path: str) -> str | None:
        """Return which call a path is, or None."""
        return PATHS.get(path) or PATHS.get(path.rstrip("/"))

    async def __call__(self, kind: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        found = await self._answered(kind, scope, receive)
        if found is not None:
            await send({"type": "http.response.start", "status": found.status, "headers": found.headers})
            await send({"type": "http.response.body", "body": found.body})

    async def _answered(self, kind: str, scope: Scope, receive: Receive) -> Answer | None:
        if scope["method"] != "POST":
            return ALLOWED if scope["method"] == "OPTIONS" else _NO_POST
        received = self._now()
        headers = dict(scope["headers"])
        body = await _body(headers, receive)
        if not isinstance(body, bytes):
            return body
        if self._commits.full:
            return _BUSY
        return await self._kept(kind, body, received, headers, scope["query_string"])

    async def _kept(
        self, kind: str, body: bytes, received: datetime, headers: dict[bytes, bytes], query: bytes
    ) -> Answer:
        limit = LARGEST_BATCH if kind == "batch" else LARGEST_EVENT
        try:
            source = self._keys.source(write_key_of(headers))
            body = unpacked(body, headers.get(b"content-encoding", b"").strip().lower(), limit)
            if len(body) > limit:
                raise TooLarge
            ids, key = message_ids(kind, body)
            source = source or self._keys.source(key or _query_key(query))
            if source is None or source == API:
                return _UNKNOWN_KEY
            if ids:
                await self._commits.submit(Request(source, kind, received, body, keys_of(source, ids)))
            return TAKEN
        except TooLarge:
            return _too_large(kind, limit)
        except Unreadable as error:
            return problem(
                400, "body", value=str(error), rule="a call is a JSON object, a batch one with a list named batch; gzip is fine",
                next_step="check what the SDK or proxy sends; nothing of this request was kept",
            )  # fmt: skip
        except ButforError as error:
            return problem(
                503, error.thing, value=str(error.value), rule="only what is durable is answered with 200",
                next_step="send it again; nothing of this request was kept", wait=5,
            )  # fmt: skip


async def _body(headers: dict[bytes, bytes], receive: Receive) -> bytes | Answer | None:
    """Return the body; an answer when it is too large, None when the caller hung up."""
    said = headers.get(b"content-length", b"0")
    if said.isdigit() and int(said) > PATIENCE:
        return _too_large("batch", LARGEST_BATCH)
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size <= LARGEST_BATCH:
            parts.append(part)
        if not message.get("more_body", False) or size > PATIENCE:
            break
    if size > LARGEST_BATCH:
        return _too_large("batch", LARGEST_BATCH)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def write_key_of(headers: dict[bytes, bytes]) -> str | None:
    """Return the key that a call brings in its headers, or None."""
    if given := headers.get(b"x-write-key"):
        return given.decode("latin-1").partition(":")[0]
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"basic":
        return value.decode("latin-1").strip() or None if scheme.lower() == b"bearer" else None
    try:
        return base64.b64decode(value.strip(), validate=True).decode("latin-1").partition(":")[0] or None
    except (binascii.Error, ValueError):
        return None


def _query_key(query: bytes) -> str | None:
    return next(iter(parse_qs(query.decode("latin-1")).get("writeKey", [])), None) if query else None


def _too_large(kind: str, limit: int) -> Answer:
    return problem(
        413, "body", value=f"more than {limit:,} bytes", rule=f"an event has {LARGEST_EVENT:,} bytes at most, a batch {LARGEST_BATCH:,}",
        next_step="send smaller batches, and large texts elsewhere; nothing of this request was kept",
    )  # fmt: skip


_NO_POST = problem(
    405, "method", rule="calls of the tracking API are POST", next_step="point an SDK at this address"
)
_BUSY = problem(
    429, "inbox", rule="what waits for the disk must fit in memory", next_step="send it again after the time in Retry-After",
    wait=1,
)  # fmt: skip
_UNKNOWN_KEY = problem(
    401, "write key", rule="each call brings the write key of its source, by basic auth, X-Write-Key or writeKey in the body",
    next_step="butfor key list shows the keys in use, butfor key add SOURCE makes a new one",
)  # fmt: skip
