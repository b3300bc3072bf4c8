"""Online identity: observations into the hub of a million accounts, durable, in small group commits."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from butfor.identity.facts import rules_of
from butfor.identity.live import Observation, observe
from butfor.plan import Plan
from butfor.plan.kinds import IdentityDecision, Term, Workspace
from butfor.plan.retail import retail_plan
from butfor.store import Hub

ACCOUNTS, EVENTS, GROUP = 1_000_000, 60_000, 12
NOW = datetime(2026, 7, 1)
# The floor writes and reads as much by bare SQL: what the hub itself can do.


class Online(msgspec.Struct, frozen=True, kw_only=True):
    """Events per second, and how long an event waited until it was durable, in milliseconds."""

    accounts: int
    events: int
    per_second: float
    p50: float
    p99: float
    worst: float
    merged: int
    floor_per_second: float

    @property
    def met(self) -> bool:
        return self.per_second >= 5_000 and self.p99 <= 5

    def __str__(self) -> str:
        return (
            f"{'ok  ' if self.met else 'MISS'} online identity at {self.accounts:,} accounts: {self.per_second:,.0f} events/s durable "
            f"(to reach 5,000), p50 {self.p50:.2f} ms, p99 {self.p99:.2f} ms (to reach 5), worst {self.worst:.0f} ms, {self.merged:,} merges; "
            f"{self.floor_per_second / self.per_second:.1f}x below bare writes of the same rows"
        )


def run() -> Online:
    """Fill a hub, then observe events of known browsers: 30 % show an e-mail, 10 % a phone number, 0.2 % stand at a kiosk."""
    rules = rules_of(_plan())
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub("sqlite", Path(folder))
        _fill(hub)
        groups = list(_groups(random.Random(5)))
        for group in groups[:50]:
            observe(hub, rules, group, NOW)
        times, merged = [], 0
        began = time.perf_counter()
        for group in groups[50:]:
            start = time.perf_counter()
            merged += observe(hub, rules, group, NOW).merged
            times += [time.perf_counter() - start] * GROUP
        seconds = time.perf_counter() - began
        floor = _floor(hub, groups[50:])
        hub.close()
    times.sort()
    n = len(times)
    return Online(
        accounts=ACCOUNTS, events=n, per_second=n / seconds, p50=times[n // 2] * 1e3, p99=times[int(n * 0.99)] * 1e3,
        worst=times[-1] * 1e3, merged=merged, floor_per_second=n / floor,
    )  # fmt: skip


def _plan() -> Plan:
    decision = IdentityDecision(primary="customer_id", ranked=["loyalty_card", "email"])
    workspace = Workspace(version=1, name="bench", currency="EUR", identity=decision)
    terms = {("term", d.id): d for d in retail_plan() if isinstance(d, Term)}
    return Plan(folder=Path(), workspace=workspace, definitions=terms, places={}, problems=[])


def _id(number: int) -> str:
    # Spread over the key space as hashes of account keys are.
    text = f"{(number * 0x9E3779B97F4A7C15) % 2**128:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _fill(hub: Hub) -> None:
    for start in range(0, ACCOUNTS, 20_000):
        span = range(start, start + 20_000)
        with hub.session() as session:
            session.append(
                "account",
                [
                    {
                        "account_id": _id(i),
                        "source": "site",
                        "account_key": f"u{i}",
                        "first_seen": NOW,
                        "person_id": _id(i),
                        "home": _id(i),
                    }
                    for i in span
                ],
            )
            session.append("identifier", [_row(i, "customer_id", f"u{i}") for i in span])
            session.append("identifier", [_row(i, "email", f"p{i}@shop.org") for i in span if i % 2])
            session.append("identifier", [_row(i, "device_id", f"d{i}") for i in span])


def _row(account: int, term: str, val: str) -> dict[str, object]:
    return {"account_id": _id(account), "term": term, "val": val, "first_seen": NOW, "verified_at": NOW}


def _groups(rng: random.Random) -> Iterator[list[Observation]]:
    for _ in range(EVENTS // GROUP):
        yield [o for _ in range(GROUP) for o in _event(rng)]


def _event(rng: random.Random) -> list[Observation]:
    person = rng.randrange(ACCOUNTS)
    account, key = _id(person), f"u{person}"
    seen = [Observation(account, "site", key, "customer_id", key, NOW, True)]
    draw = rng.random()
    if draw < 0.3:
        # Half of the accounts have shown theirs before; one in twenty shows one that another has verified: a merge.
        whose = person if rng.random() < 0.95 else rng.randrange(ACCOUNTS) | 1
        seen.append(Observation(account, "site", key, "email", f"p{whose}@shop.org", NOW, True))
    elif draw < 0.4:
        seen.append(Observation(account, "site", key, "phone", f"+49{person}", NOW, False))
    device = "kiosk" if rng.random() < 0.002 else f"d{person}"
    return [*seen, Observation(account, "site", key, "device_id", device, NOW, False)]


def _floor(hub: Hub, groups: list[list[Observation]]) -> float:
    """Return the seconds that bare reads and writes of the same rows take, group by group."""
    began = time.perf_counter()
    for n, group in enumerate(groups):
        rows = [
            {
                "account_id": f"floor-{n}-{i}"[:36],
                "term": o.term,
                "val": o.val,
                "first_seen": NOW,
                "verified_at": NOW,
            }
            for i, o in enumerate(group)
        ]
        with hub.session() as session:
            session.rows_in("account", "account_id", {o.account_id for o in group}, ["person_id"])
            session.append("identifier", rows)
    return time.perf_counter() - began
