"""Random histories and rules for the conformance of audiences: late, repeated and out-of-order events, changes of clock, leap days."""

from __future__ import annotations

import random
import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from oracle import Happening, Human, World
from shops import changed, plan_of

from butfor.app import Workspace
from butfor.channels.consent import Statement, say
from butfor.identity.read import PEOPLE_MAP
from butfor.ingest.tables import ACCOUNT, IDENTIFIER, MACHINE, attribute_table, event_table, line_table
from butfor.plan import Plan
from butfor.plan.kinds import Audience, Machine, Property, Rule, Source, Term, Uses
from butfor.store import Hub, Query, Table, open_lake, select

MOMENTS = [
    datetime(2026, 3, 29, 0, 30), datetime(2026, 3, 29, 1, 30), datetime(2026, 10, 25, 0, 30), datetime(2024, 2, 28, 23, 30),
    datetime(2024, 2, 29, 12), datetime(2025, 2, 28, 23, 0), datetime(2026, 7, 1),
]  # fmt: skip
ZONES = ["Europe/Berlin", "UTC", "America/New_York", "Asia/Kolkata"]
USES = Uses(target="allow", content="allow", insight="allow")
TYPES = {
    "total": "money", "pieces": "integer", "weight": "number", "shop": "text", "gift": "boolean", "due": "date", "seen": "timestamp",
}  # fmt: skip
LOCAL = {"hour": "hour", "weekday": "weekday"}
LINES = {"sku": "text", "price": "money", "quantity": "integer"}
ATTRIBUTES = {
    "city": "text", "born": "date", "joined": "timestamp", "points": "integer", "score": "number", "saved": "money",
    "letters": "boolean", "latitude": "number", "longitude": "number",
}  # fmt: skip
WORDS = ["", "a", "A", "é", "ab", "b'", "%", "a_b", "\\", "straße", "10.5"]
SPANS = ["1 hour", "6 hours", "1 day", "2 days", "1 week", "10 days", "1 month", "90 minutes"]


def term(name: str, what: str, **more: Any) -> Term:
    return Term(id=name, what=what, label=name, system=name, means="a test", uses=USES, **more)


def definitions() -> list[Any]:
    props = {n: Property(type=t) for n, t in TYPES.items()}
    lines = {n: Property(type=t) for n, t in LINES.items()}
    made = [term(n, "attribute", type=t) for n, t in ATTRIBUTES.items()]
    made += [
        term("bought", "event", properties=props, products=lines),
        term(
            "viewed",
            "event",
            properties={"shop": Property(type="text"), "total": Property(type="money")},
            machine=Machine(after="bought"),
        ),
    ]
    made += [Source(id=s, label=s, connector="csv", grain="event", columns={}) for s in ("till", "web")]
    made.append(
        Term(
            id="bought_pieces",
            what="trait",
            label="Pieces",
            system="p",
            means="a test",
            uses=USES,
            type="integer",
            compute=Rule(event="bought", take="sum", of="pieces"),
        )
    )
    made.append(
        Term(
            id="skus",
            what="trait",
            label="Articles",
            system="s",
            means="a test",
            uses=USES,
            type="text",
            compute=Rule(event="bought", take="list", of="product.sku", last="10 days"),
        )
    )
    made.append(
        Term(
            id="quiet_days",
            what="trait",
            label="Quiet days",
            system="q",
            means="a test",
            uses=USES,
            type="integer",
            compute=Rule(event="bought", take="days_since"),
        )
    )
    return made


class Maker:
    """Makes one world from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = self.random.choice(MOMENTS)
        self.zone = self.random.choice(ZONES)

    def value(self, kind: str) -> Any:
        r = self.random
        match kind:
            case "integer":
                return r.randint(-1, 4)
            case "number":
                return r.randint(-4, 12) / 4
            case "money":
                return Decimal(r.randint(-2, 12)) / 2
            case "boolean":
                return r.random() < 0.5
            case "hour":
                return r.randint(0, 23)
            case "weekday":
                return r.randint(1, 7)
            case "date":
                return self.day()
            case "timestamp":
                return self.moment()
        return r.choice(WORDS)

    def day(self) -> date:
        if self.random.random() < 0.3:
            return self.random.choice([date(2000, 2, 29), date(1996, 2, 28), date(1990, 3, 1)])
        return (self.now + timedelta(days=self.random.randint(-40, 12))).date()

    def moment(self) -> datetime:
        """A time at, just before or just after what spans and days begin and end at, or anywhere near."""
        r = self.random
        if r.random() < 0.4:
            back = r.choice(
                [
                    timedelta(0),
                    timedelta(hours=1),
                    timedelta(days=1),
                    timedelta(days=2),
                    timedelta(days=7),
                    timedelta(days=10),
                    timedelta(days=30),
                ]
            )
            return self.now - back + timedelta(seconds=r.choice([-1, 0, 0, 1]))
        return self.now - timedelta(hours=r.randint(-20, 24 * 40))

    def happening(self, who: int, n: int) -> Happening:
        r = self.random
        bought = r.random() < 0.6
        props = TYPES if bought else {"shop": "text", "total": "money"}
        values = {p: (None if r.random() < 0.2 else self.value(k)) for p, k in props.items()}
        products = (
            [{p: self.value(k) for p, k in LINES.items()} for _ in range(r.randint(0, 2))] if bought else []
        )
        for p in products:
            p["amount"] = p["price"] * p["quantity"]
        found = uuid.UUID(int=r.getrandbits(128))
        return Happening(
            str(found),
            "bought" if bought else "viewed",
            self.moment(),
            r.choice(["till", "web"]),
            values,
            products,
            machine=not bought and r.random() < 0.2,
        )

    def people(self, n: int) -> list[Human]:
        r, out = self.random, []
        for i in range(n):
            traits = {t: (None if r.random() < 0.2 else self.value(k)) for t, k in ATTRIBUTES.items()}
            if traits["latitude"] is not None:
                traits["latitude"], traits["longitude"] = r.uniform(52, 53), r.uniform(13, 14)
            events = [self.happening(i, k) for k in range(r.randint(0, 7))]
            who = Human(str(uuid.UUID(int=r.getrandbits(128))), traits, events)
            who.sources = {r.choice(["till", "web"])}
            who.channels = {c for c in ("email", "phone") if r.random() < 0.6}
            who.consent = {
                c: r.choice(["given", "withdrawn"]) for c in sorted(who.channels) if r.random() < 0.6
            }
            who.contacts = [
                (r.choice(["hello", "bye"]), r.choice(["sent", "held"]), min(self.moment(), self.now))
                for _ in range(r.randint(0, 2))
            ]
            out.append(who)
        return out

    def rule(self, depth: int = 2) -> Rule:
        r = self.random
        if depth and r.random() < 0.35:
            inner = [self.rule(depth - 1) for _ in range(r.randint(0, 3))]
            return r.choice([Rule(all=inner), Rule(any=inner), Rule(not_=self.rule(depth - 1))])
        return self.leaf()

    def leaf(self) -> Rule:
        r = self.random
        kind = r.choice(["trait", "trait", "event", "event", "event", "event", "other"])
        if kind == "trait":
            name = r.choice([*ATTRIBUTES, "bought_pieces", "skus", "quiet_days"])
            typed = {"bought_pieces": "integer", "skus": "list", "quiet_days": "integer"}.get(
                name
            ) or ATTRIBUTES[name]
            return changed(Rule(trait=name), **self.operator(typed))
        return self.event() if kind == "event" else self.other()

    def other(self) -> Rule:
        r = self.random
        return r.choice([
            lambda: Rule(consent=r.choice(["email", "phone"]), equals=r.choice(["given", "withdrawn", "unknown"])),
            lambda: Rule(consent="email", none_of=["withdrawn"]),
            lambda: Rule(reachable=r.choice(["email", "phone"])),
            lambda: Rule(near=[52.52, 13.405], km=float(r.randint(5, 80))),
            lambda: Rule(share=r.choice([0.0, 0.1, 0.5, 1.0]), by=r.choice(["spring", "x-1"])),
            lambda: Rule(source=r.choice(["till", "web"])),
            lambda: Rule(contacted=r.choice(["hello", "bye"]), at_least=1, last=r.choice([None, *SPANS]), outcome=r.choice([None, "sent"])),
            lambda: Rule(audience=r.choice(["first", "second"])),
        ])()  # fmt: skip

    def operator(self, kind: str) -> dict[str, Any]:
        r = self.random
        if kind == "list":
            name = r.choice(["has_any", "has_all", "exists"])
            return {name: r.random() < 0.5 if name == "exists" else r.sample(WORDS, r.randint(0, 2))}
        names = ["equals", "not_equals", "one_of", "none_of", "exists"]
        if kind != "boolean":
            names += ["at_least", "at_most", "above", "below", "between"]
        if kind == "text":
            names += ["contains", "not_contains", "starts_with", "ends_with", "matches"]
        if kind in ("date", "timestamp"):
            names += ["within_last", "within_next", "longer_ago", "later_than"] * 2
        if kind == "date":
            names += ["anniversary"] * 3
        name = r.choice(names)
        if name == "exists":
            return {name: r.random() < 0.5}
        if name in ("within_last", "within_next", "longer_ago", "later_than", "anniversary"):
            whole = ["1 day", "2 days", "1 week", "10 days", "1 month"]
            return (
                {name: r.choice(whole if kind == "date" else SPANS)}
                if name != "anniversary"
                else {name: r.choice([*whole, "today"])}
            )
        if name == "matches":
            return {name: r.choice(["^a", "b$", "[aA].?b", "\\d+\\.\\d", "a|é", "(ab)*"])}
        if name in ("contains", "not_contains", "starts_with", "ends_with"):
            return {name: r.choice(WORDS[1:])}
        if name in ("one_of", "none_of"):
            return {name: [self.written(kind) for _ in range(r.randint(0, 3))]}
        return {name: [self.written(kind), self.written(kind)] if name == "between" else self.written(kind)}

    def written(self, kind: str) -> Any:
        """A value as it is written in a rule."""
        value = self.value(kind)
        if isinstance(value, Decimal):
            return float(value)
        return value.isoformat() if isinstance(value, (date, datetime)) else value

    def where(self, event: str, depth: int = 1) -> Rule:
        r = self.random
        if depth and r.random() < 0.3:
            return r.choice([
                lambda: Rule(all=[self.where(event, 0), self.where(event, 0)]), lambda: Rule(any=[self.where(event, 0), self.where(event, 0)]),
                lambda: Rule(not_=self.where(event, 0)),
            ])()  # fmt: skip
        props: dict[str, str] = (
            {**TYPES, "source": "text", **{f"product.{p}": k for p, k in LINES.items()}}
            if event == "bought"
            else {"shop": "text", "source": "text", "total": "money"}
        ) | LOCAL
        name = r.choice(sorted(props))
        return changed(Rule(property=name), **self.operator(props[name]))

    def event(self) -> Rule:
        r = self.random
        event = r.choice(["bought", "bought", "viewed"])
        fields: dict[str, Any] = {"event": event}
        if r.random() < 0.6:
            fields["last"] = r.choice(SPANS)
        elif r.random() < 0.3:
            fields[r.choice(["since", "until"])] = self.written(r.choice(["date", "timestamp"]))
        if r.random() < 0.4:
            fields["where"] = self.where(event)
        if r.random() < 0.2:
            other = r.choice(["bought", "viewed"])
            second = Rule(event=other, where=self.where(other) if r.random() < 0.4 else None)
            fields |= {
                r.choice(["then", "then_not"]): second,
                "within": r.choice(SPANS),
                "at_least": r.randint(0, 2),
            }
            return Rule(**fields)
        return self.taken(event, fields)

    def taken(self, event: str, fields: dict[str, Any]) -> Rule:
        r = self.random
        take = r.choice(
            [
                "count",
                "count",
                "sum",
                "average",
                "min",
                "max",
                "first",
                "last",
                "distinct",
                "most_frequent",
                "list",
                "days_since",
                "days_between",
                "trend",
            ]
        )
        of, kind = None, "integer"
        if take in ("sum", "average"):
            choices = (
                {
                    "total": "money",
                    "pieces": "integer",
                    "weight": "number",
                    "product.price": "money",
                    "product.amount": "money",
                }
                if event == "bought"
                else {"total": "money"}
            )
            of = r.choice(sorted(choices))
            kind = choices[of] if take == "sum" else "number"
            if take == "sum" and of == "total" and event == "bought" and r.random() < 0.5:
                fields["less"] = "viewed"
                if "where" in fields:
                    fields["where"] = self.where("viewed")
        elif take in ("min", "max", "first", "last"):
            of = r.choice([None, "pieces", "total", "due", "seen"]) if event == "bought" else None
            kind = TYPES[of] if of else "timestamp"
            if of and "product." in str(fields.get("where")):
                of, kind = None, "timestamp"
        elif take in ("distinct", "list", "most_frequent"):
            of = r.choice(
                ["shop", "product.sku", "hour", "weekday"] if event == "bought" else ["shop", "hour"]
            )
            kind = {"distinct": "integer", "list": "list", "most_frequent": LOCAL.get(of, "text")}[take]
        elif take in ("days_between", "trend"):
            kind = "number"
        if take == "trend":
            fields = {"event": event, "last": r.choice(SPANS)}
        return Rule(**fields, take=take, of=of, **self.operator(kind))  # type: ignore[arg-type]


def world_plan(folder: Path, rules: dict[str, Rule], zone: str, **workspace: Any) -> Plan:
    audiences = [Audience(id=n, label=n, why="a test", rule=rule) for n, rule in rules.items()]
    return plan_of(folder, *definitions(), *audiences, time_zone=zone, **workspace)


class Shop:
    """A workspace whose lake is filled with people directly: what came in is judged elsewhere."""

    def __init__(
        self, folder: Path, lake: str, made: Maker, people: list[Human], rules: dict[str, Rule]
    ) -> None:
        self.people, self.made = people, made
        self.plan = world_plan(folder, rules, made.zone, lake=lake)
        hub = Hub(self.plan.workspace.hub, folder / ".butfor")
        self.ws = Workspace(folder, self.plan, hub, open_lake(lake, folder / ".butfor"), made.now)
        self.ws.ensure_tables()
        self.ws.lake.ensure(PEOPLE_MAP)
        self.account = {
            p.id: [str(uuid.UUID(int=made.random.getrandbits(128))) for _ in p.sources] for p in people
        }
        self._know(people)

    def put(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            self.ws.lake.stage("some", pa.Table.from_pylist(rows, table.arrow_schema()), like=table)
            self.ws.lake.insert(table.name, Query("put", select("some", list(table.columns))))

    def _know(self, people: list[Human]) -> None:
        accounts, identifiers, attributes = [], [], []
        for p in people:
            for account, source in zip(self.account[p.id], sorted(p.sources), strict=True):
                accounts.append(
                    {
                        "account_id": account,
                        "source": source,
                        "account_key": account,
                        "person_id": p.id,
                        "home": p.id,
                    }
                )
            first = self.account[p.id][0]
            for channel in sorted(p.channels):
                identifiers.append(
                    {
                        "account_id": first,
                        "term": channel,
                        "val": f"{channel} {p.id}",
                        "seen_at": self.made.now,
                        "verified": True,
                    }
                )
            known = {k: v for k, v in p.traits.items() if k in ATTRIBUTES}
            attributes.append(
                {
                    "row_id": str(uuid.UUID(int=1)),
                    "account_id": first,
                    "source": "till",
                    "seen_at": self.made.now,
                    "load_id": 1,
                }
                | known
            )
            for channel, verdict in p.consent.items():
                said = Statement(
                    channel=channel,
                    address=f"{channel} {p.id}",
                    verdict=verdict,
                    occurred_at=self.made.now,
                    source="form",
                )
                say(self.ws.hub, [said], self.made.now)
        self.put(ACCOUNT, accounts)
        self.put(PEOPLE_MAP, accounts)
        self.put(IDENTIFIER, identifiers)
        self.put(attribute_table(self.plan), attributes)
        self._contacts(people)

    def _contacts(self, people: list[Human]) -> None:
        rows = [
            {"message_key": f"{p.id} {i}", "campaign": c, "experiment": None, "person_id": p.id, "arm": None, "variant": None, "would_get": None,
             "channel": "email", "address": None, "outcome": outcome, "reason": "a test", "made_at": at, "due_at": None, "accounts": None}
            for p in people for i, (c, outcome, at) in enumerate(p.contacts)
        ]  # fmt: skip
        self.ws.hub.append("contact", rows)

    def happen(self, events: list[tuple[Human, Happening]]) -> None:
        """Let events come in, in the order given; one that came before is nothing new."""
        for name in ("bought", "viewed"):
            t = self.plan.get(Term, name)
            mine = [(p, e) for p, e in events if e.term == name]
            rows = [
                {"event_id": e.id, "part": 0, "account_id": self.account[p.id][0], "source": e.source, "occurred_at": e.at, "load_id": 1} | e.values
                for p, e in mine
            ]  # fmt: skip
            self.put(event_table(t), rows)
            self.put(
                MACHINE, [{"event_id": e.id, "term": name, "why": "a test"} for _, e in mine if e.machine]
            )
            if t.products:
                lines = [
                    {"row_id": str(uuid.UUID(int=self.made.random.getrandbits(128))), "event_id": e.id, "load_id": 1} | line
                    for _, e in mine for line in e.products
                ]  # fmt: skip
                self.put(line_table(t), lines)

    def close(self) -> None:
        self.ws.close()


def world_of(made: Maker, now: datetime, rules: dict[str, Rule]) -> World:
    return World(now, made.zone, rules)
