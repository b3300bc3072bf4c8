"""From the bytes of a call to what the inbox takes: decompressed, checked for shape, each event with its key."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import msgspec

from butfor.ingest.calls import events_of

GZIP = 31


class _Named(msgspec.Struct, gc=False):
    messageId: str | int | None = None  # noqa: N815
    writeKey: str | None = None  # noqa: N815


class _Batch(msgspec.Struct, gc=False):
    batch: list[_Named]
    writeKey: str | None = None  # noqa: N815


_ONE, _MANY = msgspec.json.Decoder(_Named), msgspec.json.Decoder(_Batch)


class Unreadable(ValueError):
    """A body that is no call of the tracking API: what it is, and the rule."""


class TooLarge(ValueError):
    """A body that grows beyond the limit when decompressed."""


def unpacked(body: bytes, encoding: bytes, limit: int) -> bytes:
    """Return a body decompressed, never more than ``limit`` bytes of it."""
    if not encoding or encoding == b"identity":
        # Some proxies take the header away and leave the bytes.
        if not body.startswith(b"\x1f\x8b"):
            return body
    elif encoding not in (b"gzip", b"x-gzip"):
        raise Unreadable(f"content-encoding {encoding.decode('latin-1')[:40]}")
    try:
        # A decompressor of its own size refuses a bomb before it is blown up.
        stream = zlib.decompressobj(GZIP)
        out = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise Unreadable(f"gzip: {error}") from error
    if len(out) > limit:
        raise TooLarge
    if not stream.eof:
        raise Unreadable("gzip: cut off")
    return out


def message_ids(kind: str, body: bytes) -> tuple[list[str | None], str | None]:
    """Return the message id of each event of a call, and the write key in its body; raise Unreadable when it is none."""
    try:
        if kind != "batch":
            one = _ONE.decode(body)
            return [_id(one.messageId)], one.writeKey
        many = _MANY.decode(body)
        return [_id(e.messageId) for e in many.batch], many.writeKey
    except (msgspec.MsgspecError, UnicodeError):
        return _unruly(kind, body)
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error


def _unruly(kind: str, body: bytes) -> tuple[list[str | None], str | None]:
    """Take what can be taken: one broken event must not cost the others, it will be quarantined on its own."""
    try:
        found = _tolerant(body)
        if not isinstance(found, dict):
            raise Unreadable(f"a JSON {type(found).__name__}")
        events = [found] if kind != "batch" else found.get("batch")
        if not isinstance(events, list):
            raise Unreadable("an object without a list named batch")
        if len(events_of(kind, body)) != len(events):
            raise Unreadable("a list that reads differently twice")
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    key = found.get("writeKey")
    return [_id(e.get("messageId")) if isinstance(e, dict) else None for e in events], key if isinstance(
        key, str
    ) else None


def _tolerant(body: bytes) -> Any:
    import json

    try:
        return json.loads(body.decode("utf-8", "replace"))
    except ValueError as error:
        raise Unreadable(str(error)[:200]) from error


def _id(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    # Half a surrogate pair has no bytes; such an id tells nothing apart.
    found = str(value) if isinstance(value, int) and abs(value) < 10**100 else value
    return found if isinstance(found, str) and found.isprintable() and found else None


def keys_of(source: str, ids: list[str | None]) -> list[bytes]:
    """Return the key of each message id, which the inbox keeps for ever; empty without an id."""
    head = hashlib.md5(f"{source}\x1f".encode(), usedforsecurity=False)
    return [_key(head, i) if i else b"" for i in ids]


def _key(head: Any, message_id: str) -> bytes:
    own = head.copy()
    own.update(message_id.encode())
    return bytes(own.digest())
