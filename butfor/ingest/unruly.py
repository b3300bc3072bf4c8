"""Events that the fast path does not take: odd text, odd types, too large. Each is tamed on its own, or says why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from butfor.ingest.calls import LARGEST_EVENT, Context, Event, clean, events_of

_TEXTS = ("timestamp", "originalTimestamp", "sentAt", "event")
_KEYS = ("messageId", "userId", "anonymousId", "previousId", "groupId")


def events(kind: str, body: bytes) -> Iterator[tuple[int, Event | None, str | None]]:
    """Yield (position, event, when it was sent) of a request; without an event, why there is none."""
    try:
        parts = events_of(kind, body)
    except (ValueError, RecursionError) as error:
        yield 0, None, f"unreadable request: {error}"[:200]
        return
    sent = _sent_at(body) if kind == "batch" else None
    for i, part in enumerate(parts):
        event, why = _tamed(part, kind)
        yield i, event, (event.sentAt or sent) if event else why


def _sent_at(body: bytes) -> str | None:
    try:
        found = json.loads(body.decode("utf-8", "replace")).get("sentAt")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def _tamed(part: bytes, kind: str) -> tuple[Event | None, str]:
    if len(part) > LARGEST_EVENT:
        return None, f"event is larger than {LARGEST_EVENT // 1024} KB"
    try:
        said = json.loads(part.decode("utf-8", "replace"))
        found = clean(said)
        if not isinstance(found, dict):
            return None, "event is no object"
        context = found.get("context")
        traits = context.get("traits") if isinstance(context, dict) else None
        keys = {name: _said(found.get(name)) for name in _KEYS}
        # What is left of a broken id may be the id of somebody else.
        broken = [name for name in _KEYS if found.get(name) != said.get(name)]
        if set(broken) - {"messageId"}:
            return None, f"unreadable identifier: {', '.join(broken)}"
        texts: dict[str, Any] = (
            {name: _said(found.get(name)) for name in _TEXTS} | keys | dict.fromkeys(broken)
        )
        return Event(
            type=kind if kind != "batch" else _said(found.get("type")) or "",
            context=Context(_raw(traits)),
            properties=_raw(found.get("properties")),
            traits=_raw(found.get("traits")),
            **texts,
        ), ""
    except (ValueError, RecursionError) as error:
        return None, f"unreadable event: {error}"[:200]


def _said(value: Any) -> str | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)


def _raw(value: Any) -> msgspec.Raw:
    return (
        msgspec.Raw(json.dumps(value, ensure_ascii=False).encode())
        if isinstance(value, dict)
        else msgspec.Raw(b"")
    )
