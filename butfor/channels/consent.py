"""Consent, per channel and address: the latest word counts, the most restrictive where words conflict.

What a person said of an address holds for every account that has the address. A ``state`` (a box in a record that
was delivered) never lifts a withdrawal; only an ``event`` (somebody said yes, at a time of its own) after it does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec

from butfor.model import BadInput
from butfor.store import Hub

GIVEN, WITHDRAWN = "given", "withdrawn"
EVENT, STATE = "event", "state"


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody said yes or no to messages on a channel at an address."""

    channel: str
    address: str
    verdict: str
    occurred_at: datetime
    source: str
    stated: str = EVENT
    account_id: str | None = None


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for an address now, since when, and which source said it."""

    channel: str
    address: str
    verdict: str
    since: datetime
    source: str


def say(hub: Hub, statements: Iterable[Statement], now: datetime) -> int:
    """Append statements, each once; return how many are new. Raises BadInput for an unknown verdict or no address."""
    rows = []
    for s in statements:
        if s.verdict not in (GIVEN, WITHDRAWN) or not s.address:
            raise BadInput(
                "consent", value=s.verdict if s.address else "no address",
                rule=f"consent is {GIVEN} or {WITHDRAWN}, for an address", next_step="give both",
            )  # fmt: skip
        body = msgspec.structs.asdict(s)
        key = hashlib.sha256("\x1f".join(str(v) for v in body.values()).encode()).hexdigest()
        rows.append({**body, "key": key, "made_at": now})
    return hub.append("consent", rows, once=True)


def consents(hub: Hub, channel: str, addresses: Collection[str]) -> dict[str, Consent]:
    """Return what holds for each address that somebody said anything of."""
    marks = {forgotten(a): a for a in addresses}
    with hub.session() as session:
        columns = ["address", "verdict", "stated", "occurred_at", "source"]
        rows = session.rows_in("consent", "address", {*addresses, *marks}, columns, channel=channel)
    found: dict[str, list[tuple[Any, ...]]] = {}
    for address, *said in rows:
        found.setdefault(marks.get(address, address), []).append(tuple(said))
    return {a: _in_force(channel, a, said) for a, said in found.items()}


def forgotten(address: str) -> str:
    """Return the mark that an erased address leaves behind: it recognises the address and tells it to nobody."""
    return "erased:" + hashlib.sha256(f"butfor consent {address}".encode()).hexdigest()


def _in_force(channel: str, address: str, said: list[tuple[Any, ...]]) -> Consent:
    # At one moment, no beats yes; a state comes before an event, so that it cannot lift a withdrawal.
    ordered = sorted(said, key=lambda s: (s[2], s[0] == WITHDRAWN, s[1] == EVENT))
    verdict, _, since, source = ordered[0]
    for now, stated, when, who in ordered[1:]:
        if now == verdict or (verdict == WITHDRAWN and stated == STATE):
            continue
        verdict, since, source = now, when, who
    return Consent(channel=channel, address=address, verdict=verdict, since=since, source=source)
