"""Requests of the inbox become rows: one per event, as text columns, with its time put right; or a reject with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
import pyarrow as pa

import butfor.ingest.unruly as unruly
from butfor.ingest.calls import LARGEST_EVENT, Body, Event, events_of
from butfor.store import ROW, Kept

# Text that a store or an engine does not take: NUL, and halves of surrogate pairs (a pair that is whole is looked at too).
_ODD = re.compile(rb"\\u(0000|[dD][89a-fA-F])")
COLUMNS = (
    "message_id", "kind", "name", "term", "account", "user_id", "anonymous_id", "previous_id", "group_id", "time",
    "original", "received", "properties", "traits", "context_traits",
)  # fmt: skip


class Reject(msgspec.Struct, frozen=True):
    """An event that cannot be used: its row, why, and what it said."""

    row: int
    message_id: str
    reason: str
    field: str = ""
    val: str | None = None
    term: str | None = None


class Arrivals(msgspec.Struct, frozen=True):
    """The events of some requests of one source; ``places`` says for each row which request and position it was."""

    source: str
    rows: pa.Table
    rejects: list[Reject]
    places: list[tuple[int, int]]
    kept: Sequence[Kept]

    def refused(self, reason: str) -> Arrivals:
        """Return the same events, all of them rejected."""
        given = dict(zip(self.rows[ROW].to_pylist(), self.rows["message_id"].to_pylist(), strict=True))
        more = [Reject(row, key, reason) for row, key in given.items()]
        return msgspec.structs.replace(self, rows=self.rows.slice(0, 0), rejects=[*self.rejects, *more])

    def raw(self, row: int) -> str:
        """Return the text of an event as it came, without what no store takes."""
        request, position = self.places[row]
        body = self.kept[request].body
        try:
            parts = events_of(self.kept[request].kind, body)
            found = parts[position]
        except (ValueError, RecursionError, IndexError):
            found = body
        return found[:LARGEST_EVENT].decode("utf-8", "replace").replace("\x00", "")


def arrivals(source: str, kept: Sequence[Kept], words: Mapping[str, str]) -> Arrivals:
    """Read requests of one source; ``words`` maps event names, in lower case too, to terms of the plan."""
    cells = list[tuple[str | None, ...]]()
    numbers, rejects, places = list[int](), list[Reject](), list[tuple[int, int]]()
    for n, request in enumerate(kept):
        received = request.received_at.isoformat(sep=" ")
        for position, event, sent in _events(request):
            row = len(places)
            places.append((n, position))
            key = f"butfor-{request.seq}-{position}"
            if event is None:
                rejects.append(Reject(row, key, sent or "no event"))
                continue
            key = str(event.messageId or "") or key
            if isinstance(found := _row(event, request.received_at, received, key, sent, words), Reject):
                rejects.append(msgspec.structs.replace(found, row=row))
                continue
            numbers.append(row)
            cells.append(found)
    return Arrivals(source, _table(numbers, cells), rejects, places, kept)


def _table(numbers: list[int], cells: list[tuple[str | None, ...]]) -> pa.Table:
    columns = zip(*cells, strict=True) if cells else [()] * len(COLUMNS)
    texts = {name: pa.array(values, pa.string()) for name, values in zip(COLUMNS, columns, strict=True)}
    return pa.table({ROW: pa.array(numbers, pa.int64())} | texts)


def _events(request: Kept) -> Iterator[tuple[int, Event | None, str | None]]:
    """Yield (position, event, when it was sent); without an event, why there is none."""
    for i, event, sent in _orderly(request) or unruly.events(request.kind, request.body):
        if i not in request.skip:
            yield i, event, sent


def _orderly(request: Kept) -> list[tuple[int, Event | None, str | None]] | None:
    """Return the events of a request that holds nothing odd, which is nearly every one; None for another."""
    body = request.body
    try:
        body.decode()
        if _ODD.search(body) or (
            len(body) > LARGEST_EVENT and max(map(len, events_of(request.kind, body))) > LARGEST_EVENT
        ):
            return None
        if request.kind == "batch":
            whole = _BODY.decode(body)
            return [(i, event, event.sentAt or whole.sentAt) for i, event in enumerate(whole.batch)]
        event = _EVENT.decode(body)
        event.type = request.kind
        return [(0, event, event.sentAt)]
    except (ValueError, RecursionError):
        return None


_BODY = msgspec.json.Decoder(Body)
_EVENT = msgspec.json.Decoder(Event)


def _row(
    event: Event, received_at: datetime, received: str, key: str, sent: str | None, words: Mapping[str, str]
) -> tuple[str | None, ...] | Reject:
    user, device = _text(event.userId), _text(event.anonymousId)
    account = user or (f"anon:{device}" if device else None)
    if account is None:
        return Reject(0, key, "missing identifier", "userId")
    kind = event.type
    name = event.event if kind == "track" else _VIEWS.get(kind)
    term = None
    if name is not None or kind == "track":
        term = words.get(name or "") or words.get((name or "").strip().lower())
        if term is None:
            return Reject(0, key, "unexpected event", "event", (name or "")[:200], (name or "")[:200])
    elif kind not in _ABOUT_PEOPLE:
        return Reject(0, key, "unknown call", "type", kind[:200])
    time, original = _times(event, received_at, sent)
    context = event.context.traits if event.context else None
    return (
        key, kind, name, term, account, user, device, _text(event.previousId), _text(event.groupId), time, original,
        received, _json(event.properties), _json(event.traits), _json(context),
    )  # fmt: skip


_VIEWS = {"page": "Page Viewed", "screen": "Screen Viewed"}
_ABOUT_PEOPLE = ("identify", "alias", "group")


def _times(event: Event, received: datetime, sent: str | None) -> tuple[str, str | None]:
    """Return the event's time by our clock, and by the sender's where that differs by more than a second.

    Sender and receiver see one moment, the sending, so their clocks differ by sent minus received (Segment's rule).
    An event that comes with both times was put right by who passed it on.
    """
    said = event.timestamp or event.originalTimestamp
    if not said:
        return received.isoformat(sep=" "), None
    time = moment(said)
    if time is None:
        return said, None
    sending = moment(sent) if sent and not (event.timestamp and event.originalTimestamp) else None
    if sending is None:
        return time.isoformat(sep=" "), None
    try:
        right = time - (sending - received)
    except OverflowError:
        return said, None
    off = abs((right - time).total_seconds()) > 1
    return right.isoformat(sep=" "), time.isoformat(sep=" ") if off else None


@lru_cache(maxsize=4096)
def moment(text: str) -> datetime | None:
    """Return a time in ISO form as UTC without a zone, or None."""
    try:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def _text(value: str | int | None) -> str | None:
    if value is None or value == "":
        return None
    return value.strip() or None if isinstance(value, str) else str(value)


def _json(value: msgspec.Raw | None) -> str | None:
    # Anything but an object says nothing about the event.
    found = bytes(value) if value is not None else b""
    return found.decode() if found[:1] == b"{" else None
