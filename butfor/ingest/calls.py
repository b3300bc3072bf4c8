"""The calls of Segment's tracking API: which there are, and what each may hold."""

from __future__ import annotations

import json
from typing import Any

import msgspec

# Segment's limit per event; its SDKs drop larger ones on their own.
LARGEST_EVENT = 32 * 1024
KINDS = ("identify", "track", "page", "screen", "group", "alias")
_NOTHING = msgspec.Raw(b"")


class Context(msgspec.Struct, gc=False):
    """The part of an event's context that is about the person; RudderStack sends all traits here."""

    traits: msgspec.Raw = _NOTHING


class Event(msgspec.Struct, gc=False):
    """One call. Free-form parts stay text until the plan types them."""

    type: str = ""
    messageId: str | int | None = None  # noqa: N815
    userId: str | int | None = None  # noqa: N815
    anonymousId: str | int | None = None  # noqa: N815
    previousId: str | int | None = None  # noqa: N815
    groupId: str | int | None = None  # noqa: N815
    event: str | None = None
    timestamp: str | None = None
    originalTimestamp: str | None = None  # noqa: N815
    sentAt: str | None = None  # noqa: N815
    properties: msgspec.Raw = _NOTHING
    traits: msgspec.Raw = _NOTHING
    context: Context | None = None


class Body(msgspec.Struct, gc=False):
    """A batch of calls."""

    batch: list[Event]
    sentAt: str | None = None  # noqa: N815


class RawBody(msgspec.Struct, gc=False):
    """A batch whose calls are looked at one by one."""

    batch: list[msgspec.Raw]
    sentAt: msgspec.Raw = _NOTHING  # noqa: N815


_RAW_BODY = msgspec.json.Decoder(RawBody)


def events_of(kind: str, body: bytes) -> list[bytes]:
    """Return the calls of a request as they came, as far as text can be read; raise ValueError when it is none.

    RecursionError is raised for what is nested without end.
    """
    if kind != "batch":
        return [body]
    try:
        return [bytes(part) for part in _RAW_BODY.decode(body).batch]
    except (msgspec.MsgspecError, UnicodeError):
        # One broken text in one call (half a surrogate pair) must not cost the calls beside it.
        found = json.loads(body.decode("utf-8", "replace"))
    parts = found.get("batch") if isinstance(found, dict) else None
    if isinstance(parts, list):
        return [json.dumps(part).encode() for part in parts]
    raise ValueError("a batch is an object whose batch is a list of calls")


def clean(value: Any) -> Any:
    """Return a JSON value without the text that stores do not take: NUL goes, half a surrogate pair is a question mark."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [clean(v) for v in value]
    if isinstance(value, dict):
        return {clean(k): clean(v) for k, v in value.items()}
    return value
