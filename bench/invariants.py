"""Invariants 3 and 4 over random sequences: merges, splits, consents, points, erasures and campaigns in small worlds.

Worlds are played side by side in one hub, and what they came to is compared with what each world remembers itself and
with the batch judge of the same facts.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from butfor.app.forget import forget_in_hub
from butfor.campaigns.cooling import fresh_merges
from butfor.campaigns.launch import record
from butfor.campaigns.standing import standing
from butfor.catalog import earn, redeem
from butfor.channels.consent import GIVEN, WITHDRAWN, Statement, consents, say
from butfor.decide import Candidate, decide
from butfor.experiments.design import salt_of
from butfor.identity.changes import former_ids, known_as
from butfor.identity.facts import NAME, Limit, Rules
from butfor.identity.judgements import all_said, judgement_row
from butfor.identity.live import Observation, judge_again, observe
from butfor.identity.people import judge_with
from butfor.identity.recount import stakes
from butfor.identity.shelf import Shelf
from butfor.model import Refused
from butfor.plan.kinds import Arm, Campaign, Expectation, Experiment, Hypothesis, Identity, Variant
from butfor.store import Hub

NOW = datetime(2026, 7, 1)
TOGETHER = 500
RULES = Rules(
    linking={
        "customer": Identity(exclusive=True, max_accounts=4),
        "email": Identity(max_accounts=3, blocked=[".*none@.*"]),
        "card": Identity(alone="always", max_per_person=1),
    },
    following={"device": Identity(follows=True, max_accounts=3)},
    limits=[Limit("card", 1, None), Limit("born", 1, None), Limit("email", 2, 30)],
    exclusive=["customer"],
    ranked=["customer", "card", "email"],
    names=["first", "last"],
    attributes=["born"],
    blocked={"email": [".*none@.*"]},
)
VALUES = {
    "customer": ["c1", "c2"], "email": ["a@x", "a@x", "b@x", "none@x"], "card": ["k1", "k2"], "device": ["d1", "d2"],
    "born": ["1980-01-01", "1990-01-01"], NAME: ["anna berg", "ann berg", "otto stein"],
}  # fmt: skip
SHOWN = ["customer", "email", "card", "device"]
EXPERIMENT = Experiment(
    id="mail_test", label="Mail or none", metrics=["margin"], expect=Expectation(low=0.1, likely=0.2, high=0.4),
    hypothesis=Hypothesis(audience="all", change="a mail", metric="margin", direction="up", minimum_effect=0.1),
    arms={"mail": Arm(share=0.5, variant="mail"), "none": Arm(share=0.5, control=True)},
)  # fmt: skip
CAMPAIGN = Campaign(
    id="mail", label="Mail", goal="more", goal_event="order_completed", audience="all", experiment="mail_test",
    offers=["ten_off"], variants={"mail": Variant(subject="Hello", body="An offer.")},
)  # fmt: skip
MOVES = {
    "see": 12, "same": 2, "alike": 1, "different": 1, "withdraw": 1, "probe": 1, "earn": 2, "redeem": 3, "consent": 2, "launch": 3,
    "erase": 1,
}  # fmt: skip


class Invariants(msgspec.Struct, frozen=True, kw_only=True):
    """How many sequences and steps were played, and what did not hold: how often, and the first of each kind."""

    sequences: int
    steps: int
    violations: dict[str, int]
    first: dict[str, str]
    counts: dict[str, int]
    seconds: float

    @property
    def met(self) -> bool:
        return not self.violations

    def __str__(self) -> str:
        told = ", ".join(f"{n:,} {what}" for what, n in sorted(self.counts.items()))
        broken = "".join(f"\n     {n:,} x {what}: {self.first[what]}" for what, n in self.violations.items())
        return (
            f"{'ok  ' if self.met else 'MISS'} invariants: {sum(self.violations.values())} violations (to reach 0) in "
            f"{self.sequences:,} sequences of {self.steps:,} steps ({told}), {self.sequences / self.seconds:,.0f} sequences/s{broken}"
        )


class World:
    """What one sequence did, as somebody would remember who only wrote it down."""

    def __init__(self, number: str) -> None:
        self.accounts = [f"{number}-{i}" for i in range(6)]
        self.number = number
        self.rows: list[Observation] = []
        self.points: Counter[str] = Counter()
        self.said: dict[str, list[tuple[datetime, str]]] = {}
        self.held: list[tuple[str, frozenset[str]]] = []
        self.people: dict[str, str] = {}

    def groups(self) -> dict[str, frozenset[str]]:
        """Return the accounts of each person."""
        out: dict[str, set[str]] = {}
        for account, person in self.people.items():
            out.setdefault(person, set()).add(account)
        return {p: frozenset(a) for p, a in out.items()}

    def owns(self, account: str, term: str, val: str) -> bool:
        """Say whether an account showed a value that was verified for it."""
        return any(r.verified and (r.account_id, r.term, r.val) == (account, term, val) for r in self.rows)


class Batch:
    """Worlds played side by side: each round every world makes one move, and equal moves are made together."""

    def __init__(self, hub: Hub, seed: int, worlds: int) -> None:
        self.hub, self.rng = hub, random.Random(seed)
        self.worlds = [World(f"{seed}.{i}") for i in range(worlds)]
        self.length = {w.number: self.rng.randint(6, 16) for w in self.worlds}
        self.now, self.made = NOW, Counter[str]()
        self.broken, self.first = Counter[str](), dict[str, str]()
        self.sent: set[str] = set()

    def play(self) -> None:
        """Play every world to its end and check what they came to."""
        kinds, weights = list(MOVES), list(MOVES.values())
        for step in range(max(self.length.values())):
            moves: dict[str, list[World]] = {}
            for w in self.worlds:
                if step < self.length[w.number]:
                    moves.setdefault(self.rng.choices(kinds, weights)[0], []).append(w)
            for kind in kinds:
                if having := moves.get(kind):
                    self.made[kind] += len(having)
                    getattr(self, f"_{kind}")(having)
            self.now += timedelta(days=self.rng.choice([0, 1, 3]), seconds=1)
        self._look(self.worlds)
        self._compare_lanes()
        self._compare_points()

    def _holds(self, true: bool, what: str, told: Callable[[], object]) -> None:
        if not true:
            self.broken[what] += 1
            self.first.setdefault(what, str(told()))

    def _look(self, worlds: Iterable[World]) -> None:
        having = list(worlds)
        with self.hub.session() as session:
            rows = session.rows_in(
                "account", "account_id", [a for w in having for a in w.accounts], ["account_id", "person_id"]
            )
        known = {a: p for a, p in rows if p}
        for w in having:
            w.people = {a: known[a] for a in w.accounts if a in known}

    def _see(self, worlds: list[World]) -> None:
        seen = [(w, self._observation(w)) for w in worlds for _ in range(self.rng.randint(1, 3))]
        for w, row in seen:
            w.rows.append(row)
        observe(self.hub, RULES, [row for _, row in seen], self.now)

    def _observation(self, w: World) -> Observation:
        account, term = self.rng.choice(w.accounts), self.rng.choice(list(VALUES))
        val, day = self.rng.choice(VALUES[term]), self.rng.choice([None, 0, 10, 50])
        own = val if term in ("born", NAME) else f"{w.number}{val}"
        when = None if day is None else NOW + timedelta(days=day)
        sure = term in SHOWN and self.rng.random() < 0.7
        return Observation(account, "s", account, term, own, when, sure)

    def _judge(self, pairs: list[tuple[str, str]], verdict: str, of: list[int] | None = None) -> None:
        rows = [
            judgement_row(a, b, verdict, "t", "r", "", self.now, of[i] if of else None)
            for i, (a, b) in enumerate(pairs)
        ]
        self.hub.append("judgement", rows)
        self._again({a for p in pairs for a in p})

    def _again(self, accounts: set[str]) -> None:
        with self.hub.session() as session:
            there = {a for (a,) in session.rows_in("account", "account_id", accounts, ["account_id"])}
            judge_again(session, RULES, there, self.now, "test")

    def _pairs(self, worlds: list[World]) -> list[tuple[str, str]]:
        picked = [self.rng.sample(w.accounts, 2) for w in worlds]
        return [(a, b) for a, b in picked]

    def _same(self, worlds: list[World]) -> None:
        self._judge(self._pairs(worlds), "same")

    def _alike(self, worlds: list[World]) -> None:
        self._judge(self._pairs(worlds), "alike")

    def _different(self, worlds: list[World]) -> None:
        self._judge(self._pairs(worlds), "different")

    def _in_force(self) -> dict[str, list[tuple[int, str, str]]]:
        rows = self.hub.rows("judgement")
        gone = {r["refers_to"] for r in rows}
        out: dict[str, list[tuple[int, str, str]]] = {}
        for r in rows:
            if r["verdict"] != "withdrawn" and r["id"] not in gone:
                out.setdefault(r["left_account"].split("-")[0], []).append(
                    (r["id"], r["left_account"], r["right_account"])
                )
        return out

    def _withdraw(self, worlds: list[World]) -> None:
        have = self._in_force()
        picked = [self.rng.choice(have[w.number]) for w in worlds if w.number in have]
        self._judge([(a, b) for _, a, b in picked], "withdrawn", [n for n, _, _ in picked])

    def _probe(self, worlds: list[World]) -> None:
        """A merge by hand and its withdrawal leave nothing behind."""
        self._look(worlds)
        before = {w.number: w.people for w in worlds}
        pairs = self._pairs(worlds)
        self._judge(pairs, "same")
        have = self._in_force()
        self._judge(pairs, "withdrawn", [max(have[w.number])[0] for w in worlds])
        self._look(worlds)
        for w in worlds:
            self._holds(
                w.people == before[w.number],
                "a merge withdrawn leaves a trace",
                lambda w=w: (before[w.number], w.people),
            )  # type: ignore[misc]

    def _earn(self, worlds: list[World]) -> None:
        picked = [(w, self.rng.choice(w.accounts), self.rng.randint(1, 50)) for w in worlds]
        for w, account, points in picked:
            earn(self.hub, account, points, str(len(self.sent) + self.rng.random()), now=self.now, who="t")
            w.points[account] += points
        self._again({a for _, a, _ in picked})

    def _redeem(self, worlds: list[World]) -> None:
        for w in worlds:
            account, term, val = self._shown(w)
            points = self.rng.randint(1, 40)
            may = w.owns(account, term, val) and w.points[account] >= points
            try:
                redeem(
                    self.hub,
                    account,
                    points,
                    str(self.rng.random()),
                    identifier=(term, val),
                    now=self.now,
                    who="t",
                )
                done = True
            except Refused:
                done = False
            self.made["redeemed"] += done
            w.points[account] -= points if done else 0
            self._holds(done == may, "who may redeem", lambda x=(account, points, term, val, done): x)  # type: ignore[misc]

    def _shown(self, w: World) -> tuple[str, str, str]:
        """Return what somebody shows at a till: mostly something of an account with points, be it their own or not."""
        account = self.rng.choice(sorted(w.points) or w.accounts)
        near = [r for r in w.rows if r.term in SHOWN and (r.account_id == account or self.rng.random() < 0.2)]
        if near:
            row = self.rng.choice(near)
            return account, row.term, row.val
        term = self.rng.choice(SHOWN)
        return account, term, f"{w.number}{self.rng.choice(VALUES[term])}"

    def _consent(self, worlds: list[World]) -> None:
        said = []
        for w in worlds:
            address, verdict = (
                f"{w.number}{self.rng.choice(VALUES['email'])}",
                self.rng.choice([GIVEN, WITHDRAWN]),
            )
            when = NOW + timedelta(days=self.rng.randint(-20, 20))
            w.said.setdefault(address, []).append((when, verdict))
            said.append(
                Statement(channel="email", address=address, verdict=verdict, occurred_at=when, source="t")
            )
        say(self.hub, said, self.now)
        found = consents(self.hub, "email", [s.address for s in said])
        for w in worlds:
            for address, told in w.said.items():
                no = WITHDRAWN in [v for t, v in told if t == max(told)[0]]
                if address in found:
                    self._holds(
                        not no or found[address].verdict == WITHDRAWN, "a no is a no", lambda x=told: x
                    )  # type: ignore[misc]

    def _launch(self, worlds: list[World]) -> None:
        """Run the campaign for these worlds as ``campaigns.launch`` does, and look at what was sent."""
        self._look(worlds)
        rows = self.hub.rows("contact")
        mine = [r for r in rows if r["campaign"] == CAMPAIGN.id]
        fresh = [decide(c, CAMPAIGN, EXPERIMENT, salt_of(EXPERIMENT)) for c in self._candidates(worlds, mine)]
        belongs = {a: p for w in worlds for a, p in w.people.items()}
        decisions = standing(
            mine, known_as(self.hub, {r["person_id"] for r in mine}), fresh, self.now, belongs
        )
        accounts = {p: sorted(a) for w in worlds for p, a in w.groups().items()}
        wait = self.now + timedelta(days=2) if self.rng.random() < 0.3 else None
        record(
            self.hub,
            CAMPAIGN,
            EXPERIMENT,
            decisions if wait is None else [_later(d) for d in decisions],
            self.now,
            wait,
            {
                d.person_id: accounts[d.person_id]
                for d in decisions
                if d.outcome == "held" and d.person_id in accounts
            },
        )
        if wait is None:
            self._sent(worlds, fresh, decisions)

    def _candidates(self, worlds: list[World], earlier: list[dict[str, Any]]) -> list[Candidate]:
        merged = fresh_merges(self.hub, self.now, 7)
        got = {r["person_id"] for r in earlier if r["outcome"] == "sent"}
        addresses = {p: _address(w, accounts) for w in worlds for p, accounts in w.groups().items()}
        said = consents(self.hub, "email", {a for a in addresses.values() if a})
        no = {a for a, c in said.items() if c.verdict == WITHDRAWN}
        return [
            Candidate(
                p, a, a in no, False, p in merged,
                frozenset(["ten_off"] if {p, *merged.get(p, ())} & got else []),
            )
            for p, a in sorted(addresses.items())
        ]  # fmt: skip

    def _sent(self, worlds: list[World], fresh: list[Any], decisions: list[Any]) -> None:
        home = {p: (w, a) for w in worlds for p, a in w.groups().items()}
        willing = {d.person_id for d in fresh if d.outcome == "sent"}
        for d in decisions:
            w, accounts = home[d.person_id]
            if d.outcome == "sent" and d.person_id in willing and d.message_key not in self.sent:
                self.sent.add(d.message_key)
                self.made["messages"] += 1
                owed = [h for h in w.held if h[0] == d.person_id or h[1] <= accounts]
                self._holds(not owed, "a held-out person was written to", lambda x=(d, owed): x)  # type: ignore[misc]
            elif d.outcome == "held" and d.arm == "none":
                w.held.append((d.person_id, accounts))

    def _erase(self, worlds: list[World]) -> None:
        self._look(worlds)
        for w in worlds:
            account = self.rng.choice(w.accounts)
            person = w.people.get(account, account)
            gone = sorted({a for a, p in w.people.items() if p == person} | {account})
            self._forget(w, gone, person)
            w.rows = [r for r in w.rows if r.account_id not in gone]
            w.held = [(p, a - frozenset(gone)) for p, a in w.held if p != person and a - frozenset(gone)]
            self.made["points erased"] += sum(w.points.pop(a, 0) > 0 for a in gone)

    def _forget(self, w: World, gone: list[str], person: str) -> None:
        values = sorted({r.val for r in w.rows if r.account_id in gone and r.term == "email"})
        ids = sorted(former_ids(self.hub, person))
        with self.hub.session() as session:
            forget_in_hub(
                session, RULES, gone, ids, values, f"gone-{w.number}-{self.rng.random()}"[:36], self.now
            )
            left = [
                session.rows_in(t, "account_id", gone, ["account_id"])
                for t in ("account", "identifier", "points")
            ]
        self._holds(not any(left), "an erased account is still there", lambda: gone)
        for address in values:
            w.said[address] = [(datetime.max, WITHDRAWN)] if w.said.get(address) else []
            w.said = {a: t for a, t in w.said.items() if t and a != address}

    def _compare_lanes(self) -> None:
        rows = [r for w in self.worlds for r in w.rows]
        live = {
            r["account_id"]: (r["person_id"], r["home"]) for r in self.hub.rows("account") if r["person_id"]
        }
        shelf = Shelf(rows, RULES, [(a, *p) for a, p in live.items()])
        found = judge_with(shelf, RULES, all_said(self.hub), stakes(self.hub)).rows  # type: ignore[arg-type]
        batch = {r["account_id"]: (r["person_id"], r["home"]) for r in found.to_pylist()}
        for w in self.worlds:
            here, there = ({a: m[a] for a in w.accounts if a in m} for m in (live, batch))
            same = _parts(here) == _parts(there)
            self._holds(same, "live and batch find other people", lambda x=(here, there): x)  # type: ignore[misc]
            if same:
                self._holds(here == there, "live and batch give other ids", lambda x=(here, there): x)  # type: ignore[misc]

    def _compare_points(self) -> None:
        held: Counter[str] = Counter()
        entries: Counter[str] = Counter()
        for r in self.hub.rows("points"):
            held[r["account_id"]] += r["amount"]
            entries[r["entry"]] += r["amount"]
        self._holds(not any(entries.values()), "an entry does not add up to zero", lambda: entries)
        for w in self.worlds:
            ours = {a: held[a] for a in w.accounts}
            self._holds(
                ours == {a: w.points[a] for a in w.accounts}, "points moved", lambda x=(ours, w.points): x
            )  # type: ignore[misc]


def _later(decision: Any) -> Any:
    return msgspec.structs.replace(decision, outcome="pending") if decision.outcome == "sent" else decision


def _address(w: World, accounts: frozenset[str]) -> str | None:
    return min((r.val for r in w.rows if r.account_id in accounts and r.term == "email"), default=None)


def _parts(people: dict[str, tuple[str, str]]) -> set[frozenset[str]]:
    out: dict[str, set[str]] = {}
    for account, (person, _) in people.items():
        out.setdefault(person, set()).add(account)
    return {frozenset(p) for p in out.values()}


def run(sequences: int | None = None, seed: int = 1) -> Invariants:
    """Play sequences (default: BUTFOR_SEQUENCES, else 100,000), many worlds to a hub."""
    wanted = sequences or int(os.environ.get("BUTFOR_SEQUENCES", "100000"))
    made, broken, first, done = Counter[str](), Counter[str](), dict[str, str](), 0
    began = time.perf_counter()
    # What is durable does not matter here, and memory does not make a transaction wait for a disk.
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        empty = Path(folder) / "empty"
        Hub("sqlite", empty).close()
        while done < wanted:
            batch = _one(empty, Path(folder) / "hub", seed + done, min(TOGETHER, wanted - done))
            made, broken, first, done = (
                made + batch.made,
                broken + batch.broken,
                batch.first | first,
                done + len(batch.worlds),
            )
            print(
                f"\rinvariants: {done:,} of {wanted:,} sequences, {sum(broken.values())} violations",
                end="",
                file=sys.stderr,
                flush=True,
            )
    print(file=sys.stderr)
    steps = sum(made[m] for m in MOVES)
    return Invariants(
        sequences=done, steps=steps, violations=dict(broken), first=first, counts=dict(made), seconds=time.perf_counter() - began,
    )  # fmt: skip


def _one(empty: Path, folder: Path, seed: int, worlds: int) -> Batch:
    shutil.copytree(empty, folder)
    hub = Hub("sqlite", folder)
    try:
        batch = Batch(hub, seed, worlds)
        batch.play()
    finally:
        hub.close()
        shutil.rmtree(folder)
    return batch
